//! Answers that cross the end of the wish for them: by a cancellation, by a deadline.

use std::time::Duration;

use duologue::prelude::*;
use duologue::{Ran, testing};
use duologue_tests::nodes::begin;
use tokio::time::Instant;

use super::{Scene, Towards};

#[test]
fn a_cancellation_crossing_the_reply() {
    testing::run(1, async |world| {
        // The call is there at 50. The reply of one that takes no time crosses what is said between 0 and 100.
        for (dropped_at, takes, told) in [
            (1, 0, &["0 dropped", "answers", "left"][..]),
            (50, 0, &["0 dropped", "answers", "left"]),
            (75, 0, &["0 dropped", "answers", "left"]),
            (99, 0, &["0 dropped", "answers", "left"]),
            (75, 74, &["0 dropped", "answers", "left"]),
            (75, 76, &["left"]),
        ] {
            let mut scene = Scene::of(&world).await;
            scene.restart();
            let mut call = scene.house.open_after(takes);
            assert!(begin(&mut call).await.is_pending());
            scene.at(dropped_at).await;
            drop(call);
            assert_eq!(
                scene.pair.near.connection.stats().calls_awaiting,
                1,
                "it is settled by its answer only"
            );
            // The number of the call is free when its answer is there, and not before: the next call gets its own answer.
            let mut next = Vec::new();
            for _ in 0..3 {
                next.push(scene.house.open().await.unwrap().number().await.unwrap());
            }
            let first = u32::from(told.len() == 3);
            assert_eq!(next, [first, first + 1, first + 2]);
            let others = next.iter().map(|number| format!("{number} dropped"));
            let mut expected: Vec<String> = told.iter().map(|word| word.to_string()).chain(others).collect();
            expected.sort_unstable();
            let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
            scene.ends_with(&expected).await;
        }
    });
}

#[test]
fn a_deadline_crossing_the_reply() {
    testing::run(1, async |world| {
        for (timeout, takes, told) in [
            // The reply leaves at 50, at 124 and at 500, before the deadline or a cancellation is there, and is too late for both.
            (75, 0, &["0 dropped", "answers", "left"][..]),
            (75, 74, &["0 dropped", "answers", "left"]),
            (500, 450, &["0 dropped", "answers", "left"]),
            // It would leave after the deadline.
            (75, 80, &["left"]),
        ] {
            let scene = Scene::of(&world).await;
            // Longer than anybody waits for what the host has to say of a deadline.
            scene.delay(Towards::Near, Duration::from_millis(1_000));
            let call = scene.house.open_after(takes).timeout(Duration::from_millis(timeout));
            let start = Instant::now();
            let error = call.await.unwrap_err();
            assert_eq!(error, CallError::Deadline { ran: Ran::Unknown, detail: String::new() });
            // 250 more at most, to the next millisecond.
            assert!(start.elapsed() <= Duration::from_millis(timeout + 251), "{:?}", start.elapsed());
            assert_eq!(scene.pair.near.connection.stats().calls_awaiting, 1, "the reply is not there yet");
            scene.ends_with(told).await;
        }
    });
}

#[test]
fn a_reply_that_is_there_about_when_the_deadline_passes_is_taken() {
    testing::run(1, async |world| {
        // At 100 it is there: in time, and a moment late.
        for timeout in [103, 75] {
            let scene = Scene::of(&world).await;
            let thing = scene.house.open_after(0).timeout(Duration::from_millis(timeout)).await.unwrap();
            assert_eq!(thing.number().await, Ok(0));
            drop(thing);
            scene.ends_with(&["0 dropped", "answers", "left"]).await;
        }
    });
}
