//! What one stream of bytes reaches on a long path that loses packets, and how calls fare beside it, in virtual time on the simulated
//! link: `cargo run --release -p duologue-tests --bin far_path`. The manual's performance page tells what it said.
//!
//! The first lines are a stream of the link alone, with the same windows: what QUIC reaches there.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use duologue::link::Congestion;
use duologue::prelude::*;
use duologue::testing::{self, Conditions, Network};
use duologue::{Config, NodeBuilder};
use duologue_tests::figures::{Figure, Latencies};
use tokio::time::{Instant, sleep, timeout};
use transport::{Endpoint, Identity, Link, Trust};

/// One way.
const DELAY: Duration = Duration::from_millis(50);
const BANDWIDTH: u64 = 1_000_000_000;
/// A round trip's worth.
const QUEUE: usize = 12_500_000;
/// How long is measured, and from when on: each has found its rate by then.
const WARM_UP: Duration = Duration::from_secs(10);
const MEASURED: Duration = Duration::from_secs(20);
const SEEDS: u64 = 3;
const CALLERS: usize = 64;

fn path(loss: f64) -> Conditions {
    Conditions::default().delay(DELAY).bandwidth(BANDWIDTH).loss(loss).queue(QUEUE)
}

#[service]
trait Far {
    fn zeros(&self) -> ByteStream;
    fn echo(&self, n: u64) -> u64;
}

struct Well;

#[service]
impl Far for Well {
    fn zeros(&self) -> ByteStream {
        let (mut writer, stream) = ByteStream::channel();
        tokio::task::spawn_local(async move {
            let piece = Bytes::from(vec![0; 64 * 1024]);
            while writer.send(piece.clone()).await.is_ok() {}
        });
        stream
    }

    fn echo(&self, n: u64) -> u64 {
        n
    }
}

/// Bytes of the measured time.
#[derive(Clone, Default)]
struct Meter(Rc<Cell<u64>>);

impl Meter {
    fn add(&self, bytes: usize) {
        self.0.set(self.0.get() + bytes as u64);
    }

    async fn per_second(&self) -> f64 {
        sleep(WARM_UP).await;
        let before = self.0.get();
        sleep(MEASURED).await;
        (self.0.get() - before) as f64 / MEASURED.as_secs_f64()
    }
}

async fn accepted(server: &Endpoint) -> Link {
    server.accept().await.expect("it is open").accept().await.expect("it is let in")
}

/// What a stream of a link reaches, read as fast as it comes.
fn raw(seed: u64, loss: f64, config: &transport::Config) -> f64 {
    let rate = Cell::new(0.0);
    testing::run(seed, async |_| {
        let network = Network::new(seed);
        network.set(path(loss));
        let anyone = Trust::danger_anyone();
        let me = || Identity::generate().expect("a key");
        let address = "127.0.0.1:1".parse().expect("an address");
        let server = Endpoint::bind_on(&network, address, &me(), &anyone, config).expect("it binds");
        let client =
            Endpoint::dialer_on(&network, network.machine(), &me(), &anyone, config).expect("an endpoint");
        let (dialed, accepted) = tokio::join!(client.connect_addr(server.local_addr()), accepted(&server));
        let dialed = dialed.expect("it connects");
        let meter = Meter::default();
        let reader = tokio::task::spawn_local({
            let meter = meter.clone();
            async move {
                let (_send, mut recv) = dialed.accept().await.expect("a stream");
                while let Ok(Some(bytes)) = recv.next().await {
                    meter.add(bytes.len());
                }
            }
        });
        let writer = tokio::task::spawn_local(async move {
            let (mut send, _recv) = accepted.open().await.expect("a stream");
            let piece = transport::Bytes::from(vec![0; 64 * 1024]);
            while send.send(piece.clone()).await.is_ok() {}
        });
        rate.set(meter.per_second().await);
        reader.abort();
        writer.abort();
    });
    rate.get()
}

struct Ours {
    bytes: f64,
    calls: f64,
    /// Of the calls, in milliseconds: median, and all but one of a hundred.
    p50: f64,
    p99: f64,
}

/// What a `ByteStream` reaches, with so many callers beside it, each of whom calls again when it is answered.
fn ours(seed: u64, loss: f64, config: &Config, streams: usize, callers: usize) -> Ours {
    let found = RefCell::new(None);
    testing::run(seed, async |world| {
        let with = |node: NodeBuilder| node.config(config.clone());
        let pair =
            world.pair().conditions(path(loss)).serve(|| Well).near(with).far(with).await.expect("a pair");
        let far: FarProxy = pair.root().await.expect("it is served");
        let meter = Meter::default();
        let took = Rc::new(RefCell::new(Latencies::default()));
        let mut tasks = Vec::new();
        for _ in 0..streams {
            let mut zeros = far.zeros().await.expect("a stream");
            let meter = meter.clone();
            tasks.push(tokio::task::spawn_local(async move {
                while let Some(Ok(chunk)) = zeros.next_chunk().await {
                    meter.add(chunk.len());
                }
            }));
        }
        for _ in 0..callers {
            let (far, took) = (far.clone(), took.clone());
            tasks.push(tokio::task::spawn_local(async move {
                let begin = Instant::now();
                loop {
                    let start = Instant::now();
                    far.echo(1).await.expect("it is answered");
                    if begin.elapsed() > WARM_UP {
                        took.borrow_mut().add(start.elapsed());
                    }
                }
            }));
        }
        let bytes = meter.per_second().await;
        tasks.iter().for_each(|task| task.abort());
        let mut took = std::mem::take(&mut *took.borrow_mut());
        let calls = took.count() as f64 / MEASURED.as_secs_f64();
        *found.borrow_mut() = Some(Ours { bytes, calls, p50: took.ms(0.5), p99: took.ms(0.99) });
        // What is left ends with its connection.
        let _ = timeout(Duration::from_secs(60), pair.near.connection.close()).await;
    });
    found.into_inner().expect("it was measured")
}

fn config(congestion: Congestion) -> Config {
    let mut config = Config::default();
    config.transport.congestion = congestion;
    config.transport.idle_timeout = Duration::from_secs(60);
    config
}

fn main() {
    let only = std::env::args().nth(1);
    for loss in [0.0, 0.001] {
        for congestion in [Congestion::Cubic, Congestion::Bbr] {
            let config = config(congestion);
            println!("{congestion:?}, loss {} %", loss * 100.0);
            if only.as_deref() != Some("ours") {
                let raw = Figure::of((0..SEEDS).map(|seed| raw(seed, loss, &config.transport)));
                println!("  the link alone      {:8.2} MB/s", raw.median / 1e6);
            }
            for (streams, callers) in [(1, 0), (0, CALLERS), (1, CALLERS)] {
                let all: Vec<Ours> =
                    (0..SEEDS).map(|seed| ours(seed, loss, &config, streams, callers)).collect();
                let of = |each: fn(&Ours) -> f64| Figure::of(all.iter().map(each)).median;
                println!(
                    "  {streams} stream, {callers:2} callers {:8.2} MB/s {:6.0} calls/s, p50 {:6.1} ms, p99 {:6.1} ms",
                    of(|o| o.bytes) / 1e6,
                    of(|o| o.calls),
                    of(|o| o.p50),
                    of(|o| o.p99)
                );
            }
        }
    }
}
