//! The figures as Markdown: medians with the least and the greatest, and the ratios to the hand-written programs.

use std::fmt;

use crate::report::Report;
use crate::subject::Subject;

/// All subjects with one number of calls in flight.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) in_flight: u32,
    pub(crate) rows: Vec<Row>,
}

/// One subject, a figure per round.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) subject: Subject,
    calls_per_second: Vec<f64>,
    p50_us: Vec<f64>,
    p99_us: Vec<f64>,
    client_cpu_us: Vec<f64>,
    server_cpu_us: Vec<f64>,
}

impl Row {
    pub(crate) fn new(subject: Subject) -> Self {
        Self {
            subject,
            calls_per_second: Vec::new(),
            p50_us: Vec::new(),
            p99_us: Vec::new(),
            client_cpu_us: Vec::new(),
            server_cpu_us: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, report: Report, server_cpu_us: f64) {
        self.calls_per_second.push(report.calls_per_second);
        self.p50_us.push(report.p50_us);
        self.p99_us.push(report.p99_us);
        self.client_cpu_us.push(report.cpu_us);
        self.server_cpu_us.push(server_cpu_us);
    }
}

impl Table {
    /// The median rate of a subject, if it was measured.
    fn rate(&self, subject: Subject) -> Option<f64> {
        let row = self.rows.iter().find(|row| row.subject == subject)?;
        Some(Spread::of(&row.calls_per_second)?.median)
    }

    fn ratio(&self, row: &Row, to: Subject) -> String {
        match (self.rate(row.subject), self.rate(to)) {
            (Some(rate), Some(base)) if base > 0.0 => format!("{:.2}", rate / base),
            _ => "–".to_owned(),
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.in_flight == 1 { "call" } else { "calls" };
        writeln!(f, "### {} {plural} in flight\n", self.in_flight)?;
        writeln!(
            f,
            "| subject | thousand calls/s | p50 µs | p99 µs | CPU µs/call: client | server | × raw-limit | × raw-rpc |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|---|---|")?;
        for row in &self.rows {
            let thousands: Vec<f64> = row.calls_per_second.iter().map(|rate| rate / 1e3).collect();
            writeln!(
                f,
                "| {} | {} | {} | {} | {} | {} | {} | {} |",
                row.subject.name(),
                cell(&thousands, 1),
                cell(&row.p50_us, 1),
                cell(&row.p99_us, 1),
                cell(&row.client_cpu_us, 2),
                cell(&row.server_cpu_us, 2),
                self.ratio(row, Subject::RawLimit),
                self.ratio(row, Subject::RawRpc),
            )?;
        }
        Ok(())
    }
}

fn cell(figures: &[f64], digits: usize) -> String {
    match Spread::of(figures) {
        None => "–".to_owned(),
        Some(Spread { median, .. }) if figures.len() == 1 => format!("{median:.digits$}"),
        Some(Spread { min, median, max }) => {
            format!("{median:.digits$} [{min:.digits$}..{max:.digits$}]")
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Spread {
    min: f64,
    median: f64,
    max: f64,
}

impl Spread {
    fn of(figures: &[f64]) -> Option<Self> {
        let mut sorted = figures.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let middle = sorted.len() / 2;
        let median =
            if sorted.len() % 2 == 1 { sorted[middle] } else { (sorted[middle - 1] + sorted[middle]) / 2.0 };
        Some(Self { min, median, max })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_is_the_mean_of_the_middle_two() {
        assert_eq!(Spread::of(&[4.0, 1.0, 3.0, 9.0]), Some(Spread { min: 1.0, median: 3.5, max: 9.0 }));
        assert_eq!(Spread::of(&[2.0]), Some(Spread { min: 2.0, median: 2.0, max: 2.0 }));
        assert_eq!(Spread::of(&[]), None);
    }

    #[test]
    fn a_row_says_how_it_stands_to_the_hand_written_programs() {
        let figures = |calls_per_second| Report {
            calls_per_second,
            calls_in_all: 1,
            p50_us: 80.0,
            p99_us: 120.0,
            cpu_us: 0.25,
        };
        let mut limit = Row::new(Subject::RawLimit);
        let mut rpc = Row::new(Subject::RawRpc);
        limit.add(figures(2e6), 0.5);
        rpc.add(figures(1e6), 0.5);
        rpc.add(figures(1e6), 0.5);
        let text = Table { in_flight: 256, rows: vec![limit, rpc] }.to_string();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "### 256 calls in flight");
        assert_eq!(lines[4], "| raw-limit | 2000.0 | 80.0 | 120.0 | 0.25 | 0.50 | 1.00 | 2.00 |");
        assert!(lines[5].starts_with("| raw-rpc | 1000.0 [1000.0..1000.0] |"));
        assert!(lines[5].ends_with("| 0.50 | 1.00 |"));
    }
}
