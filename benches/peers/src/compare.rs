//! The runner: interleaved rounds of all subjects, and the table of their medians.
//!
//! Interleaved, because the same program differs by up to 20 % between minutes on a shared machine; every round
//! begins with another subject, so that none always runs on a machine another one has warmed.

use std::time::Duration;

use crate::Fault;
use crate::load::Plan;
use crate::process::Process;
use crate::report::Report;
use crate::subject::Subject;
use crate::table::{Row, Table};

/// What a process may take beyond the load itself: to start, to connect, to end.
const GRACE: Duration = Duration::from_secs(10);

/// What to compare and how long.
#[derive(Clone, Debug)]
pub(crate) struct Comparison {
    pub(crate) subjects: Vec<Subject>,
    pub(crate) in_flight: Vec<u32>,
    pub(crate) rounds: usize,
    pub(crate) warm_up: Duration,
    pub(crate) measured: Duration,
    /// Threads of Duologue's server; the hand-written ones have one.
    pub(crate) arbiters: usize,
}

impl Comparison {
    /// Runs it all, saying each figure to standard error as it comes.
    pub(crate) fn run(&self) -> Result<Vec<Table>, Fault> {
        let mut tables: Vec<Table> = self
            .in_flight
            .iter()
            .map(|&in_flight| Table {
                in_flight,
                rows: self.subjects.iter().map(|&subject| Row::new(subject)).collect(),
            })
            .collect();
        for round in 0..self.rounds {
            for table in &mut tables {
                let count = table.rows.len();
                for turn in 0..count {
                    let row = &mut table.rows[(turn + round) % count];
                    let (report, server_cpu_us) = self.measure(row.subject, table.in_flight)?;
                    eprintln!(
                        "round {}: {} with {} in flight: {:.0} calls/s",
                        round + 1,
                        row.subject.name(),
                        table.in_flight,
                        report.calls_per_second
                    );
                    row.add(report, server_cpu_us);
                }
            }
        }
        Ok(tables)
    }

    /// One server and one client, from start to end. Gives also the server's processor time per call.
    fn measure(&self, subject: Subject, in_flight: u32) -> Result<(Report, f64), Fault> {
        let plan = Plan { in_flight, warm_up: self.warm_up, measured: self.measured };
        let name = subject.name();
        let server = Process::start(
            format!("the server of {name}"),
            &["server".into(), name.clone(), "--arbiters".into(), self.arbiters.to_string()],
        )?;
        let at = server.address(GRACE)?;
        let client = Process::start(
            format!("the client of {name}"),
            &[
                "client".into(),
                name,
                "--server".into(),
                at.server.to_string(),
                format!("--certificate={}", at.certificate),
                "--in-flight".into(),
                plan.in_flight.to_string(),
                "--warm-up".into(),
                plan.warm_up.as_secs_f64().to_string(),
                "--seconds".into(),
                plan.measured.as_secs_f64().to_string(),
            ],
        )?;
        let report = Report::from_line(&client.line(plan.warm_up + plan.measured + GRACE)?)?;
        let server_cpu_us = server.end(GRACE)? / report.calls_in_all.max(1) as f64;
        Ok((report, server_cpu_us))
    }
}
