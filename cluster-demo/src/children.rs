//! Worker processes on this machine: started, listened to, and never left behind.
//!
//! Each holds the reading end of a pipe that only we hold the other end of: when this process is gone, for
//! whatever reason, the pipe ends, and the worker with it. What they say on the link is not known here.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStderr, Command};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::report::Screen;

/// How long a worker may take to end by itself before it is killed.
const END_TIMEOUT: Duration = Duration::from_secs(2);

/// A worker process that ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) pid: u32,
    pub(crate) status: ExitStatus,
}

/// The worker processes that were started here. Dropped, it kills those that are left.
#[derive(Debug)]
pub(crate) struct Children {
    running: JoinSet<io::Result<Ended>>,
    stop: watch::Sender<bool>,
}

impl Children {
    /// Starts `count` processes of this very program, to join `address`, where the node `id` is.
    pub(crate) fn start(count: u32, address: &str, id: &str, screen: &Screen) -> io::Result<Self> {
        let program = std::env::current_exe()?;
        let (stop, _) = watch::channel(false);
        let mut children = Self { running: JoinSet::new(), stop };
        for number in 1..=count {
            let mut command = Command::new(&program);
            command
                .args(["worker", "--until-stdin-ends", "--join", address, "--trust", id])
                .args(["--name", &number.to_string()])
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .kill_on_drop(true);
            // A group of its own: Ctrl-C on the terminal is for us, we end the workers.
            #[cfg(unix)]
            command.process_group(0);
            children.watch(command.spawn()?, number, screen);
        }
        Ok(children)
    }

    /// The next process that ends; `None` when none is left.
    pub(crate) async fn next_ended(&mut self) -> Option<io::Result<Ended>> {
        let ended = self.running.join_next().await?;
        Some(ended.unwrap_or_else(|panicked| Err(io::Error::other(panicked))))
    }

    /// Ends them all and waits until they are gone.
    pub(crate) async fn stop(mut self) {
        self.stop.send_replace(true);
        while self.next_ended().await.is_some() {}
    }

    fn watch(&mut self, mut child: Child, number: u32, screen: &Screen) {
        let Some(pid) = child.id() else { return };
        tracing::info!("worker {number} started (pid {pid})");
        if let Some(stderr) = child.stderr.take() {
            tokio::spawn(pass_on(stderr, number, screen.clone()));
        }
        let mut stop = self.stop.subscribe();
        self.running.spawn(async move {
            let pipe = child.stdin.take();
            tokio::select! {
                status = child.wait() => return Ok(Ended { pid, status: status? }),
                // Also ends when the sender is gone.
                _ = stop.wait_for(|stop| *stop) => drop(pipe),
            }
            if let Ok(status) = tokio::time::timeout(END_TIMEOUT, child.wait()).await {
                return Ok(Ended { pid, status: status? });
            }
            child.kill().await?;
            Ok(Ended { pid, status: child.wait().await? })
        });
    }
}

async fn pass_on(stderr: ChildStderr, number: u32, screen: Screen) {
    let mut lines = BufReader::new(stderr).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        screen.pass_on(&format!("[{number}] {line}"));
    }
}
