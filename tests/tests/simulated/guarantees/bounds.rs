//! 8. Memory is bounded: by permits, and by states where nothing waits; a flooded object makes its own callers wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use duologue::testing;
use duologue::{Config, prelude::*};
use duologue_tests::events::Gate;
use duologue_tests::hostile::{Frame, Peer};
use duologue_tests::nodes::{begin_all, settles};
use tokio::time::Instant;

use super::{ONE_WAY, at_rest, each, rough, steady};

#[service]
trait Flood {
    async fn hold(&self);
    fn ping(&self) -> u8;
    fn things(&self, count: usize) -> Vec<FloodProxy>;
}

#[derive(Clone, Default)]
struct Lock {
    gate: Gate,
    running: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

#[service]
impl Flood for Lock {
    async fn hold(&self) {
        let running = self.running.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(running, Ordering::Relaxed);
        self.gate.pass().await;
        self.running.fetch_sub(1, Ordering::Relaxed);
    }

    fn ping(&self) -> u8 {
        7
    }

    fn things(&self, count: usize) -> Vec<FloodProxy> {
        (0..count).map(|_| FloodProxy::local(self.clone())).collect()
    }
}

/// The calls on one object that one connection may have unanswered: 4,096, and 64 in reserve for calls made inside handlers.
const PERMITS: usize = 4_096;

#[test]
fn guarantee_08_memory_is_bounded_a_flooded_object_makes_its_own_callers_wait() {
    testing::run(1, async |world| {
        let (lock, other) = (Lock::default(), Lock::default());
        let (gate, most) = (lock.gate.clone(), lock.most.clone());
        let far = |node: duologue::NodeBuilder| {
            node.serve(move || lock.clone()).service("Neighbour", move || other.clone())
        };
        let pair = world.pair().conditions(steady()).far(far).await.unwrap();
        let flood: FloodProxy = pair.root().await.unwrap();
        let neighbour: FloodProxy = pair.near.connection.service("Neighbour").await.unwrap();
        // Made by somebody who never waits.
        let calls = begin_all((0..PERMITS + 2_000).map(|_| flood.hold())).await;
        settles(&pair.far.node, |stats| stats.total.calls_running == PERMITS).await;
        pair.near.connection.ping().await.unwrap();
        assert_eq!(pair.far.node.stats().total.calls_running, PERMITS, "nothing more has come");
        let near = pair.near.connection.stats();
        assert_eq!(
            (near.calls_awaiting, near.permits_out),
            (PERMITS + 2_000, PERMITS),
            "the rest waits here"
        );
        for _ in 0..5 {
            let start = Instant::now();
            assert_eq!(neighbour.ping().await, Ok(7));
            assert_eq!(start.elapsed(), 2 * ONE_WAY, "a neighbour keeps its latency");
        }
        gate.open();
        for call in calls {
            assert_eq!(call.await, Ok(()));
        }
        assert_eq!(most.load(Ordering::Relaxed), PERMITS);
        drop((flood, neighbour));
        at_rest(&pair).await;
    });
}

#[test]
fn guarantee_08_memory_is_bounded_what_is_sent_without_waiting_is_state() {
    each(async |world| {
        let lock = Lock::default();
        let far = |node: duologue::NodeBuilder| node.serve(move || lock.clone());
        let pair = world.pair().conditions(rough()).far(far).await.unwrap();
        let flood: FloodProxy = pair.root().await.unwrap();
        // Notices: never more of them than permits, however many want to be sent.
        let notices = begin_all((0..1_000).map(|_| flood.ping().notify())).await;
        for notice in notices {
            assert_eq!(notice.await, Ok(()));
        }
        // Releases and cancellations, all at once, while nothing gets through.
        let mut things = Vec::new();
        for _ in 0..4 {
            things.extend(flood.things(250).await.unwrap());
        }
        assert_eq!(pair.far.connection.stats().exports, 1_001);
        let calls = begin_all(things.iter().map(FloodProxy::hold)).await;
        settles(&pair.far.node, |stats| stats.total.calls_running == 1_000).await;
        pair.partition();
        drop((calls, things));
        assert_eq!(
            pair.near.connection.stats().calls_awaiting,
            1_000,
            "they are settled by their answers only"
        );
        pair.heal();
        settles(&pair.far.node, |stats| stats.total.exports == 1).await;
        drop(flood);
        at_rest(&pair).await;
    });
}

#[test]
fn guarantee_08_memory_is_bounded_against_hostile_peers_too() {
    each(async |world| {
        let lock = Lock::default();
        let running = lock.running.clone();
        let mut config = Config::default();
        config.object_permits = 100;
        let far = |node: duologue::NodeBuilder| {
            node.config(config.clone()).on_this_thread().serve(move || lock.clone())
        };
        let pair = world.pair().conditions(rough()).far(far).await.unwrap();
        let neighbour: FloodProxy = pair.root().await.unwrap();
        let mut peer =
            Peer::dial_on(world.network(), pair.far.node.local_addr(), &transport::Config::default()).await;
        let root = peer.root().await;
        let calls = |range: std::ops::Range<u32>| -> Vec<u8> {
            range.flat_map(|call| Frame::call(call, root, 0, &[(); 0]).to_bytes()).collect()
        };
        peer.lane.put(calls(0..100)).await;
        settles(&pair.far.node, |stats| stats.total.calls_running == 100).await;
        // It has used up its permits, and sends one call more.
        peer.lane.put(calls(100..101)).await;
        let reason = format!("object ObjectId({root}) has more calls outstanding than it gave permits");
        assert_eq!(peer.closed().await, (1, reason));
        settles(&pair.far.node, |stats| stats.connections == 1 && stats.total.calls_running == 0).await;
        assert_eq!(running.load(Ordering::Relaxed), 100, "the last one never ran");
        assert_eq!(neighbour.ping().await, Ok(7));
        drop(neighbour);
        at_rest(&pair).await;
    });
}
