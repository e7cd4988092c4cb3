//! Peers of different age.
//!
//! Interfaces are agreed on by name. Each side has a list of its method names; if the lists differ, the
//! caller sends its own once, before its first call, and the callee maps number to name. Nothing is asked,
//! and no round trip is added.
//!
//! ```
//! use duologue::prelude::*;
//! use serde::{Deserialize, Serialize};
//!
//! /// The interface as it was.
//! mod old {
//!     use duologue::prelude::*;
//!     use serde::{Deserialize, Serialize};
//!
//!     #[derive(Serialize, Deserialize)]
//!     pub struct Parcel {
//!         pub grams: u32,
//!     }
//!
//!     #[service]
//!     pub trait Post {
//!         async fn price(&self, parcel: Parcel) -> u32;
//!         async fn telegram(&self, text: &str);
//!     }
//! }
//!
//! #[derive(Serialize, Deserialize)]
//! struct Parcel {
//!     grams: u32,
//!     #[serde(default)] // a new field
//!     fragile: bool,
//! }
//!
//! #[service(version = 2, aliases = ["mail"])]
//! trait Post {
//!     async fn track(&self, number: u64) -> String; // a new method, even in front
//!     async fn price(&self, parcel: Parcel, express: Option<bool>) -> u32; // a new trailing argument
//! }
//!
//! struct Office;
//!
//! #[service]
//! impl Post for Office {
//!     async fn track(&self, number: u64) -> String {
//!         format!("{number} is on its way")
//!     }
//!     async fn price(&self, parcel: Parcel, express: Option<bool>) -> u32 {
//!         let rate = if parcel.fragile { 2 } else { 1 };
//!         parcel.grams / 100 * rate + if express == Some(true) { 50 } else { 0 }
//!     }
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let node = Node::builder().serve(|| Office).bind("127.0.0.1:0").await?;
//! # let connection = duologue::connect(node.local_addr().to_string()).await?;
//! // A client of the old interface.
//! let post: old::PostProxy = connection.root().await?;
//! assert_eq!(post.price(old::Parcel { grams: 500 }).await?, 5);
//!
//! // What is no more is a clear error.
//! let gone = post.telegram("STOP").await.unwrap_err();
//! assert_eq!(gone, CallError::NoSuchMethod("Post::telegram".to_owned()));
//! # let post: PostProxy = connection.service("MAIL").await?;
//! # let parcel = Parcel { grams: 500, fragile: true };
//! # assert_eq!(post.price(parcel, Some(true)).await?, 60);
//! # assert_eq!(post.track(1).await?, "1 is on its way");
//! # Ok(())
//! # }
//! ```
//!
//! # What may change
//!
//! | change | both ways? |
//! |---|---|
//! | add a method, reorder methods | yes; an old host answers a new method with `NoSuchMethod` |
//! | remove a method | its callers get `NoSuchMethod` |
//! | add a trailing argument that is an `Option` or marked `#[serde(default)]` | yes; an old host reads over surplus arguments |
//! | add a field with `#[serde(default)]` to a struct, remove one | yes; unknown fields are read over |
//! | add a variant to an enum | an old peer cannot decode that variant: `BadArguments` or `BadReply` of that call |
//! | rename a service | keep the old name among the `aliases` |
//! | change a type, reorder arguments | no: make a new method |
//!
//! Opening a service checks names only: the proxy's name or one of its aliases must be a name of what is
//! served, or it is [`OpenError::WrongInterface`](crate::OpenError::WrongInterface).
