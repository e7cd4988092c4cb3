//! No deadlock by re-entry: what the borrow rule forbids fails at once, naming the holder; everything else goes through.

use duologue::Ran;
use duologue::prelude::*;
use duologue_tests::events::{Gate, Heard, Tell, events};
use duologue_tests::nodes::{Pair, begin_all, pair, run, small};

#[service]
trait Knot {
    fn value(&self) -> u64;
    async fn inc(&mut self) -> u64;
    async fn read_around(&self, way: WayProxy, write: bool) -> Result<u64, CallError>;
    async fn write_around(&mut self, way: WayProxy, write: bool) -> Result<u64, CallError>;
}

/// Calls the knot back from the other node.
#[service]
trait Way {
    async fn back(&self, write: bool) -> Result<u64, CallError>;
}

/// Calls another object twice at once.
#[service]
trait Both {
    async fn both(&mut self, knot: KnotProxy) -> Result<(u64, u64), CallError>;
}

#[derive(Default)]
struct Counter {
    value: u64,
}

#[service]
impl Knot for Counter {
    fn value(&self) -> u64 {
        self.value
    }

    async fn inc(&mut self) -> u64 {
        tokio::task::yield_now().await;
        self.value += 1;
        self.value
    }

    async fn read_around(&self, way: WayProxy, write: bool) -> Result<u64, CallError> {
        way.back(write).await
    }

    async fn write_around(&mut self, way: WayProxy, write: bool) -> Result<u64, CallError> {
        way.back(write).await
    }
}

#[derive(Default)]
struct Twice;

#[service]
impl Both for Twice {
    async fn both(&mut self, knot: KnotProxy) -> Result<(u64, u64), CallError> {
        let (first, second) = tokio::join!(knot.inc(), knot.inc());
        Ok((first?, second?))
    }
}

struct Round {
    knot: KnotProxy,
    gate: Gate,
    tell: Tell<&'static str>,
    outcome: Tell<Result<u64, CallError>>,
}

#[service]
impl Way for Round {
    async fn back(&self, write: bool) -> Result<u64, CallError> {
        self.tell.tell("came");
        self.gate.pass().await;
        let outcome = if write { self.knot.inc().await } else { self.knot.value().await };
        self.outcome.tell(outcome.clone());
        outcome
    }
}

/// What the calls go through at the client, and what is heard of it.
struct Around {
    way: WayProxy,
    gate: Gate,
    came: Heard<&'static str>,
    outcome: Heard<Result<u64, CallError>>,
}

fn around(pair: &Pair, knot: &KnotProxy) -> Around {
    let (gate, (tell, came), (told, outcome)) = (Gate::new(), events(), events());
    let round = Round { knot: knot.clone(), gate: gate.clone(), tell, outcome: told };
    Around { way: pair.client.host(move || round), gate, came, outcome }
}

#[test]
fn a_reader_may_be_entered_again_by_readers_across_two_nodes() {
    run(async {
        let pair = pair(Counter::default).await;
        let knot: KnotProxy = pair.root().await;
        let around = around(&pair, &knot);
        around.gate.open();
        assert_eq!(knot.read_around(around.way, false).await, Ok(0));
    });
}

#[test]
fn a_reader_of_the_chain_passes_a_writer_that_waits_for_the_chain() {
    run(async {
        let pair = pair(Counter::default).await;
        let knot: KnotProxy = pair.root().await;
        let mut around = around(&pair, &knot);
        let mut calls = begin_all([knot.read_around(around.way, false)]).await;
        assert_eq!(around.came.next().await, "came");
        let mut writers = begin_all([knot.inc()]).await;
        pair.running(2).await;
        around.gate.open();
        assert_eq!(calls.remove(0).await, Ok(0), "it read before the writer, which had come first, wrote");
        assert_eq!(writers.remove(0).await, Ok(1));
    });
}

