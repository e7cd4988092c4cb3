//! What waits to be written on one stream: a buffer and the waker of its writer.
//!
//! It coalesces by itself: the woken writer runs after the tasks that are already queued and takes all they have
//! appended at once. There are no timers and no flush, and there is no bound: the window of the caller is the bound.

use std::future::poll_fn;
use std::task::{Poll, Waker};

use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;
use quinn::{SendStream, WriteError};

/// What the buffer starts with, and what it is made anew with when the old one is still being sent.
const CAPACITY: usize = 64 * 1024;

/// Frames on their way to the writer of a stream.
#[derive(Debug)]
pub(crate) struct Outbox {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    frames: BytesMut,
    writer: Option<Waker>,
    closed: bool,
}

impl Outbox {
    pub(crate) fn new() -> Self {
        let frames = BytesMut::with_capacity(CAPACITY);
        Self { state: Mutex::new(State { frames, writer: None, closed: false }) }
    }

    /// Lets `put` append frames, as many as it likes, and wakes the writer.
    pub(crate) fn append<R>(&self, put: impl FnOnce(&mut BytesMut) -> R) -> R {
        let mut state = self.state.lock();
        let result = put(&mut state.frames);
        let writer = if state.frames.is_empty() { None } else { state.writer.take() };
        drop(state);
        if let Some(writer) = writer {
            writer.wake();
        }
        result
    }

    /// The writer finishes the stream once it has written what is there.
    pub(crate) fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        let writer = state.writer.take();
        drop(state);
        if let Some(writer) = writer {
            writer.wake();
        }
    }

    /// All there is, as soon as there is something; `None` once closed and empty.
    async fn take(&self) -> Option<Bytes> {
        poll_fn(|cx| {
            let mut state = self.state.lock();
            if !state.frames.is_empty() {
                return Poll::Ready(Some(state.frames.split().freeze()));
            }
            if state.closed {
                return Poll::Ready(None);
            }
            state.writer = Some(cx.waker().clone());
            Poll::Pending
        })
        .await
    }

    /// The writer of a stream: runs until the outbox is closed or the stream fails.
    pub(crate) async fn drain_into(&self, mut stream: SendStream) -> Result<(), WriteError> {
        while let Some(frames) = self.take().await {
            stream.write_chunk(frames).await?;
        }
        // An error here says the stream is finished already, which is what was wanted.
        let _ = stream.finish();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_appended_before_the_writer_runs_is_taken_at_once() {
        let outbox = Outbox::new();
        outbox.append(|frames| frames.extend_from_slice(b"one "));
        outbox.append(|frames| frames.extend_from_slice(b"two"));
        assert_eq!(outbox.take().await.unwrap(), "one two");
        outbox.close();
        assert_eq!(outbox.take().await, None);
    }

    #[tokio::test]
    async fn a_waiting_writer_is_woken() {
        let outbox = Outbox::new();
        let (taken, ()) = tokio::join!(outbox.take(), async {
            outbox.append(|frames| frames.extend_from_slice(b"late"));
        });
        assert_eq!(taken.unwrap(), "late");
    }
}
