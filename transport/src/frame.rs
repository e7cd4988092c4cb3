//! Frames on a stream of bytes: a `u32` little-endian length, then that many bytes. Pure: no stream, no clock; what
//! the bytes mean is the reader's business.

use std::collections::VecDeque;

use bytes::{Buf as _, BufMut, Bytes, BytesMut};

/// Bytes of the length field, which does not count itself.
pub const LEN_BYTES: usize = 4;

/// What is reserved at once for a frame that arrives in pieces; beyond it, memory follows the bytes that arrived.
const FIRST_RESERVE: usize = 4 * 1024;

/// Why a stream of bytes is not a stream of frames. The stream cannot be read on; the link is still usable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// A frame is longer than this side takes. Its body was not read.
    #[error("a frame of {len} bytes is longer than the {max} allowed")]
    TooLarge {
        /// Its length.
        len: usize,
        /// The longest allowed.
        max: usize,
    },
    /// A frame is shorter than the smallest meaningful one.
    #[error("a frame of {len} bytes is shorter than the {min} needed")]
    TooShort {
        /// Its length.
        len: usize,
        /// The shortest allowed.
        min: usize,
    },
    /// The stream ended in the middle of a frame.
    #[error("the stream ended in the middle of a frame")]
    Truncated,
}

/// Cuts arriving chunks into frames.
///
/// A frame within one chunk is a slice of it, without a copy (and keeps the chunk's memory alive); only a frame
/// that spans chunks is put together, in memory that grows as its bytes arrive.
///
/// ```
/// use duologue_transport::{Bytes, frame::Deframer};
/// let mut deframer = Deframer::new(1024);
/// deframer.push(Bytes::from_static(b"\x02\0\0\0hi\x03\0"));
/// assert_eq!(deframer.next().unwrap().unwrap(), "hi");
/// assert_eq!(deframer.next().unwrap(), None);
/// deframer.push(Bytes::from_static(b"\0\0you"));
/// assert_eq!(deframer.next().unwrap().unwrap(), "you");
/// deframer.finish().unwrap();
/// ```
#[derive(Debug)]
pub struct Deframer {
    min: usize,
    max: usize,
    chunks: VecDeque<Bytes>,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// This many bytes of the length field are there.
    Length([u8; LEN_BYTES], usize),
    /// The length is known; the beginning of the body may be there.
    Body(usize, BytesMut),
    Failed(FrameError),
}

const START: Stage = Stage::Length([0; LEN_BYTES], 0);

impl Deframer {
    /// A deframer for frames of at most `max` bytes (without the length field).
    pub fn new(max: usize) -> Self {
        Self { min: 0, max, chunks: VecDeque::new(), stage: START }
    }

    /// The same, but frames shorter than `min` bytes are refused.
    pub fn with_min(self, min: usize) -> Self {
        Self { min, ..self }
    }

    /// Takes the next bytes of the stream. Take all frames out (with [`next`](Self::next)) before the next chunk,
    /// and the memory held stays below one frame.
    pub fn push(&mut self, chunk: Bytes) {
        if !chunk.is_empty() {
            self.chunks.push_back(chunk);
        }
    }

    /// The next whole frame, without its length field; `None` if more bytes are needed. After an error it is
    /// always the same error.
    #[allow(clippy::should_implement_trait, reason = "an iterator that goes on after `None` would surprise")]
    #[inline]
    pub fn next(&mut self) -> Result<Option<Bytes>, FrameError> {
        match self.whole_in_chunk() {
            Some(frame) => Ok(Some(frame)),
            None => self.next_in_pieces(),
        }
    }

    /// The next frame where it lies, if it lies whole in the present chunk and has at most `max` bytes; [`skip`](Self::skip) takes it off.
    /// `None` says nothing of frames: ask [`next`](Self::next).
    #[inline]
    pub fn peek(&self, max: usize) -> Option<&[u8]> {
        let len = self.len_in_chunk().filter(|&len| len <= max)?;
        self.chunks.front()?.get(LEN_BYTES..LEN_BYTES + len)
    }

    /// Takes off the frame that [`peek`](Self::peek) shows. Without one it does nothing.
    #[inline]
    pub fn skip(&mut self) {
        if let Some(len) = self.len_in_chunk() {
            self.consume(LEN_BYTES + len);
        }
    }

    /// The length of the next frame, if that lies whole in the present chunk, and nothing is wrong with it.
    #[inline]
    fn len_in_chunk(&self) -> Option<usize> {
        let Stage::Length(_, 0) = self.stage else { return None };
        let chunk = self.chunks.front()?;
        let len = u32::from_le_bytes(*chunk.first_chunk::<LEN_BYTES>()?) as usize;
        let is_whole = len > 0 && (self.min..=self.max).contains(&len) && chunk.len() >= LEN_BYTES + len;
        is_whole.then_some(len)
    }

