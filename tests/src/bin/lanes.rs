//! How long a neighbour's calls take beside busy objects on a path that loses packets, by the lanes they share, in virtual time on the
//! simulated link: `cargo run --release -p duologue-tests --bin lanes`. The manual's performance page tells what it said.
//!
//! It says nothing of what more lanes cost: work takes no virtual time. `duologue bench run --sweep lanes=..` on loopback does.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use duologue::link::Congestion;
use duologue::prelude::*;
use duologue::testing::{self, Conditions};
use duologue::{CallError, Config, Connection, NodeBuilder, OpenError};
use duologue_tests::figures::{Figure, Latencies};
use tokio::time::{Instant, interval, sleep, sleep_until, timeout};

/// One way.
const DELAY: Duration = Duration::from_millis(10);
const BANDWIDTH: u64 = 100_000_000;
/// A round trip's worth.
const QUEUE: usize = 250_000;
const LOSS: f64 = 0.01;
/// Callers beside the neighbour, each with an object of its own and this many bytes of arguments.
const CALLERS: usize = 32;
const ARGUMENTS: usize = 1024;
/// Of the neighbour: a call is due so often, whatever became of those before.
const CALLS: u32 = 5_000;
const EVERY: Duration = Duration::from_millis(53);
const WARM_UP: Duration = Duration::from_secs(5);
const SEEDS: u64 = 3;

/// The same service with and without lanes of its own: the lane is a property of the interface.
macro_rules! seat {
    ($(#[$attribute:meta])* $name:ident of $object:ident) => {
        $(#[$attribute])*
        trait $name {
            fn put(&self, data: Bytes) -> u64;
        }

        struct $object;

        #[service]
        impl $name for $object {
            fn put(&self, data: Bytes) -> u64 {
                data.len() as u64
            }
        }
    };
}

seat!(#[service] Shared of InCompany);
seat!(#[service(lane = "own")] Own of Alone);

enum Seat {
    Shared(SharedProxy),
    Own(OwnProxy),
}

impl Seat {
    async fn put(&self, data: Bytes) -> Result<u64, CallError> {
        match self {
            Seat::Shared(seat) => seat.put(data).await,
            Seat::Own(seat) => seat.put(data).await,
        }
    }

    /// Services are opened through the shared lanes in turn, and each stays on the lane by which it came.
    async fn open(connection: &Connection, number: usize, own: bool) -> Result<Seat, OpenError> {
        Ok(match own {
            true => Seat::Own(connection.service(&format!("alone {number}")).await?),
            false => Seat::Shared(connection.service(&format!("in company {number}")).await?),
        })
    }
}

fn with_seats(node: NodeBuilder) -> NodeBuilder {
    (0..=CALLERS).fold(node, |node, number| {
        node.service(&format!("alone {number}"), || Alone)
            .service(&format!("in company {number}"), || InCompany)
    })
}

#[derive(Clone, Copy)]
enum Lanes {
    /// So many for all objects.
    Shared(u8),
    /// One for all but the neighbour, which has its own.
    NeighbourApart,
    /// One for each object.
    Own,
}

impl fmt::Display for Lanes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Lanes::Shared(count) => write!(f, "{count}"),
            Lanes::NeighbourApart => f.write_str("1, and the neighbour's own"),
            Lanes::Own => f.write_str("own"),
        }
    }
}

/// What the callers beside the neighbour do.
#[derive(Clone, Copy)]
enum Load {
    /// Nothing.
    None,
    /// Each calls every 100 to 162 ms: 249 calls in a second, whatever the lanes.
    Steady,
    /// Each calls again when it is answered: as much as congestion control lets through.
    Full(Congestion),
}

impl Load {
    /// Beside nobody it does not matter how many lanes there are.
    fn settings(self) -> &'static [Lanes] {
        const ALL: [Lanes; 5] =
            [Lanes::Shared(1), Lanes::Shared(4), Lanes::Shared(16), Lanes::NeighbourApart, Lanes::Own];
        match self {
            Load::None => &ALL[..1],
            Load::Steady | Load::Full(_) => &ALL,
        }
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Load::None => f.write_str("none"),
            Load::Steady => f.write_str("steady"),
            Load::Full(congestion) => write!(f, "full, {congestion:?}"),
        }
    }
}

struct Run {
    /// Of the neighbour.
    latencies: Latencies,
    /// Of all others, in a second.
    calls: f64,
}

