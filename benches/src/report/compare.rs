//! Two runs side by side: what has changed, point by point.

use serde::{Deserialize, Serialize};

use super::{FORMAT, Point, Report};
use crate::axis::Axis;
use crate::plan::Plan;

/// Why a report cannot be compared with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BaselineError {
    /// It is something else.
    #[error("it is no report of the bench: {0}")]
    NoReport(String),
    /// It was written by another version.
    #[error("it is a report of form {0}, this is form {FORMAT}")]
    Format(u32),
    /// It is of other work.
    #[error("it measured {theirs}, this run measures {ours}")]
    Work {
        /// What it measured.
        theirs: String,
        /// What is to be compared with it.
        ours: String,
    },
    /// It is a curve over something else, or none.
    #[error("it is {theirs}, this run is {ours}")]
    Axis {
        /// What it is.
        theirs: String,
        /// What is to be compared with it.
        ours: String,
    },
}

/// What has changed at one point.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Comparison {
    /// Its place on the axis.
    pub value: Option<f64>,
    /// Calls a second.
    pub per_s: Change,
    /// Median latency, in nanoseconds.
    pub p50_ns: Option<Change>,
    /// In nanoseconds.
    pub p99_ns: Option<Change>,
    /// Processor time of the client for a call, in microseconds.
    pub client_cpu_us: Option<Change>,
    /// Processor time of the server for a call, in microseconds.
    pub server_cpu_us: Option<Change>,
}

/// A figure before and now.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// In the earlier run.
    pub before: f64,
    /// In this one.
    pub now: f64,
}

impl Change {
    /// How many times as much, if there was anything before.
    pub fn factor(self) -> Option<f64> {
        (self.before > 0.0).then(|| self.now / self.before)
    }
}

impl Plan {
    /// Refuses a report that a run of this plan cannot be compared with.
    pub fn check_baseline(&self, baseline: &Report) -> Result<(), BaselineError> {
        let (theirs, ours) = (baseline.knobs.load.to_string(), self.knobs().load.to_string());
        if theirs != ours {
            return Err(BaselineError::Work { theirs, ours });
        }
        let form = |axis: Option<Axis>| match axis {
            Some(axis) => format!("a curve over {axis}"),
            None => "a single point".to_owned(),
        };
        if self.axis() != baseline.axis {
            return Err(BaselineError::Axis { theirs: form(baseline.axis), ours: form(self.axis()) });
        }
        Ok(())
    }
}

impl Report {
    /// What has changed since `baseline`, at the points that both have.
    pub fn compared_with(&self, baseline: &Report) -> Vec<Comparison> {
        let pairs = self.points.iter().enumerate().filter_map(|(n, now)| {
            let before = match self.ceiling {
                // Rates in per cent are others in each run: what they have in common is their place.
                Some(_) => baseline.points.get(n),
                None => baseline.points.iter().find(|before| before.value == now.value),
            };
            Some((before?, now))
        });
        pairs.map(|(before, now)| compare(before, now)).collect()
    }
}

fn compare(before: &Point, now: &Point) -> Comparison {
    let change = |of: fn(&Point) -> Option<f64>| Some(Change { before: of(before)?, now: of(now)? });
    Comparison {
        value: now.value,
        per_s: Change { before: before.per_s, now: now.per_s },
        p50_ns: change(|p| Some(p.latency.as_ref()?.p50_ns as f64)),
        p99_ns: change(|p| Some(p.latency.as_ref()?.p99_ns as f64)),
        client_cpu_us: change(|p| p.client.cpu_us_per_call),
        server_cpu_us: change(|p| p.server.cpu_us_per_call),
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::Axis;
    use crate::Load;

    #[test]
    fn points_are_compared_with_those_at_the_same_place() {
        let (before, mut now) = (samples::curve(1.0), samples::curve(2.0));
        now.points.remove(0);
        let changes = now.compared_with(&before);
        assert_eq!(changes.iter().map(|c| c.value).collect::<Vec<_>>(), [Some(16.0), Some(256.0)]);
        for change in changes {
            assert_eq!(change.per_s.factor(), Some(2.0));
            assert_eq!(change.client_cpu_us.unwrap().factor(), Some(2.0));
            assert!((change.p99_ns.unwrap().factor().unwrap() - 2.0).abs() < 0.01);
        }
    }

    #[test]
    fn what_is_not_known_of_both_is_not_compared() {
        let (mut before, now) = (samples::curve(1.0), samples::curve(1.0));
        before.points[0].server.cpu_us_per_call = None;
        before.points[0].per_s = 0.0;
        let change = &now.compared_with(&before)[0];
        assert_eq!((change.server_cpu_us, change.per_s.factor()), (None, None));
    }

    #[test]
    fn runs_of_different_work_are_not_compared() {
        let ours = samples::plan();
        assert!(ours.check_baseline(&samples::curve(3.0)).is_ok());
        let mut other = samples::curve(1.0);
        other.axis = None;
        let refused = ours.check_baseline(&other).unwrap_err().to_string();
        assert_eq!(refused, "it is a single point, this run is a curve over in-flight");
        (other.axis, other.knobs.load) = (Some(Axis::InFlight), Load::parse("add", None).unwrap());
        let refused = ours.check_baseline(&other).unwrap_err().to_string();
        assert_eq!(refused, "it measured add, this run measures echo:64B");
    }
}
