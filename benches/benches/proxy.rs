//! What do a clone of a proxy and its end cost, of an object here and of one elsewhere?

use divan::{Bencher, black_box};
use duologue::ProxyExt;
use stage::{ClerkProxy, Stage};

mod stage;

fn main() {
    stage::measure();
}

/// Clones, and drops the clone at once: the object is held all the while.
fn clone_and_drop(bencher: Bencher<'_, '_>, proxy: &ClerkProxy) {
    bencher.bench_local(|| drop(black_box(proxy).clone()));
}

#[divan::bench]
fn own(bencher: Bencher<'_, '_>) {
    let stage = Stage::new();
    clone_and_drop(bencher, &stage.own_desk());
}

#[divan::bench]
fn remote(bencher: Bencher<'_, '_>) {
    let stage = Stage::new();
    clone_and_drop(bencher, &stage.desk);
}

/// Clones of it are held by two threads at once.
#[divan::bench(threads = 2)]
fn remote_from_two_threads(bencher: Bencher<'_, '_>) {
    let stage = Stage::new();
    let desk = stage.desk.clone();
    bencher.bench(|| drop(black_box(&desk).clone()));
}

#[divan::bench]
fn weak_and_back(bencher: Bencher<'_, '_>) {
    let stage = Stage::new();
    let weak = stage.desk.downgrade();
    bencher.bench_local(|| drop(black_box(&weak).upgrade()));
}
