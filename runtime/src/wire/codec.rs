//! The messages of the wire as bytes: frames of lanes and of the control stream, written and read.
//!
//! What they are stands in [`super`]; what their order means is the business of [`crate::tables`]. Input of a peer is refused, never trusted.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use serde::Deserialize;
use smallvec::SmallVec;

use super::*;

/// Appends a frame to `out`.
pub(crate) fn put_frame(out: &mut BytesMut, head: &Head, options: &Options, body: &[u8]) {
    let OptionsLen { deadline, path, depth, trace, large, refs } = options.lens();
    let mut flags = head.flags;
    if head.kind.has_options() {
        let present = [
            (deadline, flag::DEADLINE),
            (depth > 0 || path > 0, flag::PATH),
            (trace, flag::TRACE),
            (large, flag::LARGE),
            (refs > 0, flag::REFS),
        ];
        for (present, flag) in present {
            flags |= if present { flag } else { 0 };
        }
    }
    let len = options.lens().bytes() + body.len();
    out.reserve(HEAD_LEN + len);
    put_head(out, &Head { flags, ..*head }, len);
    if let Some(ms) = options.deadline_ms {
        out.put_u32_le(ms);
    }
    if flags & flag::PATH != 0 && head.kind.has_options() {
        out.put_u8(options.path.len() as u8);
        out.put_u8(options.depth);
        for token in &options.path {
            out.put_u64_le(token.0);
        }
    }
    if let Some(Trace(trace)) = &options.trace {
        out.put_slice(trace);
    }
    if let Some(Large { len, number }) = options.large {
        out.put_u32_le(len);
        out.put_u32_le(number.0);
    }
    if !options.refs.is_empty() {
        put_references(out, &options.refs);
    }
    out.put_slice(body);
}

/// Appends a frame without optional fields.
pub(crate) fn put_plain(out: &mut BytesMut, head: &Head, body: &[u8]) {
    out.reserve(HEAD_LEN + body.len());
    put_head(out, head, body.len());
    out.put_slice(body);
}

/// Appends the fixed part of a frame of which `rest` bytes follow.
fn put_head(out: &mut BytesMut, head: &Head, rest: usize) {
    let mut fixed = [0u8; HEAD_LEN];
    fixed[0..4].copy_from_slice(&((HEAD_LEN - 4 + rest) as u32).to_le_bytes());
    fixed[4] = head.kind as u8;
    fixed[5] = head.flags;
    fixed[6..8].copy_from_slice(&head.method.to_le_bytes());
    fixed[8..12].copy_from_slice(&head.call.0.to_le_bytes());
    fixed[12..16].copy_from_slice(&head.object.0.to_le_bytes());
    out.put_slice(&fixed);
}

/// Appends a reference table.
pub(super) fn put_references(out: &mut BytesMut, refs: &[Reference]) {
    out.put_u16_le(refs.len() as u16);
    for r in refs {
        let (own_lane, stays) = (if r.own_lane { OWN_LANE } else { 0 }, if r.stays { STAYS } else { 0 });
        out.put_u8(r.kind as u8 | own_lane | stays);
        out.put_u8(r.hops);
        out.put_u16_le(0);
        out.put_u32_le(r.id.0);
        out.put_u64_le(r.fingerprint);
    }
}

/// Takes a frame (without its length) apart; the body is a slice of it.
pub(crate) fn read_frame(mut bytes: Bytes) -> Result<Frame, WireError> {
    let head = read_head(&bytes)?;
    bytes.advance(HEAD_LEN - 4);
    let mut options = Options::default();
    if head.kind.has_options() && head.flags != 0 {
        read_options(head.kind, head.flags, &mut bytes, &mut options)?;
    }
    Ok(Frame { head, options, body: bytes.into() })
}

