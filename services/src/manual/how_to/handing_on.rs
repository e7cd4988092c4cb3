//! Handing the proxy of one connection on over another, and keeping one from being handed on.
//!
//! A proxy that B was given by A may stand in an argument or result that goes to C. C calls it like any other; its calls go through B.
//!
//! ```
//! use duologue::prelude::*;
//!
//! #[service]
//! trait Printer {
//!     async fn print(&self, page: &str) -> String;
//! }
//!
//! struct Press;
//!
//! #[service]
//! impl Printer for Press {
//!     async fn print(&self, page: &str) -> String {
//!         format!("printed {page}")
//!     }
//! }
//!
//! // Whoever has this one has it for himself.
//! #[service(stay)]
//! trait Safe {
//!     fn open(&self) -> String;
//! }
//!
//! struct Steel;
//!
//! #[service]
//! impl Safe for Steel {
//!     fn open(&self) -> String {
//!         "open".to_owned()
//!     }
//! }
//!
//! #[service]
//! trait Office {
//!     fn printer(&self) -> PrinterProxy;
//!     fn safe(&self) -> SafeProxy;
//! }
//!
//! #[derive(Clone)]
//! struct Desk {
//!     printer: PrinterProxy,
//!     safe: SafeProxy,
//! }
//!
//! #[service]
//! impl Office for Desk {
//!     fn printer(&self) -> PrinterProxy {
//!         self.printer.clone()
//!     }
//!     fn safe(&self) -> SafeProxy {
//!         self.safe.clone()
//!     }
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // A has the printer and the safe.
//! let a = Node::builder().service("printer", || Press).service("safe", || Steel).bind("127.0.0.1:0").await?;
//!
//! // B is given both, and shows them.
//! let to_a = duologue::connect(a.local_addr().to_string()).await?;
//! let desk = Desk { printer: to_a.service("printer").await?, safe: to_a.service("safe").await? };
//! assert_eq!(desk.safe.open().await?, "open");
//! let b = Node::builder().serve(move || desk.clone()).bind("127.0.0.1:0").await?;
//!
//! // C knows only B.
//! let office: OfficeProxy = duologue::connect(b.local_addr().to_string()).await?.root().await?;
//! let printer = office.printer().await?;
//! assert_eq!(printer.print("a page").await?, "printed a page");
//!
//! // The safe stays with B.
//! let refused = office.safe().await.unwrap_err();
//! assert!(matches!(refused, CallError::BadReply(why) if why.contains("`stay`")));
//! # Ok(())
//! # }
//! ```
//!
//! # To know
//!
//! * **What holds of a call holds through B too**: its deadline, its place in a chain of calls, its trace; order for each handle; a
//!   cancellation, and what the host says of it; large bodies, streams, callbacks and further objects in arguments and results. B reads none
//!   of it and needs to know neither interface.
//! * **What does not hold**: that a result comes after the progress notices made before it. Those for which B has no permit left wait
//!   there, and the result does not.
//! * **B counts.** If the connection between A and B ends, the object is gone for C: a call under way is `Gone`, whether it ran is unknown;
//!   later ones never ran; [`closed()`](crate::ProxyExt::closed) says why. If B itself ends, that is `Disconnected`, as with any connection
//!   of C's. A call that B cannot send on, since its connection to A takes no body so large, say, is `NotSent`.
//! * **With whose right**: B's. `caller.peer()` at A names B; see [security](crate::manual::security).
//! * **How far**: through [8 nodes](crate::manual::limits); handing it on once more is `NotSent`.
//! * **Equality**: what C gets twice from B is one object. What it gets from B and from A is two. Given back to B, it is what B had.
//! * **Less than all of it**: B hands on [`restrict`](crate::ProxyExt::restrict)ed proxies as it does its own.
//! * **`#[service(stay)]`** keeps the proxies of a service where they were handed to. They may be called, kept, and given back to the node that
//!   they came from; handing them to another is `NotSent` before anything is sent, in a result `BadReply`. The host says so with each
//!   reference, so it holds at nodes that have an older version of the trait. It guards against a mistake, not against a hostile B.
//! * **Not there**: a way from C to A without B. Each call costs both ways.
