//! Calls through results that have not arrived: a chain of them costs one round trip, and large arguments keep their place among them.

use std::time::Duration;

use duologue::prelude::*;
use duologue::testing::{self, Conditions};
use tokio::time::Instant;

#[service]
trait Folder {
    async fn open(&self, name: &str) -> Result<FolderProxy, String>;
    fn path(&self) -> String;
}

struct Directory(String);

#[service]
impl Folder for Directory {
    async fn open(&self, name: &str) -> Result<FolderProxy, String> {
        if name == "missing" {
            return Err("no such folder".into());
        }
        Ok(FolderProxy::local(Directory(format!("{}/{name}", self.0))))
    }

    fn path(&self) -> String {
        self.0.clone()
    }
}

const ROUND_TRIP: Duration = Duration::from_millis(100);

#[test]
fn three_dependent_calls_cost_one_round_trip() {
    testing::run(1, async |world| {
        let fifty_ms = Conditions::default().delay(ROUND_TRIP / 2);
        let pair = world.pair().conditions(fifty_ms).serve(|| Directory(String::new())).await.unwrap();
        let root: FolderProxy = pair.root().await.unwrap();
        let start = Instant::now();
        let path = root.open("a").pipelined().open("b").pipelined().path().await;
        assert_eq!((path, start.elapsed()), (Ok("/a/b".into()), ROUND_TRIP));
        let start = Instant::now();
        let path = root.open("a").await.unwrap().open("b").await.unwrap().path().await;
        assert_eq!((path, start.elapsed()), (Ok("/a/b".into()), 3 * ROUND_TRIP));
        let start = Instant::now();
        let deep = root.open("a").pipelined().open("missing").pipelined().open("c").pipelined().path().await;
        assert!(matches!(deep, Err(CallError::BrokenPromise(_))), "{deep:?}");
        assert_eq!(start.elapsed(), ROUND_TRIP);
    });
}

#[test]
fn pipelined_calls_survive_a_rough_link_in_order() {
    let seeds = 0..6;
    testing::run_each(seeds, async |world| {
        let rough = Conditions::default()
            .delay(Duration::from_millis(30))
            .jitter(Duration::from_millis(10))
            .loss(0.05);
        let pair = world.pair().conditions(rough).serve(|| Directory(String::new())).await.unwrap();
        let root: FolderProxy = pair.root().await.unwrap();
        for n in 0..20 {
            let folder = root.open(&format!("{n}")).pipelined();
            let paths: Vec<_> =
                (0..5).map(|k| folder.open(&format!("{k}")).pipelined().path().start()).collect();
            for (k, path) in paths.into_iter().enumerate() {
                assert_eq!(path.await, Ok(format!("/{n}/{k}")));
            }
            assert_eq!(folder.await.unwrap().path().await, Ok(format!("/{n}")));
        }
        drop(root);
        pair.far.node.until(|stats| stats.total.answers_kept == 0).await;
    });
}

/// Notes what is written to it.
#[service]
trait Sheet {
    async fn write(&mut self, data: Bytes) -> usize;
    fn clear(&mut self);
    fn lengths(&self) -> Vec<usize>;
}

#[derive(Default)]
struct Paper(Vec<usize>);

#[service]
impl Sheet for Paper {
    async fn write(&mut self, data: Bytes) -> usize {
        self.0.push(data.len());
        self.0.len()
    }
    fn clear(&mut self) {
        self.0.push(0);
    }
    fn lengths(&self) -> Vec<usize> {
        self.0.clone()
    }
}

#[service]
trait Desk {
    async fn sheet(&self, after: Duration) -> Result<SheetProxy, String>;
}

struct Drawer;

#[service]
impl Desk for Drawer {
    async fn sheet(&self, after: Duration) -> Result<SheetProxy, String> {
        tokio::time::sleep(after).await;
        if after.is_zero() { Err("no paper".into()) } else { Ok(SheetProxy::local(Paper::default())) }
    }
}

