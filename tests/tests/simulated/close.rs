//! A close in good order on a slow link: what was answered before it arrives, as long as bytes move and the limit allows.

use std::time::Duration;

use duologue::prelude::*;
use duologue::testing::{self, Conditions, Pair, World};
use duologue::{Call, Config, Ended, NodeBuilder, Ran};
use duologue_tests::events::{Heard, Tell, events};
use duologue_tests::nodes::{UnderWay, begin_all};
use tokio::time::Instant;

use crate::guarantees::steady;

#[service]
trait Store {
    fn block(&self, len: usize) -> Bytes;
}

#[derive(Clone)]
struct Shop(Tell<usize>);

#[service]
impl Store for Shop {
    fn block(&self, len: usize) -> Bytes {
        self.0.tell(len);
        Bytes::from(vec![7; len])
    }
}

/// Connections whose last words do not fit into the queue of a narrow link at once.
const MANY: usize = 1_500;

/// A link that takes more than eight seconds for a mebibyte.
async fn slow(world: &World, drain_timeout: Duration) -> (Pair, StoreProxy, Heard<usize>) {
    let (tell, heard) = events();
    let mut config = Config::default();
    config.drain_timeout = drain_timeout;
    let far = |node: NodeBuilder| node.config(config).on_this_thread().serve(move || Shop(tell.clone()));
    let pair = world.pair().conditions(steady().bandwidth(1_000_000)).far(far).await.unwrap();
    let store: StoreProxy = pair.root().await.unwrap();
    (pair, store, heard)
}

/// Calls whose answers have together `count` times `len` bytes; all of them are given, and few have arrived.
async fn answered(
    store: &StoreProxy,
    heard: &mut Heard<usize>,
    count: usize,
    len: usize,
) -> Vec<UnderWay<Call<Bytes>>> {
    let calls = begin_all((0..count).map(|_| store.block(len))).await;
    assert_eq!(heard.take(count).await, vec![len; count]);
    calls
}

#[test]
fn answers_flow_on_while_a_connection_is_closed_on_a_slow_link() {
    for (count, len) in [(1, 1 << 20), (200, 5_000)] {
        testing::run(1, async |world| {
            let (pair, store, mut heard) = slow(&world, Duration::from_secs(20)).await;
            let calls = answered(&store, &mut heard, count, len).await;
            let start = Instant::now();
            let (closed, ()) = tokio::join!(pair.far.connection.close_with(7, "enough"), async {
                for call in calls {
                    assert_eq!(call.await.map(|block| block.len()), Ok(len));
                }
                let took = start.elapsed().as_secs();
                assert!((7..=12).contains(&took), "a mebibyte at a megabit a second took {took} s");
            });
            let () = closed;
            let reason = "enough".to_owned();
            assert_eq!(pair.near.connection.closed().await, Ended::ByPeer { code: 7, reason });
            assert_eq!(pair.far.connection.closed().await, Ended::ByUs);
        });
    }
}

#[test]
fn a_close_on_a_slow_link_takes_no_longer_than_the_drain_may() {
    testing::run(1, async |world| {
        let (pair, store, mut heard) = slow(&world, Duration::from_secs(3)).await;
        let mut calls = answered(&store, &mut heard, 1, 1 << 20).await;
        let start = Instant::now();
        pair.far.connection.close().await;
        let took = start.elapsed();
        let limit = Duration::from_secs(3);
        assert!(took >= limit && took <= limit + Duration::from_millis(250), "it took {took:?}");
        let error = calls.remove(0).await.unwrap_err();
        assert!(matches!(error, CallError::Disconnected { ran: Ran::Yes | Ran::Unknown, .. }), "{error:?}");
    });
}

#[test]
fn a_close_does_not_wait_for_a_peer_of_whom_nothing_is_heard() {
    testing::run(1, async |world| {
        let (pair, store, mut heard) = slow(&world, Duration::from_secs(20)).await;
        let _calls = answered(&store, &mut heard, 1, 1 << 20).await;
        pair.partition();
        let start = Instant::now();
        pair.far.connection.close().await;
        let took = start.elapsed();
        assert!(took < Duration::from_secs(4), "it took {took:?}");
    });
}

#[test]
fn a_node_of_very_many_connections_says_goodbye_on_each_of_them() {
    testing::run(1, async |world| {
        let narrow =
            Conditions::default().delay(Duration::from_millis(1)).bandwidth(20_000_000).queue(8 * 1024);
        let one_thread = |node: NodeBuilder| node.on_this_thread();
        let pair = world.pair().conditions(narrow).near(one_thread).far(one_thread).await.unwrap();
        let address = pair.far.node.local_addr().to_string();
        for _ in 1..MANY {
            pair.near.node.connect(&address).await.unwrap();
        }
        pair.far.node.until(|stats| stats.connections == MANY).await;
        let start = Instant::now();
        pair.near.node.shutdown().await;
        pair.far.node.until(|stats| stats.connections == 0).await;
        let took = start.elapsed();
        assert!(
            took < Duration::from_secs(5),
            "the last one ended after {took:?}, as if nothing was said on it"
        );
    });
}
