//! Dropping a call stops the remote method at its next await, unless it must run to its end.

use duologue::Config;
use duologue::prelude::*;
use duologue_tests::events::{Bell, Gate, Heard, Tell, events};
use duologue_tests::nodes::{begin, begin_all, pair, pair_of, run, small};

#[service]
trait Work {
    async fn wait(&self) -> u8;
    #[no_cancel]
    async fn wait_to_the_end(&self) -> u8;
    async fn change(&mut self) -> u8;
    #[cancel]
    async fn change_or_not(&mut self) -> u8;
    fn changes(&self) -> u64;
    /// Calls back, and says what became of it.
    async fn call_back(&self, f: Callback<fn()>) -> Result<(), CallError>;
}

#[derive(Clone)]
struct Bench {
    tell: Tell<&'static str>,
    gate: Gate,
    changes: u64,
}

impl Bench {
    fn new() -> (Bench, Heard<&'static str>, Gate) {
        let ((tell, heard), gate) = (events(), Gate::new());
        (Bench { tell, gate: gate.clone(), changes: 0 }, heard, gate)
    }

    fn began(&self) -> Bell<&'static str> {
        self.tell.tell("began");
        self.tell.on_drop("dropped")
    }
}

#[service]
impl Work for Bench {
    async fn wait(&self) -> u8 {
        let _bell = self.began();
        self.gate.pass().await;
        self.tell.tell("ended");
        1
    }

    async fn wait_to_the_end(&self) -> u8 {
        let _bell = self.began();
        self.gate.pass().await;
        self.tell.tell("ended");
        2
    }

    async fn change(&mut self) -> u8 {
        let _bell = self.began();
        self.gate.pass().await;
        self.changes += 1;
        self.tell.tell("ended");
        3
    }

    async fn change_or_not(&mut self) -> u8 {
        let _bell = self.began();
        self.gate.pass().await;
        self.changes += 1;
        self.tell.tell("ended");
        4
    }

    fn changes(&self) -> u64 {
        self.changes
    }

    async fn call_back(&self, f: Callback<fn()>) -> Result<(), CallError> {
        let _bell = self.began();
        f.call().await
    }
}

#[test]
fn a_dropped_call_is_stopped_at_its_next_await() {
    run(async {
        let (bench, mut heard, gate) = Bench::new();
        let hosted = bench.clone();
        let pair = pair(move || bench.clone()).await;
        let local: WorkProxy = pair.client.host(move || hosted);
        for work in [pair.root::<WorkProxy>().await, local] {
            let mut call = work.wait();
            assert!(begin(&mut call).await.is_pending());
            assert_eq!(heard.next().await, "began");
            drop(call);
            assert_eq!(heard.next().await, "dropped");
            pair.running(0).await;
        }
        gate.open();
        assert_eq!(pair.root::<WorkProxy>().await.wait().await, Ok(1));
    });
}

#[test]
fn a_method_that_may_change_something_runs_to_its_end() {
    run(async {
        let (bench, mut heard, gate) = Bench::new();
        let pair = pair(move || bench.clone()).await;
        let work: WorkProxy = pair.root().await;
        let calls = begin_all([work.change()]).await;
        assert_eq!(heard.next().await, "began");
        drop(calls);
        pair.connection.ping().await.unwrap();
        assert_eq!(heard.so_far(), [""; 0]);
        gate.open();
        assert_eq!(heard.take(2).await, ["ended", "dropped"]);
        assert_eq!(work.changes().await, Ok(1));
    });
}

