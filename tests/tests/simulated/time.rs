//! Virtual time: how long things take is exact, and waiting costs nothing.

use std::time::Duration;

use duologue::prelude::*;
use duologue::testing::{self, Conditions};
use duologue::{Ended, Ran};
use duologue_tests::nodes::{begin, settles};
use tokio::task::LocalSet;
use tokio::time::Instant;

use crate::{Clerk, DeskProxy};

fn fifty_ms() -> Conditions {
    Conditions::default().delay(Duration::from_millis(50))
}

#[test]
fn a_call_over_fifty_milliseconds_takes_exactly_a_round_trip() {
    testing::run(1, async |world| {
        let pair = world.pair().conditions(fifty_ms()).serve(Clerk::default).await.unwrap();
        let desk: DeskProxy = pair.root().await.unwrap();
        for number in 0..10 {
            let start = Instant::now();
            assert_eq!(desk.echo(number).await, Ok(number));
            assert_eq!(start.elapsed(), Duration::from_millis(100));
        }
        let start = Instant::now();
        desk.upto(3, |_: u64| ()).await.unwrap();
        assert_eq!(start.elapsed(), Duration::from_millis(400), "the call, and three calls back");
        assert_eq!(pair.near.connection.ping().await, Ok(Duration::from_millis(100)));
    });
}

#[test]
fn a_deadline_of_thirty_seconds_passes_in_no_time() {
    let wall = std::time::Instant::now();
    testing::run(1, async |world| {
        let pair = world.pair().conditions(fifty_ms()).serve(Clerk::default).await.unwrap();
        let desk: DeskProxy = pair.root().await.unwrap();
        let start = Instant::now();
        let error = desk.never().await.unwrap_err();
        // The host is given the time of its last word, which says that the call had begun.
        assert!(matches!(error, CallError::Deadline { ran: Ran::Yes, .. }), "{error:?}");
        // Deadlines are kept in steps of a millisecond.
        let took = start.elapsed().as_millis();
        assert!((30_100..=30_101).contains(&took), "{took} ms");
    });
    assert!(wall.elapsed() < Duration::from_secs(30), "it took {:?} of real time", wall.elapsed());
}

#[test]
fn a_partition_ends_the_connection_and_its_calls_on_both_sides() {
    testing::run(1, async |world| {
        let pair = world.pair().conditions(fifty_ms()).serve(Clerk::default).await.unwrap();
        let desk: DeskProxy = pair.root().await.unwrap();
        let start = Instant::now();
        let mut call = desk.never().timeout(Duration::from_secs(300));
        assert!(begin(&mut call).await.is_pending());
        settles(&pair.far.node, |stats| stats.total.calls_running == 1).await;
        pair.partition();
        let error = call.await.unwrap_err();
        assert!(matches!(error, CallError::Disconnected { ran: Ran::Unknown, .. }), "{error:?}");
        assert_eq!(pair.near.connection.closed().await, Ended::TimedOut);
        assert_eq!(pair.far.connection.closed().await, Ended::TimedOut);
        let took = start.elapsed().as_secs();
        assert!((29..=41).contains(&took), "{took}");
    });
}

#[test]
fn a_partition_that_is_healed_only_delays_a_call() {
    testing::run(1, async |world| {
        let pair = world.pair().serve(Clerk::default).await.unwrap();
        let desk: DeskProxy = pair.root().await.unwrap();
        pair.partition();
        let start = Instant::now();
        let (answer, ()) = tokio::join!(desk.echo(7), async {
            tokio::time::sleep(Duration::from_secs(5)).await;
            pair.heal();
        });
        assert_eq!(answer, Ok(7));
        assert!(start.elapsed() >= Duration::from_secs(5));
    });
}

#[test]
fn virtual_time_stands_still_while_work_blocks() {
    testing::run(1, async |_| {
        let start = Instant::now();
        let work = duologue::blocking(|| std::thread::sleep(Duration::from_millis(50)));
        // A timer would pass at once otherwise.
        tokio::time::timeout(Duration::from_millis(10), work).await.unwrap();
        assert_eq!(start.elapsed(), Duration::ZERO);
    });
}

