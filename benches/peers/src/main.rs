//! Duologue beside other programs that do the same work, client and server as two processes on loopback.
//!
//! `cargo run --release --features duologue,peers -- compare` runs all works of all programs and writes the medians as
//! Markdown and JSON; without the features only the hand-written programs are built. All have the same allocator and
//! profile; what encrypts each stands in the table.
//!
//! It is a workspace of its own and no part of the tests: a comparison wants a quiet machine.

mod columns;
mod compare;
mod cpu;
#[cfg(feature = "duologue")]
mod duologue_peer;
mod load;
mod memory;
mod output;
mod peer;
#[cfg(feature = "peers")]
mod peers;
mod process;
mod raw;
mod report;
mod run;
mod socket;
mod subject;
mod table;
mod tls;
mod work;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::compare::Comparison;
use crate::load::Plan;
use crate::peer::{Address, Options};
use crate::subject::Subject;
use crate::work::Work;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What went wrong in a measurement, for a person to read.
type Fault = Box<dyn std::error::Error + Send + Sync>;

#[derive(Debug, Parser)]
#[command(about, version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run all programs in turn and write the medians as Markdown and JSON
    Compare(Compare),
    /// Be the server of one program, until standard input is closed
    Server {
        subject: Subject,
        /// What it will have to do: a row of `compare --works`
        #[arg(long, default_value = "w2")]
        work: Work,
        #[arg(long, default_value = "1")]
        arbiters: usize,
        #[command(flatten)]
        threads: Threads,
    },
    /// Be the client of one program, and print its figures as JSON
    Client(Client),
}

#[derive(Args, Debug)]
struct Compare {
    /// w1, w2, w2b, w3, w4a, w4b, w4c, w5, w6, w7a, w7b, w7 (both), w8, or add:N for `add` with N in flight
    #[arg(long, value_delimiter = ',')]
    works: Vec<String>,
    /// Further numbers of `add` in flight; alone, only these
    #[arg(long, value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..=65_536))]
    in_flight: Vec<u32>,
    /// How often each is measured
    #[arg(long, default_value = "3", value_parser = clap::value_parser!(u64).range(1..=1_000))]
    rounds: u64,
    #[command(flatten)]
    time: Time,
    /// Which programs; all unless said otherwise
    #[arg(long, value_delimiter = ',')]
    subjects: Vec<Subject>,
    /// Arbiters of Duologue's server
    #[arg(long, default_value = "1")]
    arbiters: usize,
    #[command(flatten)]
    threads: Threads,
    /// The Markdown; the JSON goes beside it
    #[arg(long, default_value = "comparison.md")]
    out: PathBuf,
}

#[derive(Args, Debug)]
struct Client {
    subject: Subject,
    #[arg(long)]
    server: SocketAddr,
    /// What the server said after its address
    #[arg(long, default_value = "")]
    secret: String,
    /// The server's process, to look at its memory
    #[arg(long, default_value = "0")]
    server_pid: u32,
    /// A row of `compare --works`
    #[arg(long, default_value = "w2")]
    work: Work,
    #[command(flatten)]
    time: Time,
    #[command(flatten)]
    threads: Threads,
}

#[derive(Args, Clone, Copy, Debug)]
struct Threads {
    /// Run the libraries that leave the choice on one thread at each end; else on one for each core
    #[arg(long)]
    one_thread: bool,
}

#[derive(Args, Clone, Copy, Debug)]
struct Time {
    /// How long each is measured
    #[arg(long, default_value = "1.5", value_parser = seconds)]
    seconds: Duration,
    /// How long each runs before that, in seconds
    #[arg(long, default_value = "0.4", value_parser = seconds)]
    warm_up: Duration,
    /// Size of a transfer
    #[arg(long, default_value = "1024", value_parser = clap::value_parser!(u64).range(1..=65_536))]
    bulk_mib: u64,
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("error: {fault}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<(), Fault> {
    match command {
        Command::Compare(compare) => {
            let comparison = compare.comparison()?;
            output::write(&comparison, &comparison.run(), &compare.out)
        }
        Command::Server { subject, work, arbiters, threads } => {
            subject.serve(options(work, arbiters, threads))
        }
        Command::Client(client) => {
            let Client { subject, server, secret, server_pid, work, time, threads } = client;
            let plan = Plan {
                work,
                warm_up: time.warm_up,
                measured: time.seconds,
                bulk_bytes: time.bulk_mib << 20,
                server_pid,
            };
            let report = subject.call(&Address { server, secret }, &options(work, 1, threads), plan)?;
            process::say(&serde_json::to_string(&report)?)
        }
    }
}

impl Compare {
    fn comparison(&self) -> Result<Comparison, Fault> {
        let mut works = Vec::new();
        for text in &self.works {
            works.extend(Work::some(text)?);
        }
        works.extend(self.in_flight.iter().map(|&in_flight| Work::Add { connections: 1, in_flight }));
        if works.is_empty() {
            works.extend(Work::ALL.map(|(_, work)| work));
        }
        let subjects = match &self.subjects[..] {
            [] => Subject::value_variants().to_vec(),
            some => some.to_vec(),
        };
        let Time { seconds, warm_up, bulk_mib } = self.time;
        let (rounds, arbiters) = (self.rounds as usize, self.arbiters);
        let Threads { one_thread } = self.threads;
        Ok(Comparison { works, subjects, rounds, warm_up, measured: seconds, bulk_mib, arbiters, one_thread })
    }
}

fn options(work: Work, arbiters: usize, threads: Threads) -> Options {
    let Threads { one_thread } = threads;
    Options { mtu: work.mtu(), arbiters, in_flight: work.in_flight(), one_thread, busy_poll: Duration::ZERO }
}

/// A length of time between nothing and ten minutes: no run is unbounded.
fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| format!("{text} is not a number of seconds"))?;
    if (0.0..=600.0).contains(&seconds) {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err(format!("{text} is not between 0 and 600 seconds"))
    }
}
