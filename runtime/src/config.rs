//! The settings of a node.

use std::time::Duration;

use crate::tables::{BodyLimits, BulkLimits, CONNECTION_PERMITS_MIN, StreamLimits, TableLimits};

/// Every limit and habit of a node. The defaults are meant for use; each field says what moving it does.
///
/// ```
/// let mut config = duologue_runtime::Config::default();
/// config.exports_max = 1_000_000;
/// config.transport.idle_timeout = std::time::Duration::from_secs(10);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// What concerns QUIC: windows, time-outs, streams, connections.
    pub transport: transport::Config,
    /// Threads that run connections and objects; a connection lives on one of them. Default: one for each core.
    pub arbiters: usize,
    /// How long a thread of the node stays awake after the last frame that arrived on a lane, instead of sleeping until the next one wakes it. At 50 µs a lone call
    /// takes a third of the time; a thread that waits for the next call takes a whole core meanwhile, and where threads outnumber cores
    /// everything is slower. Set it on both sides. Default: zero, which is never.
    pub busy_poll: Duration,
    /// Lanes that a dialer opens and that all ordinary objects share, 1 to 64. Services are opened on them in turn, and what a service hands
    /// over stays on its lane, so that more than one serves programs with several services. More lanes isolate those from each other's lost packets
    /// and cost throughput, since frames share fewer writes; `lane = "own"` isolates the objects of one service. Default: 1.
    pub shared_lanes: u8,
    /// Calls that may be unanswered on one object from one connection; further ones wait at their caller. Default: 4,160, which are 4,096 and
    /// 64 in reserve for calls made inside handlers.
    pub object_permits: u32,
    /// KiB that may be unanswered on one connection; a call costs its frame's size, at least 1. Default: 16,384.
    pub connection_permits: u32,
    /// Objects that the peer of one connection may hold, and that may be held of it. Above it a call that would hand over one more fails as
    /// `Overloaded`. Default: 65,536.
    pub exports_max: usize,
    /// The longest body that rides in a frame, at most 8 KiB. A longer one takes a round trip more and comes on a stream of its own.
    /// Default: 8,192 bytes.
    pub inline_max: usize,
    /// Bytes that may wait to be written on a lane; above it no further call is started on the connection. Default: 1 MiB.
    pub outbox_max: usize,
    /// The longest body, of arguments or of a result. The smaller of both peers' values counts; above it arguments fail as `NotSent`, a result
    /// as `BadReply`. Default: 16 MiB.
    pub body_max: usize,
    /// Bytes of large bodies that one peer may be asked for at once; further ones wait, in order. At least `body_max`. Default: 16 MiB.
    pub pull_max: usize,
    /// Bytes of large arguments of one peer whose calls are not answered; above it a call with a large body is refused as `Overloaded`.
    /// At least `body_max`. Default: 256 MiB.
    pub arguments_max: usize,
    /// Bytes of large results that one peer has been told of and has not fetched; above it none of its calls is started. Default: 64 MiB.
    pub results_max: usize,
    /// A large body of which nothing arrives for so long is given up, and its call with it. A peer that takes nothing for so long, while large
    /// bodies or streams wait to be sent to it, loses its connection. Default: 60 s.
    pub stall_timeout: Duration,
    /// Bytes of large bodies and streams that may be in the network at once on a connection on which calls are under way: a call waits behind
    /// at most so many, or `bulk_max` on a path that holds more. More is faster in bulk and slower for its neighbours. At least 64 KiB. Default: 128 KiB.
    pub bulk_busy: usize,
    /// The same while no calls are under way. Default: 4 MiB.
    pub bulk_idle: usize,
    /// As far as either grows on a path whose bandwidth × delay asks for more. Default: 16 MiB.
    pub bulk_max: usize,
    /// Calls that may wait for their turn with one object, over all connections and from within the process. Above it a call fails at
    /// once as `Overloaded` and never ran. At least 1. Default: 65,536.
    pub object_queue_max: usize,
    /// Bytes that the node holds for its peers in unanswered calls, in unsent frames and in streams that were not taken, over all connections. Above it new connections
    /// are refused, and calls of the connections that hold more than an equal share of it fail as `Overloaded` and never ran.
    /// Default: a quarter of the machine's memory, or of what its control group may use; 1 GiB where that is not known.
    pub memory_max: u64,
    /// How long a call over a connection may take if it says nothing else. Default: 30 s.
    pub call_timeout: Duration,
    /// The longest deadline that is accepted from a peer. Default: 10 minutes.
    pub deadline_max: Duration,
    /// The largest item of a stream. A larger one ends its stream with [`StreamError::BadItem`](crate::StreamError::BadItem). Default: 16 MiB.
    pub item_max: usize,
    /// What the windows of all streams that come over one connection may grow by together; each has 64 KiB without it and 16 MiB at most. Less
    /// slows streams on long paths, more lets the items that wait for their consumers take so much memory. Default: 16 MiB.
    pub stream_pool: usize,
    /// How long a stream may stand still while something waits to move on it: items of which nobody takes any, or the rest of one. A stream on which
    /// nothing happens does not stand still, nor one whose consumer is slow. Noticed after so long, or half as long again. Above it the stream ends as [`StreamError::Idle`](crate::StreamError::Idle). Default: 60 s.
    pub stream_idle: Duration,
    /// How long running calls may take to end at a shutdown; and how long answers may take to arrive once a connection is closed, while
    /// the peer is heard of at least once a second. What has not arrived then is lost. Default: 10 s.
    pub drain_timeout: Duration,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            transport: transport::Config::default(),
            arbiters: std::thread::available_parallelism().map_or(1, |n| n.get()),
            busy_poll: Duration::ZERO,
            shared_lanes: 1,
            object_permits: 4_160,
            connection_permits: 16_384,
            exports_max: 65_536,
            inline_max: 8 * 1024,
            outbox_max: 1024 * 1024,
            body_max: 16 * 1024 * 1024,
            pull_max: 16 * 1024 * 1024,
            arguments_max: 256 * 1024 * 1024,
            results_max: 64 * 1024 * 1024,
            stall_timeout: Duration::from_secs(60),
            bulk_busy: 128 * 1024,
            bulk_idle: 4 * 1024 * 1024,
            bulk_max: 16 * 1024 * 1024,
            object_queue_max: 65_536,
            memory_max: crate::node::budget::usual(),
            call_timeout: crate::call::TIMEOUT,
            deadline_max: Duration::from_secs(600),
            item_max: 16 * 1024 * 1024,
            stream_pool: 16 * 1024 * 1024,
            stream_idle: Duration::from_secs(60),
            drain_timeout: Duration::from_secs(10),
        }
    }
}

