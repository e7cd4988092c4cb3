//! Nothing is left behind: after many calls, objects and connections, all tables are empty and memory is where it was.
//!
//! A binary of its own with a single test, so that the memory of the process is that test's. It says nothing of what a hostile peer can do:
//! that is in `faults`.
#![allow(clippy::unwrap_used, reason = "a test that fails says so by panicking")]

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use duologue::prelude::*;
use duologue::{ConnectionStats, NodeStats};
use duologue_tests::nodes::{begin, begin_all, dial, is_at_rest, listen, run_for, small};

const CALLS: usize = 100_000;
const OBJECTS: usize = 10_000;
const CONNECTIONS: usize = 1_000;

/// Calls, objects and connections that are there at the same time.
const CALLS_AT_ONCE: usize = 1_000;
const OBJECTS_AT_ONCE: usize = 1_000;
const CONNECTIONS_AT_ONCE: usize = 50;

/// What a second identical round may add to the memory of the process: what the allocator and the kernel round to.
const GROWTH_MAX_KIB: usize = 4 * 1024;

#[service]
trait Store {
    fn add(&self, a: u64, b: u64) -> u64;
    async fn later(&self, a: u64) -> u64;
    fn make(&self, n: u64) -> ThingProxy;
    /// Takes the caller's object, asks it, and lets go of it.
    async fn take(&self, thing: ThingProxy) -> Result<u64, CallError>;
}

#[service]
trait Thing {
    fn number(&self) -> u64;
}

/// Counts what lives.
struct Count(Arc<AtomicUsize>);

impl Count {
    fn one(of: &Arc<AtomicUsize>) -> Count {
        of.fetch_add(1, Ordering::Relaxed);
        Count(of.clone())
    }
}

impl Drop for Count {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[derive(Clone, Default)]
struct Living {
    stores: Arc<AtomicUsize>,
    things: Arc<AtomicUsize>,
}

impl Living {
    fn now(&self) -> (usize, usize) {
        (self.stores.load(Ordering::Relaxed), self.things.load(Ordering::Relaxed))
    }
}

struct Shop {
    living: Living,
    _count: Count,
}

#[service]
impl Store for Shop {
    fn add(&self, a: u64, b: u64) -> u64 {
        a + b
    }

    async fn later(&self, a: u64) -> u64 {
        tokio::task::yield_now().await;
        a
    }

    fn make(&self, n: u64) -> ThingProxy {
        ThingProxy::local(Number { n, _count: Count::one(&self.living.things) })
    }

