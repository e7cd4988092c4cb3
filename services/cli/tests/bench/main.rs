//! `duologue bench` as it is used: a server and a run as two processes, their files, words and exit codes.
//!
//! Nothing here asks how fast it was. Every wait is for a line or an end, and fails after two minutes.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "helpers of tests, where clippy does not see that")]

#[path = "../process/mod.rs"]
mod process;
mod strangers;

use std::path::PathBuf;

use duologue::Identity;
use process::{Process, Said};
use serde_json::Value;
use tempfile::TempDir;

/// A server that ends with the test.
struct Server {
    process: Process,
    address: String,
    id: String,
}

impl Server {
    fn start(args: &[&str]) -> Server {
        let args = [&["serve", "--bind", "127.0.0.1:0", "--threads", "1"], args].concat();
        let mut process = Process::start(&args);
        let id = process.line_of_output("node id ");
        let address = process.line_of_output("listening on ");
        Server { process, address, id }
    }
}

/// A folder for reports, and the runs that write them.
struct Bench(TempDir);

impl Bench {
    fn new() -> Bench {
        Bench(TempDir::new().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A short run that writes both reports.
    fn start(&self, address: &str, args: &[&str]) -> Process {
        let (json, html) = (self.path("report.json"), self.path("report.html"));
        let files = ["--json", json.to_str().unwrap(), "--html", html.to_str().unwrap()];
        let mut all = vec!["run", address];
        all.extend(files);
        if !args.contains(&"--duration") {
            all.extend(["--duration", "200ms"]);
        }
        all.extend(["--warm-up", "20ms"]);
        all.extend(args);
        Process::start(&all)
    }

    fn run(&self, address: &str, args: &[&str]) -> Said {
        self.start(address, args).end()
    }

    /// The same, which has to come to its end.
    fn measure(&self, address: &str, args: &[&str]) -> (Said, Value) {
        let said = self.run(address, args);
        assert_eq!(said.code, Some(0), "{args:?}: {said:?}");
        let report = self.report();
        assert_eq!(report["complete"], true);
        (said, report)
    }

    fn report(&self) -> Value {
        serde_json::from_str(&std::fs::read_to_string(self.path("report.json")).unwrap()).unwrap()
    }

    fn page(&self) -> String {
        std::fs::read_to_string(self.path("report.html")).unwrap()
    }
}

fn rising(latency: &Value) {
    let steps = ["min_ns", "p50_ns", "p90_ns", "p99_ns", "p99_9_ns", "p99_99_ns", "max_ns"];
    let steps: Vec<u64> = steps.iter().map(|step| latency[step].as_u64().unwrap()).collect();
    assert!(steps[0] > 0 && steps.is_sorted(), "{steps:?}");
    let ranks = latency["ranks"].as_array().unwrap();
    let ranks: Vec<(f64, u64)> =
        ranks.iter().map(|r| (r["percentile"].as_f64().unwrap(), r["ns"].as_u64().unwrap())).collect();
    assert!(ranks.windows(2).all(|w| w[0].0 <= w[1].0 && w[0].1 <= w[1].1), "{ranks:?}");
}

/// What every point has to have.
fn whole(point: &Value) {
    assert_eq!(point["complete"], true);
    assert_eq!((&point["failed"], &point["failures"]), (&Value::from(0), &Value::from(Vec::<Value>::new())));
    assert!(point["calls"].as_u64().unwrap() > 0, "{point}");
    assert!(point["per_s"].as_f64().unwrap() > 0.0 && point["seconds"].as_f64().unwrap() >= 0.2, "{point}");
    rising(&point["latency"]);
    for end in ["client", "server"] {
        let used = &point[end];
        if cfg!(target_os = "linux") {
            assert!(used["cpu_us_per_call"].is_f64() && used["cpu_s"].is_f64(), "{end}: {used}");
            assert!(used["rss_bytes"].as_u64().unwrap() > 0, "{end}: {used}");
        } else {
            assert!(used["missing"].as_str().unwrap().contains("on Linux only"), "{end}: {used}");
        }
    }
}

#[test]
fn every_work_is_measured_at_both_ends() {
    let (server, bench) = (Server::start(&[]), Bench::new());
    for (work, moves) in [
        ("add", false),
        ("spin:5us", false),
        ("echo:1KiB", true),
        ("callback", false),
        ("stream:64B", true),
        ("bulk:256KiB", true),
        ("handles", false),
        ("connect", false),
    ] {
        let (said, report) = bench.measure(&server.address, &["--work", work, "--in-flight", "4"]);
        let points = report["points"].as_array().unwrap();
        assert_eq!((points.len(), &report["knobs"]["load"]["name"]), (1, &Value::from(work)));
        whole(&points[0]);
        assert_eq!(points[0]["bytes"].as_u64().unwrap() > 0, moves, "{work}");
        assert!(said.stdout.starts_with(&format!("{work} at {}: ", server.address)), "{said:?}");
        let page = bench.page();
        assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"), "{work}");
        assert!(page.contains("<h2>Latency by percentile</h2>"), "{work}");
    }
}

#[test]
fn a_mix_is_measured_as_a_whole_and_by_its_works() {
    let (server, bench) = (Server::start(&[]), Bench::new());
    std::fs::write(bench.path("mix.toml"), "add = 3\n\"echo:64\" = 1\n").unwrap();
    let work = format!("mixed:{}", bench.path("mix.toml").display());
    let (said, report) = bench.measure(&server.address, &["--work", &work]);
    let point = &report["points"][0];
    whole(point);
    let parts = point["parts"].as_array().unwrap();
    let of = |part: &Value| (part["work"].as_str().unwrap().to_owned(), part["weight"].as_u64().unwrap());
    assert_eq!(parts.iter().map(of).collect::<Vec<_>>(), [("add".to_owned(), 3), ("echo:64B".to_owned(), 1)]);
    let calls: u64 = parts.iter().map(|part| part["calls"].as_u64().unwrap()).sum();
    assert_eq!(calls, point["calls"].as_u64().unwrap());
    assert!(said.stdout.contains("\nby work:\n"), "{said:?}");
}

/// All figures of what an end holds.
fn held(end: &Value) -> Vec<u64> {
    end.as_object().unwrap().values().map(|n| n.as_u64().unwrap()).collect()
}

#[test]
fn a_mix_of_everything_leaves_nothing_behind_at_either_end() {
    let (server, bench) = (Server::start(&[]), Bench::new());
    let mix = "add = 4\n\"echo:1KiB\" = 2\n\"echo:32KiB\" = 1\ncallback = 2\nhandles = 2\n\"stream:256B\" = 1\n\"bulk:256KiB\" = 1\n";
    std::fs::write(bench.path("mix.toml"), mix).unwrap();
    let work = format!("mixed:{}", bench.path("mix.toml").display());
    let many = ["--work", &work, "--connections", "3", "--objects", "5"];
    for (loop_, lanes) in [(&[][..], "shared"), (&["--rate", "200"], "own")] {
        let (said, report) =
            bench.measure(&server.address, &[&many[..], loop_, &["--lanes", lanes]].concat());
        let left = &report["points"][0]["left"];
        assert_eq!((held(&left["client"]), held(&left["server"])), (vec![0; 9], vec![0; 9]), "{left}");
        assert!(said.stdout.ends_with("\nleft behind: nothing\n"), "{said:?}");
        assert!(bench.page().contains("<li>left behind: nothing</li>"));
    }
    let (said, _) = bench.measure(&server.address, &["--work", "connect"]);
    assert!(said.stdout.ends_with("\nleft behind: nothing\n"), "{said:?}");
}

#[test]
fn an_open_loop_accounts_for_every_call_that_was_due() {
    let (server, bench) = (Server::start(&[]), Bench::new());
    let (_, report) = bench.measure(&server.address, &["--rate", "500"]);
    let point = &report["points"][0];
    assert_eq!(point["latency"]["count"], 100, "500 a second for 200 ms: {point}");
    rising(&point["latency"]);
    rising(&point["service"]);
    // A call is not begun before it is due.
    assert!(point["service"]["max_ns"].as_u64() <= point["latency"]["max_ns"].as_u64());
}

#[test]
fn calls_that_find_no_room_still_begin_and_the_report_says_so() {
    let (server, bench) = (Server::start(&[]), Bench::new());
    let one_at_a_time = ["--rate", "2000", "--duration", "50ms", "--in-flight", "1", "--work", "bulk:4MiB"];
    let (said, report) = bench.measure(&server.address, &one_at_a_time);
    let point = &report["points"][0];
    assert_eq!(point["latency"]["count"], 100, "whatever became of them: {point}");
    let begun = point["service"]["count"].as_u64().unwrap();
    assert_eq!(begun + point["unanswered"].as_u64().unwrap(), 100, "{point}");
    assert!(point["held_back"].as_u64().unwrap() > 0, "{point}");
    assert!(said.stdout.contains("calls waited to begin, since there may be 1 call under way"), "{said:?}");
}

#[test]
fn a_curve_has_a_point_for_each_value() {
    let (server, bench) = (Server::start(&[]), Bench::new());
    let (_, report) = bench.measure(&server.address, &["--sweep", "in-flight=1,4,16"]);
    let points = report["points"].as_array().unwrap();
    let values: Vec<f64> = points.iter().map(|point| point["value"].as_f64().unwrap()).collect();
    assert_eq!((values, &report["axis"]), (vec![1.0, 4.0, 16.0], &Value::from("in-flight")));
    points.iter().for_each(whole);
    assert!(bench.page().contains("<h2>Throughput by concurrency</h2>"));
}

#[test]
fn a_curve_over_lanes_ends_with_lanes_of_their_own() {
    let (server, bench) = (Server::start(&[]), Bench::new());
    let (said, report) = bench.measure(&server.address, &["--sweep", "lanes=1,4,own", "--objects", "8"]);
    let lanes = report["points"].as_array().unwrap().iter().map(|point| &point["knobs"]["lanes"]);
    assert_eq!(lanes.collect::<Vec<_>>(), ["shared", "4", "own"]);
    assert!(said.stdout.contains("\nown  "), "{said:?}");
    assert!(bench.page().contains("<h2>Throughput by lanes</h2>"));
}

#[test]
fn rates_in_per_cent_are_of_what_a_closed_loop_reached() {
    let (server, bench) = (Server::start(&[]), Bench::new());
    let (_, report) = bench.measure(&server.address, &["--sweep", "rate=500%,1000%", "--in-flight", "8"]);
    whole(&report["ceiling"]);
    let ceiling = report["ceiling"]["per_s"].as_f64().unwrap();
    let points = report["points"].as_array().unwrap();
    let parts: Vec<f64> =
        points.iter().map(|p| (p["value"].as_f64().unwrap() / ceiling * 100.0).round()).collect();
    assert_eq!(parts, [500.0, 1_000.0]);
    assert!(bench.page().contains("<h2>Latency under rate</h2>"));
}

#[test]
fn many_connections_and_objects_are_loaded_together() {
    let (server, bench) = (Server::start(&[]), Bench::new());
    let many =
        ["--connections", "60", "--threads", "2", "--objects", "3", "--in-flight", "2", "--connecting", "16"];
    let (said, report) = bench.measure(&server.address, &many);
    let point = &report["points"][0];
    whole(point);
    if cfg!(target_os = "linux") {
        assert!(point["server"]["bytes_per_connection"].is_f64(), "{point}");
    }
    assert!(said.stdout.contains(": 60 connections × 2 in flight, 3 objects each on one lane, "), "{said:?}");
    let own = ["--lanes", "own", "--objects", "4", "--work", "callback"];
    let (said, report) = bench.measure(&server.address, &own);
    whole(&report["points"][0]);
    assert!(said.stdout.contains("4 objects each on lanes of their own"), "{said:?}");
}

#[test]
fn threads_that_stay_awake_are_told_of_by_both_ends() {
    let (server, bench) = (Server::start(&["--busy-poll", "20us"]), Bench::new());
    let (said, report) = bench.measure(&server.address, &["--busy-poll", "50us", "--in-flight", "1"]);
    let awake = |time: &Value| time["nanos"].as_u64().unwrap();
    assert_eq!(
        (awake(&report["knobs"]["busy_poll"]), awake(&report["server"]["busy_poll"])),
        (50_000, 20_000)
    );
    assert!(said.stdout.contains(", awake for 50 µs after each frame\n"), "{said:?}");
    assert!(bench.page().contains(", awake for 20 µs after each frame</p>"));
}

#[test]
fn a_run_is_compared_with_an_earlier_one() {
    let (server, bench) = (Server::start(&[]), Bench::new());
    bench.measure(&server.address, &[]);
    let before = bench.path("before.json");
    std::fs::rename(bench.path("report.json"), &before).unwrap();
    let before = before.to_str().unwrap();
    let (said, _) = bench.measure(&server.address, &["--baseline", before]);
    assert!(said.stdout.contains("\nsince 20"), "{said:?}");
    assert!(said.stdout.contains(" → ") && bench.page().contains("<h2>Since the baseline</h2>"), "{said:?}");

    let (said, _) = bench.measure(&server.address, &["--objects", "2", "--baseline", before]);
    assert!(said.stdout.contains("\nnot the same in both: objects 1 → 2\n"), "{said:?}");

    let said = bench.run(&server.address, &["--work", "echo", "--baseline", before]);
    let reason = format!("error: --baseline {before}: it measured add, this run measures echo:1KiB");
    assert_eq!((said.code, said.last_line()), (Some(2), reason.as_str()));
}

#[test]
fn a_server_that_dies_leaves_a_partial_report() {
    let (mut server, bench) = (Server::start(&[]), Bench::new());
    let mut run = bench.start(&server.address, &["--duration", "10m", "--idle-timeout", "3s"]);
    run.wait_for("    measuring");
    server.process.kill();
    let said = run.end();
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.has_line("error: the connection was lost: "), "{said:?}");
    assert!(said.last_line().ends_with("report.html, marked as partial"), "{said:?}");
    let report = bench.report();
    assert_eq!((&report["complete"], &report["stopped"]["told"]), (&Value::from(false), &Value::from(false)));
    assert_eq!(report["points"].as_array().unwrap().len(), 1);
    assert_eq!(report["points"][0]["complete"], false);
    let words = "left behind: nothing by the client; by the server it is not known: the server did not say: ";
    assert!(said.stdout.contains(words), "{said:?}");
    assert!(bench.page().contains("<strong>Partial report.</strong>"));
}

#[test]
fn a_server_whose_death_is_noticed_after_the_measured_time_leaves_a_partial_report() {
    for rate in [&[][..], &["--rate", "1000"]] {
        let (mut server, bench) = (Server::start(&[]), Bench::new());
        let args = [&["--duration", "2s", "--idle-timeout", "5s"], rate].concat();
        let mut run = bench.start(&server.address, &args);
        run.wait_for("    measuring");
        server.process.kill();
        let said = run.end();
        assert_eq!(said.code, Some(1), "{said:?}");
        assert!(said.has_line("error: the connection was lost: "), "{said:?}");
        let report = bench.report();
        let point = &report["points"][0];
        assert_eq!((&report["complete"], &point["complete"]), (&Value::from(false), &Value::from(false)));
        let seconds = point["seconds"].as_f64().unwrap();
        assert!((2.0..4.0).contains(&seconds), "the measured time ends when it ends: {seconds}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_report_is_written_wherever_the_table_can_not_be_shown() {
    let (server, bench) = (Server::start(&[]), Bench::new());
    let json = bench.path("full.json");
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let run = std::process::Command::new(env!("CARGO_BIN_EXE_duologue"))
        .args(["bench", "run", &server.address, "--duration", "100ms", "--warm-up", "10ms", "--json"])
        .arg(&json)
        .stdout(full)
        .output()
        .unwrap();
    let said = String::from_utf8(run.stderr).unwrap();
    assert_eq!(run.status.code(), Some(1), "{said}");
    assert!(
        said.ends_with("error: cannot write to standard output: No space left on device (os error 28)\n"),
        "{said}"
    );
    let report: Value = serde_json::from_str(&std::fs::read_to_string(&json).unwrap()).unwrap();
    assert_eq!(report["complete"], true);
}

#[test]
fn whoever_stops_a_run_keeps_what_was_measured() {
    let (server, bench) = (Server::start(&[]), Bench::new());
    let mut run = bench.start(&server.address, &["--duration", "10m"]);
    run.wait_for("    measuring");
    run.interrupt();
    let said = run.end();
    assert_eq!(said.code, Some(130), "{said:?}");
    let report = bench.report();
    assert_eq!((&report["complete"], &report["stopped"]["told"]), (&Value::from(false), &Value::from(true)));
    assert_eq!(report["points"].as_array().unwrap().len(), 1);
    assert!(said.stdout.contains("PARTIAL: it was told to stop"), "{said:?}");
    assert!(said.stdout.ends_with("\nleft behind: nothing\n"), "{said:?}");
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let bench = Bench::new();
    // Bound, so that nobody else is there, and silent.
    let nobody = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = nobody.local_addr().unwrap().to_string();
    let said = bench.run(&address, &["--idle-timeout", "500ms"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.has_line(&format!("error: nobody answers at {address}")), "{said:?}");
    let report = bench.report();
    assert_eq!((&report["complete"], &report["server"]), (&Value::from(false), &Value::Null));
    assert!(
        report["points"].as_array().unwrap().is_empty() && bench.page().contains("Nothing was measured.")
    );
}

#[test]
fn a_server_that_does_not_trust_the_client_refuses_it() {
    let bench = Bench::new();
    let (client, key) = (bench.path("client.pem"), bench.path("server.pem"));
    let (client, key) = (client.to_str().unwrap(), key.to_str().unwrap());
    let somebody = Identity::generate().unwrap().node_id().to_string();
    let server = Server::start(&["--key", key, "--trust", &somebody]);
    let said = bench.run(&server.address, &["--key", client]);
    assert_eq!(said.code, Some(1), "{said:?}");
    let id = Identity::load(client).unwrap().node_id();
    assert_eq!(said.lines[0], format!("node id {id}"), "before it has reached anybody");
    assert!(said.has_line(&format!("start it with --trust {id}")), "{said:?}");
    assert_eq!(bench.report()["complete"], false);

    // A key of this run alone cannot be trusted by the next one.
    let said = bench.run(&server.address, &[]);
    assert!(
        said.has_line("give this end a lasting key with --key FILE, and start the server with "),
        "{said:?}"
    );
    assert!(!said.has_line("start it with --trust"), "{said:?}");
    drop(server);

    let server = Server::start(&["--key", key, "--trust", &id.to_string()]);
    let peer = Identity::load(key).unwrap().node_id().to_string();
    assert_eq!(server.id, peer);
    let (_, report) = bench.measure(&server.address, &["--key", client, "--trust", &peer]);
    whole(&report["points"][0]);
}

#[test]
fn a_server_that_all_machines_can_reach_has_to_say_whom_it_trusts() {
    let said = Process::start(&["serve", "--bind", "0.0.0.0:0"]).end();
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.last_line().contains("say who may connect with --trust ID"), "{said:?}");
}

#[test]
fn an_end_says_who_it_is_before_the_other_one_has_to_know() {
    let bench = Bench::new();
    let key = bench.path("key.pem");
    let key = key.to_str().unwrap();
    let said = Process::start_any(&["id", "--key", key]).end();
    let id = Identity::load(key).unwrap().node_id();
    assert_eq!((said.code, said.stdout), (Some(0), format!("{id}\n")));
    // Whom it trusts is not known yet: it does not listen, but says what the other end has to be told.
    let said = Process::start(&["serve", "--bind", "0.0.0.0:0", "--key", key]).end();
    assert_eq!((said.code, said.stdout), (Some(1), format!("node id {id}\n")));
    let said = Process::start_any(&["id", "--key", bench.0.path().to_str().unwrap()]).end();
    assert_eq!((said.code, said.stdout.as_str()), (Some(2), ""));
    assert!(said.last_line().starts_with("error: --key: "), "{:?}", said.lines);
}

#[test]
fn what_makes_no_sense_is_refused_before_anything_begins() {
    let cases: [(&[&str], &str); 14] = [
        (&["--in-flight", "0"], "--in-flight: must be between 1 and 65536"),
        (&["--connections", "0"], "--connections: must be between 1 and 100000"),
        (&["--rate", "0"], "--rate: must be above 0 and at most 100000000 calls a second"),
        (&["--duration", "0s"], "--duration: must be between 10ms and 24h"),
        (
            &["--threads", "3", "--connections", "2"],
            "--threads: 3 for 2 connections: a connection lives on one thread",
        ),
        (&["--work", "echo:17MiB"], "echo:17MiB: the size must be between 0B and 16MiB"),
        (&["--work", "echo:64", "--size", "64"], "echo:64B says its size already: leave the other one out"),
        (&["--work", "sing"], "`sing` is no work: there are add, spin, echo, "),
        (&["--work", "mixed:nowhere.toml"], "nowhere.toml: cannot be read: "),
        (&["--rate", "10", "--sweep", "in-flight=1,2"], "with --rate the loop is open: "),
        (&["--sweep", "in-flight=1,x"], "`x` is no value for in-flight"),
        (&["--work", "connect", "--connections", "2"], "--connections: connect makes its own: "),
        (&["--json", "nowhere/report.json"], "--json nowhere/report.json: its folder does not exist"),
        (&["--trust", "me"], "--trust me: "),
    ];
    for (args, reason) in cases {
        let said = Process::start(&[&["run", "127.0.0.1:1"], args].concat()).end();
        assert_eq!(said.code, Some(2), "{args:?}: {said:?}");
        assert!(said.has_line(reason), "{args:?}: {said:?}");
        assert_eq!(said.stdout, "", "{args:?}");
    }
}
