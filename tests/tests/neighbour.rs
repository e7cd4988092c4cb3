//! One object is flooded, another receives a long stream, on one connection: a third keeps its latency, and the server its memory.
//!
//! A binary of its own with a single test, so that nothing else runs beside it. `DUOLOGUE_STREAM_MIB` says how long the stream is: 64
//! unless said otherwise. With `DUOLOGUE_STRICT=1` the latencies must keep within what is promised for a quiet machine (twice the
//! quiet value and half a millisecond); else only within what a machine under other load may do to them.
#![allow(clippy::unwrap_used, reason = "a test that fails says so by panicking")]

use std::time::{Duration, Instant};

use duologue::prelude::*;
use duologue_tests::busy::{DrainProxy, NeighbourProxy, SlowProxy, StreetProxy};
use duologue_tests::nodes::{run_for, small};
use duologue_tests::process::Process;

const QUIET_CALLS: u64 = 2_000;
/// Calls that the flood has under way at any time: more than an object has permits.
const FLOOD: usize = 8_192;
const CHUNK: usize = 256 * 1024;
/// What the server may need above its quiet self: the permits of the connection, 1 KiB each, with as much for what is made of
/// them; the bulk bytes under way; and the outbox.
const MEMORY_MAX: u64 = (2 * 16 + 2 * 4 + 1) * 1024 * 1024;

/// Latencies in microseconds at the middle and at a hundredth of the calls.
#[derive(Clone, Copy, Debug)]
struct Latency {
    p50: u64,
    p99: u64,
}

impl Latency {
    fn of(mut samples: Vec<Duration>) -> Latency {
        samples.sort();
        let at = |share: f64| samples[((samples.len() - 1) as f64 * share) as usize].as_micros() as u64;
        Latency { p50: at(0.5), p99: at(0.99) }
    }
}

/// Calls one after the other until `enough`.
async fn measure(neighbour: &NeighbourProxy, mut enough: impl FnMut(u64) -> bool) -> Latency {
    let mut samples = Vec::new();
    let mut number = 0;
    while !enough(number) {
        let begin = Instant::now();
        assert_eq!(neighbour.echo(number).await, Ok(number));
        samples.push(begin.elapsed());
        number += 1;
    }
    Latency::of(samples)
}

/// Never waits for an answer before it makes the next call.
async fn flood(slow: SlowProxy) {
    let mut calls = tokio::task::JoinSet::new();
    loop {
        while calls.len() < FLOOD {
            let call = slow.work().timeout(Duration::from_secs(600));
            calls.spawn(call);
        }
        calls.join_next().await;
    }
}

#[test]
fn a_neighbour_keeps_its_latency_beside_a_flooded_object_and_a_long_stream() {
    let mib: u64 = std::env::var("DUOLOGUE_STREAM_MIB").map_or(64, |n| n.parse().unwrap());
    let strict = std::env::var("DUOLOGUE_STRICT").is_ok_and(|s| s == "1");
    run_for(Duration::from_secs(240), async move {
        let mut server = Process::start(env!("CARGO_BIN_EXE_busy_peer"), &[]);
        let address = server.told("listening").await;
        let client = small().start().await.unwrap();
        let connection = client.connect(address).await.unwrap();
        let street: StreetProxy = connection.root().await.unwrap();
        let (slow, drain) = (street.slow().await.unwrap(), street.drain().await.unwrap());
        let neighbour = street.neighbour().await.unwrap();
        measure(&neighbour, |number| number == QUIET_CALLS).await;
        let quiet = measure(&neighbour, |number| number == QUIET_CALLS).await;
        let before: u64 = server.asked("peak").await.parse().unwrap();

        let flood = tokio::spawn(flood(slow));
        let swallowed = tokio::spawn(stream(drain, mib));
        let busy = measure(&neighbour, |_| swallowed.is_finished()).await;
        let took = swallowed.await.unwrap();
        assert!(!flood.is_finished());
        flood.abort();
        let after: u64 = server.asked("peak").await.parse().unwrap();
        println!("quiet: {quiet:?} µs, beside both: {busy:?} µs");
        println!("{mib} MiB in {took:?}; the server's memory: {before} bytes before, {after} at most");
        assert!(after - before <= MEMORY_MAX, "{before} bytes before, {after} at most");
        let (factor, more) = if strict { (2, 500) } else { (20, 50_000) };
        assert!(busy.p50 <= factor * quiet.p50 + more, "{busy:?} beside both, {quiet:?} before");
        assert!(busy.p99 <= factor * quiet.p99 + more, "{busy:?} beside both, {quiet:?} before");
        client.shutdown().await;
    });
}

async fn stream(drain: DrainProxy, mib: u64) -> Duration {
    let (mut writer, data) = ByteStream::channel();
    let begin = Instant::now();
    let call = tokio::spawn(async move { drain.swallow(data).timeout(Duration::from_secs(200)).await });
    let chunk = Bytes::from(vec![7; CHUNK]);
    for _ in 0..mib * 1024 * 1024 / CHUNK as u64 {
        writer.send(chunk.clone()).await.unwrap();
    }
    writer.finish();
    assert_eq!(call.await.unwrap(), Ok(mib * 1024 * 1024));
    begin.elapsed()
}
