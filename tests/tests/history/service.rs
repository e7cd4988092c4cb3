//! What both ends serve: methods that write down when they run.

use std::collections::HashMap;
use std::time::Duration;

use duologue::prelude::*;
use tokio::time::sleep;

use crate::event::{Event, Id, Kind, Log, Made, Source};

/// The root service of each end. `&mut self` methods wait for nothing but time, so that no two chains of calls can cross.
#[service]
pub(crate) trait Peer {
    fn quick(&self, call: Id) -> Id;
    async fn read(&self, call: Id, pause_ms: u64) -> Id;
    async fn write(&mut self, call: Id, pause_ms: u64) -> Id;
    async fn ticks(&self, call: Id, count: u32, tick: Callback<fn(u32)>) -> Result<Id, CallError>;
    fn stream(&self, call: Id, count: u32) -> Streaming<u32>;
    async fn upload(&self, call: Id, items: Streaming<u32>) -> Result<Id, CallError>;
    /// Gives back what it was given.
    fn echo(&self, call: Id, data: Bytes) -> Bytes;
    fn open(&self, call: Id, object: Id) -> ItemProxy;
    /// The same, later.
    async fn open_late(&self, call: Id, object: Id, pause_ms: u64) -> ItemProxy;
    /// Keeps an object of the caller.
    async fn keep(&mut self, call: Id, object: Id, item: ItemProxy);
    /// Gives it back.
    async fn give_back(&mut self, call: Id, object: Id) -> Option<ItemProxy>;
    fn panics(&self, call: Id);
    async fn never(&self, call: Id);
    /// Calls the caller's side.
    async fn nested(&self, call: Id, inner: Id) -> Result<Id, CallError>;
}

/// An object by reference, at either end.
#[service]
pub(crate) trait Item {
    async fn poke(&mut self, call: Id, pause_ms: u64) -> Id;
    /// How much it was given.
    fn fill(&mut self, call: Id, data: Bytes) -> usize;
}

/// Where chains of calls come back to where they began.
#[service]
pub(crate) trait Chain {
    /// Calls the caller's side, which calls `inner` here, where it cannot start.
    async fn reenter(&mut self, call: Id, bounce: Id, inner: Id) -> Result<Id, CallError>;
    fn quick(&self, call: Id) -> Id;
}

/// What never makes anybody wait.
#[service]
pub(crate) trait Plain {
    fn leaf(&self, call: Id) -> Id;
    async fn bounce(&self, call: Id, inner: Id) -> Result<Id, CallError>;
    /// Calls a kept object of the peer.
    async fn poke_kept(&self, call: Id, inner: Id, object: Id, item: ItemProxy) -> Result<Id, CallError>;
}

/// The numbers of the objects that are there from the beginning, by side.
pub(crate) const ROOT: [Id; 2] = [10, 11];
pub(crate) const CHAIN: [Id; 2] = [20, 21];
pub(crate) const PLAIN: [Id; 2] = [30, 31];

/// All that one end serves.
#[derive(Debug)]
pub(crate) struct Served {
    log: Log,
    side: usize,
    kept: HashMap<Id, Held>,
}

/// A proxy whose end is written down before it is dropped.
#[derive(Debug)]
pub(crate) struct Held {
    log: Log,
    object: Id,
    pub(crate) item: ItemProxy,
}

impl Held {
    pub(crate) fn new(log: &Log, object: Id, item: ItemProxy) -> Held {
        log.write(Event::Held { object });
        Held { log: log.clone(), object, item }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.log.write(Event::LetGo { object: self.object });
    }
}

impl Served {
    pub(crate) fn new(log: &Log, side: usize) -> Served {
        Served { log: log.clone(), side, kept: HashMap::new() }
    }
}

/// Serves [`Chain`].
#[derive(Debug)]
pub(crate) struct Links {
    pub(crate) log: Log,
    pub(crate) side: usize,
}

/// Serves [`Plain`].
#[derive(Debug)]
pub(crate) struct Leaves {
    pub(crate) log: Log,
    pub(crate) side: usize,
}

/// A call that `side` makes inside a handler.
fn made(side: usize, call: Id, kind: Kind, object: Id, depth: u8) -> Made {
    Made { call, kind, object, side: side as u8, depth }
}

#[service]
impl Peer for Served {
    fn quick(&self, call: Id) -> Id {
        self.log.began(call, ROOT[self.side], false).returns(call)
    }

    async fn read(&self, call: Id, pause_ms: u64) -> Id {
        let run = self.log.began(call, ROOT[self.side], false);
        sleep(Duration::from_millis(pause_ms)).await;
        run.returns(call)
    }

    async fn write(&mut self, call: Id, pause_ms: u64) -> Id {
        let run = self.log.began(call, ROOT[self.side], true);
        sleep(Duration::from_millis(pause_ms)).await;
        run.returns(call)
    }

    async fn ticks(&self, call: Id, count: u32, tick: Callback<fn(u32)>) -> Result<Id, CallError> {
        let run = self.log.began(call, ROOT[self.side], false);
        for n in 0..count {
            run.tick(n);
            tick.call(n).await?;
        }
        Ok(run.returns(call))
    }

    fn stream(&self, call: Id, count: u32) -> Streaming<u32> {
        let run = self.log.began(call, ROOT[self.side], false);
        run.returns(Streaming::from_iter(Source::new(&self.log, call, count)))
    }

