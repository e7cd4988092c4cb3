//! [`Conditions`]: what a path of a simulated network does to datagrams. Values only; `rules.rs` applies them.

use std::time::Duration;

/// What one direction of a path does to the datagrams on it. The default is a perfect one: nothing is lost, nothing waits.
///
/// ```
/// use std::time::Duration;
/// use duologue_transport::sim::Conditions;
///
/// let mobile = Conditions::default()
///     .delay(Duration::from_millis(30))
///     .jitter(Duration::from_millis(10))
///     .loss(0.01)
///     .bandwidth(20_000_000);
/// assert_eq!(mobile.queue, Conditions::default().queue);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Conditions {
    /// How long a datagram is under way, one way. With real time, timers have steps of a millisecond, and delays are rounded up to
    /// one. Default: none.
    pub delay: Duration,
    /// How much shorter or longer than `delay` it may be, evenly distributed; never below zero. Datagrams overtake each other by it:
    /// it is what reorders. Default: none.
    pub jitter: Duration,
    /// The share of datagrams that are lost by chance, from 0 to 1. 1 cuts the direction. Default: 0.
    pub loss: f64,
    /// The share of datagrams that arrive twice, from 0 to 1, each copy with a jitter of its own. Default: 0.
    pub duplication: f64,
    /// Bits per second; what comes faster waits in the queue. `None` and 0 are no limit. Default: `None`.
    pub bandwidth: Option<u64>,
    /// Bytes that may wait for bandwidth; what does not fit is dropped, the newest first (tail drop). A larger queue loses less and
    /// delays more. Default: 256 KiB.
    pub queue: usize,
    /// The largest UDP payload that passes, in bytes; larger datagrams vanish, as on a path with a small MTU. QUIC needs 1,200.
    /// Default: 1,472, Ethernet's.
    pub mtu: usize,
}

impl Default for Conditions {
    fn default() -> Self {
        Self {
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            loss: 0.0,
            duplication: 0.0,
            bandwidth: None,
            queue: 256 * 1024,
            mtu: 1_472,
        }
    }
}

impl Conditions {
    /// With this delay, one way.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// With delays that differ by up to this.
    pub fn jitter(mut self, jitter: Duration) -> Self {
        self.jitter = jitter;
        self
    }

    /// With this share of datagrams lost.
    pub fn loss(mut self, share: f64) -> Self {
        self.loss = share;
        self
    }

    /// With this share of datagrams doubled.
    pub fn duplication(mut self, share: f64) -> Self {
        self.duplication = share;
        self
    }

    /// With this many bits per second.
    pub fn bandwidth(mut self, bits_per_second: u64) -> Self {
        self.bandwidth = Some(bits_per_second);
        self
    }

    /// With this many bytes that may wait for bandwidth.
    pub fn queue(mut self, bytes: usize) -> Self {
        self.queue = bytes;
        self
    }

    /// With this largest UDP payload, in bytes.
    pub fn mtu(mut self, bytes: usize) -> Self {
        self.mtu = bytes;
        self
    }
}
