//! The streams of items and bytes of one connection: their numbers, who gives and who takes, windows, ends (N8).
//!
//! A stream is named in a reference table by either side; its producer always opens it and always ends it with FIN, and its
//! consumer always says `Stop` once: when it wants no more, or when it has read the end. The producer forgets it after
//! both, so a number in `Window` or `Stop` is always known. A stream that arrives before the frame that names it waits, unread.

mod naming;
mod window;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::task::{Poll, Waker};

use super::{RandomState, Violation, mutation};
use crate::node::budget::Queued;
use crate::streaming::inbound::{Broken, Given, Queue};
use crate::streaming::travel::{Format, OutEnd, Produce};
use crate::wire::{Control, StreamId};

pub(crate) use window::Stands;
use window::{Inflow, Outflow};

/// The limits that shape the streams; from [`crate::Config`].
#[derive(Clone, Debug)]
pub(crate) struct StreamLimits {
    /// What all windows of a connection may grow by together.
    pub(crate) pool: u64,
    /// The largest body of an item.
    pub(crate) item_max: usize,
}

/// Streams in one direction of a connection that were named and have not ended, at most.
const COUNT_MAX: usize = 16_384;
/// What every stream may send before anything was taken; both sides know it.
pub(crate) const WINDOW: u64 = 64 * 1024;
/// The largest window of one stream: what a path of 1 Gbit/s and 100 ms holds.
const WINDOW_MAX: u64 = 16 * 1024 * 1024;

/// The table of streams.
#[derive(Debug)]
pub(crate) struct Streams {
    limits: StreamLimits,
    producing: HashMap<StreamId, Producing, RandomState>,
    consuming: HashMap<StreamId, Consuming, RandomState>,
    /// The next number of this side; they are all even or all odd.
    next: u32,
    pool: u64,
    /// Where counts what has arrived and was not taken.
    held: Arc<Queued>,
    starts: Vec<Start>,
    /// Who starts what is in `starts`.
    starter: Option<Waker>,
    start_due: bool,
    /// Streams that were opened before they were named, and who waits to read them.
    unnamed: HashMap<StreamId, Waker, RandomState>,
    /// Wakers to be woken after the lock is released.
    wakers: Vec<Waker>,
    windows_due: Vec<StreamId>,
    stops_due: Vec<(StreamId, &'static str)>,
}

/// A stream that this side gives.
#[derive(Debug)]
struct Producing {
    flow: Outflow,
    /// The peer wants no more, or has read the end.
    stopped: bool,
    /// The end was written.
    finished: bool,
    waker: Option<Waker>,
}

/// A stream that this side takes.
#[derive(Debug)]
struct Consuming {
    flow: Inflow,
    queue: Arc<Queue>,
    format: Format,
    /// References in its items are bound to this lane.
    lane: usize,
    opened: bool,
    /// Its last words to the peer are said or due.
    stopped: bool,
    stop_held: Option<&'static str>,
    window_due: bool,
    /// What its window has grown by.
    grown: u64,
}

/// A stream whose work is to begin on the connection's thread.
pub(crate) enum Start {
    /// This side gives what the end holds, over a new QUIC stream.
    Give(StreamId, Arc<OutEnd>),
    /// The peer gives; it goes where the end says.
    Take(StreamId, Arc<OutEnd>, Arc<Queue>),
    /// This side gives what was claimed under the peer's number; nothing if nobody did.
    Claimed(StreamId, Format, Option<Box<dyn Produce>>),
}

impl std::fmt::Debug for Start {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Start::Give(id, _) => write!(f, "Give({})", id.0),
            Start::Take(id, ..) => write!(f, "Take({})", id.0),
            Start::Claimed(id, ..) => write!(f, "Claimed({})", id.0),
        }
    }
}

/// What a producer may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    /// So much may be sent.
    Bytes(u64),
    /// Nobody wants more.
    Stopped,
}

/// Whose items a reader brings, and where they go.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    pub(crate) queue: Arc<Queue>,
    pub(crate) lane: usize,
}

impl Streams {
    pub(crate) fn new(limits: StreamLimits) -> Streams {
        Streams {
            pool: limits.pool,
            limits,
            producing: HashMap::default(),
            consuming: HashMap::default(),
            next: 1,
            held: Arc::default(),
            starts: Vec::new(),
            starter: None,
            start_due: false,
            unnamed: HashMap::default(),
            wakers: Vec::new(),
            windows_due: Vec::new(),
            stops_due: Vec::new(),
        }
    }

    /// What streams hold counts there.
    pub(crate) fn held_by(&mut self, held: Arc<Queued>) {
        self.held = held;
    }

    /// Numbers are even at the side that dialed.
    pub(crate) fn dialed(&mut self, dialed: bool) {
        self.next = if dialed { 2 } else { 1 };
    }

    pub(crate) fn item_max(&self) -> usize {
        self.limits.item_max
    }

