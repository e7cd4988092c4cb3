//! One stream in one direction: what is under way on it, in order and byte for byte.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};

use bytes::{Buf, Bytes};
use transport::frame::Deframer;

use crate::wire::{self, CONTROL_MAX, Control, FRAME_MAX, Frame};

/// A frame under way, taken apart for the books.
#[derive(Debug)]
pub(super) enum Sent {
    Lane(Frame),
    Control(Option<Control>),
}

/// From the writer of one side to the reader of the other.
#[derive(Debug)]
pub(super) struct Flow {
    control: bool,
    chunks: VecDeque<Bytes>,
    under_way: VecDeque<Sent>,
    reader: Deframer,
    /// The writer found nothing to do and waits to be woken.
    pub(super) asleep: bool,
    /// The writer of an own lane has ended, and the reader has seen it.
    pub(super) finished: bool,
    pub(super) read: bool,
    pub(super) bell: Arc<Bell>,
}

impl Flow {
    pub(super) fn lane() -> Flow {
        Flow::new(false, FRAME_MAX)
    }

    pub(super) fn control() -> Flow {
        Flow::new(true, CONTROL_MAX)
    }

    fn new(control: bool, frame_max: usize) -> Flow {
        let (chunks, under_way) = Default::default();
        Flow {
            control,
            chunks,
            under_way,
            reader: Deframer::new(frame_max),
            asleep: false,
            finished: false,
            read: false,
            bell: Arc::default(),
        }
    }

    /// The writer writes a chunk.
    pub(super) fn write(&mut self, chunk: Bytes) {
        for frame in frames(chunk.clone()) {
            self.under_way.push_back(if self.control {
                Sent::Control(wire::read_control(&frame).expect("what the peer writes can be read"))
            } else {
                Sent::Lane(wire::read_frame(frame).expect("what the peer writes can be read"))
            });
        }
        self.chunks.push_back(chunk);
    }

    /// The frames that end within the next `count` bytes arrive.
    pub(super) fn read(&mut self, mut count: usize) -> Vec<Bytes> {
        while count > 0 {
            let Some(first) = self.chunks.front_mut() else { break };
            let part = first.split_to(first.len().min(count));
            count -= part.len();
            if first.is_empty() {
                self.chunks.pop_front();
            }
            self.reader.push(part);
        }
        let mut arrived = Vec::new();
        while let Some(frame) = self.reader.next().expect("frames are cut as they were written") {
            self.under_way.pop_front().expect("no more arrives than was written");
            arrived.push(frame);
        }
        arrived
    }

    /// Bytes that have not arrived.
    pub(super) fn len(&self) -> usize {
        self.chunks.iter().map(Bytes::len).sum()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.under_way.is_empty()
    }

    pub(super) fn under_way(&self) -> impl Iterator<Item = &Sent> + '_ {
        self.under_way.iter()
    }
}

/// Cuts whole frames, without their lengths.
pub(super) fn frames(mut chunk: Bytes) -> impl Iterator<Item = Bytes> {
    std::iter::from_fn(move || {
        if chunk.is_empty() {
            return None;
        }
        let len = chunk.get_u32_le() as usize;
        Some(chunk.split_to(len))
    })
}

/// A waker that tells whether it was woken.
#[derive(Debug, Default)]
pub(super) struct Bell(AtomicBool);

impl Bell {
    /// As a waker, and silent again.
    pub(super) fn silent(self: &Arc<Self>) -> Waker {
        self.0.store(false, Ordering::Relaxed);
        self.clone().into()
    }

    pub(super) fn was_rung(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}
