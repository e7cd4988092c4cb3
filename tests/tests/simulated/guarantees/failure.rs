//! 10. A failing object hurts only itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use duologue::prelude::*;
use duologue::{Ended, Ran};
use duologue_tests::events::Gate;
use duologue_tests::hostile::{Frame, Peer, kind};
use duologue_tests::nodes::{begin_all, settles};

use super::{at_rest, each, rough};

#[service]
trait Mine {
    async fn boom(&self);
    async fn boom_alone(&mut self);
    async fn wait(&self) -> u32;
    async fn wait_alone(&mut self) -> u32;
    /// Which instance it is.
    fn number(&self) -> u32;
    fn another(&self) -> MineProxy;
    fn take(&self, word: String) -> String;
}

/// The same with another opinion of a type.
mod mistaken {
    use duologue::prelude::*;

    #[service(name = "Mine")]
    pub(super) trait Mistaken {
        fn take(&self, word: Vec<u64>) -> String;
    }
}

struct Charge {
    number: u32,
    gate: Gate,
}

#[service]
impl Mine for Charge {
    async fn boom(&self) {
        self.gate.pass().await;
        panic!("too late")
    }

    async fn boom_alone(&mut self) {
        self.gate.pass().await;
        panic!("alone")
    }

    async fn wait(&self) -> u32 {
        self.gate.pass().await;
        self.number
    }

    async fn wait_alone(&mut self) -> u32 {
        self.gate.pass().await;
        self.number
    }

    fn number(&self) -> u32 {
        self.number
    }

    fn another(&self) -> MineProxy {
        MineProxy::local(Charge { number: 100, gate: self.gate.clone() })
    }

    fn take(&self, word: String) -> String {
        word
    }
}

/// Charges with their numbers, from 0, behind one gate.
fn charges(gate: &Gate) -> impl Fn() -> Charge + Send + Sync + 'static {
    let (gate, made) = (gate.clone(), Arc::new(AtomicU32::new(0)));
    move || Charge { number: made.fetch_add(1, Ordering::Relaxed), gate: gate.clone() }
}

fn panicked<T>(text: &str) -> Result<T, CallError> {
    Err(CallError::Panicked(text.into()))
}

#[test]
fn guarantee_10_a_failing_object_hurts_only_itself() {
    each(async |world| {
        let gate = Gate::new();
        let pair = world.pair().conditions(rough()).serve(charges(&gate)).await.unwrap();
        let mine: MineProxy = pair.root().await.unwrap();

        // A panic ends its call, and no other.
        let boom = begin_all([mine.boom(), mine.boom()]).await;
        let beside = begin_all([mine.wait(), mine.wait()]).await;
        settles(&pair.far.node, |stats| stats.total.calls_running == 4).await;
        (0..4).for_each(|_| gate.let_one_pass());
        for call in boom {
            assert_eq!(call.await, panicked("too late"));
        }
        for call in beside {
            assert_eq!(call.await, Ok(0), "the same instance serves on");
        }

        // An instance that panicked alone is not used again: what waited runs on a new one.
        let boom = begin_all([mine.boom_alone()]).await;
        let behind = begin_all([mine.wait(), mine.wait_alone()]).await;
        settles(&pair.far.node, |stats| stats.total.calls_running == 3).await;
        (0..3).for_each(|_| gate.let_one_pass());
        for call in boom {
            assert_eq!(call.await, panicked("alone"));
        }
        for call in behind {
            assert_eq!(call.await, Ok(1));
        }

        // An object by reference has no factory: it is gone, and its neighbour is not.
        let (one, two) = (mine.another().await.unwrap(), mine.another().await.unwrap());
        let boom = begin_all([one.boom_alone()]).await;
        let behind = begin_all([one.wait(), one.wait_alone()]).await;
        settles(&pair.far.node, |stats| stats.total.calls_running == 3).await;
        gate.let_one_pass();
        for call in boom {
            assert_eq!(call.await, panicked("alone"));
        }
        let gone = CallError::Gone { ran: Ran::Never, reason: "Mine::boom_alone panicked: alone".into() };
        for call in behind {
            assert_eq!(call.await, Err(gone.clone()));
        }
        one.closed().await;
        assert_eq!(one.number().await, Err(gone));
        assert_eq!(two.number().await, Ok(100));

        // Arguments that do not decode fail their call.
        let wrong: mistaken::MistakenProxy = pair.root().await.unwrap();
        let error = wrong.take(vec![7]).await.unwrap_err();
        let CallError::BadArguments(text) = &error else { panic!("{error:?}") };
        assert!(text.starts_with("Mine::take: argument `word`: "), "{text}");
        assert!(error.never_ran());

        assert_eq!(mine.take("word".into()).await.unwrap(), "word", "the connection has not noticed");
        drop((mine, wrong, one, two));
        at_rest(&pair).await;
    });
}

#[test]
fn guarantee_10_a_service_that_keeps_failing_is_gone_when_its_budget_is_used_up() {
    each(async |world| {
        let gate = Gate::new();
        gate.open();
        let far = |node: duologue::NodeBuilder| node.serve(charges(&gate)).service("Other", charges(&gate));
        let pair = world.pair().conditions(rough()).far(far).await.unwrap();
        let mine: MineProxy = pair.root().await.unwrap();
        for instance in 0..6 {
            assert_eq!(mine.number().await, Ok(instance));
            assert_eq!(mine.boom_alone().await, panicked("alone"));
        }
        mine.closed().await;
        assert!(matches!(mine.number().await, Err(CallError::Gone { ran: Ran::Never, .. })));
        let other: MineProxy = pair.near.connection.service("Other").await.unwrap();
        assert_eq!(other.number().await, Ok(0));
        drop((mine, other));
        at_rest(&pair).await;
    });
}

#[test]
fn guarantee_10_a_peer_that_breaks_the_protocol_loses_its_connection_with_a_code_and_a_reason() {
    each(async |world| {
        let gate = Gate::new();
        let far = |node: duologue::NodeBuilder| node.serve_shared(charges(&gate));
        let pair = world.pair().conditions(rough()).far(far).await.unwrap();
        let mine: MineProxy = pair.root().await.unwrap();
        let waits = begin_all([mine.wait()]).await;
        for (frame, reason) in [
            (Frame::bare(kind::REPLY, 7, 0), "an answer that no call waits for"),
            (Frame::bare(0x60, 7, 0), "unknown frame kind 96"),
        ] {
            let mut peer =
                Peer::dial_on(world.network(), pair.far.node.local_addr(), &transport::Config::default())
                    .await;
            peer.root().await;
            let [far] = pair
                .far
                .node
                .connections()
                .into_iter()
                .filter(|c| *c != pair.far.connection)
                .collect::<Vec<_>>()
                .try_into()
                .unwrap();
            peer.lane.put(frame.to_bytes()).await;
            assert_eq!(peer.closed().await, (1, reason.to_owned()));
            assert_eq!(far.closed().await, Ended::Violation(reason.to_owned()));
            assert_eq!(far.stats(), Default::default());
        }
        gate.open();
        for call in waits {
            assert_eq!(call.await, Ok(0), "whoever shares the object with it goes on");
        }
        drop(mine);
        at_rest(&pair).await;
    });
}
