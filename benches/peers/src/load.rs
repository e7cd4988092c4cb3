//! The load every client makes: `in_flight` calls of `add` at any time, for a while, and what came of it.
//!
//! Nothing is shared between the tasks while they run but a phase they read, so that counting costs the same on one
//! thread and on many. Latency is sampled: looking at the clock for every call would show in the figures.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tokio::task::JoinHandle;

use crate::Fault;
use crate::cpu;
use crate::report::Report;

/// Of how many calls one is timed, unless there is only one at a time.
const SAMPLE_EVERY: u64 = 64;

/// How much load, and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) in_flight: u32,
    /// Before anything is counted.
    pub(crate) warm_up: Duration,
    /// While it is counted.
    pub(crate) measured: Duration,
}

impl Plan {
    /// Of how many calls one is timed.
    pub(crate) fn sample_every(&self) -> u64 {
        if self.in_flight == 1 { 1 } else { SAMPLE_EVERY }
    }
}

/// The arguments of the `n`th call: small numbers that take three bytes each, so all frames are of one length.
pub(crate) fn arguments(n: u64) -> (i64, i64) {
    (1_000 + (n % 30_000) as i64, 2_000)
}

/// Latencies from 1 ns to a minute, to three digits.
pub(crate) fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000_000, 3)
        .expect("the bounds are in order and the digits at most five")
}

/// Whoever can be asked for a sum: each task has a clone of its own.
pub(crate) trait Adder: Clone + Send + Sync + 'static {
    fn add(&self, a: i64, b: i64) -> impl Future<Output = Result<i64, Fault>> + Send;
}

/// A task of the load, on its way to where the program under test has its callers.
pub(crate) type Task = Pin<Box<dyn Future<Output = Result<Tally, Fault>> + Send>>;

/// Keeps `in_flight` tasks calling, each awaiting one call after another.
pub(crate) async fn drive(
    plan: Plan,
    adder: impl Adder,
    spawn: impl Fn(Task) -> JoinHandle<Result<Tally, Fault>>,
) -> Result<Report, Fault> {
    let phase = Arc::new(Phase::default());
    let tasks: Vec<_> = (0..plan.in_flight)
        .map(|first| {
            spawn(Box::pin(caller(u64::from(first), plan.sample_every(), adder.clone(), phase.clone())))
        })
        .collect();
    tokio::time::sleep(plan.warm_up).await;
    let cpu_before = cpu::used()?;
    let begin = Instant::now();
    phase.set(MEASURED);
    tokio::time::sleep(plan.measured).await;
    phase.set(OVER);
    let elapsed = begin.elapsed();
    let cpu = cpu::used()?.saturating_sub(cpu_before);

    let mut latencies = histogram();
    let (mut measured, mut all) = (0, 0);
    for task in tasks {
        let tally = task.await??;
        measured += tally.measured;
        all += tally.all;
        for sample in tally.samples {
            latencies.saturating_record(sample);
        }
    }
    Ok(Report::new(measured, all, elapsed, cpu, &latencies))
}

/// What one task saw.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    measured: u64,
    all: u64,
    /// Nanoseconds.
    samples: Vec<u64>,
}

async fn caller(mut n: u64, sample_every: u64, adder: impl Adder, phase: Arc<Phase>) -> Result<Tally, Fault> {
    let mut tally = Tally::default();
    loop {
        let (a, b) = arguments(n);
        let timed = n.is_multiple_of(sample_every).then(Instant::now);
        let sum = adder.add(a, b).await?;
        if sum != a + b {
            return Err(format!("{a} + {b} came back as {sum}").into());
        }
        n += 1;
        tally.all += 1;
        match phase.get() {
            WARM_UP => {}
            MEASURED => {
                tally.measured += 1;
                if let Some(begin) = timed {
                    tally.samples.push(begin.elapsed().as_nanos() as u64);
                }
            }
            _ => return Ok(tally),
        }
    }
}

const WARM_UP: u8 = 0;
const MEASURED: u8 = 1;
const OVER: u8 = 2;

/// Written twice in a run and read by every task: it stays in every core's cache.
#[derive(Debug, Default)]
struct Phase(AtomicU8);

impl Phase {
    fn set(&self, phase: u8) {
        self.0.store(phase, Ordering::Release);
    }

    fn get(&self) -> u8 {
        self.0.load(Ordering::Acquire)
    }
}
