//! Calls through results that have not arrived: a chain of them costs one round trip.

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
