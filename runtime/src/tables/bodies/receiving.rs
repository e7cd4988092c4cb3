//! The bodies that the peer announced: asked for in order while the pull budget has room, and read to their end.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{BodyLimits, Line};
use crate::answer::Refs;
use crate::tables::{CallKey, RandomState, Violation, mutation};
use crate::wire::{BodyId, Large};

/// What one body costs of the pull budget at least, so that many small ones are bounded too.
const CHARGE_MIN: u64 = 4 * 1024;

/// What a body of the peer belongs to.
#[derive(Debug)]
pub(in crate::tables) enum ReceivingOf {
    /// A call or notice, which waits in this line.
    Request(Line),
    Reply(CallKey, Refs),
    /// Nobody wants it any more: it is read and thrown away.
    Nobody,
}

/// What came of a body.
#[derive(Debug)]
pub(in crate::tables) enum Received {
    Whole(ReceivingOf),
    /// Its stream ended before it was whole.
    Withdrawn(ReceivingOf),
}

/// What is to be done about the next body in order.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::tables) enum Pull {
    /// It is asked for, and there may be more.
    Asked,
    /// This side holds too much of calls that are not answered: its call is to be refused.
    Refuse(BodyId, Line),
    /// There is none, or no room.
    Nothing,
}

/// Bodies of the peer.
#[derive(Debug)]
pub(in crate::tables) struct Incoming {
    bodies: HashMap<BodyId, Receiving, RandomState>,
    /// Not asked for, in the order of their announcement; those that are no longer wanted may still be among them.
    announced: VecDeque<BodyId>,
    /// To be asked for with the next control frames; some may not be wanted any more.
    due: VecDeque<BodyId>,
    /// The pull budget that is in use.
    asked: u64,
    pull_max: u64,
    /// Bytes that have arrived and belong to calls that are not answered.
    pub(in crate::tables) arguments: Arc<AtomicU64>,
    arguments_max: u64,
    /// Room was made by what is not wanted any more.
    freed: bool,
    /// When a body may have made no progress for too long.
    check_at: Option<u64>,
    stall_ms: u64,
    /// Bodies of replies that somebody waits for.
    replies: usize,
}

#[derive(Debug)]
struct Receiving {
    len: u32,
    of: ReceivingOf,
    stage: Stage,
    /// When it was asked for or last made progress.
    since_ms: u64,
}

impl Receiving {
    fn charge(&self) -> u64 {
        u64::from(self.len).max(CHARGE_MIN)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Announced,
    /// To be asked for.
    Due,
    /// Asked for.
    Asked,
    /// Its stream has begun, and so many bytes were read.
    Begun(u32),
}

impl Incoming {
    pub(super) fn new(limits: &BodyLimits) -> Incoming {
        Incoming {
            bodies: HashMap::default(),
            announced: VecDeque::new(),
            due: VecDeque::new(),
            asked: 0,
            pull_max: limits.pull_max.max(limits.body_max) as u64,
            arguments: Arc::default(),
            arguments_max: limits.arguments_max.max(limits.body_max) as u64,
            freed: false,
            check_at: None,
            stall_ms: limits.stall_ms,
            replies: 0,
        }
    }

    pub(super) fn awaits_replies(&self) -> bool {
        self.replies > 0
    }

    /// Bytes that were asked for, and those of calls that are not answered.
    pub(super) fn held(&self) -> u64 {
        self.asked + self.arguments.load(Ordering::Relaxed)
    }

    pub(in crate::tables) fn is_known(&self, number: BodyId) -> bool {
        self.bodies.contains_key(&number)
    }

    /// The peer announces a body with a number that is not known.
    pub(in crate::tables) fn announced(&mut self, large: Large, of: ReceivingOf) {
        self.replies += usize::from(matches!(of, ReceivingOf::Reply(..)));
        let receiving = Receiving { len: large.len, of, stage: Stage::Announced, since_ms: 0 };
        self.bodies.insert(large.number, receiving);
        self.announced.push_back(large.number);
    }

    /// Asks for the next body in order, if there is room for the whole of it.
    pub(in crate::tables) fn ask(&mut self, now_ms: u64) -> Pull {
        while let Some(&number) = self.announced.front() {
            let Some(receiving) = self.bodies.get_mut(&number).filter(|r| r.stage == Stage::Announced) else {
                self.announced.pop_front();
                continue;
            };
            if let ReceivingOf::Request(line) = receiving.of
                && self.arguments.load(Ordering::Relaxed) + u64::from(receiving.len) > self.arguments_max
            {
                return Pull::Refuse(number, line);
            }
            let charge = receiving.charge();
            if self.asked > 0 && self.asked + charge > self.pull_max && !mutation!(PullWithoutRoom) {
                return Pull::Nothing;
            }
            self.announced.pop_front();
            self.asked += charge;
            (receiving.stage, receiving.since_ms) = (Stage::Due, now_ms);
            self.due.push_back(number);
            let check_at = now_ms + self.stall_ms;
            self.check_at = Some(self.check_at.map_or(check_at, |at| at.min(check_at)));
            return Pull::Asked;
        }
        Pull::Nothing
    }

    /// Whether more may be asked for than when that was last done.
    pub(in crate::tables) fn is_freed(&mut self) -> bool {
        std::mem::take(&mut self.freed)
    }

    pub(in crate::tables) fn pull_is_due(&self) -> bool {
        !self.due.is_empty()
    }

