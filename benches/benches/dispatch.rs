//! What does a call cost by what its method is: answered without a future, with one that is ready, or with one that waits?
//!
//! Each iteration is 64 calls under way at once: within the process, where nothing is serialized, and from node to node.

use divan::Bencher;
use divan::counter::ItemsCount;
use duologue::CallError;
use stage::{AT_ONCE, ClerkProxy, Stage};

mod stage;

fn main() {
    stage::measure();
}

fn within(bencher: Bencher<'_, '_>, one: impl AsyncFn(&ClerkProxy, i64) -> Result<i64, CallError>) {
    let stage = Stage::new();
    let desk = stage.own_desk();
    let count = ItemsCount::new(AT_ONCE);
    bencher.counter(count).bench_local(|| stage.at_once(AT_ONCE, async |n| one(&desk, n).await));
}

fn between(bencher: Bencher<'_, '_>, one: impl AsyncFn(&ClerkProxy, i64) -> Result<i64, CallError>) {
    let stage = Stage::new();
    let count = ItemsCount::new(AT_ONCE);
    bencher.counter(count).bench_local(|| stage.at_once(AT_ONCE, async |n| one(&stage.desk, n).await));
}

#[divan::bench]
fn within_plain(bencher: Bencher<'_, '_>) {
    within(bencher, async |desk, n| desk.sum(n, 1).await);
}

#[divan::bench]
fn within_ready(bencher: Bencher<'_, '_>) {
    within(bencher, async |desk, n| desk.add(n, 1).await);
}

#[divan::bench]
fn within_waiting(bencher: Bencher<'_, '_>) {
    within(bencher, async |desk, n| desk.later(n, 1).await);
}

#[divan::bench]
fn between_plain(bencher: Bencher<'_, '_>) {
    between(bencher, async |desk, n| desk.sum(n, 1).await);
}

#[divan::bench]
fn between_ready(bencher: Bencher<'_, '_>) {
    between(bencher, async |desk, n| desk.add(n, 1).await);
}

#[divan::bench]
fn between_waiting(bencher: Bencher<'_, '_>) {
    between(bencher, async |desk, n| desk.later(n, 1).await);
}
