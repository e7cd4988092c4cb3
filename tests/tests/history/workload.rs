//! What the two ends do to each other, in an order that the seed decides.

use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use duologue::prelude::*;
use duologue::testing::{Conditions, Pair, World};
use duologue::{Config, NodeBuilder};
use duologue_tests::nodes::{is_at_rest, settles};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use tokio::task::{JoinSet, spawn_local};
use tokio::time::sleep;

use crate::event::{Event, Id, Kind, Log, Made, Source};
use crate::service::{
    CHAIN, ChainProxy, Held, ItemProxy, Leaves, Links, PLAIN, PeerProxy, PlainProxy, ROOT, Served, Thing,
};

/// Callers at each end.
const CALLERS: usize = 3;
/// How often each caller does each thing; what takes many packets is done once.
fn times(kind: Kind) -> usize {
    if matches!(kind, Kind::Large | Kind::Promise) { 1 } else { 2 }
}

/// Plays one workload; its history.
pub(crate) async fn play(world: &World, conditions: Conditions) -> Vec<Event> {
    let log = Log::default();
    let mut config = Config::default();
    // Where a fifth is lost, a large body takes its time.
    config.call_timeout = Duration::from_secs(300);
    let serve = |node: NodeBuilder, side: usize| {
        let (root, links, leaves) = (log.clone(), log.clone(), log.clone());
        let node = node.config(config.clone()).on_this_thread();
        node.serve(move || Served::new(&root, side))
            .service("Chain", move || Links { log: links.clone(), side })
            .service("Plain", move || Leaves { log: leaves.clone(), side })
    };
    let pair = world.pair().near(|node| serve(node, 0)).far(|node| serve(node, 1)).await.unwrap();
    pair.set(conditions);

    let mut callers = JoinSet::new();
    for side in 0..2 {
        for caller in 0..CALLERS {
            let end = End::new(&pair, &log, side).await;
            let seed = world.seed() << 8 | (side * CALLERS + caller) as u64;
            callers.spawn_local(end.work(StdRng::seed_from_u64(seed)));
        }
    }
    while let Some(done) = callers.join_next().await {
        done.unwrap();
    }
    settles(&pair.near.node, is_at_rest).await;
    settles(&pair.far.node, is_at_rest).await;
    log.write(Event::Rest);

    close(&pair, &log, world.seed()).await;
    settles(&pair.near.node, |stats| stats == Default::default()).await;
    settles(&pair.far.node, |stats| stats == Default::default()).await;
    // A `&mut self` method runs to its end, whoever has left.
    sleep(Duration::from_secs(1)).await;
    log.write(Event::Rest);
    log.history()
}

/// Calls from both sides, while one of them closes the connection.
async fn close(pair: &Pair, log: &Log, seed: u64) {
    let mut calls = JoinSet::new();
    for side in 0..2 {
        let end = End::new(pair, log, side).await;
        for _ in 0..5 {
            let (root, log) = (end.root.clone(), log.clone());
            let call = log.fresh();
            let made =
                Made { call, kind: Kind::AtTheEnd, object: ROOT[1 - side], side: side as u8, depth: 0 };
            calls.spawn_local(async move {
                log.watch(made, root.write(call, 20), |&id| id == call).await;
            });
        }
    }
    sleep(Duration::from_millis(seed % 120)).await;
    log.write(Event::Closing);
    let closer = if seed.is_multiple_of(2) { &pair.near } else { &pair.far };
    closer.connection.close().await;
    while let Some(done) = calls.join_next().await {
        done.unwrap();
    }
    pair.near.connection.closed().await;
    pair.far.connection.closed().await;
}

/// The length of a body that does not ride in its frame.
fn large(dice: &mut StdRng) -> usize {
    if dice.random_bool(0.1) { dice.random_range(16_000..40_000) } else { dice.random_range(8_300..10_000) }
}

/// One end, as its callers see it.
struct End {
    log: Log,
    side: usize,
    node: Node,
    root: PeerProxy,
    chain: ChainProxy,
    plain: PlainProxy,
}

impl End {
    async fn new(pair: &Pair, log: &Log, side: usize) -> End {
        let end = if side == 0 { &pair.near } else { &pair.far };
        End {
            log: log.clone(),
            side,
            node: end.node.clone(),
            root: end.connection.root().await.unwrap(),
            chain: end.connection.service("Chain").await.unwrap(),
            plain: end.connection.service("Plain").await.unwrap(),
        }
    }

    /// A call that is made now, on the peer's object.
    fn made(&self, kind: Kind, object: Id) -> Made {
        Made { call: self.log.fresh(), kind, object, side: self.side as u8, depth: 0 }
    }

