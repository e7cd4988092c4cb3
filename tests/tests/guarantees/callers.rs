//! One proxy is called from tasks of several runtimes at a time, of many threads and of one, and a runtime that ends takes only its own calls along.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use duologue::prelude::*;
use duologue_tests::events::Gate;
use duologue_tests::nodes::{PATIENCE, pair, run};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

#[service]
trait Desk {
    async fn echo(&self, n: u64) -> u64;
    /// Answered once the gate is open.
    async fn wait(&self, n: u64) -> u64;
    /// Tells the test that it has come.
    fn mark(&self);
}

#[derive(Clone)]
struct Served(Gate, Sender<()>);

fn served() -> (Served, Gate, Receiver<()>) {
    let (gate, (tell, told)) = (Gate::new(), channel());
    (Served(gate.clone(), tell), gate, told)
}

#[service]
impl Desk for Served {
    async fn echo(&self, n: u64) -> u64 {
        n
    }

    async fn wait(&self, n: u64) -> u64 {
        self.0.pass().await;
        n
    }

    fn mark(&self) {
        let _ = self.1.send(());
    }
}

fn threads(count: usize) -> Runtime {
    Builder::new_multi_thread().worker_threads(count).enable_all().build().unwrap()
}

/// 100 tasks that make 50 calls each.
async fn work(desk: DeskProxy) -> u64 {
    let mut tasks = JoinSet::new();
    for n in 0..100 {
        let desk = desk.clone();
        tasks.spawn(async move {
            for i in 0..50 {
                assert_eq!(desk.echo(n * 50 + i).await.unwrap(), n * 50 + i);
            }
            50
        });
    }
    tasks.join_all().await.into_iter().sum()
}

#[test]
fn callers_of_several_runtimes_share_a_proxy() {
    let (served, gate, _told) = served();
    run(async move {
        let nodes = pair(move || served.clone()).await;
        let desk: DeskProxy = nodes.root().await;
        let outside = std::thread::spawn({
            let (desk, gate) = (desk.clone(), gate.clone());
            move || {
                let first = threads(2);
                let kept = threads(2);
                let single = Builder::new_current_thread().enable_all().build().unwrap();
                // Calls that are under way when their runtime ends.
                for n in 0..200 {
                    let desk = desk.clone();
                    first.spawn(async move { desk.wait(n).await });
                }
                let done = first.spawn(work(desk.clone()));
                let other = kept.spawn(work(desk.clone()));
                assert_eq!(single.block_on(work(desk.clone())), 5_000);
                assert_eq!(kept.block_on(done).unwrap(), 5_000);
                single.block_on(gate.until_came(200));
                drop(first);
                assert_eq!(kept.block_on(other).unwrap(), 5_000);
                assert_eq!(kept.block_on(kept.spawn(work(desk))).unwrap(), 5_000);
            }
        });
        tokio::task::spawn_blocking(move || outside.join()).await.unwrap().unwrap();
        gate.open();
        assert_eq!(desk.wait(7).await.unwrap(), 7);
        assert_eq!(nodes.connection.stats().calls_awaiting, 0);
    });
}

#[test]
fn a_call_goes_out_although_its_runtime_does_something_else_from_then_on() {
    let (served, gate, told) = served();
    run(async move {
        let nodes = pair(move || served.clone()).await;
        let desk: DeskProxy = nodes.root().await;
        let runtime = threads(1);
        let told = Arc::new(Mutex::new(Some(told)));
        // The answers come together; whoever is woken first starts a call and keeps the only thread until the call has come.
        let tasks: Vec<_> = (0..64)
            .map(|n| {
                let (desk, told) = (desk.clone(), told.clone());
                runtime.spawn(async move {
                    desk.wait(n).await.unwrap();
                    let told = told.lock().unwrap().take();
                    if let Some(told) = told {
                        let mark = desk.mark().start();
                        told.recv_timeout(PATIENCE).unwrap();
                        mark.await.unwrap();
                    }
                })
            })
            .collect();
        gate.until_came(64).await;
        gate.open();
        for task in tasks {
            task.await.unwrap();
        }
        runtime.shutdown_background();
    });
}
