//! Two different chains of calls that cross: each holds a turn that the other waits for. The turns of one node are
//! looked at together, so that such a circle is found where it closes.
//!
//! Only turns for which a call of some chain has waited long are known here, and those exactly: who holds them, who
//! waits. A waiting call needs everybody who holds its turn to leave; a holder leaves when the calls that carry its
//! token in their path have ended. A circle of these two is complete when the last of its calls begins to be known, since a
//! holder that has just entered has made no call yet: one search for each call is enough, and it is that call that
//! gives up.
//!
//! What this deliberately does not do: it takes nothing on suspicion (what waits for less than the caller's patience is not here), it
//! asks no other node, and it does not know whether a handler really awaits the calls it has made:
//! work that runs under `Caller::scope` counts as awaited.

use std::collections::{HashMap, HashSet, VecDeque};

use super::RandomState;
use super::turn::{Place, Ticket};
use crate::descriptor::Described;
use crate::wire::{Path, Token};

#[cfg(test)]
mod tests;

/// The most waiting calls that are known at a time; further ones wait for their deadline.
const WAITING_MAX: usize = 4_096;

/// Names an object of this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TurnKey(pub(crate) u64);

/// The turns of one node for which calls have waited long.
#[derive(Debug, Default)]
pub(crate) struct Crossings {
    turns: HashMap<TurnKey, Known, RandomState>,
    /// Which waiting calls have this ancestor.
    by_ancestor: HashMap<Token, Vec<Waiting>, RandomState>,
    waiting: usize,
}

/// One call that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Waiting {
    turn: TurnKey,
    ticket: Ticket,
}

/// One turn and its calls; who waits without a chain is left out.
#[derive(Debug)]
struct Known {
    interface: Described,
    holders: HashMap<Ticket, (Token, u16), RandomState>,
    waiting: HashMap<Ticket, (Path, u16), RandomState>,
}

/// Calls that wait for each other in a circle, from the one that has closed it on: what each waits in, and what holds the
/// turn that it waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Circle(pub(crate) Vec<(String, String)>);

impl std::fmt::Display for Circle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (n, (waits, holds)) in self.0.iter().enumerate() {
            let joint = if n == 0 { "" } else { ", which waits in " };
            write!(f, "{joint}{waits} for {holds}")?;
        }
        f.write_str(", which waits for this call")
    }
}

impl Crossings {
    /// A call has waited long: it is known from now on, until [`Crossings::entered`] or [`Crossings::left`] names it; or it has closed
    /// a circle, and is to give up. `holders` is who holds the turn at this moment.
    pub(crate) fn wait(
        &mut self,
        turn: TurnKey,
        interface: &Described,
        call: Place,
        path: &[Token],
        holders: impl Iterator<Item = Place>,
    ) -> Result<(), Circle> {
        if self.waiting >= WAITING_MAX {
            return Ok(());
        }
        let known = self.turns.entry(turn).or_insert_with(|| Known {
            interface: interface.clone(),
            holders: holders.filter_map(|h| Some((h.ticket, (h.token?, h.method)))).collect(),
            waiting: HashMap::default(),
        });
        known.waiting.insert(call.ticket, (path.into(), call.method));
        self.waiting += 1;
        let mine = Waiting { turn, ticket: call.ticket };
        for &token in path {
            self.by_ancestor.entry(token).or_default().push(mine);
        }
        match self.circle(mine, path) {
            None => Ok(()),
            Some(circle) => {
                self.forget(turn, call.ticket);
                Err(circle)
            }
        }
    }

    /// A call holds a known turn from now on; it may have waited before.
    pub(crate) fn entered(&mut self, turn: TurnKey, call: Place) {
        if let (Some(known), Some(token)) = (self.turns.get_mut(&turn), call.token) {
            known.holders.insert(call.ticket, (token, call.method));
        }
        self.forget(turn, call.ticket);
    }

    /// A call no longer holds a known turn, or waits for it no more.
    pub(crate) fn left(&mut self, turn: TurnKey, ticket: Ticket) {
        if let Some(known) = self.turns.get_mut(&turn) {
            known.holders.remove(&ticket);
        }
        self.forget(turn, ticket);
    }

    /// A call waits no more. A turn for which no known call waits is forgotten.
    fn forget(&mut self, turn: TurnKey, ticket: Ticket) {
        let Some(known) = self.turns.get_mut(&turn) else { return };
        if let Some((path, _)) = known.waiting.remove(&ticket) {
            self.waiting -= 1;
            for token in path {
                let Some(calls) = self.by_ancestor.get_mut(&token) else { continue };
                calls.retain(|&call| call != Waiting { turn, ticket });
                if calls.is_empty() {
                    self.by_ancestor.remove(&token);
                }
            }
        }
        if known.waiting.is_empty() {
            self.turns.remove(&turn);
        }
    }

    /// Whether anybody waits for this turn: whether its changes are to be told.
    pub(crate) fn knows(&self, turn: TurnKey) -> bool {
        self.turns.contains_key(&turn)
    }

    /// The shortest circle from a call over those who hold its turn, the calls that these wait for, and so on, to an
    /// ancestor of the call.
    fn circle(&self, from: Waiting, path: &[Token]) -> Option<Circle> {
        let mut seen: HashSet<TurnKey, RandomState> = HashSet::default();
        seen.insert(from.turn);
        // Each with the step before it and the one that holds that step's turn.
        let mut steps: Vec<(Waiting, Option<(usize, u16)>)> = vec![(from, None)];
        let mut due = VecDeque::from([0]);
        while let Some(at) = due.pop_front() {
            for &(token, method) in self.turns.get(&steps[at].0.turn)?.holders.values() {
                if path.contains(&token) {
                    return self.tell(&steps, at, method);
                }
                for &next in self.by_ancestor.get(&token).into_iter().flatten() {
                    if seen.insert(next.turn) {
                        due.push_back(steps.len());
                        steps.push((next, Some((at, method))));
                    }
                }
            }
        }
        None
    }

    fn tell(&self, steps: &[(Waiting, Option<(usize, u16)>)], last: usize, holder: u16) -> Option<Circle> {
        let mut circle = Vec::new();
        let (mut at, mut holder) = (last, holder);
        loop {
            let (call, before) = &steps[at];
            let known = self.turns.get(&call.turn)?;
            let (_, method) = known.waiting.get(&call.ticket)?;
            circle.push((known.interface.path(*method), known.interface.path(holder)));
            let Some((before, method)) = *before else { break };
            (at, holder) = (before, method);
        }
        circle.reverse();
        Some(Circle(circle))
    }

    /// Nothing is known of anybody.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.turns.is_empty() && self.by_ancestor.is_empty() && self.waiting == 0
    }
}
