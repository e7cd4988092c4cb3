//! Large bodies: arguments and results that do not ride in a frame come whole, in order, and in nobody's way.

use std::time::Duration;

use duologue::prelude::*;
use duologue::testing::{self, Conditions, World};
use duologue::{Config, Node, Ran};
use duologue_tests::events::{Gate, Heard, Tell, events};
use duologue_tests::nodes::{
    PATIENCE, Pair, begin, begin_all, is_at_rest, pair, pair_of, run, settles, small,
};
use tokio::time::sleep;

#[service]
trait Depot {
    fn echo(&self, goods: Bytes) -> Bytes;
    fn make(&self, size: u32) -> Bytes;
    async fn note(&self, n: u32, goods: Bytes);
    async fn keep(&self, goods: Bytes) -> u64;
    async fn fill(&self, size: u32, take: Callback<fn(Bytes) -> u64>) -> Result<u64, CallError>;
    fn ping(&self);
}

#[derive(Clone)]
struct Store {
    tell: Tell<u32>,
    gate: Gate,
}

#[service]
impl Depot for Store {
    fn echo(&self, goods: Bytes) -> Bytes {
        goods
    }

    fn make(&self, size: u32) -> Bytes {
        all_bytes(size as usize)
    }

    async fn note(&self, n: u32, goods: Bytes) {
        drop(goods);
        self.tell.tell(n);
    }

    async fn keep(&self, goods: Bytes) -> u64 {
        self.tell.tell(goods.len() as u32);
        self.gate.pass().await;
        goods.len() as u64
    }

    async fn fill(&self, size: u32, take: Callback<fn(Bytes) -> u64>) -> Result<u64, CallError> {
        take.call(all_bytes(size as usize)).await
    }

    fn ping(&self) {}
}

const MIB: usize = 1 << 20;
/// What of a body is not the bytes themselves: the array of arguments, and the head of long bytes.
const AROUND: usize = 1 + 5;

fn all_bytes(size: usize) -> Bytes {
    let mut bytes = (0..251).collect::<Vec<u8>>().repeat(size.div_ceil(251));
    bytes.truncate(size);
    bytes.into()
}

fn store() -> (Store, Heard<u32>, Gate) {
    let ((tell, heard), gate) = (events(), Gate::new());
    (Store { tell, gate: gate.clone() }, heard, gate)
}

async fn served() -> (Pair, DepotProxy, Heard<u32>, Gate) {
    let (store, heard, gate) = store();
    let pair = pair(move || store.clone()).await;
    let depot = pair.root().await;
    (pair, depot, heard, gate)
}

/// The same over a link of fifty milliseconds each way and under virtual time: how far a body has come is known at any moment.
async fn served_far_away(world: &World) -> (testing::Pair, DepotProxy, Heard<u32>) {
    let (store, heard, _) = store();
    let conditions = Conditions::default().delay(Duration::from_millis(50));
    let pair = world.pair().conditions(conditions).serve(move || store.clone()).await.unwrap();
    let depot = pair.root().await.unwrap();
    (pair, depot, heard)
}

async fn both_at_rest(pair: &testing::Pair) {
    settles(&pair.near.node, is_at_rest).await;
    settles(&pair.far.node, is_at_rest).await;
}

#[test]
fn sixteen_mebibytes_go_there_and_back() {
    run(async {
        let (pair, depot, ..) = served().await;
        for size in [8_187, 8_188, 8_189, 100_000, MIB, 16 * MIB - AROUND] {
            let goods = all_bytes(size);
            assert!(depot.echo(goods.clone()).await.unwrap() == goods, "{size} bytes");
        }
        drop(depot);
        pair.at_rest().await;
    });
}

#[test]
fn a_body_above_sixteen_mebibytes_is_refused_and_names_the_limit() {
    run(async {
        let (pair, depot, ..) = served().await;
        let error = depot.echo(all_bytes(16 * MIB - AROUND + 1)).await.unwrap_err();
        let text = "a body of 16777217 bytes is above the 16777216 that travel";
        assert_eq!(error, CallError::NotSent(text.into()));
        assert!(error.never_ran());
        let error = depot.make(16 * MIB as u32 - 4).await.unwrap_err();
        assert_eq!(error, CallError::BadReply(text.into()));
        assert_eq!(error.ran(), Ran::Yes);
        drop(depot);
        pair.at_rest().await;
    });
}

#[test]
fn the_smaller_of_both_peers_limits_counts() {
    run(async {
        let (store, ..) = store();
        let mut config = Config::default();
        config.body_max = 100_000;
        let server = Node::builder().config(config).arbiters(1).serve(move || store.clone());
        let pair = pair_of(server, small()).await;
        let depot: DepotProxy = pair.root().await;
        let text = "a body of 200006 bytes is above the 100000 that travel";
        assert_eq!(depot.echo(all_bytes(200_000)).await.unwrap_err(), CallError::NotSent(text.into()));
        assert_eq!(depot.echo(all_bytes(90_000)).await.unwrap().len(), 90_000);
    });
}

#[test]
fn a_large_call_keeps_its_place_between_small_ones() {
    run(async {
        let (_pair, depot, mut heard, _) = served().await;
        let size = |n: u32| if n % 5 == 2 { 300_000 } else { 10 };
        let calls = begin_all((0..40).map(|n| depot.note(n, all_bytes(size(n))))).await;
        for n in 0..40 {
            assert_eq!(heard.next().await, n);
        }
        for call in calls {
            call.await.unwrap();
        }
    });
}