const LARGE: usize = 9_000;

fn large() -> Bytes {
    Bytes::from(vec![7; LARGE])
}

#[test]
fn a_large_call_through_a_promise_holds_its_place_and_costs_a_round_trip_more() {
    testing::run(1, async |world| {
        let fifty_ms = Conditions::default().delay(ROUND_TRIP / 2);
        let pair = world.pair().conditions(fifty_ms).serve(|| Drawer).await.unwrap();
        let desk: DeskProxy = pair.root().await.unwrap();
        // The answer comes before the body, at the same time, and after it.
        for (millis, trips) in [(1, 2), (100, 2), (400, 5)] {
            let start = Instant::now();
            let sheet = desk.sheet(Duration::from_millis(millis)).pipelined();
            let written = sheet.write(large()).start();
            sheet.clear().notify().await.unwrap();
            let lengths = sheet.lengths();
            assert_eq!(lengths.await, Ok(vec![LARGE, 0]), "nothing overtakes it");
            assert_eq!(start.elapsed(), ROUND_TRIP * trips, "{millis}");
            assert_eq!(written.await, Ok(1));
            assert_eq!(sheet.await.unwrap().write(large()).await, Ok(3));
        }
        drop(desk);
        pair.far.node.until(|stats| stats.total.answers_kept == 0 && stats.memory == 0).await;
    });
}

#[test]
fn a_large_call_on_a_promise_that_breaks_or_on_which_nobody_waits_leaves_nothing() {
    testing::run(2, async |world| {
        let fifty_ms = Conditions::default().delay(ROUND_TRIP / 2);
        let pair = world.pair().conditions(fifty_ms).serve(|| Drawer).await.unwrap();
        let desk: DeskProxy = pair.root().await.unwrap();
        let broken = desk.sheet(Duration::ZERO).pipelined();
        let written = broken.write(large()).start();
        broken.write(large()).notify().await.unwrap();
        assert_eq!(written.await, Err(CallError::BrokenPromise("no paper".into())));

        // Given up at every stage: announced, asked for, under way, whole and waiting for the answer.
        for millis in (0..250).step_by(10) {
            let sheet = desk.sheet(Duration::from_millis(250)).pipelined();
            let written = sheet.write(large()).timeout(Duration::from_millis(millis));
            let (given_up, lengths) = tokio::join!(written, sheet.lengths());
            assert!(matches!(given_up, Err(CallError::Deadline { .. })), "{given_up:?}");
            assert_eq!(lengths, Ok(vec![]), "{millis}: it has left its line");
        }
        drop((broken, desk));
        pair.far.node.until(|stats| stats.total.answers_kept == 0 && stats.memory == 0).await;
        pair.near.node.until(|stats| stats.total.calls_awaiting == 0).await;
    });
}

#[test]
fn large_calls_through_promises_survive_a_rough_link_in_order() {
    let seeds = 0..4;
    testing::run_each(seeds, async |world| {
        let rough = Conditions::default()
            .delay(Duration::from_millis(30))
            .jitter(Duration::from_millis(10))
            .loss(0.05);
        let pair = world.pair().conditions(rough).serve(|| Drawer).await.unwrap();
        let desk: DeskProxy = pair.root().await.unwrap();
        for n in 1..=10 {
            let sheet = desk.sheet(Duration::from_millis(20 * n)).pipelined();
            let all = [20, 100_000, 20, LARGE, 300_000, 5];
            let calls: Vec<_> =
                all.iter().map(|&len| sheet.write(Bytes::from(vec![7; len])).start()).collect();
            for (k, call) in calls.into_iter().enumerate() {
                assert_eq!(call.await, Ok(k + 1));
            }
            assert_eq!(sheet.lengths().await, Ok(all.to_vec()));
        }
        drop(desk);
        pair.far.node.until(|stats| stats.total.answers_kept == 0 && stats.memory == 0).await;
    });
}
