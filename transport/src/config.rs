//! [`Config`]: what can be tuned about an endpoint and its links, with the reason of each default. It holds
//! values only; `quic.rs` hands them to the QUIC library.

use std::time::Duration;

/// Settings of an [`Endpoint`](crate::Endpoint) and of all its links.
///
/// ```
/// let mut config = duologue_transport::Config::default();
/// config.idle_timeout = std::time::Duration::from_secs(4);
/// config.keep_alive = std::time::Duration::from_secs(1);
/// config.check().expect("one second of keep-alive fits into four of silence");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// How long a link may hear nothing from its peer before it ends with `TimedOut`. The smaller of both
    /// peers' values counts. Shorter finds dead peers sooner and mistakes a stalled network for one; at least
    /// 100 ms, at most an hour. Default 30 s: longer than what a laptop's change of network takes.
    pub idle_timeout: Duration,
    /// How long a link is quiet before it sends a sign of life; must be below `idle_timeout`, best below a
    /// third of it so that two may be lost. At least 10 ms. Default 10 s.
    pub keep_alive: Duration,
    /// How long [`Endpoint::connect`](crate::Endpoint::connect) tries, name resolution and all addresses
    /// together, and how long an accepted handshake may take. At least 10 ms. Default 10 s.
    pub connect_timeout: Duration,
    /// Head start of each address of a name before the next one is tried too; at least 10 ms. If all addresses
    /// are loopback, at most 20 ms are waited. Default 250 ms (RFC 8305 §5).
    pub attempt_delay: Duration,
    /// Streams a peer may have open on a fresh link; at least 1. It doubles as it fills, up to `streams_max`.
    /// Their bookkeeping is paid up front (64 KB per link at 1, 67 KB at 100, 870 KB at 10,000), hence the
    /// default of 64.
    pub streams_start: u32,
    /// Streams a peer may have open on a link at most; at least `streams_start`, at most 1,000,000. When they
    /// are used up, the peer's `open` waits. Default 16,384.
    pub streams_max: u32,
    /// One-way streams a peer may have open on a fresh link; at least 1. Their number doubles as they fill, like that of the
    /// others and as far as `streams_max`. Default 16.
    pub one_way_start: u32,
    /// Handshakes under way on an endpoint at once; further ones are refused. Beyond a quarter of it, peers
    /// must first prove their address (a Retry: one more round trip). At least 1. Default 1,024: about 0.4 s of
    /// one core's work.
    pub handshakes_max: u32,
    /// Accepted links (and handshakes) of an endpoint at once; further ones are refused. At least 1. Default
    /// 10,000: some 700 MB.
    pub connections_max: u32,
    /// The same per remote address (an IPv6 network of 64 bits counts as one address); loopback is exempt. At
    /// least 1. Default 256: a whole office behind one address, but not one machine for all 10,000.
    pub connections_per_address_max: u32,
    /// Bytes a peer may send on one stream ahead of the reader; 1,024 to 2^32 − 1. Too small throttles
    /// (64 KiB halved the bulk throughput); it costs memory only if the reader lags. Default 16 MiB.
    pub stream_window: u32,
    /// Bytes a peer may send on all streams of a link ahead of the readers; at least `stream_window`. **Once it
    /// is full of unread data, the whole link stands still**: read every stream. Default 32 MiB.
    pub connection_window: u32,
    /// Bytes kept per link that are sent but not acknowledged; beyond it `send` waits. At least 1,024. Default
    /// 10 MiB: 100 ms at 100 MB/s.
    pub send_window: u32,
    /// How fast a link dares to send. Default [`Congestion::Cubic`].
    pub congestion: Congestion,
    /// UDP payload size that is used before a larger one is discovered, in bytes; 1,200 to 6,500. Above 1,452 it
    /// must hold on the whole path (loopback, jumbo frames) **and** be set on both peers, else links fall back to
    /// 1,200; it doubles bulk throughput and grows the endpoint's receive buffer. Above 6,500, links were seen
    /// to hang with segmentation offload. Default 1,200, which every path carries.
    pub initial_mtu: u16,
    /// Size to which the socket's send and receive buffers are raised, in bytes, where they are smaller; at least 4,096. All links of an endpoint share its socket, and what finds no
    /// room there while the endpoint is busy is lost and sent again. A system gives what it allows, and does not say if that is less: Linux up to
    /// `net.core.rmem_max` and `net.core.wmem_max`, which are 212,992 on many machines (`sysctl -w net.core.rmem_max=4194304` raises the one).
    /// `None` leaves what the system gives by itself, some 200 KiB there. Default 4 MiB.
    pub socket_buffer: Option<u32>,
}

