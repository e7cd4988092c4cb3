//! What came of a run. As JSON it can be kept, and compared with a later one.

mod compare;
mod left;
mod memory;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

pub use compare::{BaselineError, Change, Comparison};
pub use left::Left;
pub use memory::Sample;
pub(crate) use memory::{Course, course, is_course};

use crate::axis::Axis;
use crate::knobs::Knobs;
use crate::latency::Latency;
use crate::plan::Plan;
use crate::service::Hello;
use crate::usage::Usage;
use crate::work::Work;

/// The form of a report as JSON.
pub(crate) const FORMAT: u32 = 2;

/// A whole run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Report {
    /// 2: the form of what follows.
    pub format: u32,
    /// Whether it came to its end. Otherwise it is partial: `stopped` says why, and what is there was measured.
    pub complete: bool,
    /// Why it did not come to its end.
    pub stopped: Option<Stopped>,
    /// When it began, in seconds since 1970.
    pub began_unix_s: u64,
    /// Whom it loaded.
    pub address: String,
    /// What was asked for.
    pub knobs: Knobs,
    /// What its points differ in.
    pub axis: Option<Axis>,
    /// This end.
    pub client: End,
    /// The other one, if it was reached.
    pub server: Option<End>,
    /// What a closed loop reached, if rates were given in per cent of that.
    pub ceiling: Option<Point>,
    /// What was measured: one, or one for each value of the axis.
    pub points: Vec<Point>,
}

/// Why a run did not come to its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stopped {
    /// Whether somebody wanted it so.
    pub told: bool,
    /// Why.
    pub reason: String,
}

/// A process that takes part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// Version of the program.
    pub program: String,
    /// The system it runs on.
    pub system: String,
    /// Cores of its machine.
    pub cores: u32,
    /// Threads of its nodes.
    pub threads: u32,
    /// How long they stay awake after each frame that arrives.
    #[serde(default)]
    pub busy_poll: Duration,
}

/// One load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Point {
    /// Its place on the axis. Lanes of their own stand at [`Axis::OWN_LANES`].
    pub value: Option<f64>,
    /// Its rate in per cent of what a closed loop reached, if it was asked for so.
    pub percent: Option<f64>,
    /// Whether it was measured to its end.
    pub complete: bool,
    /// All its settings.
    pub knobs: Knobs,
    /// How long it was measured.
    pub seconds: f64,
    /// Calls that ended well in that time.
    pub calls: u64,
    /// Of them a second.
    pub per_s: f64,
    /// Bytes of payload, both ways.
    pub bytes: u64,
    /// Of them a second.
    pub bytes_per_s: f64,
    /// Calls that failed. Closed loop: in the measured time. Open loop: that were due in it.
    pub failed: u64,
    /// Why.
    pub failures: Vec<Failure>,
    /// Open loop: calls that were due in the measured time and had no answer five seconds after its end, or were still to begin
    /// then; of a run that was cut, at its cut. The latencies have their ages.
    pub unanswered: u64,
    /// Open loop: the most calls that waited at a time because as many as may be were under way; 0 if there always was room.
    pub held_back: u64,
    /// Closed loop: of calls that ended well, from their begin to their end. Open loop: of every call that was due in the measured
    /// time, from when it was due to its end, be it good or bad.
    pub latency: Option<Latency>,
    /// Open loop: from the begin of a call to its end, be it good or bad.
    pub service: Option<Latency>,
    /// What the client used.
    pub client: EndUse,
    /// What the server used.
    pub server: EndUse,
    /// Of a mix: each kind of work.
    pub parts: Vec<Part>,
    /// What both ends still held when it was over; `None` if nobody asked.
    #[serde(default)]
    pub left: Option<Left>,
    /// The memory of both ends: when it began to be measured, in between about sixty times but not more than once a second,
    /// and at the end.
    #[serde(default)]
    pub memory: Vec<Sample>,
}

/// Calls that failed alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The error.
    pub text: String,
    /// How many.
    pub count: u64,
}

/// A kind of work in a mix.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Part {
    /// Which.
    pub work: Work,
    /// Its weight.
    pub weight: u32,
    /// Calls that ended well.
    pub calls: u64,
    /// Of them a second.
    pub per_s: f64,
    /// Calls that failed.
    pub failed: u64,
    /// Of these calls.
    pub latency: Option<Latency>,
}

