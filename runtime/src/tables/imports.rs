//! The objects of the peer that this side holds (N3, N4): units, holders, what is unanswered.
//!
//! An import is *quiet* when nothing that was sent to it is unanswered. It is released when nobody holds it and it is quiet,
//! whole and at once; that is what makes every order of arrival at the other side right.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use slab::Slab;

use super::exports::UNITS;
use super::{RandomState, Violation, mutation};
use crate::proxy::{Import, ImportKey};
use crate::wire::{CallId, ObjectId, Release};

/// The table of what was received on one connection.
#[derive(Debug)]
pub(crate) struct Imports {
    slots: Slab<Entry>,
    by_id: HashMap<ObjectId, usize, RandomState>,
    /// Units on their way back; one entry an id, so it is bounded by the peer's exports.
    due: HashMap<ObjectId, (u64, bool), RandomState>,
    max: usize,
    /// Own lanes of imports that have ended.
    to_retire: Vec<usize>,
    /// How many of the slots stand for answers that were promised.
    promises: usize,
    /// Promises that have just ended.
    finished: Vec<Finished>,
}

/// A promise that nobody holds and on which nothing is unanswered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Finished {
    pub(crate) lane: usize,
    /// The call whose answer was promised; `None` if it was never sent.
    pub(crate) call: Option<CallId>,
}

/// Of an import with a lane of its own that was not called yet.
pub(super) const NO_LANE: usize = usize::MAX;

#[derive(Debug)]
pub(crate) struct Entry {
    /// Of a promise: the number of the call whose answer it is.
    pub(crate) id: ObjectId,
    /// The lane on which it first arrived, or its own; all calls to it go there.
    pub(crate) lane: usize,
    /// The lane is nobody else's.
    own_lane: bool,
    /// Of a promise: whose method numbers the host was told, 0 before.
    pub(crate) fingerprint: u64,
    /// The handle that all its holders share; dangling when nobody holds it.
    pub(crate) handle: Weak<Import>,
    units: u64,
    held: bool,
    /// It stands for the answer of a call, to which calls are sent before it is there.
    promise: bool,
    /// Of a promise: its call was never sent.
    orphan: bool,
    /// Calls and notices that wait for permits: their handle may be gone, and they are still to be sent.
    queued: u32,
    out: u32,
    /// Why it is gone, or broken if it is a promise.
    pub(crate) dead: Option<Arc<str>>,
}

/// An import that has just ended; if its object did, its holders keep a dead shell.
#[derive(Debug)]
pub(crate) struct Shell(
    #[expect(dead_code, reason = "kept so that watchers can be told")] pub(crate) Weak<Import>,
);

impl Imports {
    /// With the lobby as an entry that nothing removes.
    pub(crate) fn new(max: usize) -> Imports {
        let mut imports = Imports {
            slots: Slab::new(),
            by_id: HashMap::default(),
            due: HashMap::default(),
            max,
            to_retire: Vec::new(),
            promises: 0,
            finished: Vec::new(),
        };
        imports.insert(ObjectId::LOBBY, 0, false, crate::lobby::DESCRIPTOR.fingerprint);
        imports
    }

    fn insert(&mut self, id: ObjectId, lane: usize, own_lane: bool, fingerprint: u64) -> usize {
        let slot = self.slots.insert(Entry {
            id,
            lane: if own_lane { NO_LANE } else { lane },
            own_lane,
            fingerprint,
            handle: Weak::new(),
            units: 0,
            held: id == ObjectId::LOBBY,
            promise: false,
            orphan: false,
            queued: 0,
            out: 0,
            dead: None,
        });
        self.by_id.insert(id, slot);
        slot
    }

    /// Without the lobby and without promises.
    pub(crate) fn len(&self) -> usize {
        self.by_id.len() - 1
    }

    /// The answer of a call was promised, and is held from the beginning. The caller sets the handle.
    pub(crate) fn promise(&mut self, call: CallId, lane: usize) -> usize {
        self.promises += 1;
        self.slots.insert(Entry {
            id: ObjectId(call.0),
            lane,
            own_lane: false,
            fingerprint: 0,
            handle: Weak::new(),
            units: 0,
            held: true,
            promise: true,
            orphan: false,
            queued: 0,
            out: 0,
            dead: None,
        })
    }

