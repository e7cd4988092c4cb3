//! Nodes on a simulated link: what users test their own services with, and what loss, delay and partitions do to calls.
#![allow(clippy::unwrap_used, reason = "a test that fails says so by panicking")]

mod close;
mod crossings;
mod guarantees;
mod lanes;
mod link;
mod pipeline;
mod replay;
mod third_node;
mod time;

use duologue::prelude::*;

/// What the far nodes of these tests serve.
#[service]
trait Desk {
    /// How many calls came before.
    fn count(&mut self) -> u64;
    fn echo(&self, number: u64) -> u64;
    async fn never(&self);
    /// Calls back for each number below `n`.
    async fn upto(&self, n: u64, tick: Callback<fn(u64)>) -> Result<(), CallError>;
    /// What the caller's side counts.
    async fn ask_back(&self) -> Result<u64, CallError>;
}

#[derive(Default)]
struct Clerk {
    count: u64,
}

#[service]
impl Desk for Clerk {
    fn count(&mut self) -> u64 {
        self.count += 1;
        self.count - 1
    }

    fn echo(&self, number: u64) -> u64 {
        number
    }

    async fn never(&self) {
        std::future::pending().await
    }

    async fn upto(&self, n: u64, tick: Callback<fn(u64)>) -> Result<(), CallError> {
        for number in 0..n {
            tick.call(number).await?;
        }
        Ok(())
    }

    async fn ask_back(&self, caller: &Caller) -> Result<u64, CallError> {
        let theirs: DeskProxy = caller.connection().root().await?;
        theirs.count().await
    }
}
