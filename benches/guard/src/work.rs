//! The kinds of work whose cost is watched: each a number of calls over the simulated link, or within the process.

use bytes::Bytes;
use clap::ValueEnum;
use duologue::prelude::*;
use duologue::testing;
use futures_util::future::try_join_all;

/// How many calls are under way at once.
const IN_FLIGHT: u32 = 64;

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Work {
    /// An async method.
    Call,
    /// A plain method.
    Plain,
    /// One call at a time.
    Single,
    /// A kibibyte there and back.
    Echo,
    /// A callback within a call.
    Callback,
    /// An object passed by reference, and dropped.
    Handle,
    /// An item of a stream.
    Item,
    /// A call within the process.
    Local,
}

impl Work {
    pub(crate) const ALL: [Work; 8] = [
        Work::Call,
        Work::Plain,
        Work::Single,
        Work::Echo,
        Work::Callback,
        Work::Handle,
        Work::Item,
        Work::Local,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Work::Call => "call",
            Work::Plain => "plain",
            Work::Single => "single",
            Work::Echo => "echo",
            Work::Callback => "callback",
            Work::Handle => "handle",
            Work::Item => "item",
            Work::Local => "local",
        }
    }
}

#[service]
trait Desk {
    async fn add(&self, a: i64, b: i64) -> i64;
    fn sum(&self, a: i64, b: i64) -> i64;
    async fn echo(&self, bytes: Bytes) -> Bytes;
    async fn ask(&self, of: Callback<fn(i64) -> i64>, n: i64) -> i64;
    fn look(&self, at: DeskProxy);
    fn count(&self, to: u32) -> Streaming<u32>;
}

struct Clerk;

#[service]
impl Desk for Clerk {
    async fn add(&self, a: i64, b: i64) -> i64 {
        a + b
    }

    fn sum(&self, a: i64, b: i64) -> i64 {
        a + b
    }

    async fn echo(&self, bytes: Bytes) -> Bytes {
        bytes
    }

    async fn ask(&self, of: Callback<fn(i64) -> i64>, n: i64) -> i64 {
        of.call(n).await.unwrap_or(-1)
    }

    fn look(&self, _at: DeskProxy) {}

    fn count(&self, to: u32) -> Streaming<u32> {
        Streaming::new(futures_util::stream::iter(0..to))
    }
}

type Done = Result<(), Box<dyn std::error::Error>>;

/// Does the work.
pub(crate) fn run(work: Work, times: u32) {
    testing::run(1, async |world| {
        let pair = world.pair().serve(|| Clerk).await?;
        let desk: DeskProxy = pair.root().await?;
        work_with(work, times, &desk, &pair.near.node).await
    });
}

async fn work_with(work: Work, times: u32, desk: &DeskProxy, near: &Node) -> Done {
    match work {
        Work::Call => at_once(times, async |n| Ok(desk.add(n, 1).await? == n + 1)).await,
        Work::Local => {
            let desk: DeskProxy = near.host(|| Clerk);
            at_once(times, async |n| Ok(desk.add(n, 1).await? == n + 1)).await
        }
        Work::Plain => at_once(times, async |n| Ok(desk.sum(n, 1).await? == n + 1)).await,
        Work::Single => {
            for n in 0..i64::from(times) {
                assert_eq!(desk.add(n, 1).await?, n + 1);
            }
            Ok(())
        }
        Work::Echo => {
            let bytes = Bytes::from(vec![7; 1024]);
            at_once(times, async |_| Ok(desk.echo(bytes.clone()).await?.len() == 1024)).await
        }
        Work::Callback => {
            let twice: Callback<fn(i64) -> i64> = Callback::new_async(async |n: i64| 2 * n);
            at_once(times, async |n| Ok(desk.ask(twice.clone(), n).await? == 2 * n)).await
        }
        Work::Handle => at_once(times, async |_| Ok(desk.look(near.host(|| Clerk)).await == Ok(()))).await,
        Work::Item => {
            let mut items = desk.count(times).await?;
            for n in 0..times {
                assert_eq!(items.next().await.transpose()?, Some(n));
            }
            Ok(())
        }
    }
}

/// Does something so many times, in [`IN_FLIGHT`] rows side by side; each says whether it came out right.
async fn at_once(times: u32, one: impl AsyncFn(i64) -> Result<bool, CallError>) -> Done {
    let rows = (0..IN_FLIGHT).map(|row| {
        let one = &one;
        async move {
            for n in (row..times).step_by(IN_FLIGHT as usize) {
                assert!(one(i64::from(n)).await?, "a wrong result");
            }
            Ok::<_, Box<dyn std::error::Error>>(())
        }
    });
    try_join_all(rows).await.map(|_| ())
}