/// What a link takes for a sign that it sends too fast. Both ends decide for themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Congestion {
    /// Each loss (CUBIC, RFC 8312). Fair to others and well tried; on a long path even a loss in a thousand keeps it far below what the
    /// path carries.
    #[default]
    Cubic,
    /// More bytes under way than bandwidth × delay (BBR, as quinn has it: experimental there). It fills long paths that lose packets by chance, and gives
    /// less to others who share the path.
    Bbr,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            idle_timeout: Duration::from_secs(30),
            keep_alive: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(10),
            attempt_delay: Duration::from_millis(250),
            streams_start: 64,
            streams_max: 16_384,
            one_way_start: 16,
            handshakes_max: 1_024,
            connections_max: 10_000,
            connections_per_address_max: 256,
            stream_window: 16 << 20,
            connection_window: 32 << 20,
            send_window: 10 << 20,
            congestion: Congestion::default(),
            initial_mtu: 1_200,
            socket_buffer: Some(4 << 20),
        }
    }
}

/// The smallest buffer of a socket that may be asked for, in bytes.
pub(crate) const LEAST_BUFFER: u32 = 4_096;

/// A setting makes no sense; nothing was bound. The message says which, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` {reason}")]
#[non_exhaustive]
pub struct ConfigError {
    /// The name of the field of [`Config`].
    pub field: &'static str,
    /// What is wrong with its value.
    pub reason: &'static str,
}

impl Config {
    /// Refuses values that make no sense. Binding checks by itself.
    pub fn check(&self) -> Result<(), ConfigError> {
        const TEN_MS: Duration = Duration::from_millis(10);
        const HOUR: Duration = Duration::from_secs(3_600);
        let refuse = |field, reason| Err(ConfigError { field, reason });
        if self.idle_timeout < Duration::from_millis(100) || self.idle_timeout > HOUR {
            return refuse("idle_timeout", "must be between 100 ms and an hour");
        }
        if self.keep_alive < TEN_MS {
            return refuse("keep_alive", "must be at least 10 ms");
        }
        if self.keep_alive >= self.idle_timeout {
            return refuse("keep_alive", "must be below `idle_timeout`, or quiet links end");
        }
        if self.connect_timeout < TEN_MS || self.connect_timeout > HOUR {
            return refuse("connect_timeout", "must be between 10 ms and an hour");
        }
        if self.attempt_delay < TEN_MS || self.attempt_delay > HOUR {
            return refuse("attempt_delay", "must be between 10 ms and an hour");
        }
        if self.streams_start == 0 {
            return refuse("streams_start", "must be at least 1, or peers cannot talk");
        }
        if self.streams_max < self.streams_start || self.streams_max > 1_000_000 {
            return refuse("streams_max", "must be between `streams_start` and 1,000,000");
        }
        if self.one_way_start == 0 {
            return refuse("one_way_start", "must be at least 1, or large bodies cannot be sent");
        }
        if self.handshakes_max == 0 {
            return refuse("handshakes_max", "must be at least 1, or nobody can connect");
        }
        if self.connections_max == 0 {
            return refuse("connections_max", "must be at least 1, or nobody can connect");
        }
        if self.connections_per_address_max == 0 {
            return refuse("connections_per_address_max", "must be at least 1, or nobody can connect");
        }
        if self.stream_window < 1_024 {
            return refuse("stream_window", "must be at least 1,024 bytes");
        }
        if self.connection_window < self.stream_window {
            return refuse("connection_window", "must be at least `stream_window`");
        }
        if self.send_window < 1_024 {
            return refuse("send_window", "must be at least 1,024 bytes");
        }
        if !(1_200..=6_500).contains(&self.initial_mtu) {
            return refuse("initial_mtu", "must be between 1,200 and 6,500 bytes");
        }
        if self.socket_buffer.is_some_and(|bytes| bytes < LEAST_BUFFER) {
            return refuse("socket_buffer", "must be at least 4,096 bytes");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_sound() {
        assert_eq!(Config::default().check(), Ok(()));
    }

    #[test]
    fn nonsense_is_refused_by_the_name_of_its_field() {
        type Spoil = fn(&mut Config);
        let cases: [(&str, Spoil); 10] = [
            ("idle_timeout", |c| c.idle_timeout = Duration::ZERO),
            ("keep_alive", |c| c.keep_alive = c.idle_timeout),
            ("connect_timeout", |c| c.connect_timeout = Duration::MAX),
            ("streams_start", |c| c.streams_start = 0),
            ("streams_max", |c| c.streams_max = c.streams_start - 1),
            ("one_way_start", |c| c.one_way_start = 0),
            ("connections_max", |c| c.connections_max = 0),
            ("connection_window", |c| c.connection_window = c.stream_window - 1),
            ("initial_mtu", |c| c.initial_mtu = 1_199),
            ("initial_mtu", |c| c.initial_mtu = 6_501),
        ];
        for (field, spoil) in cases {
            let mut config = Config::default();
            spoil(&mut config);
            assert_eq!(config.check().unwrap_err().field, field);
        }
    }
}
