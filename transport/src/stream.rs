//! The two halves of a stream: bytes in order, in chunks. Where a message begins and ends is the business of `frame`.

use std::sync::Arc;

use bytes::Bytes;
use quinn::{ReadError, VarInt, WriteError};

use crate::link::{Inner, LinkError, Origin};

/// The longest chunk given out at once.
const CHUNK_MAX: usize = 64 * 1024;

/// The half that sends. Dropping it finishes the stream: what was sent arrives, and then the peer sees its end, so
/// `reset` it if the end would be mistaken for the whole.
#[derive(Debug)]
pub struct SendStream {
    quinn: quinn::SendStream,
    _open: Arc<Open>,
}

/// The half that receives. Dropping it before its end tells the peer to stop sending (code 0).
#[derive(Debug)]
pub struct RecvStream {
    quinn: quinn::RecvStream,
    /// quinn would take a stream that was stopped for one that has ended well.
    stopped: bool,
    _open: Arc<Open>,
}

/// Why a stream does not go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StreamError {
    /// The link has ended, and the stream with it. What was sent last may or may not have been read.
    #[error("the link has ended")]
    Link(#[from] LinkError),
    /// The peer gave the stream up with this code; bytes it sent may be missing. The link is usable.
    #[error("the peer reset the stream with code {0}")]
    Reset(u32),
    /// The peer wants no more, with this code; what was sent last may not have been read. The link is usable.
    #[error("the peer stopped the stream with code {0}")]
    Stopped(u32),
    /// This side has finished, reset or stopped the stream before. The link is usable.
    #[error("the stream was closed by this side")]
    Closed,
}

/// Counts a stream as open until both halves are gone, and keeps its link alive.
struct Open {
    link: Arc<Inner>,
    origin: Origin,
}

impl Open {
    fn new(link: Arc<Inner>, origin: Origin) -> Arc<Open> {
        link.stream_began(origin);
        Arc::new(Open { link, origin })
    }
}

pub(crate) fn pair(
    link: Arc<Inner>,
    origin: Origin,
    send: quinn::SendStream,
    recv: quinn::RecvStream,
) -> (SendStream, RecvStream) {
    let open = Open::new(link, origin);
    (SendStream { quinn: send, _open: open.clone() }, RecvStream { quinn: recv, stopped: false, _open: open })
}

/// A one-way stream of this side.
pub(crate) fn outgoing(link: Arc<Inner>, send: quinn::SendStream) -> SendStream {
    SendStream { quinn: send, _open: Open::new(link, Origin::Opened) }
}

/// A one-way stream of the peer.
pub(crate) fn incoming(link: Arc<Inner>, recv: quinn::RecvStream) -> RecvStream {
    RecvStream { quinn: recv, stopped: false, _open: Open::new(link, Origin::AcceptedOneWay) }
}

impl SendStream {
    /// Sends `bytes`, without a copy; waits while the windows are full. That it returns does not mean that the peer
    /// has them. **Not cancel-safe**: if it is dropped, some of the bytes may be sent, so reset the stream then.
    pub async fn send(&mut self, bytes: Bytes) -> Result<(), StreamError> {
        self.quinn.write_chunk(bytes).await.map_err(write_error)
    }

    /// Ends the stream after what was sent.
    pub fn finish(&mut self) -> Result<(), StreamError> {
        self.quinn.finish().map_err(|_| StreamError::Closed)
    }

    /// Gives the stream up: what is not sent yet never will be, and the peer sees `code`. Nothing happens if the
    /// stream has ended.
    pub fn reset(&mut self, code: u32) {
        let _ = self.quinn.reset(VarInt::from_u32(code));
    }

    /// The number of the stream, unique on its link and the same on both sides.
    pub fn id(&self) -> u64 {
        VarInt::from(self.quinn.id()).into_inner()
    }
}

impl RecvStream {
    /// The next bytes, at most 64 KiB, without a copy; `None` when the peer has finished. Cancel-safe.
    pub async fn next(&mut self) -> Result<Option<Bytes>, StreamError> {
        if self.stopped {
            return Err(StreamError::Closed);
        }
        match self.quinn.read_chunk(CHUNK_MAX, true).await {
            Ok(chunk) => Ok(chunk.map(|chunk| chunk.bytes)),
            Err(error) => Err(read_error(error)),
        }
    }

    /// What has arrived, chunk by chunk and without a copy, into `chunks` from the front: how many it filled, or `None` when the peer
    /// has finished. Waits only while there is nothing. A chunk is what a packet brought, or what was put together of
    /// several. Cancel-safe.
    pub async fn next_chunks(&mut self, chunks: &mut [Bytes]) -> Result<Option<usize>, StreamError> {
        if self.stopped {
            return Err(StreamError::Closed);
        }
        self.quinn.read_chunks(chunks).await.map_err(read_error)
    }

    /// Wants no more: unread bytes are dropped, and the peer's `send` fails with `code`. Nothing happens if the
    /// stream has ended.
    pub fn stop(&mut self, code: u32) {
        self.stopped |= self.quinn.stop(VarInt::from_u32(code)).is_ok();
    }

    /// The number of the stream, unique on its link and the same on both sides.
    pub fn id(&self) -> u64 {
        VarInt::from(self.quinn.id()).into_inner()
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.link.stream_ended(self.origin);
    }
}

impl std::fmt::Debug for Open {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Open").field("origin", &self.origin).finish_non_exhaustive()
    }
}

fn write_error(error: WriteError) -> StreamError {
    match error {
        WriteError::Stopped(code) => StreamError::Stopped(narrow(code)),
        WriteError::ConnectionLost(error) => StreamError::Link(LinkError::of(error)),
        // There is no 0-RTT here that could be rejected.
        WriteError::ClosedStream | WriteError::ZeroRttRejected => StreamError::Closed,
    }
}

fn read_error(error: ReadError) -> StreamError {
    match error {
        ReadError::Reset(code) => StreamError::Reset(narrow(code)),
        ReadError::ConnectionLost(error) => StreamError::Link(LinkError::of(error)),
        // All reads are ordered, and there is no 0-RTT here that could be rejected.
        ReadError::ClosedStream | ReadError::IllegalOrderedRead | ReadError::ZeroRttRejected => {
            StreamError::Closed
        }
    }
}

/// Codes of this protocol have 32 bits; one that does not fit is `u32::MAX`.
fn narrow(code: VarInt) -> u32 {
    u32::try_from(code.into_inner()).unwrap_or(u32::MAX)
}
