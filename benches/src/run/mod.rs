//! A run: connects, loads, measures both ends, and writes down what came of it. It always gives a report; one that did
//! not come to its end says why.

mod arrivals;
mod closed;
mod control;
mod crew;
mod desk;
mod fault;
mod hand;
mod news;
mod open;
mod orders;
mod pacer;
mod point;
mod recorder;

pub use news::News;

use std::future::Future;
use std::pin::{Pin, pin};

use crate::access::Target;
use crate::plan::Plan;
use crate::report::{End, Report, Stopped};
use crate::service::Hello;
use desk::Desk;
use point::Cut;

/// Carries a plan out against a server. `stop` ends it early, with what was measured until then.
pub async fn run(
    plan: Plan,
    target: Target,
    mut news: impl FnMut(News),
    stop: impl Future<Output = ()>,
) -> Report {
    let stop = pin!(stop);
    let mut report = Report::begin(&plan, &target.address);
    if let Err(end) = carry_out(&plan, target, &mut report, &mut news, stop).await {
        report.complete = false;
        report.stopped = Some(match end {
            Cut::Told => Stopped { told: true, reason: "it was told to stop".to_owned() },
            Cut::Broken(reason) => Stopped { told: false, reason },
        });
    }
    report
}

async fn carry_out(
    plan: &Plan,
    target: Target,
    report: &mut Report,
    news: &mut impl FnMut(News),
    mut stop: Pin<&mut impl Future<Output = ()>>,
) -> Result<(), Cut> {
    let desk = tokio::select! {
        desk = Desk::open(plan.knobs(), &target) => desk.map_err(Cut::Broken)?,
        () = &mut stop => return Err(Cut::Told),
    };
    let Hello { program, system, cores, threads, busy_poll, .. } = desk.hello.clone();
    report.server = Some(End { program, system, cores, threads, busy_poll });
    let before = usize::from(plan.wants_ceiling());
    let of = before + plan.points();
    let mut ceiling = 0.0;
    for number in 0..of {
        let planned = match number.checked_sub(before) {
            None => crate::plan::Planned { value: None, percent: None, knobs: plan.knobs().clone() },
            Some(n) => plan.point(n, ceiling).map_err(|e| Cut::Broken(e.to_string()))?,
        };
        let label = match (plan.axis(), planned.value) {
            (Some(axis), Some(value)) => format!("{axis} {}", axis.show(value)),
            (Some(_), None) => "closed loop".to_owned(),
            (None, _) => plan.knobs().load.to_string(),
        };
        news(News::Point { number: number + 1, of, label });
        let (point, cut) = point::measure(planned, &target, &desk, news, stop.as_mut()).await;
        if let Some(point) = point {
            news(News::Measured(Box::new(point.clone())));
            if number < before {
                ceiling = point.per_s;
                report.ceiling = Some(point);
            } else {
                report.points.push(point);
            }
        }
        if let Some(cut) = cut {
            return Err(cut);
        }
    }
    desk.close().await;
    report.complete = true;
    Ok(())
}