    /// The promise in this slot. Whoever holds its handle finds it, until the connection has ended.
    pub(crate) fn promised(&mut self, slot: usize) -> Option<&mut Entry> {
        self.slots.get_mut(slot).filter(|e| e.promise)
    }

    /// The call whose answer was promised has failed: later calls on it fail at once. `sent` says whether the peer knows of it.
    pub(crate) fn break_promise(
        &mut self,
        slot: usize,
        cause: &Arc<str>,
        sent: bool,
        shells: &mut Vec<Shell>,
    ) {
        let Some(entry) = self.promised(slot) else { return };
        entry.dead = Some(cause.clone());
        entry.orphan |= !sent;
        shells.push(Shell(entry.handle.clone()));
    }

    /// The last handle of a promise may have been dropped.
    pub(crate) fn let_go_promise(&mut self, slot: usize, shells: &mut Vec<Shell>) -> Option<usize> {
        let entry = self.promised(slot)?;
        if entry.handle.strong_count() > 0 {
            return None;
        }
        entry.held = false;
        self.settle(slot, shells)
    }

    /// The next promise that has ended.
    pub(crate) fn next_finished(&mut self) -> Option<Finished> {
        self.finished.pop()
    }

    pub(crate) fn slot(&self, slot: usize) -> &Entry {
        &self.slots[slot]
    }

    pub(crate) fn get(&self, slot: usize, id: ObjectId) -> Option<&Entry> {
        self.slots.get(slot).filter(|e| e.id == id && !e.promise)
    }

    /// Whether the import of this handle has not ended: one that came for the same object later has another handle.
    pub(crate) fn is_current(&self, import: ImportKey) -> bool {
        if import.promise {
            return self.slots.get(import.slot).is_some_and(|e| e.promise && e.dead.is_none());
        }
        let same = |e: &Entry| e.id == ObjectId::LOBBY || e.handle.as_ptr() as usize == import.address;
        self.get(import.slot, import.id).is_some_and(same)
    }

    /// An export of the peer arrives on `lane`: its units and one more holder. The caller sets the handle if there is none.
    pub(crate) fn arrive(
        &mut self,
        id: ObjectId,
        lane: usize,
        own_lane: bool,
        fingerprint: u64,
    ) -> Result<(usize, &mut Entry), Violation> {
        if id == ObjectId::LOBBY {
            return Err(Violation::LobbyExported);
        }
        let slot = match self.by_id.get(&id) {
            Some(&slot) => slot,
            // What is due counts as well: who takes no releases must not make them grow without end.
            None if self.by_id.len() > self.max
                || self.by_id.len() + self.due.len() > 2 * self.max.max(8) =>
            {
                return Err(Violation::TooManyImports);
            }
            None => self.insert(id, lane, own_lane, fingerprint),
        };
        let entry = &mut self.slots[slot];
        entry.units += UNITS;
        entry.held = true;
        if entry.units > 2 * UNITS && !mutation!(KeepSurplus) {
            let surplus = entry.units - UNITS;
            entry.units = UNITS;
            add_due(&mut self.due, id, surplus, false);
        }
        Ok((slot, entry))
    }

    /// One unit goes home inside a reference.
    pub(crate) fn send_home(&mut self, slot: usize, id: ObjectId) -> SentHome {
        let Some(entry) = self.slots.get_mut(slot).filter(|e| e.id == id && e.dead.is_none() && !e.promise)
        else {
            return SentHome::Dead;
        };
        if mutation!(HomeForFree) {
            return SentHome::Unit;
        }
        if entry.units < 2 {
            return SentHome::OutOfUnits;
        }
        entry.units -= 1;
        SentHome::Unit
    }

    /// A reference that was to go home is not sent after all.
    pub(crate) fn unit_back(&mut self, id: ObjectId) {
        if let Some(&slot) = self.by_id.get(&id) {
            self.slots[slot].units += 1;
        }
    }

