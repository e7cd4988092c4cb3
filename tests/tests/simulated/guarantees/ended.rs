//! 5. Whatever waits is ended: by its answer, its deadline, cancellation, the death of the object, the close of the connection.

use std::time::Duration;

use duologue::prelude::*;
use duologue::testing::{self, Pair, World};
use duologue::{Call, Config, ConnectionStats, Ended, NodeBuilder, Ran};
use duologue_tests::events::{Gate, Heard, Tell, events};
use duologue_tests::nodes::{UnderWay, begin_all, settles};
use tokio::time::Instant;

use super::{at_rest, each, rough, steady};

#[service]
trait House {
    fn open(&self) -> TowerProxy;
    /// Revokes what it opened.
    fn demolish(&self, tower: TowerProxy) -> bool;
}

#[service]
trait Tower {
    async fn wait(&self) -> Result<(), CallError>;
    async fn wait_alone(&mut self) -> Result<(), CallError>;
    async fn wait_for(&self, other: Callback<fn()>) -> Result<(), CallError>;
    /// How many milliseconds are left to this call, and to a call that it makes to the other side and back here.
    async fn left(&self, other: Option<Callback<fn() -> Vec<u128>>>) -> Result<Vec<u128>, CallError>;
    /// Calls the other side and does not wait for it.
    async fn announce(&self, other: Callback<fn()>) -> Result<(), CallError>;
}

#[derive(Clone)]
struct Builder {
    tell: Tell<&'static str>,
    gate: Gate,
}

#[service]
impl House for Builder {
    fn open(&self) -> TowerProxy {
        TowerProxy::local(self.clone())
    }

    fn demolish(&self, tower: TowerProxy) -> bool {
        tower.revoke()
    }
}

/// What is left to the call that is running.
fn left() -> u128 {
    let deadline = Caller::current().deadline().expect("every call has one");
    deadline.duration_since(Instant::now()).as_millis()
}

#[service]
impl Tower for Builder {
    async fn wait(&self) -> Result<(), CallError> {
        let _out = self.tell.on_drop("out");
        self.tell.tell("in");
        self.gate.pass().await;
        Ok(())
    }

    async fn wait_alone(&mut self) -> Result<(), CallError> {
        self.wait().await
    }

    async fn wait_for(&self, other: Callback<fn()>) -> Result<(), CallError> {
        let _out = self.tell.on_drop("out");
        self.tell.tell("in");
        other.call().await
    }

    async fn left(&self, other: Option<Callback<fn() -> Vec<u128>>>) -> Result<Vec<u128>, CallError> {
        let mut all = vec![left()];
        if let Some(other) = other {
            all.extend(other.call().await?);
        }
        Ok(all)
    }

    async fn announce(&self, other: Callback<fn()>) -> Result<(), CallError> {
        other.call().notify().await
    }
}

/// How a call ends that waited for its turn; whose turn it was follows.
const TURN: &str = "it waited for a turn held by Tower::";

/// One of each that can wait, at the near end for the far one.
struct Waiting {
    pair: Pair,
    house: HouseProxy,
    tower: TowerProxy,
    /// Runs; runs, and waits for a call to the near end; waits for its turn, alone; waits for its turn; waits for a permit.
    calls: Vec<UnderWay<Call<()>>>,
    heard: Heard<&'static str>,
    /// What happens to the call at the near end.
    below: Heard<&'static str>,
    gate: Gate,
    start: Instant,
}

impl Waiting {
    async fn of(world: &World, rough_link: bool) -> Waiting {
        Waiting::for_long(world, rough_link, Duration::from_secs(30)).await
    }

