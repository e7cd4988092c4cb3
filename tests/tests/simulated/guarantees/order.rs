//! 3. Order: through one handle and its clones, between frames of one lane, and none between different objects.

use std::time::Duration;

use duologue::prelude::*;
use duologue::{Config, testing};
use duologue_tests::events::{Gate, Tell, events};
use duologue_tests::nodes::{begin_all, settles};
use tokio::time::{Instant, sleep};

use super::{ONE_WAY, at_rest, each, rough, steady};

#[service]
trait Scribe {
    async fn note(&self, n: u32);
    async fn amend(&mut self, n: u32);
    /// Tells each number without waiting for it to be heard.
    async fn count(&self, to: u32, tick: Callback<fn(u32)>) -> Result<u32, CallError>;
    async fn hold(&mut self);
}

#[derive(Clone)]
struct Book {
    noted: Tell<u32>,
    gate: Gate,
}

#[service]
impl Scribe for Book {
    async fn note(&self, n: u32) {
        self.noted.tell(n);
        tokio::task::yield_now().await;
    }

    async fn amend(&mut self, n: u32) {
        self.noted.tell(n);
        tokio::task::yield_now().await;
    }

    async fn count(&self, to: u32, tick: Callback<fn(u32)>) -> Result<u32, CallError> {
        for n in 0..to {
            tick.call(n).notify().await?;
        }
        Ok(to)
    }

    async fn hold(&mut self) {
        self.gate.pass().await;
    }
}

#[test]
fn guarantee_03_order_calls_and_notices_through_a_handle_and_its_clones_start_in_the_order_made() {
    each(async |world| {
        let (noted, mut heard) = events();
        let book = Book { noted, gate: Gate::new() };
        let mut config = Config::default();
        // Most of them wait for permits, too.
        config.object_permits = 16;
        let far = |node: duologue::NodeBuilder| {
            node.config(config.clone()).on_this_thread().serve(move || book.clone())
        };
        let pair = world.pair().conditions(rough()).far(far).await.unwrap();
        let scribe: ScribeProxy = pair.root().await.unwrap();
        let clones = [scribe.clone(), scribe.clone(), scribe];
        let (mut calls, mut notices) = (Vec::new(), Vec::new());
        for n in 0..300 {
            let scribe = &clones[n as usize % 3];
            match n % 5 {
                0 | 1 => calls.extend(begin_all([scribe.note(n)]).await),
                2 => calls.extend(begin_all([scribe.amend(n)]).await),
                3 => notices.extend(begin_all([scribe.note(n).notify()]).await),
                _ => notices.extend(begin_all([scribe.amend(n).notify()]).await),
            }
        }
        for call in calls {
            assert_eq!(call.await, Ok(()));
        }
        for notice in notices {
            assert_eq!(notice.await, Ok(()));
        }
        assert_eq!(heard.take(300).await, (0..300).collect::<Vec<_>>());
        drop(clones);
        at_rest(&pair).await;
        assert_eq!(heard.so_far(), []);
    });
}

#[test]
fn guarantee_03_order_a_reply_never_overtakes_the_ticks_before_it() {
    each(async |world| {
        let book = Book { noted: events().0, gate: Gate::new() };
        let pair = world.pair().conditions(rough()).serve(move || book.clone()).await.unwrap();
        let scribe: ScribeProxy = pair.root().await.unwrap();
        let (tell, mut heard) = events();
        let tick = Callback::new(move |n: u32| tell.tell(n));
        for _ in 0..10 {
            assert_eq!(scribe.count(40, &tick).await, Ok(40));
            assert_eq!(heard.so_far(), (0..40).collect::<Vec<_>>(), "they are there when the reply is");
        }
        drop((scribe, tick));
        at_rest(&pair).await;
    });
}

#[test]
fn guarantee_03_order_different_objects_never_wait_for_each_other() {
    testing::run(1, async |world| {
        let (noted, mut heard) = events();
        let book = Book { noted, gate: Gate::new() };
        let (gate, slow) = (book.gate.clone(), book.clone());
        let far = |node: duologue::NodeBuilder| {
            node.serve(move || book.clone()).service("Slow", move || slow.clone())
        };
        let pair = world.pair().conditions(steady()).far(far).await.unwrap();
        let slow: ScribeProxy = pair.near.connection.service("Slow").await.unwrap();
        let free: ScribeProxy = pair.root().await.unwrap();
        let mut held = begin_all([slow.hold()]).await;
        held.extend(begin_all((0..500).map(|_| slow.note(7))).await);
        settles(&pair.far.node, |stats| stats.total.calls_running == 501).await;
        // What QUIC itself still holds back of the burst has left by then.
        pair.near.connection.ping().await.unwrap();
        for n in 0..5 {
            let start = Instant::now();
            assert_eq!(free.note(n).await, Ok(()));
            assert_eq!(start.elapsed(), 2 * ONE_WAY, "as if the other were not there");
        }
        assert_eq!(heard.so_far(), [0, 1, 2, 3, 4]);
        gate.open();
        for call in held {
            assert_eq!(call.await, Ok(()));
        }
        assert_eq!(heard.so_far(), [7; 500]);
        drop((slow, free));
        at_rest(&pair).await;
    });
}

/// Each object of it has a lane to itself.
#[service(lane = "own")]
trait Apart {
    fn echo(&self, n: u32) -> u32;
}

struct Cell;

#[service]
impl Apart for Cell {
    fn echo(&self, n: u32) -> u32 {
        n
    }
}

#[test]
fn guarantee_03_order_objects_with_lanes_of_their_own_do_not_wait_for_a_packet_lost_by_another() {
    testing::run(1, async |world| {
        let far = |node: duologue::NodeBuilder| node.serve(|| Cell).service("Other", || Cell);
        let pair = world.pair().conditions(steady()).far(far).await.unwrap();
        let unlucky: ApartProxy = pair.root().await.unwrap();
        let other: ApartProxy = pair.near.connection.service("Other").await.unwrap();
        assert_eq!((unlucky.echo(1).await, other.echo(2).await), (Ok(1), Ok(2)));
        let here = pair.far.connection.remote_address().ip();
        let there = pair.near.connection.remote_address().ip();
        let before = pair.counters().0.lost;
        pair.network.set_path(here, there, steady().loss(1.0));
        let lost = begin_all([unlucky.echo(3)]).await;
        sleep(Duration::from_millis(1)).await;
        assert_eq!(pair.counters().0.lost, before + 1);
        pair.network.set_path(here, there, steady());
        let start = Instant::now();
        assert_eq!(other.echo(4).await, Ok(4));
        assert_eq!(start.elapsed(), 2 * ONE_WAY, "as if nothing had been lost");
        for call in lost {
            assert_eq!(call.await, Ok(3));
        }
        assert!(start.elapsed() > 2 * ONE_WAY, "it was sent once more");
        drop((unlucky, other));
        at_rest(&pair).await;
    });
}