    pub(crate) fn producing(&self) -> usize {
        self.producing.len()
    }

    pub(crate) fn consuming(&self) -> usize {
        self.consuming.len()
    }

    /// What is to start. Nothing: `waker` is woken when there is something.
    pub(crate) fn take_starts(&mut self, waker: &Waker) -> Vec<Start> {
        if self.starts.is_empty() {
            self.starter = Some(waker.clone());
        }
        self.start_due = false;
        std::mem::take(&mut self.starts)
    }

    /// Whether something is to start.
    #[cfg(test)]
    pub(crate) fn start_is_due(&self) -> bool {
        !self.starts.is_empty()
    }

    /// Of what is given, or taken: number, what is allowed, what was sent or has arrived; without what was stopped.
    #[cfg(test)]
    pub(crate) fn counts(&self, given: bool) -> std::collections::BTreeMap<StreamId, (u64, u64)> {
        let taken = |(&id, e): (&StreamId, &Consuming)| {
            (!e.stopped).then(|| (id, e.flow.counts())).map(|(id, (allowed, here, _))| (id, (allowed, here)))
        };
        let giving = |(&id, e): (&StreamId, &Producing)| (!e.stopped).then(|| (id, e.flow.counts()));
        if given {
            self.producing.iter().filter_map(giving).collect()
        } else {
            self.consuming.iter().filter_map(taken).collect()
        }
    }

    /// Whom to wake after the lock is released.
    pub(crate) fn take_wakers(&mut self, out: &mut super::Wakers) {
        if self.start_due {
            out.extend(self.starter.take());
            self.start_due = false;
        }
        if !self.wakers.is_empty() {
            out.extend(self.wakers.drain(..));
        }
    }

    /// How much the producer may send; `waker` is woken when that changes. `None` after the connection's end.
    pub(crate) fn room(&mut self, id: StreamId, waker: &Waker) -> Option<Room> {
        let entry = self.producing.get_mut(&id)?;
        if entry.stopped {
            return Some(Room::Stopped);
        }
        if !entry.waker.as_ref().is_some_and(|w| w.will_wake(waker)) {
            entry.waker = Some(waker.clone());
        }
        Some(Room::Bytes(entry.flow.room()))
    }

    /// So much of the window is about to be sent.
    pub(crate) fn spend(&mut self, id: StreamId, cost: u64) {
        if let Some(entry) = self.producing.get_mut(&id) {
            entry.flow.spend(cost);
        }
    }

    /// The producer's last word was written.
    pub(crate) fn finished(&mut self, id: StreamId) {
        let Entry::Occupied(mut entry) = self.producing.entry(id) else { return };
        entry.get_mut().finished = true;
        if entry.get().stopped {
            entry.remove();
        }
    }

    /// The peer allows more.
    pub(crate) fn window(&mut self, id: StreamId, bytes: u64) -> Result<(), Violation> {
        let entry = self.producing.get_mut(&id).ok_or(Violation::UnknownStream(id))?;
        if entry.stopped || !entry.flow.allow(bytes) {
            return Err(Violation::UnknownStream(id));
        }
        let waker = entry.waker.take();
        if !mutation!(GiverNotWoken) {
            self.wakers.extend(waker);
        }
        Ok(())
    }

    /// The peer wants no more, or has read the end.
    pub(crate) fn stop(&mut self, id: StreamId) -> Result<(), Violation> {
        let Entry::Occupied(mut entry) = self.producing.entry(id) else {
            return Err(Violation::UnknownStream(id));
        };
        if std::mem::replace(&mut entry.get_mut().stopped, true) {
            return Err(Violation::UnknownStream(id));
        }
        self.wakers.extend(entry.get_mut().waker.take());
        if entry.get().finished {
            entry.remove();
        }
        Ok(())
    }

    /// A stream of the peer was opened with this number: where its items go, as soon as it was named.
    pub(crate) fn open(
        &mut self,
        id: StreamId,
        format: Format,
        waker: &Waker,
    ) -> Poll<Result<Reading, Violation>> {
        match self.consuming.get_mut(&id) {
            Some(entry) if entry.opened || entry.format != format => {
                Poll::Ready(Err(Violation::StreamInUse(id)))
            }
            Some(entry) => {
                entry.opened = true;
                self.stops_due.extend(entry.stop_held.take().map(|reason| (id, reason)));
                Poll::Ready(Ok(Reading { queue: entry.queue.clone(), lane: entry.lane }))
            }
            // A number of this side is named before anybody knows it.
            None if id.0 % 2 == self.next % 2 => Poll::Ready(Err(Violation::UnknownStream(id))),
            None if self.unnamed.len() > 2 * COUNT_MAX => Poll::Ready(Err(Violation::TooManyStreams)),
            None => {
                self.unnamed.insert(id, waker.clone());
                Poll::Pending
            }
        }
    }

