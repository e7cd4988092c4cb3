//! Duologue: an actor-based distributed runtime. Two processes meet over one QUIC link; each shows the other its
//! services, and from then on there is no client and no server, only actors that hold each other's addresses.
//!
//! # An example
//!
//! ```
//! use duologue::prelude::*;
//!
//! #[service]
//! pub trait Calculator {
//!     async fn add(&self, a: i64, b: i64) -> i64;
//!     async fn upto(&self, n: u64, tick: Callback<fn(u64) -> bool>) -> Result<u64, CallError>;
//! }
//!
//! struct Desk;
//!
//! #[service]
//! impl Calculator for Desk {
//!     async fn add(&self, a: i64, b: i64) -> i64 {
//!         a + b
//!     }
//!     async fn upto(&self, n: u64, tick: Callback<fn(u64) -> bool>) -> Result<u64, CallError> {
//!         for number in 0..n {
//!             if !tick.call(number).await? {
//!                 return Ok(number);
//!             }
//!         }
//!         Ok(n)
//!     }
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // One process serves ..
//! let node = Node::builder().serve(|| Desk).bind("127.0.0.1:0").await?;
//! // .. and another calls.
//! let connection = duologue::connect(node.local_addr().to_string()).await?;
//! let calc: CalculatorProxy = connection.root().await?;
//! assert_eq!(calc.add(4, 7).await?, 11);
//! assert_eq!(calc.upto(10, |n: u64| n < 5).await?, 5);
//! # Ok(())
//! # }
//! ```
//!
//! # A picture
//!
//! ```text
//!          one process: a node                             another process: a node
//!  +------------------------------------+          +------------------------------------+
//!  | your code                          |          |                     Desk { .. }    |
//!  |    |  calc.add(4, 7).await         |          |  (an actor: &self calls together,  |
//!  |    v                               |          |     a &mut self call alone)  ^     |
//!  |  CalculatorProxy ------------------+-- call --+------------------------------'     |
//!  |                                    |  QUIC,   |                                    |
//!  |    .------------------------------ +- reply --+----  result, or a typed error      |
//!  |    v                               |  TLS 1.3 |                                    |
//!  |  |n| n < 5  (an actor as well) <---+- call ---+-----------  Callback, tick.call(3) |
//!  +------------------------------------+          +------------------------------------+
//! ```
//!
//! # Goals
//!
//! * **A service is a trait.** `#[service]` on it makes a typed proxy; `#[service]` on an impl makes the type
//!   servable. Only what the trait names is reachable.
//! * **Both sides are equal.** Either may serve, call, hand out objects and closures.
//! * **The borrow rule spans the network.** `&self` calls of an object run together, a `&mut self` call runs alone;
//!   state needs no locks and need not be `Send`.
//! * **Objects go by reference.** A proxy may stand anywhere in an argument or result. The object lives while somebody
//!   holds it; one that comes home is local again.
//! * **Whatever waits is ended**, by its answer, its deadline, cancellation, the death of the object or the end
//!   of the connection, and each error says whether the remote code ran.
//! * **Secure by default**: TLS 1.3 both ways, each side known by its key.
//!
//! # Not goals
//!
//! * Garbage collection of cycles across nodes, consensus, persistence.
//! * Speaking to other protocols: both ends are Duologue nodes.
//! * Hiding that a call may fail: every call is a [`Call`] that gives a `Result`.
//!
//! # Where to look
//!
//! [`service`] is the attribute; [`Node`] serves and connects; [`Connection`] gives the peer's services; [`Call`] and
//! [`CallError`] are what a call is and how it fails; [`DynProxy`], [`Value`] and [`DynService`] go by name, without types; [`Callback`] is a closure that travels, [`Streaming`] and [`ByteStream`] come piece by piece; [`Caller`] tells a
//! method who calls; [`blocking`] takes work off the thread; [`mod@bytes`] and [`Blob`] are for bytes in structs.
//! With the feature `testing`, the module `testing` gives tests two connected nodes in memory and virtual time.
//! The [`manual`] explains the whole: architecture, the journey of a call, the wire, limits, security, how-to pages.

mod blob;
mod blocking;
pub mod bytes;
mod callback;
mod connect;
pub mod link;
pub mod manual;
pub mod prelude;
mod proxy_ext;
mod recipient;
#[cfg(feature = "testing")]
pub mod testing;
mod void;
mod weak;

pub use ::bytes::Bytes;
pub use actix;
pub use blob::Blob;
pub use blocking::blocking;
pub use callback::Callback;
pub use connect::{Dial, DialError, connect};
pub use macros::service;
pub use proxy_ext::ProxyExt;
pub use recipient::{RemoteMessage, RemoteRecipient};
pub use runtime::{
    Access, AppError, Args, Attribute, AttributeError, Call, CallError, Caller, Closed, Config, ConnectError,
    Connecting, Connection, ConnectionStats, Descriptor, DynCall, DynError, DynProxy, DynService, DynStream,
    Ended, Factory, Method, NoError, Node, NodeBuilder, NodeError, NodeStats, Notify, OpenError, Param,
    ParseTraceError, Pending, Promised, Proxy, Ran, Reconnect, ReconnectError, ReconnectState, Reconnecting,
    Restart, Restriction, Serve, TraceContext, Value, ValueError, args,
};
pub use runtime::{
    ByteStream, ByteWriter, StreamClosed, StreamError, StreamFailure, StreamKind, StreamSender, Streaming,
};
pub use transport::{Identity, NodeId, Trust};
pub use void::{Void, VoidProxy, VoidService};
pub use weak::WeakProxy;

/// What the expansion of `#[service]` needs; nobody else, and without any promise.
#[doc(hidden)]
pub mod __private {
    pub use crate::callback::{
        AsyncClosure, Call0, Call1, Call2, Call3, Call4, Call5, Call6, Call7, Call8, IntoCallback, Signature,
        SyncClosure,
    };
    pub use runtime::private::*;
    pub use serde;
}