/// The same where the frame lies, for the most usual ones: a short call or reply without optional fields. `None` for all others.
#[inline]
pub(crate) fn read_short(frame: &[u8]) -> Option<Frame> {
    let head = read_head(frame).ok()?;
    if head.flags != 0 || !matches!(head.kind, Kind::Call | Kind::Reply) {
        return None;
    }
    let body = Body::short(frame.get(HEAD_LEN - 4..)?)?;
    Some(Frame { head, options: Options::default(), body })
}

#[inline]
fn read_head(bytes: &[u8]) -> Result<Head, WireError> {
    let Some(fixed) = bytes.first_chunk::<{ HEAD_LEN - 4 }>() else {
        return Err(WireError::Short(bytes.len()));
    };
    Ok(Head {
        kind: Kind::from_byte(fixed[0]).ok_or(WireError::Kind(fixed[0]))?,
        flags: fixed[1],
        method: u16::from_le_bytes([fixed[2], fixed[3]]),
        call: CallId(u32::from_le_bytes([fixed[4], fixed[5], fixed[6], fixed[7]])),
        object: ObjectId(u32::from_le_bytes([fixed[8], fixed[9], fixed[10], fixed[11]])),
    })
}

fn read_options(kind: Kind, flags: u8, bytes: &mut Bytes, options: &mut Options) -> Result<(), WireError> {
    let known = match kind {
        Kind::Call => !0x80,
        Kind::Notice => !(0x80 | flag::KEEP),
        _ => flag::LARGE | flag::REFS,
    };
    let unknown = flags & !known;
    if unknown != 0 {
        return Err(WireError::Flag(unknown));
    }
    if flags & flag::DEADLINE != 0 {
        need(bytes, 4, "deadline")?;
        options.deadline_ms = Some(bytes.get_u32_le());
    }
    if flags & flag::PATH != 0 {
        need(bytes, 2, "path")?;
        let tokens = bytes.get_u8();
        options.depth = bytes.get_u8();
        let most = if kind == Kind::Notice { 0 } else { DEPTH_MAX };
        if tokens > most || options.depth > DEPTH_MAX || options.depth < tokens {
            return Err(WireError::Path { tokens, depth: options.depth });
        }
        need(bytes, 8 * tokens as usize, "path")?;
        options.path = (0..tokens).map(|_| Token(bytes.get_u64_le())).collect();
    }
    if flags & flag::TRACE != 0 {
        need(bytes, Trace::LEN, "trace")?;
        let mut trace = [0; Trace::LEN];
        bytes.copy_to_slice(&mut trace);
        options.trace = Some(Trace(trace));
    }
    if flags & flag::LARGE != 0 {
        need(bytes, 8, "length")?;
        options.large = Some(Large { len: bytes.get_u32_le(), number: BodyId(bytes.get_u32_le()) });
    }
    if flags & flag::REFS != 0 {
        options.refs = read_references(bytes)?;
    }
    Ok(())
}

/// Takes a reference table off the beginning of `bytes`.
pub(super) fn read_references(bytes: &mut Bytes) -> Result<SmallVec<[Reference; 1]>, WireError> {
    need(bytes, 2, "reference table")?;
    let count = bytes.get_u16_le() as usize;
    if count == 0 || count > REFERENCES_MAX {
        return Err(WireError::References(count));
    }
    need(bytes, REFERENCE_LEN * count, "reference table")?;
    let mut refs = SmallVec::with_capacity(count);
    for _ in 0..count {
        let byte = bytes.get_u8();
        let is_export = byte & !(OWN_LANE | STAYS) == RefKind::Export as u8;
        let (own_lane, stays) = (is_export && byte & OWN_LANE != 0, is_export && byte & STAYS != 0);
        let kind = match byte {
            0 => RefKind::Dead,
            _ if is_export => RefKind::Export,
            2 => RefKind::Home,
            3 => RefKind::Source,
            4 => RefKind::Sink,
            other => return Err(WireError::RefKind(other)),
        };
        let hops = bytes.get_u8();
        bytes.advance(2);
        let id = ObjectId(bytes.get_u32_le());
        let fingerprint = bytes.get_u64_le();
        refs.push(Reference { kind, own_lane, stays, hops, id, fingerprint });
    }
    Ok(refs)
}