    /// Nobody named it in time.
    pub(crate) fn not_named(&mut self, id: StreamId) {
        self.unnamed.remove(&id);
    }

    /// Something has arrived on a stream: what it costs, and how far the next item is.
    pub(crate) fn arrived(
        &mut self,
        id: StreamId,
        cost: u64,
        begun: u64,
        missing: u64,
    ) -> Result<(), Violation> {
        // Without an entry the connection has ended.
        let Some(entry) = self.consuming.get_mut(&id) else { return Ok(()) };
        let former = entry.flow.begun();
        let is_allowed = entry.flow.arrived(cost, begun, missing);
        self.held.more(begun);
        self.held.less(former);
        if !is_allowed {
            return Err(Violation::AboveWindow(id));
        }
        self.window_may_be_due(id);
        Ok(())
    }

    /// The consumer has taken something, or waits. Gives the window: reports may be rarer by a part of it.
    pub(crate) fn taken(&mut self, id: StreamId, cost: u64, waits: bool, now_ms: u64, rtt_ms: u64) -> u64 {
        let Some(entry) = self.consuming.get_mut(&id) else { return WINDOW };
        entry.flow.took(cost, waits);
        let grown = entry.flow.grow(now_ms, rtt_ms, WINDOW_MAX, self.pool);
        entry.grown += grown;
        self.pool -= grown;
        let window = entry.flow.window();
        self.window_may_be_due(id);
        window
    }

    /// Nothing was read of a stream of the peer for a while, and so much of it was taken and not reported. Where it is held up, and whether its
    /// consumer goes on nevertheless.
    pub(crate) fn look(&mut self, id: StreamId, unreported: u64) -> (Stands, bool) {
        let Some(entry) = self.consuming.get_mut(&id) else { return (Stands::Nowhere, false) };
        let stands = entry.flow.stands();
        let goes_on = entry.flow.look(unreported);
        self.window_may_be_due(id);
        (stands, goes_on)
    }

    fn window_may_be_due(&mut self, id: StreamId) {
        if let Some(entry) = self.consuming.get_mut(&id)
            && entry.flow.due() > 0
            && !std::mem::replace(&mut entry.window_due, true)
        {
            self.windows_due.push(id);
        }
    }

    /// Nobody here wants more of it.
    pub(crate) fn let_go(&mut self, id: StreamId, reason: &'static str) {
        if let Some(entry) = self.consuming.get_mut(&id)
            && !std::mem::replace(&mut entry.stopped, true)
        {
            entry.flow.stop();
            // A word on the control stream could overtake the frame in which this side names the stream: it waits for the stream itself.
            if id.0 % 2 == self.next % 2 && !entry.opened {
                entry.stop_held = Some(reason);
            } else {
                self.stops_due.push((id, reason));
            }
        }
    }

    /// Whether nobody wants what arrives.
    pub(crate) fn is_let_go(&self, id: StreamId) -> bool {
        self.consuming.get(&id).is_none_or(|entry| entry.stopped)
    }

    /// To be woken after the lock is released.
    pub(crate) fn wake(&mut self, waker: Option<Waker>) {
        self.wakers.extend(waker);
    }

    /// The end of a stream of the peer was read.
    pub(crate) fn read_to_end(&mut self, id: StreamId) {
        let Some(entry) = self.consuming.remove(&id) else { return };
        self.held.less(entry.flow.begun());
        self.pool += entry.grown;
        if !entry.stopped && !mutation!(EndNotAnswered) {
            self.stops_due.push((id, ""));
        }
    }

    pub(crate) fn control_is_due(&self) -> bool {
        !self.windows_due.is_empty() || !self.stops_due.is_empty()
    }

    /// What is to be said on the control stream.
    pub(crate) fn take_control(&mut self, mut say: impl FnMut(Control)) {
        for id in self.windows_due.drain(..) {
            let Some(entry) = self.consuming.get_mut(&id) else { continue };
            entry.window_due = false;
            let bytes = entry.flow.allow();
            if bytes > 0 {
                say(Control::Window { stream: id, bytes });
            }
        }
        for (stream, reason) in self.stops_due.drain(..) {
            say(Control::Stop { stream, reason: reason.to_owned() });
        }
    }

    /// The connection has ended: consumers are told, producers stop. What was to start is to be dropped without the lock.
    pub(crate) fn end(&mut self, reason: &Arc<str>) -> Vec<Start> {
        for (_, entry) in self.consuming.drain() {
            self.held.less(entry.flow.begun());
            let given = Given::broken(Broken::Disconnected(reason.clone()));
            self.wakers.extend(entry.queue.push(given).1);
        }
        self.wakers.extend(self.producing.drain().filter_map(|(_, entry)| entry.waker));
        self.wakers.extend(self.unnamed.drain().map(|(_, waker)| waker));
        self.wakers.extend(self.starter.take());
        self.windows_due.clear();
        self.stops_due.clear();
        std::mem::take(&mut self.starts)
    }
}
