//! Two runs side by side: what has changed, point by point, and what else differs between them.
//!
//! Runs are compared if they did the same work in the same way: the same loop, over the same axis. Whatever else differs is said.

use serde::{Deserialize, Serialize};

use super::{End, FORMAT, Point, Report};
use crate::axis::Axis;
use crate::difference::Difference;
use crate::plan::Plan;
use crate::units::seconds;

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
    /// It is a curve over something else, or none, or its latencies count from another moment.
    #[error("it is {theirs}, this run is {ours}")]
    Form {
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
    /// Its rate in per cent of what each run reached, if it was asked for so.
    pub percent: Option<f64>,
    /// Whether either was not measured to its end.
    pub partial: bool,
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
        let (before, now) = (&baseline.knobs.load, &self.knobs().load);
        if !before.is_same_work(now) {
            return Err(BaselineError::Work { theirs: before.in_full(), ours: now.in_full() });
        }
        let theirs = form(baseline.axis, baseline.knobs.rate.is_some(), baseline.ceiling.is_some());
        let ours = form(self.axis(), self.knobs().rate.is_some(), self.wants_ceiling());
        if theirs != ours {
            return Err(BaselineError::Form { theirs, ours });
        }
        Ok(())
    }
}

/// What sort of run it is.
fn form(axis: Option<Axis>, open: bool, relative: bool) -> String {
    let form = match axis {
        Some(Axis::Rate) if relative => "a curve over rates in per cent of a closed loop's".to_owned(),
        Some(axis) => format!("a curve over {axis}"),
        None => "a single point".to_owned(),
    };
    if open { format!("{form} of an open loop") } else { form }
}

impl Report {
    /// What has changed since `baseline`, at the points that both have.
    pub fn compared_with(&self, baseline: &Report) -> Vec<Comparison> {
        let pairs = self.points.iter().filter_map(|now| Some((baseline.counterpart(now)?, now)));
        pairs.map(|(before, now)| compare(before, now)).collect()
    }

    /// The point at the same place. Of rates in per cent that is the same share: the rates themselves are others in each run.
    pub(crate) fn counterpart(&self, of: &Point) -> Option<&Point> {
        let place = |point: &Point| point.percent.or(point.value);
        self.points
            .iter()
            .find(|point| point.percent.is_some() == of.percent.is_some() && place(point) == place(of))
    }

    /// In what else this run differs from `baseline`: how the load was made, by whom, and on what.
    pub fn differences(&self, baseline: &Report) -> Vec<Difference> {
        let mut all = self.knobs.differences(&baseline.knobs, self.axis);
        let mut end = |names: [&'static str; 4], before: &End, now: &End| {
            let [program, system, cores, threads] = names;
            all.extend(Difference::new(program, before.program.clone(), now.program.clone()));
            all.extend(Difference::new(system, before.system.clone(), now.system.clone()));
            all.extend(Difference::new(cores, before.cores.to_string(), now.cores.to_string()));
            if !threads.is_empty() {
                all.extend(Difference::new(threads, before.threads.to_string(), now.threads.to_string()));
            }
        };
        // The threads of the client are a knob.
        end(["client's version", "client's system", "client's cores", ""], &baseline.client, &self.client);
        if let (Some(before), Some(now)) = (&baseline.server, &self.server) {
            end(["server's version", "server's system", "server's cores", "server's threads"], before, now);
            let busy_poll = |end: &End| seconds(end.busy_poll);
            all.extend(Difference::new("server's busy-poll", busy_poll(before), busy_poll(now)));
        }
        all.extend(Difference::new("server at", baseline.address.clone(), self.address.clone()));
        all
    }
}

fn compare(before: &Point, now: &Point) -> Comparison {
    let change = |of: fn(&Point) -> Option<f64>| Some(Change { before: of(before)?, now: of(now)? });
    Comparison {
        value: now.value,
        percent: now.percent,
        partial: !(before.complete && now.complete),
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
    use super::{Axis, Report};
    use crate::{Lanes, Load};

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
    fn runs_of_different_work_or_form_are_not_compared() {
        let ours = samples::plan();
        assert!(ours.check_baseline(&samples::curve(3.0)).is_ok());
        type Spoil = fn(&mut Report);
        let refused = |spoil: Spoil| {
            let mut other = samples::curve(1.0);
            spoil(&mut other);
            ours.check_baseline(&other).unwrap_err().to_string()
        };
        let cases: [(Spoil, &str); 4] = [
            (|r| r.axis = None, "it is a single point, this run is a curve over in-flight"),
            (
                |r| r.knobs.load = Load::parse("add", None).unwrap(),
                "it measured add, this run measures echo:64B",
            ),
            (
                |r| r.knobs.rate = Some(100.0),
                "it is a curve over in-flight of an open loop, this run is a curve over in-flight",
            ),
            (
                |r| (r.axis, r.ceiling) = (Some(Axis::Rate), Some(r.points[0].clone())),
                "it is a curve over rates in per cent of a closed loop's, this run is a curve over in-flight",
            ),
        ];
        for (spoil, reason) in cases {
            assert_eq!(refused(spoil), reason);
        }
    }

    #[test]
    fn rates_in_per_cent_are_compared_by_their_share() {
        let (mut before, mut now) = (samples::curve(1.0), samples::curve(2.0));
        let shares = |report: &mut Report, shares: [Option<f64>; 3]| {
            report.points.iter_mut().zip(shares).for_each(|(point, percent)| point.percent = percent);
        };
        shares(&mut before, [Some(25.0), Some(50.0), None]);
        shares(&mut now, [Some(50.0), Some(75.0), None]);
        now.points[0].value = Some(77.0);
        now.points[2].complete = false;
        let changes = now.compared_with(&before);
        let of: Vec<_> = changes.iter().map(|c| (c.percent, c.value, c.partial)).collect();
        assert_eq!(of, [(Some(50.0), Some(77.0), false), (None, Some(256.0), true)]);
        assert_eq!(changes[0].per_s.before, before.points[1].per_s);
    }

    #[test]
    fn what_else_differs_is_said() {
        let (mut before, now) = (samples::curve(1.0), samples::curve(2.0));
        assert_eq!(now.differences(&before), []);
        (before.knobs.connections, before.knobs.in_flight, before.knobs.lanes) = (4, 1, Lanes::Own);
        before.server.as_mut().unwrap().threads += 2;
        before.server.as_mut().unwrap().busy_poll = std::time::Duration::from_micros(50);
        before.address = "127.0.0.1:1".to_owned();
        let threads = now.server.as_ref().unwrap().threads;
        let said: Vec<String> = now.differences(&before).iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "connections 4 → 1".to_owned(),
                "lanes own → shared".to_owned(),
                format!("server's threads {} → {threads}", threads + 2),
                "server's busy-poll 50 µs → 0".to_owned(),
                "server at 127.0.0.1:1 → 127.0.0.1:18863".to_owned(),
            ],
            "what the curve is over is no difference"
        );
    }
}