#[test]
fn where_the_borrow_rule_forbids_it_the_call_fails_at_once_and_never_runs() {
    run(async {
        let pair = pair(Counter::default).await;
        let knot: KnotProxy = pair.root().await;
        let mut around = around(&pair, &knot);
        around.gate.open();
        let calls = [
            (knot.read_around(around.way.clone(), true), "Knot::inc"),
            (knot.write_around(around.way.clone(), false), "Knot::value"),
            (knot.write_around(around.way.clone(), true), "Knot::inc"),
        ];
        for (call, name) in calls {
            let error = call.await.unwrap_err();
            let inner = around.outcome.next().await.unwrap_err();
            let CallError::WouldDeadlock(text) = &inner else { panic!("{inner:?}") };
            assert!(text.starts_with(&format!("{name}: its turn is held by an ancestor")), "{text}");
            assert!(inner.never_ran());
            // To those further out it is a nested failure: their own call did run.
            assert!(matches!(&error, CallError::Nested(t) if t.contains(text)), "{error:?}");
            assert_eq!(error.ran(), Ran::Yes);
        }
        assert_eq!(knot.value().await, Ok(0), "no forbidden call ran");
    });
}

#[test]
fn a_local_chain_is_seen_through_as_well() {
    run(async {
        let pair = pair(Counter::default).await;
        let knot: KnotProxy = pair.client.host(Counter::default);
        let mut around = around(&pair, &knot);
        around.gate.open();
        assert_eq!(knot.read_around(around.way.clone(), false).await, Ok(0));
        assert_eq!(around.outcome.next().await, Ok(0));
        knot.write_around(around.way.clone(), true).await.unwrap_err();
        let inner = around.outcome.next().await.unwrap_err();
        assert!(matches!(inner, CallError::WouldDeadlock(_)), "{inner:?}");
    });
}

#[test]
fn two_calls_of_one_handler_on_another_object_are_no_reentry() {
    run(async {
        let pair = duologue_tests::nodes::pair_of(small().serve(|| Twice), small()).await;
        let both: BothProxy = pair.root().await;
        let knot: KnotProxy = pair.client.host(Counter::default);
        assert_eq!(both.both(knot.clone()).await, Ok((1, 2)), "over the network");
        let here: BothProxy = pair.client.host(|| Twice);
        assert_eq!(here.both(knot.clone()).await, Ok((3, 4)), "in one process");
        assert_eq!(knot.value().await, Ok(4));
    });
}

#[test]
fn two_strangers_on_one_object_wait_for_each_other_without_a_refusal() {
    run(async {
        let pair = pair(Counter::default).await;
        let knot: KnotProxy = pair.root().await;
        let mut around = around(&pair, &knot);
        let mut first = begin_all([knot.write_around(around.way, true)]).await;
        assert_eq!(around.came.next().await, "came");
        // Not of the chain that holds the turn: it waits, and is served.
        let mut second = begin_all([knot.inc()]).await;
        pair.running(2).await;
        around.gate.open();
        first.remove(0).await.unwrap_err();
        assert_eq!(second.remove(0).await, Ok(1));
    });
}

#[service]
trait Descent {
    /// How many calls went inside each other until one was refused, and with what.
    async fn deeper(&self, other: DescentProxy, own: DescentProxy) -> (u32, String);
}

struct Shaft;

#[service]
impl Descent for Shaft {
    async fn deeper(&self, other: DescentProxy, own: DescentProxy) -> (u32, String) {
        match other.deeper(own, other.clone()).await {
            Ok((below, why)) => (below + 1, why),
            Err(error) => {
                assert!(error.never_ran());
                (1, format!("{error:?}"))
            }
        }
    }
}

#[test]
fn a_chain_ends_at_sixty_four_calls_inside_the_first() {
    run(async {
        let pair = pair(|| Shaft).await;
        let there: DescentProxy = pair.root().await;
        let here: DescentProxy = pair.client.host(|| Shaft);
        let expected = (65, "ChainTooDeep".to_owned());
        assert_eq!(there.deeper(here.clone(), there.clone()).await.unwrap(), expected, "to and fro");
        assert_eq!(here.deeper(here.clone(), here.clone()).await.unwrap(), expected, "in one process");
        assert_eq!(there.deeper(there.clone(), there.clone()).await.unwrap(), expected, "at the peer");
    });
}
