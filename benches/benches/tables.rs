//! Does a call cost more the fuller the tables of its connection are?
//!
//! Each iteration is 64 calls, unless the benchmark varies that; the tables are those of both ends.

use divan::Bencher;
use divan::counter::ItemsCount;
use duologue::testing;
use stage::{AT_ONCE, ClerkProxy, Desk, Failure, Stage, roomy};

mod stage;

/// Objects in one call: as many as a frame has references for.
const IN_A_FRAME: usize = 256;

fn main() {
    stage::measure();
}

/// Objects that the near node has exported and the far one holds.
#[divan::bench(args = [0, 1_000, 100_000])]
fn call_beside_exports(bencher: Bencher<'_, '_>, exports: usize) {
    let stage =
        Stage::with(testing::pair().near(|node| node.config(roomy())).far(|node| node.config(roomy())));
    stage.run(async {
        let mut left = exports;
        while left > 0 {
            let these = left.min(IN_A_FRAME);
            stage.desk.keep((0..these).map(|_| ClerkProxy::local(Desk::default())).collect()).await?;
            left -= these;
        }
        Ok::<_, Failure>(())
    });
    let count = ItemsCount::new(AT_ONCE);
    bencher.counter(count).bench_local(|| stage.at_once(AT_ONCE, async |n| stage.desk.sum(n, 1).await));
}

/// Calls under way beside each other.
#[divan::bench(args = [1, 16, 64, 256, 1_024, 4_096])]
fn calls_under_way(bencher: Bencher<'_, '_>, calls: u32) {
    let stage = Stage::new();
    let count = ItemsCount::new(calls);
    bencher.counter(count).bench_local(|| stage.at_once(calls, async |n| stage.desk.sum(n, 1).await));
}