#[tokio::test(start_paused = true)]
async fn a_tokio_test_with_a_local_set_has_virtual_time_as_well() {
    let test = async {
        let pair =
            testing::pair().on_this_thread().conditions(fifty_ms()).serve(Clerk::default).await.unwrap();
        let desk: DeskProxy = pair.root().await.unwrap();
        let start = Instant::now();
        assert_eq!(desk.echo(7).await, Ok(7));
        assert_eq!(start.elapsed(), Duration::from_millis(100));
    };
    LocalSet::new().run_until(test).await;
}

#[test]
fn runs_on_one_thread_do_not_disturb_each_other() {
    let mut kept = Vec::new();
    for seed in 0..3 {
        testing::run(seed, async |world| {
            let pair = world.pair().conditions(fifty_ms()).serve(Clerk::default).await.unwrap();
            let desk: DeskProxy = pair.root().await.unwrap();
            assert_eq!(desk.count().await, Ok(0));
            // Outlives the run, and its threads' work with it.
            kept.push((pair, desk));
        });
    }
    assert_eq!(kept.len(), 3);
}

#[service]
trait Slow {
    async fn first(&mut self);
    async fn second(&mut self);
}

struct Sleeper;

#[service]
impl Slow for Sleeper {
    async fn first(&mut self) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    async fn second(&mut self) {}
}

#[test]
fn a_call_whose_turn_comes_at_its_deadline_is_not_told_that_it_held_the_turn_itself() {
    testing::run(1, async |world| {
        let pair = world.pair().serve(Clerk::default).await.unwrap();
        let slow: SlowProxy = pair.far.node.host(|| Sleeper);
        for _ in 0..10 {
            let both =
                async { tokio::join!(slow.first(), slow.second().timeout(Duration::from_millis(100))) };
            let (first, second) = both.await;
            assert_eq!(first, Ok(()));
            let detail = match second {
                Err(CallError::Deadline { ran: Ran::Never, detail }) => detail,
                other => panic!("{other:?}"),
            };
            assert_eq!(detail, "it waited for a turn held by Slow::first");
        }
    });
}

/// Gives without end.
#[service]
trait Spring {
    fn numbers(&self) -> Streaming<u64>;
    fn pages(&self) -> Streaming<Vec<u8>>;
}

struct Source;

#[service]
impl Spring for Source {
    fn numbers(&self) -> Streaming<u64> {
        Streaming::from_iter(0..)
    }

    fn pages(&self) -> Streaming<Vec<u8>> {
        Streaming::from_iter((0u8..=255).cycle().map(|n| vec![n; 9_000]))
    }
}

#[test]
fn a_consumer_may_take_its_time_as_long_as_it_goes_on() {
    testing::run(1, async |world| {
        let pair = world.pair().conditions(fifty_ms()).serve(|| Source).await.unwrap();
        let spring: SpringProxy = pair.root().await.unwrap();
        let numbers = async {
            let mut numbers = spring.numbers().await.unwrap();
            for n in 0..1_500 {
                assert_eq!(numbers.next().await, Some(Ok(n)));
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        };
        let pages = async {
            let mut pages = spring.pages().await.unwrap();
            for n in 0..50 {
                assert_eq!(pages.next().await.unwrap().unwrap()[0], n);
                tokio::time::sleep(Duration::from_secs(29)).await;
            }
        };
        tokio::join!(numbers, pages);
    });
}

#[test]
fn a_consumer_that_takes_nothing_any_more_is_told_after_a_minute_or_so() {
    testing::run(1, async |world| {
        let pair = world.pair().conditions(fifty_ms()).serve(|| Source).await.unwrap();
        let spring: SpringProxy = pair.root().await.unwrap();
        let mut numbers = spring.numbers().await.unwrap();
        assert_eq!(numbers.next().await, Some(Ok(0)));
        tokio::time::sleep(Duration::from_secs(58)).await;
        // More than a window: it had not ended then.
        for n in 1..2_000 {
            assert_eq!(numbers.next().await, Some(Ok(n)));
        }
        tokio::time::sleep(Duration::from_secs(92)).await;
        let mut next = 2_000;
        let end = loop {
            match numbers.next().await.unwrap() {
                Ok(n) => {
                    assert_eq!(n, next);
                    next += 1;
                }
                Err(end) => break end,
            }
        };
        assert_eq!(end, StreamError::Idle);
    });
}
