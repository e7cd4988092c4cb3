//! A report as a page that needs nothing else: no script, no font, no picture is fetched.

use std::cmp::Ordering;

use super::cells::{self, all_points};
use super::charts::charts;
use super::html::{escape, table};
use crate::axis::Axis;
use crate::report::{End, Point, Report};
use crate::units::{about_size, count, moment, nanos, plural, seconds};

/// A report as HTML, beside an earlier one if there is one.
pub fn page(report: &Report, baseline: Option<&Report>) -> String {
    let name = report.knobs.load.in_words(report.axis);
    let parts = [
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n".to_owned(),
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n".to_owned(),
        format!("<title>{} – duologue bench</title>\n", escape(&name)),
        format!("<style>\n{}</style>\n</head>\n<body>\n<main>\n", include_str!("page.css")),
        head(report),
        best(report).map(|(point, why)| figures(report, point, why)).unwrap_or_default(),
        plots(report, baseline),
        rows(report, baseline),
        foot(report),
        "</main>\n</body>\n</html>\n".to_owned(),
    ];
    parts.concat()
}

fn head(report: &Report) -> String {
    let mut text = format!(
        "<header>\n<h1>{}</h1>\n<p>{}</p>\n<p>at {}, {}</p>\n</header>\n",
        escape(&report.knobs.load.in_words(report.axis)),
        escape(&report.knobs.in_words(report.axis)),
        escape(&report.address),
        moment(report.began_unix_s),
    );
    if let Some(stopped) = &report.stopped {
        let reason = escape(&stopped.reason);
        text += &format!(
            "<p class=\"partial\" role=\"alert\"><strong>Partial report.</strong> The run did not come to its end: {reason}.</p>\n"
        );
    }
    text
}

/// The point whose figures stand first, and what makes it that: in a curve over rates the highest one that was kept up with, else
/// the one with the most calls a second.
fn best(report: &Report) -> Option<(&Point, &'static str)> {
    let with_calls = || report.points.iter().filter(|p| p.calls > 0);
    let kept_up = || with_calls().filter(|p| p.kept_up() && p.failed == 0);
    let highest = || kept_up().max_by(|a, b| a.value.partial_cmp(&b.value).unwrap_or(Ordering::Equal));
    let most = || with_calls().max_by(|a, b| a.per_s.total_cmp(&b.per_s)).map(|p| (p, "with most calls"));
    match report.axis {
        Some(Axis::Rate) => highest().map(|p| (p, "kept up with")).or_else(most),
        _ => most(),
    }
}

fn figures(report: &Report, point: &Point, why: &str) -> String {
    let latency = |of: fn(&crate::Latency) -> u64| point.latency.as_ref().map(|l| nanos(of(l) as f64));
    let micros = |us: Option<f64>| us.map(|us| nanos(us * 1e3));
    let payload = (point.bytes > 0).then(|| format!("{}/s", about_size(point.bytes_per_s)));
    let most = report.axis.zip(point.value).map(|(axis, value)| (format!("{axis} {why}"), axis.show(value)));
    let ceiling = report.ceiling.as_ref().map(|ceiling| format!("{}/s", count(ceiling.per_s)));
    let all = [
        ("calls a second", Some(count(point.per_s))),
        ("payload", payload),
        ("median latency", latency(|l| l.p50_ns)),
        ("99 % within", latency(|l| l.p99_ns)),
        ("client CPU for a call", micros(point.client.cpu_us_per_call)),
        ("server CPU for a call", micros(point.server.cpu_us_per_call)),
        ("a closed loop reached", ceiling),
        ("failed calls", (point.failed > 0).then(|| point.failed.to_string())),
    ];
    let all = all.into_iter().filter_map(|(name, figure)| Some((name.to_owned(), figure?)));
    let mut text = "<dl class=\"figures\">\n".to_owned();
    for (name, figure) in most.into_iter().chain(all) {
        text += &format!("<div><dt>{}</dt><dd>{}</dd></div>\n", escape(&name), escape(&figure));
    }
    text + "</dl>\n"
}

fn plots(report: &Report, baseline: Option<&Report>) -> String {
    let charts = charts(report, baseline);
    if charts.is_empty() {
        return String::new();
    }
    let mut text = "<div class=\"plots\">\n".to_owned();
    for chart in charts {
        text += &format!(
            "<figure>\n<figcaption><h2>{}</h2><p>{}</p></figcaption>\n{}\n</figure>\n",
            escape(chart.name),
            escape(&chart.how),
            chart.plot.draw()
        );
    }
    text + "</div>\n"
}