    async fn for_long(world: &World, rough_link: bool, patience: Duration) -> Waiting {
        let ((tell, mut heard), gate) = (events(), Gate::new());
        let builder = Builder { tell, gate: gate.clone() };
        let mut config = Config::default();
        // Half of them are kept for calls made inside handlers.
        config.object_permits = 8;
        let conditions = if rough_link { rough() } else { steady() };
        let far = |node: NodeBuilder| {
            node.config(config).on_this_thread().serve_as::<HouseProxy>(move || builder.clone())
        };
        let pair = world.pair().conditions(conditions).far(far).await.unwrap();
        let house: HouseProxy = pair.root().await.unwrap();
        let tower = house.open().await.unwrap();
        let (told, mut below) = events();
        let never = Callback::new_async(async move || {
            let _out = told.on_drop("out");
            told.tell("in");
            std::future::pending().await
        });
        let start = Instant::now();
        let calls = [tower.wait(), tower.wait_for(never), tower.wait_alone(), tower.wait(), tower.wait()];
        let calls = begin_all(calls.map(|call| call.timeout(patience))).await;
        assert_eq!(heard.take(2).await, ["in", "in"]);
        assert_eq!(below.next().await, "in");
        settles(&pair.far.node, |stats| stats.total.calls_running == 4).await;
        Waiting { pair, house, tower, calls, heard, below, gate, start }
    }

    /// Every call ends with what is expected of it, and of all that ran nothing runs on, at either side. How long they took.
    async fn all_end(&mut self, expected: [CallError; 5]) -> Duration {
        for (n, (call, expected)) in self.calls.drain(..).zip(expected).enumerate() {
            let mut error = call.await.unwrap_err();
            if let CallError::Deadline { detail, .. } = &mut error
                && detail.starts_with(TURN)
            {
                detail.truncate(TURN.len());
            }
            assert_eq!(error, expected, "call {n}");
        }
        let took = self.start.elapsed();
        assert_eq!(self.heard.take(2).await, ["out", "out"]);
        assert_eq!(self.below.next().await, "out");
        took
    }

    /// As [`all_end`](Self::all_end), by the end of the connection.
    async fn all_are_disconnected(mut self, reason: &str) {
        tokio::join!(self.tower.closed(), self.house.closed());
        let lost = |ran| CallError::Disconnected { ran, reason: reason.into() };
        let unknown = lost(Ran::Unknown);
        let expected = [unknown.clone(), unknown.clone(), unknown.clone(), unknown, lost(Ran::Never)];
        self.all_end(expected).await;
        assert_eq!(self.tower.wait().await, Err(lost(Ran::Never)));
        for end in [&self.pair.near, &self.pair.far] {
            assert!(end.connection.is_closed());
            assert_eq!(end.connection.stats(), ConnectionStats::default());
            settles(&end.node, |stats| stats == Default::default()).await;
        }
        assert_eq!(self.heard.so_far(), [""; 0], "what waited never ran");
    }
}

#[test]
fn guarantee_05_whatever_waits_is_ended_by_its_answer() {
    each(async |world| {
        let mut waiting = Waiting::of(&world, true).await;
        waiting.gate.open();
        let mut calls = std::mem::take(&mut waiting.calls);
        assert_eq!(calls.remove(0).await, Ok(()));
        // The second still holds its turn: the others end when it does.
        drop(calls.remove(0));
        for call in calls {
            assert_eq!(call.await, Ok(()));
        }
        drop((waiting.tower, waiting.house));
        at_rest(&waiting.pair).await;
    });
}

#[test]
fn guarantee_05_whatever_waits_is_ended_by_its_deadline_of_thirty_seconds() {
    testing::run(1, async |world| {
        let mut waiting = Waiting::of(&world, false).await;
        let late = |ran, detail: &str| CallError::Deadline { ran, detail: detail.into() };
        let expected = [
            late(Ran::Yes, ""),
            late(Ran::Yes, ""),
            late(Ran::Never, TURN),
            late(Ran::Never, TURN),
            late(Ran::Never, "waiting for a permit"),
        ];
        let took = waiting.all_end(expected).await.as_millis();
        // Those that were sent have a moment more: the host, whose clock ends them too, knows what became of them.
        assert!((30_000..=30_100).contains(&took), "{took} ms");
        drop((waiting.tower, waiting.house));
        at_rest(&waiting.pair).await;
        assert_eq!(waiting.heard.so_far(), [""; 0], "what waited never ran");
    });
}

