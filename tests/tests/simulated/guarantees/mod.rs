//! The twelve guarantees of the design, a test or more each, named after them: over a link that delays, reorders, loses and doubles
//! datagrams, several seeds each. What is exact in time has a steady link instead.
//!
//! The tests in `tests/guarantees` show the same rules case by case on a real link.

mod borrow;
mod bounds;
mod cancel;
mod ended;
mod evolution;
mod failure;
mod lifetime;
mod once;
mod order;
mod reach;
mod reentry;
mod security;

use std::time::Duration;

use duologue::testing::{self, Conditions, Pair, World};
use duologue_tests::nodes::{is_at_rest, settles};

/// Thirty milliseconds, ten more or less, so that datagrams pass each other; some are lost and some come twice.
pub(crate) fn rough() -> Conditions {
    let (delay, jitter) = (Duration::from_millis(30), Duration::from_millis(10));
    Conditions::default().delay(delay).jitter(jitter).loss(0.03).duplication(0.02)
}

/// Fifty milliseconds each way, and nothing else: how long things take is exact.
pub(crate) fn steady() -> Conditions {
    Conditions::default().delay(ONE_WAY)
}

/// What [`steady`] takes from one end to the other.
pub(crate) const ONE_WAY: Duration = Duration::from_millis(50);

/// Plays a test over as many seeds as a guarantee is shown with.
pub(crate) fn each(test: impl AsyncFn(World)) {
    testing::run_each(0..8, test);
}

/// Waits until neither end holds, runs or awaits anything; the connection stays open.
pub(crate) async fn at_rest(pair: &Pair) {
    settles(&pair.near.node, is_at_rest).await;
    settles(&pair.far.node, is_at_rest).await;
    assert!(!pair.near.connection.is_closed() && !pair.far.connection.is_closed());
}
