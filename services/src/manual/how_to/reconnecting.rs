//! Keeping a service usable across lost connections.
//!
//! ```
//! use duologue::prelude::*;
//! use duologue::{Reconnect, ReconnectState};
//! use std::time::Duration;
//!
//! #[service]
//! pub trait Weather {
//!     #[idempotent]
//!     async fn degrees(&self, town: &str) -> i32;
//! }
//!
//! struct Station;
//!
//! #[service]
//! impl Weather for Station {
//!     async fn degrees(&self, town: &str) -> i32 {
//!         town.len() as i32
//!     }
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let node = Node::builder().serve(|| Station).bind("127.0.0.1:0").await?;
//! # let address = node.local_addr().to_string();
//! let mut policy = Reconnect::default();
//! policy.delay_max = Duration::from_secs(5);
//! let link = duologue::connect(address).reconnecting().policy(policy);
//! let weather: WeatherProxy = link.root().await?;
//! assert_eq!(weather.degrees("Oslo").await?, 4);
//!
//! // The server hangs up, or is restarted at its address.
//! # let mut states = link.states();
//! for connection in node.connections() {
//!     connection.close().await;
//! }
//! # states.wait_for(|state| matches!(state, ReconnectState::Reconnecting { .. })).await?;
//! // The proxy stays: the call waits for the next connection.
//! assert_eq!(weather.degrees("Bergen").await?, 6);
//! assert_eq!(*link.states().borrow(), ReconnectState::Connected);
//! # Ok(())
//! # }
//! ```
//!
//! With a node of your own, for its identity or its services, it is `node.connect(address).reconnecting()`, after
//! `.serve(..)` if this side serves something: that is served on each connection.
//!
//! # What becomes of a call
//!
//! | the call | ends |
//! |---|---|
//! | is made while there is no connection | after the next one is made, in the order made; `Deadline`, never ran, if that takes too long |
//! | had not been sent when the connection was lost | the same |
//! | was under way | `Disconnected`, and whether it ran is unknown |
//! | was under way, and its method is `#[idempotent]` | as if made again on the next connection |
//! | finds the server draining | as if made while there is no connection |
//! | is not made again though it could be, since its streams went with the connection | as it ended there |
//!
//! # To know
//!
//! * **Only named services come back**, the root among them. Objects that were handed over on a lost connection,
//!   callbacks among them, are gone on both sides, and their `closed()` says so. State that the server keeps per
//!   connection begins anew with it.
//! * **The first connection is not retried**: a wrong address is an error of `root()` at once.
//! * **It gives up**, and says why in its state and in every later error, when another attempt would end the same way:
//!   the server is another node than the trusted one, speaks another protocol, or serves no such service any more.
//!   Else it goes on for ever unless [`Reconnect::attempts_max`](crate::Reconnect::attempts_max) says otherwise.
//! * **The waits** grow from 100 ms to 30 s, each cut short by chance, so that a server that comes back is not run over.
//! * **It lives as long as it or one of its proxies is held.** Closing its connection from this side ends it.
//! * **Such a proxy is an object of this process** that passes calls on: it is never equal to a plain proxy of the same
//!   service, and handed to the peer it leads back through here. While there is no connection, whether it may be handed on
//!   (`#[service(stay)]`) is what its host said last.