#[test]
fn guarantee_05_whatever_waits_is_ended_by_cancellation() {
    each(async |world| {
        let mut waiting = Waiting::of(&world, true).await;
        waiting.calls.clear();
        assert_eq!(waiting.heard.take(2).await, ["out", "out"]);
        assert_eq!(waiting.below.next().await, "out");
        drop((waiting.tower, waiting.house));
        at_rest(&waiting.pair).await;
        assert_eq!(waiting.heard.so_far(), [""; 0], "what waited never ran");
    });
}

#[test]
fn guarantee_05_whatever_waits_is_ended_by_the_death_of_the_object() {
    each(async |world| {
        let mut waiting = Waiting::of(&world, true).await;
        let tower = waiting.tower.clone();
        let (demolished, _closed) = tokio::join!(waiting.house.demolish(tower.clone()), tower.closed());
        assert_eq!(demolished, Ok(true));
        let gone = |ran| CallError::Gone { ran, reason: "it was revoked".into() };
        let never = gone(Ran::Never);
        let expected = [gone(Ran::Yes), gone(Ran::Yes), never.clone(), never.clone(), never.clone()];
        waiting.all_end(expected).await;
        assert_eq!(tower.wait().await, Err(never));
        drop((tower, waiting.tower, waiting.house));
        at_rest(&waiting.pair).await;
        assert_eq!(waiting.heard.so_far(), [""; 0], "what waited never ran");
    });
}

#[test]
fn guarantee_05_whatever_waits_is_ended_by_a_close_of_either_side() {
    each(async |world| {
        let waiting = Waiting::of(&world, true).await;
        waiting.pair.near.connection.close().await;
        waiting.all_are_disconnected("closed by this side").await;
        let waiting = Waiting::of(&world, true).await;
        waiting.pair.far.connection.close_with(7, "enough").await;
        waiting.all_are_disconnected("closed by the peer with code 7: enough").await;
    });
}

#[test]
fn guarantee_05_whatever_waits_is_ended_by_the_loss_of_the_link() {
    testing::run(1, async |world| {
        // With more patience than the link has, so that it is the link that ends them.
        let waiting = Waiting::for_long(&world, false, Duration::from_secs(300)).await;
        waiting.pair.partition();
        let connection = waiting.pair.near.connection.clone();
        let (ping, root, closed) =
            tokio::join!(connection.ping(), connection.root::<HouseProxy>(), connection.closed());
        assert_eq!(closed, Ended::TimedOut);
        for outcome in [ping.map(drop), root.map(drop).map_err(CallError::from)] {
            let error = outcome.unwrap_err();
            assert!(
                matches!(error, CallError::Disconnected { .. } | CallError::Deadline { .. }),
                "{error:?}"
            );
            assert_eq!(error.ran(), Ran::Unknown);
        }
        assert_eq!(waiting.pair.far.connection.closed().await, Ended::TimedOut);
        waiting.all_are_disconnected("nothing was heard of the peer for the idle time").await;
    });
}

#[test]
fn guarantee_05_deadlines_are_inherited_and_shrink_but_not_by_notices() {
    testing::run(1, async |world| {
        let waiting = Waiting::of(&world, false).await;
        drop(waiting.calls);
        waiting.gate.open();
        let tower = waiting.house.open().await.unwrap();
        let again = tower.clone();
        let nested = Callback::new_async(async move || {
            let mut all = vec![left()];
            // However much it wants itself.
            all.extend(again.left(None).timeout(Duration::from_secs(3_600)).await.unwrap());
            all
        });
        let all = tower.left(Some(nested)).timeout(Duration::from_secs(10)).await.unwrap();
        // Each ends a moment before the one around it, which can say so then.
        assert_eq!(all, [10_000, 9_900, 9_800]);
        let (tell, mut heard) = events();
        let announced = move || tell.tell(left());
        tower.announce(announced).timeout(Duration::from_secs(10)).await.unwrap();
        assert_eq!(heard.next().await, 30_000, "nobody waits for it: its time is its own");
        drop((tower, waiting.tower, waiting.house));
        at_rest(&waiting.pair).await;
    });
}
