//! An open loop: calls come at a constant rate, whatever became of those before. The latency of each is counted from
//! when it was due, so that a server that stalls is charged for all who had to wait, and not for one of them alone.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::control::{Control, Event, Phase};
use super::orders::{GRACE, Hands, Orders, share, since};
use super::recorder::{Recorder, Took};
use crate::mix::Draw;
use crate::schedule::Schedule;
use crate::work::Work;

/// The pacer looks at least so often whether the load is over.
const LOOK: Duration = Duration::from_millis(50);

/// The measured part of a schedule.
#[derive(Clone, Copy, Debug)]
struct Window {
    begin: Duration,
    end: Duration,
}

impl Window {
    fn has(self, at: Duration) -> bool {
        (self.begin..self.end).contains(&at)
    }
}

/// What the calls of a thread share.
struct Floor {
    recorder: Rc<Recorder>,
    /// Something ended, or is due.
    stir: Arc<Notify>,
    under_way: Cell<u64>,
    /// When those that are under way were due, and of which part they are.
    waiting: RefCell<HashMap<u64, (Duration, usize)>>,
}

/// Begins the calls of a thread when they are due, until the load is over.
pub(super) async fn drive(
    number: u32,
    orders: &Arc<Orders>,
    rate: f64,
    begin: Instant,
    hands: Vec<Hands>,
    recorder: &Rc<Recorder>,
) {
    let knobs = &orders.knobs;
    let schedule = Schedule::new(rate, knobs.threads, number);
    let window = Window { begin: knobs.warm_up, end: knobs.warm_up + knobs.duration };
    let most = match knobs.load.connects() {
        true => u64::from(share(knobs.in_flight_max, knobs.threads, number)),
        false => knobs.under_way_max(hands.len() as u32),
    };
    let stir = Arc::new(Notify::new());
    if let Err(error) = pace(schedule, begin, orders.control.clone(), stir.clone()) {
        return orders.control.tell(Event::Broken(format!("cannot start a thread: {error}")));
    }
    let floor = Rc::new(Floor {
        recorder: recorder.clone(),
        stir,
        under_way: Cell::new(0),
        waiting: RefCell::default(),
    });
    let works: Vec<Work> = knobs.load.works().iter().map(|(work, _)| *work).collect();
    let mut draw = Draw::new(knobs.load.works(), u64::from(number));
    let mut calls = JoinSet::new();
    let mut begun = 0;
    let over = orders.control.over();
    tokio::pin!(over);
    loop {
        let due = schedule.due(since(begin));
        while begun < due && floor.under_way.get() < most {
            let at = schedule.at(begun);
            let part = draw.next();
            // The connections in turn, and the objects of each.
            let (turn, connection) = (begun / hands.len() as u64, begun % hands.len() as u64);
            let hands = &hands[connection as usize];
            let object = (turn % hands.len() as u64) as usize;
            let call = Call { n: begun, object, part, work: works[part], at, begin, counts: window.has(at) };
            floor.under_way.set(floor.under_way.get() + 1);
            floor.waiting.borrow_mut().insert(begun, (at, part));
            calls.spawn_local(call.make(hands.clone(), floor.clone()));
            begun += 1;
        }
        // What has ended is of no more use.
        while calls.try_join_next().is_some() {}
        tokio::select! {
            biased;
            () = &mut over => break,
            () = floor.stir.notified() => {}
        }
    }
    let limit = tokio::time::Instant::now() + GRACE;
    while let Ok(Some(_)) = tokio::time::timeout_at(limit, calls.join_next()).await {}
    // Those that are still under way, and those that were due and could not even begin.
    let now = since(begin);
    for (at, part) in floor.waiting.borrow().values().filter(|(at, _)| window.has(*at)) {
        recorder.unanswered(*part, now - *at);
    }
    for at in (begun..).map(|n| schedule.at(n)).take_while(|at| *at < window.end.min(now)) {
        if window.has(at) {
            recorder.unanswered(draw.next(), now - at);
        }
    }
}

/// A call to be made.
struct Call {
    n: u64,
    object: usize,
    part: usize,
    work: Work,
    /// When it is due, from the begin.
    at: Duration,
    begin: Instant,
    counts: bool,
}

impl Call {
    async fn make(self, hands: Hands, floor: Rc<Floor>) {
        let begun = Instant::now();
        let outcome = hands[self.object].perform(self.work, self.part, self.n, &floor.recorder).await;
        // One look at the clock for both: the one is never shorter than the other.
        let now = Instant::now();
        let took = Took::Open {
            due: now.saturating_duration_since(self.begin + self.at),
            begun: now - begun,
            counts: self.counts,
        };
        floor.recorder.ended(self.part, &outcome, took);
        floor.waiting.borrow_mut().remove(&self.n);
        if let Ok(Some(connection)) = outcome {
            connection.close().await;
        }
        floor.under_way.set(floor.under_way.get() - 1);
        floor.stir.notify_one();
    }
}

/// Wakes a thread whenever something is due. A thread of its own: it sleeps to less than 100 µs, where timers of the runtime
/// sleep to a millisecond.
fn pace(schedule: Schedule, begin: Instant, control: Arc<Control>, stir: Arc<Notify>) -> io::Result<()> {
    let pacer = move || {
        while control.phase() != Phase::Over {
            let next = schedule.at(schedule.due(since(begin)));
            let wait = (begin + next).saturating_duration_since(Instant::now());
            std::thread::sleep(wait.min(LOOK));
            if wait <= LOOK {
                stir.notify_one();
            }
        }
    };
    std::thread::Builder::new().name("bench-pacer".to_owned()).spawn(pacer).map(drop)
}
