//! How often a call allocates, at the end that makes it and at the end that runs it, once everything has come up to size.
//!
//! The tasks of an end are polled on their own, and what is allocated meanwhile is that end's. The tasks of QUIC run beside them and
//! are not counted, but where a test says so. A change that makes a call cost fewer or more allocations changes the figures here and
//! those in the manual's performance page.
#![allow(clippy::unwrap_used, reason = "helpers of tests, where clippy does not see that")]

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use allocation_counter::measure;
use duologue::CallError;
use duologue::prelude::*;
use duologue::testing::{self, Network, World};
use futures_util::future::try_join_all;
use tokio::sync::oneshot;
use tokio::task::LocalSet;

#[service]
trait Clerk {
    /// Answered with no future.
    fn sum(&self, a: i64, b: i64) -> i64;
    /// Answered by a future that is ready.
    async fn add(&self, a: i64, b: i64) -> i64;
    /// Nothing is answered.
    fn note(&self, n: i64);
    /// Calls a closure of the caller's so many times, one after another.
    async fn ask(&self, of: Callback<fn(i64) -> i64>, times: u32) -> Result<(), CallError>;
}

struct Desk;

#[service]
impl Clerk for Desk {
    fn sum(&self, a: i64, b: i64) -> i64 {
        a + b
    }

    async fn add(&self, a: i64, b: i64) -> i64 {
        a + b
    }

    fn note(&self, _n: i64) {}

    async fn ask(&self, of: Callback<fn(i64) -> i64>, times: u32) -> Result<(), CallError> {
        in_turn(times, async |n| of.call(n).await).await
    }
}

/// Does something so many times, each when the one before is done.
async fn in_turn<T>(times: u32, one: impl AsyncFn(i64) -> Result<T, CallError>) -> Result<(), CallError> {
    for n in 0..i64::from(times) {
        one(n).await?;
    }
    Ok(())
}

/// Does something so many times, 64 at once.
async fn at_once<T>(times: u32, one: impl AsyncFn(i64) -> Result<T, CallError>) -> Result<(), CallError> {
    let rows = (0..64).map(|_| in_turn(times / 64, &one));
    try_join_all(rows).await.map(drop)
}

/// Tasks; what is allocated while they are polled is counted.
struct Counted {
    tasks: LocalSet,
    allocations: Arc<AtomicU64>,
}

impl Future for Counted {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut polled = Poll::Pending;
        let seen = measure(|| polled = Pin::new(&mut self.tasks).poll(cx));
        self.allocations.fetch_add(seen.count_total, Ordering::SeqCst);
        polled
    }
}

/// Runs an end on this thread, with whatever belongs to it.
fn run<T: 'static>(allocations: Arc<AtomicU64>, end: impl Future<Output = T> + 'static) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let tasks = LocalSet::new();
    let done = tasks.spawn_local(end);
    let counted = Counted { tasks, allocations };
    runtime.block_on(async {
        tokio::select! {
            done = done => done.unwrap(),
            () = counted => panic!("the end has nothing left to do"),
        }
    })
}

/// How often a call allocates.
#[derive(Debug, PartialEq, Eq)]
struct PerCall {
    near: u64,
    far: u64,
}

/// Each end on a thread of its own, and one call under way at a time: no two share a packet or a batch, whatever else the machine does.
/// `calls` makes so many of them at the near end.
fn one_at_a_time(calls: impl AsyncFn(&ClerkProxy, u32) -> Result<(), CallError> + 'static) -> PerCall {
    const TIMES: u32 = 500;
    let network = Network::new(1);
    let ends: [Arc<AtomicU64>; 2] = Default::default();
    let [near, far] = ends.clone();
    let (tell, listens) = oneshot::channel();
    let (stop, stopped) = oneshot::channel::<()>();
    let at = network.clone();
    let server = std::thread::spawn(move || {
        run(far, async move {
            let node = Node::builder().network(&at).on_this_thread().serve(|| Desk).bind("127.0.0.1:1").await;
            let node = node.unwrap();
            tell.send(node.local_addr().to_string()).unwrap();
            // Until the other end is done.
            let _ = stopped.await;
        });
    });
    let counted = run(near, async move {
        let node = Node::builder().network(&network).on_this_thread().start().await.unwrap();
        let connection = node.connect(listens.await.unwrap()).await.unwrap();
        let clerk: ClerkProxy = connection.root().await.unwrap();
        calls(&clerk, TIMES).await.unwrap();
        let before = ends.each_ref().map(|end| end.load(Ordering::SeqCst));
        calls(&clerk, TIMES).await.unwrap();
        [0, 1].map(|end| ends[end].load(Ordering::SeqCst) - before[end])
    });
    drop(stop);
    server.join().unwrap();
    // To the nearest: what is done now and then is none of a call's.
    let [near, far] = counted.map(|all| (all + u64::from(TIMES) / 2) / u64::from(TIMES));
    PerCall { near, far }
}

/// Allocations of a thousand calls, 64 at once, at both ends and with those of QUIC: in virtual time, on this thread.
fn per_thousand(calls: impl AsyncFn(&ClerkProxy, u32) -> Result<(), CallError>) -> u64 {
    const TIMES: u32 = 3_200;
    let all = |times| {
        let seen = measure(|| {
            testing::run(1, async |world: World| {
                let pair = world.pair().serve(|| Desk).await?;
                let clerk: ClerkProxy = pair.root().await?;
                calls(&clerk, TIMES).await?;
                calls(&clerk, times).await?;
                Ok::<_, Box<dyn std::error::Error>>(())
            });
        });
        seen.count_total
    };
    (all(2 * TIMES) - all(TIMES)) * 1_000 / u64::from(TIMES)
}

#[test]
fn a_call_of_a_plain_method() {
    let counted = one_at_a_time(async |clerk, times| in_turn(times, async |n| clerk.sum(n, 1).await).await);
    assert_eq!(counted, PerCall { near: 4, far: 6 });
}

#[test]
fn a_call_of_an_async_method() {
    let counted = one_at_a_time(async |clerk, times| in_turn(times, async |n| clerk.add(n, 1).await).await);
    assert_eq!(counted, PerCall { near: 4, far: 7 });
}

/// As a call the other way: what the near end pays here is what the far one pays there.
#[test]
fn a_callback() {
    let counted = one_at_a_time(async |clerk, times| {
        let closure: Callback<fn(i64) -> i64> = Callback::new(|n: i64| 2 * n);
        clerk.ask(closure, times).await
    });
    assert_eq!(counted, PerCall { near: 6, far: 4 });
}

#[test]
fn a_callback_of_an_async_closure() {
    let counted = one_at_a_time(async |clerk, times| {
        let closure: Callback<fn(i64) -> i64> = Callback::new_async(async |n: i64| 2 * n);
        clerk.ask(closure, times).await
    });
    assert_eq!(counted, PerCall { near: 7, far: 4 });
}

/// Calls that are under way together share what is made for a packet or a batch. These figures are of both ends and of QUIC.
#[test]
fn many_at_once_share_most_of_it() {
    let plain = per_thousand(async |clerk, times| at_once(times, async |n| clerk.sum(n, 1).await).await);
    assert!(plain < 5_000, "{plain}");
    let ready = per_thousand(async |clerk, times| at_once(times, async |n| clerk.add(n, 1).await).await);
    assert!(ready < 6_000, "{ready}");
    let notice = per_thousand(async |clerk, times| {
        at_once(times, async |n| clerk.note(n).notify().await).await?;
        // Comes after them.
        clerk.sum(1, 1).await.map(drop)
    });
    assert!(notice < 4_500, "{notice}");
}
