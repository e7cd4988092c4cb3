//! The processes of a comparison and the lines they say to each other.
//!
//! A server says its address when it is ready, serves until its standard input is closed, and then says how much
//! processor time it used. A client says its report. No process outlives the runner: servers see their input close.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::Fault;
use crate::peer::Address;

/// In a server: says that it is ready, and where.
pub(crate) fn announce(at: &Address) -> Result<(), Fault> {
    say(&format!("{} {}", at.server, at.secret))
}

/// In a server: says its processor time, in microseconds.
pub(crate) fn say_cpu(used: Duration) -> Result<(), Fault> {
    say(&used.as_micros().to_string())
}

/// Says a line to the runner.
pub(crate) fn say(line: &str) -> Result<(), Fault> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}

/// In a server: waits for standard input to be closed.
pub(crate) async fn input_closed() {
    let (closed, wait) = oneshot::channel::<()>();
    std::thread::spawn(move || {
        let mut rest = Vec::new();
        // Whether it ended or failed, there is nobody to serve for.
        let _ = std::io::stdin().lock().read_to_end(&mut rest);
        drop(closed);
    });
    let _ = wait.await;
}

/// In the runner: a process of this same program, killed when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    name: String,
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Process {
    /// Starts this program again, with other arguments.
    pub(crate) fn start(name: String, arguments: &[String]) -> Result<Self, Fault> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = child.stdin.take();
        let output = child.stdout.take().ok_or("a child without a standard output")?;
        let (tell, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if tell.send(line).is_err() {
                    break;
                }
            }
        });
        Ok(Self { name, child, input, lines })
    }

    /// Its number.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its next line.
    pub(crate) fn line(&self, within: Duration) -> Result<String, Fault> {
        self.lines.recv_timeout(within).map_err(|why| match why {
            RecvTimeoutError::Timeout => format!("{}: silent for {within:?}", self.name).into(),
            RecvTimeoutError::Disconnected => format!("{}: ended without its figures", self.name).into(),
        })
    }

    /// Where a server listens.
    pub(crate) fn address(&self, within: Duration) -> Result<Address, Fault> {
        let line = self.line(within)?;
        let (server, secret) = line.split_once(' ').ok_or("a server's first line is its address")?;
        Ok(Address { server: server.parse()?, secret: secret.to_owned() })
    }

    /// Closes a server's input and takes its processor time, in microseconds.
    pub(crate) fn end(mut self, within: Duration) -> Result<f64, Fault> {
        drop(self.input.take());
        Ok(self.line(within)?.parse()?)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
