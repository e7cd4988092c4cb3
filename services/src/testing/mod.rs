//! Tests without a network: two connected nodes in memory, a link that loses and delays as a seed says, and virtual time.
//!
//! Only with the feature `testing`, which belongs into the `[dev-dependencies]`. Everything above the sockets is the real thing: QUIC,
//! TLS, connections, objects. It holds no mocks.
//!
//! [`pair`] gives two nodes with a connection between them; [`run`] runs a test under virtual time, where a minute of waiting takes no
//! time, and prints the seed of a test that fails; [`Network`] is what lies between the nodes, and
//! [`NodeBuilder::network`](crate::NodeBuilder::network) puts any node on one. The manual has a page about it:
//! [testing with the simulated link](crate::manual::how_to::testing).
//!
//! ```
//! use std::time::Duration;
//!
//! use duologue::prelude::*;
//! use duologue::testing::{self, Conditions};
//!
//! #[service]
//! trait Clock {
//!     async fn never(&self);
//! }
//!
//! struct Tower;
//!
//! #[service]
//! impl Clock for Tower {
//!     async fn never(&self) {
//!         std::future::pending().await
//!     }
//! }
//!
//! testing::run(7, async |world| {
//!     let rough = Conditions::default().delay(Duration::from_millis(30)).loss(0.05);
//!     let pair = world.pair().conditions(rough).serve(|| Tower).await?;
//!     let clock: ClockProxy = pair.root().await?;
//!     // Thirty seconds, which pass at once.
//!     assert!(matches!(clock.never().await, Err(CallError::Deadline { .. })));
//!     Ok::<_, Box<dyn std::error::Error>>(())
//! });
//! ```

mod pair;
mod run;

pub use pair::{End, Pair, Pairing, pair};
pub use run::{World, run, run_each};
pub use runtime::sim::{Conditions, Counters, Network};
