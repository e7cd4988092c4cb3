//! The objects of this side that the peer holds (N3, N5): units, calls under way, tombstones.
//!
//! One export is worth [`UNITS`] units; the entry lives until all of them are back. No acknowledgement and no
//! timing: whatever brings the last unit (a release, a reference coming home) ends it, in any order of arrival.

use std::collections::HashMap;
use std::sync::Arc;

use super::{RandomState, Violation, mutation};
use crate::object::LocalObject;
use crate::wire::ObjectId;

/// What one export is worth.
pub(crate) const UNITS: u64 = 1 << 40;

/// The table of what was handed out on one connection.
#[derive(Debug)]
pub(crate) struct Exports {
    entries: HashMap<ObjectId, Export, RandomState>,
    by_object: HashMap<u64, ObjectId, RandomState>,
    gone_due: Vec<ObjectId>,
    next_id: u32,
    max: usize,
    calls_max: u32,
}

#[derive(Debug)]
struct Export {
    object: Target,
    key: u64,
    fingerprint: u64,
    units: u64,
    /// Calls and notices that arrived and are not answered.
    busy: u32,
    /// Its end is to be said.
    gone_due: bool,
}

#[derive(Debug)]
enum Target {
    Alive(LocalObject),
    Dead(Arc<str>),
}

/// Whom a call or a reference reaches.
#[derive(Debug)]
pub(crate) enum Found<O> {
    Object(O),
    Dead(Arc<str>),
    Unknown,
}

/// Why an object cannot be handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotExported {
    /// The peer holds as many as [`crate::Config::exports_max`] says.
    TooMany,
    /// It was handed out 2^23 times, and the peer has given nothing back.
    TooOften,
}

