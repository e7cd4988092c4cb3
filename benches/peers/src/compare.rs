//! The runner: interleaved rounds of all subjects, and the table of their medians.
//!
//! Interleaved, because the same program differs by up to 20 % between minutes on a shared machine; every round
//! begins with another subject, so that none always runs on a machine another one has warmed. A run that fails is
//! told and leaves a gap; the others go on.

use std::time::Duration;

use crate::Fault;
use crate::process::Process;
use crate::report::Report;
use crate::subject::Subject;
use crate::table::{Outcome, Row, Table};
use crate::work::Work;

/// What a process may take beyond the load itself: to start, to connect, to end.
const GRACE: Duration = Duration::from_secs(10);
/// What a client may take for a work that lasts as long as it lasts: two transfers, or a thousand connections.
const LASTING: Duration = Duration::from_secs(60);

/// What to compare and how long.
#[derive(Clone, Debug)]
pub(crate) struct Comparison {
    pub(crate) works: Vec<Work>,
    pub(crate) subjects: Vec<Subject>,
    pub(crate) rounds: usize,
    pub(crate) warm_up: Duration,
    pub(crate) measured: Duration,
    /// Of a transfer.
    pub(crate) bulk_mib: u64,
    /// Threads of Duologue's server; the hand-written ones have one.
    pub(crate) arbiters: usize,
    /// Whether the libraries that leave the choice run on one thread.
    pub(crate) one_thread: bool,
}

impl Comparison {
    /// Runs it all, saying each figure to standard error as it comes.
    pub(crate) fn run(&self) -> Vec<Table> {
        let mut tables: Vec<Table> = self.works.iter().map(|&work| self.table(work)).collect();
        for round in 0..self.rounds {
            for table in &mut tables {
                let count = table.rows.len();
                for turn in 0..count {
                    let row = &mut table.rows[(turn + round) % count];
                    let Outcome::Measured { reports, fault } = &mut row.outcome else { continue };
                    let name = row.subject.name();
                    match self.measure(row.subject, table.work) {
                        Ok(report) => {
                            let figure = table.work.headline().text(&report);
                            eprintln!("round {}: {}: {name}: {figure}", round + 1, table.work);
                            reports.push(report);
                        }
                        Err(why) => {
                            eprintln!("round {}: {}: {name}: failed: {why}", round + 1, table.work);
                            *fault = Some(why.to_string());
                        }
                    }
                }
            }
        }
        tables
    }

    fn table(&self, work: Work) -> Table {
        let row = |&subject: &Subject| Row {
            subject,
            outcome: match subject.cannot(work) {
                Some(why) => Outcome::Dash(why),
                None => Outcome::Measured { reports: Vec::new(), fault: None },
            },
        };
        Table { work, rows: self.subjects.iter().map(row).collect() }
    }

    /// One server and one client, from start to end.
    fn measure(&self, subject: Subject, work: Work) -> Result<Report, Fault> {
        let name = subject.name();
        let threads = self.one_thread.then(|| "--one-thread".to_owned());
        let mut arguments = vec![
            "server".into(),
            name.clone(),
            format!("--work={work}"),
            format!("--arbiters={}", self.arbiters),
        ];
        arguments.extend(threads.clone());
        let server = Process::start(format!("the server of {name}"), &arguments)?;
        let at = server.address(GRACE)?;
        let mut arguments = vec![
            "client".into(),
            name.clone(),
            format!("--server={}", at.server),
            format!("--secret={}", at.secret),
            format!("--server-pid={}", server.id()),
            format!("--work={work}"),
            format!("--warm-up={}", self.warm_up.as_secs_f64()),
            format!("--seconds={}", self.measured.as_secs_f64()),
            format!("--bulk-mib={}", self.bulk_mib),
        ];
        arguments.extend(threads);
        let client = Process::start(format!("the client of {name}"), &arguments)?;
        let within = match work {
            Work::Add { .. } | Work::Echo { .. } | Work::Callbacks { .. } => {
                self.warm_up + self.measured + GRACE
            }
            Work::Idle { .. } | Work::Bulk { .. } | Work::Neighbour => LASTING,
        };
        let mut report: Report = serde_json::from_str(&client.line(within)?)?;
        report.server_cpu_us = Some(server.end(GRACE)? / report.units.max(1) as f64);
        Ok(report)
    }
}
