//! What all parts of one connection share: its tables behind one lock, and the wakers of its pumps.
//!
//! A verb of the tables runs under the lock; what it asks for ([`Events`]) is done after the lock is released, because answers, deliveries
//! and dropped objects may run code that comes back here.

mod calls;

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use smallvec::SmallVec;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::Ended;
use super::actor::ConnectionAddr;
use crate::answer::Round;
use crate::error::Fault;
use crate::node::budget::Account;
use crate::node::{Life, Worker};
use crate::proxy::{Handle, ImportKey};
use crate::services::Instances;
use crate::streaming::Format;
use crate::streaming::travel::Produce;
use crate::tables::{Events, Tables, Wakers};
use crate::wire::{ObjectId, Reference, StreamId};

/// How much longer than its deadline a call waits for what its host has to say of it, beside the way there and back: as long as a
/// busy machine may keep a thread from running. Nothing obliges a peer to speak in time, so it is not for ever.
const GRACE: Duration = Duration::from_millis(100);

/// The same, however long the way is.
const GRACE_MAX: Duration = Duration::from_millis(250);

/// One connection, as its actor, its streams, its proxies and its running calls see it.
pub(crate) struct Shared {
    pub(crate) id: u64,
    /// The thread on which all of it runs.
    pub(crate) worker: Worker,
    tables: Mutex<Tables>,
    /// Imports whose last handle was dropped; looked at by the control writer.
    dropped: Mutex<Vec<Dropped>>,
    /// Streams whose last handle was dropped, and those that the peer wants and somebody gives, or nobody; likewise.
    dropped_streams: Mutex<Vec<StreamId>>,
    claimed_streams: Mutex<Vec<Claimed>>,
    /// Something is due on the control stream.
    pub(crate) control: Notify,
    /// A lane of an object's own is to be opened.
    pub(crate) lanes_due: Notify,
    /// A deadline nearer than `timer_at` was set.
    pub(crate) timer: Notify,
    timer_at: AtomicU64,
    /// An import has ended.
    shells: Notify,
    epoch: Instant,
    pub(crate) call_timeout: Duration,
    pub(crate) peer: OnceLock<Peer>,
    /// Given up at the end, so that a proxy that is kept does not keep the link's place.
    link: Mutex<Option<transport::Link>>,
    pub(crate) actor: OnceLock<ConnectionAddr>,
    pub(crate) instances: Instances,
    /// Descriptions of other nodes' objects that are being fetched for the peer.
    pub(crate) describing: AtomicUsize,
    /// What it holds, for its node.
    pub(crate) account: Account,
    pub(crate) ended: watch::Sender<Option<Ended>>,
    life: Weak<Life>,
}

type Claimed = (StreamId, Format, Option<Box<dyn Produce>>);

/// An import of which the last handle was dropped.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Dropped {
    Object(ObjectId),
    /// By its slot.
    Promise(u32),
}

/// Who is at the other end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
    pub(crate) id: transport::NodeId,
    pub(crate) address: std::net::SocketAddr,
    pub(crate) dialed: bool,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Shared(connection {})", self.id)
    }
}

impl Shared {
    pub(crate) fn new(
        mut tables: Tables,
        worker: Worker,
        instances: Instances,
        life: Weak<Life>,
    ) -> Arc<Shared> {
        let (call_timeout, account) = (tables.call_timeout(), Account::default());
        tables.streams.held_by(account.queued.clone());
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Arc::new(Shared {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            worker,
            tables: Mutex::new(tables),
            dropped: Mutex::default(),
            dropped_streams: Mutex::default(),
            claimed_streams: Mutex::default(),
            control: Notify::new(),
            lanes_due: Notify::new(),
            timer: Notify::new(),
            timer_at: AtomicU64::new(u64::MAX),
            shells: Notify::new(),
            epoch: Instant::now(),
            call_timeout,
            peer: OnceLock::new(),
            link: Mutex::default(),
            actor: OnceLock::new(),
            instances,
            describing: AtomicUsize::new(0),
            account,
            ended: watch::channel(None).0,
            life,
        })
    }

    /// The link that carries the connection.
    pub(crate) fn attach(&self, link: &transport::Link) {
        let peer = Peer { id: link.peer(), address: link.remote_address(), dialed: link.dialed() };
        // Once, when the connection is made.
        let _ = self.peer.set(peer);
        self.with(|tables, _| tables.streams.dialed(peer.dialed));
        *self.link.lock() = Some(link.clone());
    }

    pub(crate) fn link_stats(&self) -> Option<transport::LinkStats> {
        self.link.lock().as_ref().map(transport::Link::stats)
    }

