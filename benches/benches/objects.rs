//! What does an object cost that is handed to another node and dropped there: its export, its import, and their release?
//!
//! Each iteration is 64 objects; those that stay at home show what of it is the object's own.

use divan::Bencher;
use divan::counter::ItemsCount;
use duologue::CallError;
use stage::{AT_ONCE, ClerkProxy, Desk, Stage};

mod stage;

fn main() {
    stage::measure();
}

/// Made, called once so that it surely lives, and dropped.
#[divan::bench]
fn stays_at_home(bencher: Bencher<'_, '_>) {
    let stage = Stage::new();
    let near = &stage.pair.near.node;
    let count = ItemsCount::new(AT_ONCE);
    bencher.counter(count).bench_local(|| {
        stage.at_once(AT_ONCE, async |n| {
            let own: ClerkProxy = near.host(Desk::default);
            own.sum(n, 1).await
        });
    });
}

/// A new one for each call.
#[divan::bench]
fn handed_over_once(bencher: Bencher<'_, '_>) {
    let stage = Stage::new();
    let near = &stage.pair.near.node;
    let count = ItemsCount::new(AT_ONCE);
    bencher
        .counter(count)
        .bench_local(|| stage.at_once(AT_ONCE, async |_| stage.desk.look(near.host(Desk::default)).await));
}

/// The same one again and again, while it is exported already.
#[divan::bench]
fn handed_over_again(bencher: Bencher<'_, '_>) {
    let stage = Stage::new();
    let own = stage.own_desk();
    let count = ItemsCount::new(AT_ONCE);
    bencher
        .counter(count)
        .bench_local(|| stage.at_once(AT_ONCE, async |_| stage.desk.look(own.clone()).await));
}

/// An object of the far node's that comes home.
#[divan::bench]
fn handed_back(bencher: Bencher<'_, '_>) {
    let stage = Stage::new();
    let count = ItemsCount::new(AT_ONCE);
    bencher.counter(count).bench_local(|| {
        stage.at_once(AT_ONCE, async |_| Ok::<_, CallError>(stage.desk.look(stage.desk.clone()).await?));
    });
}
