//! The load of the works that call: `in_flight` calls on each connection at any time, for a while, and what came of it.
//!
//! Nothing is shared between the tasks while they run but a phase they read, so that counting costs the same on one
//! thread and on many. Latency is sampled: looking at the clock for every call would show in the figures.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tokio::task::JoinHandle;

use crate::Fault;
use crate::cpu;
use crate::peer::{BULK_BYTE, Client, Echoed};
use crate::report::Report;
use crate::work::Work;

/// Of how many calls one is timed, unless there are few at a time.
const SAMPLE_EVERY: u64 = 64;

/// How much load, and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) work: Work,
    /// Before anything is counted.
    pub(crate) warm_up: Duration,
    /// While it is counted.
    pub(crate) measured: Duration,
    /// Of a transfer, for the works that have one.
    pub(crate) bulk_bytes: u64,
    /// The server's process, to look at its memory.
    pub(crate) server_pid: u32,
}

impl Plan {
    /// Of how many calls one is timed.
    pub(crate) fn sample_every(&self) -> u64 {
        if self.work.in_flight() <= 4 { 1 } else { SAMPLE_EVERY }
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

/// Keeps `in_flight` tasks calling on each connection, each awaiting one call after another.
pub(crate) async fn drive<C: Client>(
    plan: Plan,
    clients: Vec<C>,
    spawn: impl Fn(Caller<C>) -> JoinHandle<Result<Tally, Fault>>,
) -> Result<Report, Fault> {
    let phase = Arc::new(Phase::default());
    let payload = match plan.work {
        Work::Echo { size, .. } => Some((C::payload(size), size)),
        _ => None,
    };
    let mut tasks = Vec::new();
    for client in &clients {
        for _ in 0..plan.work.in_flight() {
            tasks.push(spawn(Caller {
                client: client.clone(),
                payload: payload.clone(),
                first: tasks.len() as u64,
                sample_every: plan.sample_every(),
                phase: phase.clone(),
            }));
        }
    }
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
    Ok(Report::counted(measured, all, elapsed, cpu).with_latency(&latencies))
}

/// One task of the load, on its way to where the program under test has its callers.
#[derive(Debug)]
pub(crate) struct Caller<C: Client> {
    client: C,
    /// What is echoed, with its size; without it, sums are asked for.
    payload: Option<(C::Payload, usize)>,
    first: u64,
    sample_every: u64,
    phase: Arc<Phase>,
}

/// What one task saw.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    measured: u64,
    all: u64,
    /// Nanoseconds.
    samples: Vec<u64>,
}

impl<C: Client> Caller<C> {
    pub(crate) async fn run(self) -> Result<Tally, Fault> {
        let mut tally = Tally::default();
        let mut n = self.first;
        loop {
            let timed = n.is_multiple_of(self.sample_every).then(Instant::now);
            match &self.payload {
                None => self.add(n).await?,
                Some((payload, size)) => self.echo(payload.clone(), *size).await?,
            }
            n += 1;
            tally.all += 1;
            match self.phase.get() {
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

    async fn add(&self, n: u64) -> Result<(), Fault> {
        let (a, b) = arguments(n);
        let sum = self.client.add(a, b).await?;
        if sum == a + b { Ok(()) } else { Err(format!("{a} + {b} came back as {sum}").into()) }
    }

    async fn echo(&self, payload: C::Payload, size: usize) -> Result<(), Fault> {
        let echoed = self.client.echo(payload).await?;
        let right = Echoed { len: size, last: Some(BULK_BYTE) };
        if echoed == right { Ok(()) } else { Err(format!("{right:?} came back as {echoed:?}").into()) }
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
