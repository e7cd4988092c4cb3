//! Random walks of two real sides that exchange real bytes over streams which deliver when the dice say so.
//!
//! What is shown, after any order of deliveries: the invariants I1 to I6 of the manual's wire page for honest
//! peers ([`check`], [`book`], [`watch`]), I9 for a hostile one ([`hostile`]), and that each of the deliberate
//! breaks in [`Mutation`] is noticed. What is not: the turn (I7, I8: `turn/walks.rs`) and freedom from deadlocks
//! over permits (`permits/nesting.rs`). Nor references that go over several connections: each connection has tables of its own, which share
//! nothing but handles, so that two of them are all a walk needs; what passes between is an object like any other here, and the simulated
//! tests send it over three nodes.
//!
//! `DUOLOGUE_SEEDS=60000` runs the full number (a minute on 2 cores with `--release`); `DUOLOGUE_SEED=n` repeats one.

mod bodies;
mod book;
mod caller;
mod check;
mod dice;
mod flow;
mod host;
mod hostile;
mod peer;
mod streams;
mod watch;
mod world;

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Once;
use std::task::{Context, Waker};

use dice::{Act, Tally};
use tokio::task::LocalSet;
use world::{Kind, World};

use super::{MUTATION, Mutation};
use crate::node::Worker;

/// Steps of a walk before it comes to rest.
const STEPS: usize = 400;
/// Walks of an ordinary test run.
const SEEDS: u64 = 1_000;

#[test]
fn sixty_thousand_seeds_hold() {
    if let Some(seed) = number("DUOLOGUE_SEED") {
        on_a_worker(|worker| World::new(seed, kind(seed), 1, worker).run(STEPS));
        return;
    }
    let seeds = number("DUOLOGUE_SEEDS").unwrap_or(SEEDS);
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
    let mut tallies = vec![Tally::default(); Kind::ALL.len()];
    let parts: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|n| scope.spawn(move || walks(n, seeds, threads))).collect();
        threads.into_iter().map(|t| t.join().expect("panics are caught")).collect()
    });
    for part in parts {
        let part = part.unwrap_or_else(|(seed, what)| {
            panic!("seed {seed} ({:?}): {what}\nto repeat it: DUOLOGUE_SEED={seed}", kind(seed))
        });
        tallies.iter_mut().zip(&part).for_each(|(sum, tally)| sum.add(tally));
    }
    for (kind, tally) in Kind::ALL.into_iter().zip(&tallies) {
        let own: &[Act] = match kind {
            Kind::Rest => &[Act::BodyRefused],
            Kind::Drained => &[Act::Drain],
            Kind::Closed => &[Act::Close, Act::End],
            Kind::Broken => &[Act::End],
        };
        for &act in Act::COMMON.iter().chain(own) {
            assert!(tally.of(act) > 0, "{act:?} never happened in a walk of kind {kind:?}");
        }
    }
}

#[test]
fn each_mutation_is_caught() {
    let uncaught: Vec<Mutation> = Mutation::ALL.into_iter().filter(|&m| !is_caught(m)).collect();
    assert!(uncaught.is_empty(), "nobody notices {uncaught:?}");
}

fn is_caught(mutation: Mutation) -> bool {
    on_a_worker(|worker| {
        MUTATION.set(Some(mutation));
        let caught = (0..4_000).find_map(|seed| Some((seed, walk(seed, 1, worker).err()?)));
        MUTATION.set(None);
        if let Some((seed, what)) = &caught {
            println!("{mutation:?}: seed {seed}: {what}");
        }
        caught.is_some()
    })
}

type Tallies = Vec<Tally>;

/// Every `of`-th walk from `first` on.
fn walks(first: u64, seeds: u64, of: u64) -> Result<Tallies, (u64, String)> {
    on_a_worker(|worker| {
        let mut tallies = vec![Tally::default(); Kind::ALL.len()];
        for seed in (first..seeds).step_by(of as usize) {
            let tally = walk(seed, CHECK_EVERY, worker).map_err(|what| (seed, what))?;
            tallies[(seed % Kind::ALL.len() as u64) as usize].add(&tally);
        }
        Ok(tallies)
    })
}

/// Without optimization the books take most of the time.
const CHECK_EVERY: usize = if cfg!(debug_assertions) { 4 } else { 1 };

fn kind(seed: u64) -> Kind {
    Kind::ALL[(seed % Kind::ALL.len() as u64) as usize]
}

/// One walk; what it did, or the promise that was broken.
fn walk(seed: u64, check_every: usize, worker: &Worker) -> Result<Tally, String> {
    // A world that broke a promise is not dropped: its drops could break another while the panic unwinds.
    let mut world = ManuallyDrop::new(World::new(seed, kind(seed), check_every, worker));
    quietly(|| world.run(STEPS))?;
    Ok(ManuallyDrop::into_inner(world).dice.tally)
}

/// Runs `f` with a panic as its error, of which nothing is printed.
fn quietly<R>(f: impl FnOnce() -> R) -> Result<R, String> {
    thread_local! {
        static QUIET: Cell<bool> = const { Cell::new(false) };
        static LAST: RefCell<String> = const { RefCell::new(String::new()) };
    }
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(
            move |info| {
                if QUIET.get() { LAST.set(info.to_string()) } else { before(info) }
            },
        ));
    });
    QUIET.set(true);
    let result = catch_unwind(AssertUnwindSafe(f));
    QUIET.set(false);
    result.map_err(|_| LAST.take())
}

thread_local! {
    /// What the sides of this thread's walk have spawned.
    static TASKS: RefCell<LocalSet> = RefCell::default();
}

/// Lets all tasks go as far as they can.
fn run_tasks() {
    // One poll runs so many of them; what passes calls on needs few.
    let mut context = Context::from_waker(Waker::noop());
    let _ = TASKS.with_borrow_mut(|tasks| Pin::new(tasks).poll(&mut context));
}

/// Runs `f` where a [`Worker`] lives and the clock stands still.
fn on_a_worker<R>(f: impl FnOnce(&Worker) -> R) -> R {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime needs no resources but memory");
    let _runtime = runtime.enter();
    TASKS.replace(LocalSet::new());
    let _local = TASKS.with_borrow(LocalSet::enter);
    let worker = Worker::here();
    let result = f(&worker);
    // Like a world that broke a promise: its tasks are not dropped.
    std::mem::forget(TASKS.take());
    result
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}
