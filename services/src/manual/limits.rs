//! Every limit, its default, and what happens at it.
//!
//! Settings are fields of [`Config`](crate::Config), those of the link in its field `transport`
//! ([`link::Config`](crate::link::Config)). A config has defaults that are meant for use:
//!
//! ```
//! use duologue::{Config, Node};
//! use std::time::Duration;
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut config = Config::default();
//! config.call_timeout = Duration::from_secs(5);
//! config.transport.idle_timeout = Duration::from_secs(4);
//! config.transport.keep_alive = Duration::from_secs(1);
//! let node = Node::builder().config(config).start().await?;
//! # node.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! A transport config that makes no sense is refused when an endpoint is made: `BindError::Config` names
//! field and reason. Values of the runtime's config are brought into range instead, as given below.
//!
//! # Of the runtime: `Config`
//!
//! | field | default | range | at the limit |
//! |---|---|---|---|
//! | `arbiters` | one for each core | 1 to 1,024 | – |
//! | `shared_lanes` | 1, see [performance](super::performance#how-many-lanes) | 1 to 64; the dialer's counts | – |
//! | `object_permits` | 4,160: 4,096 and 64 in reserve for nested calls | at least 2; the smaller of both peers' | further calls wait at the caller, in order; at their deadline `Deadline`, never ran |
//! | `connection_permits` | 16,384 KiB, of which 1,024 in reserve for nested calls | at least 32 (a peer that offers less is refused); the smaller of both peers' | the same |
//! | `exports_max` | 65,536 objects each way | – | a call that would hand one more over: `Overloaded`, never ran; a result: `BadReply`. The smaller of both sides' counts; a peer that hands over more than it was told loses its connection |
//! | `inline_max` | 8,192 bytes of body | at most 8,192; the smaller of both peers' | a longer body comes on a stream of its own, a round trip later |
//! | `body_max` | 16 MiB | the smaller of both peers' | arguments: `NotSent`; a result: `BadReply`; a peer that announces more loses its connection |
//! | `pull_max` | 16 MiB of bodies that one peer was asked for | at least `body_max` | further ones wait at their sender, in order |
//! | `arguments_max` | 256 MiB of large arguments of one peer's unanswered calls | at least `body_max` | `Overloaded`, never ran |
//! | `results_max` | 64 MiB of large results that one peer was told of and has not fetched | – | none of its calls is started until it fetches them |
//! | `stall_timeout` | 60 s | – | a large body that makes no progress: `BadArguments`, never ran; a result: `BadReply`. A peer that takes nothing off large bodies and streams while some wait: its connection ends |
//! | `bulk_busy` | 128 KiB of large bodies on their way while other calls are under way | at least 64 KiB | their senders take turns |
//! | `bulk_idle` | 4 MiB while there are none | at least `bulk_busy` | the same |
//! | `bulk_max` | 16 MiB: as far as both grow with bandwidth × delay | at least 64 KiB | – |
//! | `outbox_max` | 1 MiB waiting to be written on a lane | – | no further call is started on the connection, in either direction, until it is written |
//! | `object_queue_max` | 65,536 calls that wait for their turn with one object, over all connections and from within the process | at least 1 | `Overloaded`, never ran |
//! | `memory_max` | a quarter of the machine's memory, or of what its control group may use; 1 GiB where that is not known | – | a dialer gets `Refused`; calls of connections that hold more than an equal share: `Overloaded`, never ran |
//! | `call_timeout` | 30 s, for calls over a connection; within a process it is always 30 s | at least 1 ms | `Deadline` |
//! | `deadline_max` | 10 min | – | a longer deadline of a peer is cut to it |
//! | `item_max` | 16 MiB for the body of an item of a stream | the receiver's counts | the stream ends with `BadItem`; a peer that sends more loses the connection |
//! | `stream_pool` | 16 MiB by which the windows of a connection's streams may grow together; each has 64 KiB without it, 16 MiB at most | – | a window grows no further |
//! | `stream_idle` | 60 s in which something waits to move on a stream and does not | – | `StreamError::Idle` |
//! | `drain_timeout` | 10 s | – | calls that still run at a shutdown end with the connection; so do answers that still flow when it is closed |
//!
//! A call costs a permit of its object and one of the connection per KiB of its frame, rounded up. Calls
//! outside of any handler (depth 0) leave the reserve alone, and an object may hold no more of the connection
//! than is free at that depth, so that a flooded object leaves its neighbours their share. Permits come back
//! with the answer and with nothing else: a dropped call whose handler runs on goes on paying.
//!
//! **Large bodies** cost permits only for the frame that announces them. What one connection can make a node hold for them is `pull_max` on its
//! way, `arguments_max` in calls that are not answered, and `results_max` plus what the calls that already run return.
//!
//! # Of the link: `Config::transport`
//!
//! | field | default | range | at the limit |
//! |---|---|---|---|
//! | `idle_timeout` | 30 s | 100 ms to 1 h; the smaller of both peers' | the connection ends as `Ended::TimedOut`, its calls as `Disconnected` |
//! | `keep_alive` | 10 s | at least 10 ms, below `idle_timeout` | – |
//! | `connect_timeout` | 10 s | 10 ms to 1 h | dialing: `Unreachable` or `Resolve`; accepting: the peer is dropped; the greeting after the handshake has as long again: `ConnectError::Hello`; a bidirectional stream that does not say what it is has as long, and is ended |
//! | `attempt_delay` | 250 ms (20 ms if all addresses are loopback) | 10 ms to 1 h | the next address of a name is tried too |
//! | `streams_start` | 64 streams of the peer | at least 1 | doubles as it fills |
//! | `streams_max` | 16,384 | `streams_start` to 1,000,000 | the peer waits: calls of an object with a lane of its own wait for the lane, within their deadlines |
//! | `one_way_start` | 16 one-way streams of the peer, which carry large bodies | at least 1 | doubles as it fills, up to `streams_max`; then bodies wait |
//! | `handshakes_max` | 1,024 under way | at least 1 | the dialer gets `Refused`; beyond a quarter it must first prove its address |
//! | `connections_max` | 10,000 accepted | at least 1 | the dialer gets `Refused` |
//! | `connections_per_address_max` | 256 per address (IPv6: per /64); loopback is exempt | at least 1 | the dialer gets `Refused` |
//! | `stream_window` | 16 MiB ahead of the reader | at least 1,024 bytes | the sender waits |
//! | `connection_window` | 32 MiB on all streams | at least `stream_window` | the sender waits |
//! | `send_window` | 10 MiB sent and not acknowledged | at least 1,024 bytes | the sender waits |
//! | `congestion` | `Cubic`; `Bbr` for long paths that lose packets, see [performance](super::performance#on-a-long-path) | – | a link sends as fast as it allows |
//! | `initial_mtu` | 1,200 bytes; up to 1,452 are discovered | 1,200 to 6,500 | – |
//! | `socket_buffer` | asks for 4 MiB where it has less, and gets what the system allows (Linux: `net.core.rmem_max`, `wmem_max`) | at least 4,096 bytes | packets are lost and sent again |
//!
//! Refusals at a limit are logged at most once a second, with their number.
//!
//! # Fixed
//!
//! | what | limit | at the limit |
//! |---|---|---|
//! | frame on a lane | 16,380 bytes after its length | the sender loses the connection |
//! | frame on the control stream | 65,536 bytes after its length | the sender loses the connection |
//! | streams of items or bytes in one direction | 16,384 that have not ended | a call that would name one more: `Overloaded`, never ran; a result: `BadReply` |
//! | references in a frame | 256 | arguments: `NotSent`; a result: `BadReply`; a peer that sends more loses the connection |
//! | nesting of MessagePack, the array of arguments included | 64 | `BadArguments`, `BadReply`; on the control stream the peer loses the connection |
//! | depth of calls inside each other | 64 | `ChainTooDeep`, never ran; where permits are set so low that fewer than 64 levels are in reserve (`object_permits` below 128, `connection_permits` below 2,048), a call below the reserved levels that finds none free: `Overloaded`, never ran |
//! | unanswered calls on a promised result | 64; 32 of them for calls outside of handlers | further ones wait; a peer that sends more loses the connection |
//! | promised results on a lane, each way | 4,096 | `Overloaded`, never ran; a peer that sends more loses the connection |
//! | lists of foreign method names on a lane | 1,024, and 16 MiB with 256 bytes for each name | `NotSent`; a peer that sends more loses the connection |
//! | nodes a reference is handed on through | 8 | arguments: `NotSent`; a result: `BadReply`; a peer that sends more loses the connection |
//! | documentation in a description, each | 2,048 bytes | cut |
//! | description of a peer's object | 1 MiB | `BadReply` |
//! | nesting of a `Value` that is sent | 64 | `NotSent` |
//! | text of a fault | 4,096 bytes | cut |
//! | text of a reason | 1,024 bytes | cut |
//! | backtrace of a panic, where the node gives it | 3,072 bytes | cut |
//! | the peer's time to take what is written | `idle_timeout` | it loses the connection |
//! | the peer's time to answer a close | `drain_timeout`, while something is heard of it at least once a second | the link is closed without |
//! | methods of a service | 65,535 | compile error |
//! | arguments of a callback | 8 | compile error |
//! | addresses of a name that are tried | 16 | the rest is left out |
//!
//! "Loses the connection" is [`Ended::Violation`](crate::Ended::Violation) at the side that notices, and
//! [`Ended::ByPeer`](crate::Ended::ByPeer) with code 1 and the rule in words at the other.
//!
//! # Of a service: `Restart`
//!
//! | field | default | at the limit |
//! |---|---|---|
//! | `max` | 5 restarts of an instance that panicked in `&mut self` .. | `Gone`, never ran, with the last panic and the budget in its reason |
//! | `within` | .. within 60 s | – |
//! | `delay`, `delay_max` | the first restart at once, the second after 100 ms, each further one after twice as long, 10 s at most | calls wait in line, within their deadlines |
//!
//! # What a held proxy costs
//!
//! Measured with 1,000,000 proxies on one connection, `exports_max` raised on both sides, no call made on any:
//! 180 bytes for each where they are held, 155 where their objects live. The objects' own actors take about
//! 1.8 KiB each. Dropping all of them empties the tables of both sides.
//!
//! # Of a connection that is made again: `Reconnect`
//!
//! | field | default | at the limit |
//! |---|---|---|
//! | `delay`, `delay_max` | up to 100 ms before the first attempt, each further one up to twice as long, 30 s at most | – |
//! | `jitter` | 1: any time up to the whole wait | – |
//! | `attempts_max` | none | it has ended: `Disconnected`, never ran |
//! | calls that wait for the connection, fixed | 65,536 for each proxy that was opened | `Overloaded`, never ran |
//!
//! # What a host can be made to hold
//!
//! For one connection: `connection_permits` KiB of unanswered calls, and for each lane `outbox_max` and the answers of
//! what runs. For all of them together, `memory_max`: it counts the frames of calls from their arrival to their answer,
//! what waits to be written, results that were not fetched among it, what has come on streams and was not taken, and what is kept of method
//! names above 16 KiB a lane, as
//! [`NodeStats::memory`](crate::NodeStats::memory) shows it. What handlers make of their arguments is theirs to bound. For each stream of the peer that somebody holds: its window (64 KiB, and all of them
//! together `stream_pool` more), and one item of up to `item_max` for which somebody waits.
//!
//! Calls within a process take no permits; `object_queue_max` bounds them too.
