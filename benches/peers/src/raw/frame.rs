//! The frame of the hand-written programs: a 16-byte head and a MessagePack body, as Duologue's own frames are.
//!
//! It knows three bodies only, the arguments `[a, b]`, a number and bare bytes, and none of the optional parts of
//! Duologue's head.

use bytes::{Bytes, BytesMut};
use thiserror::Error;

use crate::raw::outbox::Queue;

/// Bytes of the head, its length field included.
pub(crate) const HEAD: usize = 16;
/// No frame is longer; a longer announcement is a broken peer.
const FRAME_MAX: usize = 16 << 20;
/// From this length on a body is sent without a copy.
const LARGE: usize = 4 * 1024;
/// A head and the longest body there is (an array of two nine-byte integers), rounded up.
const SCRATCH: usize = 48;

/// A call, by its number in the head.
pub(crate) const CALL: u8 = 1;
/// The answer to a call.
pub(crate) const REPLY: u8 = 2;

/// The methods: the sum of two numbers,
pub(crate) const ADD: u16 = 0;
/// the same bytes again,
pub(crate) const ECHO: u16 = 1;
/// so many callbacks at a time until one says stop,
pub(crate) const CALLBACKS: u16 = 2;
/// and such a callback.
pub(crate) const BACK: u16 = 3;

/// What is wrong with a frame that arrived. The stream it came on is of no further use.
#[derive(Debug, Error)]
#[non_exhaustive]
pub(crate) enum FrameError {
    /// The announced length is below a head or above the limit.
    #[error("a frame announces {0} bytes")]
    Length(usize),
    /// The body is not the MessagePack that was expected.
    #[error("a body does not decode")]
    Body(#[from] rmp_serde::decode::Error),
    /// The frame is of a kind this side does not take.
    #[error("unexpected frame of kind {0}")]
    Kind(u8),
    /// The answer is for no call under way, or is not its sum.
    #[error("a wrong answer to call {0}")]
    Answer(u32),
}

/// `len u32 · kind u8 · flags u8 · method u16 · call u32 · object u32`, little endian; `len` counts what follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) kind: u8,
    pub(crate) method: u16,
    pub(crate) call: u32,
    pub(crate) object: u32,
}

impl Head {
    fn write(self, into: &mut [u8], body: usize) {
        let len = (HEAD - 4 + body) as u32;
        into[0..4].copy_from_slice(&len.to_le_bytes());
        into[4] = self.kind;
        into[5] = 0;
        into[6..8].copy_from_slice(&self.method.to_le_bytes());
        into[8..12].copy_from_slice(&self.call.to_le_bytes());
        into[12..16].copy_from_slice(&self.object.to_le_bytes());
    }

    fn read(from: &[u8]) -> Self {
        Self {
            kind: from[4],
            method: u16::from_le_bytes([from[6], from[7]]),
            call: u32::from_le_bytes([from[8], from[9], from[10], from[11]]),
            object: u32::from_le_bytes([from[12], from[13], from[14], from[15]]),
        }
    }
}

/// Appends the call `add(a, b)`.
pub(crate) fn put_add(into: &mut BytesMut, call: u32, a: i64, b: i64) {
    put(into, Head { kind: CALL, method: ADD, call, object: 1 }, &(a, b));
}

/// Appends a call with a number, or an answer that is one.
pub(crate) fn put_number(into: &mut BytesMut, kind: u8, method: u16, call: u32, number: i64) {
    put(into, Head { kind, method, call, object: 0 }, &number);
}

/// Appends an echo or its answer.
pub(crate) fn put_bytes(into: &mut Queue, kind: u8, call: u32, body: Bytes) {
    let mut head = [0; HEAD];
    Head { kind, method: ECHO, call, object: 0 }.write(&mut head, body.len());
    into.frames.extend_from_slice(&head);
    if body.len() < LARGE {
        into.frames.extend_from_slice(&body);
    } else {
        into.push(body);
    }
}

fn put<T: serde::Serialize>(into: &mut BytesMut, head: Head, body: &T) {
    // Built on the stack, so that the outbox's buffer is grown once per frame and not once per integer.
    let mut scratch = [0; SCRATCH];
    let mut rest = &mut scratch[HEAD..];
    rmp_serde::encode::write(&mut rest, body).expect("two integers fit the scratch buffer");
    let body = SCRATCH - HEAD - rest.len();
    head.write(&mut scratch, body);
    into.extend_from_slice(&scratch[..HEAD + body]);
}

/// The arguments of a call.
pub(crate) fn arguments(body: &[u8]) -> Result<(i64, i64), FrameError> {
    Ok(rmp_serde::from_slice(body)?)
}

