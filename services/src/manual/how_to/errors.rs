//! What may go wrong, whether the code ran, and `?`.
//!
//! A method that returns `T` gives a [`Call<T>`](crate::Call), one that returns `Result<T, E>` a `Call<T,
//! E>`. Awaited, both give a `Result` whose error is [`CallError<E>`](crate::CallError): the application's
//! own error in `App(e)`, or why there is no answer.
//!
//! ```
//! use duologue::prelude::*;
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Debug, Serialize, Deserialize, thiserror::Error)]
//! #[error("only {left} left")]
//! struct SoldOut {
//!     left: u32,
//! }
//!
//! #[service]
//! trait Shop {
//!     async fn buy(&self, pieces: u32) -> Result<u32, SoldOut>;
//!     async fn stock(&self) -> u32;
//!     async fn break_down(&mut self);
//! }
//!
//! struct Stall;
//!
//! #[service]
//! impl Shop for Stall {
//!     async fn buy(&self, pieces: u32) -> Result<u32, SoldOut> {
//!         if pieces > 3 { Err(SoldOut { left: 3 }) } else { Ok(pieces) }
//!     }
//!     async fn stock(&self) -> u32 {
//!         3
//!     }
//!     async fn break_down(&mut self) {
//!         panic!("the roof came down")
//!     }
//! }
//!
//! /// `?` takes the errors of methods with and without an error of their own.
//! async fn shopping(shop: &ShopProxy) -> Result<u32, CallError> {
//!     let stock = shop.stock().await?;
//!     Ok(shop.buy(stock).await?)
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let node = Node::builder().serve(|| Stall).bind("127.0.0.1:0").await?;
//! # let connection = duologue::connect(node.local_addr().to_string()).await?;
//! let shop: ShopProxy = connection.root().await?;
//! assert_eq!(shopping(&shop).await?, 3);
//!
//! match shop.buy(5).await {
//!     Err(CallError::App(SoldOut { left })) => assert_eq!(left, 3),
//!     other => panic!("{other:?}"),
//! }
//!
//! // A panic is that call's failure. After `&mut self` the factory makes the instance anew, and the proxy goes on.
//! let failed = shop.break_down().await.unwrap_err();
//! assert_eq!(failed, CallError::Panicked("the roof came down".to_owned()));
//! assert_eq!(shop.stock().await?, 3);
//! # Ok(())
//! # }
//! ```
//!
//! # Did it run?
//!
//! [`CallError::ran`](crate::CallError::ran) answers for each error;
//! [`never_ran`](crate::CallError::never_ran) means that the call may be made again without a second thought.
//!
//! | error | ran | the connection |
//! |---|---|---|
//! | `App` | yes | usable |
//! | `NotSent`, `BadArguments`, `NoSuchMethod`, `NoSuchObject`, `WouldDeadlock`, `ChainTooDeep`, `Overloaded` | never | usable |
//! | `Draining` | never | the peer is about to close it |
//! | `BadReply`, `Panicked`, `Nested` | yes | usable |
//! | `Deadline` | never, if it still waited for permits or its turn; yes, if the host says so; unknown, if no answer came | usable |
//! | `Gone`, `Cancelled`, `Other` | as the error says | usable |
//! | `Disconnected` | never, if it had not been sent; else unknown | ended |
//!
//! # To know
//!
//! * **An error type** is anything that is serde, `Debug` and `Display`; `String` is one.
//! * **`?`** turns `CallError<E>` into `CallError` (the application's error becomes text, `Nested`), and
//!   `CallError` into `CallError<E>` for every `E`; both are `std::error::Error`. From one `E` to another,
//!   [`map_app`](crate::CallError::map_app).
//! * **The sources of an error** travel with it where the application's own type travels: they are its fields. Where
//!   it becomes text, `?` keeps what the error displays; [`into_nested`](crate::CallError::into_nested) and, for
//!   errors of other libraries, [`CallError::nested`](crate::CallError::nested) keep all sources: `a: b: c`.
//! * **Where a handler panicked** is told if its node gives it away, by
//!   [`backtraces(true)`](crate::NodeBuilder::backtraces): [`CallError::backtrace`](crate::CallError::backtrace).
//! * **An error may bear proxies**, as any value may.
//! * **A method that returns `Result<T, CallError>`** is for handlers that make calls themselves: its caller
//!   sees a `Call<T>`, and a failure of an inner call as `Nested` (an expired one as `Deadline`).
//! * **A service instance that panicked in `&mut self`** (or in a hook) is not used again: its factory makes
//!   another one, which meets the connections that have the service (`on_connect`) and then runs the calls that
//!   waited, in their order. [`Caller::incarnation`](crate::Caller::incarnation) tells a method how often that
//!   happened. After five restarts within a minute, the second and later ones with a growing pause, the
//!   service is `Gone` with a reason that says so; [`NodeBuilder::restart`](crate::NodeBuilder::restart) and
//!   [`Restart`](crate::Restart) say it otherwise, for a service or for all. A new connection begins with a new
//!   instance and a new budget; a factory that fails the first time is not asked again. An **object by
//!   reference** has no factory: it is `Gone`.
//! * **`Option<()>` and `Option<Option<_>>`** are refused as a direct argument or result: MessagePack cannot
//!   tell their values apart.
