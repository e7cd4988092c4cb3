//! A report as text, in columns.

use std::fmt::Write as _;

use super::cells::{self, Grid};
use crate::report::Report;
use crate::units::moment;

/// A report for a terminal, beside an earlier one if there is one.
pub fn table(report: &Report, baseline: Option<&Report>) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = write_all(&mut text, report, baseline);
    text
}

fn write_all(text: &mut String, report: &Report, baseline: Option<&Report>) -> std::fmt::Result {
    let (load, knobs) = (report.knobs.load.in_words(report.axis), report.knobs.in_words(report.axis));
    writeln!(text, "{load} at {}: {knobs}", report.address)?;
    if let Some(stopped) = &report.stopped {
        writeln!(text, "PARTIAL: {}", stopped.reason)?;
    }
    if report.points.is_empty() && report.ceiling.is_none() {
        return writeln!(text, "nothing was measured");
    }
    writeln!(text)?;
    grid(text, &cells::points(report))?;
    for point in &report.points {
        if let Some(parts) = cells::parts(point) {
            match report.axis {
                Some(axis) => writeln!(text, "\nby work, {axis} {}:", cells::label(report, point))?,
                None => writeln!(text, "\nby work:")?,
            }
            grid(text, &parts)?;
        }
    }
    if let Some(baseline) = baseline {
        let changes = report.compared_with(baseline);
        writeln!(text, "\nsince {}:", moment(baseline.began_unix_s))?;
        cells::beside(report, baseline).iter().try_for_each(|note| writeln!(text, "{note}"))?;
        if !changes.is_empty() {
            grid(text, &cells::changes(report, &changes))?;
        }
    }
    let notes = cells::notes(report);
    if !notes.is_empty() {
        writeln!(text)?;
    }
    notes.iter().try_for_each(|note| writeln!(text, "{note}"))
}

/// The first column to the left, the others to the right.
fn grid(text: &mut String, grid: &Grid) -> std::fmt::Result {
    let all = || std::iter::once(&grid.head).chain(&grid.rows);
    let width = |n: usize| all().map(|row| row[n].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..grid.head.len()).map(width).collect();
    for row in all() {
        let mut line = String::new();
        for (n, (cell, width)) in row.iter().zip(&widths).enumerate() {
            match n {
                0 => write!(line, "{cell:<width$}")?,
                _ => write!(line, "  {cell:>width$}")?,
            }
        }
        writeln!(text, "{}", line.trim_end())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::super::report::{Failure, Left, Stopped, samples};
    use super::*;
    use crate::held::Held;

    #[test]
    fn a_curve_has_a_row_for_each_of_its_points() {
        let text = table(&samples::curve(1.0), None);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[0],
            "echo:64B at 127.0.0.1:18863: 1 connection × varied numbers in flight, 1 object each on one lane, closed loop, \
             10 s after 2 s of warm-up, 1 thread of the client"
        );
        assert!(lines[2].starts_with("in-flight  calls/s  "), "{text}");
        assert!(lines[3].starts_with("1             10 k  "), "{text}");
        assert!(lines[5].starts_with("256         2.56 M  "), "{text}");
        let width = lines[2].chars().count();
        assert!(lines[3..6].iter().all(|line| line.chars().count() == width), "{text}");
    }

    #[test]
    fn a_partial_report_says_so_and_why() {
        let mut report = samples::curve(1.0);
        report.stopped = Some(Stopped { told: false, reason: "the connection was lost".to_owned() });
        report.points[2].complete = false;
        report.points[2].failures = vec![Failure { text: "overloaded".to_owned(), count: 3 }];
        let text = table(&report, None);
        assert!(text.contains("\nPARTIAL: the connection was lost\n"), "{text}");
        assert!(text.contains("\n256 (partial)  "), "{text}");
        assert!(text.ends_with("\n256: 3 × overloaded\n"), "{text}");
        report.points.clear();
        assert!(table(&report, None).ends_with("\nnothing was measured\n"));
    }

    #[test]
    fn an_open_loop_says_when_calls_had_to_wait_for_room() {
        let mut report = samples::curve(1.0);
        report.points.truncate(1);
        (report.points[0].knobs.rate, report.points[0].held_back) = (Some(20_000.0), 12_345);
        let text = table(&report, None);
        assert!(
            text.ends_with(
                "\n1: 20 k calls a second were due, 10 k were answered; up to 12.3 k calls waited to begin, since there may be 1024 calls under way on each connection (--in-flight)\n"
            ),
            "{text}"
        );
    }

    #[test]
    fn what_was_left_behind_is_said_once_if_it_is_the_same_after_all_points() {
        let mut report = samples::curve(1.0);
        let left = |exports| {
            let held = Held { exports, ..Held::default() };
            Some(Left { client: Held::default(), server: Some(held), missing: None })
        };
        report.points.iter_mut().for_each(|point| point.left = left(0));
        assert!(table(&report, None).ends_with("\n\nleft behind: nothing\n"));
        report.points[1].left = left(2);
        let said = "\n1: left behind: nothing\n\
                    16: left behind: nothing by the client, 2 exports by the server\n\
                    256: left behind: nothing\n";
        assert!(table(&report, None).ends_with(said), "{}", table(&report, None));
    }

    #[test]
    fn a_long_run_of_one_point_says_what_became_of_memory() {
        let mut report = samples::curve(1.0);
        report.points.truncate(1);
        report.points[0].memory = samples::memory(12);
        let text = table(&report, None);
        let said = "\nmemory after the first quarter, and at the end: client 33.0 → 41.0 MiB, server 64.0 → 64.0 MiB\n";
        assert!(text.ends_with(said), "{text}");
        report.points[0].memory.truncate(9);
        assert!(!table(&report, None).contains("memory"), "too few samples");
    }

    #[test]
    fn a_baseline_stands_beside_each_figure() {
        let text = table(&samples::curve(2.0), Some(&samples::curve(1.0)));
        assert!(text.contains("\nsince 2026-11-22 05:07:09 UTC:\n"), "{text}");
        assert!(text.contains("10 k → 20 k (×2.00)"), "{text}");
        assert!(!text.contains("not the same"), "{text}");
    }

    #[test]
    fn what_differs_from_a_baseline_stands_above_the_figures() {
        let (mut before, mut now) = (samples::curve(1.0), samples::curve(2.0));
        (before.knobs.objects, before.knobs.threads) = (2, 3);
        before.points.remove(0);
        now.points.remove(2);
        let text = table(&now, Some(&before));
        let said = "UTC:\nnot the same in both: objects 2 → 1, threads 3 → 1\nonly in this run: 1\n\
                    only in the baseline: 256\nin-flight  ";
        assert!(text.contains(said), "{text}");
        now.points.remove(1);
        assert!(table(&now, Some(&before)).ends_with("\nonly in the baseline: 16, 256\n"));
    }
}
