//! 7. No deadlock by re-entry: what the borrow rule forbids fails at once, and nothing else does.

use std::time::Duration;

use duologue::prelude::*;
use duologue::{Ran, testing};
use duologue_tests::events::{Heard, Tell, events};
use duologue_tests::nodes::begin_all;
use tokio::time::Instant;

use super::{ONE_WAY, at_rest, each, rough, steady};

#[service]
trait Knot {
    fn value(&self) -> u32;
    async fn inc(&mut self) -> u32;
    /// Goes to another node and from there to a knot, while it is read here, or written.
    async fn read_around(&self, way: WayProxy, knot: KnotProxy, step: &str) -> Result<u32, CallError>;
    async fn write_around(&mut self, way: WayProxy, knot: KnotProxy, step: &str) -> Result<u32, CallError>;
    /// Two calls of one handler at once.
    async fn twice(&mut self, knot: KnotProxy) -> Result<(u32, u32), CallError>;
}

#[service]
trait Way {
    async fn on(&self, knot: KnotProxy, step: &str) -> Result<u32, CallError>;
}

#[derive(Default)]
struct Counter(u32);

#[service]
impl Knot for Counter {
    fn value(&self) -> u32 {
        self.0
    }

    async fn inc(&mut self) -> u32 {
        let before = self.0;
        tokio::task::yield_now().await;
        self.0 = before + 1;
        self.0
    }

    async fn read_around(&self, way: WayProxy, knot: KnotProxy, step: &str) -> Result<u32, CallError> {
        way.on(knot, step).await
    }

    async fn write_around(&mut self, way: WayProxy, knot: KnotProxy, step: &str) -> Result<u32, CallError> {
        way.on(knot, step).await
    }

    async fn twice(&mut self, knot: KnotProxy) -> Result<(u32, u32), CallError> {
        let (first, second) = tokio::join!(knot.inc(), knot.inc());
        Ok((first?, second?))
    }
}

type Outcome = (Result<u32, CallError>, Duration);

/// At the near end: calls on, and tells what came of it and how long it took.
struct Road(Tell<Outcome>);

#[service]
impl Way for Road {
    async fn on(&self, knot: KnotProxy, step: &str) -> Result<u32, CallError> {
        let start = Instant::now();
        let outcome = match step {
            "value" => knot.value().await,
            _ => knot.inc().await,
        };
        self.0.tell((outcome.clone(), start.elapsed()));
        outcome
    }
}

/// A counter at the far end, a way through the near one, and what happens there.
async fn knotted(
    world: &testing::World,
    conditions: testing::Conditions,
) -> (testing::Pair, KnotProxy, WayProxy, Heard<Outcome>) {
    let pair = world.pair().conditions(conditions).serve(Counter::default).await.unwrap();
    let knot: KnotProxy = pair.root().await.unwrap();
    let (tell, heard) = events();
    let way: WayProxy = pair.near.node.host(move || Road(tell));
    (pair, knot, way, heard)
}

#[test]
fn guarantee_07_no_deadlock_by_reentry() {
    each(async |world| {
        let (pair, knot, way, mut heard) = knotted(&world, rough()).await;
        // A reader may be read again by its own chain, around two nodes.
        assert_eq!(knot.read_around(way.clone(), knot.clone(), "value").await, Ok(0));
        assert_eq!(heard.next().await.0, Ok(0));
        // What would wait for itself fails, and names whom it waits for.
        for (call, name) in [
            (knot.read_around(way.clone(), knot.clone(), "inc"), "Knot::inc"),
            (knot.write_around(way.clone(), knot.clone(), "value"), "Knot::value"),
            (knot.write_around(way.clone(), knot.clone(), "inc"), "Knot::inc"),
        ] {
            let outer = call.await.unwrap_err();
            let inner = heard.next().await.0.unwrap_err();
            let CallError::WouldDeadlock(text) = &inner else { panic!("{inner:?}") };
            assert!(
                text.starts_with(&format!("{name}: its turn is held by an ancestor of this call")),
                "{text}"
            );
            assert_eq!((inner.ran(), outer.ran()), (Ran::Never, Ran::Yes));
        }
        assert_eq!(knot.value().await, Ok(0));
        // Nothing else is refused: two calls of one handler on one object, and strangers who wait for it meanwhile.
        let here: KnotProxy = pair.near.node.host(Counter::default);
        let both = begin_all([knot.twice(here.clone()), knot.twice(here.clone())]).await;
        let strangers = begin_all([here.inc(), knot.inc()]).await;
        let mut counted = Vec::new();
        for call in both {
            let (first, second) = call.await.unwrap();
            counted.extend([first, second]);
        }
        for call in strangers {
            counted.push(call.await.unwrap());
        }
        counted.sort_unstable();
        assert_eq!(counted, [1, 1, 2, 3, 4, 5], "four and one here, one there");
        drop((knot, way, here));
        at_rest(&pair).await;
    });
}

#[test]
fn guarantee_07_no_deadlock_by_reentry_the_refusal_comes_at_once() {
    testing::run(1, async |world| {
        let (pair, knot, way, mut heard) = knotted(&world, steady()).await;
        knot.write_around(way.clone(), knot.clone(), "inc").await.unwrap_err();
        let (inner, took) = heard.next().await;
        assert!(matches!(inner, Err(CallError::WouldDeadlock(_))), "{inner:?}");
        assert_eq!(took, 2 * ONE_WAY);
        drop((knot, way));
        at_rest(&pair).await;
    });
}

#[test]
fn guarantee_07_of_two_different_chains_that_cross_one_is_given_up_and_the_other_goes_on() {
    testing::run(1, async |world| {
        let (pair, knot, way, mut heard) = knotted(&world, steady()).await;
        let here: KnotProxy = pair.near.node.host(Counter::default);
        let start = Instant::now();
        // Each holds its own counter and wants the other's, by way of the near end. Between nodes of several threads, both would wait
        // until their deadline: see `tests/guarantees/crossing.rs`. All nodes of this test live on one thread, which sees the circle.
        let there = knot.write_around(way.clone(), here.clone(), "inc");
        let back = here.write_around(way.clone(), knot.clone(), "inc");
        let (there, back) = tokio::join!(there, back);
        let outcomes = [heard.next().await.0, heard.next().await.0];
        assert_eq!(outcomes.iter().filter(|outcome| **outcome == Ok(1)).count(), 1, "{outcomes:?}");
        let refused = outcomes.iter().find_map(|outcome| outcome.clone().err()).unwrap();
        let CallError::WouldDeadlock(text) = &refused else { panic!("{refused:?}") };
        assert!(text.starts_with("Knot::inc: calls wait for each other in a circle: "), "{text}");
        assert_eq!((there.is_ok(), back.is_ok()), (back.is_err(), there.is_err()));
        let took = start.elapsed().as_millis();
        assert!((200..=500).contains(&took), "{took} ms: the way, and a hundred of waiting");
        drop((knot, way, here));
        at_rest(&pair).await;
    });
}