    pub(crate) fn life(&self) -> Option<Arc<Life>> {
        self.life.upgrade()
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.epoch.elapsed().as_millis() as u64
    }

    pub(crate) fn instant(&self, ms: u64) -> Instant {
        self.epoch + Duration::from_millis(ms)
    }

    /// A time as milliseconds since the connection began.
    pub(crate) fn millis(&self, time: Instant) -> u64 {
        time.saturating_duration_since(self.epoch).as_millis() as u64
    }

    /// Runs verbs of the tables, then does what they ask for.
    pub(crate) fn with<R>(&self, verbs: impl FnOnce(&mut Tables, &mut Events) -> R) -> R {
        self.with_events(&mut Events::default(), verbs)
    }

    /// The same, with a list that its owner uses again: `events` is empty before and after.
    pub(crate) fn with_events<R>(
        &self,
        events: &mut Events,
        verbs: impl FnOnce(&mut Tables, &mut Events) -> R,
    ) -> R {
        let result = self.verbs(events, verbs);
        self.act(events);
        result
    }

    /// Runs verbs of the tables; what they ask for is left to be done with [`Shared::act`].
    pub(crate) fn verbs<R>(
        &self,
        events: &mut Events,
        verbs: impl FnOnce(&mut Tables, &mut Events) -> R,
    ) -> R {
        let (result, due, wakers) = {
            let mut tables = self.tables.lock();
            let result = verbs(&mut tables, events);
            tables.sweep(events);
            let due = (tables.control_is_due(), tables.lanes.is_open_due());
            (result, due, tables.take_wakers())
        };
        wake(wakers);
        let (control_due, lanes_due) = due;
        if control_due {
            self.control.notify_one();
        }
        if lanes_due {
            self.lanes_due.notify_one();
        }
        result
    }

    /// Does what verbs asked for.
    pub(crate) fn act(&self, events: &mut Events) {
        self.deliver(events);
        self.answer(events);
    }

    /// Stops calls and hands new ones to their objects; true if there were new ones.
    pub(crate) fn deliver(&self, events: &mut Events) -> bool {
        for (context, why) in events.stops.drain(..) {
            context.stop(why);
        }
        let delivered = !events.deliveries.is_empty();
        for (object, batch) in events.deliveries.drain(..) {
            object.deliver(batch);
        }
        delivered
    }

    /// Gives answers to their callers, and drops what is no longer needed.
    pub(crate) fn answer(&self, events: &mut Events) {
        if !events.answers.is_empty() {
            let mut round = Round::default();
            for (waiter, answer) in events.answers.drain(..) {
                waiter.send_in(answer, &mut round);
            }
        }
        if !events.shells.is_empty() {
            self.shells.notify_waiters();
            events.shells.clear();
        }
        events.garbage.clear();
        events.requests.clear();
        events.unwanted.clear();
        events.unstarted.clear();
        events.refs.clear();
    }

    /// How long a round trip takes at present.
    pub(crate) fn round_trip(&self, time: Duration) {
        let (micros, now_ms) = (time.as_micros() as u64, self.now_ms());
        self.with(|tables, _| tables.bulk.round_trip(micros, now_ms));
    }

    /// The last handle of an import was dropped.
    pub(crate) fn dropped(&self, id: Dropped) {
        let mut dropped = self.dropped.lock();
        if self.ended.borrow().is_some() {
            return;
        }
        let first = dropped.is_empty();
        dropped.push(id);
        drop(dropped);
        if first {
            self.control.notify_one();
        }
    }

    /// Releases what was dropped, then takes what is due on the control stream.
    pub(crate) fn take_control(&self) -> Vec<u8> {
        let dropped = std::mem::take(&mut *self.dropped.lock());
        let streams = std::mem::take(&mut *self.dropped_streams.lock());
        let claimed = std::mem::take(&mut *self.claimed_streams.lock());
        let now_ms = self.now_ms();
        let (bytes, next) = self.with(|tables, events| {
            for dropped in dropped {
                match dropped {
                    Dropped::Object(id) => tables.let_go(id, events),
                    Dropped::Promise(slot) => tables.let_go_promise(slot as usize, now_ms, events),
                }
            }
            for id in streams {
                tables.streams.let_go(id, "dropped");
            }
            for (id, format, source) in claimed {
                events.unstarted.extend(tables.streams.claimed(id, format, source));
            }
            (tables.take_control(), tables.next_deadline())
        });
        // What is asked for has its time.
        if next.is_some_and(|next| next < self.timer_at.load(Ordering::Relaxed)) {
            self.timer.notify_one();
        }
        bytes
    }

