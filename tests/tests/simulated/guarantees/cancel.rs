//! 6. Cancellation: at the next await, unless the method must run to its end.

use duologue::prelude::*;
use duologue::testing;
use duologue_tests::events::{Gate, Heard, Tell, events};
use duologue_tests::nodes::begin_all;
use tokio::time::Instant;

use super::{ONE_WAY, at_rest, each, rough, steady};

#[service]
trait Work {
    async fn wait(&self);
    #[no_cancel]
    async fn wait_to_the_end(&self);
    async fn change(&mut self);
    #[cancel]
    async fn change_or_not(&mut self);
    /// Waits for the caller's side.
    async fn wait_around(&self, back: Callback<fn()>) -> Result<(), CallError>;
    fn changes(&self) -> u32;
}

#[derive(Clone)]
struct Bench {
    tell: Tell<(&'static str, Instant)>,
    gate: Gate,
    changes: u32,
}

impl Bench {
    fn new() -> (Bench, Heard<(&'static str, Instant)>, Gate) {
        let ((tell, heard), gate) = (events(), Gate::new());
        (Bench { tell, gate: gate.clone(), changes: 0 }, heard, gate)
    }

    fn tell(&self, what: &'static str) {
        self.tell.tell((what, Instant::now()));
    }

    fn begin(&self) -> Stopped {
        self.tell("began");
        Stopped(self.tell.clone())
    }

    async fn work(&self) {
        let stopped = self.begin();
        self.gate.pass().await;
        std::mem::forget(stopped);
        self.tell("ended");
    }
}

/// Tells when it is dropped, and the moment.
struct Stopped(Tell<(&'static str, Instant)>);

impl Drop for Stopped {
    fn drop(&mut self) {
        self.0.tell(("stopped", Instant::now()));
    }
}

#[service]
impl Work for Bench {
    async fn wait(&self) {
        self.work().await;
    }

    async fn wait_to_the_end(&self) {
        self.work().await;
    }

    async fn change(&mut self) {
        self.work().await;
        self.changes += 1;
    }

    async fn change_or_not(&mut self) {
        self.work().await;
        self.changes += 1;
    }

    async fn wait_around(&self, back: Callback<fn()>) -> Result<(), CallError> {
        let _stopped = self.begin();
        back.call().await
    }

    fn changes(&self) -> u32 {
        self.changes
    }
}

async fn words(heard: &mut Heard<(&'static str, Instant)>, count: usize) -> Vec<&'static str> {
    heard.take(count).await.into_iter().map(|(word, _)| word).collect()
}

#[test]
fn guarantee_06_cancellation() {
    each(async |world| {
        let (bench, mut heard, gate) = Bench::new();
        let pair = world.pair().conditions(rough()).serve(move || bench.clone()).await.unwrap();
        let work: WorkProxy = pair.root().await.unwrap();

        // A dropped call is stopped at its next await.
        for call in [work.wait(), work.change_or_not()] {
            let calls = begin_all([call]).await;
            assert_eq!(words(&mut heard, 1).await, ["began"]);
            drop(calls);
            assert_eq!(words(&mut heard, 1).await, ["stopped"]);
        }
        // And so is what it waits for, at whichever side.
        let (below, mut heard_below) = events();
        let back = Callback::new_async(async move || {
            let _stopped = below.on_drop("stopped");
            below.tell("began");
            std::future::pending().await
        });
        let calls = begin_all([work.wait_around(back)]).await;
        assert_eq!(heard_below.next().await, "began");
        drop(calls);
        assert_eq!(words(&mut heard, 2).await, ["began", "stopped"]);
        assert_eq!(heard_below.next().await, "stopped");

        // What may have changed something half, and what says so, runs to its end.
        for call in [work.change(), work.wait_to_the_end()] {
            let calls = begin_all([call]).await;
            assert_eq!(words(&mut heard, 1).await, ["began"]);
            drop(calls);
            // A round trip later it still runs.
            pair.near.connection.ping().await.unwrap();
            assert_eq!(heard.so_far(), []);
            gate.let_one_pass();
            assert_eq!(words(&mut heard, 1).await, ["ended"]);
        }
        // But what waits for its turn has changed nothing yet, and never starts.
        let first = begin_all([work.change()]).await;
        assert_eq!(words(&mut heard, 1).await, ["began"]);
        let waiting = begin_all([work.change(), work.wait_to_the_end()]).await;
        duologue_tests::nodes::settles(&pair.far.node, |stats| stats.total.calls_running == 3).await;
        drop(waiting);
        duologue_tests::nodes::settles(&pair.far.node, |stats| stats.total.calls_running == 1).await;
        gate.open();
        for call in first {
            assert_eq!(call.await, Ok(()));
        }
        assert_eq!(words(&mut heard, 1).await, ["ended"]);
        assert_eq!(work.changes().await, Ok(2));
        drop(work);
        at_rest(&pair).await;
        assert_eq!(heard.so_far(), []);
    });
}

#[test]
fn guarantee_06_cancellation_takes_the_way_there_and_no_longer() {
    testing::run(1, async |world| {
        let (bench, mut heard, _gate) = Bench::new();
        let pair = world.pair().conditions(steady()).serve(move || bench.clone()).await.unwrap();
        let work: WorkProxy = pair.root().await.unwrap();
        let calls = begin_all([work.wait(), work.change_or_not()]).await;
        assert_eq!(words(&mut heard, 1).await, ["began"]);
        let start = Instant::now();
        drop(calls);
        assert_eq!(heard.next().await, ("stopped", start + ONE_WAY));
        drop(work);
        at_rest(&pair).await;
        assert_eq!(heard.so_far(), [], "the second never had its turn");
    });
}
