//! The command line: what can be asked for. What makes no sense is refused in part here, by its form, and in part by
//! `duologue_benches`, by its meaning; the exit code is 2 either way.

use std::path::PathBuf;
use std::time::Duration;

use benches::{Knobs, Lanes, Load, Plan, Sweep, duration, size};
use clap::{Args, Parser, Subcommand};

/// Where a server listens if nobody says so: this machine only.
const ADDRESS: &str = "127.0.0.1:18863";

/// Tools for Duologue nodes.
#[derive(Debug, Parser)]
#[command(name = "duologue", version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Measure a link: calls, payload, callbacks, streams, objects and handshakes, at high concurrency
    #[command(subcommand)]
    Bench(BenchCommand),
    /// Print the node id of a key, which is made if it is missing: what other nodes have to trust
    Id(IdArgs),
}

#[derive(Debug, Args)]
pub(crate) struct IdArgs {
    /// File of the key
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BenchCommand {
    /// Be the end that is loaded; until Ctrl-C
    Serve(ServeArgs),
    /// Load a server and report what came of it
    Run(Box<RunArgs>),
}

/// Who this end is and whom it lets in; needed between machines.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct AccessArgs {
    /// Node id of an end that is trusted; once for each
    #[arg(long, value_name = "ID")]
    pub(crate) trust: Vec<String>,
    /// File of this end's key, made if it is missing (`duologue id --key FILE` prints its id); on this machine alone none is
    /// needed
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Address to be reached at
    #[arg(long, value_name = "ADDR", default_value = ADDRESS)]
    pub(crate) bind: String,
    /// Threads that run connections and objects [default: one for each core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    pub(crate) threads: Option<u32>,
    /// How long these threads stay awake after each frame that arrives, where there are cores to spare; say it at both ends
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = busy_poll)]
    pub(crate) busy_poll: Duration,
    #[command(flatten)]
    pub(crate) access: AccessArgs,
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Address of the server, host:port
    #[arg(value_name = "ADDR", default_value = ADDRESS)]
    pub(crate) address: String,
    /// add, spin:TIME, echo:SIZE, callback, stream:SIZE, bulk:SIZE, handles, connect, or mixed:FILE (TOML lines `WORK = WEIGHT`); a size may
    /// be left out
    #[arg(long, value_name = "WORK", default_value = "add")]
    pub(crate) work: String,
    /// Payload of a work that is named without one [default: 1KiB; bulk: 64MiB]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) size: Option<u64>,
    /// Connections [default: 1]
    #[arg(long, value_name = "N")]
    pub(crate) connections: Option<u32>,
    /// Calls under way on each connection; with a rate, the most there may be [default: 64; stream: 4, bulk: 1, connect: 16;
    /// with a rate: 1024]
    #[arg(long, value_name = "N")]
    pub(crate) in_flight: Option<u32>,
    /// Objects on each connection, called in turn
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) objects: u32,
    /// What objects share on the way: one lane (shared), so many lanes (a number, no more than objects), or none (own)
    #[arg(long, value_name = "shared|own|N", default_value = "shared")]
    pub(crate) lanes: Lanes,
    /// Threads of this end, each with its share of the connections [default: one for each core, but no more than connections]
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<u32>,
    /// Calls a second, over all connections: an open loop, in which latency counts from when a call was due
    #[arg(long, value_name = "N")]
    pub(crate) rate: Option<f64>,
    /// A curve: in-flight=, connections=, objects=, lanes=, rate= or size= and values with commas between; rates may be in per
    /// cent of what a closed loop reaches, as in rate=25%,50%,75%,90%
    #[arg(long, value_name = "KNOB=A,B,..")]
    pub(crate) sweep: Option<Sweep>,
    /// How long is measured (each point of a curve)
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    pub(crate) duration: Duration,
    /// How long the load runs before that
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = duration)]
    pub(crate) warm_up: Duration,
    /// Handshakes under way at once while the connections are made
    #[arg(long, value_name = "N", default_value_t = 64)]
    pub(crate) connecting: u32,
    /// How long the server may be silent until it counts as dead
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    pub(crate) idle_timeout: Duration,
    /// How long this end's threads stay awake after each frame that arrives, where there are cores to spare; say it at both ends
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = busy_poll)]
    pub(crate) busy_poll: Duration,
    /// Write the report as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Write the report as a page with plots, which needs nothing else to be read
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Compare with the JSON of an earlier run of the same work in the same kind of loop; what else differs is said
    #[arg(long, value_name = "FILE")]
    pub(crate) baseline: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) access: AccessArgs,
}