    /// The bodies that are to be asked for now.
    pub(in crate::tables) fn take_due(&mut self) -> Vec<BodyId> {
        let mut due = Vec::new();
        for number in self.due.drain(..) {
            if let Some(receiving) = self.bodies.get_mut(&number).filter(|r| r.stage == Stage::Due) {
                receiving.stage = Stage::Asked;
                due.push(number);
            }
        }
        due
    }

    /// Nobody wants it any more. One that was asked for keeps its part of the budget until its stream has ended.
    pub(in crate::tables) fn give_up(&mut self, number: BodyId) {
        let Some(receiving) = self.bodies.get_mut(&number) else { return };
        let former = std::mem::replace(&mut receiving.of, ReceivingOf::Nobody);
        self.replies -= usize::from(matches!(former, ReceivingOf::Reply(..)));
        match receiving.stage {
            Stage::Announced => {
                // It was not asked for, so it has no part of the budget.
                self.bodies.remove(&number);
                self.rest();
            }
            Stage::Due => {
                self.freed = true;
                drop(self.forget(number));
            }
            Stage::Asked | Stage::Begun(_) => {}
        }
        if self.announced.len() > 64 + 2 * self.bodies.len() {
            self.announced.retain(|n| self.bodies.get(n).is_some_and(|r| r.stage == Stage::Announced));
        }
        if self.due.len() > 64 + 2 * self.bodies.len() {
            self.due.retain(|n| self.bodies.get(n).is_some_and(|r| r.stage == Stage::Due));
        }
    }

    /// Nobody wants it, but its sender will not hear of that, and waits to be asked for it.
    pub(in crate::tables) fn disown(&mut self, number: BodyId) {
        if let Some(receiving) = self.bodies.get_mut(&number) {
            let former = std::mem::replace(&mut receiving.of, ReceivingOf::Nobody);
            self.replies -= usize::from(matches!(former, ReceivingOf::Reply(..)));
        }
    }

    fn forget(&mut self, number: BodyId) -> Option<Receiving> {
        let receiving = self.bodies.remove(&number)?;
        self.asked -= receiving.charge();
        self.rest();
        Some(receiving)
    }

    /// A body is known no more: without any there is nothing to look after.
    fn rest(&mut self) {
        if self.bodies.is_empty() {
            self.check_at = None;
        }
    }

    /// The stream of a body begins; how long the body is.
    pub(in crate::tables) fn begins(&mut self, number: BodyId) -> Result<u32, Violation> {
        let receiving = self.bodies.get_mut(&number).filter(|r| r.stage == Stage::Asked);
        let receiving = receiving.ok_or(Violation::UnaskedBody)?;
        receiving.stage = Stage::Begun(0);
        Ok(receiving.len)
    }

    /// Bytes of it were read; whether they are to be kept.
    pub(in crate::tables) fn arrives(
        &mut self,
        number: BodyId,
        bytes: usize,
        now_ms: u64,
    ) -> Result<bool, Violation> {
        let receiving = self.bodies.get_mut(&number).ok_or(Violation::UnaskedBody)?;
        let Stage::Begun(got) = &mut receiving.stage else { return Err(Violation::UnaskedBody) };
        if bytes > (receiving.len - *got) as usize {
            return Err(Violation::BodyTooLong);
        }
        *got += bytes as u32;
        receiving.since_ms = now_ms;
        Ok(!matches!(receiving.of, ReceivingOf::Nobody))
    }

    /// Its stream has ended.
    pub(in crate::tables) fn ends(&mut self, number: BodyId) -> Result<Received, Violation> {
        let receiving = self.forget(number).ok_or(Violation::UnaskedBody)?;
        self.replies -= usize::from(matches!(receiving.of, ReceivingOf::Reply(..)));
        if mutation!(BudgetKept) {
            self.asked += receiving.charge();
        }
        Ok(match receiving.stage {
            Stage::Begun(got) if got == receiving.len => Received::Whole(receiving.of),
            _ => Received::Withdrawn(receiving.of),
        })
    }

    /// When [`Incoming::stalled`] is to be asked.
    pub(in crate::tables) fn next_check(&self) -> Option<u64> {
        self.check_at
    }

    /// Bodies that have made no progress for too long; what they belonged to.
    pub(in crate::tables) fn stalled(&mut self, now_ms: u64, stalled: &mut Vec<(BodyId, ReceivingOf)>) {
        if self.check_at.is_none_or(|at| at > now_ms) {
            return;
        }
        let mut next = None;
        for (&number, receiving) in &mut self.bodies {
            if receiving.stage == Stage::Announced || matches!(receiving.of, ReceivingOf::Nobody) {
                continue;
            }
            let at = receiving.since_ms + self.stall_ms;
            if at <= now_ms {
                let of = std::mem::replace(&mut receiving.of, ReceivingOf::Nobody);
                self.replies -= usize::from(matches!(of, ReceivingOf::Reply(..)));
                stalled.push((number, of));
            } else {
                next = Some(next.map_or(at, |next: u64| next.min(at)));
            }
        }
        self.check_at = next;
    }

    /// The connection has ended.
    pub(in crate::tables) fn clear(&mut self) {
        self.bodies.clear();
        self.announced.clear();
        self.due.clear();
        (self.asked, self.check_at, self.replies) = (0, None, 0);
    }

    /// Bodies that are known, and the budget that is in use.
    #[cfg(test)]
    pub(in crate::tables) fn counts(&self) -> (usize, u64) {
        (self.bodies.len(), self.asked)
    }

    /// Bodies for which a stream is expected.
    #[cfg(test)]
    pub(in crate::tables) fn asked_for(&self) -> usize {
        self.bodies.values().filter(|r| r.stage == Stage::Asked).count()
    }
}
