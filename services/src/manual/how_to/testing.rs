//! Testing with the simulated link: two nodes in memory, bad networks on purpose, and virtual time.
//!
//! The module [`testing`](crate::testing) needs a feature, which belongs to the tests only:
//!
//! ```toml
//! [dev-dependencies]
//! duologue = { version = "0.1", features = ["testing"] }
//! ```
//!
//! # A service between two nodes, in one line
//!
//! ```
//! use duologue::prelude::*;
//! use duologue::testing;
//!
//! #[service]
//! trait Adder {
//!     fn add(&self, a: i64, b: i64) -> i64;
//! }
//!
//! struct Desk;
//!
//! #[service]
//! impl Adder for Desk {
//!     fn add(&self, a: i64, b: i64) -> i64 {
//!         a + b
//!     }
//! }
//!
//! # /*
//! #[tokio::test]
//! async fn it_adds_from_afar() -> Result<(), Box<dyn std::error::Error>> {
//! # */
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let pair = testing::pair().serve(|| Desk).await?;
//!     let adder: AdderProxy = pair.root().await?;
//!     assert_eq!(adder.add(4, 7).await?, 11);
//!     Ok(())
//! }
//! ```
//!
//! [`pair.near`](crate::testing::Pair::near) and [`pair.far`](crate::testing::Pair::far) each have the node and its side of the
//! connection. Both may serve: `.serve_near(|| ..)`.
//!
//! # A bad link, in no time
//!
//! [`testing::run`](crate::testing::run) runs a test under virtual time. Here a call waits for half a minute, over a link that
//! loses a tenth of everything, and the test takes milliseconds.
//!
//! ```
//! use std::time::Duration;
//!
//! use duologue::prelude::*;
//! use duologue::testing::{self, Conditions};
//! use tokio::time::Instant;
//!
//! #[service]
//! trait Kitchen {
//!     async fn bake(&self, minutes: u64) -> String;
//! }
//!
//! struct Cook;
//!
//! #[service]
//! impl Kitchen for Cook {
//!     async fn bake(&self, minutes: u64) -> String {
//!         tokio::time::sleep(Duration::from_secs(60 * minutes)).await;
//!         "bread".into()
//!     }
//! }
//!
//! # /*
//! #[test]
//! # */
//! # fn main() { a_loaf_that_takes_too_long_is_given_up() }
//! fn a_loaf_that_takes_too_long_is_given_up() {
//!     testing::run(7, async |world| {
//!         let rough = Conditions::default().delay(Duration::from_millis(50)).loss(0.1);
//!         let pair = world.pair().conditions(rough).serve(|| Cook).await?;
//!         let kitchen: KitchenProxy = pair.root().await?;
//!
//!         let start = Instant::now();
//!         assert!(matches!(kitchen.bake(5).await, Err(CallError::Deadline { .. })));
//!         assert_eq!(start.elapsed().as_secs(), 30);
//!
//!         let patient = Duration::from_secs(600);
//!         assert_eq!(kitchen.bake(5).timeout(patient).await?, "bread");
//!         Ok::<_, Box<dyn std::error::Error>>(())
//!     });
//! }
//! ```
//!
//! # Many seeds, several nodes, a partition
//!
//! The [`World`](crate::testing::World) of a run makes nodes, too. Addresses are those of its own network; each IP address is a machine
//! there. [`run_each`](crate::testing::run_each) plays a test once for each seed. When one fails, it says
//!
//! ```text
//! the simulated test failed with seed 3; to play it again: DUOLOGUE_SEED=3
//! ```
//!
//! and with that in the environment, only that seed is played.
//!
//! ```
//! use std::time::Duration;
//!
//! use duologue::prelude::*;
//! use duologue::testing::{self, Conditions};
//!
//! #[service]
//! trait Register {
//!     fn next(&mut self) -> u64;
//! }
//!
//! #[derive(Default)]
//! struct Counter(u64);
//!
//! #[service]
//! impl Register for Counter {
//!     fn next(&mut self) -> u64 {
//!         self.0 += 1;
//!         self.0
//!     }
//! }
//!
//! # /*
//! #[test]
//! # */
//! # fn main() { two_clients_share_a_register() }
//! fn two_clients_share_a_register() {
//!     testing::run_each(0..10, async |world| {
//!         let network = world.network();
//!         network.set(Conditions::default().jitter(Duration::from_millis(5)).loss(0.05));
//!
//!         let server = world.node().serve_shared(Counter::default).bind("127.0.0.1:1").await?;
//!         let (one, other) = (world.node().start().await?, world.node().start().await?);
//!         let first: RegisterProxy = one.connect("127.0.0.1:1").await?.root().await?;
//!         let second: RegisterProxy = other.connect("127.0.0.1:1").await?.root().await?;
//!         assert_eq!(first.next().await?, 1);
//!         assert_eq!(second.next().await?, 2);
//!
//!         // One of them is cut off; the other notices nothing.
//!         network.partition(one.machine().unwrap(), server.machine().unwrap());
//!         assert!(matches!(first.next().await, Err(CallError::Disconnected { .. } | CallError::Deadline { .. })));
//!         assert_eq!(second.next().await?, 3);
//!         Ok::<_, Box<dyn std::error::Error>>(())
//!     });
//! }
//! ```
//!
//! # In a test that is a tokio one already
//!
//! Nodes under virtual time live on the test's own thread, which needs a `LocalSet` for them.
//!
//! ```
//! use duologue::testing;
//!
//! # /*
//! #[tokio::test(start_paused = true)]
//! async fn a_ping() {
//! # */
//! # fn main() {
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
//! # runtime.block_on(async {
//!     let test = async {
//!         let pair = testing::pair().on_this_thread().await?;
//!         pair.near.connection.ping().await?;
//!         Ok::<_, Box<dyn std::error::Error>>(())
//!     };
//!     tokio::task::LocalSet::new().run_until(test).await.unwrap();
//! # });
//! }
//! ```
//!
//! # To know
//!
//! * **What is simulated is the network alone.** Above the sockets all is real: QUIC with its losses found and mended, TLS,
//!   connections, objects. A call over a link with a delay of 50 ms takes 100 ms of virtual time, exactly.
//! * **Conditions** ([`Conditions`](crate::testing::Conditions)): delay, jitter (which reorders), loss, duplication, bandwidth with a
//!   queue, MTU; for all, between two machines, or in one direction; changed at any time.
//!   [`Counters`](crate::testing::Counters) say what became of the datagrams.
//! * **Heavy loss takes its time.** Of the handshakes over a link that loses a fifth, one in a thousand takes longer than
//!   [`connect_timeout`](crate::link::Config::connect_timeout), and some calls longer than their 30 s. Raise them, or spoil the link
//!   once it stands: [`pair.set(..)`](crate::testing::Pair::set).
//! * **Replay.** The fate of a datagram depends on the seed and its number in its direction. Under virtual time the whole run repeats
//!   as far as the test's own code does: what stays random are keys, which may change the size of a certificate by a byte, and whatever
//!   depends on the order of a `HashMap`. On several threads only the pattern of the fates repeats.
//! * **Virtual time is tokio's.** `tokio::time::Instant` follows it, `std::time::Instant` does not. Work takes none of it. It stands
//!   still while [`blocking`](crate::blocking) work runs, and does not know of threads that you start yourself: nodes under virtual time
//!   must be on the test's thread, never on threads of their own.
//! * **Trust is as ever.** Addresses in 127.0.0.0/8 are loopback in a simulated network too and need no keys; a node on another
//!   address needs a trust. Names are looked up in the real world: use literal addresses.
//! * **Without virtual time**, delays have steps of a millisecond.
