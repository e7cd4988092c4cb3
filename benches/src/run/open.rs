//! An open loop: calls come at a constant rate, whatever became of those before. The latency of each is counted from
//! when it was due, so that a server that stalls is charged for all who had to wait, and not for one of them alone.
//!
//! When the load is over, what was due before still begins as there is room, until the grace has passed. After a cut nothing
//! begins any more: what was due before the cut and had no answer is unanswered.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::arrivals::{Arrival, Arrivals};
use super::control::{Control, Event, Over};
use super::fault::Fault;
use super::orders::{GRACE, Hands, Orders, panicked, share, since};
use super::pacer::pace;
use super::recorder::{Recorder, Took};
use crate::mix::Draw;
use crate::schedule::Schedule;
use crate::work::Work;

/// Callers are dismissed so often, and so many are kept that were not needed.
const DISMISS: Duration = Duration::from_secs(1);
const SPARE: usize = 64;

/// What the callers of a thread share.
struct Floor {
    recorder: Rc<Recorder>,
    begin: Instant,
    /// Something is due, or the load is over and something has ended.
    stir: Arc<Notify>,
    works: Vec<Work>,
    hands: Vec<Hands>,
    /// What is to begin, and of which part it is.
    coming: RefCell<(Arrivals, Draw)>,
    /// Nothing begins any more.
    cut: Cell<bool>,
    /// The load is over: it is waited for calls to end.
    ending: Cell<bool>,
    under_way: Cell<u64>,
    /// Callers that were woken and have not looked.
    awake: Cell<u64>,
    /// Callers without a call, and how few they were of late.
    idle: RefCell<Vec<Rc<Caller>>>,
    least_idle: Cell<usize>,
}

/// Makes one call after another, each when it is due, and waits to be woken where none is.
#[derive(Default)]
struct Caller {
    /// When the call that has no answer was due, and of which part it is.
    unanswered: Cell<Option<(Duration, usize)>>,
    woken: Cell<bool>,
    /// It is not needed any more.
    dismissed: Cell<bool>,
    waker: Cell<Option<Waker>>,
}

/// Whoever wakes the callers of a thread.
struct Driver {
    floor: Rc<Floor>,
    /// As many as were needed at once of late.
    callers: Vec<Rc<Caller>>,
    /// The most that may be.
    most: u64,
    dismiss_at: Instant,
    tasks: JoinSet<()>,
}

/// Has the calls of a thread made when they are due, until the load is over.
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
    let arrivals = Arrivals::new(schedule, knobs.warm_up..knobs.warm_up + knobs.duration);
    let draw = Draw::new(knobs.load.works(), u64::from(number));
    let most = match knobs.load.connects() {
        true => u64::from(share(knobs.in_flight_max, knobs.threads, number)),
        false => knobs.under_way_max(hands.len() as u32),
    };
    let floor = Floor {
        recorder: recorder.clone(),
        begin,
        stir,
        works: knobs.load.works().iter().map(|(work, _)| *work).collect(),
        hands,
        coming: RefCell::new((arrivals, draw)),
        cut: Cell::new(false),
        ending: Cell::new(false),
        under_way: Cell::new(0),
        awake: Cell::new(0),
        idle: RefCell::default(),
        least_idle: Cell::new(0),
    };
    let mut driver = Driver {
        floor: Rc::new(floor),
        callers: Vec::new(),
        most,
        dismiss_at: begin + DISMISS,
        tasks: JoinSet::new(),
    };
    let over = control.over();
    tokio::pin!(over);
    let over = loop {
        driver.wake();
        driver.dismiss();
        driver.tidy(control);
        tokio::select! {
            biased;
            over = &mut over => break over,
            () = driver.floor.stir.notified() => {}
        }
    };
    driver.end(over, control).await;
}

impl Driver {
    /// Wakes a caller for each call that is due, as far as there are any.
    fn wake(&mut self) {
        let floor = self.floor.clone();
        let passed = since(floor.begin);
        let (due, counted) = {
            let (arrivals, _) = &*floor.coming.borrow();
            (arrivals.due(passed).saturating_sub(floor.awake.get()), arrivals.count(passed))
        };
        for n in 0..due {
            if floor.wake_one() {
                continue;
            }
            if (self.callers.len() as u64) < self.most {
                let caller = Rc::<Caller>::default();
                self.callers.push(caller.clone());
                self.tasks.spawn_local(caller.work(floor.clone()));
            } else {
                if counted {
                    floor.recorder.held_back(due - n);
                }
                break;
            }
            floor.awake.set(floor.awake.get() + 1);
        }
    }

    /// Sends away half of those that nobody has needed for a while.
    fn dismiss(&mut self) {
        let now = Instant::now();
        if now < self.dismiss_at {
            return;
        }
        self.dismiss_at = now + DISMISS;
        let mut idle = self.floor.idle.borrow_mut();
        let spare = self.floor.least_idle.replace(idle.len()).saturating_sub(SPARE);
        if spare == 0 {
            return;
        }
        for caller in idle.drain(..spare.div_ceil(2)) {
            caller.dismissed.set(true);
            caller.wake();
        }
        idle.shrink_to(2 * SPARE);
        self.callers.retain(|caller| !caller.dismissed.get());
    }

