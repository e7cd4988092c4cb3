//! Calls as values: sent now and awaited later, without an answer, through a result that has not arrived, as part of a trace.
//!
//! ```
//! use duologue::TraceContext;
//! use duologue::prelude::*;
//!
//! #[service]
//! trait Bank {
//!     async fn open(&self, name: &str) -> Result<AccountProxy, String>;
//!     fn trace(&self) -> Option<String>;
//! }
//!
//! #[service]
//! trait Account {
//!     fn put(&mut self, amount: u64);
//!     fn balance(&self) -> u64;
//! }
//!
//! struct Hall;
//! struct Book(u64);
//!
//! #[service]
//! impl Bank for Hall {
//!     async fn open(&self, name: &str) -> Result<AccountProxy, String> {
//!         if name == "nobody" { Err("no such account".into()) } else { Ok(AccountProxy::local(Book(100))) }
//!     }
//!     fn trace(&self, caller: &Caller) -> Option<String> {
//!         caller.trace().map(|trace| trace.to_string())
//!     }
//! }
//!
//! #[service]
//! impl Account for Book {
//!     fn put(&mut self, amount: u64) {
//!         self.0 += amount;
//!     }
//!     fn balance(&self) -> u64 {
//!         self.0
//!     }
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let node = Node::builder().serve(|| Hall).bind("127.0.0.1:0").await?;
//! # let connection = duologue::connect(node.local_addr().to_string()).await?;
//! let bank: BankProxy = connection.root().await?;
//!
//! // Sent now, awaited later.
//! let opening = bank.open("alice").start();
//! let alice = opening.await?;
//!
//! // Or told to a closure, on a thread of the node.
//! let (tell, told) = tokio::sync::oneshot::channel();
//! alice.balance().start().on_ready(move |balance| drop(tell.send(balance)));
//! assert_eq!(told.await??, 100);
//!
//! // A notice wants no answer: awaited, it is on its way, and in line with the calls behind it.
//! alice.put(5).notify().await?;
//! alice.put(6).try_notify()?; // never waits: `Overloaded` if it would have to
//! assert_eq!(alice.balance().await?, 111);
//!
//! // One round trip for both: the second call does not wait for the first one's answer.
//! assert_eq!(bank.open("bob").pipelined().balance().await?, 100);
//!
//! // A promise is used as the proxy it promises, and awaited for the settled one.
//! let carol = bank.open("carol").pipelined();
//! carol.put(1).notify().await?;
//! assert_eq!(carol.balance().await?, 101);
//! let carol: AccountProxy = carol.await?;
//! assert_eq!(carol.balance().await?, 101);
//!
//! // If the first call fails, what was called on its result never ran.
//! let error = bank.open("nobody").pipelined().balance().await.unwrap_err();
//! assert_eq!(error, CallError::BrokenPromise("no such account".into()));
//! assert!(error.never_ran());
//!
//! // A trace goes with a call into everything that is called in its handler.
//! let trace: TraceContext = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".parse()?;
//! assert_eq!(bank.trace().traced(trace).await?, Some(trace.to_string()));
//! # Ok(())
//! # }
//! ```
//!
//! # To know
//!
//! * **[`start`](crate::Call::start)** sends at once and gives a [`Pending`](crate::Pending): `ready()`, `expired()`, `on_ready(f)`, or await
//!   it. Dropping it cancels the call, `detach()` lets it run on.
//! * **[`notify`](crate::Call::notify)** waits for a permit, not for the method. Its error says only that nothing was sent; what fails at the
//!   host is in the host's log. A notice has a deadline of its own and is no link in a chain of calls: an object that is held by its maker
//!   takes it later instead of refusing it.
//! * **[`pipelined`](crate::Call::pipelined)** sends at once and gives a [`Promised`](crate::Promised). It is a handle of its own: calls
//!   through it are in order among themselves, not with those through the settled proxy, and go by the host for ever. It takes 64 unanswered
//!   calls (32 of them from outside of handlers); the others wait.
//! * **A promise is not handed over**: `NotSent`. Await it first. Calls through a promise whose result turns out to be an object of the
//!   caller's own, or of a third node, are passed on by the host; the awaited proxy of the caller's own object is that object.
//! * **A trace** is carried and not made up: whoever collects spans gives [`traced`](crate::Call::traced) the numbers. A call that is part of
//!   one is handled in a `tracing` span `call` with the fields `method`, `trace` and `parent`.