    async fn upload(&self, call: Id, mut items: Streaming<u32>) -> Result<Id, CallError> {
        let run = self.log.began(call, ROOT[self.side], false);
        while let Some(n) = items.next().await {
            self.log.write(Event::ItemTaken { stream: call, n: n? });
        }
        self.log.write(Event::StreamRead { stream: call });
        Ok(run.returns(call))
    }

    fn echo(&self, call: Id, data: Bytes) -> Bytes {
        self.log.began(call, ROOT[self.side], false).returns(data)
    }

    fn open(&self, call: Id, object: Id) -> ItemProxy {
        let run = self.log.began(call, ROOT[self.side], false);
        run.returns(ItemProxy::local(Thing::new(&self.log, object)))
    }

    async fn open_late(&self, call: Id, object: Id, pause_ms: u64) -> ItemProxy {
        let run = self.log.began(call, ROOT[self.side], false);
        sleep(Duration::from_millis(pause_ms)).await;
        run.returns(ItemProxy::local(Thing::new(&self.log, object)))
    }

    async fn keep(&mut self, call: Id, object: Id, item: ItemProxy) {
        let run = self.log.began(call, ROOT[self.side], true);
        self.kept.insert(object, Held::new(&self.log, object, item));
        run.returns(());
    }

    async fn give_back(&mut self, call: Id, object: Id) -> Option<ItemProxy> {
        let run = self.log.began(call, ROOT[self.side], true);
        let item = self.kept.get(&object).map(|held| held.item.clone());
        self.kept.remove(&object);
        run.returns(item)
    }

    fn panics(&self, call: Id) {
        let _run = self.log.began(call, ROOT[self.side], false);
        // Without the panic hook, which would print it.
        std::panic::resume_unwind(Box::new("on purpose"));
    }

    async fn never(&self, call: Id) {
        let _run = self.log.began(call, ROOT[self.side], false);
        std::future::pending::<()>().await;
    }

    async fn nested(&self, call: Id, inner: Id, caller: &Caller) -> Result<Id, CallError> {
        let run = self.log.began(call, ROOT[self.side], false);
        let theirs: PlainProxy = caller.connection().service("Plain").await?;
        let made = made(self.side, inner, Kind::Nested, PLAIN[1 - self.side], 1);
        let leaf = theirs.leaf(inner);
        let answer = self.log.watch(made, leaf, |&id| id == inner).await;
        answer.ok_or_else(|| failed("the leaf failed"))?;
        Ok(run.returns(call))
    }
}

#[service]
impl Chain for Links {
    async fn reenter(&mut self, call: Id, bounce: Id, inner: Id, caller: &Caller) -> Result<Id, CallError> {
        let run = self.log.began(call, CHAIN[self.side], true);
        let theirs: PlainProxy = caller.connection().service("Plain").await?;
        let made = made(self.side, bounce, Kind::Nested, PLAIN[1 - self.side], 1);
        let bounced = theirs.bounce(bounce, inner);
        let answer = self.log.watch(made, bounced, |&id| id == bounce).await;
        answer.ok_or_else(|| failed("the bounce failed"))?;
        Ok(run.returns(call))
    }

    fn quick(&self, call: Id) -> Id {
        self.log.began(call, CHAIN[self.side], false).returns(call)
    }
}

#[service]
impl Plain for Leaves {
    fn leaf(&self, call: Id) -> Id {
        self.log.began(call, PLAIN[self.side], false).returns(call)
    }

    async fn bounce(&self, call: Id, inner: Id, caller: &Caller) -> Result<Id, CallError> {
        let run = self.log.began(call, PLAIN[self.side], false);
        let theirs: ChainProxy = caller.connection().service("Chain").await?;
        let made = made(self.side, inner, Kind::Reenter, CHAIN[1 - self.side], 2);
        self.log.watch(made, theirs.quick(inner), |_| true).await;
        Ok(run.returns(call))
    }

    async fn poke_kept(&self, call: Id, inner: Id, object: Id, item: ItemProxy) -> Result<Id, CallError> {
        let run = self.log.began(call, PLAIN[self.side], false);
        let held = Held::new(&self.log, object, item);
        let made = made(self.side, inner, Kind::PokeKept, object, 1);
        let answer = self.log.watch(made, held.item.poke(inner, 3), |&id| id == inner).await;
        answer.ok_or_else(|| failed("the poke failed"))?;
        Ok(run.returns(call))
    }
}

fn failed(what: &str) -> CallError {
    CallError::Nested(what.to_owned())
}

/// An object by reference.
#[derive(Debug)]
pub(crate) struct Thing {
    log: Log,
    object: Id,
}

impl Thing {
    pub(crate) fn new(log: &Log, object: Id) -> Thing {
        log.write(Event::Born { object });
        Thing { log: log.clone(), object }
    }
}

#[service]
impl Item for Thing {
    async fn poke(&mut self, call: Id, pause_ms: u64) -> Id {
        let run = self.log.began(call, self.object, true);
        sleep(Duration::from_millis(pause_ms)).await;
        run.returns(call)
    }

    fn fill(&mut self, call: Id, data: Bytes) -> usize {
        self.log.began(call, self.object, true).returns(data.len())
    }
}

impl Drop for Thing {
    fn drop(&mut self) {
        self.log.write(Event::Died { object: self.object });
    }
}
