//! A run: one load, or a curve of several that differ in one knob.

use std::str::FromStr;

use crate::axis::Axis;
use crate::knobs::{KnobError, Knobs, Lanes};
use crate::load::LoadError;
use crate::units::size;

/// A point of a curve.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    Value(f64),
    /// Of the rate that a closed loop reaches, which is measured first.
    Percent(f64),
}

/// A knob and its values.
///
/// ```
/// use duologue_benches::{Axis, Sweep};
///
/// let sweep: Sweep = "in-flight=1,4,16".parse().unwrap();
/// assert_eq!((sweep.axis(), sweep.len()), (Axis::InFlight, 3));
/// assert!("rate=25%,50%,75%,90%".parse::<Sweep>().is_ok());
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Sweep {
    axis: Axis,
    steps: Vec<Step>,
}

/// Most points of a curve.
const POINTS_MAX: usize = 64;

/// Calls a second: a rate in per cent becomes a number only in the run, and is checked before as if a closed loop reached this.
const SUPPOSED_CEILING: f64 = 1e6;

/// Why a sweep makes no sense.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SweepError {
    /// It is not `KNOB=VALUE,VALUE,..`.
    #[error("expected in-flight=, connections=, objects=, lanes=, rate= or size= and values such as 1,4,16")]
    Form,
    /// A value is none of its knob.
    #[error("`{0}` is no value for {1}")]
    Value(String, Axis),
    /// There are too many values.
    #[error("at most {POINTS_MAX} values")]
    Many,
    /// A value stands there twice.
    #[error("a value stands there twice")]
    Twice,
    /// The number of calls under way is not ours to say when their rate is.
    #[error(
        "with --rate the loop is open: calls come at their rate however many are under way, so sweep rate instead"
    )]
    OpenLoop,
    /// The rate is said twice.
    #[error("it says the rates already: leave --rate out")]
    RateTwice,
    /// A value makes no sense as a knob.
    #[error(transparent)]
    Knob(#[from] KnobError),
    /// The work has no payload, or says its size already.
    #[error(transparent)]
    Load(#[from] LoadError),
}

impl Sweep {
    /// What it is over.
    pub fn axis(&self) -> Axis {
        self.axis
    }

    /// How many points it has.
    #[expect(clippy::len_without_is_empty, reason = "it is never empty")]
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// Whether its values are in per cent of what a closed loop reaches.
    pub fn is_relative(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::Percent(_)))
    }
}

impl FromStr for Sweep {
    type Err = SweepError;

    fn from_str(text: &str) -> Result<Sweep, SweepError> {
        let (name, values) = text.split_once('=').ok_or(SweepError::Form)?;
        let axis = match name {
            "in-flight" => Axis::InFlight,
            "connections" => Axis::Connections,
            "objects" => Axis::Objects,
            "lanes" => Axis::Lanes,
            "rate" => Axis::Rate,
            "size" => Axis::Size,
            _ => return Err(SweepError::Form),
        };
        let steps = values.split(',').map(|value| step(axis, value)).collect::<Result<Vec<_>, _>>()?;
        if steps.len() > POINTS_MAX {
            return Err(SweepError::Many);
        }
        if steps.iter().enumerate().any(|(n, step)| steps[..n].contains(step)) {
            return Err(SweepError::Twice);
        }
        Ok(Sweep { axis, steps })
    }
}

fn step(axis: Axis, text: &str) -> Result<Step, SweepError> {
    let wrong = || SweepError::Value(text.to_owned(), axis);
    let number =
        |text: &str| text.parse::<f64>().ok().filter(|n| n.is_finite() && *n > 0.0).ok_or_else(wrong);
    match axis {
        Axis::Size => Ok(Step::Value(size(text).map_err(|_| wrong())? as f64)),
        Axis::Rate => match text.strip_suffix('%') {
            Some(percent) => {
                let percent = number(percent)?;
                if percent <= 1_000.0 { Ok(Step::Percent(percent)) } else { Err(wrong()) }
            }
            None => Ok(Step::Value(number(text)?)),
        },
        Axis::InFlight | Axis::Connections | Axis::Objects => {
            let whole: u32 = text.parse().map_err(|_| wrong())?;
            Ok(Step::Value(f64::from(whole)))
        }
        Axis::Lanes => match text.parse().map_err(|_| wrong())? {
            Lanes::Own => Ok(Step::Value(Axis::OWN_LANES)),
            Lanes::Shared(lanes) => Ok(Step::Value(f64::from(lanes))),
        },
    }
}