impl RunArgs {
    /// What is to be measured, if it makes sense.
    pub(crate) fn plan(&self) -> Result<Plan, Box<dyn std::error::Error>> {
        let load = Load::parse(&self.work, self.size)?;
        let mut knobs = Knobs::new(load);
        knobs.in_flight = self.in_flight.unwrap_or(knobs.in_flight);
        knobs.in_flight_max = self.in_flight.unwrap_or(knobs.in_flight_max);
        knobs.connections = self.connections.unwrap_or(1);
        knobs.objects = self.objects;
        knobs.lanes = self.lanes;
        knobs.rate = self.rate;
        (knobs.duration, knobs.warm_up) = (self.duration, self.warm_up);
        (knobs.connecting, knobs.idle_timeout) = (self.connecting, self.idle_timeout);
        knobs.busy_poll = self.busy_poll;
        knobs.threads = self.threads.unwrap_or_else(|| self.usual_threads(&knobs));
        Ok(Plan::new(knobs, self.sweep.clone())?)
    }

    fn usual_threads(&self, knobs: &Knobs) -> u32 {
        let cores = std::thread::available_parallelism().map_or(1, |n| n.get() as u32);
        let most = if knobs.load.connects() { knobs.in_flight } else { knobs.connections };
        let swept = self.sweep.as_ref().is_some_and(|sweep| sweep.axis() == benches::Axis::Connections);
        // A curve over connections has at each point what that point has use for.
        if swept { cores } else { cores.min(most).max(1) }
    }
}

fn busy_poll(text: &str) -> Result<Duration, String> {
    match duration(text).map_err(|e| e.to_string())? {
        time if time > Duration::from_secs(1) => Err("at most 1s".to_owned()),
        time => Ok(time),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn run(args: &[&str]) -> RunArgs {
        let cli = Cli::try_parse_from([&["duologue", "bench", "run"], args].concat()).unwrap();
        match cli.command {
            Command::Bench(BenchCommand::Run(args)) => *args,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_definition_holds() {
        Cli::command().debug_assert();
    }

    #[test]
    fn nothing_said_means_sums_on_one_connection_of_this_machine() {
        let args = run(&[]);
        assert_eq!(args.address, "127.0.0.1:18863");
        let plan = args.plan().unwrap();
        let usual = Knobs::new(Load::parse("add", None).unwrap());
        assert_eq!(plan.knobs(), &usual);
    }

    #[test]
    fn an_open_loop_may_have_more_under_way() {
        let in_flight = |args: &[&str]| {
            let plan = run(args).plan().unwrap();
            (plan.knobs().in_flight, plan.knobs().in_flight_max)
        };
        assert_eq!(in_flight(&["--work", "bulk"]), (1, 1_024));
        assert_eq!(in_flight(&["--rate", "100", "--in-flight", "5"]), (5, 5));
    }

    #[test]
    fn a_thread_has_at_least_a_connection() {
        assert_eq!(run(&[]).plan().unwrap().knobs().threads, 1);
        assert!(run(&["--sweep", "connections=1,2"]).plan().is_ok());
        let refused = run(&["--threads", "2"]).plan().unwrap_err().to_string();
        assert!(refused.starts_with("--threads: 2 for 1 connection:"), "{refused}");
    }

    #[test]
    fn what_has_no_form_is_refused_with_the_reason() {
        let cases: [(&[&str], &str); 6] = [
            (&["--busy-poll", "2s"], "invalid value '2s' for '--busy-poll <TIME>': at most 1s"),
            (
                &["--size", "big"],
                "invalid value 'big' for '--size <SIZE>': expected a size such as 64, 1KiB or 16MiB",
            ),
            (
                &["--duration", "10"],
                "invalid value '10' for '--duration <TIME>': expected a time such as 500ms, 10s or 2m",
            ),
            (
                &["--lanes", "0"],
                "invalid value '0' for '--lanes <shared|own|N>': expected shared, own, or a number of shared lanes up to 64",
            ),
            (
                &["--sweep", "colour=1"],
                "invalid value 'colour=1' for '--sweep <KNOB=A,B,..>': expected in-flight=, connections=, objects=, lanes=, rate= or size= and values such as 1,4,16",
            ),
            (&["--in-flight", "-1"], "unexpected argument '-1' found"),
        ];
        for (args, reason) in cases {
            let error = Cli::try_parse_from([&["duologue", "bench", "run"], args].concat()).unwrap_err();
            assert_eq!(error.exit_code(), 2);
            assert_eq!(error.to_string().lines().next().unwrap(), format!("error: {reason}"));
        }
    }
}
