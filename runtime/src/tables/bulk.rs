//! How many bytes of large bodies and of streams may be in the network at once, on one connection and in each direction (N8).
//!
//! What delays a neighbour's small frame is the sum of the bytes that are already on their way, whatever streams they are on. So whoever
//! writes on a bulk stream asks here first, a piece of at most [`PIECE`] bytes at a time and in turn. The receiver gives the bytes back
//! with `Taken` when its readers have taken them off the link, whatever becomes of them then: a consumer that pauses holds nothing here.
//! Counted are the bytes behind the number with which such a stream begins. A bulk stream is never reset or stopped, since what was
//! discarded underway would never be given back.
//!
//! How much one stream may be ahead of its consumer is another matter, and not decided here.

use std::collections::VecDeque;
use std::task::Waker;

use super::Violation;

/// The most that may be asked for, and written, at once.
pub(crate) const PIECE: usize = 16 * 1024;

/// What has been taken is said at the latest when it is so much. The smallest window is twice as large, so that its sender goes on.
const TAKEN_STEP: u64 = 32 * 1024;

/// How long after the first look at a line that stands still there is a second one.
const SECOND_LOOK_MS: u64 = 1_000;

/// How much may be in the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BulkLimits {
    /// While calls are under way that would feel it.
    pub(crate) busy: u64,
    /// While there are none.
    pub(crate) idle: u64,
    /// On a path whose bandwidth × delay asks for more, at most.
    pub(crate) most: u64,
    /// How long a writer may wait while nothing is given back.
    pub(crate) stall_ms: u64,
}

impl BulkLimits {
    /// The smallest window that cannot stall.
    pub(crate) const MIN: u64 = 2 * TAKEN_STEP;
}

/// The place in line of one writer who waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket(u64);

#[derive(Debug)]
struct Waiting {
    ticket: Ticket,
    bytes: u64,
    waker: Waker,
    /// It was woken, and has not asked since.
    woken: bool,
}

/// The bulk bytes of one connection, both directions.
#[derive(Debug)]
pub(crate) struct Bulk {
    limits: BulkLimits,
    /// Written by this side and not given back.
    out: u64,
    /// In the order in which they asked; each goes to the end with its next piece, so that all are served in turn.
    line: VecDeque<Waiting>,
    /// Who left the line, to be woken.
    left: Vec<Waker>,
    next_ticket: u64,
    /// When something was last given back, or somebody began to wait.
    since_ms: u64,
    /// Since then it was too long once.
    suspected: bool,
    pace: Pace,
    /// Taken off the link by this side and not said.
    taken: u64,
}

impl Bulk {
    pub(crate) fn new(limits: BulkLimits) -> Bulk {
        let BulkLimits { busy, idle, most, stall_ms } = limits;
        let limits = BulkLimits {
            busy: busy.max(BulkLimits::MIN),
            idle: idle.max(busy).max(BulkLimits::MIN),
            most: most.max(BulkLimits::MIN),
            stall_ms,
        };
        Bulk {
            limits,
            out: 0,
            line: VecDeque::new(),
            left: Vec::new(),
            next_ticket: 0,
            since_ms: 0,
            suspected: false,
            pace: Pace::default(),
            taken: 0,
        }
    }

    /// Whether `bytes` (at most [`PIECE`]) may be written now; if so they count as written. If not, `ticket` is the writer's place in line:
    /// it is woken when it should ask again with it, and gives it back with [`Bulk::leave`] if it no longer wants to.
    pub(crate) fn ask(
        &mut self,
        ticket: &mut Option<Ticket>,
        bytes: usize,
        busy: bool,
        waker: &Waker,
        now_ms: u64,
    ) -> bool {
        debug_assert!(bytes <= PIECE, "a piece is what may be asked for");
        let bytes = bytes as u64;
        // What the receiver need not have said yet is on its way at most.
        if self.out < TAKEN_STEP {
            self.pace.rested(now_ms);
        }
        let first = match (self.line.front(), *ticket) {
            (None, _) => true,
            (Some(first), ticket) => Some(first.ticket) == ticket,
        };
        if first && self.fits(bytes, busy) {
            self.out += bytes;
            if ticket.take().is_some() {
                self.line.pop_front();
            }
            return true;
        }
        match ticket.and_then(|mine| self.line.iter_mut().find(|w| w.ticket == mine)) {
            Some(waiting) => {
                waiting.bytes = bytes;
                waiting.waker.clone_from(waker);
                waiting.woken = false;
            }
            None => {
                if self.line.is_empty() {
                    (self.since_ms, self.suspected) = (now_ms, false);
                }
                let mine = Ticket(self.next_ticket);
                self.next_ticket += 1;
                self.line.push_back(Waiting { ticket: mine, bytes, waker: waker.clone(), woken: false });
                *ticket = Some(mine);
            }
        }
        false
    }

