//! A lone call beside an object that is flooded and a transfer, all on one connection.

use std::time::{Duration, Instant};

use duologue::prelude::*;
use hdrhistogram::Histogram;

use super::{BULK_PIECE, CalcProxy, Duologue, LONGEST};
use crate::Fault;
use crate::load::{self, Plan};
use crate::peer::{Address, BULK_BYTE, Options, Peer as _};
use crate::report::Report;

/// Lone calls before and while the quiet latency is measured.
const QUIET_CALLS: u64 = 2_000;
/// Calls that the flood has under way at any time: more than an object has permits.
const FLOOD: usize = 8_192;

/// An object that takes two milliseconds for a call, one call at a time.
#[service]
pub(crate) trait Slow {
    async fn work(&mut self) -> u32;
}

/// The object whose latency is measured.
#[service]
pub(crate) trait Neighbour {
    fn echo(&self, number: u64) -> u64;
}

pub(super) struct Swamp;

pub(super) struct Flat;

#[service]
impl Slow for Swamp {
    async fn work(&mut self) -> u32 {
        tokio::time::sleep(Duration::from_millis(2)).await;
        1
    }
}

#[service]
impl Neighbour for Flat {
    fn echo(&self, number: u64) -> u64 {
        number
    }
}

/// Measures it. The transfer goes from the client to the server, and the measurement lasts as long.
pub(crate) async fn beside_a_flood<const ON_THIS_THREAD: bool>(
    at: &Address,
    options: &Options,
    plan: Plan,
) -> Result<Report, Fault> {
    let dialer = Duologue::<ON_THIS_THREAD, false>::dialer(at, options).await?;
    let calc = dialer.connect().await?.calc;
    let (slow, neighbour) = (calc.slow().await?, calc.neighbour().await?);
    latencies(&neighbour, |calls| calls == QUIET_CALLS).await?;
    let quiet = latencies(&neighbour, |calls| calls == QUIET_CALLS).await?;

    let flood = tokio::spawn(flood(slow));
    let begin = Instant::now();
    let transfer = tokio::spawn(transfer(calc.clone(), plan.bulk_bytes));
    let busy = latencies(&neighbour, |_| transfer.is_finished()).await?;
    transfer.await??;
    let elapsed = begin.elapsed();
    if flood.is_finished() {
        return Err("the flood ended by itself".into());
    }
    flood.abort();
    let mib = plan.bulk_bytes >> 20;
    let us = |latencies: &Histogram<u64>, q| Some(latencies.value_at_quantile(q) as f64 / 1e3);
    Ok(Report {
        rate: Some(mib as f64 / elapsed.as_secs_f64()),
        units: mib,
        quiet_p50_us: us(&quiet, 0.50),
        quiet_p99_us: us(&quiet, 0.99),
        p50_us: us(&busy, 0.50),
        p99_us: us(&busy, 0.99),
        ..Report::default()
    })
}

/// Calls one after the other until `enough`.
async fn latencies(
    neighbour: &NeighbourProxy,
    mut enough: impl FnMut(u64) -> bool,
) -> Result<Histogram<u64>, Fault> {
    let mut latencies = load::histogram();
    let mut number = 0;
    while !enough(number) {
        let begin = Instant::now();
        if neighbour.echo(number).await? != number {
            return Err(format!("{number} came back as another number").into());
        }
        latencies.saturating_record(begin.elapsed().as_nanos() as u64);
        number += 1;
    }
    Ok(latencies)
}

/// Never waits for an answer before it makes the next call.
async fn flood(slow: SlowProxy) -> Result<(), Fault> {
    let mut calls = tokio::task::JoinSet::new();
    loop {
        while calls.len() < FLOOD {
            calls.spawn(slow.work().timeout(LONGEST));
        }
        if let Some(done) = calls.join_next().await {
            done??;
        }
    }
}

async fn transfer(calc: CalcProxy, bytes: u64) -> Result<(), Fault> {
    let (mut writer, data) = ByteStream::channel();
    let call = tokio::spawn(async move { calc.swallow(data).timeout(LONGEST).await });
    let piece = Bytes::from(vec![BULK_BYTE; BULK_PIECE as usize]);
    let mut left = bytes;
    while left > 0 {
        let now = left.min(BULK_PIECE);
        writer.send(piece.slice(..now as usize)).await?;
        left -= now;
    }
    writer.finish();
    match call.await?? {
        swallowed if swallowed == bytes => Ok(()),
        swallowed => Err(format!("{bytes} bytes came as {swallowed}").into()),
    }
}
