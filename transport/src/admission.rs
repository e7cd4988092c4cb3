//! Who may still come in: the counts of accepted handshakes and links, and their limits. Pure: no sockets, time is
//! passed in.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::Config;

/// Refusals are reported at most this often, so that a flood of peers is not a flood of logs.
const REPORT_EVERY: Duration = Duration::from_secs(1);

/// The counts of one endpoint.
#[derive(Debug)]
pub(crate) struct Admission {
    handshakes_max: u32,
    connections_max: u32,
    per_address_max: u32,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    handshakes: u32,
    connections: u32,
    per_address: HashMap<IpAddr, u32>,
    reported: Option<Instant>,
    unreported: u64,
}

/// What to do with who knocks.
#[derive(Debug)]
pub(crate) enum Verdict {
    Admit(Seat),
    /// Let it prove its address first.
    Retry,
    Refuse(Refused),
}

/// Why somebody is refused.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    /// The limit that is reached, a field of [`Config`].
    pub(crate) limit: &'static str,
    /// How many were refused since the last report; `None` if it is too early for another one.
    pub(crate) report: Option<u64>,
}

impl Admission {
    pub(crate) fn new(config: &Config) -> Arc<Self> {
        Arc::new(Self {
            handshakes_max: config.handshakes_max,
            connections_max: config.connections_max,
            per_address_max: config.connections_per_address_max,
            counts: Mutex::default(),
        })
    }

    /// Judges a peer at `address`, which has or has not proved that it is there.
    pub(crate) fn judge(self: &Arc<Self>, address: IpAddr, proved: bool, now: Instant) -> Verdict {
        let unit = counted_as(address);
        let counts = &mut *self.counts.lock();
        let here = unit.map_or(0, |unit| counts.per_address.get(&unit).copied().unwrap_or(0));
        let limit = if counts.handshakes >= self.handshakes_max {
            "handshakes_max"
        } else if counts.connections >= self.connections_max {
            "connections_max"
        } else if here >= self.per_address_max {
            "connections_per_address_max"
        } else if counts.handshakes >= self.handshakes_max.div_ceil(4) && !proved {
            return Verdict::Retry;
        } else {
            counts.handshakes += 1;
            counts.connections += 1;
            if let Some(unit) = unit {
                *counts.per_address.entry(unit).or_default() += 1;
            }
            return Verdict::Admit(Seat { admission: self.clone(), unit, shaking: true });
        };
        Verdict::Refuse(Refused { limit, report: counts.report(now) })
    }
}

impl Counts {
    fn report(&mut self, now: Instant) -> Option<u64> {
        self.unreported += 1;
        if self.reported.is_some_and(|last| now.saturating_duration_since(last) < REPORT_EVERY) {
            return None;
        }
        self.reported = Some(now);
        Some(std::mem::take(&mut self.unreported))
    }
}

/// The place of one accepted link; dropping it makes room.
#[derive(Debug)]
pub(crate) struct Seat {
    admission: Arc<Admission>,
    unit: Option<IpAddr>,
    shaking: bool,
}

impl Seat {
    /// The handshake is done.
    pub(crate) fn established(&mut self) {
        if std::mem::take(&mut self.shaking) {
            self.admission.counts.lock().handshakes -= 1;
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.established();
        let counts = &mut *self.admission.counts.lock();
        counts.connections -= 1;
        if let Some(unit) = self.unit
            && let Some(here) = counts.per_address.get_mut(&unit)
        {
            *here -= 1;
            if *here == 0 {
                counts.per_address.remove(&unit);
            }
        }
    }
}

/// What counts as one address: an IPv4 address, or an IPv6 network of 64 bits, which is what one customer gets.
/// `None` for loopback, which is exempt.
fn counted_as(address: IpAddr) -> Option<IpAddr> {
    match address.to_canonical() {
        ip if ip.is_loopback() => None,
        IpAddr::V6(ip) => Some(Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX)).into()),
        ip => Some(ip),
    }
}

#[cfg(test)]
mod tests;
