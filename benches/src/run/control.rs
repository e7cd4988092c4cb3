//! What the coordinator and the threads of a load tell each other: the phase, and what they have done so far.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use duologue::NodeId;
use tokio::sync::{mpsc, watch};

use crate::held::Held;
use crate::usage::ThreadTime;

/// Where a load is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// Connections are made.
    Connecting,
    /// The load runs and is not counted.
    WarmUp,
    /// It is counted.
    Measured,
    /// It is counted no more, and runs on while both ends say what they used.
    Beyond,
    /// Nothing new begins.
    Over,
}

/// What a thread may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Leave {
    /// Make its first connection.
    First,
    /// Make all of them.
    Connect,
    /// Load them, counted from that moment.
    Load(Instant),
    /// Nothing more.
    Over(Over),
}

/// The end of a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Over {
    /// When that was.
    pub(super) at: Instant,
    /// Whether it came before its time: then nobody waits for what has not begun.
    pub(super) cut: bool,
}

/// What a thread says.
#[derive(Debug)]
pub(super) enum Event {
    /// It has its first connection, if it is to have any.
    Started,
    /// It has all its connections and objects.
    Ready,
    /// It cannot go on.
    Broken(String),
    /// Its load is over and its objects are dropped: its node, and what that still holds. It keeps its connections until it is dismissed.
    Idle(NodeId, Held),
}

/// The hold of the coordinator on its threads.
///
/// The phase is read for every call, hence an atomic that is written three times in a run and stays in every core's cache.
#[derive(Debug)]
pub(super) struct Control {
    phase: AtomicU8,
    /// The same for those who wait.
    leave: watch::Sender<Leave>,
    /// Whether threads may close their connections.
    dismissed: watch::Sender<bool>,
    events: mpsc::UnboundedSender<Event>,
    /// Of each thread.
    meters: Vec<Meter>,
    /// The processor time of those that are no part of the client which is measured.
    pacers: Mutex<Vec<ThreadTime>>,
}

/// What a thread has done, in all phases. Each is written by its thread alone.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct Meter {
    pub(super) connections: AtomicU64,
    pub(super) calls: AtomicU64,
    /// Of them, and of those that failed, such as ended while they were measured.
    pub(super) measured: AtomicU64,
    pub(super) failed: AtomicU64,
}

impl Meter {
    pub(super) fn count(what: &AtomicU64) {
        // One writer: cheaper than an atomic addition.
        what.store(what.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }
}

impl Control {
    pub(super) fn new(threads: u32) -> (Arc<Control>, mpsc::UnboundedReceiver<Event>) {
        let (events, heard) = mpsc::unbounded_channel();
        let control = Control {
            phase: AtomicU8::new(Phase::Connecting as u8),
            leave: watch::Sender::new(Leave::First),
            dismissed: watch::Sender::new(false),
            events,
            meters: (0..threads).map(|_| Meter::default()).collect(),
            pacers: Mutex::default(),
        };
        (Arc::new(control), heard)
    }

    pub(super) fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Acquire) {
            0 => Phase::Connecting,
            1 => Phase::WarmUp,
            2 => Phase::Measured,
            3 => Phase::Beyond,
            _ => Phase::Over,
        }
    }

    /// Lets all connections be made.
    pub(super) fn connect(&self) {
        self.leave.send_replace(Leave::Connect);
    }

    /// Lets the load begin.
    pub(super) fn begin(&self, at: Instant) {
        self.phase.store(Phase::WarmUp as u8, Ordering::Release);
        self.leave.send_replace(Leave::Load(at));
    }

    /// What ends from now on is counted.
    pub(super) fn measure(&self) {
        self.phase.store(Phase::Measured as u8, Ordering::Release);
    }

    /// What ends from now on is not; gives the end of the measured time.
    pub(super) fn measured(&self) -> Instant {
        self.phase.store(Phase::Beyond as u8, Ordering::Release);
        Instant::now()
    }

    /// Ends the load; what ended it first counts.
    pub(super) fn end(&self, over: Over) {
        self.phase.store(Phase::Over as u8, Ordering::Release);
        self.leave.send_if_modified(|leave| {
            let first = !matches!(leave, Leave::Over(_));
            if first {
                *leave = Leave::Over(over);
            }
            first
        });
    }

    /// Waits until all connections may be made.
    pub(super) async fn may_connect(&self) {
        let _ = self.leave.subscribe().wait_for(|leave| *leave >= Leave::Connect).await;
    }

    /// Waits until the load begins; `None` if it is over before that.
    pub(super) async fn begun(&self) -> Option<Instant> {
        let mut leave = self.leave.subscribe();
        // The sender is `self`: it is not gone while this waits.
        match *leave.wait_for(|leave| *leave > Leave::Connect).await.ok()? {
            Leave::Load(begin) => Some(begin),
            _ => None,
        }
    }

    /// Waits until the load is over.
    pub(super) async fn over(&self) -> Over {
        let mut leave = self.leave.subscribe();
        // The sender is `self`: it is not gone while this waits.
        match leave.wait_for(|leave| matches!(leave, Leave::Over(_))).await.as_deref() {
            Ok(Leave::Over(over)) => *over,
            _ => Over { at: Instant::now(), cut: true },
        }
    }

    /// Lets the threads close their connections, and end.
    pub(super) fn dismiss(&self) {
        self.dismissed.send_replace(true);
    }

    /// Waits until connections may be closed.
    pub(super) async fn dismissed(&self) {
        // The sender is `self`: it is not gone while this waits.
        let _ = self.dismissed.subscribe().wait_for(|dismissed| *dismissed).await;
    }

    /// A thread that only says when calls are due.
    pub(super) fn add_pacer(&self, time: ThreadTime) {
        self.pacers.lock().unwrap_or_else(PoisonError::into_inner).push(time);
    }

    /// What these have used up to now.
    pub(super) fn pacing(&self) -> Duration {
        self.pacers.lock().unwrap_or_else(PoisonError::into_inner).iter().map(ThreadTime::used).sum()
    }

    pub(super) fn tell(&self, event: Event) {
        // A coordinator that is gone needs no news.
        let _ = self.events.send(event);
    }

    pub(super) fn meter(&self, thread: u32) -> &Meter {
        &self.meters[thread as usize]
    }

    /// A figure of all threads.
    pub(super) fn sum(&self, what: impl Fn(&Meter) -> &AtomicU64) -> u64 {
        self.meters.iter().map(|meter| what(meter).load(Ordering::Relaxed)).sum()
    }
}