#[test]
fn the_marks_turn_both_habits_round() {
    run(async {
        let (bench, mut heard, gate) = Bench::new();
        let pair = pair(move || bench.clone()).await;
        let work: WorkProxy = pair.root().await;
        let calls = begin_all([work.change_or_not()]).await;
        assert_eq!(heard.next().await, "began");
        drop(calls);
        assert_eq!(heard.next().await, "dropped");
        let calls = begin_all([work.wait_to_the_end()]).await;
        assert_eq!(heard.next().await, "began");
        drop(calls);
        pair.connection.ping().await.unwrap();
        assert_eq!(heard.so_far(), [""; 0]);
        gate.open();
        assert_eq!(heard.take(2).await, ["ended", "dropped"]);
        assert_eq!(work.changes().await, Ok(0));
    });
}

#[test]
fn a_dropped_call_that_waits_for_its_turn_never_starts() {
    run(async {
        let (bench, mut heard, gate) = Bench::new();
        let pair = pair(move || bench.clone()).await;
        let work: WorkProxy = pair.root().await;
        let first = begin_all([work.change()]).await;
        assert_eq!(heard.next().await, "began");
        let second = begin_all([work.change(), work.wait()]).await;
        pair.running(3).await;
        drop(second);
        pair.running(1).await;
        gate.open();
        for call in first {
            assert_eq!(call.await, Ok(3));
        }
        assert_eq!(work.changes().await, Ok(1));
        assert_eq!(heard.so_far(), ["ended", "dropped"]);
    });
}

#[test]
fn cancellation_goes_down_the_chain() {
    run(async {
        let (bench, mut heard, _) = Bench::new();
        let pair = pair(move || bench.clone()).await;
        let work: WorkProxy = pair.root().await;
        let (tell, mut below) = events();
        let forever = Callback::new_async(async move || {
            let _bell = tell.on_drop("stopped");
            tell.tell("called");
            std::future::pending().await
        });
        let calls = begin_all([work.call_back(forever)]).await;
        assert_eq!(below.next().await, "called");
        drop(calls);
        assert_eq!(heard.take(2).await, ["began", "dropped"]);
        assert_eq!(below.next().await, "stopped");
    });
}

#[test]
fn a_call_that_was_never_polled_was_never_made() {
    run(async {
        let (bench, mut heard, _) = Bench::new();
        let pair = pair(move || bench.clone()).await;
        let work: WorkProxy = pair.root().await;
        drop(work.wait());
        assert_eq!(pair.connection.stats().calls_awaiting, 0);
        pair.connection.ping().await.unwrap();
        assert_eq!(heard.so_far(), [""; 0]);
    });
}

#[test]
fn ten_thousand_dropped_calls_leave_nothing_behind() {
    run(async {
        let (bench, _heard, gate) = Bench::new();
        let mut config = Config::default();
        config.object_permits = 16_384;
        config.connection_permits = 65_536;
        config.arbiters = 1;
        let server = small().config(config.clone()).serve(move || bench.clone());
        let pair = pair_of(server, small().config(config)).await;
        let work: WorkProxy = pair.root().await;
        let calls = begin_all((0..10_000).map(|_| work.wait())).await;
        pair.running(10_000).await;
        assert_eq!(pair.connection.stats().calls_awaiting, 10_000);
        assert_eq!(pair.connection.stats().permits_out, 10_000);
        drop(calls);
        pair.running(0).await;
        pair.client.until(|stats| stats.total.calls_awaiting == 0).await;
        assert_eq!(pair.connection.stats().permits_out, 0);
        gate.open();
        assert_eq!(work.wait().await, Ok(1), "the connection still works");
    });
}

#[test]
fn ten_thousand_dropped_calls_of_which_most_wait_for_permits_leave_nothing_behind() {
    run(async {
        let (bench, _heard, gate) = Bench::new();
        let pair = pair(move || bench.clone()).await;
        let work: WorkProxy = pair.root().await;
        let calls = begin_all((0..10_000).map(|_| work.wait())).await;
        pair.running(4_096).await;
        drop(calls);
        pair.running(0).await;
        gate.open();
        assert_eq!(work.wait().await, Ok(1), "the connection still works");
        drop(work);
        pair.at_rest().await;
    });
}
