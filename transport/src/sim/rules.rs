//! [`Rules`]: the fate of each datagram of a simulated network. Pure: no sockets, no tasks, time is passed in.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::time::Duration;

use tokio::time::Instant;

use super::Conditions;
use super::dice::Dice;

/// One direction between two machines.
pub(crate) type Way = (IpAddr, IpAddr);

/// What is known of a network: its conditions, and the state of each direction.
#[derive(Debug)]
pub(crate) struct Rules {
    seed: u64,
    default: Conditions,
    own: HashMap<Way, Conditions>,
    cut: HashSet<Way>,
    states: HashMap<Way, State>,
}

/// What a direction remembers.
#[derive(Debug)]
struct State {
    dice: Dice,
    /// When what waits for bandwidth will have left.
    busy_until: Option<Instant>,
    counters: Counters,
}

/// What becomes of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It never arrives.
    Lost,
    Arrives {
        at: Instant,
        /// A second copy.
        again: Option<Instant>,
    },
}

/// What happened to datagrams of a simulated network: of one direction, or of all.
///
/// Everything sent or doubled is delivered, gone for one of the reasons below, or still under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Datagrams that were sent.
    pub sent: u64,
    /// Their payload, in bytes.
    pub sent_bytes: u64,
    /// Datagrams that arrived, copies included.
    pub delivered: u64,
    /// Their payload, in bytes.
    pub delivered_bytes: u64,
    /// Datagrams that will arrive, or have arrived, twice.
    pub duplicated: u64,
    /// Lost by chance.
    pub lost: u64,
    /// Dropped because the queue for bandwidth was full.
    pub overflowed: u64,
    /// Dropped because they were larger than the path's MTU or the receiver's buffer.
    pub oversized: u64,
    /// Sent into a partition.
    pub cut: u64,
    /// Sent to an address where nobody is (any more).
    pub unreachable: u64,
}

impl Rules {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            seed,
            default: Conditions::default(),
            own: HashMap::new(),
            cut: HashSet::new(),
            states: HashMap::new(),
        }
    }

    pub(crate) fn seed(&self) -> u64 {
        self.seed
    }

    /// The same conditions everywhere, those of single directions included.
    pub(crate) fn set(&mut self, conditions: Conditions) {
        self.default = conditions;
        self.own.clear();
    }

    pub(crate) fn set_way(&mut self, way: Way, conditions: Conditions) {
        self.own.insert(way, conditions);
    }

    pub(crate) fn conditions(&self, way: Way) -> Conditions {
        self.own.get(&way).copied().unwrap_or(self.default)
    }

    pub(crate) fn cut(&mut self, way: Way) {
        self.cut.insert(way);
    }

    pub(crate) fn heal(&mut self, way: Way) {
        self.cut.remove(&way);
    }

    pub(crate) fn counters(&self, way: Way) -> Counters {
        self.states.get(&way).map(|state| state.counters).unwrap_or_default()
    }

    pub(crate) fn all_counters(&self) -> Counters {
        self.states.values().fold(Counters::default(), |sum, state| sum.plus(state.counters))
    }

    /// A datagram of `bytes` is sent at `now`. The chances depend on the seed and on its number in its direction, and on nothing
    /// else: the dice are rolled as often whatever the conditions are.
    pub(crate) fn send(&mut self, way: Way, bytes: usize, now: Instant) -> Fate {
        let conditions = self.conditions(way);
        let cut = self.cut.contains(&way);
        let state = self.state(way);
        let [loss, duplication, jitter, jitter_again] = std::array::from_fn(|_| state.dice.roll());
        let counters = &mut state.counters;
        counters.sent += 1;
        counters.sent_bytes += bytes as u64;
        let reason = if cut {
            &mut counters.cut
        } else if bytes > conditions.mtu {
            &mut counters.oversized
        } else if loss < conditions.loss {
            &mut counters.lost
        } else if let Some(leaves) = leaves(&mut state.busy_until, conditions, bytes, now) {
            let doubled = duplication < conditions.duplication;
            counters.duplicated += u64::from(doubled);
            let again = doubled.then(|| leaves + under_way(conditions, jitter_again));
            return Fate::Arrives { at: leaves + under_way(conditions, jitter), again };
        } else {
            &mut counters.overflowed
        };
        *reason += 1;
        Fate::Lost
    }

    /// A copy came to an address where nobody is.
    pub(crate) fn unreachable(&mut self, way: Way) {
        self.state(way).counters.unreachable += 1;
    }

    /// A copy did not fit into the receiver's buffer.
    pub(crate) fn oversized(&mut self, way: Way) {
        self.state(way).counters.oversized += 1;
    }

    /// A copy was received.
    pub(crate) fn delivered(&mut self, way: Way, bytes: usize) {
        let counters = &mut self.state(way).counters;
        counters.delivered += 1;
        counters.delivered_bytes += bytes as u64;
    }

    fn state(&mut self, way: Way) -> &mut State {
        let seed = self.seed;
        self.states.entry(way).or_insert_with(|| State {
            dice: Dice::of(seed, way.0, way.1),
            busy_until: None,
            counters: Counters::default(),
        })
    }
}

impl Counters {
    fn plus(self, other: Self) -> Self {
        Self {
            sent: self.sent + other.sent,
            sent_bytes: self.sent_bytes + other.sent_bytes,
            delivered: self.delivered + other.delivered,
            delivered_bytes: self.delivered_bytes + other.delivered_bytes,
            duplicated: self.duplicated + other.duplicated,
            lost: self.lost + other.lost,
            overflowed: self.overflowed + other.overflowed,
            oversized: self.oversized + other.oversized,
            cut: self.cut + other.cut,
            unreachable: self.unreachable + other.unreachable,
        }
    }
}

/// When the last bit has left for the path; `None` if the queue is full.
fn leaves(
    busy_until: &mut Option<Instant>,
    conditions: Conditions,
    bytes: usize,
    now: Instant,
) -> Option<Instant> {
    let Some(bandwidth) = conditions.bandwidth.filter(|bits| *bits > 0) else { return Some(now) };
    let starts = busy_until.map_or(now, |busy| busy.max(now));
    let waiting = starts.duration_since(now).as_nanos() * u128::from(bandwidth) / 8 / 1_000_000_000;
    if waiting + bytes as u128 > conditions.queue as u128 {
        return None;
    }
    let takes = bytes as u128 * 8 * 1_000_000_000 / u128::from(bandwidth);
    let leaves = starts + Duration::from_nanos(u64::try_from(takes).unwrap_or(u64::MAX));
    *busy_until = Some(leaves);
    Some(leaves)
}

/// The delay of one copy; `roll` is from 0 to 1.
fn under_way(conditions: Conditions, roll: f64) -> Duration {
    let Conditions { delay, jitter, .. } = conditions;
    (delay + jitter.mul_f64(2.0 * roll)).saturating_sub(jitter)
}

#[cfg(test)]
mod tests;
