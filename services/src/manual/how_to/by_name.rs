//! Dynamic calls: describing, listing and calling what is there by name, without its types.
//!
//! For tools, scripts and gateways. The server need not know: what is called by name is an ordinary service.
//!
//! ```
//! use duologue::prelude::*;
//! use duologue::{Value, args};
//!
//! /// Keeps accounts.
//! #[service]
//! trait Account {
//!     /// Pays in, and says what is there then.
//!     async fn deposit(&mut self, amount: i64, note: Option<String>) -> Result<i64, String>;
//!     #[get]
//!     fn balance(&self) -> i64;
//!     #[get]
//!     fn limit(&self) -> i64;
//!     #[set]
//!     fn set_limit(&mut self, value: i64);
//! }
//!
//! struct Purse {
//!     balance: i64,
//!     limit: i64,
//! }
//!
//! #[service]
//! impl Account for Purse {
//!     async fn deposit(&mut self, amount: i64, _: Option<String>) -> Result<i64, String> {
//!         if self.balance + amount > self.limit {
//!             return Err("too much".to_owned());
//!         }
//!         self.balance += amount;
//!         Ok(self.balance)
//!     }
//!     fn balance(&self) -> i64 {
//!         self.balance
//!     }
//!     fn limit(&self) -> i64 {
//!         self.limit
//!     }
//!     fn set_limit(&mut self, value: i64) {
//!         self.limit = value;
//!     }
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let node = Node::builder().serve(|| Purse { balance: 0, limit: 100 }).bind("127.0.0.1:0").await?;
//! # let connection = duologue::connect(node.local_addr().to_string()).await?;
//! let account = connection.dynamic("account").await?;
//!
//! // What is there, by name and as the trait.
//! assert_eq!(account.list().await?, ["deposit", "balance", "limit"]);
//! let interface = account.describe().await?;
//! assert_eq!(
//!     interface.method("deposit").unwrap().to_string(),
//!     "    /// Pays in, and says what is there then.\n    \
//!      async fn deposit(&mut self, amount: i64, note: Option<String>) -> Result<i64, String>;\n"
//! );
//!
//! // Calls: arguments in order or by name; the result is a value.
//! assert_eq!(account.call("deposit", args![60, "a gift"]).await?, 60);
//! assert_eq!(account.call("deposit", args![amount: 7]).await?, 67);
//!
//! // Attributes.
//! assert_eq!(account.get("balance").await?, 67);
//! account.set("limit", 70).await?;
//! let refused = account.set("balance", 1_000_000).await.unwrap_err();
//! assert_eq!(refused.to_string(), "attribute `balance` is write-protected");
//!
//! // An error of the service's own is a value too.
//! let error = account.call("deposit", args![10]).await.unwrap_err();
//! assert_eq!(error, CallError::App(Value::from("too much")));
//!
//! // What does not fit is refused with the argument's name.
//! let error = account.call("deposit", args!["ten"]).await.unwrap_err();
//! assert!(error.to_string().contains("argument `amount`"));
//! let error = account.call("deposit", args![]).await.unwrap_err();
//! assert!(error.never_ran());
//!
//! // The typed proxy of the same object, and back.
//! let typed: AccountProxy = account.typed().await?;
//! assert_eq!(typed.balance().await?, 67);
//! assert_eq!(duologue::DynProxy::from(typed), account);
//! # Ok(())
//! # }
//! ```
//!
//! # Values
//!
//! A [`Value`](crate::Value) is nil, a truth value, a whole number, a number, a text, bytes, a list, a map, an
//! object or the end of a stream. Structs are maps with the names of their fields, tuples are lists, an enum's variant is its name or
//! a map of its name and what it holds. Any serde type becomes one by [`Value::of`](crate::Value::of) and is
//! read back by [`to`](crate::Value::to).
//!
//! Objects in values are [`DynProxy`](crate::DynProxy)s: counted across the link, equal if they are the same
//! object, local again when they come home. [`DynProxy::callback`](crate::DynProxy::callback) makes a closure of any
//! arguments, for where the other side has written a `Callback<fn(..) -> ..>`.
//!
//! # Streams
//!
//! Whatever is a stream in the trait is a [`DynStream`](crate::DynStream) in the value, and `to` takes it: as a stream of values, or as one
//! of the items' own type. Any stream becomes a value by `Value::from`, which is what `args!` does.
//!
//! ```
//! use duologue::prelude::*;
//! use duologue::{StreamKind, Value, args};
//! use tokio::io::AsyncReadExt;
//!
//! #[service]
//! trait Log {
//!     async fn history(&self) -> Streaming<(u64, String)>;
//!     async fn append(&self, lines: Streaming<String>) -> Result<u64, CallError>;
//!     async fn raw(&self) -> ByteStream;
//! }
//!
//! struct Journal;
//!
//! #[service]
//! impl Log for Journal {
//!     async fn history(&self) -> Streaming<(u64, String)> {
//!         Streaming::from_iter((1..).map(|n| (n, format!("line {n}"))))
//!     }
//!     async fn append(&self, lines: Streaming<String>) -> Result<u64, CallError> {
//!         Ok(lines.into_vec().await?.len() as u64)
//!     }
//!     async fn raw(&self) -> ByteStream {
//!         ByteStream::new(&b"line 1"[..])
//!     }
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let node = Node::builder().serve(|| Journal).bind("127.0.0.1:0").await?;
//! # let connection = duologue::connect(node.local_addr().to_string()).await?;
//! let log = connection.dynamic("log").await?;
//!
//! let history = log.call("history", args![]).await?;
//! assert_eq!(history.as_stream().unwrap().kind(), StreamKind::Items);
//! let mut lines: Streaming<Value, Value> = history.to()?;
//! assert_eq!(lines.next().await.unwrap()?.to_string(), r#"[1, "line 1"]"#);
//!
//! let lines = Streaming::<String>::from_iter(["a", "b"].map(String::from));
//! assert_eq!(log.call("append", args![lines]).await?, 2);
//!
//! let mut raw: ByteStream = log.call("raw", args![]).await?.to()?;
//! let mut text = String::new();
//! raw.read_to_string(&mut text).await?;
//! assert_eq!(text, "line 1");
//! # Ok(())
//! # }
//! ```
//!
//! A `DynService` takes the streams among its arguments and returns its own in the same way. One that passes a call on need not read
//! them: a stream in a value goes on to another node, either way, and its items go through as they are.
//!
//! # A service that goes by name
//!
//! ```
//! use std::cell::RefCell;
//! use std::collections::BTreeMap;
//!
//! use duologue::prelude::*;
//! use duologue::{Descriptor, DynError, DynService, Method, Value, args};
//!
//! /// Texts by their keys; which methods there are is known only at run time.
//! #[derive(Default)]
//! struct Shelf(RefCell<BTreeMap<String, Value>>);
//!
//! impl DynService for Shelf {
//!     async fn call(&self, method: &str, args: Vec<Value>, _: &Caller) -> Result<Value, DynError> {
//!         match (method, args.as_slice()) {
//!             ("put", [key, value]) => {
//!                 self.0.borrow_mut().insert(key.to()?, value.clone());
//!                 Ok(Value::Nil)
//!             }
//!             ("take", [key]) => {
//!                 let found = self.0.borrow_mut().remove(&key.to::<String>()?);
//!                 found.ok_or_else(|| DynError::App("it is not there".into()))
//!             }
//!             _ => Err(DynError::NoSuchMethod(method.to_owned())),
//!         }
//!     }
//! }
//!
//! // A typed caller finds the methods by their names.
//! #[service]
//! trait Library {
//!     async fn take(&self, key: &str) -> Result<u32, String>;
//!     async fn put(&self, key: &str, value: u32);
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let interface = Descriptor::new("Library")
//!     .with_method(Method::new("put").with_param("key", "String").with_param("value", "any"))
//!     .with_method(Method::new("take").with_param("key", "String").returning_or("any", "String"));
//! let node = Node::builder().serve_dynamic(interface, Shelf::default).bind("127.0.0.1:0").await?;
//! # let connection = duologue::connect(node.local_addr().to_string()).await?;
//! let library: LibraryProxy = connection.root().await?;
//! library.put("seven", 7).await?;
//! assert_eq!(library.take("seven").await?, 7);
//! let error = library.take("seven").await.unwrap_err();
//! assert_eq!(error, CallError::App("it is not there".to_owned()));
//! assert_eq!(connection.dynamic_root().await?.call("put", args!["x", 1]).await?, Value::Nil);
//! # Ok(())
//! # }
//! ```
//!
//! Its descriptor says whether a method may fail with an error of its own
//! ([`returning_or`](crate::Method::returning_or)): that decides how its result travels. As an object it is made by
//! [`Node::host_dynamic`](crate::Node::host_dynamic), or by [`DynProxy::local`](crate::DynProxy::local) inside a method.
//!
//! # To know
//!
//! * **Attributes are methods.** `#[get] fn limit(&self)` and `#[set] fn set_limit(&mut self, value)` (or `fn
//!   limit`, if it cannot be read) make the attribute `limit`; a typed proxy calls them like any other method.
//!   Without a `#[set]` method an attribute is write-protected.
//! * **Names of services** are compared without regard to case, names of methods and attributes are not.
//! * **An object is described once**, before its first call or when it is asked for: one round trip (more if the
//!   description is larger than a frame). From then on a call by name costs what a typed one does, and calls
//!   start in the order made.
//! * **Only what a peer holds is described to it**, and a description says no more than the trait: names, types
//!   as text, documentation. Do not write into doc comments what a peer should not read.
//! * **A callback does not know its types** as text: its `call` takes as many arguments as the closure, of types
//!   that are shown as `_`. The result of a `fn(..) -> Result<T, E>` arrives as a map of `Ok` or `Err`, and a closure by
//!   `DynProxy::callback` for such a signature returns `Value::from(Ok::<_, Value>(..))`.
//! * **The calls of a service that goes by name run together**, and it has no hooks.
