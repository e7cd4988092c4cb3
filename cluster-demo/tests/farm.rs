//! The program as it is used: its processes, files, messages and exit codes.
//!
//! Every wait is for a line or an end, and fails after a minute.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "helpers of tests, where clippy does not see that")]

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use tempfile::TempDir;

const LIMIT: Duration = Duration::from_secs(60);

/// 80 tiles, all of them with something to do.
const SCENE: &str = r#"
kind = "mandelbrot"
center = [-0.7453, 0.1127]
scale = 0.0065
size = [480, 384]
iterations = 1000
palette = "ember"
samples = 2
"#;

/// A folder with a scene in it, where pictures may be put.
struct Studio(TempDir);

impl Studio {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join("scene.toml"), SCENE).unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn start(&self, args: &[&str]) -> Running {
        Running::start(self.0.path(), args)
    }

    /// Renders the scene into `out`; gives what was said.
    fn render(&self, out: &str, args: &[&str]) -> Said {
        let said = self.start(&[&["--scene", "scene.toml", "--out", out], args].concat()).end();
        assert!(said.status.success(), "{said:?}");
        said
    }

    fn files(&self) -> Vec<String> {
        let files = std::fs::read_dir(self.0.path()).unwrap();
        let mut files: Vec<_> = files.map(|f| f.unwrap().file_name().into_string().unwrap()).collect();
        files.sort();
        files
    }
}

/// The program, running, and the lines it has written to standard error.
struct Running {
    child: Child,
    heard: Receiver<String>,
    lines: Vec<String>,
}

#[derive(Debug)]
struct Said {
    status: ExitStatus,
    stdout: String,
    lines: Vec<String>,
}

