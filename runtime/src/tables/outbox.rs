//! What is to be written on one lane, and which method numbers are spoken there.
//!
//! Frames are appended from wherever a call is made or answered; the writer, once woken, takes all there is as one chunk.
//! Many small calls thus share one write without a timer and without a flush.

use std::cell::OnceCell;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::task::Waker;

use bytes::{Bytes, BytesMut};

use super::running::Callee;
use super::{Numbering, RandomState, mutation};
use crate::descriptor::Descriptor;
use crate::wire::{self, CallId, Head, Kind, ObjectId, Options};

/// Bytes of one `Done`.
const DONE_LEN: usize = wire::HEAD_LEN + 4;

/// How much the peer's lists of method names may weigh on one lane: 64 methods in each of as many lists as there may be.
const NAMES_WEIGHT_MAX: usize = 16 * 1024 * 1024;

/// The most room that is made ahead.
const CHUNK_MAX: usize = 64 * 1024;

/// One lane's outgoing frames.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    bytes: BytesMut,
    /// Bytes that the writer has taken and may not have sent yet: a peer that reads nothing must not have them forgotten.
    in_hand: usize,
    /// Its length when it was last weighed.
    weighed: u64,
    waker: Option<Waker>,
    /// The writer has something to do.
    due: bool,
    /// Notices that have finished: how many, and their permits; a frame each when the writer comes.
    done: HashMap<Callee, (u32, u32), RandomState>,
    /// For objects of the peer with this fingerprint, whose method names the peer knows to be in force.
    names_sent: HashMap<u64, u64, RandomState>,
    /// For objects with this fingerprint that we have handed out: what the peer's numbers mean.
    names_here: HashMap<u64, Told, RandomState>,
    /// What both kinds of the peer's lists weigh.
    names_weight: usize,
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
    /// Interfaces whose method names the peer was told for calls on answers.
    numberings_sent: HashSet<u64, RandomState>,
    /// The same that the peer told, by fingerprint.
    numberings_here: HashMap<u64, Arc<Numbering>, RandomState>,
}

/// What the peer's method numbers mean.
#[derive(Debug)]
struct Told {
    list: Arc<Numbering>,
    /// As numbers of ours, or names that we lack.
    numbers: OnceCell<Vec<Result<u16, String>>>,
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

    /// Its length now, and what it was the last time.
    pub(crate) fn weigh(&mut self) -> (u64, u64) {
        let now = self.len() as u64;
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

    /// Whether the peer must be told the caller's method names before the next call; notes that it is told.
    pub(crate) fn names_differ(&mut self, theirs: u64, mine: u64) -> bool {
        if self.names_sent.is_empty() && theirs == mine {
            return false;
        }
        let differ = *self.names_sent.get(&theirs).unwrap_or(&theirs) != mine;
        if differ {
            self.names_sent.insert(theirs, mine);
        }
        differ
    }

    /// Whether one more list of names may be sent.
    pub(crate) fn has_room_for_names(&self, theirs: u64, mine: u64, max: usize) -> bool {
        theirs == mine || self.names_sent.len() < max || self.names_sent.contains_key(&theirs)
    }

    /// The peer's method names for objects with this fingerprint; no names at all: its numbers are the host's own again. False if there
    /// are too many lists.
    pub(crate) fn set_names(&mut self, fingerprint: u64, names: Vec<String>, max: usize) -> bool {
        if let Some(former) = self.names_here.remove(&fingerprint) {
            self.names_weight -= former.list.weight();
        }
        if names.is_empty() {
            return true;
        }
        let list = Numbering::new(names);
        if self.names_here.len() >= max || !self.has_room_for(&list) {
            return false;
        }
        self.names_weight += list.weight();
        self.names_here.insert(fingerprint, Told { list, numbers: OnceCell::new() });
        true
    }

    fn has_room_for(&self, list: &Numbering) -> bool {
        self.names_weight + list.weight() <= NAMES_WEIGHT_MAX
    }

    /// The list that says what the peer's numbers mean, if it is not the host's own.
    pub(crate) fn names_of(&self, fingerprint: u64) -> Option<Arc<Numbering>> {
        self.names_here.get(&fingerprint).map(|told| told.list.clone())
    }

    /// What the peer is told of an interface whose methods are called on an answer: its names the first time, then its fingerprint;
    /// `None` if it was told of too many.
    pub(crate) fn numbering_to_tell(&mut self, interface: &Descriptor, max: usize) -> Option<Vec<u8>> {
        let encoded = if self.numberings_sent.contains(&interface.fingerprint) {
            rmp_serde::to_vec(&interface.fingerprint)
        } else if self.numberings_sent.len() < max {
            self.numberings_sent.insert(interface.fingerprint);
            rmp_serde::to_vec(&interface.methods.iter().map(|m| &*m.name).collect::<Vec<_>>())
        } else {
            return None;
        };
        Some(encoded.expect("numbers and strings always encode"))
    }

    /// The same from the peer; `None` if it is neither, or the interface was not told before, or there are too many.
    pub(crate) fn numbering_told(&mut self, body: &[u8], max: usize) -> Option<Arc<Numbering>> {
        if let Ok(fingerprint) = transport::msgpack::from_slice::<u64>(body) {
            return self.numberings_here.get(&fingerprint).cloned();
        }
        let numbering = Numbering::new(transport::msgpack::from_slice(body).ok()?);
        let is_full = self.numberings_here.len() >= max || !self.has_room_for(&numbering);
        match self.numberings_here.entry(numbering.fingerprint) {
            Entry::Occupied(known) => Some(known.get().clone()),
            Entry::Vacant(_) if is_full => None,
            Entry::Vacant(place) => {
                self.names_weight += numbering.weight();
                Some(place.insert(numbering).clone())
            }
        }
    }

    /// The peer's number of a method as a number of ours, or the name that we lack.
    pub(crate) fn method_here(&self, interface: &Descriptor, number: u16) -> Result<u16, String> {
        if !self.names_here.is_empty()
            && let Some(told) = self.names_here.get(&interface.fingerprint)
            // What is passed on has the fingerprint of its host's interface, and no methods here.
            && !interface.methods.is_empty()
        {
            let numbers = told.numbers.get_or_init(|| told.list.numbers_in(interface));
            return match numbers.get(number as usize) {
                Some(Err(name)) => Err(format!("{}::{name}", interface.name)),
                Some(found) => found.clone(),
                None => Err(format!("{}::#{number}", interface.name)),
            };
        }
        if (number as usize) < interface.methods.len() {
            Ok(number)
        } else {
            Err(format!("{}::#{number}", interface.name))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTS: usize = 1_024;

    #[test]
    fn lists_of_method_names_are_bounded_by_what_they_weigh() {
        let long = || vec![String::new(); 16_000];
        let mut outbox = Outbox::default();
        let taken = (0..).take_while(|&n| outbox.set_names(n, long(), LISTS)).count();
        assert_eq!(taken, 4, "of 4,000 KiB each");
        assert!(outbox.set_names(0, Vec::new(), LISTS), "one that is taken back makes room");
        assert!(outbox.set_names(9, long(), LISTS));
        assert!(outbox.set_names(9, long(), LISTS), "it takes its own place");
        let other = rmp_serde::to_vec(&long()).expect("strings always encode");
        assert!(outbox.numbering_told(&other, LISTS).is_none(), "both kinds count together");
    }
}
