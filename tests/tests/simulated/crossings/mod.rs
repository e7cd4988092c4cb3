//! What crosses on the way: each case by its name, over a link of fifty milliseconds each way, so that it happens at a moment that is
//! known. Every one ends with nothing left in either table and with every object dropped that nobody holds.

mod answers;
mod close;
mod dials;
mod references;
mod streams;
mod undecoded;

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use duologue::prelude::*;
use duologue::testing::{Conditions, Pair, World};
use duologue_tests::events::{Bell, Heard, Tell, events};
use tokio::time::{Instant, sleep, sleep_until};

use crate::guarantees::{at_rest, steady};

#[service]
trait House {
    /// A new thing, which the house does not keep.
    fn open(&self) -> ThingProxy;
    /// A new thing, which the house keeps, too.
    fn share(&self) -> ThingProxy;
    /// What is kept; the house lets go of it.
    fn give(&self) -> Option<ThingProxy>;
    fn keep(&self, thing: ThingProxy);
    fn forget(&self);
    /// The number of what is kept.
    async fn ask(&self) -> Result<u32, CallError>;
    /// A new thing, later.
    async fn open_after(&self, ms: u64) -> ThingProxy;
    /// New things, one after the other.
    fn many(&self) -> Streaming<ThingProxy>;
}

#[service]
trait Thing {
    fn number(&self) -> u32;
    async fn wait(&self);
    /// Has the thing for itself.
    async fn wait_alone(&mut self);
    /// Takes what it is given, and drops it.
    async fn take(&mut self, things: Vec<ThingProxy>);
}

/// Makes things with numbers from 0 on. What a test holds of it is what the far node serves.
#[derive(Clone)]
struct Maker {
    made: Arc<AtomicU32>,
    told: Tell<String>,
    kept: Arc<Mutex<Option<ThingProxy>>>,
}

struct Numbered {
    number: u32,
    told: Tell<String>,
    _dropped: Bell<String>,
}

impl Maker {
    fn make(&self) -> Numbered {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let dropped = self.told.on_drop(format!("{number} dropped"));
        Numbered { number, told: self.told.clone(), _dropped: dropped }
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Option<ThingProxy>> {
        self.kept.lock().unwrap()
    }
}

#[service]
impl House for Maker {
    fn open(&self) -> ThingProxy {
        ThingProxy::local(self.make())
    }

    fn share(&self) -> ThingProxy {
        self.kept().insert(self.open()).clone()
    }

    fn give(&self) -> Option<ThingProxy> {
        self.kept().take()
    }

    fn keep(&self, thing: ThingProxy) {
        *self.kept() = Some(thing);
    }

    fn forget(&self) {
        *self.kept() = None;
    }

    async fn ask(&self) -> Result<u32, CallError> {
        let kept = self.kept().clone();
        kept.expect("something is kept").number().await
    }

    async fn open_after(&self, ms: u64) -> ThingProxy {
        let _left = self.told.on_drop("left".into());
        sleep(Duration::from_millis(ms)).await;
        self.told.tell("answers".into());
        self.open()
    }

    fn many(&self) -> Streaming<ThingProxy> {
        let maker = self.clone();
        Streaming::from_iter((0..300).map(move |_| maker.open()))
    }
}

#[service]
impl Thing for Numbered {
    fn number(&self) -> u32 {
        self.number
    }

    async fn wait(&self) {
        let _left = self.told.on_drop("left".into());
        self.told.tell("waits".into());
        std::future::pending().await
    }

    async fn wait_alone(&mut self) {
        self.wait().await;
    }

    async fn take(&mut self, things: Vec<ThingProxy>) {
        drop(things);
    }
}

/// Two nodes, the far one's house as the near one sees it, and what is told there.
struct Scene {
    pair: Pair,
    house: HouseProxy,
    maker: Maker,
    told: Heard<String>,
    start: Instant,
}

impl Scene {
    async fn of(world: &World) -> Scene {
        let (told, heard) = events();
        let maker = Maker { made: Arc::default(), told, kept: Arc::default() };
        let (far, near) = (maker.clone(), maker.clone());
        let pair = world.pair().conditions(steady()).serve(move || far.clone());
        let pair = pair.serve_near(move || near.clone()).await.unwrap();
        let house = pair.root().await.unwrap();
        // Whatever the handshake still had to say has been said.
        pair.near.connection.ping().await.unwrap();
        Scene { pair, house, maker, told: heard, start: Instant::now() }
    }

    /// From now on, moments count from here.
    fn restart(&mut self) {
        self.start = Instant::now();
    }

    /// Waits until that many milliseconds after the start.
    async fn at(&self, ms: u64) {
        sleep_until(self.start + Duration::from_millis(ms)).await;
    }

    /// A thing of the near node.
    fn own(&self) -> ThingProxy {
        let maker = self.maker.clone();
        self.pair.near.node.host(move || maker.make())
    }

    /// From now on, nothing arrives that is sent in this direction; what is lost is sent again, later than what comes after it.
    fn lose(&self, towards: Towards, all: bool) {
        self.set(towards, if all { steady().loss(1.0) } else { steady() });
    }

    /// From now on, what is sent in this direction takes longer.
    fn delay(&self, towards: Towards, delay: Duration) {
        self.set(towards, steady().delay(delay));
    }

    fn set(&self, towards: Towards, conditions: Conditions) {
        let near = self.pair.far.connection.remote_address().ip();
        let far = self.pair.near.connection.remote_address().ip();
        let (from, to) = if towards == Towards::Far { (near, far) } else { (far, near) };
        self.pair.network.set_path(from, to, conditions);
    }

    /// The end: what was told, in order of its words, after all is let go of; and nothing is left in either table.
    async fn ends_with(self, expected: &[&str]) {
        let Scene { pair, house, maker, mut told, .. } = self;
        drop(house);
        maker.kept().take();
        at_rest(&pair).await;
        let mut words = told.so_far();
        words.sort_unstable();
        assert_eq!(words, expected);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Towards {
    Near,
    Far,
}
