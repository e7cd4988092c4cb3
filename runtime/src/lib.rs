//! Nodes, connection actors, object tables and calls: the runtime of Duologue.
//!
//! # Goals
//! * Two processes that meet over one link are equals: each serves, each calls, each holds the other's objects.
//! * Every object is an actor; a remote one is reached through a proxy of the same type as a local one.
//! * Whatever waits is ended: by its answer, its deadline, cancellation, the death of the object, the close of the connection.
//! * Memory is bounded, hostile peers included; a failing object hurts only itself.
//!
//! # Non-goals
//! * Writing proxies by hand: `#[service]` of the crate `duologue` makes them. Most programs depend on that crate alone.
//! * Membership and consensus; streams of frames (the crate `duologue-transport`).
//!
//! # A picture
//! ```text
//!        node A                                              node B
//!  ┌──────────────────────┐                          ┌──────────────────────┐
//!  │ proxy ─► Call        │   lane: Call, Reply, ..  │        object's actor│
//!  │            │         │ ═══════════════════════► │ reader ─► turn ─► S  │
//!  │         outbox ─► writer                        │              │       │
//!  │                      │ ◄═══════════════════════ │ writer ◄─ outbox     │
//!  │  connection actor ───┼── control: Release, Gone ┼─── connection actor  │
//!  │  (tables, life cycle)│                          │  (tables, life cycle)│
//!  └──────────────────────┘                          └──────────────────────┘
//! ```
//!
//! # An example
//! ```
//! use duologue_runtime::Node;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let server = Node::builder().bind("127.0.0.1:0").await?;
//! let client = Node::new().await?;
//! let conn = client.connect(server.local_addr().to_string()).await?;
//! println!("round trip: {:?}", conn.ping().await?);
//! conn.close().await;
//! server.shutdown().await;
//! # Ok(())
//! # }
//! ```

mod answer;
mod call;
mod config;
mod connection;
mod descriptor;
mod dynamic;
mod error;
mod lobby;
mod node;
mod object;
mod proxy;
mod reconnect;
mod services;
mod streaming;
mod tables;
mod trace;
mod values;
mod wire;

pub use call::{Call, Notify, Pending, Promised};
pub use config::Config;
pub use connection::{Connection, ConnectionStats, Ended, OpenError};
pub use descriptor::{Access, Attribute, Descriptor, Method, Param};
pub use dynamic::{
    Args, AttributeError, DynCall, DynError, DynProxy, DynService, DynStream, StreamKind, Value, ValueError,
};
pub use error::{AppError, CallError, NoError, Ran};
pub use node::{ConnectError, Connecting, Node, NodeBuilder, NodeError, NodeStats};
pub use object::{Caller, Restart, Restriction};
pub use proxy::{Closed, Proxy};
pub use reconnect::{Reconnect, ReconnectError, ReconnectState, Reconnecting};
pub use services::{Factory, FactoryAs, Serve};
pub use streaming::{
    ByteStream, ByteWriter, StreamClosed, StreamError, StreamFailure, StreamSender, Streaming,
};
pub use trace::{ParseTraceError, TraceContext};
/// A network in memory that a node can be put on.
#[cfg(feature = "testing")]
pub use transport::sim;

/// What generated code needs; not for anybody else, and without any promise.
#[doc(hidden)]
pub mod private {
    pub use crate::answer::Refs;
    pub use crate::call::{Call, call_local, call_remote};
    pub use crate::connection::Connection;
    pub use crate::descriptor::{Access, Descriptor, Marks, Method, Param, fingerprint, tag};
    pub use crate::error::{BadBody, CallError, EncodeError, Fault, NoError};
    pub use crate::node::Worker;
    pub use crate::object::{
        Caller, Data, Dispatch, Fallible, Fate, Faulting, Hosted, Incoming, Interface, LocalObject, Make,
        Plain, ResultLike, Shape, host, host_fated, local,
    };
    pub use crate::proxy::{Handle, Proxy, Start, WeakHandle};
    pub use crate::services::{Serve, Tag};
    pub use crate::values::{
        ArgsIn, ArgsOut, Output, deserialize_bytes, deserialize_proxy, drain, next_arg, next_arg_or_default,
        serialize_proxy,
    };
    pub use crate::wire::Body;
}
