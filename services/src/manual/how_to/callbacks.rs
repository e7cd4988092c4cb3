//! Closures that are called from afar.
//!
//! A parameter of the type [`Callback<fn(A, ..) -> R>`](crate::Callback) takes a bare sync closure, or a
//! `Callback`. The callee calls it like a method; it runs where it was made.
//!
//! ```
//! use duologue::prelude::*;
//!
//! #[service]
//! trait Search {
//!     async fn find(&self, text: &str, hit: Callback<fn(u64) -> bool>) -> Result<u64, CallError>;
//!     async fn name(&self, ask: Callback<fn(String) -> Result<String, String>>) -> String;
//! }
//!
//! struct Index;
//!
//! #[service]
//! impl Search for Index {
//!     async fn find(&self, text: &str, hit: Callback<fn(u64) -> bool>) -> Result<u64, CallError> {
//!         for place in 0..text.len() as u64 {
//!             if !hit.call(place).await? {
//!                 return Ok(place);
//!             }
//!         }
//!         Ok(0)
//!     }
//!     async fn name(&self, ask: Callback<fn(String) -> Result<String, String>>) -> String {
//!         match ask.call("who are you?".to_owned()).await {
//!             Ok(name) => name,
//!             Err(CallError::App(refusal)) => refusal,
//!             Err(failed) => failed.to_string(),
//!         }
//!     }
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let node = Node::builder().serve(|| Index).bind("127.0.0.1:0").await?;
//! # let connection = duologue::connect(node.local_addr().to_string()).await?;
//! let search: SearchProxy = connection.root().await?;
//!
//! // A bare sync closure: it may change what it has captured, since its calls run one at a time.
//! let mut hits = 0;
//! let last = search.find("abcdef", move |_place: u64| {
//!     hits += 1;
//!     hits < 3
//! });
//! assert_eq!(last.await?, 2);
//!
//! // An async closure, with an error of its own.
//! let ask = Callback::new_async(async |question: String| match question.as_str() {
//!     "who are you?" => Ok("a client".to_owned()),
//!     _ => Err("ask another question".to_owned()),
//! });
//! assert_eq!(search.name(ask).await?, "a client");
//! # Ok(())
//! # }
//! ```
//!
//! # To know
//!
//! * **A sync closure is `FnMut`**, and its calls run one at a time. An **async** one, by
//!   [`Callback::new_async`](crate::Callback::new_async), is `AsyncFn`, and its calls run together; its
//!   futures need not be `Send`. Both are `Send + 'static` themselves.
//! * **It runs on the thread of the connection it is first handed to**, or, if it is called here before that, on the
//!   calling thread if that is a node's, else on one that the process keeps for such closures: no node needs to run.
//!   A closure that blocks holds that thread up: use an async one with [`blocking`](crate::blocking).
//! * **Types are written out** where rustc cannot infer them: `|name: String| name.len()`. Arguments are
//!   owned; there are up to eight.
//! * **A callback can be kept.** It is an object by reference: it lives as long as the callee holds it, also
//!   after the call that brought it, until the connection ends.
//! * **Calls inside a call inherit its deadline**: a callback called by a handler ends with the handler's own
//!   call at the latest.
//! * **A sync closure that is called while it runs**, by a chain that comes back to it, is refused with
//!   `WouldDeadlock`.
