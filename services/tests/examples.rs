//! Each example is run as server and client, two processes, and prints what its head comment says.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// A server that is killed when the test ends, however it ends.
struct Server {
    process: Child,
    address: String,
}

impl Server {
    fn start(example: &str) -> Self {
        let mut process =
            Command::new(binary(example)).arg("server").stdout(Stdio::piped()).spawn().expect("it starts");
        let stdout = process.stdout.take().expect("it is piped");
        let mut server = Self { process, address: String::new() };
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).expect("it says where it listens");
        let address = line.trim().strip_prefix("listening on ").expect("that line and no other");
        server.address = address.to_owned();
        server
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// `cargo test` builds the examples beside the folder of the test binaries; with `--test examples` alone it does not.
fn binary(example: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the test has a path");
    let folder = test.parent().and_then(|deps| deps.parent()).expect("it lies in `deps`");
    let path = folder.join("examples").join(format!("{example}{}", std::env::consts::EXE_SUFFIX));
    assert!(path.exists(), "{} is not built: run `cargo build --examples` first", path.display());
    path
}

/// What the head comment promises: the lines between the marks of its text block.
fn promised(source: &str) -> String {
    let head = source.lines().map_while(|line| line.strip_prefix("//!"));
    let block = head.skip_while(|line| line.trim() != "```text").skip(1);
    let lines: Vec<&str> = block
        .take_while(|line| line.trim() != "```")
        .map(|line| line.strip_prefix(' ').unwrap_or(line))
        .collect();
    assert!(!lines.is_empty(), "the head comment says what is printed");
    lines.join("\n") + "\n"
}

fn printed(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().expect("it starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{:?}: {errors}", output.status);
    String::from_utf8(output.stdout).expect("it prints text")
}

macro_rules! examples {
    ($($name:ident),*) => { $(
        #[test]
        fn $name() {
            let promised = promised(include_str!(concat!("../examples/", stringify!($name), ".rs")));
            let name = stringify!($name);
            let server = Server::start(name);
            let client = printed(Command::new(binary(name)).args(["client", &server.address]));
            assert_eq!(client, promised);
            assert_eq!(printed(&mut Command::new(binary(name))), promised, "without arguments both roles run");
        }
    )* };
}

examples!(
    calculator,
    foobar_two_sided,
    callback,
    exposed_class,
    aliases,
    named_services,
    actix_actor,
    by_name
);
