//! An open loop: calls come at a constant rate, whatever became of those before. The latency of each is counted from
//! when it was due, so that a server that stalls is charged for all who had to wait, and not for one of them alone.
//!
//! When the load is over, what was due before still begins as there is room, until the grace has passed. After a cut nothing
//! begins any more: what was due before the cut and had no answer is unanswered.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::arrivals::{Arrival, Arrivals};
use super::control::{Event, Over};
use super::fault::Fault;
use super::orders::{GRACE, Hands, Orders, panicked, share, since};
use super::pacer::pace;
use super::recorder::{Recorder, Took};
use crate::mix::Draw;
use crate::schedule::Schedule;
use crate::work::Work;

/// What the calls of a thread share.
struct Floor {
    recorder: Rc<Recorder>,
    begin: Instant,
    /// Something ended, or is due.
    stir: Arc<Notify>,
    under_way: Cell<u64>,
    /// When those that have no answer were due, and of which part they are.
    waiting: RefCell<HashMap<u64, (Duration, usize)>>,
}

/// Whoever begins the calls of a thread.
struct Driver {
    arrivals: Arrivals,
    hands: Vec<Hands>,
    works: Vec<Work>,
    draw: Draw,
    /// The most that may be under way.
    most: u64,
    floor: Rc<Floor>,
    calls: JoinSet<()>,
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
    let Orders { knobs, control, .. } = &**orders;
    let schedule = Schedule::new(rate, knobs.threads, number);
    let stir = Arc::new(Notify::new());
    if let Err(error) = pace(schedule, begin, control.clone(), stir.clone()) {
        return control.tell(Event::Broken(format!("cannot start a thread: {error}")));
    }
    let waiting = RefCell::default();
    let mut driver = Driver {
        arrivals: Arrivals::new(schedule, knobs.warm_up..knobs.warm_up + knobs.duration),
        most: match knobs.load.connects() {
            true => u64::from(share(knobs.in_flight_max, knobs.threads, number)),
            false => knobs.under_way_max(hands.len() as u32),
        },
        hands,
        works: knobs.load.works().iter().map(|(work, _)| *work).collect(),
        draw: Draw::new(knobs.load.works(), u64::from(number)),
        floor: Rc::new(Floor { recorder: recorder.clone(), begin, stir, under_way: Cell::new(0), waiting }),
        calls: JoinSet::new(),
    };
    let over = control.over();
    tokio::pin!(over);
    let over = loop {
        driver.begin_due();
        if let Some(why) = driver.tidy() {
            control.tell(Event::Broken(why));
        }
        tokio::select! {
            biased;
            over = &mut over => break over,
            () = driver.floor.stir.notified() => {}
        }
    };
    driver.end(over).await;
}

impl Driver {
    /// Begins what is due, as far as there is room.
    fn begin_due(&mut self) {
        let passed = since(self.floor.begin);
        while self.floor.under_way.get() < self.most {
            let Some(arrival) = self.arrivals.next(passed) else { return };
            let part = self.draw.next();
            // The connections in turn, and the objects of each.
            let all = self.hands.len() as u64;
            let (turn, connection) = (arrival.n / all, arrival.n % all);
            let hands = self.hands[connection as usize].clone();
            let object = (turn % hands.len() as u64) as usize;
            let call = Call { arrival, object, part, work: self.works[part] };
            self.floor.under_way.set(self.floor.under_way.get() + 1);
            self.floor.waiting.borrow_mut().insert(arrival.n, (arrival.at, part));
            self.calls.spawn_local(call.make(hands, self.floor.clone()));
        }
        self.floor.recorder.held_back(self.arrivals.waiting(passed));
    }

    /// What has ended is of no more use, unless it says why it did.
    fn tidy(&mut self) -> Option<String> {
        let mut why = None;
        while let Some(ended) = self.calls.try_join_next() {
            why = panicked(ended).or(why);
        }
        why
    }

    /// Lets those that were due come to their end, and counts those that do not.
    async fn end(mut self, over: Over) {
        self.arrivals.stop(over.at.saturating_duration_since(self.floor.begin));
        let limit = tokio::time::Instant::now() + GRACE;
        loop {
            if !over.cut {
                self.begin_due();
            }
            match tokio::time::timeout_at(limit, self.calls.join_next()).await {
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => break,
            }
        }
        let recorder = &self.floor.recorder;
        let now = since(self.floor.begin);
        for (at, part) in self.floor.waiting.borrow().values() {
            if self.arrivals.count(*at) {
                recorder.unanswered(*part, now - *at);
            }
        }
        for arrival in self.arrivals.left() {
            recorder.unanswered(self.draw.next(), now - arrival.at);
        }
        // Whoever still waits is sent away, and has left before anybody looks what is held.
        self.calls.shutdown().await;
    }
}

/// A call to be made.
struct Call {
    arrival: Arrival,
    object: usize,
    part: usize,
    work: Work,
}

impl Call {
    async fn make(self, hands: Hands, floor: Rc<Floor>) {
        let Arrival { n, at, counts } = self.arrival;
        let begun = Instant::now();
        let outcome = hands[self.object].perform(self.work, self.part, n, &floor.recorder).await;
        // One look at the clock for both: the one is never shorter than the other.
        let now = Instant::now();
        let due = now.saturating_duration_since(floor.begin + at);
        floor.recorder.ended(self.part, &outcome, Took::Open { due, begun: now - begun, counts });
        // Of a lost connection there is no answer, and none that is right of a wrong one: they are counted at the end.
        if !matches!(outcome, Err(Fault::Lost(_) | Fault::Wrong(_))) {
            floor.waiting.borrow_mut().remove(&n);
        }
        if let Ok(Some(connection)) = outcome {
            connection.close().await;
        }
        floor.under_way.set(floor.under_way.get() - 1);
        floor.stir.notify_one();
    }
}
