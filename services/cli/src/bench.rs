//! `duologue bench`: a server, or a run and its report.

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use benches::{Access, AccessError, Report, Target};
use tracing_subscriber::EnvFilter;

use crate::cli::{AccessArgs, RunArgs, ServeArgs};
use crate::files::Files;
use crate::progress::Progress;
use crate::signal::StopSignal;
use crate::{BAD_INPUT, FAILED, complain, say};

/// Serves until Ctrl-C.
pub(crate) async fn serve(args: ServeArgs) -> ExitCode {
    log_from("warn");
    let access = match access(&args.access) {
        Ok(access) => access,
        Err(error) => return complain(&error, BAD_INPUT),
    };
    // Before anything can fail: the other end has to be told who this one is.
    if let Some(id) = access.node_id() {
        println!("node id {id}");
    }
    let cores = || std::thread::available_parallelism().map_or(1, |n| n.get() as u32);
    let threads = args.threads.unwrap_or_else(cores);
    match benches::serve(&args.bind, threads, args.busy_poll, &access).await {
        Ok(node) => {
            if access.node_id().is_none() {
                println!("node id {}", node.id());
            }
            println!("listening on {}", node.local_addr());
            node.run().await;
            ExitCode::SUCCESS
        }
        Err(error) => complain(&error, FAILED),
    }
}

/// Measures, and reports whatever came of it.
pub(crate) async fn run(args: RunArgs) -> ExitCode {
    log_from("error");
    let plan = match args.plan() {
        Ok(plan) => plan,
        Err(error) => return complain(&*error, BAD_INPUT),
    };
    let access = match access(&args.access) {
        Ok(access) => access,
        Err(error) => return complain(&error, BAD_INPUT),
    };
    let files = match Files::check(&args, &plan) {
        Ok(files) => files,
        Err(error) => return complain(&error, BAD_INPUT),
    };
    let mut signal = match StopSignal::new() {
        Ok(signal) => signal,
        Err(error) => return complain(&error, FAILED),
    };
    let mut told = FAILED;
    let progress = Progress::new();
    if let Some(id) = access.node_id() {
        progress.say(&format!("node id {id}"));
    }
    let target = Target { address: args.address.clone(), access };
    let stop = async {
        told = signal.wait().await;
        progress.say("stopping; once more to end at once");
        tokio::spawn(end_at_once(signal));
    };
    let report = benches::run(plan, target, |news| progress.show(&news), stop).await;
    progress.finish();
    end(&report, &files, told)
}

/// One wish to stop may come twice: `timeout` tells a process and then its group.
const ONE_WISH: Duration = Duration::from_secs(1);

/// Ends the process when it is told so once more.
async fn end_at_once(mut signal: StopSignal) {
    let first = Instant::now();
    loop {
        let told = signal.wait().await;
        if first.elapsed() > ONE_WISH {
            std::process::exit(told.into());
        }
    }
}

/// Writes the report, first of all to its files; the exit code is what became of the run.
fn end(report: &Report, files: &Files, told: u8) -> ExitCode {
    let written = files.write(report);
    let table = benches::table(report, files.baseline.as_ref());
    let mut output = io::stdout().lock();
    let shown = output.write_all(table.as_bytes()).and_then(|()| output.flush());
    if let Err(error) = &written {
        return complain(error, FAILED);
    }
    match shown {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return complain(&Unshown(error), FAILED),
        // Whoever read it has seen enough.
        _ => {}
    }
    match &report.stopped {
        Some(stopped) => {
            say(&format!("error: {}", stopped.reason));
            for path in files.paths() {
                say(&format!("what was measured until then is in {}, marked as partial", path.display()));
            }
            ExitCode::from(if stopped.told { told } else { FAILED })
        }
        None if report.is_empty() => {
            say("error: no call has succeeded");
            ExitCode::from(FAILED)
        }
        None => ExitCode::SUCCESS,
    }
}

/// The table has no place to go.
#[derive(Debug, thiserror::Error)]
#[error("cannot write to standard output")]
struct Unshown(#[source] io::Error);

fn access(args: &AccessArgs) -> Result<Access, AccessError> {
    Access::new(args.key.as_deref(), &args.trust)
}

/// The log of the libraries, on standard error: as `RUST_LOG` says, or from this level on.
fn log_from(level: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    tracing_subscriber::fmt().with_env_filter(filter).with_target(false).with_writer(std::io::stderr).init();
}
