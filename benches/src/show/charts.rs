//! Which plots a report has, and what each of them shows.

use super::cells::{Of, label};
use super::plot::{Bars, HUES, Line, Plot};
use super::scale::Scale;
use crate::axis::Axis;
use crate::latency::Latency;
use crate::report::{EndUse, Point, Report, Sample, is_course};
use crate::units::{about_size, count, nanos};

/// A plot with its heading and a sentence on how to read it.
#[derive(Clone, Debug)]
pub(super) struct Chart {
    pub(super) name: &'static str,
    pub(super) how: String,
    pub(super) plot: Plot,
}

/// Those that a report has figures for.
pub(super) fn charts(report: &Report, baseline: Option<&Report>) -> Vec<Chart> {
    let by_axis = report.axis.filter(|_| report.points.len() > 1);
    let all = [
        by_axis.and_then(|axis| throughput(report, axis, baseline)),
        by_axis.and_then(|axis| latency_by_axis(report, axis)),
        latency_by_percentile(report, baseline),
        processor_time(report),
        memory(report),
        memory_over_time(report),
    ];
    all.into_iter().flatten().collect()
}

fn throughput(report: &Report, axis: Axis, baseline: Option<&Report>) -> Option<Chart> {
    let (name, how) = match axis {
        Axis::InFlight | Axis::Connections => (
            "Throughput by concurrency",
            "Calls that ended well, a second. Where the line is flat, more at once only wait longer.",
        ),
        Axis::Objects => ("Throughput by objects", "Calls that ended well, a second."),
        Axis::Lanes => ("Throughput by lanes", "Calls that ended well, a second."),
        Axis::Rate => {
            ("Answered by offered rate", "Calls that ended well, a second, against those that were due.")
        }
        Axis::Size => ("Throughput by payload", "Calls that ended well, a second."),
    };
    let line = |report: &Report, name: &str, dashed| Line {
        name: name.to_owned(),
        hue: 0,
        dashed,
        dots: !dashed,
        points: report.points.iter().filter_map(|p| Some((p.value?, p.per_s))).collect(),
    };
    let mut lines = vec![line(report, "this run", false)];
    lines.extend(baseline.map(|baseline| line(baseline, "baseline", true)));
    if axis == Axis::Rate {
        let due = |p: &Point| Some((p.value?, p.value?));
        let points = report.points.iter().filter_map(due).collect();
        lines.push(Line { name: "due".to_owned(), hue: 2, dashed: true, dots: false, points });
    }
    let most = lines.iter().flat_map(|line| &line.points).map(|(_, y)| *y).fold(0.0, f64::max);
    let plot = Plot {
        title: name.to_owned(),
        x: along(axis, report, baseline),
        x_name: described(axis).to_owned(),
        y: Scale::from_zero(most, |n| format!("{}/s", count(n))),
        lines,
        bars: Vec::new(),
    };
    Some(Chart { name, how: how.to_owned(), plot })
}

/// The values of the axis: side by side by their logarithms, but rates as they are.
fn along(axis: Axis, report: &Report, baseline: Option<&Report>) -> Scale {
    let points = report.points.iter().chain(baseline.into_iter().flat_map(|baseline| &baseline.points));
    let mut values: Vec<f64> = points.filter_map(|p| p.value).collect();
    values.sort_by(f64::total_cmp);
    values.dedup();
    match axis {
        Axis::Rate => {
            let most = values.iter().copied().fold(0.0, f64::max);
            Scale::from_zero(most, count)
        }
        _ => Scale::log_at(&values, |n| axis.show(n)),
    }
}

fn described(axis: Axis) -> &'static str {
    match axis {
        Axis::InFlight => "calls in flight on each connection",
        Axis::Connections => "connections",
        Axis::Objects => "objects on each connection",
        Axis::Lanes => "lanes of each connection",
        Axis::Rate => "calls due, a second",
        Axis::Size => "bytes of payload",
    }
}

fn latency_by_axis(report: &Report, axis: Axis) -> Option<Chart> {
    let from = match report.knobs.rate {
        Some(_) => "From when a call was due to its end.",
        None => "From the begin of a call to its end.",
    };
    let (name, how) = match axis {
        Axis::Objects => ("Latency by objects", from),
        Axis::Lanes => ("Latency by lanes", from),
        Axis::Rate => (
            "Latency under rate",
            "From when a call was due to its end: a server that stalls is charged for all who waited.",
        ),
        Axis::InFlight | Axis::Connections => ("Latency by concurrency", from),
        Axis::Size => ("Latency by payload", from),
    };
    let kinds: [(&str, Of); 3] = [("p50", |l| l.p50_ns), ("p99", |l| l.p99_ns), ("p99.9", |l| l.p99_9_ns)];
    let lines: Vec<Line> = kinds
        .into_iter()
        .enumerate()
        .map(|(hue, (name, of))| Line {
            name: name.to_owned(),
            hue,
            dashed: false,
            dots: true,
            points: report
                .points
                .iter()
                .filter_map(|p| Some((p.value?, of(p.latency.as_ref()?) as f64)))
                .collect(),
        })
        .collect();
    let y = around(&lines)?;
    let (x, x_name) = (along(axis, report, None), described(axis).to_owned());
    Some(Chart {
        name,
        how: how.to_owned(),
        plot: Plot { title: name.to_owned(), x, x_name, y, lines, bars: Vec::new() },
    })
}

