//! What is inside a stream of items or bytes (N8): `len: u32 · kind: u8`, a reference table if bit 7 of the kind says so, a body.
//!
//! `len` counts what follows it. A stream of bytes has the same frames, whose bodies are plain bytes and carry no references;
//! its chunks are passed on as they arrive, while an item is put together first. Nothing here knows of windows: how many bytes
//! of the present item are here and missing is told to whoever counts ([`ItemReader::begun`], [`ItemReader::missing`]).

use bytes::{Buf, BufMut, Bytes, BytesMut};
use smallvec::SmallVec;

use super::{REFERENCE_LEN, REFERENCES_MAX, Reference, WireError};

/// An item, or a chunk of bytes.
const ITEM: u8 = 0;
/// The producer has given everything.
const END: u8 = 1;
/// The producer ends for another reason; the body says which.
const ERROR: u8 = 2;
/// Set in a kind: a reference table follows.
const REFS: u8 = 0x80;

/// Bytes before the table and the body.
pub(crate) const ITEM_HEAD_LEN: usize = 5;
/// What an item costs of the window at least, so that many tiny ones do not fill the memory that few bytes pay for.
pub(crate) const ITEM_COST_MIN: u64 = 64;
/// The longest error, without its head and table; it needs no window.
pub(crate) const ERROR_MAX: usize = 8 * 1024;
/// What must be allowed before an item is begun: its head and the longest table, so that a table always arrives whole.
pub(crate) const START_MIN: u64 = 5 * 1024;

/// Appends the head of an item and its reference table; the body is to follow.
pub(crate) fn put_item(out: &mut BytesMut, refs: &[Reference], body_len: usize) {
    put_head(out, ITEM, refs, body_len);
}

/// Appends the end of a stream.
pub(crate) fn put_end(out: &mut BytesMut) {
    put_head(out, END, &[], 0);
}

/// Appends the error that ends a stream.
pub(crate) fn put_error(out: &mut BytesMut, refs: &[Reference], body: &[u8]) {
    put_head(out, ERROR, refs, body.len());
    out.put_slice(body);
}

/// The whole of an error without references: its number, and what can be said of it.
pub(crate) fn last_word_with(code: u8, text: &str) -> Bytes {
    let mut body = vec![code];
    body.extend_from_slice(super::clip(text).as_bytes());
    let mut out = BytesMut::with_capacity(ITEM_HEAD_LEN + body.len());
    put_error(&mut out, &[], &body);
    out.freeze()
}

/// The same without words.
pub(crate) fn last_word(code: u8) -> Bytes {
    last_word_with(code, "")
}

fn put_head(out: &mut BytesMut, kind: u8, refs: &[Reference], body_len: usize) {
    let table = if refs.is_empty() { 0 } else { 2 + REFERENCE_LEN * refs.len() };
    out.put_u32_le((1 + table + body_len) as u32);
    out.put_u8(if refs.is_empty() { kind } else { kind | REFS });
    if !refs.is_empty() {
        super::codec::put_references(out, refs);
    }
}

/// Bytes of an item on the wire.
pub(crate) fn item_len(refs: usize, body_len: usize) -> usize {
    ITEM_HEAD_LEN + if refs == 0 { 0 } else { 2 + REFERENCE_LEN * refs } + body_len
}

/// What an item costs of the window.
pub(crate) fn item_cost(len: usize) -> u64 {
    (len as u64).max(ITEM_COST_MIN)
}

/// What has arrived.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// The table of the item that has begun; it comes before the item's body and even if that never comes.
    Table(SmallVec<[Reference; 1]>),
    /// An item, or the next bytes of a stream of bytes, with what it costs of the window.
    Body {
        bytes: Bytes,
        cost: u64,
    },
    End,
    Error(Bytes),
}

/// Takes a stream apart as it arrives.
#[derive(Debug)]
pub(crate) struct ItemReader {
    /// Bodies are given out whole.
    whole: bool,
    /// The longest body.
    max: usize,
    chunk: Bytes,
    stage: Stage,
    /// Bytes of the present item that are not given out as a cost yet.
    begun: u64,
    /// Bytes of the present item in all.
    len: u64,
}

#[derive(Debug)]
enum Stage {
    Head(SmallVec<[u8; 8]>),
    /// Bytes of the table; what is left of the item after it is counted by `left`.
    Table {
        kind: u8,
        left: usize,
        bytes: BytesMut,
    },
    Body {
        kind: u8,
        left: usize,
        bytes: BytesMut,
    },
    Ended,
}

impl Stage {
    fn start() -> Stage {
        Stage::Head(SmallVec::new())
    }
}

/// The most room that is made ahead for an item that arrives in pieces.
const RESERVE_MAX: usize = 64 * 1024;

/// Chunks below it are copied out of what they arrived in: up to 64 KiB, all of which a slice of it keeps. Its items may wait long for their
/// consumer, and cost of the window what they are.
const OWN_MAX: usize = 1_024;

impl ItemReader {
    /// Of items: each body whole, of at most `max` bytes.
    pub(crate) fn items(max: usize) -> ItemReader {
        ItemReader { whole: true, max, chunk: Bytes::new(), stage: Stage::start(), begun: 0, len: 0 }
    }

    /// Of plain bytes, given out as they arrive.
    pub(crate) fn bytes(max: usize) -> ItemReader {
        ItemReader { whole: false, ..ItemReader::items(max) }
    }

    /// The next bytes of the stream; all pieces of the former have been taken.
    pub(crate) fn push(&mut self, chunk: Bytes) {
        debug_assert!(self.chunk.is_empty());
        self.chunk = if chunk.len() < OWN_MAX { Bytes::copy_from_slice(&chunk) } else { chunk };
    }

