//! actix actors at the other end of a link.
//!
//! An actor stays as it is. Its message learns serde, and its address or recipient becomes a
//! [`RemoteRecipient`](crate::RemoteRecipient): served under a name, or handed over inside any argument, result or
//! message.
//!
//! ```
//! use actix::prelude::*;
//! use duologue::{Node, RemoteRecipient};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize, Message)]
//! #[rtype(result = "u32")]
//! struct Count(u32);
//!
//! /// A message may carry the address of another actor.
//! #[derive(Serialize, Deserialize, Message)]
//! #[rtype(result = "()")]
//! struct Tell {
//!     whom: RemoteRecipient<Count>,
//! }
//!
//! #[derive(Default)]
//! struct Counter(u32);
//!
//! impl Actor for Counter {
//!     type Context = Context<Self>;
//! }
//!
//! impl Handler<Count> for Counter {
//!     type Result = u32;
//!     fn handle(&mut self, Count(n): Count, _: &mut Context<Self>) -> u32 {
//!         self.0 += n;
//!         self.0
//!     }
//! }
//!
//! impl Handler<Tell> for Counter {
//!     type Result = ();
//!     fn handle(&mut self, Tell { whom }: Tell, _: &mut Context<Self>) {
//!         whom.do_send(Count(self.0));
//!     }
//! }
//!
//! # #[actix::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // One process shows its actor, a name for each message ..
//! let far = Counter::default().start();
//! let (count, tell) = (far.clone(), far.clone());
//! let node = Node::builder()
//!     .service("count", move || count.clone().recipient::<Count>())
//!     .service("tell", move || tell.clone().recipient::<Tell>())
//!     .bind("127.0.0.1:0")
//!     .await?;
//!
//! // .. and another sends to it.
//! let connection = duologue::connect(node.local_addr().to_string()).await?;
//! let count: RemoteRecipient<Count> = connection.service("count").await?;
//! assert_eq!(count.send(Count(3)).await?, 3);
//!
//! // Its own actor goes along in a message, and is called back.
//! let near = Counter::default().start();
//! let tell: RemoteRecipient<Tell> = connection.service("tell").await?;
//! tell.send(Tell { whom: near.clone().into() }).await?;
//!
//! // Code that wants a recipient of actix gets a real one.
//! let plain: Recipient<Count> = count.recipient();
//! assert_eq!(plain.send(Count(4)).await?, 7);
//! # Ok(())
//! # }
//! ```
//!
//! # To know
//!
//! * **`send`** gives a [`Call`](crate::Call): with a deadline, cancelled when it is dropped, and its error says
//!   whether the actor had the message. **`do_send`** wants no result and waits for nothing. **`try_send`** fails
//!   as `Overloaded` if no permit is free; `send(..).notify().await` waits for one.
//! * **Messages arrive in the order sent** through one recipient and its clones.
//! * **The message's name goes along**, without its module path. Where a recipient of another message is
//!   expected, it is refused: `WrongInterface` for one opened by name, `BadArguments` or `BadReply` for one that
//!   was handed over, with both names.
//! * **An actor that has stopped** is known at the next message: that one and later ones fail as `Gone`, and
//!   [`closed()`](crate::ProxyExt::closed) resolves.
//! * **`recipient()`** runs a small actor here, so it needs an arbiter (`#[actix::main]`) or a `LocalSet`. Whoever
//!   sends to it sees `MailboxError::Closed` for every failure; [`send`](crate::RemoteRecipient::send) says more.
//! * **A result type** must be serde as well. A message whose result is `Result<T, E>` gives `Ok(Err(e))` for the
//!   actor's own error: `send(..).await??`.
