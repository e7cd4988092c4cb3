//! The figures as Markdown: a summary of medians with their spread, and for each work the medians with the least and the greatest.

use std::fmt;

use serde::Serialize;

use crate::columns::Column;
use crate::report::Report;
use crate::subject::Subject;
use crate::work::Work;

/// All subjects doing one work.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) work: Work,
    pub(crate) rows: Vec<Row>,
}

/// One subject.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) subject: Subject,
    pub(crate) outcome: Outcome,
}

/// What came of it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Outcome {
    /// It cannot do this work, for this reason.
    Dash(&'static str),
    /// A report for each round that succeeded, and why the last one that did not failed.
    Measured { reports: Vec<Report>, fault: Option<String> },
}

impl Row {
    fn reports(&self) -> &[Report] {
        match &self.outcome {
            Outcome::Dash(_) => &[],
            Outcome::Measured { reports, .. } => reports,
        }
    }

    fn spread(&self, column: &Column) -> Option<Spread> {
        let figures: Vec<f64> = self.reports().iter().filter_map(|report| (column.figure)(report)).collect();
        Spread::of(&figures)
    }

    fn cell(&self, column: &Column) -> String {
        let digits = column.digits;
        match self.spread(column) {
            None => "–".to_owned(),
            Some(Spread { median, .. }) if self.reports().len() == 1 => format!("{median:.digits$}"),
            Some(Spread { min, median, max }) => {
                format!("{median:.digits$} [{min:.digits$}..{max:.digits$}]")
            }
        }
    }

    /// The median, and half of what lies between the least and the greatest.
    fn brief(&self, column: &Column) -> Option<String> {
        let spread = self.spread(column)?;
        let median = format!("{:.*}", column.digits, spread.median);
        Some(if self.reports().len() == 1 { median } else { format!("{median} ±{:.0}%", spread.percent()) })
    }

    /// Why there is no figure, or not one of each round.
    fn note(&self) -> Option<String> {
        let name = self.subject.name();
        match &self.outcome {
            Outcome::Dash(why) => Some(format!("`{name}`: {why}.")),
            Outcome::Measured { fault: Some(why), .. } => Some(format!("`{name}` failed: {why}.")),
            Outcome::Measured { fault: None, .. } => None,
        }
    }
}

impl Table {
    fn row(&self, subject: Subject) -> Option<&Row> {
        self.rows.iter().find(|row| row.subject == subject)
    }

    fn median(&self, subject: Subject) -> Option<f64> {
        Some(self.row(subject)?.spread(&self.work.headline())?.median)
    }

    /// How a row stands to hand-written QUIC, above one if it does better.
    fn ratio(&self, row: &Row) -> String {
        let less_is_better = self.work.headline().less_is_better;
        match (self.median(row.subject), self.median(Subject::RawQuinn)) {
            (Some(own), Some(base)) if own > 0.0 && base > 0.0 => {
                format!("{:.2}", if less_is_better { base / own } else { own / base })
            }
            _ => "–".to_owned(),
        }
    }

    /// The best of those that are libraries, where Duologue is not alone.
    fn best(&self) -> Option<Subject> {
        if self.work == Work::Neighbour {
            return None;
        }
        let less_is_better = self.work.headline().less_is_better;
        let mut libraries: Vec<(f64, Subject)> = self
            .rows
            .iter()
            .filter(|row| !row.subject.hand_written())
            .filter_map(|row| Some((self.median(row.subject)?, row.subject)))
            .collect();
        libraries.sort_by(|(a, _), (b, _)| if less_is_better { a.total_cmp(b) } else { b.total_cmp(a) });
        Some(libraries.first()?.1)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.work.columns();
        writeln!(f, "### {}: {}\n", self.work.to_string().to_uppercase(), self.work.title())?;
        let heads: Vec<&str> = columns.iter().map(|column| column.head).collect();
        writeln!(f, "| subject | {} | × raw-quinn |", heads.join(" | "))?;
        writeln!(f, "|---|{}---|", "---|".repeat(columns.len()))?;
        for row in self.rows.iter().filter(|row| !matches!(row.outcome, Outcome::Dash(_))) {
            let cells: Vec<String> = columns.iter().map(|column| row.cell(column)).collect();
            writeln!(f, "| {} | {} | {} |", row.subject.name(), cells.join(" | "), self.ratio(row))?;
        }
        let notes: Vec<String> = self.rows.iter().filter_map(Row::note).collect();
        if !notes.is_empty() {
            writeln!(f, "\nNot measured: {}", notes.join(" "))?;
        }
        Ok(())
    }
}

