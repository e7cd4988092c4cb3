//! A guard that noise cannot fool: how many instructions a call takes at both ends together, counted by callgrind.
//!
//! Each kind of work runs twice over the simulated link, on one thread and in virtual time, so that nothing but the number of calls
//! differs; the difference divided by the calls is what one of them costs. `check` compares that with `instructions.toml` beside this
//! crate and fails if a call has come to cost more than the tolerance allows; `update` writes down what was counted.
//!
//! It says nothing of time: an instruction may wait for memory, and a system call counts as one. That is what `duologue bench` is for.

mod agreed;
mod count;
mod work;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use agreed::Agreed;
use work::Work;

/// Counts the instructions of calls and compares them with what was agreed.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Count everything and fail if anything has come to cost more than was agreed.
    Check,
    /// Count everything and write it down as what is agreed from now on.
    Update,
    /// Do one kind of work so many times; this is what callgrind watches.
    Work {
        /// Which work.
        work: Work,
        /// How many times.
        times: u32,
    },
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Work { work, times } => {
            work::run(work, times);
            return ExitCode::SUCCESS;
        }
        Command::Check => check(),
        Command::Update => update(),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn check() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let agreed = Agreed::read()?;
    let mut worse = false;
    println!("{:10} {:>12} {:>12}", "work", "agreed", "counted");
    for work in Work::ALL {
        let counted = count::per_call(work)?;
        let verdict = agreed.judge(work, counted);
        worse |= verdict.is_bad();
        let before = agreed.of(work).map_or_else(|| "-".to_owned(), |n| n.to_string());
        println!("{:10} {before:>12} {counted:>12}  {verdict}", work.name());
    }
    if worse {
        eprintln!(
            "If what a call has gained is worth what it costs now, say so in the commit together with the new figures:\n\
             cargo run --release -p duologue-guard -- update"
        );
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

fn update() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let mut agreed = Agreed::default();
    for work in Work::ALL {
        let counted = count::per_call(work)?;
        println!("{:10} {counted:>12}", work.name());
        agreed.set(work, counted);
    }
    agreed.write()?;
    Ok(ExitCode::SUCCESS)
}
