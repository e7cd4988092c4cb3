//! Where calls are measured: two connected nodes in memory, on the thread that measures and in real time. QUIC and encryption are the
//! real ones; there is no socket and no second thread, so what is measured is the work of both ends, and no wait.
#![allow(dead_code, reason = "each benchmark uses its part of it")]

use std::error::Error;
use std::future::Future;
use std::time::Duration;

use divan::Divan;
use duologue::prelude::*;
use duologue::testing::{self, Pair, Pairing};
use duologue::{CallError, Config};
use futures_util::future::try_join_all;
use tokio::runtime::Runtime;
use tokio::task::LocalSet;

/// That of the `duologue` command, too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Calls under way at once wherever a benchmark does not vary that.
pub(crate) const AT_ONCE: u32 = 64;

/// Whom the near node calls at the far one.
#[service]
pub(crate) trait Clerk {
    /// Answered with no future.
    fn sum(&self, a: i64, b: i64) -> i64;
    /// Ready when it is first polled.
    async fn add(&self, a: i64, b: i64) -> i64;
    /// Ready when it is polled again.
    async fn later(&self, a: i64, b: i64) -> i64;
    /// Bytes, and nothing back.
    fn take(&self, bytes: Bytes);
    /// The answer of a closure.
    async fn ask(&self, of: Callback<fn(i64) -> i64>, n: i64) -> Result<i64, CallError>;
    /// An object that is looked at and dropped.
    fn look(&self, at: ClerkProxy);
    /// Objects that are kept.
    fn keep(&mut self, these: Vec<ClerkProxy>);
}

/// Does as little as can be.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    kept: Vec<ClerkProxy>,
}

#[service]
impl Clerk for Desk {
    fn sum(&self, a: i64, b: i64) -> i64 {
        a + b
    }

    async fn add(&self, a: i64, b: i64) -> i64 {
        a + b
    }

    async fn later(&self, a: i64, b: i64) -> i64 {
        tokio::task::yield_now().await;
        a + b
    }

    fn take(&self, bytes: Bytes) {
        drop(bytes);
    }

    async fn ask(&self, of: Callback<fn(i64) -> i64>, n: i64) -> Result<i64, CallError> {
        of.call(n).await
    }

    fn look(&self, at: ClerkProxy) {
        drop(at);
    }

    fn keep(&mut self, these: Vec<ClerkProxy>) {
        self.kept.extend(these);
    }
}

/// Why something that is measured did not work.
pub(crate) type Failure = Box<dyn Error>;

/// Two connected nodes, and a desk at the far one.
pub(crate) struct Stage {
    pub(crate) desk: ClerkProxy,
    pub(crate) pair: Pair,
    tasks: LocalSet,
    runtime: Runtime,
}

impl Stage {
    pub(crate) fn new() -> Stage {
        Stage::with(testing::pair())
    }

    /// Of nodes that were set up already.
    pub(crate) fn with(pairing: Pairing) -> Stage {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let (runtime, tasks) =
            (runtime.expect("the system gives a runtime its event queue"), LocalSet::new());
        let connected = tasks.block_on(&runtime, async {
            let pair = pairing.on_this_thread().serve(Desk::default).await?;
            Ok::<_, Failure>((pair.root().await?, pair))
        });
        let (desk, pair) = connected.expect("two nodes in memory find each other");
        Stage { desk, pair, tasks, runtime }
    }

    /// A desk of the near node itself: calls of it stay in the process.
    pub(crate) fn own_desk(&self) -> ClerkProxy {
        self.run(async { Ok(self.pair.near.node.host(Desk::default)) })
    }

    /// Does something to its end; what both nodes have to do meanwhile is done, too.
    pub(crate) fn run<T>(&self, work: impl Future<Output = Result<T, Failure>>) -> T {
        self.tasks.block_on(&self.runtime, work).expect("what is measured succeeds")
    }

    /// Does it so many times at once.
    pub(crate) fn at_once<T>(&self, times: u32, one: impl AsyncFn(i64) -> Result<T, CallError>) {
        self.run(async {
            try_join_all((0..times).map(|n| one(i64::from(n)))).await?;
            Ok(())
        });
    }
}

/// Runs all benchmarks of a file, each for so long at most that all files together take less than two minutes.
pub(crate) fn measure() {
    Divan::default().max_time(Duration::from_secs(1)).config_with_args().main();
}

/// Room for as many objects as a benchmark wants.
pub(crate) fn roomy() -> Config {
    let mut config = Config::default();
    config.exports_max = 2_000_000;
    config
}