/// A body that is a number.
pub(crate) fn number(body: &[u8]) -> Result<i64, FrameError> {
    Ok(rmp_serde::from_slice(body)?)
}

/// What follows a head.
#[derive(Debug)]
pub(crate) enum Body<'a> {
    /// A part of a chunk.
    Part(&'a [u8]),
    /// Gathered from several chunks.
    Gathered(Bytes),
}

impl Body<'_> {
    pub(crate) fn as_slice(&self) -> &[u8] {
        match self {
            Self::Part(part) => part,
            Self::Gathered(bytes) => bytes,
        }
    }

    pub(crate) fn into_bytes(self) -> Bytes {
        match self {
            Self::Part(part) => Bytes::copy_from_slice(part),
            Self::Gathered(bytes) => bytes,
        }
    }
}

/// Cuts the chunks of a stream into frames; only a frame that spans chunks is copied.
#[derive(Debug, Default)]
pub(crate) struct Deframer {
    /// The beginning of a frame whose end has not arrived.
    carry: BytesMut,
}

impl Deframer {
    /// Gives every frame that is whole by now to `on`, in order.
    pub(crate) fn feed<E: From<FrameError>>(
        &mut self,
        mut chunk: &[u8],
        mut on: impl FnMut(Head, Body<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        while !self.carry.is_empty() {
            let want = if self.carry.len() < HEAD { HEAD } else { total(&self.carry)? };
            let take = (want - self.carry.len()).min(chunk.len());
            self.carry.reserve(want - self.carry.len());
            self.carry.extend_from_slice(&chunk[..take]);
            chunk = &chunk[take..];
            if self.carry.len() < want {
                return Ok(());
            }
            if self.carry.len() == total(&self.carry)? {
                let mut frame = self.carry.split();
                let head = Head::read(&frame);
                on(head, Body::Gathered(frame.split_off(HEAD).freeze()))?;
            }
        }
        while chunk.len() >= HEAD {
            let total = total(chunk)?;
            if chunk.len() < total {
                break;
            }
            on(Head::read(chunk), Body::Part(&chunk[HEAD..total]))?;
            chunk = &chunk[total..];
        }
        self.carry.extend_from_slice(chunk);
        Ok(())
    }
}

/// The length of the frame that begins here, its length field included. Needs four bytes.
fn total(frame: &[u8]) -> Result<usize, FrameError> {
    let total = u32::from_le_bytes([frame[0], frame[1], frame[2], frame[3]]) as usize + 4;
    if (HEAD..=FRAME_MAX).contains(&total) { Ok(total) } else { Err(FrameError::Length(total)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(chunks: &[&[u8]]) -> Vec<(u32, i64)> {
        let mut frames = Vec::new();
        let mut deframer = Deframer::default();
        for chunk in chunks {
            deframer
                .feed(chunk, |head, body| {
                    let (a, b) = arguments(body.as_slice())?;
                    frames.push((head.call, a + b));
                    Ok::<_, FrameError>(())
                })
                .unwrap();
        }
        frames
    }

    #[test]
    fn a_call_is_a_head_of_sixteen_bytes_and_a_body_of_seven() {
        let mut buf = BytesMut::new();
        put_add(&mut buf, 3, 1_000, 2_000);
        assert_eq!(&buf[..HEAD], [19, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0]);
        assert_eq!(&buf[HEAD..], [0x92, 0xcd, 0x03, 0xe8, 0xcd, 0x07, 0xd0]);
    }

    #[test]
    fn every_split_gives_the_same_frames() {
        let mut buf = BytesMut::new();
        put_add(&mut buf, 1, i64::MIN, 1);
        put_add(&mut buf, 2, 0, 5);
        let whole = vec![(1, i64::MIN + 1), (2, 5)];
        for first in 0..=buf.len() {
            for second in first..=buf.len() {
                assert_eq!(cut(&[&buf[..first], &buf[first..second], &buf[second..]]), whole);
            }
        }
    }

    #[test]
    fn a_length_out_of_bounds_is_refused() {
        let mut frame = [0; HEAD];
        frame[..4].copy_from_slice(&u32::MAX.to_le_bytes());
        let refused = Deframer::default().feed(&frame, |_, _| Ok::<_, FrameError>(()));
        assert!(matches!(refused, Err(FrameError::Length(_))));
        let refused = Deframer::default().feed(&[0; HEAD], |_, _| Ok::<_, FrameError>(()));
        assert!(matches!(refused, Err(FrameError::Length(4))));
    }
}
