//! The files a comparison leaves: Markdown for a reader, JSON for a program.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::Fault;
use crate::compare::Comparison;
use crate::table::{self, Outcome, Table};

/// One subject doing one work, as JSON has it.
#[derive(Debug, Serialize)]
struct Entry<'a> {
    work: String,
    title: String,
    subject: String,
    encryption: &'static str,
    outcome: &'a Outcome,
}

/// Writes both, and says the Markdown.
pub(crate) fn write(comparison: &Comparison, tables: &[Table], file: &Path) -> Result<(), Fault> {
    let text = markdown(comparison, tables);
    std::fs::write(file, &text)?;
    std::fs::write(beside(file), serde_json::to_string_pretty(&entries(tables))?)?;
    print!("{text}");
    Ok(())
}

fn beside(file: &Path) -> PathBuf {
    file.with_extension("json")
}

fn markdown(comparison: &Comparison, tables: &[Table]) -> String {
    let Comparison { rounds, measured, bulk_mib, arbiters, .. } = comparison;
    let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
    let mut text = format!(
        "Client and server as two processes on loopback, {cores} cores; medians of {rounds} interleaved rounds of \
         {measured:?}, ± half of what lies between the least and the greatest; transfers of {bulk_mib} MiB; \
         {arbiters} arbiter(s) in Duologue's server. The best library of a column is in bold.\n\n"
    );
    text += &table::summary(tables);
    for table in tables {
        text += &format!("\n{table}");
    }
    text
}

fn entries(tables: &[Table]) -> Vec<Entry<'_>> {
    let of_one = |table| {
        let Table { work, rows }: &Table = table;
        rows.iter().map(|row| Entry {
            work: work.to_string(),
            title: work.title(),
            subject: row.subject.name(),
            encryption: row.subject.encryption(),
            outcome: &row.outcome,
        })
    };
    tables.iter().flat_map(of_one).collect()
}
