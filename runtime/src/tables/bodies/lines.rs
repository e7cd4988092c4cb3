//! Calls that wait for their own large body, and those behind them: of one connection, one object (or answer that is promised) and one
//! depth.
//!
//! Everybody else passes. A call leaves its line for the turn of its object when it is at the head and whole.

use std::collections::{HashMap, VecDeque};

use crate::object::{Delivery, LocalObject};
use crate::tables::{Callee, RandomState, mutation};
use crate::wire::{BodyId, CallId, ObjectId};

/// Which line: whose calls, and of which depth.
pub(in crate::tables) type Line = (Whose, u8);

/// Whose calls stand in a line. What is called through a promise is a handle of its own, with its own order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::tables) enum Whose {
    Object(ObjectId),
    /// Those on the kept answer of this call of the lane.
    Answer(usize, CallId),
}

impl Whose {
    pub(in crate::tables) fn of(lane: usize, callee: Callee) -> Whose {
        match callee {
            Callee::Object(id) => Whose::Object(id),
            Callee::Answer(call) => Whose::Answer(lane, call),
        }
    }

    pub(in crate::tables) fn callee(self) -> Callee {
        match self {
            Whose::Object(id) => Callee::Object(id),
            Whose::Answer(_, call) => Callee::Answer(call),
        }
    }
}

/// A call or notice in a line.
#[derive(Debug)]
pub(in crate::tables) struct Held {
    pub(in crate::tables) object: LocalObject,
    pub(in crate::tables) delivery: Delivery,
    /// `None` is a notice.
    pub(in crate::tables) call: Option<CallId>,
    pub(in crate::tables) lane: usize,
    pub(in crate::tables) cost: u32,
    /// What it waits for.
    pub(in crate::tables) body: Option<BodyId>,
}

#[derive(Debug, Default)]
pub(in crate::tables) struct Lines(HashMap<Line, VecDeque<Held>, RandomState>);

impl Lines {
    pub(in crate::tables) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(in crate::tables) fn contains(&self, line: Line) -> bool {
        !self.0.is_empty() && self.0.contains_key(&line) && !mutation!(LineOvertaken)
    }

    pub(in crate::tables) fn push(&mut self, line: Line, held: Held) {
        self.0.entry(line).or_default().push_back(held);
    }

    /// The call that waits for this body.
    pub(in crate::tables) fn waits_for(&mut self, line: Line, body: BodyId) -> Option<&mut Held> {
        self.0.get_mut(&line)?.iter_mut().find(|held| held.body == Some(body))
    }

    /// Takes a call out of the middle of its line.
    pub(in crate::tables) fn take(&mut self, line: Line, which: impl Fn(&Held) -> bool) -> Option<Held> {
        let calls = self.0.get_mut(&line)?;
        let at = calls.iter().position(which)?;
        calls.remove(at)
    }

    /// The call at the head, if it is whole.
    pub(in crate::tables) fn pop(&mut self, line: Line) -> Option<Held> {
        let calls = self.0.get_mut(&line)?;
        let next =
            if calls.front().is_some_and(|held| held.body.is_none()) { calls.pop_front() } else { None };
        if calls.is_empty() {
            self.0.remove(&line);
        }
        next
    }

    /// Takes all calls to one object.
    pub(in crate::tables) fn take_all_of(&mut self, key: u64) -> Vec<(Line, Held)> {
        let mut all = Vec::new();
        self.0.retain(|&line, calls| {
            if calls.front().is_none_or(|held| held.object.key() != key) {
                return true;
            }
            all.extend(calls.drain(..).map(|held| (line, held)));
            false
        });
        all
    }

    pub(in crate::tables) fn drain(&mut self) -> impl Iterator<Item = Held> + '_ {
        self.0.drain().flat_map(|(_, calls)| calls)
    }

    /// Whole calls that stand behind one that is not.
    #[cfg(test)]
    pub(in crate::tables) fn held_back(&self) -> usize {
        self.0.values().flatten().filter(|held| held.body.is_none()).count()
    }

    #[cfg(test)]
    pub(in crate::tables) fn len(&self) -> usize {
        self.0.values().map(VecDeque::len).sum()
    }
}