/// A scale of times that has all of these points.
fn around(lines: &[Line]) -> Option<Scale> {
    let times = || lines.iter().flat_map(|line| &line.points).map(|(_, y)| *y);
    times().next()?;
    let (least, most) = (times().fold(f64::INFINITY, f64::min), times().fold(1.0, f64::max));
    Some(Scale::log(least.max(1.0), most, nanos))
}

fn latency_by_percentile(report: &Report, baseline: Option<&Report>) -> Option<Chart> {
    let with = report.points.iter().filter_map(|p| Some((p, p.latency.as_ref()?)));
    let all: Vec<(&Point, &Latency)> = with.collect();
    let of = all.len();
    let shown = evenly(all, HUES);
    let most = shown.iter().map(|(_, latency)| latency.count).max()?;
    // As many nines as there are calls to tell them apart, and room for their names.
    let x = Scale::nines((most as f64).log10().floor().clamp(1.0, 5.0) as u32);
    let line = |name: String, hue, dashed, latency: &Latency| {
        let within = latency.ranks.iter().filter(|rank| x.place(rank.percentile) < x.to);
        // Of very few calls there is nothing but the longest.
        let ranks = within.chain(latency.ranks.first().filter(|rank| x.place(rank.percentile) >= x.to));
        let points = ranks.map(|rank| (rank.percentile, rank.ns as f64)).collect();
        Line { name, hue, dashed, dots: false, points }
    };
    let mut lines: Vec<Line> = Vec::new();
    for (hue, (point, latency)) in shown.iter().enumerate() {
        lines.push(line(label(report, point), hue, false, latency));
        let before = baseline.and_then(|baseline| baseline.counterpart(point));
        if let Some(before) = before.and_then(|before| before.latency.as_ref()) {
            lines.push(line(format!("{}, baseline", label(report, point)), hue, true, before));
        }
    }
    if let ([(point, _)], Some(service)) = (&shown[..], shown.first().and_then(|(p, _)| p.service.as_ref())) {
        let name = format!("{}, from when it was begun", label(report, point));
        lines.push(line(name, 1, false, service));
    }
    let plot = Plot {
        title: "Latency by percentile".to_owned(),
        y: around(&lines)?,
        x,
        x_name: "of all calls".to_owned(),
        lines,
        bars: Vec::new(),
    };
    let mut how = "How long the fastest so many per cent of the calls took at most. Each step to the right has a tenth of the calls left."
        .to_owned();
    if of > shown.len() {
        how += &format!(" Of the {of} points these are {}; the figures of all are below.", shown.len());
    }
    Some(Chart { name: "Latency by percentile", how, plot })
}

/// At most so many of them, the first and the last among these.
fn evenly<T: Clone>(all: Vec<T>, most: usize) -> Vec<T> {
    if all.len() <= most {
        return all;
    }
    (0..most).map(|n| all[n * (all.len() - 1) / (most - 1)].clone()).collect()
}

fn processor_time(report: &Report) -> Option<Chart> {
    let scale = |most| Scale::from_zero(most, |us| nanos(us * 1e3));
    let plot = ends(report, "Processor time for a call", |used| used.cpu_us_per_call, scale)?;
    let how = "All threads of each process, by the calls that ended well while it was measured.";
    Some(Chart { name: "Processor time for a call", how: how.to_owned(), plot })
}

fn memory(report: &Report) -> Option<Chart> {
    let scale = |most| Scale::bytes(most, about_size);
    let plot = ends(report, "Memory for a connection", |used| used.bytes_per_connection, scale)?;
    let how = "What each process grew by from the first connections to all of them, with their objects. What it had \
               freed before is used again, so later points of a curve may show less.";
    Some(Chart { name: "Memory for a connection", how: how.to_owned(), plot })
}

/// Of a report of one point that was measured for long enough.
fn memory_over_time(report: &Report) -> Option<Chart> {
    let [point] = &report.points[..] else { return None };
    let samples = &point.memory;
    let line = |name: &str, hue, of: fn(&Sample) -> Option<u64>| Line {
        name: name.to_owned(),
        hue,
        dashed: false,
        dots: false,
        points: samples.iter().filter_map(|sample| Some((sample.at_s, of(sample)? as f64))).collect(),
    };
    let lines = vec![
        line("client", 0, |sample| sample.client_bytes),
        line("server", 1, |sample| sample.server_bytes),
    ];
    let most = lines.iter().flat_map(|line| &line.points).map(|(_, bytes)| *bytes).fold(0.0, f64::max);
    let seconds = samples.last().filter(|_| is_course(samples) && most > 0.0)?.at_s;
    let name = "Memory over time";
    let plot = Plot {
        title: name.to_owned(),
        x: Scale::from_zero(seconds, |s| nanos(s * 1e9)),
        x_name: "since it is measured".to_owned(),
        y: Scale::bytes(most, about_size),
        lines,
        bars: Vec::new(),
    };
    let how = "What each process has in RAM. Where the line is flat, nothing piles up.".to_owned();
    Some(Chart { name, how, plot })
}

