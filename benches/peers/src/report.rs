//! What a client says of its run, as one line of text on its way to the runner.

use std::time::Duration;

use hdrhistogram::Histogram;

use crate::Fault;

/// The figures of one client.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Report {
    /// Calls answered while it was counted, per second.
    pub(crate) calls_per_second: f64,
    /// Calls answered in all, warm-up included: what the server's processor time is divided by.
    pub(crate) calls_in_all: u64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    /// Processor time of the client per call.
    pub(crate) cpu_us: f64,
}

impl Report {
    pub(crate) fn new(
        measured: u64,
        all: u64,
        elapsed: Duration,
        cpu: Duration,
        latencies: &Histogram<u64>,
    ) -> Self {
        Self {
            calls_per_second: measured as f64 / elapsed.as_secs_f64(),
            calls_in_all: all,
            p50_us: latencies.value_at_quantile(0.50) as f64 / 1e3,
            p99_us: latencies.value_at_quantile(0.99) as f64 / 1e3,
            cpu_us: cpu.as_secs_f64() * 1e6 / measured.max(1) as f64,
        }
    }

    pub(crate) fn to_line(self) -> String {
        let Self { calls_per_second, calls_in_all, p50_us, p99_us, cpu_us } = self;
        format!("{calls_per_second} {calls_in_all} {p50_us} {p99_us} {cpu_us}")
    }

    pub(crate) fn from_line(line: &str) -> Result<Self, Fault> {
        let mut fields = line.split_ascii_whitespace();
        let mut next = || fields.next().ok_or("a report ends early");
        Ok(Self {
            calls_per_second: next()?.parse()?,
            calls_in_all: next()?.parse()?,
            p50_us: next()?.parse()?,
            p99_us: next()?.parse()?,
            cpu_us: next()?.parse()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_survives_its_line() {
        let report =
            Report { calls_per_second: 1.5e6, calls_in_all: 7, p50_us: 80.25, p99_us: 120.5, cpu_us: 0.125 };
        assert_eq!(Report::from_line(&report.to_line()).unwrap(), report);
        assert!(Report::from_line("1 2 3").is_err());
    }
}
