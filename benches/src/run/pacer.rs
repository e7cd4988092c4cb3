//! Whoever wakes a thread of an open loop when something is due: a thread of its own, since it sleeps to less than 100 µs, where
//! timers of the runtime sleep to a millisecond. What it costs is told apart from what calls cost the client.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::control::{Control, Phase};
use super::orders::since;
use crate::schedule::Schedule;
use crate::usage::ThreadTime;

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
        while control.phase() != Phase::Over {
            let next = schedule.at(schedule.due(since(begin)));
            let wait = (begin + next).saturating_duration_since(Instant::now());
            std::thread::sleep(wait.min(LOOK));
            if wait <= LOOK {
                stir.notify_one();
            }
        }
        own.settle();
    };
    std::thread::Builder::new().name("bench-pacer".to_owned()).spawn(pacer).map(drop)
}