    /// The last handle of `id` may have been dropped; `still_held` says whether it is so by now.
    pub(crate) fn let_go(&mut self, id: ObjectId, shells: &mut Vec<Shell>) -> Option<usize> {
        let &slot = self.by_id.get(&id)?;
        let entry = &mut self.slots[slot];
        if id == ObjectId::LOBBY || entry.handle.strong_count() > 0 {
            return None;
        }
        entry.held = false;
        self.settle(slot, shells)
    }

    /// A lane of its own is being opened for an import.
    pub(crate) fn set_lane(&mut self, slot: usize, lane: usize) {
        if !mutation!(OwnLaneForgotten) {
            self.slots[slot].lane = lane;
        }
    }

    /// An own lane whose import has ended.
    pub(crate) fn lane_to_retire(&mut self) -> Option<usize> {
        self.to_retire.pop()
    }

    /// A call or notice waits for permits.
    pub(crate) fn queued(&mut self, slot: usize) {
        self.slots[slot].queued += 1;
    }

    /// It waits no more: it was appended, or will never be. Gives the slot if the import ended by it.
    pub(crate) fn unqueued(&mut self, slot: usize, shells: &mut Vec<Shell>) -> Option<usize> {
        self.slots[slot].queued -= 1;
        self.settle(slot, shells)
    }

    /// A call or notice was appended.
    pub(crate) fn sent(&mut self, slot: usize) {
        self.slots[slot].out += 1;
    }

    /// Answers have arrived. Gives the slot if the import ended by it.
    pub(crate) fn answered(
        &mut self,
        slot: usize,
        count: u32,
        shells: &mut Vec<Shell>,
    ) -> Result<Option<usize>, Violation> {
        let entry = self.slots.get_mut(slot).ok_or(Violation::UnknownAnswer)?;
        entry.out = entry.out.checked_sub(count).ok_or(Violation::UnknownAnswer)?;
        Ok(self.settle(slot, shells))
    }

    /// The slot of an import, for answers that name the object.
    pub(crate) fn slot_of(&self, id: ObjectId) -> Option<usize> {
        self.by_id.get(&id).copied()
    }

    /// The peer says that the object has ended. Answered by one release when the import is quiet, at once if unknown.
    pub(crate) fn gone(
        &mut self,
        id: ObjectId,
        reason: Arc<str>,
        shells: &mut Vec<Shell>,
    ) -> Result<Gone, Violation> {
        if id == ObjectId::LOBBY {
            return Err(Violation::LobbyGone);
        }
        let Some(&slot) = self.by_id.get(&id) else {
            // An answer is due for each; who takes none must not make them grow without end.
            if self.due.len() > 2 * self.max {
                return Err(Violation::TooManyGone);
            }
            if !mutation!(ForgetUnknownGone) {
                add_due(&mut self.due, id, 0, true);
            }
            return Ok(Gone::Unknown);
        };
        // Its holders keep the reason when the entry is removed.
        if let Some(import) = self.slots[slot].handle.upgrade() {
            import.has_gone(&reason);
        }
        self.slots[slot].dead = Some(reason);
        if mutation!(AnswerGoneBeforeQuiet) {
            add_due(&mut self.due, id, 0, true);
            return Ok(Gone::Dead(slot, None));
        }
        Ok(Gone::Dead(slot, self.settle(slot, shells)))
    }

    pub(crate) fn dead(&self, slot: usize) -> Option<&Arc<str>> {
        self.slots[slot].dead.as_ref()
    }

