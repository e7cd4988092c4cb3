//! The permits of one connection's caller: how many calls may be unanswered, per object and in all.
//!
//! A call takes one permit of its object and one of the connection per KiB of its frame, both at once, and both come
//! back with its answer. Two rules stand above the plain counts:
//!
//! * **By depth.** A call made at depth `d` (0 = outside any handler) leaves the last `R - d` permits alone, so each
//!   level of nested calls can always use one call more than the level above it, and the deepest always moves: calls
//!   that wait for permits held by their own ancestors cannot happen. On the connection a level's step is the cost of
//!   the largest call. For the same reason waiting is one line per object *and* depth.
//! * **Fair.** At depth 0 an object may hold no more of the connection than is still free at that depth, so that a few
//!   flooded objects never leave their neighbours without a permit. Both are counted in KiB, and the reserve is not
//!   free: in calls, two objects flooded with 9 KiB each would take all; with the reserve, five objects would.
//!
//! Within a line it is first come, first served. Lines that wait for the connection start deepest first, and in turn
//! among those of one depth; nobody takes the connection's permits past a call of its own depth that waits for them,
//! or a stream of small calls would keep a large one waiting for ever.
//!
//! What this deliberately does not do: it knows no frames, wakers or deadlines, and it does not say what a call costs.
//! When nobody waits, taking and giving back are a few comparisons and additions; else O(log lines) per answer.

use std::cmp::Reverse;
use std::collections::{BTreeSet, VecDeque};

mod lines;

#[cfg(test)]
mod nesting;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod walks;

use lines::{Import, Line, Own, Place, Standing, Waiter};

/// The most permits of the connection that one call takes: a frame of 16 KiB.
pub(crate) const COST_MAX: u32 = 16;

/// How many calls on one kept answer may be unanswered (N6).
pub(crate) const ON_ANSWER: u32 = 64;

/// How many permits there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PermitLimits {
    /// Unanswered calls per object, the reserve included. At least 1.
    pub(crate) object: u32,
    /// Unanswered KiB of frames on the connection, the reserve included. At least [`COST_MAX`].
    pub(crate) connection: u32,
    /// Up to which depth calls are promised a permit of their own: one permit of an object and [`COST_MAX`] of the
    /// connection per level, but at most half of either.
    pub(crate) reserve: u32,
}

impl Default for PermitLimits {
    fn default() -> Self {
        Self { object: 4_160, connection: 16_384, reserve: 64 }
    }
}

/// What becomes of a call that wants its permits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Want {
    /// It has them.
    Granted,
    /// It waits in its line; [`Permits::next`] names it when it has them.
    Queued,
    /// It is nested deeper than permits are reserved for, and none is free. It never ran.
    Overloaded,
}

/// More permits come back than are out, or a sum that these calls cannot have cost: the peer answered what was never
/// asked.
///
/// Nothing was changed. The peer breaks the protocol: the link is to be closed, and what ran is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{calls} calls of {cost} KiB answered where {calls_out} calls of {cost_out} KiB are under way")]
#[non_exhaustive]
pub(crate) struct Excess {
    /// How many calls the peer says it has answered.
    pub(crate) calls: u32,
    /// Their permits of the connection.
    pub(crate) cost: u32,
    /// The object's unanswered calls.
    pub(crate) calls_out: u32,
    /// Their permits of the connection.
    pub(crate) cost_out: u32,
}

/// All permits of one connection; `K` names a waiting call.
///
/// Imports are named by dense slot numbers: a number is free for another import after [`Permits::forget`].
#[derive(Clone, Debug)]
pub(crate) struct Permits<K> {
    limits: PermitLimits,
    object_reserve: u32,
    connection_reserve: u32,
    connection_out: u32,
    paused: bool,
    waiting: usize,
    imports: Vec<Import<K>>,
    /// Lines whose first call lacks at most permits of the connection.
    ready: BTreeSet<Standing>,
    /// Lines of depth 0 whose import holds more of the connection than is free: by what it holds, then slot number.
    greedy: BTreeSet<(u32, usize)>,
    /// Goes into the next [`Standing`].
    arrival: u64,
}