    /// A writer no longer waits.
    pub(crate) fn leave(&mut self, ticket: Ticket) {
        if let Some(at) = self.line.iter().position(|w| w.ticket == ticket) {
            self.left.extend(self.line.remove(at).map(|w| w.waker));
        }
    }

    /// The connection has ended: who waits does not live on.
    pub(crate) fn end(&mut self) {
        self.line.clear();
    }

    /// Those who were taken out of the line: they may not know it.
    pub(crate) fn take_left(&mut self) -> Option<Waker> {
        self.left.pop()
    }

    fn fits(&self, bytes: u64, busy: bool) -> bool {
        self.out + bytes <= self.window(busy)
    }

    /// How much may be in the network now.
    fn window(&self, busy: bool) -> u64 {
        let least = if busy { self.limits.busy } else { self.limits.idle };
        self.pace.window(least, self.limits.most)
    }

    /// Whether anybody stands in line, or has just left it.
    pub(crate) fn has_waiting(&self) -> bool {
        !self.line.is_empty() || !self.left.is_empty()
    }

    /// Who is to ask again: the first in line, if there is room for it, and each time once. The next one's turn comes when it has asked.
    pub(crate) fn next(&mut self, busy: bool) -> Option<Waker> {
        let room = self.window(busy).saturating_sub(self.out);
        let first = self.line.front_mut().filter(|w| !w.woken && w.bytes <= room)?;
        first.woken = true;
        Some(first.waker.clone())
    }

    /// The peer has taken so much off the link.
    pub(crate) fn returned(&mut self, bytes: u64, now_ms: u64) -> Result<(), Violation> {
        self.out = self.out.checked_sub(bytes).ok_or(Violation::TooMuchTaken)?;
        self.pace.returned(bytes, now_ms);
        if bytes > 0 {
            (self.since_ms, self.suspected) = (now_ms, false);
        }
        Ok(())
    }

    /// When [`Bulk::is_stuck`] is to be asked: while somebody waits.
    pub(crate) fn next_check(&self) -> Option<u64> {
        self.line.front().map(|_| self.since_ms + self.limits.stall_ms)
    }

    /// Whether the first in line waits for room, and the peer has given nothing back for too long: no writer would ever go on. Seen twice, since
    /// this side may have stood still itself.
    pub(crate) fn is_stuck(&mut self, now_ms: u64) -> bool {
        let Some(first) = self.line.front() else { return false };
        if first.woken || now_ms < self.since_ms + self.limits.stall_ms {
            return false;
        }
        if std::mem::replace(&mut self.suspected, true) {
            return true;
        }
        self.since_ms = (now_ms + SECOND_LOOK_MS).saturating_sub(self.limits.stall_ms);
        false
    }

    /// The round trip to the peer takes so long at present.
    pub(crate) fn round_trip(&mut self, micros: u64, now_ms: u64) {
        self.pace.round_trip(micros, self.out, now_ms);
    }

    /// This side has taken so much off the link.
    pub(crate) fn took(&mut self, bytes: usize) {
        self.taken += bytes as u64;
    }

    /// Whether it is time to say what was taken.
    pub(crate) fn taken_is_due(&self) -> bool {
        self.taken >= TAKEN_STEP
    }

    /// What is to be said.
    pub(crate) fn take_taken(&mut self) -> Option<u64> {
        self.taken_is_due().then(|| std::mem::take(&mut self.taken))
    }

    /// Written and not given back, and taken and not said.
    #[cfg(test)]
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.out, self.taken)
    }
}

/// How much a path holds: the best rate of late, times the shortest round trip of late.
///
/// A window that is twice that lets the rate double if there is more to be had, and stops growing when there is not: what would only wait
/// in a queue is not sent. But a window of twice what the path holds fills a queue, and the round trips behind it are longer; so after ten
/// seconds without a rest the queue is let run empty, to see how short they are. (BBR does both: Cardwell et al., "BBR: Congestion-Based
/// Congestion Control", 2016.)
#[derive(Debug, Default)]
struct Pace {
    /// The shortest round trip in microseconds; 0 is unknown.
    shortest_us: u64,
    /// When it was last so short, or nothing was on its way.
    seen_ms: u64,
    emptying: Option<Emptying>,
    /// Bytes given back in this round.
    bytes: u64,
    round_began_ms: Option<u64>,
    /// Bytes per millisecond of the last rounds.
    rates: VecDeque<u64>,
}

