//! Whatever waits is ended: every call has a deadline, nested calls inherit it, and the error says whether anything ran.
//!
//! Where a call has to have come somewhere before its deadline passes, both nodes are in virtual time.

use std::time::Duration;

use duologue::prelude::*;
use duologue::testing::{self, Conditions, World};
use duologue::{Config, Ran};
use duologue_tests::events::{Bell, Gate, Heard, Tell, events};
use duologue_tests::nodes::{begin_all, is_at_rest, pair, run, settles};
use tokio::time::Instant;

#[service]
trait Clock {
    /// Milliseconds that are left of this call.
    fn left(&self) -> u64;
    async fn never(&self);
    async fn hold(&self);
    async fn change(&mut self);
    #[no_cancel]
    async fn finish(&self) -> u8;
    /// What is left here, in the callback, and in what it calls.
    async fn relay(&self, next: Callback<fn() -> Vec<u64>>) -> Result<Vec<u64>, CallError>;
    async fn patient(&self, next: Callback<fn()>, patience_ms: u64) -> Result<(), CallError>;
}

#[derive(Clone)]
struct Tower {
    tell: Tell<&'static str>,
    gate: Gate,
}

impl Tower {
    fn rings(&self) -> Bell<&'static str> {
        self.tell.tell("in");
        self.tell.on_drop("out")
    }
}

fn left(caller: &Caller) -> u64 {
    let deadline = caller.deadline().expect("this is a call");
    deadline.saturating_duration_since(tokio::time::Instant::now()).as_millis() as u64
}

#[service]
impl Clock for Tower {
    fn left(&self, caller: &Caller) -> u64 {
        left(caller)
    }

    async fn never(&self) {
        let _bell = self.rings();
        std::future::pending().await
    }

    async fn hold(&self) {
        let _bell = self.rings();
        self.gate.pass().await;
    }

    async fn change(&mut self) {
        let _bell = self.rings();
        self.gate.pass().await;
    }

    async fn finish(&self) -> u8 {
        let _bell = self.rings();
        self.gate.pass().await;
        self.tell.tell("finished");
        7
    }

    async fn relay(&self, next: Callback<fn() -> Vec<u64>>, caller: &Caller) -> Result<Vec<u64>, CallError> {
        let mut all = vec![left(caller)];
        // Its own wish cannot be longer than what is left of the call around it.
        all.extend(next.call().timeout(Duration::from_secs(3_600)).await?);
        Ok(all)
    }

    async fn patient(&self, next: Callback<fn()>, patience_ms: u64) -> Result<(), CallError> {
        next.call().timeout(Duration::from_millis(patience_ms)).await
    }
}

fn tower() -> (Tower, Heard<&'static str>, Gate) {
    let ((tell, heard), gate) = (events(), Gate::new());
    (Tower { tell, gate: gate.clone() }, heard, gate)
}

const SHORT: Duration = Duration::from_millis(100);

/// A tower on the other side of a link of ten milliseconds each way, under virtual time.
async fn far_tower(world: &World, config: Config) -> (testing::Pair, ClockProxy, Heard<&'static str>, Gate) {
    let (tower, heard, gate) = tower();
    let conditions = Conditions::default().delay(Duration::from_millis(10));
    let pair = world.pair().conditions(conditions);
    let far = pair.far(|node| node.config(config).on_this_thread().serve(move || tower.clone()));
    let pair = far.await.unwrap();
    let clock = pair.root().await.unwrap();
    (pair, clock, heard, gate)
}

/// Waits until the far side has that many calls that are not answered.
async fn running(pair: &testing::Pair, count: usize) {
    settles(&pair.far.node, |stats| stats.total.calls_running == count).await;
}

#[test]
fn a_call_has_thirty_seconds_unless_said_otherwise() {
    run(async {
        let (tower, ..) = tower();
        let pair = pair(move || tower.clone()).await;
        let clock: ClockProxy = pair.root().await;
        let left = clock.left().await.unwrap();
        assert!((20_000..=30_000).contains(&left), "{left}");
        let left = clock.left().timeout(Duration::from_secs(2)).await.unwrap();
        assert!((1..=2_000).contains(&left), "{left}");
        let at = tokio::time::Instant::now() + Duration::from_secs(100);
        let left = clock.left().deadline(at).await.unwrap();
        assert!((80_000..=100_000).contains(&left), "{left}");
    });
}

#[test]
fn a_deadline_above_ten_minutes_is_cut_by_the_callee() {
    run(async {
        let (tower, ..) = tower();
        let pair = pair(move || tower.clone()).await;
        let clock: ClockProxy = pair.root().await;
        let left = clock.left().timeout(Duration::MAX).await.unwrap();
        assert!((500_000..=600_000).contains(&left), "{left}");
    });
}

#[test]
fn nested_calls_inherit_a_deadline_that_shrinks() {
    run(async {
        let (tower, ..) = tower();
        let pair = pair(move || tower.clone()).await;
        let clock: ClockProxy = pair.root().await;
        let again = clock.clone();
        let next = Callback::new_async(async move || {
            let here = left(&Caller::current());
            vec![here, again.left().timeout(Duration::from_secs(3_600)).await.unwrap()]
        });
        let all = clock.relay(next).timeout(Duration::from_secs(20)).await.unwrap();
        assert_eq!(all.len(), 3);
        assert!(all[0] <= 20_000 && all[2] > 0, "{all:?}");
        // A deadline is relative on the wire: each way it may grow by its rounding, a millisecond.
        assert!(all[1] <= all[0] + 1 && all[2] <= all[1] + 1, "{all:?}");
    });
}