impl<K: Copy + Eq> Permits<K> {
    /// Nothing is out. Limits that are too small to move at all are raised to the smallest that do.
    pub(crate) fn new(limits: PermitLimits) -> Self {
        let (object, connection) = (limits.object.max(1), limits.connection.max(COST_MAX));
        Self {
            limits: PermitLimits { object, connection, ..limits },
            object_reserve: limits.reserve.min(object / 2),
            connection_reserve: limits.reserve.min(connection / 2 / COST_MAX),
            connection_out: 0,
            paused: false,
            waiting: 0,
            imports: Vec::new(),
            ready: BTreeSet::new(),
            greedy: BTreeSet::new(),
            arrival: 0,
        }
    }

    /// A call at `depth` wants a permit of the import and `cost` (1 to [`COST_MAX`]) of the connection.
    pub(crate) fn want(&mut self, import: usize, depth: u8, cost: u32, key: K) -> Want {
        debug_assert!((1..=COST_MAX).contains(&cost), "a call costs 1 to {COST_MAX} permits, not {cost}");
        if import >= self.imports.len() {
            self.imports.resize_with(import + 1, Import::default);
        }
        let (object, connection) = (self.object_has(import, depth), self.connection_has(depth, cost));
        let free = object && connection && self.is_fair(import, depth) && !self.paused;
        if free && (self.waiting == 0 || self.is_first(import, depth)) {
            self.take(import, cost);
            return Want::Granted;
        }
        let too_deep = |reserve| u32::from(depth) > reserve;
        let held = self.imports[import].own == Own::Held;
        let (_, reserve) = self.of_object(import);
        if too_deep(reserve) && !object && !held || too_deep(self.connection_reserve) && !connection {
            return Want::Overloaded;
        }
        self.queue(import, depth, cost, key);
        Want::Queued
    }

    /// Answers give their permits back: those of one call, or of several notices at once. Call [`Permits::next`] then.
    ///
    /// # Errors
    /// [`Excess`] if the import has fewer out, or if the rest cannot be what its remaining calls cost; nothing is
    /// changed then.
    pub(crate) fn give_back(&mut self, import: usize, calls: u32, cost: u32) -> Result<(), Excess> {
        let (calls_out, cost_out) = self.imports.get(import).map_or((0, 0), |slot| (slot.out, slot.cost_out));
        let excess = Excess { calls, cost, calls_out, cost_out };
        let calls_left = calls_out.checked_sub(calls).ok_or(excess)?;
        let cost_left = cost_out.checked_sub(cost).ok_or(excess)?;
        if cost_left < calls_left || cost_left > COST_MAX * calls_left {
            return Err(excess);
        }
        let Some(slot) = self.imports.get_mut(import) else { return Ok(()) };
        slot.out = calls_left;
        self.connection_out -= cost;
        self.set_cost_out(import, cost_left);
        if self.imports[import].waiting > 0 {
            self.retry_object(import);
        }
        Ok(())
    }

    /// A waiting call gives up; one that does not wait is ignored. Call [`Permits::next`] then.
    ///
    /// Looks for it from both ends of its line: deadlines pass from the front, and what is dropped together is dropped
    /// in the order made or in the reverse of it.
    pub(crate) fn withdraw(&mut self, import: usize, depth: u8, key: K) {
        let Some(line) = self.line(import, depth) else { return };
        let queue = &mut self.imports[import].lines[line].queue;
        let last = queue.len().saturating_sub(1);
        let mut places = (0..queue.len().div_ceil(2)).flat_map(|step| [step, last - step]);
        let Some(at) = places.find(|&at| queue[at].key == key) else { return };
        queue.remove(at);
        let emptied = queue.is_empty();
        self.imports[import].waiting -= 1;
        self.waiting -= 1;
        if emptied {
            self.unplace(import, line);
            self.imports[import].lines[line].trim();
        }
    }

