//! Both ends serve.
//!
//! Who dials decides nothing but who dials. The dialing side says what it serves before it awaits the
//! connection, and either side gets the other's root with [`Connection::root`](crate::Connection::root).
//!
//! ```
//! use duologue::prelude::*;
//!
//! #[service]
//! trait Client {
//!     async fn foo(&self) -> String;
//! }
//!
//! #[service]
//! trait Server {
//!     async fn bar(&self) -> Result<String, CallError>;
//! }
//!
//! struct Here;
//!
//! #[service]
//! impl Client for Here {
//!     async fn foo(&self) -> String {
//!         "foo".to_owned()
//!     }
//! }
//!
//! struct There;
//!
//! #[service]
//! impl Server for There {
//!     // `caller` is bound from the current call; trait and impl may leave it out or write it, each for itself.
//!     async fn bar(&self, caller: &Caller) -> Result<String, CallError> {
//!         let client: ClientProxy = caller.connection().root().await?;
//!         Ok(client.foo().await? + "bar")
//!     }
//!
//!     // Runs when a peer has connected, before any call of it.
//!     fn on_connect(&mut self, connection: &Connection) {
//!         let peer = connection.peer();
//!         assert_eq!(peer.to_string().len(), 64);
//!     }
//!
//!     // Runs when that connection has ended.
//!     fn on_disconnect(&mut self, _connection: &Connection) {}
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let server = Node::builder().serve(|| There).bind("127.0.0.1:0").await?;
//!
//! let node = Node::new().await?;
//! let connection = node.connect(server.local_addr().to_string()).serve(|| Here).await?;
//! let there: ServerProxy = connection.root().await?;
//! assert_eq!(there.bar().await?, "foobar");
//! # Ok(())
//! # }
//! ```
//!
//! # To know
//!
//! * **Instances.** [`serve`](crate::NodeBuilder::serve) makes an instance for each connection; share state
//!   by cloning an `Arc` into the closure. [`serve_shared`](crate::NodeBuilder::serve_shared) makes one for
//!   all. Further services have names: [`service`](crate::NodeBuilder::service),
//!   [`Connection::service`](crate::Connection::service); names are compared without regard to case. A side
//!   that serves nothing shows [`Void`](crate::Void).
//! * **A node's services are served on every connection**, dialed or accepted; `.serve(..)` on
//!   [`connect`](crate::Node::connect) replaces the root for that one.
//! * **The hooks are not async.** The peer may be waiting for us while they run. They may keep proxies and
//!   start tasks; calls to the instance wait for `on_connect`.
//! * **`caller.connection()`** panics for a call from within the process, outside any connection;
//!   [`try_connection`](crate::Caller::try_connection) does not.
//! * **Calls to and fro may nest** up to 64 deep. A chain that comes back to an object it holds enters it for
//!   `&self` in `&self`, and is refused with `WouldDeadlock` where the borrow rule forbids it. Two
//!   *different* chains that cross each other (each holds in `&mut self` what the other wants) are parted
//!   within one node: the call that closes the circle fails as `WouldDeadlock` after 100 ms, and the other chain
//!   goes on. Between nodes they end at their deadline, with an error that names who holds the turn.
