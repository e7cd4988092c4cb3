//! The `duologue` command: `bench` measures a link, with a server on one machine and a load on another; `id` prints the id of a
//! key, so that each of two machines can be told whom to trust before either has reached the other.
//!
//! What is measured and how is the business of the crate `duologue-benches`; here are the command line, the progress on the
//! screen, the files and the exit codes.

mod bench;
mod cli;
mod files;
mod id;
mod progress;
mod signal;

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser;

use cli::{BenchCommand, Cli, Command};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The work was not done, or not to its end.
const FAILED: u8 = 1;
/// What was asked for makes no sense, as clap has it too.
const BAD_INPUT: u8 = 2;

fn main() -> ExitCode {
    let command = match Cli::parse().command {
        Command::Bench(command) => command,
        Command::Id(args) => return id::print(&args),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return complain(&error, FAILED),
    };
    let code = runtime.block_on(async {
        match command {
            BenchCommand::Serve(args) => bench::serve(args).await,
            BenchCommand::Run(args) => bench::run(*args).await,
        }
    });
    runtime.shutdown_background();
    code
}

/// Says what is wrong; the exit code is that.
fn complain(error: &dyn std::error::Error, code: u8) -> ExitCode {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let more = error.to_string();
        // Some errors have the text of their sources in their own.
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        source = error.source();
    }
    say(&format!("error: {text}"));
    ExitCode::from(code)
}

/// Says it on standard error, if anybody listens there.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
