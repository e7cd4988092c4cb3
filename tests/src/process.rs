//! Nodes as child processes, to be killed without a farewell. They tell what happens on their standard output, a line each.

use std::path::Path;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// A child process; killed when it is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Process {
    /// Starts a program of this package: `env!("CARGO_BIN_EXE_..")` in a test.
    pub fn start(program: impl AsRef<Path>, arguments: &[&str]) -> Process {
        let mut child = Command::new(program.as_ref())
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the program starts");
        let stdout = child.stdout.take().expect("it is piped");
        let stdin = child.stdin.take().expect("it is piped");
        Process { child, stdin, lines: BufReader::new(stdout).lines() }
    }

    /// The next line it prints.
    pub async fn line(&mut self) -> String {
        self.lines.next_line().await.expect("its output is text").expect("it lives and prints a line")
    }

    /// Reads lines until one begins with `word`; what follows the word and a space.
    pub async fn told(&mut self, word: &str) -> String {
        loop {
            let line = self.line().await;
            if let Some(rest) = line.strip_prefix(word) {
                return rest.trim_start().to_owned();
            }
        }
    }

    /// Writes a line to its standard input; what it tells after `word`.
    pub async fn asked(&mut self, word: &str) -> String {
        self.stdin.write_all(format!("{word}\n").as_bytes()).await.expect("it reads");
        self.told(word).await
    }

    /// Ends it by SIGKILL: no destructor runs, no farewell is sent.
    pub async fn kill(mut self) {
        self.child.kill().await.expect("it can be killed");
    }

    /// Waits until it ends by itself; whether it succeeded.
    pub async fn ended(&mut self) -> bool {
        self.child.wait().await.expect("it is a child").success()
    }

    /// Its resident memory in bytes.
    pub fn resident(&self) -> u64 {
        let id = self.child.id().expect("it lives");
        let statm = std::fs::read_to_string(format!("/proc/{id}/statm")).expect("Linux tells");
        let pages: u64 = statm.split(' ').nth(1).and_then(|n| n.parse().ok()).expect("its second number");
        pages * 4_096
    }
}