/// What one end used while a point was measured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct EndUse {
    /// Processor time of the whole process, in seconds.
    pub cpu_s: Option<f64>,
    /// Processor time for a call, in microseconds.
    pub cpu_us_per_call: Option<f64>,
    /// Memory at the end, in bytes.
    pub rss_bytes: Option<u64>,
    /// What its memory grew by from the first connection of each thread to all of them, with their objects, for each; not
    /// known of fewer than 15 more. What the process had freed before is used again, so that later points of a curve may show
    /// less.
    pub bytes_per_connection: Option<f64>,
    /// Why something is not known.
    pub missing: Option<String>,
}

/// What fewer connections take is lost among what the process takes anyway.
const CONNECTIONS_MIN: u32 = 15;

impl EndUse {
    /// From what was used at the begin and at the end; `grown` is before and after so many connections were made.
    pub(crate) fn between(
        begin: &Usage,
        end: &Usage,
        calls: u64,
        grown: Option<(&Usage, &Usage, u32)>,
    ) -> EndUse {
        let cpu_s = begin.cpu.zip(end.cpu).map(|(a, b)| b.saturating_sub(a).as_secs_f64());
        let bytes_per_connection = grown.and_then(|(empty, full, connections)| {
            let bytes = full.rss_bytes?.saturating_sub(empty.rss_bytes?);
            (connections >= CONNECTIONS_MIN).then(|| bytes as f64 / f64::from(connections))
        });
        EndUse {
            cpu_s,
            cpu_us_per_call: cpu_s.filter(|_| calls > 0).map(|s| s * 1e6 / calls as f64),
            rss_bytes: end.rss_bytes,
            bytes_per_connection,
            missing: begin.missing.clone().or_else(|| end.missing.clone()),
        }
    }
}

impl Point {
    /// Whether as many calls were answered as were due, but for one in fifty. A closed loop always keeps up with itself.
    pub fn kept_up(&self) -> bool {
        self.knobs.rate.is_none_or(|rate| self.per_s >= 0.98 * rate)
    }
}

impl Report {
    pub(crate) fn begin(plan: &Plan, address: &str) -> Report {
        let Hello { program, system, cores, threads, busy_poll, .. } =
            Hello::here(plan.knobs().threads, plan.knobs().busy_poll);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Report {
            format: FORMAT,
            complete: false,
            stopped: None,
            began_unix_s: now.as_secs(),
            address: address.to_owned(),
            knobs: plan.knobs().clone(),
            axis: plan.axis(),
            client: End { program, system, cores, threads, busy_poll },
            server: None,
            ceiling: None,
            points: Vec::new(),
        }
    }

    /// Whether no call has ended well.
    pub fn is_empty(&self) -> bool {
        // Of an open loop calls count that were due in the measured time and ended after it.
        let answered = |p: &Point| {
            let timed = p.latency.as_ref().map_or(0, |latency| latency.count);
            p.calls.max(timed.saturating_sub(p.unanswered + p.failed))
        };
        self.points.iter().all(|point| answered(point) == 0)
    }

    /// As JSON, to be read by programs and by [`Report::from_json`].
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("strings, numbers and lists can always be written")
    }

    /// A report that was kept.
    pub fn from_json(text: &str) -> Result<Report, BaselineError> {
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let wrong = |e: serde_json::Error| BaselineError::NoReport(e.to_string());
        let Format { format } = serde_json::from_str(text).map_err(wrong)?;
        if format != FORMAT {
            return Err(BaselineError::Format(format));
        }
        serde_json::from_str(text).map_err(wrong)
    }
}

/// A report for tests of whatever is made of reports.
#[cfg(test)]
pub(crate) mod samples {
    use super::*;
    use crate::{Load, Sweep};

    pub(crate) fn plan() -> Plan {
        let sweep: Sweep = "in-flight=1,16,256".parse().unwrap();
        Plan::new(Knobs::new(Load::parse("echo:64", None).unwrap()), Some(sweep)).unwrap()
    }

    /// A curve over calls in flight whose throughput and latency are `factor` times those of another.
    pub(crate) fn curve(factor: f64) -> Report {
        let plan = plan();
        let mut report = Report::begin(&plan, "127.0.0.1:18863");
        report.complete = true;
        report.began_unix_s = 1_795_324_029;
        report.server = Some(report.client.clone());
        for n in 0..3 {
            let planned = plan.point(n, 0.0).unwrap();
            let in_flight = f64::from(planned.knobs.in_flight);
            report.points.push(point(planned.value, planned.knobs, 10_000.0 * in_flight * factor, factor));
        }
        report
    }

