//! Authenticated links between two nodes, and streams of frames on them: the transport layer of Duologue.
//!
//! ```text
//!      node A                                                   node B
//!   +----------+      Endpoint            Endpoint           +----------+
//!   | Identity |   one UDP socket      one UDP socket        | Identity |
//!   | Trust    |         |                    |              | Trust    |
//!   +----------+         |                    |              +----------+
//!                        |                    |
//!                  Link (dialed)  <=======>  Link (accepted)      QUIC, TLS 1.3 both ways,
//!                    |   |   |                |   |   |           ALPN duologue/1
//!                    |   |   +--- stream -----+   |   |
//!                    |   +------- stream ---------+   |           bytes, in order
//!                    +----------- stream -------------+
//!                                   |
//!                    frame: length, bytes; msgpack: values with bounds
//! ```
//!
//! # Goals
//!
//! * **Both ends know who the other is.** A [`NodeId`] is the hash of a public key. Each side presents a certificate
//!   and proves that it has the key; [`Trust`] decides by id. No names, no authorities, no plain text, no 0-RTT and
//!   no resumed sessions.
//! * **What QUIC defaults to and hurts is set on purpose** (streams paid up front, windows that stall a link, datagram
//!   buffers, resets after a restart); the rest is in the [`Config`], each field with its reason.
//! * **Everything has a limit**: handshakes, links in all and per address, streams, windows, frames, nesting.
//! * **One error per operation**, which says who is at fault and whether the link is still usable.
//! * **The user places links on threads**: a link's task lives on the runtime that polls [`Endpoint::connect`] or
//!   [`Incoming::accept`].
//!
//! With the feature `testing` there is a network in memory for tests: `sim`.
//!
//! # Not goals
//!
//! It knows nothing of actors, objects or calls, keeps no pool of links, does not reconnect, and sends nothing of its
//! own on a link. Only this crate names the QUIC and TLS libraries; none of their types is public.
//!
//! # Example
//!
//! ```
//! use duologue_transport::{Bytes, Config, Endpoint, Identity, Trust};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (alice, bob) = (Identity::generate()?, Identity::generate()?);
//! let config = Config::default();
//! let server = Endpoint::bind("127.0.0.1:0".parse()?, &bob, &Trust::pinned([alice.node_id()]), &config)?;
//! let client = Endpoint::dialer(&alice, &Trust::pinned([bob.node_id()]), &config)?;
//!
//! let target = server.local_addr().to_string();
//! let serve = async {
//!     let link = server.accept().await.ok_or("closed")?.accept().await?;
//!     assert_eq!(link.peer(), alice.node_id());
//!     let (mut send, mut recv) = link.accept().await?;
//!     while let Some(bytes) = recv.next().await? {
//!         send.send(bytes).await?;
//!     }
//!     send.finish()?;
//!     // Closing now would lose what is still under way: the client closes.
//!     link.closed().await;
//!     Ok::<_, Box<dyn std::error::Error>>(())
//! };
//! let ask = async {
//!     let link = client.connect(&target).await?;
//!     let (mut send, mut recv) = link.open().await?;
//!     send.send(Bytes::from_static(b"hello")).await?;
//!     send.finish()?;
//!     assert_eq!(recv.next().await?.as_deref(), Some(&b"hello"[..]));
//!     link.close(0, "done");
//!     Ok::<_, Box<dyn std::error::Error>>(())
//! };
//! tokio::try_join!(serve, ask)?;
//! # Ok(())
//! # }
//! ```

mod admission;
mod config;
mod dial;
mod endpoint;
pub mod frame;
mod identity;
mod incoming;
mod key_file;
mod known_hosts;
mod link;
mod link_error;
pub mod msgpack;
mod node_id;
mod quic;
#[cfg(feature = "testing")]
pub mod sim;
mod stream;
mod target;
mod tls;
mod trust;

pub use bytes::Bytes;

pub use config::{Config, ConfigError, Congestion};
pub use dial::ConnectError;
pub use endpoint::{BindError, Endpoint};
pub use identity::Identity;
pub use incoming::{AcceptError, Incoming};
pub use key_file::IdentityError;
pub use link::{Link, LinkError, LinkStats};
pub use node_id::{NodeId, ParseNodeIdError};
pub use stream::{RecvStream, SendStream, StreamError};
pub use trust::{Trust, TrustError};

/// The protocol that both sides name in their handshake (ALPN, RFC 7301).
pub const ALPN: &[u8] = b"duologue/1";
