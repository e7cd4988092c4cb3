//! References that cross: a release and a new export, a proxy that goes home, the word that an object is gone.

use duologue::prelude::*;
use duologue::{Ran, testing};
use duologue_tests::nodes::{begin, begin_all};

use super::{Scene, Towards};

fn gone(ran: Ran) -> CallError {
    CallError::Gone { ran, reason: "it was revoked".into() }
}

#[test]
fn a_release_crossing_a_new_export() {
    testing::run(1, async |world| {
        let mut scene = Scene::of(&world).await;
        // The export leaves the far node at 50; the release the near node before, at the same time, and after it.
        for (number, drop_at) in [(0, 10), (1, 50), (2, 60), (3, 90)] {
            let thing = scene.house.share().await.unwrap();
            scene.restart();
            // The house gives away what it keeps: from then on, only the near node holds it.
            let mut given = scene.house.give();
            assert!(begin(&mut given).await.is_pending());
            scene.at(drop_at).await;
            drop(thing);
            tokio::task::yield_now().await;
            let near = scene.pair.near.connection.stats();
            assert_eq!(
                near.imports, 1,
                "only the house: the release has left, and the new export is not there yet"
            );
            let thing = given.await.unwrap().expect("it was kept");
            assert_eq!(thing.number().await, Ok(number), "dropped at {drop_at}");
            assert_eq!(scene.told.so_far(), [""; 0], "it lives");
            assert_eq!(scene.pair.far.connection.stats().exports, 2);
            drop(thing);
            assert_eq!(scene.told.next().await, format!("{number} dropped"));
        }
        scene.ends_with(&[]).await;
    });
}

#[test]
fn a_proxy_going_home_while_its_last_holder_drops_it() {
    testing::run(1, async |world| {
        let mut scene = Scene::of(&world).await;
        for number in 0..3 {
            let thing = scene.house.open().await.unwrap();
            scene.restart();
            // It goes home in a call that is lost at first, and is released by what comes after: the release is there before it.
            scene.lose(Towards::Far, true);
            let mut kept = scene.house.keep(thing.clone());
            assert!(begin(&mut kept).await.is_pending());
            scene.at(1).await;
            assert_eq!(scene.pair.counters().0.lost, u64::from(number) + 1);
            scene.lose(Towards::Far, false);
            drop(thing);
            assert_eq!(kept.await, Ok(()));
            assert!(scene.start.elapsed() > 2 * crate::guarantees::ONE_WAY, "the call came later");
            assert_eq!(scene.pair.near.connection.stats().imports, 1);
            assert_eq!(scene.house.ask().await, Ok(number), "it is home, and lives");
            assert_eq!(scene.told.so_far(), [""; 0]);
            scene.house.forget().await.unwrap();
            assert_eq!(scene.told.next().await, format!("{number} dropped"));
        }
        scene.ends_with(&[]).await;
    });
}

#[test]
fn the_word_that_an_object_is_gone_overtaking_its_export() {
    testing::run(1, async |world| {
        let mut scene = Scene::of(&world).await;
        scene.restart();
        let mut shared = scene.house.share();
        assert!(begin(&mut shared).await.is_pending());
        // The reply leaves the far node at 50 and is lost; the object dies at 60, which is heard of.
        scene.at(40).await;
        scene.lose(Towards::Near, true);
        scene.at(60).await;
        scene.lose(Towards::Near, false);
        assert!(scene.maker.kept().take().expect("it was made").revoke());
        assert_eq!(scene.told.next().await, "0 dropped");
        let thing = shared.await.unwrap();
        assert!(scene.start.elapsed() > 2 * crate::guarantees::ONE_WAY, "the export came later");
        thing.closed().await;
        assert_eq!(thing.number().await, Err(gone(Ran::Never)));
        drop(thing);
        scene.ends_with(&[]).await;
    });
}

#[test]
fn the_word_that_an_object_is_gone_crossing_its_release_and_calls_on_it() {
    testing::run(1, async |world| {
        for (revoke_at, drop_at) in [(0, 0), (0, 25), (0, 49), (0, 50), (25, 0), (50, 0), (60, 0)] {
            let mut scene = Scene::of(&world).await;
            let thing = scene.house.share().await.unwrap();
            let mut calls = begin_all([thing.wait(), thing.wait_alone()]).await;
            assert_eq!(scene.told.next().await, "waits");
            scene.restart();
            let revoke = async {
                scene.at(revoke_at).await;
                assert!(scene.maker.kept().take().expect("it was made").revoke());
            };
            let let_go = async {
                scene.at(drop_at).await;
                drop((calls.split_off(0), thing));
            };
            tokio::join!(revoke, let_go);
            scene.ends_with(&["0 dropped", "left"]).await;
        }
    });
}

#[test]
fn the_word_that_an_object_is_gone_crossing_a_new_export() {
    testing::run(1, async |world| {
        let mut scene = Scene::of(&world).await;
        // It is handed over a second time while the near node hears that it is gone.
        let thing = scene.house.share().await.unwrap();
        let again = scene.maker.kept().clone().expect("it is kept");
        scene.restart();
        let mut given = scene.house.give();
        assert!(begin(&mut given).await.is_pending());
        scene.at(51).await;
        assert!(again.revoke());
        drop(again);
        let second = given.await.unwrap().expect("it was kept");
        assert_eq!(second, thing);
        tokio::join!(thing.closed(), second.closed());
        assert_eq!(thing.number().await, Err(gone(Ran::Never)));
        // What is dead goes as dead.
        scene.house.keep(thing).await.unwrap();
        assert!(scene.house.ask().await.is_err());
        drop(second);
        scene.ends_with(&["0 dropped"]).await;
    });
}
