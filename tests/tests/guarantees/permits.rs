//! A flooded object makes its own callers wait; neighbours are served, and calls made inside handlers find a permit.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use duologue::Config;
use duologue::prelude::*;
use duologue_tests::events::Gate;
use duologue_tests::nodes::{begin_all, pair_of, run, small};

#[service]
trait Flood {
    async fn hold(&self) -> u32;
    fn ping(&self) -> u32;
    /// Waits like `hold`, then calls back.
    async fn hold_and_call(&self, f: Callback<fn() -> Result<u32, String>>) -> Result<u32, String>;
}

#[derive(Clone, Default)]
struct Lock {
    gate: Gate,
    inner: Gate,
    running: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl Lock {
    async fn wait(&self) {
        let running = self.running.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(running, Ordering::Relaxed);
        self.gate.pass().await;
        self.running.fetch_sub(1, Ordering::Relaxed);
    }
}

#[service]
impl Flood for Lock {
    async fn hold(&self) -> u32 {
        self.wait().await;
        1
    }

    fn ping(&self) -> u32 {
        2
    }

    async fn hold_and_call(&self, f: Callback<fn() -> Result<u32, String>>) -> Result<u32, String> {
        self.inner.pass().await;
        f.call().await.map_err(|e| e.to_string())
    }
}

#[test]
fn calls_beyond_the_permits_of_an_object_wait_at_their_caller_and_nobody_is_refused() {
    run(async {
        let (lock, other) = (Lock::default(), Lock::default());
        let (gate, most) = (lock.gate.clone(), lock.most.clone());
        let server = small().serve(move || lock.clone()).service("Neighbour", move || other.clone());
        let pair = pair_of(server, small()).await;
        let flood: FloodProxy = pair.root().await;
        let neighbour: FloodProxy = pair.connection.service("Neighbour").await.unwrap();
        let calls = begin_all((0..5_000).map(|_| flood.hold())).await;
        pair.running(4_096).await;
        let here = pair.connection.stats();
        assert_eq!((here.calls_awaiting, here.permits_out), (5_000, 4_096));
        for _ in 0..10 {
            assert_eq!(neighbour.ping().await, Ok(2), "the neighbour is served");
        }
        gate.until_came(4_096).await;
        assert_eq!(pair.server.stats().total.calls_running, 4_096, "nothing more has come");
        gate.open();
        for call in calls {
            assert_eq!(call.await, Ok(1));
        }
        assert_eq!(most.load(Ordering::Relaxed), 4_096);
        assert_eq!(pair.connection.stats().permits_out, 0);
    });
}

#[test]
fn callbacks_and_what_they_call_find_permits_when_all_others_are_out() {
    run(async {
        let lock = Lock::default();
        let (gate, inner) = (lock.gate.clone(), lock.inner.clone());
        let pair = pair_of(small().serve(move || lock.clone()), small()).await;
        let flood: FloodProxy = pair.root().await;
        let again = flood.clone();
        let back = Callback::new_async(async move || again.ping().await.map_err(|e| e.to_string()));
        let mut first = begin_all([flood.hold_and_call(back)]).await;
        let calls = begin_all((0..4_200).map(|_| flood.hold())).await;
        pair.running(4_096).await;
        inner.open();
        assert_eq!(first.remove(0).await, Ok(2), "its callback called the flooded object itself");
        gate.open();
        for call in calls {
            assert_eq!(call.await, Ok(1));
        }
    });
}

#[test]
fn the_permits_of_both_sides_count_and_the_smaller_number_holds() {
    run(async {
        for smaller_at_the_server in [true, false] {
            let lock = Lock::default();
            let gate = lock.gate.clone();
            let mut config = Config::default();
            config.object_permits = 20;
            let (mut server, mut client) = (small(), small());
            if smaller_at_the_server {
                server = server.config(config).arbiters(1);
            } else {
                client = client.config(config).arbiters(1);
            }
            let pair = pair_of(server.serve(move || lock.clone()), client).await;
            let flood: FloodProxy = pair.root().await;
            let calls = begin_all((0..50).map(|_| flood.hold())).await;
            pair.running(10).await;
            pair.connection.ping().await.unwrap();
            assert_eq!(
                pair.server.stats().total.calls_running,
                10,
                "half of twenty is kept for nested calls"
            );
            gate.open();
            for call in calls {
                assert_eq!(call.await, Ok(1));
            }
        }
    });
}

#[test]
fn a_few_flooded_objects_leave_their_neighbours_a_permit_of_the_connection() {
    run(async {
        let lock = Lock::default();
        let gate = lock.gate.clone();
        let mut server = small();
        for name in ["a", "b", "c", "d", "e", "f"] {
            let lock = lock.clone();
            server = server.service(name, move || lock.clone());
        }
        let pair = pair_of(server.serve(Lock::default), small()).await;
        let mut calls = Vec::new();
        for name in ["a", "b", "c", "d", "e", "f"] {
            let flood: FloodProxy = pair.connection.service(name).await.unwrap();
            calls.extend(begin_all((0..4_200).map(|_| flood.hold())).await);
        }
        let neighbour: FloodProxy = pair.root().await;
        assert_eq!(neighbour.ping().await, Ok(2));
        gate.open();
        for call in calls {
            assert_eq!(call.await, Ok(1));
        }
        assert_eq!(pair.connection.stats().permits_out, 0);
    });
}
