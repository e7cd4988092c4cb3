//! What a server of the bench shows: its version and its own figures, and objects to be loaded.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use duologue::prelude::*;
use duologue::{Node, NodeId};
use serde::{Deserialize, Serialize};

use crate::held::Held;
use crate::usage::Usage;
use crate::work::{BULK_MAX, ITEMS, PAYLOAD_MAX, SPIN_MAX};

/// The version of what stands in this file. Ends of different versions do not measure together: their figures would
/// not be of the same work.
pub const VERSION: u32 = 1;

/// Objects in one answer: as many as a frame has references for.
pub(crate) const OBJECTS_AT_ONCE: u32 = 256;
/// Bytes of a chunk of a bulk transfer.
const CHUNK: u64 = 64 * 1_024;

/// What a server says of itself first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Hello {
    /// Of the bench's service.
    pub version: u32,
    /// Of the program.
    pub program: String,
    /// The system it runs on.
    pub system: String,
    /// Cores of its machine.
    pub cores: u32,
    /// Threads of its node.
    pub threads: u32,
    /// How long they stay awake after each frame that arrives.
    #[serde(default)]
    pub busy_poll: Duration,
}

impl Hello {
    /// Of this program, with so many threads that stay awake for so long.
    pub(crate) fn here(threads: u32, busy_poll: Duration) -> Hello {
        Hello {
            version: VERSION,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            cores: std::thread::available_parallelism().map_or(1, |n| n.get() as u32),
            threads,
            busy_poll,
        }
    }
}

/// The root of a server. `hello` stays as it is in every version.
#[service(name = "DuologueBench")]
pub(crate) trait Bench {
    fn hello(&self) -> Hello;
    /// What the server's process has used.
    fn usage(&self) -> Usage;
    /// Fresh objects, on the lane of this one.
    fn shared(&self, count: u32) -> Vec<SharedTargetProxy>;
    /// Fresh objects with a lane each.
    fn own(&self, count: u32) -> Vec<OwnTargetProxy>;
    /// What the server holds for the connections of these nodes, but for the caller's, once that is nothing or some seconds have passed.
    async fn held(&self, by: Vec<NodeId>, caller: &Caller) -> Held;
    /// How many of these connections are open, once none is or some seconds have passed.
    async fn open(&self, by: Vec<NodeId>, caller: &Caller) -> usize;
}

/// The name of one more root. Services are opened through the shared lanes in turn, and what they hand over comes by their own lane: so
/// objects of several roots are on several lanes.
pub(crate) fn desk_name(number: u8) -> String {
    format!("DuologueBench {number}")
}

/// An object that does nothing but be handed over.
#[service]
pub(crate) trait Item {
    fn touch(&self);
}

/// A size that nobody may ask for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{0} bytes are too many")]
pub(crate) struct TooLarge(u64);

/// An object of the server, as [`Item`].
pub(crate) struct Thing;

#[service]
impl Item for Thing {
    fn touch(&self) {}
}

/// The root.
#[derive(Clone, Debug)]
pub(crate) struct Desk {
    pub(crate) threads: u32,
    pub(crate) busy_poll: Duration,
    /// The node that serves it, once it is bound.
    pub(crate) node: Arc<OnceLock<Node>>,
}

#[service]
impl Bench for Desk {
    fn hello(&self) -> Hello {
        Hello::here(self.threads, self.busy_poll)
    }

    fn usage(&self) -> Usage {
        Usage::now()
    }

    fn shared(&self, count: u32) -> Vec<SharedTargetProxy> {
        (0..count.min(OBJECTS_AT_ONCE)).map(|_| SharedTargetProxy::local(Mark::default())).collect()
    }

    fn own(&self, count: u32) -> Vec<OwnTargetProxy> {
        (0..count.min(OBJECTS_AT_ONCE)).map(|_| OwnTargetProxy::local(Mark::default())).collect()
    }

    async fn held(&self, by: Vec<NodeId>, caller: &Caller) -> Held {
        let own = caller.connection();
        match self.node.get() {
            Some(node) => Held::at(node, |one| *one != own && by.contains(&one.peer())).await,
            None => Held::default(),
        }
    }

    async fn open(&self, by: Vec<NodeId>, caller: &Caller) -> usize {
        let own = caller.connection();
        match self.node.get() {
            Some(node) => Held::open(node, |one| *one != own && by.contains(&one.peer())).await,
            None => 0,
        }
    }
}

/// A closure of the client.
type Back = Callback<fn(u64) -> u64>;

/// What is called.
#[derive(Debug, Default)]
pub(crate) struct Mark {
    callback: Option<Back>,
}

/// The same service with and without lanes of its own: the lane is a property of the interface.
macro_rules! target {
    ($(#[$attribute:meta])* $name:ident) => {
        $(#[$attribute])*
        pub(crate) trait $name {
            /// The sum of two numbers.
            async fn add(&self, a: i64, b: i64) -> i64;
            /// Keeps the thread of the object busy for so many nanoseconds.
            fn spin(&self, ns: u64);
            /// The same bytes.
            async fn echo(&self, data: Bytes) -> Bytes;
            /// What `back` calls.
            fn keep(&mut self, callback: Callback<fn(u64) -> u64>);
            /// Calls the closure; its answer.
            async fn back(&self, n: u64) -> Result<u64, CallError>;
            /// So many bytes, so many times.
            async fn items(&self, size: u64) -> Result<Streaming<Bytes>, TooLarge>;
            /// So many bytes.
            async fn bulk(&self, size: u64) -> Result<ByteStream, TooLarge>;
            /// An object for an object.
            async fn trade(&self, given: ItemProxy) -> ItemProxy;
        }

        #[service]
        impl $name for Mark {
            async fn add(&self, a: i64, b: i64) -> i64 {
                a.wrapping_add(b)
            }

            fn spin(&self, ns: u64) {
                let time = Duration::from_nanos(ns).min(SPIN_MAX);
                let begin = Instant::now();
                while begin.elapsed() < time {
                    std::hint::spin_loop();
                }
            }

            async fn echo(&self, data: Bytes) -> Bytes {
                data
            }

            fn keep(&mut self, callback: Back) {
                self.callback = Some(callback);
            }

            async fn back(&self, n: u64) -> Result<u64, CallError> {
                match &self.callback {
                    Some(callback) => callback.call(n).await,
                    None => Err(CallError::Nested("no callback was given".to_owned())),
                }
            }

            async fn items(&self, size: u64) -> Result<Streaming<Bytes>, TooLarge> {
                if size > PAYLOAD_MAX {
                    return Err(TooLarge(size));
                }
                let item = Bytes::from(vec![0x5a; size as usize]);
                Ok(Streaming::from_iter((0..ITEMS).map(move |_| item.clone())))
            }

            async fn bulk(&self, size: u64) -> Result<ByteStream, TooLarge> {
                if size > BULK_MAX {
                    return Err(TooLarge(size));
                }
                let chunk = Bytes::from(vec![0x5a; CHUNK.min(size) as usize]);
                let chunks = (0..size.div_ceil(CHUNK)).map(move |n| {
                    chunk.slice(..CHUNK.min(size - n * CHUNK) as usize)
                });
                Ok(ByteStream::from_chunks(futures_util::stream::iter(chunks)))
            }

            async fn trade(&self, given: ItemProxy) -> ItemProxy {
                drop(given);
                ItemProxy::local(Thing)
            }
        }
    };
}

target!(
    #[service(name = "SharedTarget")]
    SharedTarget
);
target!(
    #[service(name = "OwnTarget", lane = "own")]
    OwnTarget
);