    /// Bytes of the present item that are here and were not given out.
    pub(crate) fn begun(&self) -> u64 {
        self.begun
    }

    /// Bytes of the present item that are not here; 0 between items, and while its length is unknown.
    pub(crate) fn missing(&self) -> u64 {
        match &self.stage {
            Stage::Head(_) | Stage::Ended => 0,
            Stage::Table { left, bytes, .. } => (*left - bytes.len()) as u64,
            Stage::Body { left, bytes, .. } => (*left - bytes.len()) as u64,
        }
    }

    /// The next piece of what was pushed.
    pub(crate) fn next(&mut self) -> Result<Option<Piece>, WireError> {
        loop {
            if let Some(piece) = self.empty_body() {
                return Ok(Some(piece));
            }
            if self.chunk.is_empty() {
                return Ok(None);
            }
            match &mut self.stage {
                Stage::Ended => return Err(WireError::Item("goes on after its end")),
                Stage::Head(head) => {
                    let count = self.chunk.len().min(ITEM_HEAD_LEN - head.len());
                    head.extend_from_slice(&self.chunk[..count]);
                    self.chunk.advance(count);
                    if head.len() == ITEM_HEAD_LEN {
                        let len = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
                        let kind = head[4];
                        self.stage = self.measured(len, kind)?;
                    }
                }
                Stage::Table { kind, left, bytes } => {
                    let wanted = table_len(bytes, *left)?;
                    let count = self.chunk.len().min(wanted - bytes.len());
                    bytes.extend_from_slice(&self.chunk[..count]);
                    self.chunk.advance(count);
                    if *kind == ITEM {
                        self.begun += count as u64;
                    }
                    if bytes.len() == table_len(bytes, *left)? {
                        let (kind, left) = (*kind, *left - bytes.len());
                        let mut table = std::mem::take(bytes).freeze();
                        self.stage = Stage::Body { kind, left, bytes: BytesMut::new() };
                        return Ok(Some(Piece::Table(super::codec::read_references(&mut table)?)));
                    }
                }
                Stage::Body { kind, left, bytes } => {
                    let (kind, missing) = (*kind, *left - bytes.len());
                    let part = self.chunk.split_to(self.chunk.len().min(missing));
                    let last = part.len() == missing;
                    if kind == ITEM && !self.whole {
                        *left -= part.len();
                        if last {
                            self.stage = Stage::start();
                        }
                        return Ok(Some(self.passed(part, last)));
                    }
                    if kind == ITEM {
                        self.begun += part.len() as u64;
                    }
                    if last && bytes.is_empty() {
                        return Ok(Some(self.finished(kind, part)));
                    }
                    if bytes.is_empty() {
                        bytes.reserve((*left).min(RESERVE_MAX));
                    }
                    bytes.extend_from_slice(&part);
                    if last {
                        let whole = std::mem::take(bytes).freeze();
                        return Ok(Some(self.finished(kind, whole)));
                    }
                }
            }
        }
    }

    /// A body without bytes is complete before anything more arrives.
    fn empty_body(&mut self) -> Option<Piece> {
        match &self.stage {
            &Stage::Body { kind, left: 0, ref bytes } if bytes.is_empty() => {
                if kind == ITEM && !self.whole {
                    self.stage = Stage::start();
                    return Some(self.passed(Bytes::new(), true));
                }
                Some(self.finished(kind, Bytes::new()))
            }
            _ => None,
        }
    }

    fn measured(&mut self, len: usize, kind: u8) -> Result<Stage, WireError> {
        let Some(left) = len.checked_sub(1) else {
            return Err(WireError::Item("has an item without a kind"));
        };
        let (kind, refs) = (kind & !REFS, kind & REFS != 0);
        let table = if refs { 2 + REFERENCE_LEN * REFERENCES_MAX } else { 0 };
        let max = match kind {
            ITEM => self.max + table,
            END => 0,
            ERROR => ERROR_MAX + table,
            _ => return Err(WireError::Item("has an item of an unknown kind")),
        };
        if left > max {
            return Err(WireError::Item("has an item above the limit"));
        }
        if refs && (!self.whole || kind == END) {
            return Err(WireError::Item("has references where none may be"));
        }
        if kind == ITEM {
            self.begun = ITEM_HEAD_LEN as u64;
            self.len = (ITEM_HEAD_LEN + left) as u64;
        }
        let bytes = BytesMut::new();
        Ok(if refs { Stage::Table { kind, left, bytes } } else { Stage::Body { kind, left, bytes } })
    }

    /// A part of a chunk of bytes.
    fn passed(&mut self, bytes: Bytes, last: bool) -> Piece {
        let mut cost = std::mem::take(&mut self.begun) + bytes.len() as u64;
        if last {
            cost += ITEM_COST_MIN.saturating_sub(self.len);
        }
        Piece::Body { bytes, cost }
    }

    fn finished(&mut self, kind: u8, body: Bytes) -> Piece {
        match kind {
            END => {
                self.stage = Stage::Ended;
                Piece::End
            }
            ERROR => {
                self.stage = Stage::Ended;
                Piece::Error(body)
            }
            _ => {
                self.stage = Stage::start();
                self.begun = 0;
                Piece::Body { bytes: body, cost: item_cost(self.len as usize) }
            }
        }
    }
}

/// The length of a table as far as its first bytes tell.
fn table_len(bytes: &[u8], left: usize) -> Result<usize, WireError> {
    let len = match bytes.first_chunk() {
        None => 2,
        Some(count) => match u16::from_le_bytes(*count) as usize {
            count @ 1..=REFERENCES_MAX => 2 + REFERENCE_LEN * count,
            count => return Err(WireError::References(count)),
        },
    };
    if len > left { Err(WireError::Truncated("reference table")) } else { Ok(len) }
}

#[cfg(test)]
mod tests;
