//! What a report shows in rows and columns, whatever they are drawn with.

use crate::latency::Latency;
use crate::report::{Change, Comparison, Course, Point, Report, course};
use crate::units::{about_size, count, nanos};

/// Rows under a head.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Grid {
    pub(super) head: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
}

/// What stands where nothing is known.
const NOTHING: &str = "–";

impl Grid {
    /// A column: its head, and its cell in each row.
    fn column(&mut self, head: &str, cells: impl Iterator<Item = Option<String>>) {
        self.head.push(head.to_owned());
        for (n, cell) in cells.enumerate() {
            if self.rows.len() == n {
                self.rows.push(Vec::new());
            }
            self.rows[n].push(cell.unwrap_or_else(|| NOTHING.to_owned()));
        }
    }
}

/// What a point is called: its value on the axis.
pub(super) fn label(report: &Report, point: &Point) -> String {
    match (report.axis, point.value) {
        (Some(_), None) => format!("closed loop, {} in flight", point.knobs.in_flight),
        _ => named(report, point.value, point.percent),
    }
}

fn named(report: &Report, value: Option<f64>, percent: Option<f64>) -> String {
    match (report.axis, value) {
        (Some(axis), Some(value)) => match percent {
            Some(percent) => format!("{percent} %: {}", axis.show(value)),
            None => axis.show(value),
        },
        (Some(_), None) => "closed loop".to_owned(),
        (None, _) if report.knobs.load.works().len() > 1 => "mixed".to_owned(),
        (None, _) => report.knobs.load.to_string(),
    }
}

/// The points of a report, what a closed loop reached first.
pub(super) fn all_points(report: &Report) -> Vec<&Point> {
    report.ceiling.iter().chain(&report.points).collect()
}

/// What was asked of a point and not done, or not at once.
fn waits(point: &Point) -> Option<String> {
    let behind =
        point.knobs.rate.filter(|_| point.complete && !point.kept_up()).map(|rate| {
            format!("{} calls a second were due, {} were answered", count(rate), count(point.per_s))
        });
    let held_back = (point.held_back > 0).then(|| {
        let (calls, most) = (count(point.held_back as f64), point.knobs.most_in_words());
        format!("up to {calls} calls waited to begin, since there may be {most} (--in-flight)")
    });
    let asked = point.knobs.duration.as_secs_f64();
    let longer =
        (point.knobs.rate.is_none() && point.complete && point.seconds > 1.1 * asked + 0.05).then(|| {
            let (asked, took) = (nanos(asked * 1e9), nanos(point.seconds * 1e9));
            format!("measured for {took}, since no call had ended after {asked}")
        });
    let said: Vec<String> = behind.into_iter().chain(held_back).chain(longer).collect();
    (!said.is_empty()).then(|| said.join("; "))
}

/// A row for each point.
pub(super) fn points(report: &Report) -> Grid {
    let points = all_points(report);
    let each = || points.iter().copied();
    let mut grid = Grid::default();
    let first = report.axis.map_or("work".to_owned(), |axis| axis.to_string());
    grid.column(&first, each().map(|p| Some(label(report, p) + if p.complete { "" } else { " (partial)" })));
    grid.column("calls/s", each().map(|p| Some(count(p.per_s))));
    if each().any(|p| p.bytes > 0) {
        grid.column("payload", each().map(|p| Some(format!("{}/s", about_size(p.bytes_per_s)))));
    }
    latencies(&mut grid, each().map(|p| p.latency.as_ref()));
    if each().any(|p| p.service.is_some()) {
        let service = |of: Of| each().map(move |p| p.service.as_ref().map(|l| nanos(of(l) as f64)));
        grid.column("begun p50", service(|l| l.p50_ns));
        grid.column("begun p99", service(|l| l.p99_ns));
        grid.column("unanswered", each().map(|p| Some(p.unanswered.to_string())));
    }
    grid.column("failed", each().map(|p| Some(p.failed.to_string())));
    let micros = |us: Option<f64>| us.map(|us| nanos(us * 1e3));
    grid.column("client CPU", each().map(|p| micros(p.client.cpu_us_per_call)));
    grid.column("server CPU", each().map(|p| micros(p.server.cpu_us_per_call)));
    if each().any(|p| p.server.bytes_per_connection.or(p.client.bytes_per_connection).is_some()) {
        grid.column("client mem", each().map(|p| p.client.bytes_per_connection.map(about_size)));
        grid.column("server mem", each().map(|p| p.server.bytes_per_connection.map(about_size)));
    }
    grid
}

/// One of the figures of a distribution.
pub(super) type Of = fn(&Latency) -> u64;

fn latencies<'a>(grid: &mut Grid, each: impl Iterator<Item = Option<&'a Latency>> + Clone) {
    let columns: [(&str, Of); 5] = [
        ("p50", |l| l.p50_ns),
        ("p90", |l| l.p90_ns),
        ("p99", |l| l.p99_ns),
        ("p99.9", |l| l.p99_9_ns),
        ("max", |l| l.max_ns),
    ];
    for (head, of) in columns {
        grid.column(head, each.clone().map(|latency| latency.map(|l| nanos(of(l) as f64))));
    }
}