fn rows(report: &Report, baseline: Option<&Report>) -> String {
    let section = |name: &str, how: &str, rows: String| {
        let (name, how) = (escape(name), escape(how));
        format!("<section class=\"rows\">\n<h2>{name}</h2>\n<p>{how}</p>\n{rows}\n</section>\n")
    };
    let mut text = String::new();
    if all_points(report).is_empty() {
        return section("Figures", "Nothing was measured.", String::new());
    }
    let open = all_points(report).iter().any(|p| p.service.is_some());
    let how = match open {
        true => {
            "Latency from when a call was due; “begun” from when it was begun. CPU: for a call. Mem: for a connection."
        }
        false => "Latency from the begin of a call to its end. CPU: for a call. Mem: for a connection.",
    };
    text += &section("Figures", how, table(&cells::points(report)));
    for point in &report.points {
        if let Some(parts) = cells::parts(point) {
            let name = match report.axis {
                Some(axis) => format!("By work, {axis} {}", cells::label(report, point)),
                None => "By work".to_owned(),
            };
            text += &section(&name, "Each kind of work in the mix.", table(&parts));
        }
    }
    if let Some(baseline) = baseline {
        let how = format!(
            "Then, now, and how many times as much. The baseline is of {}.",
            moment(baseline.began_unix_s)
        );
        let changes = report.compared_with(baseline);
        let changes =
            if changes.is_empty() { String::new() } else { table(&cells::changes(report, &changes)) };
        text += &section("Since the baseline", &how, list(&cells::beside(report, baseline)) + &changes);
    }
    let notes = cells::notes(report);
    if !notes.is_empty() {
        text += &section("Notes", "What to know of these figures.", list(&notes));
    }
    text
}

fn list(notes: &[String]) -> String {
    if notes.is_empty() {
        return String::new();
    }
    let items: String = notes.iter().map(|note| format!("<li>{}</li>", escape(note))).collect();
    format!("<ul class=\"notes\">{items}</ul>")
}

fn foot(report: &Report) -> String {
    let end = |name: &str, end: &End| {
        let awake = match end.busy_poll.is_zero() {
            true => String::new(),
            false => format!(", awake for {} after each frame", seconds(end.busy_poll)),
        };
        format!(
            "<p>{name}: duologue {}, {}, {}, {}{awake}</p>\n",
            escape(&end.program),
            escape(&end.system),
            plural(u64::from(end.cores), "core"),
            plural(u64::from(end.threads), "thread"),
        )
    };
    let server = report.server.as_ref().map(|server| end("Server", server)).unwrap_or_default();
    format!("<footer>\n{}{server}</footer>\n", end("Client", &report.client))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Load;
    use crate::report::{Failure, Stopped, samples};

    #[test]
    fn a_page_fetches_nothing_and_runs_nothing() {
        let page = page(&samples::curve(2.0), Some(&samples::curve(1.0)));
        for foreign in ["<script", "src=", "href=", "@import", "url("] {
            assert!(!page.contains(foreign), "{foreign}");
        }
        let elsewhere = page.replace("http://www.w3.org/2000/svg", "");
        assert!(!elsewhere.contains("://"), "no address but the name of SVG's namespace");
        assert_eq!(page.matches("<svg ").count(), 5);
        assert_eq!(page.matches("</svg>").count(), 5);
        assert!(page.contains("prefers-color-scheme: dark"));
        assert!(page.contains("<h2>Since the baseline</h2>"));
    }

    #[test]
    fn what_others_say_stays_text() {
        let mut report = samples::curve(1.0);
        report.address = "<script>alert(1)</script>".to_owned();
        report.stopped = Some(Stopped { told: false, reason: "<b>lost</b>".to_owned() });
        report.points[0].failures = vec![Failure { text: "<img src=x>".to_owned(), count: 1 }];
        let page = page(&report, None);
        assert!(!page.contains("<script") && !page.contains("<b>") && !page.contains("<img"));
        assert!(page.contains(
            "<strong>Partial report.</strong> The run did not come to its end: &lt;b&gt;lost&lt;/b&gt;."
        ));
    }

    #[test]
    fn the_first_figures_are_those_of_the_highest_rate_that_was_kept_up_with() {
        let mut report = samples::curve(1.0);
        // Of 10 k, 160 k and 2.56 M calls a second that were answered, the last ones are fewer than were due.
        for (point, (rate, percent)) in
            report.points.iter_mut().zip([(10_000.0, 25.0), (160_000.0, 50.0), (3e6, 75.0)])
        {
            (point.value, point.percent, point.knobs.rate) = (Some(rate), Some(percent), Some(rate));
        }
        let mut closed = samples::curve(2.0).points.remove(2);
        closed.value = None;
        (report.axis, report.ceiling) = (Some(Axis::Rate), Some(closed));
        let tile = |name: &str, figure: &str| format!("<div><dt>{name}</dt><dd>{figure}</dd></div>");
        let kept = page(&report, None);
        assert!(kept.contains(&tile("rate kept up with", "160 k/s")), "{kept}");
        assert!(kept.contains(&tile("calls a second", "160 k")));
        assert!(kept.contains(&tile("a closed loop reached", "5.12 M/s")));
        report.points.iter_mut().for_each(|point| point.knobs.rate = Some(1e7));
        let none = page(&report, None);
        assert!(none.contains(&tile("rate with most calls", "3 M/s")), "{none}");
        assert!(none.contains(&tile("calls a second", "2.56 M")), "of the points, not of the closed loop");
    }

    #[test]
    fn what_differs_from_the_baseline_is_said() {
        let (mut before, now) = (samples::curve(1.0), samples::curve(2.0));
        before.knobs.objects = 5;
        let page = page(&now, Some(&before));
        assert!(page.contains("<li>not the same in both: objects 5 → 1</li>"), "{page}");
    }

    #[test]
    fn a_report_of_nothing_is_still_a_page() {
        let mut report = samples::curve(1.0);
        report.points.clear();
        report.knobs.load = Load::parse("add", None).unwrap();
        let page = page(&report, None);
        assert!(page.contains("Nothing was measured.") && page.ends_with("</html>\n"));
    }
}