/// Permits kept for calls made inside handlers, a level each (N6).
const RESERVE: u32 = 64;

impl Config {
    pub(crate) fn tables(&self) -> TableLimits {
        let stall_ms = self.stall_timeout.as_millis().min(u128::from(u32::MAX)) as u64;
        TableLimits {
            object_permits: self.object_permits.max(2),
            connection_permits: self.connection_permits.max(CONNECTION_PERMITS_MIN),
            reserve: RESERVE,
            exports_max: self.exports_max,
            inline_max: self.inline_max.min(8 * 1024),
            outbox_max: self.outbox_max,
            deadline_ms: self.call_timeout.as_millis().clamp(1, u128::from(u32::MAX)) as u32,
            streams: StreamLimits { pool: self.stream_pool as u64, item_max: self.item_max },
            deadline_max_ms: self.deadline_max.as_millis().min(u128::from(u32::MAX)) as u32,
            bodies: BodyLimits {
                body_max: self.body_max.min(u32::MAX as usize),
                pull_max: self.pull_max,
                arguments_max: self.arguments_max,
                replies_max: self.results_max,
                stall_ms,
            },
            bulk: BulkLimits {
                busy: self.bulk_busy as u64,
                idle: self.bulk_idle as u64,
                most: self.bulk_max as u64,
                stall_ms,
            },
        }
    }
}