    /// The ordinary case: the next frame lies whole in the present chunk, and nothing is wrong with it.
    #[inline]
    fn whole_in_chunk(&mut self) -> Option<Bytes> {
        let len = self.len_in_chunk()?;
        let chunk = self.chunks.front_mut()?;
        if chunk.len() > LEN_BYTES + len {
            chunk.advance(LEN_BYTES);
            return Some(chunk.split_to(len));
        }
        let mut last = self.chunks.pop_front()?;
        last.advance(LEN_BYTES);
        Some(last)
    }

    fn next_in_pieces(&mut self) -> Result<Option<Bytes>, FrameError> {
        loop {
            match &mut self.stage {
                Stage::Failed(error) => return Err(*error),
                Stage::Length(field, filled) => {
                    let Some(chunk) = self.chunks.front_mut() else { return Ok(None) };
                    let taken = chunk.len().min(LEN_BYTES - *filled);
                    field[*filled..*filled + taken].copy_from_slice(&chunk[..taken]);
                    *filled += taken;
                    let whole = *filled == LEN_BYTES;
                    let len = u32::from_le_bytes(*field) as usize;
                    self.consume(taken);
                    if whole {
                        self.stage = self.measured(len);
                    }
                }
                Stage::Body(len, _) if *len == 0 => {
                    self.stage = START;
                    return Ok(Some(Bytes::new()));
                }
                Stage::Body(len, body) => {
                    let len = *len;
                    let Some(chunk) = self.chunks.front_mut() else { return Ok(None) };
                    if body.is_empty() && chunk.len() >= len {
                        let frame = chunk.split_to(len);
                        self.consume(0);
                        self.stage = START;
                        return Ok(Some(frame));
                    }
                    if body.is_empty() {
                        body.reserve(len.min(FIRST_RESERVE.max(chunk.len())));
                    }
                    let taken = chunk.len().min(len - body.len());
                    body.extend_from_slice(&chunk[..taken]);
                    let whole = (body.len() == len).then(|| std::mem::take(body).freeze());
                    self.consume(taken);
                    if let Some(frame) = whole {
                        self.stage = START;
                        return Ok(Some(frame));
                    }
                }
            }
        }
    }

    /// To be asked when the stream has ended and [`next`](Self::next) gives nothing more: an error if it ended in
    /// the middle of a frame.
    pub fn finish(&self) -> Result<(), FrameError> {
        match &self.stage {
            Stage::Failed(error) => Err(*error),
            Stage::Length(_, 0) if self.chunks.is_empty() => Ok(()),
            _ => Err(FrameError::Truncated),
        }
    }

    /// Bytes taken but not yet given out.
    pub fn buffered(&self) -> usize {
        let begun = match &self.stage {
            Stage::Length(_, filled) => *filled,
            Stage::Body(_, body) => LEN_BYTES + body.len(),
            Stage::Failed(_) => 0,
        };
        begun + self.chunks.iter().map(Bytes::len).sum::<usize>()
    }

    fn measured(&mut self, len: usize) -> Stage {
        let error = if len > self.max {
            FrameError::TooLarge { len, max: self.max }
        } else if len < self.min {
            FrameError::TooShort { len, min: self.min }
        } else {
            return Stage::Body(len, BytesMut::new());
        };
        // What follows cannot be understood any more: do not hold it.
        self.chunks.clear();
        Stage::Failed(error)
    }

    fn consume(&mut self, bytes: usize) {
        if let Some(chunk) = self.chunks.front_mut() {
            chunk.advance(bytes);
            if chunk.is_empty() {
                self.chunks.pop_front();
            }
        }
    }
}

/// Writes the length field of a frame whose body has `len` bytes.
pub fn put_len(buffer: &mut impl BufMut, len: usize) -> Result<(), FrameError> {
    buffer.put_u32_le(field(len)?);
    Ok(())
}

/// Writes a whole frame.
pub fn put_frame(buffer: &mut impl BufMut, body: &[u8]) -> Result<(), FrameError> {
    put_len(buffer, body.len())?;
    buffer.put_slice(body);
    Ok(())
}

/// Sets the length field at `at` of a frame whose body was written behind it to the end of `buffer`: first
/// `put_len(buffer, 0)`, then the body, then this. If the body is too long, or `at` is no place for a length field
/// (`Truncated`), `buffer` is as it was.
pub fn patch_len(buffer: &mut [u8], at: usize) -> Result<(), FrameError> {
    let frame = buffer.get_mut(at..).ok_or(FrameError::Truncated)?;
    let (head, body) = frame.split_at_mut_checked(LEN_BYTES).ok_or(FrameError::Truncated)?;
    head.copy_from_slice(&field(body.len())?.to_le_bytes());
    Ok(())
}

fn field(len: usize) -> Result<u32, FrameError> {
    u32::try_from(len).map_err(|_| FrameError::TooLarge { len, max: u32::MAX as usize })
}

#[cfg(test)]
mod tests;