#[test]
fn a_handler_that_never_answers_is_ended_on_both_sides() {
    testing::run(1, async |world| {
        let (pair, clock, mut heard, _) = far_tower(&world, Config::default()).await;
        let before = Instant::now();
        let error = clock.never().timeout(SHORT).await.unwrap_err();
        assert!(before.elapsed() >= SHORT);
        // The host is given the time of its last word, which says that the call had begun.
        assert!(matches!(error, CallError::Deadline { ran: Ran::Yes, .. }), "{error:?}");
        assert_eq!(heard.take(2).await, ["in", "out"]);
        running(&pair, 0).await;
        drop(clock);
        settles(&pair.near.node, is_at_rest).await;
        settles(&pair.far.node, is_at_rest).await;
    });
}

#[test]
fn a_call_without_any_time_is_never_sent() {
    run(async {
        let (tower, mut heard, _) = tower();
        let pair = pair(move || tower.clone()).await;
        let clock: ClockProxy = pair.root().await;
        let expected = CallError::Deadline { ran: Ran::Never, detail: String::new() };
        assert_eq!(clock.never().timeout(Duration::ZERO).await, Err(expected.clone()));
        assert_eq!(clock.never().deadline(tokio::time::Instant::now()).await, Err(expected));
        assert_eq!(pair.connection.stats().calls_awaiting, 0);
        pair.connection.ping().await.unwrap();
        assert_eq!(heard.so_far(), [""; 0]);
    });
}

#[test]
fn a_call_that_found_no_permit_in_time_never_ran() {
    testing::run(1, async |world| {
        let mut config = Config::default();
        // Half of it is kept for nested calls: two calls may be under way.
        config.object_permits = 4;
        let (_pair, clock, mut heard, gate) = far_tower(&world, config).await;
        let calls = begin_all([clock.hold(), clock.hold()]).await;
        assert_eq!(heard.take(2).await, ["in", "in"]);
        let error = clock.hold().timeout(SHORT).await.unwrap_err();
        assert_eq!(error, CallError::Deadline { ran: Ran::Never, detail: "waiting for a permit".into() });
        assert!(error.never_ran());
        gate.open();
        for call in calls {
            call.await.unwrap();
        }
        assert_eq!(heard.take(2).await, ["out", "out"]);
        clock.hold().await.unwrap();
    });
}

fn no_turn() -> CallError {
    CallError::Deadline { ran: Ran::Never, detail: "it waited for a turn held by Clock::change".into() }
}

#[test]
fn a_call_that_found_no_turn_in_time_never_ran_and_names_the_holder() {
    testing::run(1, async |world| {
        let (tower, mut heard, gate) = tower();
        let node = world.node().start().await.unwrap();
        let clock: ClockProxy = node.host(move || tower);
        let mut held = begin_all([clock.change()]).await;
        assert_eq!(heard.next().await, "in");
        assert_eq!(clock.change().timeout(SHORT).await, Err(no_turn()));
        gate.open();
        held.remove(0).await.unwrap();
        assert_eq!(heard.so_far(), ["out"], "the second one never started");
    });
}

#[test]
fn a_remote_call_that_found_no_turn_in_time_never_ran_and_names_the_holder() {
    testing::run(1, async |world| {
        let (pair, clock, mut heard, gate) = far_tower(&world, Config::default()).await;
        let mut held = begin_all([clock.change()]).await;
        assert_eq!(heard.next().await, "in");
        let before = Instant::now();
        // The callee knows, and is waited for a moment.
        assert_eq!(clock.change().timeout(SHORT).await, Err(no_turn()));
        assert!(before.elapsed() >= SHORT);
        running(&pair, 1).await;
        gate.open();
        held.remove(0).await.unwrap();
        running(&pair, 0).await;
        assert_eq!(heard.so_far(), ["out"], "the second one never started");
    });
}

#[test]
fn a_method_that_is_not_cancelled_runs_past_its_deadline_while_its_caller_is_answered() {
    testing::run(1, async |world| {
        let (pair, remote, mut heard, gate) = far_tower(&world, Config::default()).await;
        let error = remote.finish().timeout(SHORT).await.unwrap_err();
        assert!(matches!(error, CallError::Deadline { ran: Ran::Unknown, .. }), "{error:?}");
        let (hosted, mut heard_here, _) = tower();
        let hosted = Tower { gate: gate.clone(), ..hosted };
        let local: ClockProxy = pair.near.node.host(move || hosted);
        let error = local.finish().timeout(SHORT).await.unwrap_err();
        assert_eq!(error, CallError::Deadline { ran: Ran::Yes, detail: "the method runs to its end".into() });
        assert_eq!((heard.next().await, heard_here.next().await), ("in", "in"));
        gate.open();
        for heard in [&mut heard, &mut heard_here] {
            assert_eq!(heard.take(2).await, ["finished", "out"]);
        }
        running(&pair, 0).await;
    });
}

#[test]
fn the_deadline_of_a_nested_call_is_told_as_a_deadline_of_a_call_that_ran() {
    run(async {
        let (tower, ..) = tower();
        let pair = pair(move || tower.clone()).await;
        let clock: ClockProxy = pair.root().await;
        let never = Callback::new_async(async || std::future::pending().await);
        let error = clock.patient(never, 50).await.unwrap_err();
        assert!(matches!(error, CallError::Deadline { ran: Ran::Yes, .. }), "{error:?}");
    });
}