fn run(seed: u64, loss: f64, lanes: Lanes, load: Load) -> Run {
    let found = RefCell::new(None);
    testing::run(seed, async |world| {
        let path = Conditions::default().delay(DELAY).bandwidth(BANDWIDTH).queue(QUEUE).loss(loss);
        let mut config = Config::default();
        if let Lanes::Shared(count) = lanes {
            config.shared_lanes = count;
        }
        if let Load::Full(congestion) = load {
            config.transport.congestion = congestion;
        }
        let near = |node: NodeBuilder| node.config(config.clone());
        let far = |node: NodeBuilder| with_seats(node.config(config.clone()));
        let pair = world.pair().conditions(path).near(near).far(far).await.expect("a pair");
        let connection = &pair.near.connection;
        let answered = Rc::new(Cell::new(0_u64));
        let mut callers = Vec::new();
        for number in 0..CALLERS {
            let own = matches!(lanes, Lanes::Own);
            let seat = Seat::open(connection, number, own).await.expect("it is served");
            callers.push(tokio::task::spawn_local(calls(seat, load, number, answered.clone())));
        }
        let own = matches!(lanes, Lanes::Own | Lanes::NeighbourApart);
        let neighbour = Rc::new(Seat::open(connection, CALLERS, own).await.expect("it is served"));
        neighbour.put(Bytes::new()).await.expect("it is answered");
        sleep(WARM_UP).await;
        let (begin, before) = (Instant::now(), answered.get());
        let mut under_way = Vec::new();
        for number in 0..CALLS {
            let due = begin + EVERY * number;
            sleep_until(due).await;
            let neighbour = neighbour.clone();
            under_way.push(tokio::task::spawn_local(async move {
                neighbour.put(Bytes::from_static(b"12345678")).await.expect("it is answered");
                due.elapsed()
            }));
        }
        let calls = (answered.get() - before) as f64 / begin.elapsed().as_secs_f64();
        let mut latencies = Latencies::default();
        for call in under_way {
            latencies.add(call.await.expect("it does not panic"));
        }
        callers.iter().for_each(|caller| caller.abort());
        *found.borrow_mut() = Some(Run { latencies, calls });
        // What is left ends with its connection.
        let _ = timeout(Duration::from_secs(60), connection.close()).await;
    });
    found.into_inner().expect("it was measured")
}

/// One of the callers beside the neighbour, until it is aborted.
async fn calls(seat: Seat, load: Load, number: usize, answered: Rc<Cell<u64>>) {
    let data = Bytes::from(vec![0x5a; ARGUMENTS]);
    let seat = Rc::new(seat);
    match load {
        Load::None => {}
        Load::Steady => {
            let mut due = interval(Duration::from_millis(100 + 2 * number as u64));
            loop {
                due.tick().await;
                let (seat, data, answered) = (seat.clone(), data.clone(), answered.clone());
                tokio::task::spawn_local(async move {
                    // Those that are under way at the end are lost with the connection.
                    if seat.put(data).await.is_ok() {
                        answered.set(answered.get() + 1);
                    }
                });
            }
        }
        Load::Full(_) => loop {
            seat.put(data.clone()).await.expect("it is answered");
            answered.set(answered.get() + 1);
        },
    }
}

/// The median of the seeds, and how far they are apart.
fn shown(figure: Figure, digits: usize) -> String {
    let Figure { least, median, most } = figure;
    format!("{median:.digits$} ({least:.digits$}–{most:.digits$})")
}

fn main() {
    println!("| loss | others | lanes | p50 ms | p90 ms | p99 ms | p99.9 ms | calls/s of the others |");
    println!("|---|---|---|---|---|---|---|---|");
    for loss in [0.0, LOSS] {
        let full = [Congestion::Cubic, Congestion::Bbr].map(Load::Full);
        for load in [Load::None, Load::Steady].into_iter().chain(full) {
            for &lanes in load.settings() {
                let mut runs: Vec<Run> = (0..SEEDS).map(|seed| run(seed, loss, lanes, load)).collect();
                let latencies = [0.5, 0.9, 0.99, 0.999]
                    .map(|share| shown(Figure::of(runs.iter_mut().map(|run| run.latencies.ms(share))), 0));
                let calls = shown(Figure::of(runs.iter().map(|run| run.calls)), 0);
                println!("| {} % | {load} | {lanes} | {} | {calls} |", loss * 100.0, latencies.join(" | "));
            }
        }
    }
}
