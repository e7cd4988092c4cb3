//! 9. Objects live as long as somebody holds them, whatever crosses whatever on the way.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use duologue::Ended;
use duologue::prelude::*;
use duologue::testing::{End, Pair, World};
use duologue_tests::events::{Bell, Heard, Tell, events};
use duologue_tests::nodes::{begin_all, settles};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::{at_rest, each, rough};

/// Tasks at each end, and what each of them does.
const WALKERS: u64 = 3;
const STEPS: usize = 40;

#[service]
trait House {
    fn open(&self) -> ThingProxy;
    fn echo(&self, things: Vec<ThingProxy>) -> Vec<ThingProxy>;
    /// Keeps it instead of what was kept, which the caller gets.
    fn swap(&mut self, thing: ThingProxy) -> Option<ThingProxy>;
    /// Nobody reads what comes with it.
    fn look(&self);
    fn forget(&mut self);
}

/// The same house, as somebody knows it who hands over more than it understands.
mod younger {
    use duologue::prelude::*;

    #[service(name = "House")]
    pub(super) trait Extended {
        fn look(&self, things: Vec<super::ThingProxy>);
        fn unheard_of(&self, things: Vec<super::ThingProxy>);
    }
}
use younger::ExtendedProxy;

#[service]
trait Thing {
    fn number(&self) -> u32;
}

struct Numbered {
    number: u32,
    _dropped: Bell<u32>,
}

#[service]
impl Thing for Numbered {
    fn number(&self) -> u32 {
        self.number
    }
}

/// Makes things with numbers of their own, and tells of each when it is dropped.
#[derive(Clone)]
struct Maker {
    made: Arc<AtomicU32>,
    dropped: Tell<u32>,
}

impl Maker {
    fn new() -> (Maker, Heard<u32>) {
        let (dropped, heard) = events();
        (Maker { made: Arc::default(), dropped }, heard)
    }

    fn make(&self) -> Numbered {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        Numbered { number, _dropped: self.dropped.on_drop(number) }
    }
}

#[derive(Clone)]
struct Shelf {
    maker: Maker,
    kept: Option<ThingProxy>,
}

#[service]
impl House for Shelf {
    fn open(&self) -> ThingProxy {
        ThingProxy::local(self.maker.make())
    }

    fn echo(&self, things: Vec<ThingProxy>) -> Vec<ThingProxy> {
        things
    }

    fn swap(&mut self, thing: ThingProxy) -> Option<ThingProxy> {
        self.kept.replace(thing)
    }

    fn look(&self) {}

    fn forget(&mut self) {
        self.kept = None;
    }
}

/// Two nodes that both serve a shelf, and share a maker.
async fn shelves(world: &World) -> (Pair, Maker, Heard<u32>) {
    let (maker, heard) = Maker::new();
    let shelf = Shelf { maker: maker.clone(), kept: None };
    let other = shelf.clone();
    let pair = world.pair().conditions(rough()).serve(move || shelf.clone());
    (pair.serve_near(move || other.clone()).await.unwrap(), maker, heard)
}

/// Makes, fetches, hands over, asks and drops things at random; whatever it holds answers with its number.
async fn walk(end: End, maker: Maker, mut dice: StdRng) {
    let house: HouseProxy = end.connection.root().await.unwrap();
    let extended: ExtendedProxy = end.connection.root().await.unwrap();
    let mut held: Vec<ThingProxy> = Vec::new();
    for _ in 0..STEPS {
        let some = |dice: &mut StdRng| -> Vec<ThingProxy> {
            held.iter().filter(|_| dice.random_bool(0.5)).cloned().collect()
        };
        match dice.random_range(0..10) {
            0 | 1 => held.push(house.open().await.unwrap()),
            2 => {
                let maker = maker.clone();
                held.push(end.node.host(move || maker.make()));
            }
            3 => {
                let things = some(&mut dice);
                assert_eq!(house.echo(things.clone()).await, Ok(things), "the same objects come back");
            }
            4 if !held.is_empty() => {
                // The last holder may drop it while it goes home.
                let thing = held.swap_remove(dice.random_range(0..held.len()));
                held.extend(house.swap(thing).await.unwrap());
            }
            5 => {
                let calls = begin_all([house.echo(some(&mut dice))]).await;
                sleep(Duration::from_millis(dice.random_range(0..120))).await;
                drop(calls);
            }
            6 => {
                assert_eq!(extended.look(some(&mut dice)).await, Ok(()));
                let missing = extended.unheard_of(some(&mut dice)).await;
                assert_eq!(missing, Err(CallError::NoSuchMethod("House::unheard_of".into())));
            }
            7 if !held.is_empty() => drop(held.swap_remove(dice.random_range(0..held.len()))),
            8 => {
                for thing in &held {
                    assert!(thing.number().await.unwrap() < maker.made.load(Ordering::Relaxed));
                }
            }
            _ => sleep(Duration::from_millis(dice.random_range(0..80))).await,
        }
    }
    house.forget().await.unwrap();
}

