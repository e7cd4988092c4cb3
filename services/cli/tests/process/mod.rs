//! The program, running, and what it says.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(120);

/// `duologue`, killed when dropped.
pub(crate) struct Process {
    child: Child,
    heard: Receiver<String>,
    lines: Vec<String>,
}

/// What it has said when it has ended.
#[derive(Debug)]
pub(crate) struct Said {
    /// Its exit code.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    /// Of standard error.
    pub(crate) lines: Vec<String>,
}

impl Process {
    /// Of `duologue bench`.
    pub(crate) fn start(args: &[&str]) -> Process {
        Process::start_any(&[&["bench"], args].concat())
    }

    /// Of any of its commands.
    pub(crate) fn start_any(args: &[&str]) -> Process {
        let mut child = Command::new(env!("CARGO_BIN_EXE_duologue"))
            .args(args)
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (tell, heard) = mpsc::channel();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| tell.send(line)));
        Process { child, heard, lines: Vec::new() }
    }

    /// What follows these words in its next line on standard output.
    pub(crate) fn line_of_output(&mut self, words: &str) -> String {
        let mut line = String::new();
        let output = self.child.stdout.as_mut().unwrap();
        let mut byte = [0];
        // A byte at a time: what follows is for others to read.
        while output.read(&mut byte).unwrap() == 1 && byte[0] != b'\n' {
            line.push(char::from(byte[0]));
        }
        line.strip_prefix(words).unwrap_or_else(|| panic!("{line}")).to_owned()
    }

    /// Waits for this line on standard error.
    pub(crate) fn wait_for(&mut self, wanted: &str) {
        loop {
            let line = self.heard.recv_timeout(LIMIT);
            let line = line.unwrap_or_else(|e| panic!("no line {wanted:?} ({e}): {:#?}", self.lines));
            self.lines.push(line);
            if self.lines.last().is_some_and(|line| line == wanted) {
                return;
            }
        }
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// As Ctrl-C does it.
    pub(crate) fn interrupt(&self) {
        let kill = Command::new("kill").args(["-s", "INT"]).arg(self.child.id().to_string()).status();
        assert!(kill.unwrap().success());
    }

    /// Waits until it has ended by itself.
    pub(crate) fn end(mut self) -> Said {
        loop {
            match self.heard.recv_timeout(LIMIT) {
                Ok(line) => self.lines.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("it does not end: {:#?}", self.lines),
            }
        }
        let mut stdout = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
        let code = self.child.wait().unwrap().code();
        Said { code, stdout, lines: std::mem::take(&mut self.lines) }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // What has ended cannot be killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Said {
    /// Whether a line of standard error has these words in it.
    pub(crate) fn has_line(&self, words: &str) -> bool {
        self.lines.iter().any(|line| line.contains(words))
    }

    /// Of standard error.
    pub(crate) fn last_line(&self) -> &str {
        self.lines.last().map_or("", String::as_str)
    }
}
