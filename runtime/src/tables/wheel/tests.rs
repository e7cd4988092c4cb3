//! The wheel by hand, and beside an ordered set on random walks.

use std::collections::{BTreeMap, BTreeSet};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::*;

const ROUND_MS: u64 = (BUCKETS as u64) << TICK_SHIFT;

fn expire(wheel: &mut Wheel, now_ms: u64) -> Vec<u32> {
    let mut out = Vec::new();
    wheel.expire(now_ms, &mut out);
    out.sort_unstable();
    out
}

#[test]
fn a_round_covers_the_default_deadline() {
    const { assert!(ROUND_MS > 30_000 + (1 << TICK_SHIFT)) }
}

#[test]
fn a_deadline_is_due_to_the_millisecond() {
    let mut wheel = Wheel::new();
    wheel.insert(3, 1_000);
    assert_eq!(wheel.next_wake(), Some(1_000));
    assert_eq!(expire(&mut wheel, 999), []);
    assert_eq!(wheel.next_wake(), Some(1_000));
    assert_eq!(expire(&mut wheel, 1_000), [3]);
    assert_eq!((wheel.next_wake(), wheel.len()), (None, 0));
}

#[test]
fn one_that_was_taken_back_is_never_due() {
    let mut wheel = Wheel::new();
    wheel.insert(1, 500);
    wheel.insert(2, 500);
    assert!(wheel.remove(1));
    assert!(!wheel.remove(1));
    assert!(!wheel.remove(77));
    assert_eq!(expire(&mut wheel, 10_000), [2]);
}

#[test]
fn one_of_the_past_is_due_at_once() {
    let mut wheel = Wheel::new();
    wheel.insert(0, 900_000);
    assert_eq!(expire(&mut wheel, 600_000), []);
    wheel.insert(1, 12);
    assert_eq!(wheel.next_wake(), Some(12));
    assert_eq!(expire(&mut wheel, 600_000), [1]);
    assert_eq!(wheel.next_wake(), Some(900_000));
}

#[test]
fn one_of_a_later_round_waits_for_its_own() {
    let mut wheel = Wheel::new();
    let deadline = 10 * 60_000;
    wheel.insert(0, deadline);
    wheel.insert(1, deadline % ROUND_MS);
    assert_eq!(expire(&mut wheel, deadline % ROUND_MS), [1]);
    assert_eq!(wheel.next_wake(), Some(deadline));
    assert_eq!(expire(&mut wheel, deadline - 1), []);
    assert_eq!(expire(&mut wheel, deadline), [0]);
}

#[test]
fn a_new_deadline_takes_the_place_of_the_old() {
    let mut wheel = Wheel::new();
    wheel.insert(0, 100);
    wheel.insert(0, 5_000);
    assert_eq!(wheel.len(), 1);
    assert_eq!(expire(&mut wheel, 4_999), []);
    assert_eq!(expire(&mut wheel, 5_000), [0]);
}

#[test]
fn an_empty_wheel_gives_its_memory_back_when_it_is_next_woken() {
    let mut wheel = Wheel::new();
    wheel.insert(5_000, 100);
    wheel.remove(5_000);
    assert_eq!(expire(&mut wheel, 100), []);
    assert_eq!((wheel.entries.capacity(), wheel.heads.capacity(), wheel.earliest.capacity()), (0, 0, 0));
    wheel.insert(7, 101);
    assert_eq!(expire(&mut wheel, 101), [7]);
}

#[test]
fn many_calls_answered_before_their_deadline_wake_nobody_but_once() {
    let mut wheel = Wheel::new();
    let (mut now, mut wakes) = (0, 0);
    for call in 0..100_000_u64 {
        now = call;
        wheel.insert(0, now + 30_000);
        wheel.insert(1, now + 30_000);
        while wheel.next_wake().is_some_and(|wake| wake <= now) {
            assert_eq!(expire(&mut wheel, now), []);
            wakes += 1;
        }
        wheel.remove(0);
    }
    assert!(now / 30_000 >= wakes && wakes > 0, "{wakes} wakes in {now} ms");
}

#[test]
fn random_walks_agree_with_an_ordered_set() {
    for seed in 0..300 {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut wheel = Wheel::new();
        let mut deadlines = BTreeMap::new();
        let mut due = BTreeSet::new();
        let mut now: u64 = rng.random_range(0..1_000_000);
        let (keys, far) = (rng.random_range(1..300), [50, 2_000, 30_000, 200_000][seed as usize % 4]);
        for _ in 0..2_000 {
            let key = rng.random_range(0..keys);
            match rng.random_range(0..10) {
                0..5 => {
                    let deadline = (now + rng.random_range(0..far)).saturating_sub(far / 10);
                    wheel.insert(key, deadline);
                    if let Some(old) = deadlines.insert(key, deadline) {
                        due.remove(&(old, key));
                    }
                    due.insert((deadline, key));
                }
                5..8 => {
                    let old = deadlines.remove(&key);
                    assert_eq!(wheel.remove(key), old.is_some());
                    due.remove(&(old.unwrap_or(0), key));
                }
                _ => {
                    let step = [2, 200, far][rng.random_range(0..3)];
                    now += rng.random_range(0..step);
                    let late = due.split_off(&(now + 1, 0));
                    let mut expected: Vec<u32> =
                        std::mem::replace(&mut due, late).into_iter().map(|(_, key)| key).collect();
                    expected.sort_unstable();
                    expected.iter().for_each(|key| assert!(deadlines.remove(key).is_some()));
                    assert_eq!(expire(&mut wheel, now), expected);
                    assert!(wheel.next_wake().is_none_or(|wake| wake > now));
                }
            }
            assert_eq!(wheel.len(), due.len());
            match (wheel.next_wake(), due.first()) {
                (wake, None) => assert_eq!(wake, None),
                (wake, Some(&(first, _))) => assert!(wake.is_some_and(|wake| wake <= first)),
            }
        }
    }
}