#[test]
fn a_large_notice_keeps_its_place_too() {
    run(async {
        let (pair, depot, mut heard, _) = served().await;
        let large = depot.note(0, all_bytes(3 * MIB)).notify();
        let (sent, small) = tokio::join!(large, depot.note(1, Bytes::new()));
        assert_eq!((sent, small), (Ok(()), Ok(())));
        assert_eq!((heard.next().await, heard.next().await), (0, 1));
        drop(depot);
        pair.at_rest().await;
    });
}

#[test]
fn others_go_on_while_a_large_body_is_on_its_way() {
    testing::run(1, async |world| {
        let (pair, depot, ..) = served_far_away(&world).await;
        // Of another object of the same connection, which stands behind nothing.
        let other: DepotProxy = pair.root().await.unwrap();
        let mut large = depot.echo(all_bytes(4 * MIB));
        assert!(begin(&mut large).await.is_pending());
        let mut pings = 0;
        while begin(&mut large).await.is_pending() {
            other.ping().await.unwrap();
            pings += 1;
        }
        assert!(pings >= 10, "{pings} calls were answered beside it");
    });
}

#[test]
fn a_hundred_mebibytes_at_once_arrive_whole_under_the_pull_budget() {
    run(async {
        let (pair, depot, ..) = served().await;
        let goods = all_bytes(MIB);
        for call in begin_all((0..100).map(|_| depot.echo(goods.clone()).timeout(PATIENCE))).await {
            assert!(call.await.unwrap() == goods);
        }
        drop(depot);
        pair.at_rest().await;
    });
}

#[test]
fn a_call_that_is_dropped_while_its_body_is_on_its_way_never_runs() {
    testing::run(1, async |world| {
        let (pair, depot, mut heard) = served_far_away(&world).await;
        // Its frame has not arrived; it has, and the body was not asked for; it was; pieces of it have arrived.
        for after_ms in [10, 70, 120, 400] {
            let mut large = depot.keep(all_bytes(4 * MIB));
            assert!(begin(&mut large).await.is_pending());
            sleep(Duration::from_millis(after_ms)).await;
            assert!(begin(&mut large).await.is_pending());
            drop(large);
            // What stood behind it goes on.
            depot.note(after_ms as u32, Bytes::new()).await.unwrap();
            assert_eq!(heard.next().await, after_ms as u32);
        }
        drop(depot);
        both_at_rest(&pair).await;
    });
}

#[test]
fn a_call_that_is_dropped_while_its_result_is_on_its_way_leaves_nothing_behind() {
    run(async {
        let (pair, depot, ..) = served().await;
        for _ in 0..4 {
            let mut large = depot.make(16_000_000);
            assert!(begin(&mut large).await.is_pending());
            // Its frame comes before this one's answer, or stands behind it: both are right.
            depot.ping().await.unwrap();
            drop(large);
        }
        drop(depot);
        pair.at_rest().await;
    });
}

#[test]
fn callbacks_take_large_arguments_inside_a_large_call() {
    run(async {
        let (pair, depot, ..) = served().await;
        let taken = depot.fill(9 * MIB as u32, |goods: Bytes| goods.len() as u64).await.unwrap();
        assert_eq!(taken, 9 * MIB as u64);
        drop(depot);
        pair.at_rest().await;
    });
}

#[test]
fn a_connection_that_ends_midway_ends_every_large_call() {
    testing::run(1, async |world| {
        let (pair, depot, ..) = served_far_away(&world).await;
        let calls = begin_all((0..10).map(|_| depot.echo(all_bytes(MIB)))).await;
        sleep(Duration::from_millis(400)).await;
        pair.far.connection.close().await;
        let mut ended = 0;
        for call in calls {
            match call.await {
                // What had been sent before is read first.
                Ok(goods) => assert_eq!(goods.len(), MIB),
                Err(CallError::Disconnected { .. }) => ended += 1,
                Err(other) => panic!("{other:?}"),
            }
        }
        assert!(ended > 0, "the connection was closed before all of it was there");
        both_at_rest(&pair).await;
    });
}

#[test]
fn who_holds_too_many_arguments_is_refused_and_the_rest_goes_on() {
    run(async {
        let ((tell, mut heard), gate) = (events(), Gate::new());
        let store = Store { tell, gate: gate.clone() };
        let mut config = Config::default();
        (config.body_max, config.arguments_max) = (100_000, 250_000);
        let server = Node::builder().config(config).arbiters(1).serve(move || store.clone());
        let pair = pair_of(server, small()).await;
        let depot: DepotProxy = pair.root().await;
        let mut kept = begin_all((0..2).map(|_| depot.keep(all_bytes(90_000)))).await;
        assert_eq!((heard.next().await, heard.next().await), (90_000, 90_000));
        let error = depot.keep(all_bytes(90_000)).await.unwrap_err();
        assert!(matches!(error, CallError::Overloaded(_)), "{error:?}");
        assert!(error.never_ran());
        gate.open();
        for call in kept.drain(..) {
            assert_eq!(call.await, Ok(90_000));
        }
        assert_eq!(depot.keep(all_bytes(90_000)).await, Ok(90_000));
    });
}
