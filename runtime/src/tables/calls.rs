//! The calls that this side made and that are not answered (N6).
//!
//! A slot lives from the moment a call is made until its one answer has arrived. Dropping or timing out takes only the
//! waiter away: slot, number and permits come back with the answer and with nothing else.

use slab::Slab;

use super::Violation;
use crate::answer::Waiter;
use crate::call::Request;
use crate::error::Ran;
use crate::wire::{BodyId, CallId};

/// Names a call at this side for as long as anybody might ask for it; never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CallKey {
    index: u32,
    generation: u32,
}

impl CallKey {
    /// The number on the wire, and the key of its deadline.
    pub(crate) fn call(self) -> CallId {
        CallId(self.index)
    }
}

#[derive(Debug)]
pub(crate) struct Slot {
    generation: u32,
    pub(crate) import: usize,
    pub(crate) lane: usize,
    pub(crate) depth: u8,
    pub(crate) cost: u32,
    pub(crate) waiter: Option<Waiter>,
    /// What is to be sent, while it waits for permits.
    pub(crate) queued: Option<Box<Request>>,
    /// Its Cancel was appended.
    pub(crate) cancelled: bool,
    /// Its deadline has passed; what the peer has to say of it is awaited for a moment more.
    pub(crate) late: bool,
    /// Its answer was promised: the slot of the import that stands for it. The number is in use until the promise is finished.
    pub(crate) promise: Option<u32>,
    /// It was answered, and only its promise keeps it.
    answered: bool,
    /// A notice whose body is not sent yet: nothing answers it.
    pub(crate) notice: bool,
    /// Its own large body, until that is sent.
    pub(crate) body: Option<BodyId>,
    /// The large body of its reply, until that is whole; its permits are back already.
    pub(crate) reply: Option<BodyId>,
    large: bool,
}

impl Slot {
    /// Whether its method has run, as far as is known here.
    pub(crate) fn ran(&self) -> Ran {
        if self.reply.is_some() {
            Ran::Yes
        } else if self.queued.is_some() || self.body.is_some() {
            // What has not left this side whole is never started.
            Ran::Never
        } else {
            Ran::Unknown
        }
    }

    /// Whether the peer may have something to say of it after its deadline: of one that has left this side whole.
    pub(crate) fn may_hear_more(&self) -> bool {
        let sent = self.queued.is_none() && self.body.is_none() && !self.notice;
        sent && self.reply.is_none() && self.waiter.is_some()
    }

    /// Whether it has permits out.
    #[cfg(test)]
    pub(crate) fn pays(&self) -> bool {
        self.queued.is_none() && self.reply.is_none() && !self.notice
    }
}

#[derive(Debug, Default)]
pub(crate) struct Calls {
    slots: Slab<Slot>,
    generation: u32,
    answered: usize,
    large: usize,
}

impl Calls {
    /// The calls that are not answered.
    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.answered
    }

    /// How many of them have large bodies.
    pub(crate) fn large(&self) -> usize {
        self.large
    }

    /// Large arguments of a call are announced, or a large reply of it was.
    pub(crate) fn is_large(&mut self, key: CallKey) {
        if let Some(slot) = self.slots.get_mut(key.index as usize).filter(|s| s.generation == key.generation)
        {
            self.large += usize::from(!slot.large);
            slot.large = true;
        }
    }

    pub(crate) fn insert(
        &mut self,
        import: usize,
        lane: usize,
        depth: u8,
        cost: u32,
        waiter: Waiter,
    ) -> CallKey {
        self.generation = self.generation.wrapping_add(1);
        let generation = self.generation;
        let waiter = Some(waiter);
        let slot = Slot {
            generation,
            import,
            lane,
            depth,
            cost,
            waiter,
            queued: None,
            cancelled: false,
            late: false,
            promise: None,
            answered: false,
            notice: false,
            body: None,
            reply: None,
            large: false,
        };
        let index = self.slots.insert(slot);
        CallKey { index: index as u32, generation }
    }

    pub(crate) fn get(&mut self, key: CallKey) -> Option<&mut Slot> {
        self.slots.get_mut(key.index as usize).filter(|s| s.generation == key.generation && !s.answered)
    }

    /// The key of the call that has this number now.
    pub(crate) fn key_of(&self, index: u32) -> Option<CallKey> {
        self.slots.get(index as usize).map(|s| CallKey { index, generation: s.generation })
    }

    pub(crate) fn remove(&mut self, key: CallKey) -> Option<Slot> {
        self.get(key)?;
        let slot = self.slots.remove(key.index as usize);
        self.large -= usize::from(slot.large);
        Some(slot)
    }

    /// An answer arrives on `lane`: whose.
    pub(crate) fn awaits(&self, call: CallId, lane: usize) -> Result<CallKey, Violation> {
        let free = |s: &&Slot| s.queued.is_none() && s.reply.is_none() && !s.notice && !s.answered;
        let slot = self.slots.get(call.0 as usize).filter(|s| s.lane == lane).filter(free);
        let slot = slot.ok_or(Violation::UnknownAnswer)?;
        Ok(CallKey { index: call.0, generation: slot.generation })
    }

    /// The answer of a call that [awaits](Calls::awaits) one has arrived: who waits for it.
    pub(crate) fn answer(&mut self, key: CallKey) -> Option<Waiter> {
        let slot = self.get(key)?;
        let waiter = slot.waiter.take();
        let large = std::mem::take(&mut slot.large);
        if slot.promise.is_some() {
            slot.answered = true;
            self.answered += 1;
        } else {
            self.slots.remove(key.index as usize);
        }
        self.large -= usize::from(large);
        waiter
    }

    /// The import that stands for the answer of a call.
    pub(crate) fn promise_of(&self, call: CallId, lane: usize) -> Option<usize> {
        let slot = self.slots.get(call.0 as usize).filter(|slot| slot.lane == lane)?;
        slot.promise.map(|import| import as usize)
    }

    /// Nothing more will be asked of its answer. Gives the key if the answer is not there yet.
    pub(crate) fn finish(&mut self, call: CallId) -> Option<CallKey> {
        let slot = self.slots.get_mut(call.0 as usize)?;
        slot.promise = None;
        if slot.answered {
            self.answered -= 1;
            self.slots.remove(call.0 as usize);
            return None;
        }
        Some(CallKey { index: call.0, generation: slot.generation })
    }

    /// The calls on one import that are still waiting for permits.
    pub(crate) fn queued_on(&self, import: usize) -> Vec<CallKey> {
        self.slots
            .iter()
            .filter(|(_, s)| s.import == import && s.queued.is_some())
            .map(|(n, s)| CallKey { index: n as u32, generation: s.generation })
            .collect()
    }

    #[cfg(test)]
    pub(crate) fn iter(&self) -> impl Iterator<Item = (CallId, &Slot)> + '_ {
        self.slots.iter().filter(|(_, s)| !s.answered).map(|(n, s)| (CallId(n as u32), s))
    }

    /// All of them, at the end of the connection.
    pub(crate) fn drain(&mut self) -> Vec<Slot> {
        self.answered = 0;
        self.large = 0;
        self.slots.drain().collect()
    }
}