impl Running {
    fn start(folder: &Path, args: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_cluster-demo"))
            .args(args)
            .current_dir(folder)
            .env_remove("RUST_LOG")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (tell, heard) = mpsc::channel();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| tell.send(line)));
        Self { child, heard, lines: Vec::new() }
    }

    /// The first line, from now on, that has all these in it.
    fn wait_for(&mut self, parts: &[&str]) -> String {
        loop {
            let line = self.heard.recv_timeout(LIMIT);
            let line = line.unwrap_or_else(|e| panic!("no line with {parts:?} ({e}): {:#?}", self.lines));
            self.lines.push(line.clone());
            if parts.iter().all(|part| line.contains(part)) {
                return line;
            }
        }
    }

    fn signal(&self, name: &str) {
        signal(name, self.child.id());
    }

    /// Waits until it has ended by itself.
    fn end(mut self) -> Said {
        loop {
            match self.heard.recv_timeout(LIMIT) {
                Ok(line) => self.lines.push(line),
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
                Err(mpsc::RecvTimeoutError::Timeout) => panic!("it does not end: {:#?}", self.lines),
            }
        }
        let mut stdout = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
        let status = self.child.wait().unwrap();
        Said { status, stdout, lines: std::mem::take(&mut self.lines) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Only for tests that failed: what has ended cannot be killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn signal(name: &str, pid: u32) {
    assert!(kill(&["-s", name], pid));
}

fn is_alive(pid: u32) -> bool {
    kill(&["-0"], pid)
}

fn kill(args: &[&str], pid: u32) -> bool {
    let kill = Command::new("kill").args(args).arg(pid.to_string()).stderr(Stdio::null()).status();
    kill.unwrap().success()
}

/// The number after `(pid `.
fn pid_in(line: &str) -> u32 {
    line.split_once("(pid ").unwrap().1.split_once(')').unwrap().0.parse().unwrap()
}

#[test]
fn three_workers_draw_the_picture_that_one_draws() {
    let studio = Studio::new();
    let one = studio.render("one.png", &["--workers", "1"]);
    let three = studio.render("three.png", &["--workers", "3"]);
    assert!(
        std::fs::read(studio.path("one.png")).unwrap() == std::fs::read(studio.path("three.png")).unwrap()
    );
    for (said, workers) in [(&one, 1), (&three, 3)] {
        for worker in 1..=workers {
            let (name, done) = (format!(" worker {worker} (pid "), ") rendered tile ");
            assert!(said.lines.iter().any(|l| l.contains(&name) && l.contains(done)), "{said:?}");
        }
        assert_eq!(said.lines.iter().filter(|l| l.contains(") rendered tile ")).count(), 80);
        assert!(said.stdout.contains("rendered again: none\nwrote "), "{said:?}");
    }
    assert_eq!(studio.files(), ["one.png", "scene.toml", "three.png"]);
}

#[test]
fn a_worker_that_is_killed_changes_nothing_in_the_picture() {
    let studio = Studio::new();
    studio.render("calm.png", &["--workers", "1"]);
    let mut farm = studio.start(&["--scene", "scene.toml", "--out", "killed.png"]);
    let victim = pid_in(&farm.wait_for(&[" worker 2 (pid ", " rendered tile "]));
    signal("KILL", victim);
    let lost = farm.wait_for(&[" worker 2 (pid ", " lost: tile", " will be rendered again: "]);
    let said = farm.end();
    assert!(said.status.success(), "{said:?}");
    assert!(
        std::fs::read(studio.path("calm.png")).unwrap() == std::fs::read(studio.path("killed.png")).unwrap()
    );
    // The log names the tiles, and each of them is rendered by another.
    let tiles = lost.split_once(" lost: tile").unwrap().1.split_once(" will be").unwrap().0;
    let tiles = tiles.trim_start_matches('s').trim();
    for tile in tiles.split(", ") {
        let done = format!(" rendered tile {tile}");
        assert!(
            said.lines.iter().any(|l| l.ends_with(&done) && !l.contains(" worker 2 ")),
            "{tile}: {said:?}"
        );
    }
    let list = if tiles.contains(',') { "tiles" } else { "tile" };
    assert!(said.stdout.contains(&format!("rendered again: {list} {tiles}\n")), "{said:?}");
}

#[test]
fn when_all_workers_are_killed_it_says_so_and_leaves_no_picture() {
    let studio = Studio::new();
    let mut farm = studio.start(&["--scene", "scene.toml", "--workers", "1"]);
    let victim = pid_in(&farm.wait_for(&[" worker 1 (pid ", " rendered tile "]));
    signal("KILL", victim);
    let said = farm.end();
    assert_eq!(said.status.code(), Some(1));
    let last = said.lines.last().unwrap();
    assert!(last.starts_with("error: no worker is left, "), "{said:?}");
    assert_eq!(studio.files(), ["scene.toml"]);
}

#[test]
fn being_told_to_stop_leaves_no_process_and_no_picture() {
    let studio = Studio::new();
    for (name, code) in [("INT", 130), ("TERM", 143)] {
        let mut farm = studio.start(&["--scene", "scene.toml"]);
        farm.wait_for(&[" rendered tile "]);
        let started = farm.lines.iter().filter(|l| l.contains(" started (pid "));
        let workers: Vec<_> = started.map(|l| pid_in(l)).collect();
        assert_eq!(workers.len(), 3);
        assert!(workers.iter().all(|pid| is_alive(*pid)));
        farm.signal(name);
        let said = farm.end();
        assert_eq!(said.status.code(), Some(code), "{said:?}");
        assert!(!workers.iter().any(|pid| is_alive(*pid)));
        assert_eq!(studio.files(), ["scene.toml"]);
    }
}

#[test]
fn workers_started_by_hand_draw_the_same_picture() {
    let studio = Studio::new();
    studio.render("here.png", &["--workers", "1"]);
    let job = ["--scene", "scene.toml", "--out", "hand.png", "--workers", "2"];
    let mut farm = studio.start(&[&["coordinator", "--bind", "127.0.0.1:0"][..], &job].concat());
    let line = farm.wait_for(&["coordinator at "]);
    let address = line.split_once("coordinator at ").unwrap().1.split_once(": ").unwrap().0;
    let left = studio.start(&["worker", "--join", address, "--name", "left"]);
    farm.wait_for(&[" worker left (pid ", " joined"]);
    let right = studio.start(&["worker", "--join", address]);
    let said = farm.end();
    assert!(said.status.success(), "{said:?}");
    assert!(
        std::fs::read(studio.path("here.png")).unwrap() == std::fs::read(studio.path("hand.png")).unwrap()
    );
    // The workers end by themselves.
    assert!(left.end().status.success());
    let right = right.end();
    assert!(right.status.success());
    assert!(right.stdout.starts_with("node id ") && said.stdout.starts_with("node id "), "{right:?}");
}

#[test]
fn a_worker_ends_with_the_process_that_started_it() {
    let studio = Studio::new();
    let mut farm = studio.start(&["coordinator", "--bind", "127.0.0.1:0", "--workers", "2"]);
    let line = farm.wait_for(&["coordinator at "]);
    let address = line.split_once("coordinator at ").unwrap().1.split_once(": ").unwrap().0;
    let mut worker = studio.start(&["worker", "--join", address, "--name", "w", "--until-stdin-ends"]);
    farm.wait_for(&[" worker w (pid ", " joined"]);
    drop(worker.child.stdin.take());
    assert_eq!(worker.end().status.code(), Some(0));
    farm.wait_for(&[" worker w (pid ", " lost: it held no tile: "]);
}

#[test]
fn a_worker_ends_when_its_coordinator_is_killed() {
    let studio = Studio::new();
    let mut farm = studio.start(&["coordinator", "--bind", "127.0.0.1:0", "--workers", "2"]);
    let line = farm.wait_for(&["coordinator at "]);
    let address = line.split_once("coordinator at ").unwrap().1.split_once(": ").unwrap().0;
    let worker = studio.start(&["worker", "--join", address, "--name", "w"]);
    farm.wait_for(&[" worker w (pid ", " joined"]);
    farm.signal("KILL");
    assert_eq!(worker.end().status.code(), Some(0));
}

#[test]
fn a_bad_scene_is_refused_with_the_place() {
    let studio = Studio::new();
    std::fs::write(studio.path("bad.toml"), SCENE.replace("480, 384", "480, 0")).unwrap();
    for command in [&["--scene", "bad.toml"][..], &["coordinator", "--scene", "bad.toml"]] {
        let said = studio.start(command).end();
        assert_eq!(said.status.code(), Some(2));
        let expected = [
            "error: bad.toml:5:14: size: expected a whole number from 1 to 16384, found 0",
            "  |",
            "5 | size = [480, 0]",
            "  |              ^",
        ];
        assert_eq!(said.lines, expected);
    }
    let said = studio.start(&["--scene", "none.toml"]).end();
    assert_eq!(said.status.code(), Some(2));
    assert_eq!(
        said.lines,
        ["error: none.toml: cannot read this scene file: No such file or directory (os error 2)"]
    );
}

#[test]
fn what_cannot_be_is_refused_before_any_worker_starts() {
    let studio = Studio::new();
    let said = studio.start(&["--workers", "0"]).end();
    assert_eq!(said.status.code(), Some(2));
    assert_eq!(said.lines[0], "error: invalid value '0' for '--workers <N>': 0 is not in 1..=64");
    let said = studio.start(&["--out", "nowhere/out.png"]).end();
    assert_eq!(said.status.code(), Some(1));
    assert_eq!(said.lines, ["error: cannot write nowhere/out.png: No such file or directory (os error 2)"]);
}
