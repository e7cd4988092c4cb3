//! Duologue beside hand-written quinn programs that do the same work: `add(i64, i64)` on one connection, client and
//! server as two processes on loopback.
//!
//! `cargo run --release -- compare` measures the hand-written ones, `cargo run --release --features duologue --
//! compare` Duologue too. It prints Markdown. All programs have the same outbox, frame layout, codec, cipher, QUIC
//! windows and allocator, and one thread per process, but for the client of `duologue-tokio`.
//!
//! It is a workspace of its own and no part of the tests: a comparison wants a quiet machine. It measures neither
//! bulk nor many connections.

mod compare;
mod cpu;
#[cfg(feature = "duologue")]
mod duologue_calc;
mod frame;
mod load;
mod outbox;
mod process;
mod quic;
mod raw_limit;
mod raw_rpc;
mod raw_server;
mod report;
mod subject;
mod table;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};

use crate::compare::Comparison;
use crate::load::Plan;
use crate::subject::{Address, Subject};

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
    /// Run all programs in turn and print the medians as Markdown
    Compare {
        /// Calls under way at any time
        #[arg(long, value_delimiter = ',', default_value = "1,64,256,4096", value_parser = clap::value_parser!(u32).range(1..=65_536))]
        in_flight: Vec<u32>,
        /// How often each is measured
        #[arg(long, default_value = "5", value_parser = clap::value_parser!(u64).range(1..=1_000))]
        rounds: u64,
        /// How long each is measured
        #[arg(long, default_value = "1", value_parser = seconds)]
        seconds: Duration,
        /// How long each runs before that, in seconds
        #[arg(long, default_value = "0.4", value_parser = seconds)]
        warm_up: Duration,
        /// Which programs; all unless said otherwise
        #[arg(long, value_delimiter = ',')]
        subjects: Vec<Subject>,
        /// Arbiters of Duologue's server
        #[arg(long, default_value = "1")]
        arbiters: usize,
    },
    /// Be the server of one program, until standard input is closed
    Server {
        subject: Subject,
        #[arg(long, default_value = "1")]
        arbiters: usize,
    },
    /// Be the client of one program, and print `calls/s, calls in all, p50 µs, p99 µs, CPU µs per call`
    Client {
        subject: Subject,
        #[arg(long)]
        server: SocketAddr,
        /// The server's certificate in hex, for the hand-written programs
        #[arg(long, default_value = "")]
        certificate: String,
        #[arg(long)]
        in_flight: u32,
        #[arg(long, default_value = "0.4", value_parser = seconds)]
        warm_up: Duration,
        #[arg(long, default_value = "1", value_parser = seconds)]
        seconds: Duration,
    },
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
        Command::Compare { in_flight, rounds, seconds, warm_up, subjects, arbiters } => {
            let subjects = if subjects.is_empty() { Subject::value_variants().to_vec() } else { subjects };
            let rounds = rounds as usize;
            let comparison = Comparison { subjects, in_flight, rounds, warm_up, measured: seconds, arbiters };
            for table in comparison.run()? {
                println!("{table}");
            }
            Ok(())
        }
        Command::Server { subject, arbiters } => subject.serve(arbiters),
        Command::Client { subject, server, certificate, in_flight, warm_up, seconds } => {
            let plan = Plan { in_flight, warm_up, measured: seconds };
            let report = subject.call(&Address { server, certificate }, plan)?;
            process::say(&report.to_line())
        }
    }
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
