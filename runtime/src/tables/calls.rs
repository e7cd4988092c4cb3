//! The calls that this side made and that are not answered (N6).
//!
//! A slot lives from the moment a call is made until its one answer has arrived. Dropping or timing out takes only the
//! waiter away: slot, number and permits come back with the answer and with nothing else.

use slab::Slab;
use tokio::sync::oneshot;

use super::Violation;
use crate::answer::Answer;
use crate::call::Request;
use crate::wire::CallId;

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

/// Who waits for an answer.
pub(crate) type Waiter = oneshot::Sender<Answer>;

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
}

#[derive(Debug, Default)]
pub(crate) struct Calls {
    slots: Slab<Slot>,
    generation: u32,
    answered: usize,
}

impl Calls {
    /// The calls that are not answered.
    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.answered
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
        Some(self.slots.remove(key.index as usize))
    }

    /// An answer arrives on `lane`.
    pub(crate) fn answer(&mut self, call: CallId, lane: usize) -> Result<Slot, Violation> {
        match self.slots.get(call.0 as usize) {
            Some(slot) if slot.lane == lane && slot.queued.is_none() && !slot.answered => {}
            _ => return Err(Violation::UnknownAnswer),
        }
        let slot = &mut self.slots[call.0 as usize];
        if slot.promise.is_some() {
            slot.answered = true;
            self.answered += 1;
            return Ok(Slot { waiter: slot.waiter.take(), queued: None, ..*slot });
        }
        Ok(self.slots.remove(call.0 as usize))
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
        self.slots.drain().collect()
    }
}
