//! Who waits for a packet that is lost: those on its lane and nobody else. An object with a lane of its own keeps exactly the latency of a
//! quiet link beside a flood on the shared lanes, and of services that were opened in turn those on other shared lanes do.

use std::cell::RefCell;
use std::time::Duration;

use duologue::prelude::*;
use duologue::testing;
use duologue_tests::nodes::{begin, begin_all};
use futures_util::future::join_all;
use tokio::time::{Instant, sleep};

use crate::guarantees::{ONE_WAY, at_rest, steady};

#[service(lane = "own")]
trait Apart {
    fn echo(&self, n: u32) -> u32;
}

#[service]
trait Crowd {
    fn echo(&self, n: u32) -> u32;
}

struct Cell;
struct Hall;

#[service]
impl Apart for Cell {
    fn echo(&self, n: u32) -> u32 {
        n
    }
}

#[service]
impl Crowd for Hall {
    fn echo(&self, n: u32) -> u32 {
        n
    }
}

#[test]
fn an_own_lane_keeps_its_latency_beside_a_flood_that_loses_packets() {
    testing::run(1, async |world| {
        let far = |node: duologue::NodeBuilder| node.serve(|| Hall).service("Apart", || Cell);
        let pair = world.pair().conditions(steady()).far(far).await.unwrap();
        let crowd: CrowdProxy = pair.root().await.unwrap();
        let apart: ApartProxy = pair.near.connection.service("Apart").await.unwrap();
        assert_eq!((crowd.echo(1).await, apart.echo(2).await), (Ok(1), Ok(2)));
        let here = pair.far.connection.remote_address().ip();
        let there = pair.near.connection.remote_address().ip();
        for round in 0..20 {
            // Whatever the flood sends in this moment is lost, and what it sends later arrives and has to wait.
            let lost = pair.counters().0.lost;
            pair.network.set_path(here, there, steady().loss(1.0));
            let mut flood = begin_all((0..40).map(|n| crowd.echo(n))).await;
            sleep(Duration::from_millis(1)).await;
            assert!(pair.counters().0.lost > lost, "round {round}");
            pair.network.set_path(here, there, steady());
            flood.extend(begin_all((40..80).map(|n| crowd.echo(n))).await);
            for n in 0..3 {
                let start = Instant::now();
                assert_eq!(apart.echo(n).await, Ok(n));
                assert_eq!(start.elapsed(), 2 * ONE_WAY, "round {round}: as if there were no flood");
                if n == 0 {
                    for call in &mut flood {
                        let answered = begin(call).await.is_ready();
                        assert!(!answered, "round {round}: who shares a lane waits for what was lost");
                    }
                }
            }
            for (n, call) in flood.into_iter().enumerate() {
                assert_eq!(call.await, Ok(n as u32));
            }
        }
        drop((crowd, apart));
        at_rest(&pair).await;
    });
}

/// Four services are opened, in this order, and a call of the first one is lost. Which of them still answer as on a quiet link?
fn unharmed(shared_lanes: u8) -> Vec<bool> {
    let found = RefCell::new(Vec::new());
    testing::run(1, async |world| {
        let mut config = duologue::Config::default();
        config.shared_lanes = shared_lanes;
        let near = |node: duologue::NodeBuilder| node.config(config);
        let names = ["a", "b", "c", "d"];
        let far =
            |node| names.iter().fold(node, |node: duologue::NodeBuilder, name| node.service(name, || Hall));
        let pair = world.pair().conditions(steady()).near(near).far(far).await.unwrap();
        let mut halls: Vec<CrowdProxy> = Vec::new();
        for name in names {
            let hall: CrowdProxy = pair.near.connection.service(name).await.unwrap();
            assert_eq!(hall.echo(0).await, Ok(0));
            halls.push(hall);
        }
        let here = pair.far.connection.remote_address().ip();
        let there = pair.near.connection.remote_address().ip();
        let lost = pair.counters().0.lost;
        pair.network.set_path(here, there, steady().loss(1.0));
        let mut first = halls[0].echo(1);
        assert!(begin(&mut first).await.is_pending());
        sleep(Duration::from_millis(1)).await;
        assert!(pair.counters().0.lost > lost);
        pair.network.set_path(here, there, steady());
        let start = Instant::now();
        let calls = halls.iter().map(|hall| hall.echo(2)).map(async |call| {
            assert_eq!(call.await, Ok(2));
            start.elapsed() == 2 * ONE_WAY
        });
        *found.borrow_mut() = join_all(calls).await;
        assert_eq!(first.await, Ok(1));
        drop(halls);
        at_rest(&pair).await;
    });
    found.into_inner()
}

#[test]
fn services_are_opened_on_the_shared_lanes_in_turn() {
    assert_eq!(unharmed(1), [false, false, false, false], "all share the lane");
    assert_eq!(unharmed(2), [false, true, false, true], "the third shares it with the first");
    assert_eq!(unharmed(4), [false, true, true, true], "each has another");
}
