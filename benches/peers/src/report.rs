//! What a client says of its run, as one line of JSON on its way to the runner.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// The figures of one run. What a work does not give is `None`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Report {
    /// Units in a second, of what the work counts: calls, callbacks or mebibytes.
    pub(crate) rate: Option<f64>,
    /// Units in all, warm-up included: what the server's processor time is divided by.
    pub(crate) units: u64,
    pub(crate) p50_us: Option<f64>,
    pub(crate) p99_us: Option<f64>,
    /// Latencies of the same calls with nothing beside them.
    pub(crate) quiet_p50_us: Option<f64>,
    pub(crate) quiet_p99_us: Option<f64>,
    /// Processor time of the client per unit.
    pub(crate) client_cpu_us: Option<f64>,
    /// Processor time of the server per unit; the runner puts it in.
    pub(crate) server_cpu_us: Option<f64>,
    /// Memory of the server per connection.
    pub(crate) memory_kib: Option<f64>,
}

impl Report {
    /// Of so many units while it was measured, and so many in all.
    pub(crate) fn counted(measured: u64, units: u64, elapsed: Duration, cpu: Duration) -> Self {
        Self {
            rate: Some(measured as f64 / elapsed.as_secs_f64()),
            units,
            client_cpu_us: Some(cpu.as_secs_f64() * 1e6 / measured.max(1) as f64),
            ..Self::default()
        }
    }

    pub(crate) fn with_latency(self, latencies: &Histogram<u64>) -> Self {
        let [p50_us, p99_us] = [0.50, 0.99].map(|q| Some(latencies.value_at_quantile(q) as f64 / 1e3));
        Self { p50_us, p99_us, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_survives_its_line() {
        let report = Report { rate: Some(1.5e6), units: 7, p50_us: Some(80.25), ..Report::default() };
        let line = serde_json::to_string(&report).unwrap();
        assert_eq!(serde_json::from_str::<Report>(&line).unwrap(), report);
    }
}
