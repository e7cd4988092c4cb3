//! The calls of the peer that arrived here and are not answered (N6).

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use super::{RandomState, Violation};
use crate::object::CallContext;
use crate::wire::{CallId, ObjectId};

#[derive(Debug)]
pub(crate) struct Running {
    calls: HashMap<(usize, CallId), Run, RandomState>,
    /// Permits of the connection that the peer has out, notices included.
    cost: u32,
    cost_max: u32,
    notices: u32,
    large: usize,
}

/// What a call or notice is sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Callee {
    Object(ObjectId),
    /// The kept answer of a call on the same lane.
    Answer(CallId),
}

#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) callee: Callee,
    pub(crate) cost: u32,
    pub(crate) context: Arc<CallContext>,
    /// Its arguments are a large body.
    pub(crate) large: bool,
    /// The peer has cancelled it.
    pub(crate) cancelled: bool,
}

impl Running {
    pub(crate) fn new(cost_max: u32) -> Running {
        Running { calls: HashMap::default(), cost: 0, cost_max, notices: 0, large: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.calls.len() + self.notices as usize
    }

    /// Permits of the connection that the peer has out.
    pub(crate) fn cost(&self) -> u32 {
        self.cost
    }

    /// How many of the calls have large arguments.
    pub(crate) fn large(&self) -> usize {
        self.large
    }

    pub(crate) fn pay(&mut self, cost: u32) -> Result<(), Violation> {
        self.cost += cost;
        if self.cost > self.cost_max { Err(Violation::TooMuchOutstanding) } else { Ok(()) }
    }

    pub(crate) fn insert(&mut self, lane: usize, call: CallId, run: Run) -> Result<(), Violation> {
        match self.calls.entry((lane, call)) {
            Entry::Vacant(free) => {
                self.large += usize::from(run.large);
                free.insert(run);
                Ok(())
            }
            // The call that has the number stays, to be stopped with the connection.
            Entry::Occupied(_) => Err(Violation::CallIdInUse(call)),
        }
    }

    /// The call is being answered.
    pub(crate) fn remove(&mut self, lane: usize, call: CallId) -> Option<Run> {
        let run = self.calls.remove(&(lane, call))?;
        self.cost -= run.cost;
        self.large -= usize::from(run.large);
        Some(run)
    }

    pub(crate) fn get(&mut self, lane: usize, call: CallId) -> Option<&mut Run> {
        self.calls.get_mut(&(lane, call))
    }

    pub(crate) fn notice(&mut self) {
        self.notices += 1;
    }

    pub(crate) fn notice_done(&mut self, cost: u32) {
        self.notices -= 1;
        self.cost -= cost;
    }

    pub(crate) fn drain(&mut self) -> Vec<Run> {
        self.cost = 0;
        self.notices = 0;
        self.large = 0;
        self.calls.drain().map(|(_, run)| run).collect()
    }
}
