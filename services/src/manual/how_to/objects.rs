//! Handing objects out by reference, and knowing when they are gone.
//!
//! A proxy may stand anywhere in an argument or a result: alone, in an `Option`, a `Vec`, a map, a field of a
//! struct. The object stays where it is; the other side gets a proxy of the same type.
//!
//! ```
//! use std::collections::HashMap;
//!
//! use duologue::prelude::*;
//! use duologue::{Closed, Restriction};
//!
//! #[service]
//! trait Bank {
//!     fn open(&mut self, name: &str) -> AccountProxy;
//!     fn all(&self) -> HashMap<String, AccountProxy>;
//!     fn owns(&self, account: AccountProxy) -> bool;
//! }
//!
//! #[service]
//! trait Account {
//!     fn deposit(&mut self, amount: i64) -> i64;
//! }
//!
//! #[derive(Default)]
//! struct House {
//!     accounts: HashMap<String, AccountProxy>,
//! }
//!
//! #[service]
//! impl Bank for House {
//!     fn open(&mut self, name: &str) -> AccountProxy {
//!         // The value need not be `Send`: it lives on this thread.
//!         let account = self.accounts.entry(name.to_owned());
//!         account.or_insert_with(|| AccountProxy::local(Purse(0))).clone()
//!     }
//!     fn all(&self) -> HashMap<String, AccountProxy> {
//!         self.accounts.clone()
//!     }
//!     fn owns(&self, account: AccountProxy) -> bool {
//!         // What comes home is the local object again.
//!         self.accounts.values().any(|known| *known == account)
//!     }
//! }
//!
//! struct Purse(i64);
//!
//! #[service]
//! impl Account for Purse {
//!     fn deposit(&mut self, amount: i64) -> i64 {
//!         self.0 += amount;
//!         self.0
//!     }
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let node = Node::builder().serve(House::default).bind("127.0.0.1:0").await?;
//! # let connection = duologue::connect(node.local_addr().to_string()).await?;
//! let bank: BankProxy = connection.root().await?;
//! let alice = bank.open("alice").await?;
//! assert_eq!(alice.deposit(10).await?, 10);
//!
//! // The same object is the same proxy.
//! assert_eq!(bank.all().await?["alice"], alice);
//! assert!(bank.owns(alice.clone()).await?);
//!
//! // An object of this side, for a value that is made on a thread of the node.
//! let mine: AccountProxy = node.host(|| Purse(100));
//! assert_eq!(mine.deposit(1).await?, 101); // local: no network, no serialization
//!
//! // Less for others: what is not granted does not exist for them.
//! let gift = mine.restrict(Restriction::methods(["deposit"]).calls(1));
//! assert_eq!(gift.deposit(1).await?, 102);
//! assert!(gift.deposit(1).await.is_err());
//!
//! // Known, but not kept.
//! let weak = mine.downgrade();
//! assert_eq!(weak.upgrade().as_ref(), Some(&mine));
//!
//! // Its owner can end it for everybody.
//! assert!(mine.revoke());
//! assert_eq!(weak.closed().await, Closed::Gone("it was revoked".to_owned()));
//! assert!(mine.deposit(1).await.is_err());
//! # Ok(())
//! # }
//! ```
//!
//! # To know
//!
//! * **How long it lives**: as long as anybody holds it, here or at a peer, or a call on it is queued or
//!   runs. The peer's last proxy dropped, it is released when its calls are answered; a connection that ends
//!   releases all it held. In the example the bank keeps its accounts; if only the caller held the proxy,
//!   dropping it would drop the `Purse`.
//! * **Where to make one**: [`XProxy::local(value)`](crate::ProxyExt::local) inside a method; [`node.host(||
//!   value)`](crate::Node::host) anywhere.
//! * **Equality** is that of the object on its connection. The same object over two connections is two.
//! * **A proxy of one connection may go over another**: see [handing on](super::handing_on).
//! * **A proxy travels only inside a call.** Serialized to JSON or a file it is an error.
//! * **To know that it is gone**: [`closed()`](crate::ProxyExt::closed) resolves when the object has ended or
//!   its connection has, and says which, and why. Calls then fail as `Gone` or `Disconnected`.
//! * **To know it without keeping it**: a [`WeakProxy`](crate::WeakProxy), by
//!   [`downgrade()`](crate::ProxyExt::downgrade). Its `closed()` also resolves when nobody in this process holds the
//!   object any more. It cannot be sent.
//! * **To give away less**: [`restrict`](crate::ProxyExt::restrict) makes an attenuated proxy, of an object of
//!   one's own or of a peer's: a list of methods, a time, a number of calls ([`Restriction`](crate::Restriction)).
//!   It is a new object at the node that makes it, so calls on a peer's object pass through this node, in order,
//!   with their deadlines and cancellation; it keeps the original alive, and ends with it. A call that is not
//!   granted is `NoSuchMethod`, a right that is over is `Gone`. Revoking it leaves the original alone; calls that
//!   went through it are cancelled, but one that has the object for itself (`&mut self`) runs to its end.
//! * **Cycles across nodes** (A holds an object of B that holds one of A) are collected by nobody while the
//!   connection lasts.
