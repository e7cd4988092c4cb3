//! A render farm on Duologue: a coordinator hands the tiles of a fractal to worker processes, which render
//! them and report how far they are by calling back.
//!
//! It shows services served by both ends of one connection, callbacks, and what becomes of calls when a process is
//! killed. It does not keep a picture over a restart of the coordinator, and starts no worker anew.

mod children;
mod cli;
mod farm;
mod foreman;
mod fractal;
mod job;
mod palette;
mod picture;
mod report;
mod scene;
mod schedule;
mod signal;
mod tile;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command, JobArgs};
use farm::FarmError;
use foreman::StopReason;
use report::Screen;
use scene::{Scene, SceneError};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The work was not done.
const FAILED: u8 = 1;
/// What was asked for makes no sense, as clap has it too.
const BAD_INPUT: u8 = 2;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return complain(&error, FAILED),
    };
    let code = runtime.block_on(run(cli));
    // A tile may still be drawn on a thread that nobody waits for.
    runtime.shutdown_background();
    code
}

async fn run(cli: Cli) -> ExitCode {
    let screen = Screen::open();
    let done = match cli.command {
        None => match scene_of(&cli.job) {
            Ok(scene) => farm::render_here(scene, &cli.job, screen).await.map(|()| 0),
            Err(error) => return complain(&error, BAD_INPUT),
        },
        Some(Command::Coordinator { bind, node, job }) => match scene_of(&job) {
            Ok(scene) => farm::coordinate(scene, bind, &node, &job, screen).await.map(|()| 0),
            Err(error) => return complain(&error, BAD_INPUT),
        },
        Some(Command::Worker { join, node, name, until_stdin_ends }) => {
            farm::work(&join, &node, name, until_stdin_ends, &screen).await
        }
    };
    match done {
        Ok(code) => ExitCode::from(code),
        Err(FarmError::Stopped(StopReason::Told(code))) => {
            tracing::warn!("stopped before the picture was finished");
            ExitCode::from(code)
        }
        Err(error @ FarmError::Trust(..)) => complain(&error, BAD_INPUT),
        Err(error) => complain(&error, FAILED),
    }
}

fn scene_of(job: &JobArgs) -> Result<Scene, SceneError> {
    job.scene.as_deref().map_or_else(Scene::embedded, Scene::load)
}

fn complain(error: &dyn std::error::Error, code: u8) -> ExitCode {
    eprintln!("error: {error}");
    ExitCode::from(code)
}