    fn theirs(&self, objects: [Id; 2]) -> Id {
        objects[1 - self.side]
    }

    /// Does everything some times, in any order.
    async fn work(self, mut dice: StdRng) {
        let mut deck: Vec<Kind> =
            Kind::OF_CALLERS.into_iter().flat_map(|kind| vec![kind; times(kind)]).collect();
        deck.shuffle(&mut dice);
        for kind in deck {
            self.act(kind, &mut dice).await;
            if dice.random_bool(0.3) {
                sleep(Duration::from_millis(dice.random_range(0..80))).await;
            }
        }
    }

    async fn act(&self, kind: Kind, dice: &mut StdRng) {
        let pause = dice.random_range(0..20);
        match kind {
            // Several at once, made in this order.
            Kind::Quick | Kind::Read | Kind::Write | Kind::Notice => {
                let mut calls = JoinSet::new();
                for _ in 0..dice.random_range(1..5) {
                    let made = self.made(kind, self.theirs(ROOT));
                    let (log, root, call) = (self.log.clone(), self.root.clone(), made.call);
                    calls.spawn_local(async move {
                        if kind == Kind::Notice {
                            return log.watch_notice(made, root.write(call, pause).notify()).await;
                        }
                        let call = match kind {
                            Kind::Quick => root.quick(call),
                            Kind::Read => root.read(call, pause),
                            _ => root.write(call, pause),
                        };
                        log.watch(made, call, |&id| id == made.call).await;
                    });
                }
                while let Some(done) = calls.join_next().await {
                    done.unwrap();
                }
            }
            Kind::Ticks => self.ticks(dice.random_range(1..6)).await,
            Kind::Stream | Kind::StreamPart => self.stream(kind, dice).await,
            Kind::Upload => {
                let made = self.made(Kind::Upload, self.theirs(ROOT));
                let source = Source::new(&self.log, made.call, dice.random_range(1..300));
                let call = self.root.upload(made.call, Streaming::from_iter(source));
                self.log.watch(made, call, |&id| id == made.call).await;
            }
            Kind::Large => self.large(dice).await,
            Kind::Promise | Kind::Pipelined | Kind::PipelinedLarge => self.promise(pause, dice).await,
            Kind::Open | Kind::Poke => self.open(pause, dice.random_range(1..4)).await,
            Kind::Keep | Kind::GiveBack => self.keep().await,
            Kind::PokeKept => self.poke_kept().await,
            Kind::Panics => {
                let made = self.made(Kind::Panics, self.theirs(ROOT));
                self.log.watch(made, self.root.panics(made.call), |()| false).await;
            }
            Kind::Dropped => {
                let made = self.made(Kind::Dropped, self.theirs(ROOT));
                let call = self.log.watch(made, self.root.never(made.call), |()| false);
                let _ = tokio::time::timeout(Duration::from_millis(dice.random_range(0..150)), call).await;
            }
            Kind::Late => {
                let made = self.made(Kind::Late, self.theirs(ROOT));
                let call =
                    self.root.never(made.call).timeout(Duration::from_millis(dice.random_range(1..150)));
                self.log.watch(made, call, |()| false).await;
            }
            Kind::Nested => {
                let made = self.made(Kind::Nested, self.theirs(ROOT));
                let call = self.root.nested(made.call, self.log.fresh());
                self.log.watch(made, call, |&id| id == made.call).await;
            }
            Kind::Reenter => {
                let made = self.made(Kind::Nested, self.theirs(CHAIN));
                let call = self.chain.reenter(made.call, self.log.fresh(), self.log.fresh());
                self.log.watch(made, call, |&id| id == made.call).await;
            }
            Kind::AtTheEnd => {}
        }
    }

    async fn ticks(&self, count: u32) {
        let made = self.made(Kind::Ticks, self.theirs(ROOT));
        let (log, call) = (self.log.clone(), made.call);
        let tick = move |n: u32| log.write(Event::TickHeard { call, n });
        self.log.watch(made, self.root.ticks(call, count, tick), |&id| id == call).await;
    }

    /// A stream of the peer: read to its end, or let go midway.
    async fn stream(&self, kind: Kind, dice: &mut StdRng) {
        let (made, count) = (self.made(kind, self.theirs(ROOT)), dice.random_range(1..300));
        let call = self.root.stream(made.call, count);
        let Some(mut items) = self.log.watch(made, call, |_| true).await else { return };
        let take = if kind == Kind::Stream { count } else { dice.random_range(0..count) };
        for _ in 0..take {
            match items.next().await {
                Some(Ok(n)) => self.log.write(Event::ItemTaken { stream: made.call, n }),
                _ => return,
            }
        }
        if kind == Kind::Stream && items.next().await.is_none() {
            self.log.write(Event::StreamRead { stream: made.call });
        }
    }

