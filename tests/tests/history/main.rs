//! A mixed workload between two nodes over a simulated link, its history, and what must be true of any history.
//!
//! `DUOLOGUE_SEEDS` says how many seeds are played at each loss rate (200 unless said otherwise), `DUOLOGUE_SEED` which one alone.
//! Everything is on one thread under virtual time, so the order of the events is the order in which they happened.
#![allow(clippy::unwrap_used, reason = "a test that fails says so by panicking")]

mod checker;
mod event;
mod planted;
mod service;
mod workload;

use std::time::Duration;

use duologue::testing::{self, Conditions};

/// Plays all seeds over a link that loses this share of its datagrams, and checks each history.
fn seeds_hold(loss: f64) {
    let seeds = std::env::var("DUOLOGUE_SEEDS").map_or(200, |n| n.parse().unwrap());
    let (delay, jitter) = (Duration::from_millis(30), Duration::from_millis(10));
    let rough = Conditions::default().delay(delay).jitter(jitter).duplication(0.01).loss(loss);
    testing::run_each(0..seeds, async |world| {
        let history = workload::play(&world, rough).await;
        if let Err(broken) = checker::check(&history) {
            panic!("{broken}\nafter {} events", history.len());
        }
        let missing = checker::missing(&history);
        assert!(missing.is_empty(), "these never occurred: {missing:?}");
    });
}

#[test]
fn every_guarantee_holds_without_loss() {
    seeds_hold(0.0);
}

#[test]
fn every_guarantee_holds_with_one_datagram_in_a_hundred_lost() {
    seeds_hold(0.01);
}

#[test]
fn every_guarantee_holds_with_one_datagram_in_twenty_lost() {
    seeds_hold(0.05);
}

#[test]
fn every_guarantee_holds_with_one_datagram_in_five_lost() {
    seeds_hold(0.2);
}