impl Exports {
    pub(crate) fn new(max: usize, calls_max: u32) -> Exports {
        Exports {
            entries: HashMap::default(),
            by_object: HashMap::default(),
            gone_due: Vec::new(),
            next_id: 1,
            max,
            calls_max,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The peer holds no more than this.
    pub(crate) fn at_most(&mut self, max: usize) {
        self.max = self.max.min(max);
    }

    /// Hands the object out once more.
    pub(crate) fn export(&mut self, object: &LocalObject) -> Result<ObjectId, NotExported> {
        if let Some(&id) = self.by_object.get(&object.key()) {
            let entry = self.entries.get_mut(&id).expect("by_object names only living entries");
            // An honest import returns its surplus long before.
            entry.units =
                entry.units.checked_add(UNITS).filter(|&u| u < 1 << 63).ok_or(NotExported::TooOften)?;
            return Ok(id);
        }
        if self.entries.len() >= self.max {
            return Err(NotExported::TooMany);
        }
        let id = self.fresh_id();
        self.by_object.insert(object.key(), id);
        self.entries.insert(
            id,
            Export {
                key: object.key(),
                fingerprint: object.descriptor().fingerprint,
                object: Target::Alive(object.clone()),
                units: UNITS,
                busy: 0,
                gone_due: false,
            },
        );
        Ok(id)
    }

    /// A counter, not a free list: a late frame for an old object must not hit a new one.
    fn fresh_id(&mut self) -> ObjectId {
        if mutation!(ReuseIds) {
            return (1..).map(ObjectId).find(|id| !self.entries.contains_key(id)).expect("fewer than 2^32");
        }
        loop {
            let id = ObjectId(self.next_id);
            self.next_id = self.next_id.checked_add(1).unwrap_or(1);
            if !self.entries.contains_key(&id) {
                return id;
            }
        }
    }

    /// A reference to an object of ours arrives: a strong hold on the object first, then its unit is taken off.
    pub(crate) fn home(
        &mut self,
        id: ObjectId,
        garbage: &mut Vec<LocalObject>,
    ) -> Result<Found<LocalObject>, Violation> {
        let entry = self.entries.get(&id).ok_or(Violation::UnknownHome(id))?;
        let found = match &entry.object {
            Target::Alive(object) => Found::Object(object.clone()),
            Target::Dead(reason) => Found::Dead(reason.clone()),
        };
        self.take_off(id, 1, garbage)?;
        Ok(found)
    }

    /// The peer gives units back; with `gone` it answers a `Gone`, which is said again while units are missing.
    pub(crate) fn release(
        &mut self,
        id: ObjectId,
        units: u64,
        gone: bool,
        garbage: &mut Vec<LocalObject>,
    ) -> Result<(), Violation> {
        if units == 0 && !self.entries.contains_key(&id) {
            return Ok(());
        }
        self.take_off(id, units, garbage)?;
        if gone && !mutation!(GoneOnce) {
            self.say_gone(id);
        }
        Ok(())
    }

    fn take_off(
        &mut self,
        id: ObjectId,
        units: u64,
        garbage: &mut Vec<LocalObject>,
    ) -> Result<(), Violation> {
        let entry = self.entries.get_mut(&id).ok_or(Violation::OverRelease(id))?;
        entry.units = entry.units.checked_sub(units).ok_or(Violation::OverRelease(id))?;
        if entry.units > 0 {
            return Ok(());
        }
        if entry.busy > 0 {
            return Err(Violation::ReleasedWhileBusy(id));
        }
        let entry = self.entries.remove(&id).expect("it was just found");
        if self.by_object.get(&entry.key) == Some(&id) {
            self.by_object.remove(&entry.key);
        }
        if let Target::Alive(object) = entry.object {
            garbage.push(object);
        }
        Ok(())
    }

    /// A call or notice for `id` has arrived; it counts as busy until [`Exports::answered`].
    pub(crate) fn arrive(&mut self, id: ObjectId) -> Result<Found<&LocalObject>, Violation> {
        let Some(entry) = self.entries.get_mut(&id) else {
            return Ok(Found::Unknown);
        };
        entry.busy += 1;
        if entry.busy > self.calls_max {
            return Err(Violation::TooManyCalls(id));
        }
        Ok(match &entry.object {
            Target::Alive(object) => Found::Object(object),
            Target::Dead(reason) => Found::Dead(reason.clone()),
        })
    }

    /// Answers of `id` are on their way.
    pub(crate) fn answered(&mut self, id: ObjectId, count: u32) {
        if let Some(entry) = self.entries.get_mut(&id) {
            debug_assert!(entry.busy >= count);
            entry.busy = entry.busy.saturating_sub(count);
        }
    }

    /// The fingerprint under which `id` was handed out, even if it is gone by now.
    pub(crate) fn fingerprint(&self, id: ObjectId) -> Option<u64> {
        self.entries.get(&id).map(|e| e.fingerprint)
    }

    /// The object has ended: its entry becomes a tombstone and the peer is told.
    pub(crate) fn die(&mut self, key: u64, reason: &Arc<str>, garbage: &mut Vec<LocalObject>) {
        let Some(id) = self.by_object.remove(&key) else { return };
        if mutation!(NoTombstone) {
            self.entries.remove(&id);
            return;
        }
        let entry = self.entries.get_mut(&id).expect("by_object names only living entries");
        let dead = Target::Dead(reason.clone());
        if let Target::Alive(object) = std::mem::replace(&mut entry.object, dead) {
            garbage.push(object);
        }
        self.say_gone(id);
    }

    /// Once, however often it is asked for before it is said: a peer may ask for ever.
    fn say_gone(&mut self, id: ObjectId) {
        if let Some(entry) = self.entries.get_mut(&id)
            && matches!(entry.object, Target::Dead(_))
            && !std::mem::replace(&mut entry.gone_due, true)
        {
            self.gone_due.push(id);
        }
    }

    /// What is to be said of objects that are gone; empty afterwards.
    pub(crate) fn take_gone(&mut self) -> Vec<(ObjectId, Arc<str>)> {
        let due = std::mem::take(&mut self.gone_due);
        due.into_iter()
            .filter_map(|id| {
                let entry = self.entries.get_mut(&id)?;
                entry.gone_due = false;
                match &entry.object {
                    Target::Dead(reason) => Some((id, reason.clone())),
                    Target::Alive(_) => None,
                }
            })
            .collect()
    }

    pub(crate) fn gone_is_due(&self) -> bool {
        !self.gone_due.is_empty()
    }

    /// The connection has ended: all units are back at once.
    pub(crate) fn end(&mut self, garbage: &mut Vec<LocalObject>) {
        self.by_object.clear();
        self.gone_due.clear();
        for (_, entry) in self.entries.drain() {
            if let Target::Alive(object) = entry.object {
                garbage.push(object);
            }
        }
    }

    /// Number, units, calls under way, whether it is a tombstone.
    #[cfg(test)]
    pub(crate) fn entries(&self) -> impl Iterator<Item = (ObjectId, u64, u32, bool)> + '_ {
        self.entries.iter().map(|(&id, e)| (id, e.units, e.busy, matches!(e.object, Target::Dead(_))))
    }

    /// The key of the object that was handed out under this number.
    #[cfg(test)]
    pub(crate) fn key(&self, id: ObjectId) -> Option<u64> {
        self.entries.get(&id).map(|e| e.key)
    }

    #[cfg(test)]
    pub(crate) fn living(&self) -> impl Iterator<Item = &LocalObject> + '_ {
        self.entries.values().filter_map(|e| match &e.object {
            Target::Alive(object) => Some(object),
            Target::Dead(_) => None,
        })
    }
}
