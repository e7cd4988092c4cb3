//! Identity, trust, and what a proxy gives to whom it is handed.
//!
//! # Who is at the other end
//!
//! A node's identity is an Ed25519 key pair. Its [`NodeId`](crate::NodeId) is the SHA-256 of the public key
//! (the DER of the certificate's SubjectPublicKeyInfo), shown as 64 hexadecimal digits. Each side of a link
//! presents a self-signed certificate with its key and signs the handshake with it: TLS 1.3 only, inside
//! QUIC, no session resumption, no 0-RTT. Names, validity dates and issuers of certificates mean nothing; the
//! key is all. A copied certificate without its private key fails the handshake.
//!
//! [`Identity::load_or_create`](crate::Identity::load_or_create) keeps a key in a file with mode 0600; a file
//! that others can read is refused. Keys appear in no log and in no `Debug` output.
//!
//! # Who is let in
//!
//! | trust | dialing | accepting |
//! |---|---|---|
//! | [`Trust::pinned(ids)`](crate::Trust::pinned) | exactly these nodes | exactly these nodes |
//! | [`Trust::known_hosts(path)`](crate::Trust::known_hosts) | the node first met under a target is remembered; another one later is refused | only nodes that stand in the file; nobody is added |
//! | [`Trust::danger_anyone()`](crate::Trust::danger_anyone) | anyone | anyone |
//!
//! The same trust serves for both directions of a node. Trust is asked during the handshake: before it is
//! settled, no byte of the protocol is read. The dialer of a node that does not trust it gets an error that
//! says so.
//!
//! # Defaults
//!
//! | a node that | identity | trust |
//! |---|---|---|
//! | binds a loopback address or dials one | fresh, in memory | **every process of this machine** |
//! | dials another machine | `key.pem` in the user's configuration directory (`duologue` in it), made at the first use | `known_hosts` there |
//! | binds any other address | as chosen, or the one above | **must be chosen**: `NodeError::TrustNotChosen` |
//!
//! What was chosen with `.identity(..)` and `.trust(..)` counts everywhere. A node that has begun with a
//! fresh key for loopback and then dials another machine gets `ConnectError::NeedsIdentity`: a key that
//! changes at every start would be a stranger to its peer each time.
//!
//! Loopback lets in *every* process of the machine, those of other users included. On a machine that is
//! shared, pin ids there as well:
//!
//! ```
//! use duologue::prelude::*;
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (alice, bob) = (Identity::generate()?, Identity::generate()?);
//! let server = Node::builder()
//!     .identity(bob.clone())
//!     .trust(Trust::pinned([alice.node_id()]))
//!     .bind("127.0.0.1:0")
//!     .await?;
//! let address = server.local_addr().to_string();
//!
//! let client =
//!     Node::builder().identity(alice).trust(Trust::pinned([bob.node_id()])).start().await?;
//! let connection = client.connect(address.as_str()).await?;
//! assert_eq!(connection.peer(), bob.node_id());
//!
//! // A stranger does not come in.
//! assert!(Node::new().await?.connect(address).await.is_err());
//! # Ok(())
//! # }
//! ```
//!
//! # What a peer can do
//!
//! * **Open the services that the node serves**, unless a rule keeps it out:
//!   [`NodeBuilder::allow`](crate::NodeBuilder::allow) names who may open the service given just before,
//!   [`allow_if`](crate::NodeBuilder::allow_if) asks a closure. To others the service does not exist: its name is
//!   unknown, a root is void; the node logs who asked. A node whose address lets every process of this machine
//!   in because nobody chose a trust refuses to start with such a rule. A rule is asked when a service is
//!   opened, not at each call; a method that must know asks [`Caller::peer`](crate::Caller::peer).
//! * **Call the methods of the traits** behind the objects it was handed. Nothing else of a type is
//!   reachable. A peer may have an object that it holds described: it learns what the trait says, doc comments
//!   included.
//! * **Name only what it holds.** Objects have numbers per connection and direction. A call to a number that
//!   was not handed out is answered `NoSuchObject`, without a hint whether it ever existed; a reference home
//!   to one ends the connection. Guessing numbers of other connections is without meaning.
//! * **Use memory up to the [limits](super::limits)** of its connection. Frames that break a rule end its own
//!   connection and nobody else's.
//!
//! # What a proxy means
//!
//! A proxy is a *capability*: whoever holds it may call what its interface names, whoever he is. Handing one
//! over gives that right; taking it back is [`revoke`](crate::ProxyExt::revoke), for all holders at once.
//! [`restrict`](crate::ProxyExt::restrict) makes one with fewer methods, for a time, or for a number of calls.
//!
//! A proxy that B was given by A may be [handed on](super::how_to::handing_on) to C. Its calls then go through B: at A they
//! come with *B's* right, and `caller.peer()` names B, because that is what passing a capability on means. Whoever
//! decides by `caller.peer()` in each call must not take it for the origin of the request: B may be a *confused
//! deputy*. What C may do is decided by what B hands it. A rule of who may open a service counts when it is
//! opened, not for proxies that are handed on. `#[service(stay)]` has honest nodes refuse to hand the proxies of a
//! service on; a hostile B can always relay calls by hand. B sees and could change everything that goes through it.
//!
//! A callback is an object like any other: handing a closure over lets the peer call it, as often as it
//! likes, until it releases it or the connection ends.
//!
//! # What comes from a peer is data
//!
//! Texts in errors and reasons of closes are the peer's words. Arguments are decoded with a limit on nesting,
//! and announced lengths allocate nothing; what they *mean* is for the method to check.
