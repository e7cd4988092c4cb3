//! Seeds: the same gives the same fates, and that of a failing test is printed and can be played again.

use std::process::{Command, Output};
use std::time::Duration;

use duologue::Identity;
use duologue::testing::{self, Conditions, Counters};
use tokio::time::Instant;

use crate::{Clerk, DeskProxy};

/// What a run with this seed did, and how long it took.
fn outcome(seed: u64, identities: &[Identity; 2]) -> (Counters, Counters, Duration) {
    let mut outcome = None;
    testing::run(seed, async |world| {
        let (delay, jitter) = (Duration::from_millis(30), Duration::from_millis(10));
        let rough = Conditions::default().delay(delay).jitter(jitter).loss(0.1).duplication(0.05);
        let start = Instant::now();
        let [near, far] = identities.clone();
        let pair = world.pair().conditions(rough).serve(Clerk::default);
        let pair = pair.near(|node| node.identity(near)).far(|node| node.identity(far)).await.unwrap();
        let desk: DeskProxy = pair.root().await.unwrap();
        for number in 0..100 {
            assert_eq!(desk.echo(number).await, Ok(number));
        }
        let (there, back) = pair.counters();
        outcome = Some((there, back, start.elapsed()));
    });
    outcome.unwrap()
}

#[test]
fn the_same_seed_gives_the_same_run() {
    // The size of a certificate may differ by a byte from key to key.
    let identities = [Identity::generate().unwrap(), Identity::generate().unwrap()];
    assert_eq!(outcome(5, &identities), outcome(5, &identities));
    assert_ne!(outcome(5, &identities), outcome(6, &identities));
}

/// Says to a child process which test it is to play.
const PART: &str = "DUOLOGUE_PART";

/// This binary as a child, which plays one part.
fn alone(part: &str, seed: Option<&str>) -> Output {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "replay::what_a_child_plays", "--nocapture"]).env(PART, part);
    match seed {
        Some(seed) => command.env("DUOLOGUE_SEED", seed),
        None => command.env_remove("DUOLOGUE_SEED"),
    };
    command.output().unwrap()
}

/// Nothing, unless another test has started this process and says what: parts that fail, as they are meant to.
#[test]
fn what_a_child_plays() {
    let Ok(part) = std::env::var(PART) else { return };
    match part.as_str() {
        "it fails with seeds above two" => testing::run_each(0..10, async |world| {
            println!("played {}", world.seed());
            assert!(world.seed() < 3, "a fault that some seeds find");
        }),
        "it returns an error" => testing::run(4, async |_| Err::<(), _>("an error that is returned")),
        "it never ends" => testing::run(4, async |_| std::future::pending::<()>().await),
        other => panic!("there is no part {other:?}"),
    }
}

fn told(output: &Output) -> (bool, String) {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}

#[test]
fn a_failing_seed_is_printed_and_can_be_played_again() {
    let (passed, text) = told(&alone("it fails with seeds above two", None));
    assert!(!passed);
    let hint = "the simulated test failed with seed 3; to play it again: DUOLOGUE_SEED=3";
    assert!(text.contains(hint), "{text}");
    assert!(text.contains("played 2") && !text.contains("played 4"), "{text}");
    let (passed, text) = told(&alone("it fails with seeds above two", Some("7")));
    assert!(!passed && text.contains("played 7") && !text.contains("played 3"), "{text}");
    let (passed, text) = told(&alone("it fails with seeds above two", Some("2")));
    assert!(passed && text.contains("played 2"), "{text}");
}

#[test]
fn a_test_that_returns_an_error_or_never_ends_fails_with_its_seed() {
    for (test, reason) in [
        ("it returns an error", "an error that is returned"),
        ("it never ends", "the test did not end within a day of virtual time"),
    ] {
        let (passed, text) = told(&alone(test, None));
        assert!(!passed && text.contains(reason) && text.contains("DUOLOGUE_SEED=4"), "{text}");
    }
}

#[test]
fn a_seed_that_is_no_number_is_no_replay() {
    let (passed, text) = told(&alone("it returns an error", Some("x")));
    assert!(
        !passed && text.contains("DUOLOGUE_SEED=x is no number from 0 to 18446744073709551615"),
        "{text}"
    );
}