    /// Hears of callers that panicked.
    fn tidy(&mut self, control: &Control) {
        while let Some(ended) = self.tasks.try_join_next() {
            if let Some(why) = panicked(ended) {
                control.tell(Event::Broken(why));
            }
        }
    }

    /// Lets those that were due come to their end, and counts those that do not.
    async fn end(mut self, over: Over, control: &Control) {
        let floor = self.floor.clone();
        floor.coming.borrow_mut().0.stop(over.at.saturating_duration_since(floor.begin));
        floor.cut.set(over.cut);
        floor.ending.set(true);
        let limit = tokio::time::Instant::now() + GRACE;
        loop {
            if !over.cut {
                self.wake();
            }
            self.tidy(control);
            if floor.under_way.get() + floor.awake.get() == 0
                || tokio::time::timeout_at(limit, floor.stir.notified()).await.is_err()
            {
                break;
            }
        }
        let now = since(floor.begin);
        let (arrivals, mut draw) = floor.coming.borrow().clone();
        for (at, part) in self.callers.iter().filter_map(|caller| caller.unanswered.get()) {
            if arrivals.count(at) {
                floor.recorder.unanswered(part, now - at);
            }
        }
        for arrival in arrivals.left() {
            floor.recorder.unanswered(draw.next(), now - arrival.at);
        }
        // Whoever still waits is sent away, and has left before anybody looks what is held.
        self.tasks.shutdown().await;
    }
}

impl Floor {
    /// The next call, if it is due now. Another caller is woken if there is one more.
    fn next(&self, now: Instant) -> Option<(Arrival, usize)> {
        if self.cut.get() {
            return None;
        }
        let passed = now.saturating_duration_since(self.begin);
        let (arrivals, draw) = &mut *self.coming.borrow_mut();
        let arrival = arrivals.next(passed)?;
        if self.awake.get() == 0 && arrivals.is_due(passed) {
            self.wake_one();
        }
        Some((arrival, draw.next()))
    }

    /// Something has ended: whoever waits for the end of all looks again.
    fn ended(&self) {
        if self.ending.get() {
            self.stir.notify_one();
        }
    }

    /// Wakes the caller that was idle for the shortest time; false if there is none.
    fn wake_one(&self) -> bool {
        let mut idle = self.idle.borrow_mut();
        let Some(caller) = idle.pop() else { return false };
        self.least_idle.set(self.least_idle.get().min(idle.len()));
        self.awake.set(self.awake.get() + 1);
        caller.wake();
        true
    }
}

/// A call that is under way, until it is dropped; also when its caller panics.
struct UnderWay<'a>(&'a Floor);

impl UnderWay<'_> {
    fn new(floor: &Floor) -> UnderWay<'_> {
        floor.under_way.set(floor.under_way.get() + 1);
        UnderWay(floor)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.under_way.set(self.0.under_way.get() - 1);
        self.0.ended();
    }
}

impl Caller {
    fn wake(&self) {
        self.woken.set(true);
        self.waker.take().into_iter().for_each(Waker::wake);
    }

    async fn work(self: Rc<Self>, floor: Rc<Floor>) {
        loop {
            floor.awake.set(floor.awake.get() - 1);
            let mut now = Instant::now();
            while let Some((arrival, part)) = floor.next(now) {
                let under_way = UnderWay::new(&floor);
                self.unanswered.set(Some((arrival.at, part)));
                now = self.make(arrival, part, now, &floor).await;
                drop(under_way);
                // The call that has no answer stays with it.
                if self.unanswered.get().is_some() {
                    return;
                }
            }
            floor.idle.borrow_mut().push(self.clone());
            floor.ended();
            poll_fn(|cx| {
                if self.woken.take() {
                    return Poll::Ready(());
                }
                self.waker.set(Some(cx.waker().clone()));
                Poll::Pending
            })
            .await;
            if self.dismissed.get() {
                return;
            }
        }
    }

    /// Makes a call, and says when it had ended.
    async fn make(&self, arrival: Arrival, part: usize, begun: Instant, floor: &Floor) -> Instant {
        let Arrival { n, at, counts } = arrival;
        // The connections in turn, and the objects of each.
        let all = floor.hands.len() as u64;
        let (turn, connection) = (n / all, n % all);
        let hands = &floor.hands[connection as usize];
        let object = (turn % hands.len() as u64) as usize;
        let outcome = hands[object].perform(floor.works[part], part, n, &floor.recorder).await;
        // One look at the clock for both: the one is never shorter than the other.
        let now = Instant::now();
        let due = now.saturating_duration_since(floor.begin + at);
        floor.recorder.ended(part, &outcome, Took::Open { due, begun: now - begun, counts });
        // Of a lost connection there is no answer, and none that is right of a wrong one: they are counted at the end.
        if !matches!(outcome, Err(Fault::Lost(_) | Fault::Wrong(_))) {
            self.unanswered.set(None);
        }
        match outcome {
            Ok(Some(connection)) => {
                connection.close().await;
                Instant::now()
            }
            Ok(None) => now,
            // What fails at once must not keep the thread from everything else.
            Err(_) => {
                tokio::task::yield_now().await;
                Instant::now()
            }
        }
    }
}