#[test]
fn guarantee_09_objects_live_as_long_as_somebody_holds_them() {
    each(async |world| {
        let (pair, maker, mut heard) = shelves(&world).await;
        let mut walkers = JoinSet::new();
        for walker in 0..WALKERS {
            for (side, end) in [&pair.near, &pair.far].into_iter().enumerate() {
                let dice = StdRng::seed_from_u64(world.seed() << 8 | walker << 1 | side as u64);
                walkers.spawn_local(walk(end.clone(), maker.clone(), dice));
            }
        }
        while let Some(done) = walkers.join_next().await {
            done.unwrap();
        }
        // A walker may have put something there after another one had it forgotten.
        for end in [&pair.near, &pair.far] {
            end.connection.root::<HouseProxy>().await.unwrap().forget().await.unwrap();
        }
        at_rest(&pair).await;
        let made = maker.made.load(Ordering::Relaxed);
        assert!(made > 30, "{made}");
        let mut dropped = heard.so_far();
        dropped.sort_unstable();
        assert_eq!(dropped, (0..made).collect::<Vec<_>>(), "each is dropped, and only once nobody holds it");
    });
}

#[test]
fn guarantee_09_objects_live_until_the_last_of_several_holders_lets_go() {
    each(async |world| {
        let (pair, maker, mut heard) = shelves(&world).await;
        let house: HouseProxy = pair.root().await.unwrap();
        let thing: ThingProxy = pair.near.node.host({
            let maker = maker.clone();
            move || maker.make()
        });
        assert_eq!(house.swap(thing.clone()).await, Ok(None));
        drop(thing);
        // Only the far node holds it now, and hands it back while it keeps it.
        let other = house.open().await.unwrap();
        let back = house.swap(other.clone()).await.unwrap().expect("it was kept");
        assert_eq!(back.number().await, Ok(0));
        assert_eq!(heard.so_far(), []);
        drop(back);
        assert_eq!(heard.next().await, 0);
        drop(other);
        pair.near.connection.ping().await.unwrap();
        assert_eq!(heard.so_far(), [], "the far node keeps its own");
        house.forget().await.unwrap();
        assert_eq!(heard.next().await, 1);
        drop(house);
        at_rest(&pair).await;
    });
}

#[test]
fn guarantee_09_a_dead_connection_releases_all_it_held() {
    each(async |world| {
        let (pair, maker, mut heard) = shelves(&world).await;
        let house: HouseProxy = pair.root().await.unwrap();
        let mut held = Vec::new();
        for _ in 0..5 {
            held.push(house.open().await.unwrap());
            let maker = maker.clone();
            let own: ThingProxy = pair.near.node.host(move || maker.make());
            assert!(house.swap(own).await.is_ok());
        }
        // What was kept before came back each time, and was dropped.
        assert_eq!(heard.take(4).await, [1, 3, 5, 7]);
        pair.partition();
        for end in [&pair.near, &pair.far] {
            assert_eq!(end.connection.closed().await, Ended::TimedOut);
            settles(&end.node, |stats| stats == Default::default()).await;
        }
        // The far node's: its holders are cut off. The near node's: the instance that kept it was made for the connection.
        let mut dropped = heard.take(6).await;
        dropped.sort_unstable();
        assert_eq!(dropped, [0, 2, 4, 6, 8, 9]);
        for thing in held {
            thing.closed().await;
            assert!(matches!(thing.number().await, Err(CallError::Disconnected { .. })));
        }
    });
}
