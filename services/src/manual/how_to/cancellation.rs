//! Dropping a call, deadlines, and work that blocks.
//!
//! ```
//! use std::time::Duration;
//!
//! use duologue::prelude::*;
//!
//! #[service]
//! trait Kitchen {
//!     /// Stopped at its next await when the caller gives up.
//!     async fn simmer(&self);
//!     /// Runs to its end, whatever the caller does.
//!     #[no_cancel]
//!     async fn bake(&self, loaves: u64) -> u64;
//!     async fn chop(&self, pieces: Vec<u64>) -> u64;
//! }
//!
//! struct Cook;
//!
//! #[service]
//! impl Kitchen for Cook {
//!     async fn simmer(&self) {
//!         std::future::pending().await
//!     }
//!     async fn bake(&self, loaves: u64) -> u64 {
//!         loaves
//!     }
//!     async fn chop(&self, pieces: Vec<u64>) -> u64 {
//!         // Off the thread that drives the connection and its objects.
//!         duologue::blocking(move || pieces.iter().sum()).await
//!     }
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let node = Node::builder().serve(|| Cook).bind("127.0.0.1:0").await?;
//! # let connection = duologue::connect(node.local_addr().to_string()).await?;
//! let kitchen: KitchenProxy = connection.root().await?;
//!
//! // A deadline of its own: counted from the first poll.
//! let late = kitchen.simmer().timeout(Duration::from_millis(50)).await;
//! assert!(matches!(late, Err(CallError::Deadline { .. })));
//!
//! // Dropping a call that is under way cancels it at the peer: here `select!` drops the one that loses.
//! tokio::select! {
//!     _ = kitchen.simmer() => unreachable!("it never ends by itself"),
//!     loaves = kitchen.bake(3) => assert_eq!(loaves?, 3),
//! }
//! node.until(|stats| stats.total.calls_running == 0).await;
//!
//! assert_eq!(kitchen.chop(vec![1, 2, 3]).await?, 6);
//! # Ok(())
//! # }
//! ```
//!
//! # To know
//!
//! * **A call that was never polled was never sent.** The first poll sends it.
//! * **Every call has a deadline**: [`Config::call_timeout`](crate::Config::call_timeout), 30 s, unless
//!   [`timeout`](crate::Call::timeout) or [`deadline`](crate::Call::deadline) says otherwise. It covers the
//!   wait for permits, the way there, the queue at the object and the method. A host accepts at most 10
//!   minutes ([`Config::deadline_max`](crate::Config::deadline_max)).
//! * **It is inherited.** A call made inside a handler has the nearer of its own deadline and the handler's.
//!   In spawned tasks that is so only within [`caller.scope(future)`](crate::Caller::scope).
//! * **What is stopped**: an async `&self` method at its next await, unless it is marked `#[no_cancel]`; an
//!   `&mut self` method only if it is marked `#[cancel]`, since half-changed state is nobody's friend. A call
//!   that has not begun is always withdrawn.
//! * **A plain method is not stopped**: it has no await. A long one asks
//!   [`caller.is_cancelled()`](crate::Caller::is_cancelled).
//! * **[`blocking`](crate::blocking)**: work that has begun runs to its end even if its call is cancelled;
//!   its result is thrown away.
//! * **A cancelled call pays until its handler has ended.** Its permits come back with the one answer that
//!   the host owes for each call.
