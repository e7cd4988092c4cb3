//! What does a callback cost: the closure alone, and within a call that calls it back?
//!
//! Each iteration is 64 of them under way at once.

use divan::Bencher;
use divan::counter::ItemsCount;
use duologue::prelude::*;
use stage::{AT_ONCE, ClerkProxy, Stage};

mod stage;

fn main() {
    stage::measure();
}

fn asked(
    bencher: Bencher<'_, '_>,
    stage: &Stage,
    desk: &ClerkProxy,
    closure: impl Fn() -> Callback<fn(i64) -> i64>,
) {
    let closure = stage.run(async { Ok(closure()) });
    let count = ItemsCount::new(AT_ONCE);
    bencher.counter(count).bench_local(|| {
        stage.at_once(AT_ONCE, async |n| desk.ask(closure.clone(), n).await);
    });
}

/// One at a time, by a call of it.
fn in_turn() -> Callback<fn(i64) -> i64> {
    Callback::new(|n: i64| 2 * n)
}

/// All together.
fn together() -> Callback<fn(i64) -> i64> {
    Callback::new_async(async |n: i64| 2 * n)
}

#[divan::bench]
fn closure_alone(bencher: Bencher<'_, '_>) {
    let stage = Stage::new();
    let closure = stage.run(async { Ok(in_turn()) });
    let count = ItemsCount::new(AT_ONCE);
    bencher.counter(count).bench_local(|| stage.at_once(AT_ONCE, async |n| closure.call(n).await));
}

#[divan::bench]
fn within_the_process(bencher: Bencher<'_, '_>) {
    let stage = Stage::new();
    let desk = stage.own_desk();
    asked(bencher, &stage, &desk, in_turn);
}

#[divan::bench]
fn from_node_to_node(bencher: Bencher<'_, '_>) {
    let stage = Stage::new();
    asked(bencher, &stage, &stage.desk, in_turn);
}

#[divan::bench]
fn from_node_to_node_async(bencher: Bencher<'_, '_>) {
    let stage = Stage::new();
    asked(bencher, &stage, &stage.desk, together);
}