    /// The one place where an import ends: quiet, and nobody holds it or its object is gone (N4).
    fn settle(&mut self, slot: usize, shells: &mut Vec<Shell>) -> Option<usize> {
        let entry = &self.slots[slot];
        let waits = entry.queued > 0 && !mutation!(ReleaseWhileQueued);
        let hasty = mutation!(FinishBeforeQuiet);
        let quiet = entry.out == 0 && !waits || mutation!(ReleaseBeforeQuiet) || hasty && entry.promise;
        let ended = entry.dead.is_some() && !entry.promise || !entry.held;
        if !quiet || !ended {
            return None;
        }
        let entry = self.slots.remove(slot);
        if entry.promise {
            self.promises -= 1;
            let call = (!entry.orphan).then_some(CallId(entry.id.0));
            self.finished.push(Finished { lane: entry.lane, call });
            return Some(slot);
        }
        self.by_id.remove(&entry.id);
        if entry.own_lane && entry.lane != NO_LANE && !mutation!(OwnLaneNotRetired) {
            self.to_retire.push(entry.lane);
        }
        add_due(&mut self.due, entry.id, entry.units, entry.dead.is_some());
        // Whoever watches without holding it is told as well.
        if !mutation!(WatchersUntold) {
            shells.push(Shell(entry.handle));
        }
        Some(slot)
    }

    /// Takes up to `max` releases that are due.
    pub(crate) fn take_due(&mut self, max: usize) -> Vec<Release> {
        let ids: Vec<ObjectId> = self.due.keys().copied().take(max).collect();
        ids.into_iter()
            .filter_map(|id| self.due.remove(&id).map(|(units, gone)| Release { id, units, gone }))
            .collect()
    }

    pub(crate) fn release_is_due(&self) -> bool {
        !self.due.is_empty()
    }

    /// The connection has ended.
    pub(crate) fn end(&mut self) -> Vec<Shell> {
        self.by_id.clear();
        self.due.clear();
        self.promises = 0;
        let lobby = ObjectId::LOBBY;
        let slots = std::mem::take(&mut self.slots);
        let mut shells = Vec::new();
        for (_, entry) in slots {
            if entry.held && (entry.promise || entry.id != lobby) {
                shells.push(Shell(entry.handle));
            }
        }
        self.insert(lobby, 0, false, crate::lobby::DESCRIPTOR.fingerprint);
        shells
    }

    /// Slot, number, units, calls under way, whether it is dead; the lobby too.
    #[cfg(test)]
    pub(crate) fn entries(&self) -> impl Iterator<Item = (usize, ObjectId, u64, u32, bool)> + '_ {
        let imports = self.slots.iter().filter(|(_, e)| !e.promise);
        imports.map(|(slot, e)| (slot, e.id, e.units, e.out, e.dead.is_some()))
    }

    /// Whether a slot is that of a promise.
    #[cfg(test)]
    pub(crate) fn promised_at(&self, slot: usize) -> bool {
        self.promise_call(slot).is_some()
    }

    /// The call whose answer the promise in a slot is.
    #[cfg(test)]
    pub(crate) fn promise_call(&self, slot: usize) -> Option<CallId> {
        self.slots.get(slot).filter(|e| e.promise).map(|e| CallId(e.id.0))
    }

    /// Of each promise whose call the peer knows or will know: slot, lane, call, calls under way on it.
    #[cfg(test)]
    pub(crate) fn promises(&self) -> impl Iterator<Item = (usize, usize, CallId, u32)> + '_ {
        let promises = self.slots.iter().filter(|(_, e)| e.promise && !e.orphan);
        promises.map(|(slot, e)| (slot, e.lane, CallId(e.id.0), e.out))
    }

    /// The units that are about to be released.
    #[cfg(test)]
    pub(crate) fn due(&self) -> impl Iterator<Item = (ObjectId, u64)> + '_ {
        self.due.iter().map(|(&id, &(units, _))| (id, units))
    }
}

/// What became of a reference that was to go home.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum SentHome {
    Unit,
    Dead,
    OutOfUnits,
}

/// What a `Gone` hit.
#[derive(Debug)]
pub(crate) enum Gone {
    Unknown,
    /// The import in this slot; the second is the slot again if it ended at once.
    Dead(usize, Option<usize>),
}

fn add_due(due: &mut HashMap<ObjectId, (u64, bool), RandomState>, id: ObjectId, units: u64, gone: bool) {
    let entry = due.entry(id).or_insert((0, false));
    // Only a peer that hands out without end and reads no answer comes near; its own count is lost then.
    entry.0 = entry.0.saturating_add(units);
    entry.1 |= gone;
}