/// A row for each kind of work in a mix.
pub(super) fn parts(point: &Point) -> Option<Grid> {
    if point.parts.is_empty() {
        return None;
    }
    let each = || point.parts.iter();
    let mut grid = Grid::default();
    grid.column("work", each().map(|p| Some(p.work.to_string())));
    grid.column("weight", each().map(|p| Some(p.weight.to_string())));
    grid.column("calls/s", each().map(|p| Some(count(p.per_s))));
    latencies(&mut grid, each().map(|p| p.latency.as_ref()));
    grid.column("failed", each().map(|p| Some(p.failed.to_string())));
    Some(grid)
}

/// A row for each point that can be compared.
pub(super) fn changes(report: &Report, changes: &[Comparison]) -> Grid {
    let each = || changes.iter();
    let mut grid = Grid::default();
    let first = report.axis.map_or("work".to_owned(), |axis| axis.to_string());
    let partial = |c: &Comparison| if c.partial { " (partial)" } else { "" };
    grid.column(&first, each().map(|c| Some(named(report, c.value, c.percent) + partial(c))));
    grid.column("calls/s", each().map(|c| Some(change(c.per_s, count))));
    grid.column("p50", each().map(|c| c.p50_ns.map(|c| change(c, nanos))));
    grid.column("p99", each().map(|c| c.p99_ns.map(|c| change(c, nanos))));
    let micros = |us: f64| nanos(us * 1e3);
    grid.column("client CPU", each().map(|c| c.client_cpu_us.map(|c| change(c, micros))));
    grid.column("server CPU", each().map(|c| c.server_cpu_us.map(|c| change(c, micros))));
    grid
}

/// What a reader has to know of a comparison: in what else the runs differ, and what has nothing to be compared with.
pub(super) fn beside(report: &Report, baseline: &Report) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(stopped) = &baseline.stopped {
        notes.push(format!("the baseline is partial: {}", stopped.reason));
    }
    let differences: Vec<String> = report.differences(baseline).iter().map(ToString::to_string).collect();
    if !differences.is_empty() {
        notes.push(format!("not the same in both: {}", differences.join(", ")));
    }
    let alone = |of: &Report, other: &Report| {
        let alone = of.points.iter().filter(|point| other.counterpart(point).is_none());
        alone.map(|point| label(of, point)).collect::<Vec<_>>().join(", ")
    };
    for (points, run) in [(alone(report, baseline), "this run"), (alone(baseline, report), "the baseline")] {
        if !points.is_empty() {
            notes.push(format!("only in {run}: {points}"));
        }
    }
    notes
}

fn change(change: Change, show: impl Fn(f64) -> String) -> String {
    let figures = format!("{} → {}", show(change.before), show(change.now));
    match change.factor() {
        Some(factor) => format!("{figures} (×{factor:.2})"),
        None => figures,
    }
}

/// What a reader has to know of the figures.
pub(super) fn notes(report: &Report) -> Vec<String> {
    let mut notes = Vec::new();
    for point in all_points(report) {
        let label = label(report, point);
        for failure in &point.failures {
            notes.push(format!("{label}: {} × {}", failure.count, failure.text));
        }
        notes.extend(waits(point).map(|waits| format!("{label}: {waits}")));
    }
    for (end, missing) in [
        ("client", all_points(report).iter().find_map(|p| p.client.missing.clone())),
        ("server", all_points(report).iter().find_map(|p| p.server.missing.clone())),
    ] {
        if let Some(missing) = missing {
            notes.push(format!("{end}: {missing}"));
        }
    }
    notes.extend(memory(report));
    notes.extend(left(report));
    notes
}

/// What became of memory while the one point of a report was measured.
fn memory(report: &Report) -> Option<String> {
    let [point] = &report.points[..] else { return None };
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let shown = |end: &str, course: Option<Course>| {
        course.map(|course| format!("{end} {:.1} → {:.1} MiB", mib(course.from), mib(course.to)))
    };
    let client = shown("client", course(&point.memory, |sample| sample.client_bytes));
    let server = shown("server", course(&point.memory, |sample| sample.server_bytes));
    let ends: Vec<String> = client.into_iter().chain(server).collect();
    (!ends.is_empty()).then(|| format!("memory after the first quarter, and at the end: {}", ends.join(", ")))
}

/// What both ends still held after each point: once, if it is the same after all of them.
fn left(report: &Report) -> Vec<String> {
    let known = all_points(report).into_iter().filter_map(|point| Some((point, point.left.as_ref()?)));
    let all: Vec<(String, String)> =
        known.map(|(point, left)| (label(report, point), left.to_string())).collect();
    match &all[..] {
        [(_, first), rest @ ..] if rest.iter().all(|(_, left)| left == first) => {
            vec![format!("left behind: {first}")]
        }
        all => all.iter().map(|(label, left)| format!("{label}: left behind: {left}")).collect(),
    }
}