fn need(bytes: &Bytes, count: usize, what: &'static str) -> Result<(), WireError> {
    if bytes.len() < count { Err(WireError::Truncated(what)) } else { Ok(()) }
}

/// Appends a control message to `out`, its length included.
pub(crate) fn put_control(out: &mut Vec<u8>, message: &Control) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    let (kind, body) = match message {
        Control::Hello(hello) => (CONTROL_HELLO, rmp_serde::to_vec(hello)),
        Control::Release(list) => (CONTROL_RELEASE, rmp_serde::to_vec(&(list,))),
        Control::Gone { id, reason } => (CONTROL_GONE, rmp_serde::to_vec(&(id, clip(reason)))),
        Control::Pull { body } => (CONTROL_PULL, rmp_serde::to_vec(&(body,))),
        Control::Taken { bytes } => (CONTROL_TAKEN, rmp_serde::to_vec(&(bytes,))),
        Control::Window { stream, bytes } => (CONTROL_WINDOW, rmp_serde::to_vec(&(stream, bytes))),
        Control::Stop { stream, reason } => (CONTROL_STOP, rmp_serde::to_vec(&(stream, clip(reason)))),
        Control::GoAway => (CONTROL_GO_AWAY, rmp_serde::to_vec::<[u8; 0]>(&[])),
        Control::Close { code, reason } => (CONTROL_CLOSE, rmp_serde::to_vec(&(code, clip(reason)))),
    };
    out.push(kind);
    out.extend_from_slice(&body.expect("numbers and strings always encode"));
    let len = (out.len() - start - 4) as u32;
    out[start..start + 4].copy_from_slice(&len.to_le_bytes());
}

/// At most [`REASON_MAX`] bytes of a text, cut at a character.
pub(crate) fn clip(text: &str) -> &str {
    clip_at(text, REASON_MAX)
}

/// At most [`FAULT_MAX`] bytes of what a fault says, cut at a character.
pub(crate) fn clip_fault(text: &str) -> &str {
    clip_at(text, FAULT_MAX)
}

fn clip_at(text: &str, max: usize) -> &str {
    let mut end = text.len().min(max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Reads a control frame (without its length); `None` is a kind that may be skipped.
pub(crate) fn read_control(frame: &[u8]) -> Result<Option<Control>, WireError> {
    let Some((&kind, body)) = frame.split_first() else {
        return Err(WireError::Short(0));
    };
    fn decode<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, WireError> {
        transport::msgpack::from_slice(body).map_err(|e| WireError::Control(e.to_string()))
    }
    Ok(Some(match kind {
        CONTROL_HELLO => match decode(body)? {
            HelloVersion(VERSION) => Control::Hello(decode(body)?),
            HelloVersion(other) => return Err(WireError::Version(other)),
        },
        CONTROL_RELEASE => Control::Release(decode::<(Vec<Release>,)>(body)?.0),
        CONTROL_GONE => {
            let (id, reason) = decode(body)?;
            Control::Gone { id, reason }
        }
        CONTROL_PULL => Control::Pull { body: decode::<(BodyId,)>(body)?.0 },
        CONTROL_TAKEN => Control::Taken { bytes: decode::<(u64,)>(body)?.0 },
        CONTROL_WINDOW => {
            let (stream, bytes) = decode(body)?;
            Control::Window { stream, bytes }
        }
        CONTROL_STOP => {
            let (stream, reason) = decode(body)?;
            Control::Stop { stream, reason }
        }
        CONTROL_GO_AWAY => {
            decode::<[u8; 0]>(body)?;
            Control::GoAway
        }
        CONTROL_CLOSE => {
            let (code, reason) = decode(body)?;
            Control::Close { code, reason }
        }
        skipped if skipped & 0x80 != 0 => return Ok(None),
        other => return Err(WireError::Control(format!("unknown kind {other}"))),
    }))
}
