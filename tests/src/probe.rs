//! The service that the fault tests attack, and a record of what happened to it: told as events, so that tests wait for
//! what happens and not for time to pass.

use duologue::prelude::*;
use serde::{Deserialize, Serialize};

use crate::events::Tell;

/// What happened to a [`Probe`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A connection began.
    Connected,
    /// It ended; its figures at that moment are all zero or not.
    Disconnected {
        /// Whether the connection's tables were empty.
        empty: bool,
    },
    /// A handler that never answers has begun.
    Began,
    /// Such a handler was dropped.
    Stopped,
    /// An instance was dropped.
    Dropped,
    /// A handler that gives bytes has run.
    Gave,
}

/// A value that nests in itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Nest(pub Vec<Nest>);

/// The number of a method on the wire is its place here; hostile peers name them so.
#[service(name = "Probe")]
pub trait Probing {
    /// 0: the sum.
    async fn add(&self, a: i64, b: i64) -> i64;
    /// 1: an older caller may leave `times` out.
    async fn greet(&self, name: &str, times: Option<u32>) -> String;
    /// 2: panics.
    async fn panics(&self);
    /// 3: panics while it has the object for itself.
    async fn panics_alone(&mut self);
    /// 4: never answers.
    async fn hangs(&self);
    /// 5: never answers and has the object for itself.
    async fn hangs_alone(&mut self);
    /// 6: a new object by reference.
    fn open(&self) -> LeafProxy;
    /// 7: takes an object by reference.
    fn take(&self, leaf: LeafProxy);
    /// 8: that many bytes.
    fn bytes(&self, count: u32) -> Bytes;
    /// 9: how deep a value nests.
    fn depth(&self, nest: Nest) -> u32;
    /// 10: keeps an object by reference.
    fn keep(&mut self, leaf: LeafProxy);
    /// 11: calls the kept object, which never answers.
    async fn call_kept(&self) -> Result<(), CallError>;
    /// 12: numbers without end.
    fn count(&self) -> Streaming<u64>;
}

/// Method numbers of [`Probing`].
pub mod method {
    #![allow(missing_docs, reason = "they are the methods above")]
    pub const ADD: u16 = 0;
    pub const GREET: u16 = 1;
    pub const PANICS: u16 = 2;
    pub const PANICS_ALONE: u16 = 3;
    pub const HANGS: u16 = 4;
    pub const OPEN: u16 = 6;
    pub const TAKE: u16 = 7;
    pub const BYTES: u16 = 8;
    pub const DEPTH: u16 = 9;
    pub const KEEP: u16 = 10;
    pub const CALL_KEPT: u16 = 11;
    pub const COUNT: u16 = 12;
}

/// An object by reference.
#[service]
pub trait Leaf {
    /// Never answers.
    async fn hangs(&self);
}

/// Serves [`Probing`].
#[derive(Debug)]
pub struct Probe {
    events: Tell<Event>,
    kept: Option<LeafProxy>,
}

impl Probe {
    /// One that tells what happens to it.
    pub fn new(events: &Tell<Event>) -> Probe {
        Probe { events: events.clone(), kept: None }
    }

    fn tell(&self, event: Event) {
        self.events.tell(event);
    }
}

async fn hang(events: &Tell<Event>) {
    let _stopped = events.on_drop(Event::Stopped);
    events.tell(Event::Began);
    std::future::pending::<()>().await;
}

#[service]
impl Probing for Probe {
    async fn add(&self, a: i64, b: i64) -> i64 {
        a + b
    }

    async fn greet(&self, name: &str, times: Option<u32>) -> String {
        vec![format!("hello {name}"); times.unwrap_or(1) as usize].join(", ")
    }

    async fn panics(&self) {
        panic!("on purpose");
    }

    async fn panics_alone(&mut self) {
        panic!("on purpose, alone");
    }

    async fn hangs(&self) {
        hang(&self.events).await;
    }

    async fn hangs_alone(&mut self) {
        hang(&self.events).await;
    }

    fn open(&self) -> LeafProxy {
        LeafProxy::local(Twig { events: self.events.clone() })
    }

    fn take(&self, leaf: LeafProxy) {
        drop(leaf);
    }

    fn bytes(&self, count: u32) -> Bytes {
        self.tell(Event::Gave);
        vec![7; count as usize].into()
    }

    fn depth(&self, nest: Nest) -> u32 {
        fn depth(nest: &Nest) -> u32 {
            1 + nest.0.iter().map(depth).max().unwrap_or(0)
        }
        depth(&nest)
    }

    fn keep(&mut self, leaf: LeafProxy) {
        self.kept = Some(leaf);
    }

    async fn call_kept(&self) -> Result<(), CallError> {
        match &self.kept {
            Some(leaf) => leaf.hangs().await,
            None => Ok(()),
        }
    }

    fn count(&self) -> Streaming<u64> {
        Streaming::from_iter(0..)
    }

    fn on_connect(&mut self, _: &Connection) {
        self.tell(Event::Connected);
    }

    fn on_disconnect(&mut self, connection: &Connection) {
        self.tell(Event::Disconnected { empty: connection.stats() == Default::default() });
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.tell(Event::Dropped);
    }
}

/// What a node between shows.
#[service]
pub trait Showing {
    /// The probe of another node.
    fn probe(&self) -> ProbingProxy;
}

/// Shows a probe.
#[derive(Debug)]
pub struct Window(pub ProbingProxy);

#[service]
impl Showing for Window {
    fn probe(&self) -> ProbingProxy {
        self.0.clone()
    }
}

struct Twig {
    events: Tell<Event>,
}

#[service]
impl Leaf for Twig {
    async fn hangs(&self) {
        hang(&self.events).await;
    }
}