    async fn take(&self, thing: ThingProxy) -> Result<u64, CallError> {
        thing.number().await
    }
}

struct Number {
    n: u64,
    _count: Count,
}

#[service]
impl Thing for Number {
    fn number(&self) -> u64 {
        self.n
    }
}

/// Two nodes that live through all rounds.
struct Stage {
    server: Node,
    client: Node,
    living: Living,
}

/// The most that was there at a time.
#[derive(Debug, Default)]
struct Peak {
    server: ConnectionStats,
    client: ConnectionStats,
    connections: usize,
    living: (usize, usize),
}

impl Peak {
    fn look(&mut self, stage: &Stage) {
        let most = |peak: &mut ConnectionStats, now: ConnectionStats| {
            peak.exports = peak.exports.max(now.exports);
            peak.imports = peak.imports.max(now.imports);
            peak.calls_awaiting = peak.calls_awaiting.max(now.calls_awaiting);
            peak.calls_running = peak.calls_running.max(now.calls_running);
            peak.permits_out = peak.permits_out.max(now.permits_out);
            peak.streams = peak.streams.max(now.streams);
        };
        most(&mut self.server, stage.server.stats().total);
        most(&mut self.client, stage.client.stats().total);
        self.connections = self.connections.max(stage.server.stats().connections);
        let (stores, things) = stage.living.now();
        self.living = (self.living.0.max(stores), self.living.1.max(things));
    }
}

async fn calls(stage: &Stage, peak: &mut Peak) {
    let connection = dial(&stage.client, &stage.server).await;
    let store: StoreProxy = connection.root().await.unwrap();
    let mut under_way = VecDeque::new();
    for n in 0..CALLS as u64 {
        let mut call = if n % 2 == 0 { store.add(n, 1) } else { store.later(n) };
        let done = begin(&mut call).await;
        under_way.push_back((n, call, done));
        if under_way.len() == CALLS_AT_ONCE {
            if n % 10_000 == 9_999 {
                peak.look(stage);
            }
            let (n, call, done) = under_way.pop_front().unwrap();
            let answer = match done {
                std::task::Poll::Ready(answer) => answer,
                std::task::Poll::Pending => call.await,
            };
            assert_eq!(answer, Ok(if n % 2 == 0 { n + 1 } else { n }));
        }
    }
    // The rest is dropped while it is under way.
    drop(under_way);
    drop(store);
    let rest = |stats: NodeStats| is_at_rest(stats);
    stage.client.until(rest).await;
    stage.server.until(rest).await;
    connection.close().await;
}

async fn objects(stage: &Stage, peak: &mut Peak) {
    let connection = dial(&stage.client, &stage.server).await;
    let store: StoreProxy = connection.root().await.unwrap();
    // Half of them are the server's, half the client's.
    for _ in 0..OBJECTS / 2 / OBJECTS_AT_ONCE {
        let mut theirs = Vec::new();
        for call in begin_all((0..OBJECTS_AT_ONCE as u64).map(|n| store.make(n))).await {
            theirs.push(call.await.unwrap());
        }
        assert_eq!(theirs[7].number().await, Ok(7));
        peak.look(stage);
        drop(theirs);
        let ours = (0..OBJECTS_AT_ONCE as u64).map(|n| {
            let things = stage.living.things.clone();
            store.take(stage.client.host(move || Number { n, _count: Count::one(&things) }))
        });
        let under_way = begin_all(ours).await;
        peak.look(stage);
        for (n, call) in under_way.into_iter().enumerate() {
            assert_eq!(call.await, Ok(n as u64));
        }
    }
    drop(store);
    stage.client.until(is_at_rest).await;
    stage.server.until(|stats| is_at_rest(stats) && stage.living.now().1 == 0).await;
    connection.close().await;
}

async fn connections(stage: &Stage, peak: &mut Peak) {
    for _ in 0..CONNECTIONS / CONNECTIONS_AT_ONCE {
        let mut open = Vec::new();
        for n in 0..CONNECTIONS_AT_ONCE as u64 {
            let connection = dial(&stage.client, &stage.server).await;
            let store: StoreProxy = connection.root().await.unwrap();
            let thing = store.make(n).await.unwrap();
            open.push((connection, store, thing));
        }
        // Those of the time before are gone.
        stage.server.until(|stats| stats.connections == CONNECTIONS_AT_ONCE).await;
        peak.look(stage);
        for (n, (connection, _store, thing)) in open.into_iter().enumerate() {
            assert_eq!(thing.number().await, Ok(n as u64));
            connection.close().await;
        }
    }
}

async fn round(stage: &Stage) {
    let mut peak = Peak::default();
    calls(stage, &mut peak).await;
    objects(stage, &mut peak).await;
    connections(stage, &mut peak).await;
    stage.client.until(|stats| stats == NodeStats::default()).await;
    stage.server.until(|stats| stats == NodeStats::default() && stage.living.now() == (0, 0)).await;
    // It was not empty all the time.
    assert!(peak.client.calls_awaiting >= CALLS_AT_ONCE / 2, "{peak:?}");
    assert!(peak.server.calls_running > 0, "{peak:?}");
    assert!(peak.client.permits_out > 0, "{peak:?}");
    assert!(peak.server.exports > OBJECTS_AT_ONCE, "{peak:?}");
    assert!(peak.client.imports > OBJECTS_AT_ONCE, "{peak:?}");
    assert!(peak.client.exports > 0 && peak.server.imports > 0, "{peak:?}");
    assert!(peak.client.streams >= 2 * CONNECTIONS_AT_ONCE, "{peak:?}");
    assert!(peak.server.streams >= 2 * CONNECTIONS_AT_ONCE, "{peak:?}");
    assert_eq!(peak.connections, CONNECTIONS_AT_ONCE);
    assert!(peak.living.0 >= CONNECTIONS_AT_ONCE && peak.living.1 >= OBJECTS_AT_ONCE, "{peak:?}");
}

/// A figure of `/proc/self/status`: KiB for memory, a number for threads.
fn of_this_process(figure: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(figure)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn after_calls_objects_and_connections_everything_is_as_it_was() {
    run_for(Duration::from_secs(300), async {
        let living = Living::default();
        let served = living.clone();
        let shop = move || Shop { living: served.clone(), _count: Count::one(&served.stores) };
        let server = listen(small().serve(shop)).await;
        let client = small().start().await.unwrap();
        let stage = Stage { server, client, living };
        // The first rounds warm up what stays: the allocator's arenas, the sockets' buffers, the sessions that TLS remembers.
        for _ in 0..2 {
            round(&stage).await;
        }
        let (memory, threads) = (of_this_process("VmRSS:"), of_this_process("Threads:"));
        round(&stage).await;
        let after = of_this_process("VmRSS:");
        println!("memory before the last round: {memory} KiB, after it: {after} KiB");
        assert!(after <= memory + GROWTH_MAX_KIB, "{memory} KiB before the last round, {after} KiB after it");
        assert_eq!(of_this_process("Threads:"), threads);
        stage.client.shutdown().await;
        stage.server.shutdown().await;
    });
}
