//! [`run`]: a test under virtual time, with a seed that is printed when it fails.

use std::process::{ExitCode, Termination};
use std::time::Duration;

use runtime::sim::Network;
use runtime::{Node, NodeBuilder};

use super::pair::{Pairing, pair};

/// The environment's name of the seed that is to be played again.
const SEED: &str = "DUOLOGUE_SEED";

/// How much virtual time a test may take: whoever waits for what never comes is told so. Keep-alives of a day are seconds of work.
const VIRTUAL_TIME_MAX: Duration = Duration::from_secs(86_400);

/// Where a simulated test takes place: a network, whose seed is the test's, and one thread under virtual time.
#[derive(Clone, Debug)]
pub struct World {
    network: Network,
}

impl World {
    /// What settles the chances of this run; also for the test's own dice.
    pub fn seed(&self) -> u64 {
        self.network.seed()
    }

    /// What lies between the nodes of this world.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// A node of this world, to be set up further.
    pub fn node(&self) -> NodeBuilder {
        Node::builder().network(&self.network).on_this_thread()
    }

    /// Two connected nodes of this world.
    pub fn pair(&self) -> Pairing {
        pair().network(&self.network).on_this_thread()
    }
}

/// Runs a test under virtual time: all on this thread, and whenever nothing is left to do, tokio's clock moves on to the next timer.
/// Thirty seconds of waiting take no time; work takes none of the virtual time. `std::time` knows nothing of it.
///
/// A test that panics or returns an error, as a `#[test]` may, makes this panic, and the seed is printed. With `DUOLOGUE_SEED=..` in
/// the environment, that seed is taken instead of `seed`. A test that has not ended after a day of virtual time panics.
///
/// ```
/// use duologue::prelude::*;
/// use duologue::testing;
///
/// testing::run(7, async |world| {
///     let server = world.node().bind("127.0.0.1:1").await?;
///     let client = world.node().start().await?;
///     client.connect("127.0.0.1:1").await?.ping().await?;
///     world.network().partition(client.machine().unwrap(), server.machine().unwrap());
///     client.until(|stats| stats.connections == 0).await;
///     Ok::<_, Box<dyn std::error::Error>>(())
/// });
/// ```
///
/// # Panics
/// If the test fails, or if it is called inside a tokio runtime.
pub fn run<T: Termination>(seed: u64, test: impl AsyncFnOnce(World) -> T) {
    play(chosen_seed().unwrap_or(seed), test);
}

/// As [`run`], once for each seed, or once for the one in `DUOLOGUE_SEED`.
///
/// ```
/// use duologue::testing::{self, Conditions};
///
/// testing::run_each(0..20, async |world| {
///     world.network().set(Conditions::default().loss(0.1));
///     world.pair().await?.near.connection.ping().await?;
///     Ok::<_, Box<dyn std::error::Error>>(())
/// });
/// ```
///
/// # Panics
/// If the test fails with one of them, or if it is called inside a tokio runtime.
pub fn run_each<T: Termination>(seeds: impl IntoIterator<Item = u64>, test: impl AsyncFn(World) -> T) {
    if let Some(seed) = chosen_seed() {
        return play(seed, &test);
    }
    for seed in seeds {
        play(seed, &test);
    }
}

/// The seed that is to be played again.
///
/// # Panics
/// If it is no number: a test that is not the wanted one would be no replay.
pub(super) fn chosen_seed() -> Option<u64> {
    let text = std::env::var(SEED).ok()?;
    match text.parse() {
        Ok(seed) => Some(seed),
        Err(_) => panic!("{SEED}={text} is no number from 0 to {}", u64::MAX),
    }
}

fn play<T: Termination>(seed: u64, test: impl AsyncFnOnce(World) -> T) {
    let _told = ToldOnPanic(seed);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    let runtime = runtime.expect("the system gives a runtime its event queue");
    let tasks = tokio::task::LocalSet::new();
    let outcome = tasks.block_on(&runtime, async {
        let world = World { network: Network::new(seed) };
        tokio::time::timeout(VIRTUAL_TIME_MAX, test(world)).await
    });
    match outcome {
        // An error is printed by its report, as that of a `#[test]` is.
        Ok(result) => assert!(result.report() == ExitCode::SUCCESS, "the test returned an error"),
        Err(_) => panic!("the test did not end within a day of virtual time"),
    }
}

/// Prints the seed when a test panics.
struct ToldOnPanic(u64);

impl Drop for ToldOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let seed = self.0;
            eprintln!("the simulated test failed with seed {seed}; to play it again: {SEED}={seed}");
        }
    }
}