    /// The next waiting call that has its permits now. Call until `None` after [`Permits::give_back`],
    /// [`Permits::withdraw`] and the end of a pause. (Not after [`Permits::want`]: should a granted call take from the
    /// first of those that wait what it needs besides the connection's permits, those behind it are looked at with the
    /// next answer, of which there is one, since something is out.)
    pub(crate) fn next(&mut self) -> Option<K> {
        if self.waiting == 0 || self.paused {
            return None;
        }
        // Even while others are ready, or it could be passed over for ever.
        self.admit_least_greedy();
        let (standing, line) = self.settle()?;
        let Waiter { key, cost } = *self.imports[standing.import].lines[line].queue.front()?;
        if !self.connection_has(standing.depth.0, cost) {
            return None;
        }
        let import = &mut self.imports[standing.import];
        import.lines[line].queue.pop_front();
        import.waiting -= 1;
        self.waiting -= 1;
        self.take(standing.import, cost);
        self.unplace(standing.import, line);
        if self.imports[standing.import].lines[line].queue.is_empty() {
            self.imports[standing.import].lines[line].trim();
        } else {
            self.place(standing.import, line);
        }
        Some(key)
    }

    /// While paused, calls wait whatever is free. Call [`Permits::next`] after a pause.
    pub(crate) fn pause(&mut self, paused: bool) {
        self.paused = paused;
    }

    /// The import's unanswered calls.
    #[cfg(test)]
    pub(crate) fn out(&self, import: usize) -> u32 {
        self.imports.get(import).map_or(0, |slot| slot.out)
    }

    /// The connection's permits that are out, in KiB.
    pub(crate) fn connection_out(&self) -> u32 {
        self.connection_out
    }

    /// How many calls wait for a permit of this import, or of the connection for it.
    #[cfg(test)]
    pub(crate) fn waiting(&self, import: usize) -> usize {
        self.imports.get(import).map_or(0, |slot| slot.waiting)
    }

    /// How many calls wait in all.
    #[cfg(test)]
    pub(crate) fn waiting_total(&self) -> usize {
        self.waiting
    }

    /// The import stands for an answer that is kept: it has [`ON_ANSWER`] permits of its own, none before [`Permits::open`].
    pub(crate) fn hold(&mut self, import: usize) {
        if import >= self.imports.len() {
            self.imports.resize_with(import + 1, Import::default);
        }
        self.imports[import].own = Own::Held;
    }

    /// Calls on the answer may go. Call [`Permits::next`] then.
    pub(crate) fn open(&mut self, import: usize) {
        self.imports[import].own = Own::Few;
        self.retry_object(import);
    }

    /// The import is gone; its slot number is free. Nothing of it may be out or waiting.
    pub(crate) fn forget(&mut self, import: usize) {
        let Some(slot) = self.imports.get_mut(import) else { return };
        debug_assert!(slot.out == 0 && slot.waiting == 0, "an import is forgotten with calls under way");
        *slot = Import::default();
    }

    // The rules.

    fn object_has(&self, import: usize, depth: u8) -> bool {
        let (limit, reserve) = self.of_object(import);
        let kept = reserve - reserve.min(u32::from(depth));
        self.imports[import].out < limit - kept
    }

    /// How many calls an import may have unanswered, and how many of them are kept for nested ones.
    fn of_object(&self, import: usize) -> (u32, u32) {
        match self.imports[import].own {
            Own::Usual => (self.limits.object, self.object_reserve),
            Own::Held => (0, 0),
            Own::Few => (ON_ANSWER, self.limits.reserve.min(ON_ANSWER / 2)),
        }
    }

    fn connection_has(&self, depth: u8, cost: u32) -> bool {
        let kept = self.connection_reserve - self.connection_reserve.min(u32::from(depth));
        self.connection_out + cost <= self.limits.connection - COST_MAX * kept
    }

    fn is_fair(&self, import: usize, depth: u8) -> bool {
        depth > 0 || self.imports[import].cost_out <= self.free_at_the_top()
    }

    /// Nobody waits whom a new call of this import and depth would pass.
    fn is_first(&mut self, import: usize, depth: u8) -> bool {
        self.line(import, depth).is_none_or(|line| self.imports[import].lines[line].queue.is_empty())
            && self.settle().is_none_or(|(first, _)| first.depth.0 < depth)
    }