    /// The last handle of a stream of the peer was dropped.
    pub(crate) fn stream_dropped(&self, id: StreamId) {
        let mut dropped = self.dropped_streams.lock();
        if self.ended.borrow().is_some() {
            return;
        }
        dropped.push(id);
        drop(dropped);
        self.control.notify_one();
    }

    /// A stream that the peer wants was claimed, or never will be.
    pub(crate) fn stream_claimed(&self, id: StreamId, format: Format, source: Option<Box<dyn Produce>>) {
        let mut claimed = self.claimed_streams.lock();
        if self.ended.borrow().is_some() {
            return;
        }
        claimed.push((id, format, source));
        drop(claimed);
        self.control.notify_one();
    }

    /// Fixes the reference table of an item that is about to be sent, and pays for it.
    pub(crate) fn append_item(
        self: &Arc<Self>,
        id: StreamId,
        handles: &[Handle],
        cost: u64,
    ) -> Result<SmallVec<[Reference; 1]>, Fault> {
        let anew = self.register(handles)?;
        let handles = anew.as_deref().unwrap_or(handles);
        self.with(|tables, _| tables.append_item(id, handles, cost))
    }

    /// The consumer of a stream has taken so much of its window. Gives the window.
    pub(crate) fn stream_taken(&self, id: StreamId, cost: u64, waits: bool) -> u64 {
        let rtt_ms = self.link.lock().as_ref().map_or(0, |link| link.rtt().as_millis() as u64);
        let now_ms = self.now_ms();
        self.with(|tables, _| tables.streams.taken(id, cost, waits, now_ms, rtt_ms))
    }

    /// Whether handles were dropped that [`Shared::take_control`] has not seen.
    pub(crate) fn has_dropped(&self) -> bool {
        !self.dropped.lock().is_empty()
            || !self.dropped_streams.lock().is_empty()
            || !self.claimed_streams.lock().is_empty()
    }

    pub(crate) fn object_died(&self, key: u64, reason: &Arc<str>) {
        let now_ms = self.now_ms();
        self.with(|tables, events| tables.die(key, reason, now_ms, events));
    }

    /// Waits until an import has ended, or the connection; why the connection has.
    pub(crate) async fn import_ended(&self, import: ImportKey) -> Option<Arc<str>> {
        loop {
            let ended = self.shells.notified();
            let mut ended = std::pin::pin!(ended);
            ended.as_mut().enable();
            {
                let tables = self.tables.lock();
                if tables.ended().is_some() || !tables.imports.is_current(import) {
                    // The tables know it first.
                    return tables.ended().cloned();
                }
            }
            ended.await;
        }
    }

    /// Ends calls whose deadline has passed; when to look again.
    pub(crate) fn expire(&self) -> Result<Option<Instant>, &'static str> {
        let now_ms = self.now_ms();
        let rtt = self.link.lock().as_ref().map_or(Duration::ZERO, transport::Link::rtt);
        let grace = (GRACE + 2 * rtt).min(GRACE_MAX).as_millis() as u64;
        self.with(|tables, events| {
            // Deadlines are rounded down to milliseconds: none may pass before its millisecond has.
            tables.expire(now_ms.saturating_sub(1), grace, events);
            if tables.bulk.is_stuck(now_ms) {
                return Err("it takes nothing off its streams");
            }
            let next = tables.next_deadline();
            self.timer_at.store(next.unwrap_or(u64::MAX), Ordering::Relaxed);
            Ok(next.map(|ms| self.instant(ms.max(now_ms) + 1)))
        })
    }

    /// [`Shared::expire`] is to be asked at this time at the latest.
    pub(crate) fn check_by(&self, ms: Option<u64>) {
        if ms.is_some_and(|ms| ms < self.timer_at.load(Ordering::Relaxed)) {
            self.timer.notify_one();
        }
    }

    /// Ends everything that waits, runs or is held. The first reason counts.
    pub(crate) fn end(&self, ended: Ended) {
        let reason = ended.to_string();
        self.with(|tables, events| {
            tables.end(&reason, events);
            self.account.holds(0);
        });
        let first = self.ended.send_if_modified(|e| {
            let first = e.is_none();
            e.get_or_insert(ended);
            first
        });
        if first {
            *self.link.lock() = None;
            self.dropped.lock().clear();
            self.dropped_streams.lock().clear();
            let claimed = std::mem::take(&mut *self.claimed_streams.lock());
            drop(claimed);
            self.shells.notify_waiters();
        }
    }
}

fn wake(wakers: Wakers) {
    if !wakers.is_empty() {
        wakers.into_iter().for_each(std::task::Waker::wake);
    }
}
