//! Which figures a table shows for each work, in which units.

use crate::report::Report;
use crate::work::{Unit, Work};

/// Megabytes of a mebibyte.
const MB: f64 = 1.048_576;

/// One figure of a report.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    pub(crate) head: &'static str,
    pub(crate) digits: usize,
    pub(crate) less_is_better: bool,
    pub(crate) figure: fn(&Report) -> Option<f64>,
}

const fn more(head: &'static str, digits: usize, figure: fn(&Report) -> Option<f64>) -> Column {
    Column { head, digits, less_is_better: false, figure }
}

const fn less(head: &'static str, digits: usize, figure: fn(&Report) -> Option<f64>) -> Column {
    Column { head, digits, less_is_better: true, figure }
}

const THOUSANDS: Column = more("thousand/s", 1, |report| Some(report.rate? / 1e3));
const ECHOED_MIB: Column = more("MB/s each way", 0, |report| Some(report.rate? * MB));
const MB_PER_SECOND: Column = more("MB/s", 0, |report| Some(report.rate? * MB));
const P50: Column = less("p50 µs", 1, |report| report.p50_us);
const P99: Column = less("p99 µs", 1, |report| report.p99_us);
const QUIET_P50: Column = less("quiet p50 µs", 1, |report| report.quiet_p50_us);
const QUIET_P99: Column = less("quiet p99 µs", 1, |report| report.quiet_p99_us);
const CLIENT_CPU: Column = less("client CPU µs each", 2, |report| report.client_cpu_us);
const SERVER_CPU: Column = less("server CPU µs each", 2, |report| report.server_cpu_us);
const CLIENT_CPU_MIB: Column = less("client CPU µs/MiB", 0, |report| report.client_cpu_us);
const SERVER_CPU_MIB: Column = less("server CPU µs/MiB", 0, |report| report.server_cpu_us);
const MEMORY: Column = less("KiB", 1, |report| report.memory_kib);

impl Work {
    /// The figure that the goals are about.
    pub(crate) fn headline(self) -> Column {
        match self {
            Self::Add { connections: 1, in_flight: 1 } => P50,
            Self::Neighbour => P99,
            Self::Echo { size, .. } if size >= 1 << 20 => ECHOED_MIB,
            Self::Idle { .. } => MEMORY,
            _ if self.unit() == Unit::Mebibyte => MB_PER_SECOND,
            _ => THOUSANDS,
        }
    }

    /// All figures of it.
    pub(crate) fn columns(self) -> Vec<Column> {
        match self {
            Self::Add { .. } | Self::Echo { .. } => {
                let rate = if self.headline().less_is_better { THOUSANDS } else { self.headline() };
                vec![rate, P50, P99, CLIENT_CPU, SERVER_CPU]
            }
            Self::Callbacks { .. } => vec![THOUSANDS, CLIENT_CPU, SERVER_CPU],
            Self::Idle { .. } => vec![MEMORY],
            Self::Bulk { .. } => vec![MB_PER_SECOND, CLIENT_CPU_MIB, SERVER_CPU_MIB],
            Self::Neighbour => vec![QUIET_P50, QUIET_P99, P50, P99, MB_PER_SECOND],
        }
    }
}

impl Column {
    /// The figure of one report, with its unit.
    pub(crate) fn text(&self, report: &Report) -> String {
        match (self.figure)(report) {
            Some(figure) => format!("{figure:.*} {}", self.digits, self.head),
            None => "nothing".to_owned(),
        }
    }
}
