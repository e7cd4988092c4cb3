//! The command line: what can be asked for, and what is refused before anything starts.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Most workers that are started or waited for: a picture has enough tiles for them, a machine the cores hardly.
pub(crate) const WORKERS_MAX: u32 = 64;

/// A render farm on Duologue: a coordinator hands the tiles of a fractal to worker processes.
///
/// Without a command, the coordinator and its workers run on this machine.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) job: JobArgs,
}

/// What is to be rendered, by how many, and where to.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub(crate) struct JobArgs {
    /// Scene file (TOML); a scene of our own if left out
    #[arg(long, value_name = "FILE")]
    pub(crate) scene: Option<PathBuf>,
    /// Worker processes: to start, or (coordinator) to wait for before the first tile
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=i64::from(WORKERS_MAX)))]
    pub(crate) workers: u32,
    /// Where the PNG goes
    #[arg(long, value_name = "FILE.png", default_value = "render.png")]
    pub(crate) out: PathBuf,
}

/// Who this node is and whom it lets in; needed between machines.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub(crate) struct NodeArgs {
    /// Node id of a peer that is trusted; once for each
    #[arg(long, value_name = "ID")]
    pub(crate) trust: Vec<String>,
    /// File of this node's key, made if it is missing; on this machine alone a new key will do
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
}

#[derive(Debug, PartialEq, Eq, Subcommand)]
pub(crate) enum Command {
    /// Only the coordinator: waits for workers that join from wherever they are
    Coordinator {
        /// Address to be reached at
        #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:18862")]
        bind: SocketAddr,
        #[command(flatten)]
        node: NodeArgs,
        #[command(flatten)]
        job: JobArgs,
    },
    /// One worker: renders for a coordinator until that is gone
    Worker {
        /// Address of the coordinator, host:port
        #[arg(long, value_name = "ADDR", value_parser = host_and_port)]
        join: String,
        #[command(flatten)]
        node: NodeArgs,
        /// Name in the coordinator's log; the beginning of the node id if left out
        #[arg(long, value_parser = worker_name)]
        name: Option<String>,
        /// End when standard input ends, which it does when the process that started this one is gone
        #[arg(long, hide = true)]
        until_stdin_ends: bool,
    },
}

fn host_and_port(s: &str) -> Result<String, String> {
    let port = s.rsplit_once(':').filter(|(host, _)| !host.is_empty()).map(|(_, port)| port.parse::<u16>());
    match port {
        Some(Ok(1..)) => Ok(s.to_owned()),
        _ => Err("expected host:port".to_owned()),
    }
}

/// A name that can stand in a line of a log.
pub(crate) fn worker_name(s: &str) -> Result<String, String> {
    let fits =
        !s.is_empty() && s.len() <= 32 && s.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    if fits { Ok(s.to_owned()) } else { Err("expected 1 to 32 letters, digits, '-', '_' or '.'".to_owned()) }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn refused(args: &[&str]) -> String {
        let error = Cli::try_parse_from([&["cluster-demo"], args].concat()).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        error.to_string().lines().next().unwrap_or_default().to_owned()
    }

    #[test]
    fn the_definition_holds() {
        Cli::command().debug_assert();
    }

    #[test]
    fn nothing_said_means_three_workers_and_render_png() {
        let cli = Cli::try_parse_from(["cluster-demo"]).unwrap();
        assert!(cli.command.is_none());
        assert_eq!(cli.job, JobArgs { scene: None, workers: 3, out: "render.png".into() });
    }

    #[test]
    fn a_worker_needs_to_know_whom_to_join() {
        let cli = Cli::try_parse_from(["cluster-demo", "worker", "--join", "[::1]:80", "--name", "left-1"])
            .unwrap();
        let expected = Command::Worker {
            join: "[::1]:80".to_owned(),
            node: NodeArgs::default(),
            name: Some("left-1".to_owned()),
            until_stdin_ends: false,
        };
        assert_eq!(cli.command, Some(expected));
    }

    #[test]
    fn impossible_values_are_refused_with_a_reason() {
        let cases: [(&[&str], &str); 7] = [
            (&["--workers", "0"], "error: invalid value '0' for '--workers <N>': 0 is not in 1..=64"),
            (&["--workers", "65"], "error: invalid value '65' for '--workers <N>': 65 is not in 1..=64"),
            (
                &["--workers", "x"],
                "error: invalid value 'x' for '--workers <N>': invalid digit found in string",
            ),
            (
                &["worker", "--join", "here"],
                "error: invalid value 'here' for '--join <ADDR>': expected host:port",
            ),
            (
                &["worker", "--join", ":80"],
                "error: invalid value ':80' for '--join <ADDR>': expected host:port",
            ),
            (
                &["worker", "--join", "a:80", "--name", "a b"],
                "error: invalid value 'a b' for '--name <NAME>': expected 1 to 32 letters, digits, '-', '_' or '.'",
            ),
            (
                &["coordinator", "--bind", "localhost:1"],
                "error: invalid value 'localhost:1' for '--bind <ADDR>': invalid socket address syntax",
            ),
        ];
        for (args, expected) in cases {
            assert_eq!(refused(args), expected);
        }
    }
}
