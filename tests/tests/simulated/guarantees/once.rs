//! 4. At most once: a call runs once or never, has one outcome, and an error says which of both as far as anybody can know.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use duologue::prelude::*;
use duologue::{Config, Ran};
use duologue_tests::nodes::{UnderWay, begin_all};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::time::sleep;

use super::{each, rough};

const CALLS: usize = 150;

#[service]
trait Till {
    async fn pay(&self, number: usize, ms: u64) -> Result<usize, String>;
    async fn pay_alone(&mut self, number: usize, ms: u64) -> Result<usize, String>;
    async fn break_down(&self, number: usize) -> Result<usize, String>;
}

/// How often each call has begun.
#[derive(Clone)]
struct Ledger(Arc<[AtomicU8; CALLS]>);

impl Ledger {
    async fn enter(&self, number: usize, ms: u64) -> Result<usize, String> {
        self.0[number].fetch_add(1, Ordering::Relaxed);
        sleep(Duration::from_millis(ms)).await;
        if number.is_multiple_of(7) { Err(format!("{number} is refused")) } else { Ok(number) }
    }
}

#[service]
impl Till for Ledger {
    async fn pay(&self, number: usize, ms: u64) -> Result<usize, String> {
        self.enter(number, ms).await
    }

    async fn pay_alone(&mut self, number: usize, ms: u64) -> Result<usize, String> {
        self.enter(number, ms).await
    }

    async fn break_down(&self, number: usize) -> Result<usize, String> {
        self.0[number].fetch_add(1, Ordering::Relaxed);
        panic!("jammed");
    }
}

#[test]
fn guarantee_04_at_most_once() {
    let seen: RefCell<BTreeMap<&'static str, usize>> = RefCell::default();
    each(async |world| {
        let ledger = Ledger(Arc::new([const { AtomicU8::new(0) }; CALLS]));
        let (runs, mut config) = (ledger.0.clone(), Config::default());
        config.object_permits = 80;
        let far = |node: duologue::NodeBuilder| {
            node.config(config.clone()).on_this_thread().serve(move || ledger.clone())
        };
        let pair = world.pair().conditions(rough()).far(far).await.unwrap();
        let till: TillProxy = pair.root().await.unwrap();
        let mut dice = StdRng::seed_from_u64(world.seed());
        let calls = begin_all((0..CALLS).map(|number| {
            let ms = dice.random_range(0..60);
            let call = match dice.random_range(0..8) {
                0 => till.break_down(number),
                1 | 2 => till.pay_alone(number, ms),
                _ => till.pay(number, ms),
            };
            let patience = dice.random_range(40..20_000) * if number.is_multiple_of(3) { 20 } else { 1 };
            call.timeout(Duration::from_millis(patience))
        }));
        let mut kept: Vec<(usize, UnderWay<_>)> = Vec::new();
        for (number, call) in calls.await.into_iter().enumerate() {
            // One in ten is given up at once: it may run or not, but not twice.
            if !dice.random_bool(0.1) {
                kept.push((number, call));
            }
        }
        // What is under way now is lost or delayed, on half of the seeds with the connection: some wait for longer than it lasts.
        sleep(Duration::from_millis(dice.random_range(50..400))).await;
        pair.partition();
        if world.seed().is_multiple_of(2) {
            sleep(Duration::from_secs(2)).await;
            pair.heal();
        }

        for (number, call) in kept {
            let outcome = call.await;
            let ran = match &outcome {
                Ok(paid) => {
                    assert_eq!(*paid, number);
                    Ran::Yes
                }
                Err(CallError::App(text)) => {
                    assert_eq!(*text, format!("{number} is refused"));
                    Ran::Yes
                }
                Err(error) => error.ran(),
            };
            let (word, possible) = match ran {
                Ran::Never => ("never", 0..=0),
                Ran::Yes => ("yes", 1..=1),
                Ran::Unknown => ("unknown", 0..=1),
            };
            let times = runs[number].load(Ordering::Relaxed);
            assert!(possible.contains(&times), "call {number} ran {times} times: {outcome:?}");
            *seen.borrow_mut().entry(word).or_default() += 1;
        }
        // Whatever still comes late begins nothing a second time.
        sleep(Duration::from_secs(60)).await;
        let most = runs.iter().map(|run| run.load(Ordering::Relaxed)).max();
        assert_eq!(most, Some(1));
    });
    if std::env::var("DUOLOGUE_SEED").is_err() {
        let seen = seen.into_inner();
        assert_eq!(seen.keys().copied().collect::<Vec<_>>(), ["never", "unknown", "yes"], "{seen:?}");
    }
}
