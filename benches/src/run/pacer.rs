//! Whoever wakes a thread of an open loop when something is due: a thread of its own, since it sleeps to some 100 µs (300 µs where calls
//! are many), where timers of the runtime sleep to a millisecond. What it costs is told apart from what calls cost the client.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::control::{Control, Phase};
use super::orders::since;
use crate::schedule::Schedule;
use crate::usage::ThreadTime;

/// It looks no more often than that: a thread that is woken for each call does little else.
const STEP: Duration = Duration::from_micros(50);
/// Calls a second of a thread from which on others end all the time: whoever ends one looks what else is due.
const FAST_PER_S: f64 = 10_000.0;
/// It looks no more often than that then: what is left to it is to begin anew after a moment without calls.
const FAST_STEP: Duration = Duration::from_micros(250);
/// It looks at least so often whether the load is over.
const LOOK: Duration = Duration::from_millis(50);

/// Stirs whenever something is due, until the load is over.
pub(super) fn pace(
    schedule: Schedule,
    begin: Instant,
    control: Arc<Control>,
    stir: Arc<Notify>,
) -> io::Result<()> {
    let pacer = move || {
        let own = ThreadTime::of_this();
        control.add_pacer(own.clone());
        let step = if schedule.per_s() < FAST_PER_S { STEP } else { FAST_STEP };
        let mut told = 0;
        while control.phase() != Phase::Over {
            let due = schedule.due(since(begin));
            if due > told {
                told = due;
                stir.notify_one();
            }
            let wait = (begin + schedule.at(due)).saturating_duration_since(Instant::now());
            std::thread::sleep(wait.clamp(step, LOOK));
        }
        own.settle();
    };
    std::thread::Builder::new().name("bench-pacer".to_owned()).spawn(pacer).map(drop)
}