/// Bars of both ends at each point; `None` if nothing is known of either.
fn ends(
    report: &Report,
    title: &str,
    of: impl Fn(&EndUse) -> Option<f64>,
    scale: impl Fn(f64) -> Scale,
) -> Option<Plot> {
    let points = &report.points;
    let bars = [
        Bars { name: "client".to_owned(), hue: 0, heights: points.iter().map(|p| of(&p.client)).collect() },
        Bars { name: "server".to_owned(), hue: 1, heights: points.iter().map(|p| of(&p.server)).collect() },
    ];
    let known = || bars.iter().flat_map(|bars| &bars.heights).flatten().copied();
    known().next()?;
    Some(Plot {
        title: title.to_owned(),
        x: Scale::places(points.iter().map(|p| label(report, p)).collect()),
        x_name: report.axis.map_or("work", described).to_owned(),
        y: scale(known().fold(0.0, f64::max)),
        lines: Vec::new(),
        bars: bars.to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    fn names(report: &Report) -> Vec<&'static str> {
        charts(report, None).iter().map(|chart| chart.name).collect()
    }

    #[test]
    fn a_curve_has_all_plots_and_a_single_point_those_of_a_point() {
        let mut report = samples::curve(1.0);
        let of_a_point = ["Latency by percentile", "Processor time for a call", "Memory for a connection"];
        assert_eq!(names(&report)[..2], ["Throughput by concurrency", "Latency by concurrency"]);
        assert_eq!(names(&report)[2..], of_a_point);
        report.points.truncate(1);
        report.axis = None;
        assert_eq!(names(&report), of_a_point);
        report.points.clear();
        assert!(names(&report).is_empty());
    }

    #[test]
    fn a_plot_that_leaves_points_out_says_so() {
        let mut report = samples::curve(1.0);
        let how = |report: &Report| {
            let charts = charts(report, None);
            charts.into_iter().find(|chart| chart.name == "Latency by percentile").unwrap().how
        };
        assert!(!how(&report).contains("Of the"), "{}", how(&report));
        let point = report.points[0].clone();
        report.points = (1..=9).map(|n| Point { value: Some(f64::from(n)), ..point.clone() }).collect();
        let said = how(&report);
        assert!(said.ends_with(" Of the 9 points these are 6; the figures of all are below."), "{said}");
    }

    #[test]
    fn a_long_run_of_one_point_has_a_plot_of_memory() {
        let mut report = samples::curve(1.0);
        report.points[0].memory = samples::memory(10);
        assert!(!names(&report).contains(&"Memory over time"), "a curve has other plots");
        report.points.truncate(1);
        assert_eq!(names(&report).last(), Some(&"Memory over time"));
        let charts = charts(&report, None);
        let lines = &charts.last().unwrap().plot.lines;
        assert_eq!(lines.iter().map(|line| line.points.len()).collect::<Vec<_>>(), [10, 10]);
        report.points[0].memory.pop();
        assert!(!names(&report).contains(&"Memory over time"), "too few samples");
    }

    #[test]
    fn a_single_call_has_a_latency_to_draw() {
        let mut report = samples::curve(1.0);
        report.points.truncate(1);
        let mut histogram = crate::latency::histogram();
        histogram.record(1_000_000).unwrap();
        report.points[0].latency = Latency::of(&histogram);
        assert_eq!(names(&report)[0], "Latency by percentile");
    }

    #[test]
    fn a_baseline_is_drawn_in_dashes_beside_each_line() {
        let (before, now) = (samples::curve(1.0), samples::curve(2.0));
        for chart in &charts(&now, Some(&before))[..1] {
            let dashed = chart.plot.lines.iter().filter(|line| line.dashed).count();
            assert_eq!((dashed, chart.plot.lines.len()), (1, 2));
        }
    }

    #[test]
    fn a_baseline_that_goes_further_has_room() {
        let mut now = samples::curve(1.0);
        now.points.truncate(2);
        let charts = charts(&now, Some(&samples::curve(1.0)));
        let words: Vec<&str> = charts[0].plot.x.ticks.iter().map(|(_, words)| words.as_str()).collect();
        assert_eq!(words, ["1", "16", "256"]);
    }

    #[test]
    fn of_many_the_first_and_the_last_are_shown() {
        assert_eq!(evenly((1..=20).collect(), 4), [1, 7, 13, 20]);
        assert_eq!(evenly(vec![1, 2], 4), [1, 2]);
    }
}
