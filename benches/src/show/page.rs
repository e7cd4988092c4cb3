//! A report as a page that needs nothing else: no script, no font, no picture is fetched.

use super::cells::{self, all_points};
use super::charts::charts;
use super::html::{escape, table};
use crate::report::{End, Point, Report};
use crate::units::{about_size, count, moment, nanos, plural};

/// A report as HTML, beside an earlier one if there is one.
pub fn page(report: &Report, baseline: Option<&Report>) -> String {
    let name = report.knobs.load.to_string();
    let parts = [
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n".to_owned(),
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n".to_owned(),
        format!("<title>{} – duologue bench</title>\n", escape(&name)),
        format!("<style>\n{}</style>\n</head>\n<body>\n<main>\n", include_str!("page.css")),
        head(report),
        best(report).map(|point| figures(report, point)).unwrap_or_default(),
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
        escape(&report.knobs.load.to_string()),
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

/// The point with the most calls a second.
fn best(report: &Report) -> Option<&Point> {
    all_points(report).into_iter().filter(|p| p.calls > 0).max_by(|a, b| a.per_s.total_cmp(&b.per_s))
}

fn figures(report: &Report, point: &Point) -> String {
    let latency = |of: fn(&crate::Latency) -> u64| point.latency.as_ref().map(|l| nanos(of(l) as f64));
    let micros = |us: Option<f64>| us.map(|us| nanos(us * 1e3));
    let payload = (point.bytes > 0).then(|| format!("{}/s", about_size(point.bytes_per_s)));
    let most = report.axis.map(|axis| (format!("{axis} with most calls"), cells::label(report, point.value)));
    let all = [
        ("calls a second", Some(count(point.per_s))),
        ("payload", payload),
        ("median latency", latency(|l| l.p50_ns)),
        ("99 % within", latency(|l| l.p99_ns)),
        ("client CPU for a call", micros(point.client.cpu_us_per_call)),
        ("server CPU for a call", micros(point.server.cpu_us_per_call)),
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
            escape(chart.how),
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
                Some(axis) => format!("By work, {axis} {}", cells::label(report, point.value)),
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
        text += &section(
            "Since the baseline",
            &how,
            table(&cells::changes(report, &report.compared_with(baseline))),
        );
    }
    let notes = cells::notes(report);
    if !notes.is_empty() {
        let items: String = notes.iter().map(|note| format!("<li>{}</li>", escape(note))).collect();
        text +=
            &section("Notes", "What to know of these figures.", format!("<ul class=\"notes\">{items}</ul>"));
    }
    text
}

fn foot(report: &Report) -> String {
    let end = |name: &str, end: &End| {
        format!(
            "<p>{name}: duologue {}, {}, {}, {}</p>\n",
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
    fn a_report_of_nothing_is_still_a_page() {
        let mut report = samples::curve(1.0);
        report.points.clear();
        report.knobs.load = Load::parse("add", None).unwrap();
        let page = page(&report, None);
        assert!(page.contains("Nothing was measured.") && page.ends_with("</html>\n"));
    }
}
