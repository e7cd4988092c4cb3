//! Sequences and bytes that come piece by piece.
//!
//! [`Streaming<T>`](crate::Streaming) is a sequence of items, [`ByteStream`](crate::ByteStream) one of plain bytes. Both stand
//! wherever a value may: as an argument or a result, inside a struct, in a callback, even as the items of another
//! stream. Whoever gives a stream is held back to the pace of whoever takes it.
//!
//! ```
//! use duologue::prelude::*;
//! use serde::{Deserialize, Serialize};
//! use tokio::io::AsyncReadExt;
//!
//! #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
//! pub struct Entry {
//!     number: u64,
//!     text: String,
//! }
//!
//! #[service]
//! trait Log {
//!     async fn history(&self, from: u64) -> Streaming<Entry>;
//!     async fn tail(&self) -> Result<Streaming<u64, String>, String>;
//!     async fn upload(&self, items: Streaming<Entry>) -> Result<u64, CallError>;
//!     async fn download(&self, name: &str) -> ByteStream;
//!     async fn store(&self, data: ByteStream) -> Result<u64, String>;
//! }
//!
//! struct Journal;
//!
//! #[service]
//! impl Log for Journal {
//!     // From an iterator, or from any futures `Stream` with `Streaming::new`.
//!     async fn history(&self, from: u64) -> Streaming<Entry> {
//!         Streaming::from_iter((from..).map(|number| Entry { number, text: format!("line {number}") }))
//!     }
//!
//!     // From a task that sends: `send` waits while the consumer is behind, and fails once it has gone.
//!     async fn tail(&self) -> Result<Streaming<u64, String>, String> {
//!         let (mut sender, stream) = Streaming::channel();
//!         tokio::spawn(async move {
//!             for number in 0..3 {
//!                 if sender.send(number).await.is_err() {
//!                     return;
//!                 }
//!             }
//!             sender.fail("the log was rotated".to_owned());
//!         });
//!         Ok(stream)
//!     }
//!
//!     async fn upload(&self, mut items: Streaming<Entry>) -> Result<u64, CallError> {
//!         let mut sum = 0;
//!         while let Some(item) = items.next().await {
//!             sum += item?.number;
//!         }
//!         Ok(sum)
//!     }
//!
//!     // From anything that can be read: a file, a socket, a pipe.
//!     async fn download(&self, _name: &str) -> ByteStream {
//!         ByteStream::new(tokio::io::repeat(7).take(1_000_000))
//!     }
//!
//!     async fn store(&self, mut data: ByteStream) -> Result<u64, String> {
//!         tokio::io::copy(&mut data, &mut tokio::io::sink()).await.map_err(|e| e.to_string())
//!     }
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let node = Node::builder().serve(|| Journal).bind("127.0.0.1:0").await?;
//! # let connection = duologue::connect(node.local_addr().to_string()).await?;
//! let log: LogProxy = connection.root().await?;
//!
//! // An endless sequence: no more is made than is taken, and dropping it ends its producer.
//! let mut history = log.history(10).await?;
//! assert_eq!(history.next().await.unwrap()?.text, "line 10");
//! assert_eq!(history.next().await.unwrap()?.text, "line 11");
//! drop(history);
//!
//! // An error of the producer comes in line behind its items, and is the last.
//! let mut tail = log.tail().await?;
//! for number in 0..3 {
//!     assert_eq!(tail.next().await, Some(Ok(number)));
//! }
//! assert_eq!(tail.next().await, Some(Err(StreamError::App("the log was rotated".to_owned()))));
//! assert_eq!(tail.next().await, None);
//!
//! // The other way.
//! let entries = (1..=4).map(|number| Entry { number, text: String::new() });
//! assert_eq!(log.upload(Streaming::from_iter(entries)).await?, 10);
//!
//! // Bytes: `AsyncRead`, or chunks without a copy.
//! let mut download = log.download("a map").await?;
//! let mut head = [0; 4];
//! download.read_exact(&mut head).await?;
//! let mut rest = 0;
//! while let Some(chunk) = download.next_chunk().await {
//!     rest += chunk?.len();
//! }
//! assert_eq!((head, rest), ([7; 4], 999_996));
//! assert_eq!(log.store(ByteStream::new(&b"some bytes"[..])).await?, 10);
//! # Ok(())
//! # }
//! ```
//!
//! # To know
//!
//! * **A stream is handed over once.** Sending the same value again fails as `NotSent`; polling what was handed over
//!   gives [`StreamError::Moved`](crate::StreamError::Moved). Handing on a stream that came over another connection works: its
//!   items go through.
//! * **It outlives its call.** No deadline applies to it, and calls made while its items are produced inherit
//!   nothing. It ends with its connection: [`StreamError::Disconnected`](crate::StreamError::Disconnected).
//! * **Dropping the consumer ends the producer at once**: its stream is dropped, `send` fails, `closed()` resolves. Items
//!   under way are lost, the objects in them released.
//! * **A sender must finish.** One that is dropped without [`finish`](crate::StreamSender::finish) or
//!   [`fail`](crate::StreamSender::fail) leaves [`StreamError::Unfinished`](crate::StreamError::Unfinished), so that nobody takes a part for the whole. A
//!   stream made from an iterator, a `Stream` or a reader finishes at its end.
//! * **Nothing is made much ahead**: 64 KiB, more for a consumer that is fast on a long path. An item may be larger: it comes when
//!   the consumer waits for it. Short items count 64 bytes each.
//! * **A stream that waits for news may wait for ever**; bound it with `tokio::time::timeout(.., stream.next())` if you mind. One
//!   on which an item waits and does not move for `stream_idle`, 60 s, because nobody takes any or the rest of it does
//!   not come, ends as [`StreamError::Idle`](crate::StreamError::Idle) on both sides.
//! * **It runs on the connection's thread**: an iterator must not block. `Streaming::new` asks for `Send`, because the
//!   object that makes a stream and the connection that carries it may be on different threads;
//!   [`Streaming::local`](crate::Streaming::local) takes one that is not, inside a method.
//! * **A sender may be handed over too**: `fn fill(&self, into: StreamSender<Entry>)` lets the callee give what the caller takes.
//! * **Between objects of one process** the stream itself is handed over: nothing is encoded.