    /// Large arguments and results among short ones, several at once.
    async fn large(&self, dice: &mut StdRng) {
        let mut calls = JoinSet::new();
        for len in [large(dice), dice.random_range(0..100)] {
            let made = self.made(Kind::Large, self.theirs(ROOT));
            let data = Bytes::from(vec![made.call as u8; len]);
            let (log, call) = (self.log.clone(), self.root.echo(made.call, data.clone()));
            calls.spawn_local(async move {
                log.watch(made, call, |given| *given == data).await;
            });
        }
        while let Some(done) = calls.join_next().await {
            done.unwrap();
        }
    }

    /// An object of the peer that is called before it is there.
    async fn promise(&self, pause: u64, dice: &mut StdRng) {
        let (opened, object) = (self.made(Kind::Promise, self.theirs(ROOT)), self.log.fresh());
        self.log.made(opened);
        let promise = self.root.open_late(opened.call, object, dice.random_range(0..100)).pipelined();
        let mut calls = JoinSet::new();
        for len in [0, large(dice), 0] {
            let kind = if len > 0 { Kind::PipelinedLarge } else { Kind::Pipelined };
            let (log, made) = (self.log.clone(), self.made(kind, object));
            if len > 0 {
                let call = promise.fill(made.call, Bytes::from(vec![7; len]));
                calls.spawn_local(async move { _ = log.watch(made, call, |&given| given == len).await });
            } else {
                let call = promise.poke(made.call, pause);
                calls.spawn_local(async move { _ = log.watch(made, call, |&id| id == made.call).await });
            }
        }
        // The promise ends by being awaited, while calls on it are under way; what it stood for is held, or is not.
        let settled = self.log.watch_made(opened, promise, |_| true).await;
        let held = dice.random_bool(0.5);
        let _held = settled.filter(|_| held).map(|item| Held::new(&self.log, object, item));
        while let Some(done) = calls.join_next().await {
            done.unwrap();
        }
    }

    /// An object of the peer: called some times, then let go.
    async fn open(&self, pause: u64, times: u32) {
        let (made, object) = (self.made(Kind::Open, self.theirs(ROOT)), self.log.fresh());
        let Some(item) = self.log.watch(made, self.root.open(made.call, object), |_| true).await else {
            return;
        };
        let held = Held::new(&self.log, object, item);
        for _ in 0..times {
            let made = self.made(Kind::Poke, object);
            self.log.watch(made, held.item.poke(made.call, pause), |&id| id == made.call).await;
        }
        // One more is under way when the proxy is dropped.
        let made = self.made(Kind::Poke, object);
        let (log, call) = (self.log.clone(), held.item.poke(made.call, pause));
        let last = spawn_local(async move { log.watch(made, call, |&id| id == made.call).await });
        drop(held);
        last.await.unwrap();
    }

    /// An object of this side goes to the peer, stays a while, and comes home.
    async fn keep(&self) {
        let object = self.log.fresh();
        let held = self.host(object);
        let made = self.made(Kind::Keep, self.theirs(ROOT));
        self.log.watch(made, self.root.keep(made.call, object, held.item.clone()), |()| true).await;
        let made = self.made(Kind::GiveBack, self.theirs(ROOT));
        let back = self.root.give_back(made.call, object);
        self.log.watch(made, back, |back| back.as_ref() == Some(&held.item)).await;
    }

    /// An object of this side is handed over and dropped here while the peer calls it.
    async fn poke_kept(&self) {
        let object = self.log.fresh();
        let held = self.host(object);
        let made = self.made(Kind::PokeKept, self.theirs(PLAIN));
        let inner = self.log.fresh();
        let call = self.plain.poke_kept(made.call, inner, object, held.item.clone());
        let mut watched = pin!(self.log.watch(made, call, |&id| id == made.call));
        // First polled, then dropped.
        let first = std::future::poll_fn(|cx| Poll::Ready(watched.as_mut().poll(cx))).await;
        drop(held);
        if first.is_pending() {
            watched.await;
        }
    }

    fn host(&self, object: Id) -> Held {
        let log = self.log.clone();
        let item: ItemProxy = self.node.host(move || Thing::new(&log, object));
        Held::new(&self.log, object, item)
    }
}
