//! A stream of proxies that is stopped while items with references are under way.

use std::sync::atomic::Ordering;
use std::time::Duration;

use duologue::testing;
use tokio::time::sleep;

use super::Scene;
use crate::guarantees::{at_rest, rough};

#[test]
fn a_stream_of_proxies_stopped_midway() {
    testing::run_each(0..6, async |world| {
        for (taken, stopped_after) in [(0, 0), (0, 49), (0, 51), (1, 10), (20, 0), (300, 0)] {
            let scene = Scene::of(&world).await;
            if world.seed() > 0 {
                scene.pair.set(rough());
            }
            let mut things = scene.house.many().await.unwrap();
            let mut held = Vec::new();
            for _ in 0..taken {
                held.push(things.next().await.expect("there are more").unwrap());
            }
            sleep(Duration::from_millis(stopped_after)).await;
            drop(things);
            // What was taken lives on, whatever became of the rest.
            for (number, thing) in held.iter().enumerate() {
                assert_eq!(thing.number().await, Ok(number as u32));
            }
            let Scene { pair, house, maker, mut told, .. } = scene;
            drop((house, held));
            at_rest(&pair).await;
            let made = maker.made.load(Ordering::Relaxed);
            assert!(made >= taken, "{made}");
            let mut words = told.so_far();
            words.sort_unstable();
            let mut expected: Vec<String> = (0..made).map(|number| format!("{number} dropped")).collect();
            expected.sort_unstable();
            assert_eq!(words, expected, "every one of them is dropped, taken or not");
        }
    });
}
