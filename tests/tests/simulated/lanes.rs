//! An object with a lane of its own beside a flood on the shared lanes whose packets are lost: its latency is exactly that of a quiet
//! link, however often.

use std::time::Duration;

use duologue::prelude::*;
use duologue::testing;
use duologue_tests::nodes::{begin, begin_all};
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
