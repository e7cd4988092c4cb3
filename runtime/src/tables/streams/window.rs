//! How much may be sent on one stream of items or bytes, as both sides count it (N8).
//!
//! A position counts what finished items cost and the bytes of the one that has begun. The consumer allows positions, in steps; the
//! producer stays below. The window is what may be ahead of the consumer: it starts small and doubles while the consumer takes a
//! whole one within two round trips, as far as the connection's pool has room. An item that is longer than
//! what is allowed is let in when the consumer waits for it and has nothing else to take: it asked for that memory itself.

use super::super::mutation;
use crate::wire::item::START_MIN;

/// The producer's count.
#[derive(Debug, Default)]
pub(crate) struct Outflow {
    allowed: u64,
    sent: u64,
}

impl Outflow {
    pub(super) fn new(window: u64) -> Outflow {
        Outflow { allowed: window, sent: 0 }
    }

    /// How much may be sent now.
    pub(super) fn room(&self) -> u64 {
        self.allowed - self.sent
    }

    pub(super) fn spend(&mut self, cost: u64) {
        debug_assert!(cost <= self.room(), "whoever sends has asked for room");
        self.sent += cost;
    }

    /// What is allowed, and what was sent.
    #[cfg(test)]
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.allowed, self.sent)
    }

    /// The consumer allows more; false if no number can say how much.
    pub(super) fn allow(&mut self, more: u64) -> bool {
        match self.allowed.checked_add(more) {
            Some(allowed) => {
                self.allowed = allowed;
                true
            }
            None => false,
        }
    }
}

/// The consumer's count.
#[derive(Debug)]
pub(crate) struct Inflow {
    allowed: u64,
    /// What items and chunks that have arrived cost.
    arrived: u64,
    /// Bytes of the item that has begun, and its end as a position.
    begun: u64,
    ends_at: u64,
    taken: u64,
    /// What was taken at the last look at a stream on which nothing comes.
    seen: u64,
    /// What was taken is said, however little it is.
    owes: bool,
    window: u64,
    /// The consumer waits and has nothing to take.
    waits: bool,
    /// No more is wanted: nothing further is allowed.
    stopped: bool,
    /// Where and when the present window began to be taken.
    mark: (u64, u64),
}

impl Inflow {
    pub(super) fn new(window: u64) -> Inflow {
        let (allowed, mark) = (window, (0, 0));
        Inflow {
            allowed,
            arrived: 0,
            begun: 0,
            ends_at: 0,
            taken: 0,
            seen: 0,
            owes: false,
            window,
            waits: false,
            stopped: false,
            mark,
        }
    }

    /// Items arrived that cost so much; of the next one `begun` bytes are here and `missing` are not. False if it is more than was allowed.
    pub(super) fn arrived(&mut self, cost: u64, begun: u64, missing: u64) -> bool {
        self.arrived += cost;
        self.begun = begun;
        self.ends_at = self.arrived + begun + missing;
        self.seen = self.taken;
        self.waits &= cost == 0;
        self.arrived + begun <= self.allowed
    }

    /// The consumer has taken so much, and now waits or not.
    pub(super) fn took(&mut self, cost: u64, waits: bool) {
        self.taken += cost;
        self.waits = waits;
    }

    /// Nothing has come for a while. Whether the consumer, who took so much that is not reported yet, has taken anything since the last
    /// look: the producer, who may wait for more than it has taken, is to know that it goes on.
    pub(super) fn look(&mut self, unreported: u64) -> bool {
        self.taken += unreported;
        let goes_on = self.taken > self.seen;
        self.seen = self.taken;
        self.owes |= goes_on;
        goes_on
    }

    /// Bytes that are here of the item that has begun.
    pub(super) fn begun(&self) -> u64 {
        self.begun
    }

    pub(super) fn stop(&mut self) {
        self.stopped = true;
    }

    /// What the consumer may be told now. Small steps are saved up.
    pub(super) fn due(&self) -> u64 {
        if self.stopped || mutation!(WindowNotReturned) {
            return 0;
        }
        let more = (self.taken + self.window).saturating_sub(self.allowed);
        let asked = if self.waits { self.ends_at.saturating_sub(self.allowed) } else { 0 };
        if asked > 0 {
            asked.max(more)
        } else if more >= self.window / 2 || self.owes {
            more
        } else {
            0
        }
    }

    /// The consumer is told.
    pub(super) fn allow(&mut self) -> u64 {
        let due = self.due();
        self.allowed += due;
        self.owes &= due == 0;
        due
    }

    /// Doubles the window if a whole one was taken within two round trips; what that costs of the pool.
    pub(super) fn grow(&mut self, now_ms: u64, rtt_ms: u64, max: u64, pool: u64) -> u64 {
        let (taken, since_ms) = self.mark;
        if self.taken - taken < self.window {
            return 0;
        }
        self.mark = (self.taken, now_ms);
        let fast = now_ms.saturating_sub(since_ms) <= 2 * rtt_ms.max(1);
        if !fast || 2 * self.window > max || self.window > pool {
            return 0;
        }
        let more = self.window;
        self.window += more;
        more
    }

    pub(super) fn window(&self) -> u64 {
        self.window
    }

    /// Whom the other side waits for, if nothing moves.
    pub(super) fn stands(&self) -> Stands {
        let here = self.arrived + self.begun;
        let (room, midway) = (self.allowed.saturating_sub(here), self.ends_at > here);
        if midway && (room > 0 || self.waits) {
            Stands::AtProducer
        } else if midway || self.taken < self.arrived && room < START_MIN {
            Stands::AtConsumer
        } else {
            Stands::Nowhere
        }
    }

    #[cfg(test)]
    pub(super) fn counts(&self) -> (u64, u64, u64) {
        (self.allowed, self.arrived + self.begun, self.taken)
    }
}

/// Where a stream on which nothing moves is held up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stands {
    /// An item has begun, and the rest of it may come.
    AtProducer,
    /// What has arrived is not taken, and nothing more may come.
    AtConsumer,
    /// Nothing is there to move.
    Nowhere,
}
