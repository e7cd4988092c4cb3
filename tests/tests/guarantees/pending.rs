//! A call as a value: sent now, asked for and awaited later, or handed to a closure.

use std::time::Duration;

use duologue::prelude::*;
use duologue::{Ran, testing};
use duologue_tests::events::{Bell, Gate, Heard, Tell, events};
use duologue_tests::nodes::{begin, pair, run};

#[service]
trait Work {
    async fn wait(&self, what: u8) -> u8;
    fn fail(&self) -> Result<u8, String>;
}

#[derive(Clone)]
struct Bench {
    tell: Tell<&'static str>,
    gate: Gate,
}

impl Bench {
    fn new() -> (Bench, Heard<&'static str>, Gate) {
        let ((tell, heard), gate) = (events(), Gate::new());
        (Bench { tell, gate: gate.clone() }, heard, gate)
    }

    fn began(&self) -> Bell<&'static str> {
        self.tell.tell("began");
        self.tell.on_drop("dropped")
    }
}

#[service]
impl Work for Bench {
    async fn wait(&self, what: u8) -> u8 {
        let _bell = self.began();
        self.gate.pass().await;
        what
    }

    fn fail(&self) -> Result<u8, String> {
        Err("no".into())
    }
}

#[test]
fn a_started_call_runs_before_anybody_awaits_it() {
    run(async {
        let (bench, mut heard, gate) = Bench::new();
        let hosted = bench.clone();
        let pair = pair(move || bench.clone()).await;
        let local: WorkProxy = pair.client.host(move || hosted);
        for work in [pair.root::<WorkProxy>().await, local] {
            let mut pending = work.wait(7).start();
            assert_eq!(heard.next().await, "began");
            assert!(!pending.ready() && !pending.expired());
            gate.let_one_pass();
            assert_eq!(heard.next().await, "dropped");
            while !pending.ready() {
                tokio::task::yield_now().await;
            }
            assert!(pending.ready() && !pending.expired());
            assert_eq!(pending.await, Ok(7));
        }
    });
}

#[test]
fn a_pending_call_that_is_dropped_is_cancelled_and_a_detached_one_is_not() {
    run(async {
        let (bench, mut heard, gate) = Bench::new();
        let pair = pair(move || bench.clone()).await;
        let work: WorkProxy = pair.root().await;
        let pending = work.wait(1).start();
        assert_eq!(heard.next().await, "began");
        drop(pending);
        assert_eq!(heard.next().await, "dropped");
        work.wait(2).start().detach();
        assert_eq!(heard.next().await, "began");
        pair.connection.ping().await.unwrap();
        assert_eq!(heard.so_far(), [""; 0], "it still runs");
        gate.let_one_pass();
        assert_eq!(heard.next().await, "dropped");
        drop(work);
        pair.at_rest().await;
    });
}

#[test]
fn a_closure_is_told_the_outcome_once() {
    run(async {
        let (bench, mut began, gate) = Bench::new();
        let hosted = bench.clone();
        let pair = pair(move || bench.clone()).await;
        let local: WorkProxy = pair.client.host(move || hosted);
        let (tell, mut heard) = events();
        for work in [pair.root::<WorkProxy>().await, local] {
            let teller = tell.clone();
            work.wait(5).start().on_ready(move |outcome| teller.tell(outcome.map_err(|e| e.to_string())));
            assert_eq!(began.next().await, "began");
            assert_eq!(heard.so_far(), []);
            gate.let_one_pass();
            assert_eq!(heard.next().await, Ok(5));
            assert_eq!(began.next().await, "dropped");
            let teller = tell.clone();
            work.fail().start().on_ready(move |outcome| teller.tell(outcome.map_err(|e| e.to_string())));
            assert_eq!(heard.next().await, Err("no".into()));
        }
        drop(tell);
        assert_eq!(heard.to_the_end().await, []);
    });
}

#[test]
fn a_closure_is_told_when_the_connection_is_lost_and_when_nothing_was_sent() {
    run(async {
        let (bench, mut began, _gate) = Bench::new();
        let pair = pair(move || bench.clone()).await;
        let work: WorkProxy = pair.root().await;
        let (tell, mut heard) = events();
        let teller = tell.clone();
        work.wait(5).start().on_ready(move |outcome| teller.tell(outcome.unwrap_err().ran()));
        assert_eq!(began.next().await, "began");
        pair.connection.close().await;
        assert_eq!(heard.next().await, Ran::Unknown);
        work.wait(6).start().on_ready(move |outcome| tell.tell(outcome.unwrap_err().ran()));
        assert_eq!(heard.so_far(), [Ran::Never], "at once: it was not sent");
    });
}

#[test]
fn a_pending_call_expires_at_its_deadline() {
    testing::run(1, async |world| {
        let (bench, ..) = Bench::new();
        let pair = world.pair().serve(move || bench.clone()).await.unwrap();
        let work: WorkProxy = pair.root().await.unwrap();
        let mut pending = work.wait(1).timeout(Duration::from_millis(50)).start();
        assert!(!pending.expired());
        let error = (&mut pending).await.unwrap_err();
        assert!(matches!(error, CallError::Deadline { .. }), "{error:?}");
        let mut late = work.wait(1).timeout(Duration::ZERO).start();
        assert!(late.ready() && late.expired());
        assert!(begin(&mut late).await.is_ready());
    });
}