    /// So many seconds of a client that grows by a MiB in each, from 30 MiB, and of a server that does not.
    pub(crate) fn memory(seconds: u64) -> Vec<Sample> {
        let mib = |n: u64| Usage { rss_bytes: Some(n << 20), ..Usage::default() };
        (0..seconds).map(|s| Sample::new(Duration::from_secs(s), &mib(30 + s), &mib(64))).collect()
    }

    pub(crate) fn point(value: Option<f64>, knobs: Knobs, per_s: f64, factor: f64) -> Point {
        let mut histogram = crate::latency::histogram();
        for n in 1..=1_000_u64 {
            histogram.record((n * n * 100) * (10.0 * factor) as u64).unwrap();
        }
        let used = EndUse {
            cpu_s: Some(5.0),
            cpu_us_per_call: Some(2.5 * factor),
            rss_bytes: Some(20 << 20),
            bytes_per_connection: Some(60_000.0),
            missing: None,
        };
        Point {
            value,
            percent: None,
            complete: true,
            knobs,
            seconds: 10.0,
            calls: (per_s * 10.0) as u64,
            per_s,
            bytes: 1_280,
            bytes_per_s: 128.0,
            failed: 0,
            failures: Vec::new(),
            unanswered: 0,
            held_back: 0,
            latency: Latency::of(&histogram),
            service: None,
            client: used.clone(),
            server: used,
            parts: Vec::new(),
            left: None,
            memory: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::held::Held;

    #[test]
    fn a_report_is_the_same_after_json() {
        let mut report = samples::curve(1.0);
        report.stopped = Some(Stopped { told: true, reason: "because".to_owned() });
        report.points[0].parts = vec![Part {
            work: Work::Stream { size: 64 },
            weight: 3,
            calls: 1,
            per_s: 0.1,
            failed: 2,
            latency: report.points[0].latency.clone(),
        }];
        let held = Held { taking: 3, ..Held::default() };
        report.points[1].left = Some(Left { client: held, server: None, missing: Some("lost".to_owned()) });
        report.points[2].memory = samples::memory(3);
        assert_eq!(Report::from_json(&report.to_json()).unwrap(), report);
    }

    #[test]
    fn a_report_that_was_kept_before_knows_nothing_of_what_was_left() {
        let report = samples::curve(1.0);
        let mut json: serde_json::Value = serde_json::from_str(&report.to_json()).unwrap();
        for point in json["points"].as_array_mut().unwrap() {
            let point = point.as_object_mut().unwrap();
            assert!(point.remove("left").is_some() && point.remove("memory").is_some());
        }
        assert_eq!(Report::from_json(&json.to_string()).unwrap(), report);
    }

    #[test]
    fn it_is_empty_if_no_call_has_an_answer() {
        let mut report = samples::curve(1.0);
        assert!(!report.is_empty());
        report.points.iter_mut().for_each(|point| point.calls = 0);
        assert!(!report.is_empty(), "they ended after the measured time");
        report.points.iter_mut().for_each(|point| (point.unanswered, point.failed) = (900, 100));
        assert!(report.is_empty());
        report.points.clear();
        assert!(report.is_empty());
    }

    #[test]
    fn what_is_no_report_is_refused_with_the_reason() {
        let refused = |text: &str| Report::from_json(text).unwrap_err().to_string();
        assert!(refused("{}").starts_with("it is no report of the bench: missing field `format`"));
        assert!(refused("no JSON").starts_with("it is no report of the bench: expected"));
        assert_eq!(refused("{\"format\": 7}"), "it is a report of form 7, this is form 2");
    }

    #[test]
    fn what_an_end_used_is_the_difference() {
        let at =
            |cpu, rss| Usage { cpu: Some(Duration::from_millis(cpu)), rss_bytes: Some(rss), missing: None };
        let (empty, full) = (at(0, 10), at(0, 50));
        let grown = |connections| Some((&empty, &full, connections));
        let used = EndUse::between(&at(1_000, 50), &at(3_000, 70), 1_000, grown(20));
        assert_eq!((used.cpu_s, used.cpu_us_per_call), (Some(2.0), Some(2_000.0)));
        assert_eq!((used.rss_bytes, used.bytes_per_connection), (Some(70), Some(2.0)));
        let few = EndUse::between(&at(1_000, 50), &at(3_000, 70), 1_000, grown(14));
        assert_eq!(few.bytes_per_connection, None);
        let gone = Usage { missing: Some("it is gone".to_owned()), ..Usage::default() };
        let used = EndUse::between(&at(1, 1), &gone, 5, None);
        assert_eq!(used, EndUse { missing: Some("it is gone".to_owned()), ..EndUse::default() });
    }
}