/// Everything that is measured, checked before anything begins.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    knobs: Knobs,
    sweep: Option<Sweep>,
}

/// One load of a plan.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Planned {
    /// Its place on the axis, if there is one.
    pub(crate) value: Option<f64>,
    /// Its rate, in per cent of what a closed loop reaches.
    pub(crate) percent: Option<f64>,
    pub(crate) knobs: Knobs,
}

impl Plan {
    /// Refuses what makes no sense at any of its points.
    pub fn new(knobs: Knobs, sweep: Option<Sweep>) -> Result<Plan, SweepError> {
        match sweep.as_ref().map(|sweep| sweep.axis) {
            Some(Axis::InFlight) if knobs.rate.is_some() => return Err(SweepError::OpenLoop),
            Some(Axis::Rate) if knobs.rate.is_some() => return Err(SweepError::RateTwice),
            _ => {}
        }
        let plan = Plan { knobs, sweep };
        if plan.wants_ceiling() {
            plan.knobs.check()?;
        }
        for point in 0..plan.points() {
            plan.point(point, SUPPOSED_CEILING)?;
        }
        Ok(plan)
    }

    /// The settings that all its points share.
    pub fn knobs(&self) -> &Knobs {
        &self.knobs
    }

    /// What differs between its points.
    pub fn axis(&self) -> Option<Axis> {
        self.sweep.as_ref().map(|sweep| sweep.axis)
    }

    /// Whether a closed loop has to be measured before the points.
    pub(crate) fn wants_ceiling(&self) -> bool {
        self.sweep.as_ref().is_some_and(Sweep::is_relative)
    }

    pub(crate) fn points(&self) -> usize {
        self.sweep.as_ref().map_or(1, Sweep::len)
    }

