//! What waits to be written on one stream: a queue and the waker of its writer.
//!
//! It coalesces by itself: the woken writer runs after the tasks that are already queued and takes all they have
//! appended at once. There are no timers and no flush, and there is no bound: the window of the caller is the bound.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::{Poll, Waker};

use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;

use crate::Fault;
use crate::raw::stream::Sink;

/// What the buffer is made with, anew when the old one is still being sent: it grows with what is taken at once, so
/// that idle connections stay small.
const ROOM_MIN: usize = 1024;
const ROOM_MAX: usize = 64 * 1024;

/// Frames on their way to the writer of a stream.
#[derive(Debug)]
pub(crate) struct Outbox {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    queue: Queue,
    writer: Option<Waker>,
    closed: bool,
}

/// What is appended to.
#[derive(Debug)]
pub(crate) struct Queue {
    /// What goes before `frames`: large bodies, and the frames that were there when they came.
    before: VecDeque<Bytes>,
    pub(crate) frames: BytesMut,
    room: usize,
}

impl Queue {
    /// Appends a large body without a copy.
    pub(crate) fn push(&mut self, body: Bytes) {
        if let Some(frames) = self.split() {
            self.before.push_back(frames);
        }
        self.before.push_back(body);
    }

    /// Takes all frames, if there are any.
    fn split(&mut self) -> Option<Bytes> {
        if self.frames.is_empty() {
            return None;
        }
        if self.frames.len() > self.room / 2 {
            self.room = (2 * self.room).min(ROOM_MAX);
        }
        let piece = self.frames.split().freeze();
        if self.frames.capacity() < self.room / 4 {
            self.frames.reserve(self.room);
        }
        Some(piece)
    }

    fn is_empty(&self) -> bool {
        self.frames.is_empty() && self.before.is_empty()
    }
}

impl Outbox {
    pub(crate) fn new() -> Self {
        let queue = Queue { before: VecDeque::new(), frames: BytesMut::new(), room: ROOM_MIN };
        Self { state: Mutex::new(State { queue, writer: None, closed: false }) }
    }

    /// Lets `put` append frames, as many as it likes, and wakes the writer.
    pub(crate) fn append<R>(&self, put: impl FnOnce(&mut Queue) -> R) -> R {
        let mut state = self.state.lock();
        let result = put(&mut state.queue);
        let writer = if state.queue.is_empty() { None } else { state.writer.take() };
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

    /// The next piece, as large as there is one, as soon as there is something; `None` once closed and empty.
    async fn take(&self) -> Option<Bytes> {
        poll_fn(|cx| {
            let mut state = self.state.lock();
            if let Some(piece) = state.queue.before.pop_front() {
                return Poll::Ready(Some(piece));
            }
            if let Some(piece) = state.queue.split() {
                return Poll::Ready(Some(piece));
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
    pub(crate) async fn drain_into(&self, mut stream: impl Sink) -> Result<(), Fault> {
        while let Some(piece) = self.take().await {
            stream.write(piece).await?;
        }
        stream.finish().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_appended_before_the_writer_runs_is_taken_at_once() {
        let outbox = Outbox::new();
        outbox.append(|queue| queue.frames.extend_from_slice(b"one "));
        outbox.append(|queue| queue.frames.extend_from_slice(b"two"));
        assert_eq!(outbox.take().await.unwrap(), "one two");
        outbox.close();
        assert_eq!(outbox.take().await, None);
    }

    #[tokio::test]
    async fn a_large_body_keeps_its_place_between_frames() {
        let outbox = Outbox::new();
        outbox.append(|queue| {
            queue.frames.extend_from_slice(b"head");
            queue.push(Bytes::from_static(b"body"));
            queue.frames.extend_from_slice(b"next");
        });
        for piece in ["head", "body", "next"] {
            assert_eq!(outbox.take().await.unwrap(), piece);
        }
    }

    #[tokio::test]
    async fn a_waiting_writer_is_woken() {
        let outbox = Outbox::new();
        let (taken, ()) = tokio::join!(outbox.take(), async {
            outbox.append(|queue| queue.frames.extend_from_slice(b"late"));
        });
        assert_eq!(taken.unwrap(), "late");
    }
}
