//! What is to be written on one lane, and which method numbers are spoken there.
//!
//! Frames are appended from wherever a call is made or answered; the writer, once woken, takes all there is as one chunk.
//! Many small calls thus share one write without a timer and without a flush.

use std::collections::HashMap;
use std::task::Waker;

use bytes::{Bytes, BytesMut};

use super::naming::{Heard, Telling};
use super::running::Callee;
use super::{RandomState, mutation};
use crate::wire::{self, CallId, Head, Kind, ObjectId, Options};

/// Bytes of one `Done`.
const DONE_LEN: usize = wire::HEAD_LEN + 4;

/// The most room that is made ahead.
const CHUNK_MAX: usize = 64 * 1024;

/// One lane's outgoing frames.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    bytes: BytesMut,
    /// Bytes that the writer has taken and may not have sent yet: a peer that reads nothing must not have them forgotten.
    in_hand: usize,
    /// What it held when it was last weighed.
    weighed: u64,
    waker: Option<Waker>,
    /// The writer has something to do.
    due: bool,
    /// Notices that have finished: how many, and their permits; a frame each when the writer comes.
    done: HashMap<Callee, (u32, u32), RandomState>,
    /// Lists of method names: what the peer was told of ours, and what it has told.
    pub(super) telling: Telling,
    pub(super) heard: Heard,
    closed: bool,
    /// Calls and notices of the peer that came by this lane and are not answered.
    busy: u32,
    /// Of an own lane that the peer opened: it ends after the other half.
    accepted: bool,
    /// The peer's half of an own lane has ended.
    read: bool,
    /// The object of an own lane is held no more: it ends when everything is written.
    retired: bool,
    /// Answers of the peer on this lane that are promised here.
    promises: usize,
}

impl Outbox {
    /// Of a lane that the peer has opened for an object of its own choice.
    pub(crate) fn accepted() -> Outbox {
        Outbox { accepted: true, ..Outbox::default() }
    }

    /// A call or notice has come by this lane.
    pub(crate) fn arrived(&mut self) {
        self.busy += 1;
    }

    /// It is answered.
    pub(crate) fn answered(&mut self) {
        self.busy = self.busy.saturating_sub(1);
        self.due |= self.read;
    }

    /// The peer's half has ended.
    pub(crate) fn read_to_its_end(&mut self) {
        (self.read, self.due) = (true, true);
    }

    /// Nothing more will be called by this lane.
    pub(crate) fn retire(&mut self) {
        (self.retired, self.due) = (true, true);
    }

    /// An answer on this lane is promised.
    pub(crate) fn promise(&mut self) {
        self.promises += 1;
    }

    /// Such a promise has ended.
    pub(crate) fn promise_ended(&mut self) {
        self.promises -= 1;
        self.due |= self.retired;
    }

    pub(crate) fn promises(&self) -> usize {
        self.promises
    }

    /// Whether this half is to end, once everything is written.
    pub(crate) fn is_over(&self) -> bool {
        self.closed || self.retired && self.promises == 0 || self.accepted && self.read && self.busy == 0
    }

    /// Where frames are appended; the writer is to be woken.
    pub(crate) fn buffer(&mut self) -> &mut BytesMut {
        self.due |= !mutation!(WriterNotWoken);
        &mut self.bytes
    }

    /// The writer, if it waits and has something to do; to be woken after the lock is released.
    pub(crate) fn take_waker(&mut self) -> Option<Waker> {
        if std::mem::take(&mut self.due) { self.waker.take() } else { None }
    }

    /// Bytes that wait for the writer, and those that it has in its hands.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() + self.in_hand + DONE_LEN * self.done.len()
    }

    /// What it holds now, the peer's method names among it, and what it was the last time.
    pub(crate) fn weigh(&mut self) -> (u64, u64) {
        let now = (self.len() + self.heard.excess()) as u64;
        (now, std::mem::replace(&mut self.weighed, now))
    }

    /// A notice to `callee` has finished.
    pub(crate) fn done(&mut self, callee: Callee, cost: u32) {
        let entry = self.done.entry(callee).or_insert((0, 0));
        entry.0 = if mutation!(DoneCountedOnce) { 1 } else { entry.0 + 1 };
        entry.1 += cost;
        self.due = true;
    }

    /// Everything there is; `None` if nothing. What was taken the last time has been sent.
    pub(crate) fn take(&mut self) -> Option<Bytes> {
        for (callee, (count, cost)) in self.done.drain() {
            let (flags, object) = match callee {
                Callee::Object(object) => (0, object),
                Callee::Answer(call) => (wire::flag::ON_ANSWER, ObjectId(call.0)),
            };
            let head = Head { kind: Kind::Done, flags, method: 0, call: CallId(count), object };
            wire::put_frame(&mut self.bytes, &head, &Options::default(), &cost.to_le_bytes());
        }
        self.in_hand = self.bytes.len();
        if self.bytes.is_empty() {
            return None;
        }
        let bytes = self.bytes.split().freeze();
        // Room for as much again, so that a busy lane does not grow its buffer from nothing after each write.
        if self.bytes.capacity() < bytes.len() {
            self.bytes.reserve((2 * bytes.len()).min(CHUNK_MAX));
        }
        Some(bytes)
    }

    /// The frames that wait for the writer, and the notices whose end is still to be said.
    #[cfg(test)]
    pub(crate) fn unsent(&self) -> (&[u8], impl Iterator<Item = (Callee, u32)> + '_) {
        (&self.bytes, self.done.iter().map(|(&id, &(count, _))| (id, count)))
    }

    /// The writer waits for more.
    pub(crate) fn wait(&mut self, waker: &Waker) {
        self.due = false;
        if !self.waker.as_ref().is_some_and(|w| w.will_wake(waker)) {
            self.waker = Some(waker.clone());
        }
    }

    /// The connection has ended: nothing more is written.
    pub(crate) fn close(&mut self) {
        self.closed = true;
        self.bytes.clear();
        self.done.clear();
        self.due = true;
    }
}