    /// The `n`th point, if it makes sense; `ceiling` is the rate that a closed loop reaches.
    pub(crate) fn point(&self, n: usize, ceiling: f64) -> Result<Planned, SweepError> {
        let mut knobs = self.knobs.clone();
        let Some(sweep) = &self.sweep else {
            knobs.check()?;
            return Ok(Planned { value: None, percent: None, knobs });
        };
        let (value, percent) = match sweep.steps[n] {
            Step::Value(value) => (value, None),
            Step::Percent(percent) => ((ceiling * percent / 100.0).max(f64::MIN_POSITIVE), Some(percent)),
        };
        match sweep.axis {
            Axis::InFlight => knobs.in_flight = value as u32,
            Axis::Connections => {
                knobs.connections = value as u32;
                // A connection lives on one thread: more of them would stand idle.
                knobs.threads = knobs.threads.min(knobs.connections).max(1);
            }
            Axis::Objects => knobs.objects = value as u32,
            Axis::Lanes if value == Axis::OWN_LANES => knobs.lanes = Lanes::Own,
            Axis::Lanes => knobs.lanes = Lanes::Shared(value as u8),
            Axis::Rate => knobs.rate = Some(value),
            Axis::Size => knobs.load = knobs.load.with_size(value as u64)?,
        }
        knobs.check()?;
        Ok(Planned { value: Some(value), percent, knobs })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::Load;

    fn plan(work: &str, sweep: &str, set: fn(&mut Knobs)) -> Result<Plan, String> {
        let mut knobs = Knobs::new(Load::parse(work, None).unwrap());
        set(&mut knobs);
        let sweep = sweep.parse::<Sweep>().map_err(|e| e.to_string())?;
        Plan::new(knobs, Some(sweep)).map_err(|e| e.to_string())
    }

    #[test]
    fn each_value_is_a_point_that_differs_in_its_knob_alone() {
        let plan = plan("echo", "size=64,1KiB", |_| {}).unwrap();
        let points: Vec<_> = (0..plan.points()).map(|n| plan.point(n, 0.0).unwrap()).collect();
        assert_eq!(points.iter().map(|p| p.value.unwrap()).collect::<Vec<_>>(), [64.0, 1_024.0]);
        assert_eq!(points[0].knobs.load.to_string(), "echo:64B");
        let same = Knobs { load: plan.knobs().load.clone(), ..points[0].knobs.clone() };
        assert_eq!(&same, plan.knobs());
    }

    #[test]
    fn lanes_are_numbers_and_own() {
        let plan = plan("add", "lanes=1,16,own", |knobs| knobs.objects = 64).unwrap();
        let points: Vec<_> = (0..3).map(|n| plan.point(n, 0.0).unwrap()).collect();
        let lanes: Vec<Lanes> = points.iter().map(|p| p.knobs.lanes).collect();
        assert_eq!(lanes, [Lanes::Shared(1), Lanes::Shared(16), Lanes::Own]);
        let shown: Vec<String> = points.iter().map(|p| Axis::Lanes.show(p.value.unwrap())).collect();
        assert_eq!(shown, ["1", "16", "own"]);
        let objects = self::plan("add", "objects=1,1000", |_| {}).unwrap();
        assert_eq!([0, 1].map(|n| objects.point(n, 0.0).unwrap().knobs.objects), [1, 1_000]);
    }

    #[test]
    fn rates_in_per_cent_are_of_what_a_closed_loop_reaches() {
        let plan = plan("add", "rate=25%,100", |_| {}).unwrap();
        assert!(plan.wants_ceiling());
        let points = [0, 1].map(|n| plan.point(n, 8_000.0).unwrap());
        assert_eq!(points.each_ref().map(|p| p.knobs.rate), [Some(2_000.0), Some(100.0)]);
        assert_eq!(points.map(|p| p.percent), [Some(25.0), None]);
    }

    #[test]
    fn a_rate_that_measures_nothing_is_known_when_the_ceiling_is() {
        let plan = plan("bulk", "rate=1%", |knobs| knobs.duration = Duration::from_secs(1)).unwrap();
        let reason = plan.point(0, 5.0).unwrap_err().to_string();
        assert_eq!(reason, "--rate: 0.05 calls a second are not one in the 1 s that are measured");
    }

    #[test]
    fn a_sweep_that_makes_no_sense_is_refused_with_the_reason() {
        type Set = fn(&mut Knobs);
        let form =
            "expected in-flight=, connections=, objects=, lanes=, rate= or size= and values such as 1,4,16";
        let cases: [(&str, &str, Set, &str); 15] = [
            ("add", "lanes=0", |_| {}, "`0` is no value for lanes"),
            ("add", "lanes=shared,1", |_| {}, "a value stands there twice"),
            ("add", "objects=0", |_| {}, "--objects: must be between 1 and 1000000"),
            ("add", "in-flight", |_| {}, form),
            ("add", "colour=1", |_| {}, form),
            ("add", "in-flight=", |_| {}, "`` is no value for in-flight"),
            ("add", "in-flight=1,x", |_| {}, "`x` is no value for in-flight"),
            ("add", "in-flight=50%", |_| {}, "`50%` is no value for in-flight"),
            ("add", "rate=-1", |_| {}, "`-1` is no value for rate"),
            ("add", "in-flight=1,1", |_| {}, "a value stands there twice"),
            ("add", "in-flight=0", |_| {}, "--in-flight: must be between 1 and 65536"),
            ("add", "size=64", |_| {}, "add has no payload, so it has no size"),
            ("echo:64", "size=64", |_| {}, "echo:64B says its size already: leave the other one out"),
            (
                "add",
                "in-flight=1,2",
                |k| k.rate = Some(10.0),
                "with --rate the loop is open: calls come at their rate however many are under way, so sweep rate instead",
            ),
            ("add", "rate=1,2", |k| k.rate = Some(10.0), "it says the rates already: leave --rate out"),
        ];
        for (work, sweep, set, reason) in cases {
            assert_eq!(plan(work, sweep, set).unwrap_err(), reason, "{work} {sweep}");
        }
    }
}
