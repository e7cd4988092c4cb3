//! Bodies that nobody decodes, and the references in them.

use std::time::Duration;

use duologue::prelude::*;
use duologue::{Ran, testing};
use duologue_tests::nodes::{begin_all, settles};

use super::{Scene, ThingProxy};

/// The house and its things as somebody knows them who hands over what they do not understand.
mod other {
    use duologue::prelude::*;

    use super::ThingProxy;

    #[service(name = "House")]
    pub(super) trait Demanding {
        fn unheard_of(&self, things: Vec<ThingProxy>);
        /// With an argument more than the house knows.
        fn forget(&self, things: Vec<ThingProxy>);
        /// Fails at the second argument, after the first was read.
        async fn open_after(&self, things: Vec<ThingProxy>, ms: u64) -> ThingProxy;
    }
}
use other::DemandingProxy;

/// One thing of each node: one is exported by being handed over, the other one goes home.
async fn two(scene: &Scene) -> Vec<ThingProxy> {
    vec![scene.own(), scene.house.open().await.unwrap()]
}

#[test]
fn a_body_that_nobody_decodes_because_nobody_knows_its_method_or_its_arguments() {
    testing::run(1, async |world| {
        let scene = Scene::of(&world).await;
        let demanding: DemandingProxy = scene.pair.root().await.unwrap();
        let error = demanding.unheard_of(two(&scene).await).await.unwrap_err();
        assert_eq!(error, CallError::NoSuchMethod("House::unheard_of".into()));
        assert_eq!(demanding.forget(two(&scene).await).await, Ok(()));
        let error = demanding.open_after(two(&scene).await, 7).await.unwrap_err();
        assert!(matches!(error, CallError::BadArguments(_)), "{error:?}");
        drop(demanding);
        scene
            .ends_with(
                &[0, 1, 2, 3, 4, 5].map(|n| {
                    ["0 dropped", "1 dropped", "2 dropped", "3 dropped", "4 dropped", "5 dropped"][n]
                }),
            )
            .await;
    });
}

#[test]
fn a_body_that_nobody_decodes_because_its_object_is_dead() {
    testing::run(1, async |world| {
        let mut scene = Scene::of(&world).await;
        let thing = scene.house.share().await.unwrap();
        let things = two(&scene).await;
        scene.restart();
        // It dies while the call is on its way.
        let call = begin_all([thing.take(things)]).await;
        scene.at(25).await;
        assert!(scene.maker.kept().take().expect("it is kept").revoke());
        for call in call {
            let reason = "it was revoked".into();
            assert_eq!(call.await, Err(CallError::Gone { ran: Ran::Never, reason }));
        }
        drop(thing);
        scene.ends_with(&["0 dropped", "1 dropped", "2 dropped"]).await;
    });
}

#[test]
fn a_body_that_nobody_decodes_because_its_call_never_had_its_turn() {
    testing::run(1, async |world| {
        let mut scene = Scene::of(&world).await;
        let thing = scene.house.share().await.unwrap();
        let busy = begin_all([thing.wait()]).await;
        assert_eq!(scene.told.next().await, "waits");
        let (first, second, third) = (two(&scene).await, two(&scene).await, two(&scene).await);
        // One is dropped, one passes its deadline, and one waits when the object dies.
        let dropped = begin_all([thing.take(first)]).await;
        let late = begin_all([thing.take(second).timeout(Duration::from_secs(1))]).await;
        let waits = begin_all([thing.take(third)]).await;
        settles(&scene.pair.far.node, |stats| stats.total.calls_running == 4).await;
        drop(dropped);
        for call in late {
            assert!(matches!(call.await, Err(CallError::Deadline { .. })));
        }
        settles(&scene.pair.far.node, |stats| stats.total.calls_running == 2).await;
        assert!(scene.maker.kept().take().expect("it is kept").revoke());
        for (call, ran) in busy.into_iter().chain(waits).zip([Ran::Yes, Ran::Never]) {
            let reason = "it was revoked".into();
            assert_eq!(call.await, Err(CallError::Gone { ran, reason }));
        }
        drop(thing);
        let all = [
            "0 dropped",
            "1 dropped",
            "2 dropped",
            "3 dropped",
            "4 dropped",
            "5 dropped",
            "6 dropped",
            "left",
        ];
        scene.ends_with(&all).await;
    });
}