/// Medians of all works with their spread, a row for each subject; the best library of each work is in bold.
pub(crate) fn summary(tables: &[Table]) -> String {
    let subjects = tables.first().map_or(&[][..], |table| &table.rows);
    let heads: Vec<String> = tables
        .iter()
        .map(|table| format!("{}: {}", table.work.title(), table.work.headline().head))
        .collect();
    let mut text = format!("| subject | encrypted by | {} |\n", heads.join(" | "));
    text += &format!("|---|---|{}\n", "---|".repeat(tables.len()));
    for Row { subject, .. } in subjects {
        let cells: Vec<String> = tables
            .iter()
            .map(|table| {
                let brief = table.row(*subject).and_then(|row| row.brief(&table.work.headline()));
                match brief {
                    None => "–".to_owned(),
                    Some(brief) if table.best() == Some(*subject) => format!("**{brief}**"),
                    Some(brief) => brief,
                }
            })
            .collect();
        text += &format!("| {} | {} | {} |\n", subject.name(), subject.encryption(), cells.join(" | "));
    }
    text
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

    /// Half of its width, in per cent of the median.
    fn percent(&self) -> f64 {
        (self.max - self.min) / 2.0 / self.median.max(f64::MIN_POSITIVE) * 100.0
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
        assert_eq!(Spread::of(&[1.0, 1.8, 2.0]).map(|spread| spread.percent().round()), Some(28.0));
    }

    fn measured(subject: Subject, rates: &[f64]) -> Row {
        let report = |&rate: &f64| Report {
            rate: Some(rate),
            p50_us: Some(80.0),
            p99_us: Some(120.0),
            client_cpu_us: Some(0.25),
            server_cpu_us: Some(0.5),
            ..Report::default()
        };
        let outcome = Outcome::Measured { reports: rates.iter().map(report).collect(), fault: None };
        Row { subject, outcome }
    }

    #[test]
    fn a_row_says_how_it_stands_to_hand_written_quic() {
        let work = "w2".parse().unwrap();
        let rows = vec![measured(Subject::RawLimit, &[2e6]), measured(Subject::RawQuinn, &[1e6, 1e6])];
        let text = Table { work, rows }.to_string();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "### W2: `add`, 256 in flight");
        assert_eq!(lines[4], "| raw-limit | 2000.0 | 80.0 | 120.0 | 0.25 | 0.50 | 2.00 |");
        assert!(lines[5].starts_with("| raw-quinn | 1000.0 [1000.0..1000.0] |"));
        assert!(lines[5].ends_with("| 0.50 [0.50..0.50] | 1.00 |"));
    }

    #[cfg(feature = "peers")]
    #[test]
    fn the_summary_shows_the_spread_and_the_best_library() {
        let rows = vec![
            measured(Subject::RawQuinn, &[1e6, 1e6]),
            measured(Subject::Tarpc, &[2e5, 1e5, 1.8e5]),
            measured(Subject::Capnp, &[1e5, 1e5]),
        ];
        let text = summary(&[Table { work: "w2".parse().unwrap(), rows }]);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "| subject | encrypted by | `add`, 256 in flight: thousand/s |");
        assert_eq!(lines[2], "| raw-quinn | QUIC | 1000.0 ±0% |");
        assert_eq!(lines[3], "| tarpc | nothing | **180.0 ±28%** |");
        assert_eq!(lines[4], "| capnp | nothing | 100.0 ±0% |");
    }

    #[test]
    fn a_dash_is_explained_below_its_table_and_shown_in_the_summary() {
        let dash = Row { subject: Subject::RawLimit, outcome: Outcome::Dash("it does not") };
        let rows = vec![dash, measured(Subject::RawQuinn, &[1e6])];
        let table = Table { work: "w5".parse().unwrap(), rows };
        assert!(table.to_string().ends_with("\nNot measured: `raw-limit`: it does not.\n"));
        let text = summary(&[table]);
        assert!(text.contains("| raw-limit | QUIC | – |"));
        assert!(text.contains("| raw-quinn | QUIC | 1000.0 |"));
    }
}