/// The queue is let run empty.
#[derive(Debug)]
struct Emptying {
    began_ms: u64,
    /// Known once no more is on its way than the window allows meanwhile; until then it is looked how short the round trips are.
    until_ms: Option<u64>,
    shortest_us: u64,
}

/// How long a shortest round trip counts: the path may have changed.
const PERIOD_MS: u64 = 10_000;
/// For how long the queue is left empty: two round trips, within these.
const EMPTY_MIN_MS: u64 = 50;
const EMPTY_MAX_MS: u64 = 1_000;
/// A queue that has not run empty by then is let be.
const EMPTYING_MAX_MS: u64 = 5_000;
/// The least time over which a rate is measured.
const ROUND_MS: u64 = 10;
/// Rounds of which the best counts.
const ROUNDS: usize = 10;

impl Pace {
    /// Nothing is on its way, and no queue of this side's making.
    fn rested(&mut self, now_ms: u64) {
        self.seen_ms = now_ms;
        self.emptied();
    }

    fn emptied(&mut self) {
        if self.emptying.take().is_some() {
            self.round_began_ms = None;
        }
    }

    fn round_trip(&mut self, micros: u64, out: u64, now_ms: u64) {
        let micros = micros.max(1);
        let (shortest_us, window) = (self.shortest_us, self.emptied_window());
        match &mut self.emptying {
            Some(Emptying { until_ms: None, began_ms, .. }) if now_ms >= *began_ms + EMPTYING_MAX_MS => {
                self.seen_ms = now_ms;
                self.emptied();
            }
            Some(emptying @ Emptying { until_ms: None, .. }) if out <= window => {
                let trips_ms = 2 * shortest_us / 1_000;
                emptying.until_ms = Some(now_ms + trips_ms.clamp(EMPTY_MIN_MS, EMPTY_MAX_MS));
                emptying.shortest_us = micros;
            }
            Some(emptying) => {
                emptying.shortest_us = emptying.shortest_us.min(micros);
                if emptying.until_ms.is_some_and(|until_ms| now_ms >= until_ms) {
                    (self.shortest_us, self.seen_ms) = (emptying.shortest_us, now_ms);
                    self.emptied();
                }
            }
            None if shortest_us == 0 || micros <= shortest_us => {
                (self.shortest_us, self.seen_ms) = (micros, now_ms);
            }
            None if now_ms.saturating_sub(self.seen_ms) >= PERIOD_MS => {
                self.emptying = Some(Emptying { began_ms: now_ms, until_ms: None, shortest_us: micros });
            }
            None => {}
        }
    }

    fn returned(&mut self, bytes: u64, now_ms: u64) {
        if self.emptying.is_some() {
            return;
        }
        let Some(began_ms) = self.round_began_ms else {
            (self.round_began_ms, self.bytes) = (Some(now_ms), 0);
            return;
        };
        self.bytes += bytes;
        let length_ms = now_ms.saturating_sub(began_ms);
        if length_ms < ROUND_MS.max(self.shortest_us / 1_000) {
            return;
        }
        if self.rates.len() == ROUNDS {
            self.rates.pop_front();
        }
        self.rates.push_back(self.bytes / length_ms);
        self.bytes = 0;
        self.round_began_ms = Some(now_ms);
    }

    /// Bytes that the path holds.
    fn holds(&self) -> u64 {
        let rate = self.rates.iter().copied().max().unwrap_or(0);
        rate.saturating_mul(self.shortest_us) / 1_000
    }

    /// A path that holds less than the smallest window keeps a queue of that.
    fn emptied_window(&self) -> u64 {
        BulkLimits::MIN.max(self.holds() / 2)
    }

    /// How much may be under way: `least`, or more if the path holds it, but no more than `most`.
    fn window(&self, least: u64, most: u64) -> u64 {
        let window = least.max(self.holds().saturating_mul(2).min(most));
        if self.emptying.is_some() { window.min(self.emptied_window()) } else { window }
    }
}

#[cfg(test)]
mod tests;
