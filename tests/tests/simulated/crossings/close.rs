//! A close that crosses everything: calls both ways, callbacks, references, releases.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use duologue::prelude::*;
use duologue::testing::{self, Pair, World};
use duologue::{Ended, Ran};
use duologue_tests::events::{Bell, Heard, Tell, events};
use duologue_tests::nodes::{begin_all, settles};
use tokio::time::sleep;

use crate::guarantees::steady;

const CALLS: usize = 10;

#[service]
trait Busy {
    /// Calls back, and gives what it was given and something new.
    async fn work(
        &self,
        number: usize,
        ms: u64,
        back: Callback<fn() -> usize>,
        given: ItemProxy,
    ) -> Result<(ItemProxy, ItemProxy), CallError>;
    fn item(&self) -> ItemProxy;
}

#[service]
trait Item {
    fn side(&self) -> usize;
}

/// How often each call has begun, and an object for each that is made.
#[derive(Clone)]
struct Desk {
    side: usize,
    begun: Arc<[AtomicU8; CALLS]>,
    tell: Tell<&'static str>,
}

struct Made(usize, #[expect(dead_code, reason = "it rings when it is dropped")] Bell<&'static str>);

#[service]
impl Item for Made {
    fn side(&self) -> usize {
        self.0
    }
}

impl Desk {
    fn made(&self) -> Made {
        self.tell.tell("made");
        Made(self.side, self.tell.on_drop("dropped"))
    }
}

#[service]
impl Busy for Desk {
    async fn work(
        &self,
        number: usize,
        ms: u64,
        back: Callback<fn() -> usize>,
        given: ItemProxy,
    ) -> Result<(ItemProxy, ItemProxy), CallError> {
        self.begun[number].fetch_add(1, Ordering::Relaxed);
        sleep(Duration::from_millis(ms)).await;
        assert_eq!(back.call().await?, number);
        assert_eq!(given.side().await?, 1 - self.side);
        Ok((given, self.item()))
    }

    fn item(&self) -> ItemProxy {
        ItemProxy::local(self.made())
    }
}

#[derive(Clone, Copy, Debug)]
enum Who {
    Near,
    Far,
    Both,
}

async fn desks(world: &World) -> (Pair, [Desk; 2], Heard<&'static str>) {
    let (tell, heard) = events();
    let desk = |side| Desk { side, begun: Arc::new([const { AtomicU8::new(0) }; CALLS]), tell: tell.clone() };
    let desks = [desk(0), desk(1)];
    let [near, far] = desks.clone();
    let pair = world.pair().conditions(steady()).serve(move || far.clone());
    (pair.serve_near(move || near.clone()).await.unwrap(), desks, heard)
}

/// Work in both directions, and a close at that moment; how many calls had ended as what.
async fn closed_at(world: &World, ms: u64, who: Who) -> [usize; 4] {
    let (pair, desks, mut heard) = desks(world).await;
    let near: BusyProxy = pair.far.connection.root().await.unwrap();
    let far: BusyProxy = pair.near.connection.root().await.unwrap();
    let mut calls = Vec::new();
    let mut held = Vec::new();
    for number in 0..CALLS {
        for (side, desk) in [&far, &near].into_iter().enumerate() {
            let maker = desks[side].clone();
            let node = if side == 0 { &pair.near.node } else { &pair.far.node };
            let own: ItemProxy = node.host(move || maker.made());
            let call = desk.work(number, 10 * number as u64, move || number, own);
            calls.extend(begin_all([call]).await.into_iter().map(|call| (1 - side, number, call)));
        }
        held.push(far.item().await.unwrap());
    }
    // Releases are under way, too.
    held.truncate(5);
    sleep(Duration::from_millis(ms)).await;
    let (one, other) = (pair.near.connection.clone(), pair.far.connection.clone());
    match who {
        Who::Near => one.close_with(7, "enough").await,
        Who::Far => other.close_with(7, "enough").await,
        Who::Both => {
            tokio::join!(one.close_with(7, "enough"), other.close_with(7, "enough"));
        }
    }
    let by_peer = Ended::ByPeer { code: 7, reason: "enough".into() };
    let (expected, told) = match who {
        Who::Near => (Ended::ByUs, by_peer),
        Who::Far => (by_peer, Ended::ByUs),
        Who::Both => (one.closed().await, other.closed().await),
    };
    assert_eq!((one.closed().await, other.closed().await), (expected, told));

    let mut counts = [0; 4];
    for (side, number, call) in calls {
        let outcome = call.await;
        let begun = desks[side].begun[number].load(Ordering::Relaxed);
        let (kind, possible) = match &outcome {
            Ok(_) => (0, 1..=1),
            Err(error) => match error.ran() {
                Ran::Yes => (1, 1..=1),
                Ran::Unknown => (2, 0..=1),
                Ran::Never => (3, 0..=0),
            },
        };
        assert!(possible.contains(&begun), "call {number} to {side} began {begun} times: {outcome:?}");
        counts[kind] += 1;
    }
    for end in [&pair.near, &pair.far] {
        assert_eq!(end.connection.stats(), Default::default());
        settles(&end.node, |stats| stats == Default::default()).await;
    }
    for item in held {
        item.closed().await;
    }
    drop((pair, near, far, one, other, desks));
    // Nobody is left who could tell anything: every object is gone.
    let told = heard.to_the_end().await;
    let count = |word| told.iter().filter(|told| **told == word).count();
    assert_eq!(count("made"), count("dropped"));
    assert!(count("made") > 2 * CALLS, "{told:?}");
    counts
}

#[test]
fn a_close_crossing_everything() {
    testing::run(1, async |world| {
        let mut sum = [0; 4];
        for who in [Who::Near, Who::Far, Who::Both] {
            for step in 0..12 {
                let counts = closed_at(&world, 25 * step, who).await;
                assert_eq!(counts.iter().sum::<usize>(), 2 * CALLS);
                sum = std::array::from_fn(|kind| sum[kind] + counts[kind]);
            }
        }
        let [answered, failed, unknown, _] = sum;
        assert!(answered > 50 && failed + unknown > 50, "{sum:?}");
    });
}