    /// What calls of depth 0 may still take of the connection.
    fn free_at_the_top(&self) -> u32 {
        (self.limits.connection - COST_MAX * self.connection_reserve).saturating_sub(self.connection_out)
    }

    // The counts.

    fn take(&mut self, import: usize, cost: u32) {
        self.connection_out += cost;
        let slot = &mut self.imports[import];
        slot.out += 1;
        let cost_out = slot.cost_out + cost;
        self.set_cost_out(import, cost_out);
    }

    fn set_cost_out(&mut self, import: usize, cost_out: u32) {
        let slot = &mut self.imports[import];
        let before = std::mem::replace(&mut slot.cost_out, cost_out);
        if slot.greedy && self.greedy.remove(&(before, import)) {
            self.greedy.insert((cost_out, import));
        }
    }

    // The lines. Each that is not empty stands in exactly one place.

    fn queue(&mut self, import: usize, depth: u8, cost: u32, key: K) {
        let slot = &mut self.imports[import];
        let line = slot.find(depth).unwrap_or_else(|at| {
            slot.lines.insert(at, Line { depth, place: Place::Empty, queue: VecDeque::new() });
            at
        });
        slot.lines[line].queue.push_back(Waiter { key, cost });
        slot.waiting += 1;
        self.waiting += 1;
        if slot.lines[line].place == Place::Empty {
            self.place(import, line);
        }
    }

    fn line(&self, import: usize, depth: u8) -> Option<usize> {
        self.imports.get(import)?.find(depth).ok()
    }

    /// Puts a line where its first call waits for what it lacks.
    fn place(&mut self, import: usize, line: usize) {
        let depth = self.imports[import].lines[line].depth;
        let place = if !self.object_has(import, depth) {
            Place::Object
        } else if !self.is_fair(import, depth) {
            self.greedy.insert((self.imports[import].cost_out, import));
            self.imports[import].greedy = true;
            Place::Greedy
        } else {
            self.arrival += 1;
            self.ready.insert(Standing { depth: Reverse(depth), arrival: self.arrival, import });
            Place::Ready(self.arrival)
        };
        self.imports[import].lines[line].place = place;
    }

    fn unplace(&mut self, import: usize, line: usize) {
        let slot = &mut self.imports[import];
        let Line { depth, ref mut place, .. } = slot.lines[line];
        match std::mem::replace(place, Place::Empty) {
            Place::Empty | Place::Object => {}
            Place::Greedy => {
                slot.greedy = false;
                self.greedy.remove(&(slot.cost_out, import));
            }
            Place::Ready(arrival) => {
                self.ready.remove(&Standing { depth: Reverse(depth), arrival, import });
            }
        }
    }

    /// The import has got permits back: lines that waited for them go on, deepest first.
    fn retry_object(&mut self, import: usize) {
        for line in 0..self.imports[import].lines.len() {
            let Line { depth, place, .. } = self.imports[import].lines[line];
            if place != Place::Object {
                continue;
            }
            if !self.object_has(import, depth) {
                return;
            }
            self.place(import, line);
        }
    }

    /// The line of depth 0 whose import holds least goes on, if that is fair by now.
    fn admit_least_greedy(&mut self) -> bool {
        let Some(&(held, import)) = self.greedy.first() else { return false };
        if held > self.free_at_the_top() {
            return false;
        }
        let Some(line) = self.line(import, 0) else { return false };
        self.unplace(import, line);
        self.place(import, line);
        true
    }

    /// The line that is next for the connection's permits, after those before it that lack something else by now
    /// have been put where they belong. If its call finds too few, no other may start.
    fn settle(&mut self) -> Option<(Standing, usize)> {
        loop {
            let Some(&first) = self.ready.first() else {
                if self.admit_least_greedy() {
                    continue;
                }
                return None;
            };
            let (import, depth) = (first.import, first.depth.0);
            let line = self.line(import, depth)?;
            if self.object_has(import, depth) && self.is_fair(import, depth) {
                return Some((first, line));
            }
            self.unplace(import, line);
            self.place(import, line);
        }
    }
}
