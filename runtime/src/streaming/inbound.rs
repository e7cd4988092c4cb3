//! The consumer's side of a stream that comes over a connection: a bounded queue between the reader of its QUIC stream and
//! whoever takes the items. What bounds it is the window ([`crate::tables::Inflow`]): the reader only puts in what was allowed.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use parking_lot::Mutex;

use super::Format;
use crate::answer::Refs;
use crate::connection::Shared;
use crate::node::budget::Queued;
use crate::wire::StreamId;

/// One item as it arrived; or the error with which the stream ends.
#[derive(Debug)]
pub(crate) struct Given {
    pub(crate) body: Bytes,
    pub(crate) refs: Refs,
    pub(super) kind: Kind,
    /// What it cost of the window.
    cost: u64,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Item,
    /// An error as the producer wrote it.
    Failed,
    /// An error of this side.
    Broken(Broken),
}

/// Why a stream ended without a word of its producer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    /// The connection has ended.
    Disconnected(Arc<str>),
    /// Nothing has moved.
    Idle,
    /// It ended in the middle.
    Unfinished,
}

impl Given {
    pub(crate) fn item(body: Bytes, refs: Refs, cost: u64) -> Given {
        Given { body, refs, kind: Kind::Item, cost }
    }

    pub(crate) fn failed(body: Bytes, refs: Refs) -> Given {
        Given { body, refs, kind: Kind::Failed, cost: 0 }
    }

    /// Nothing follows.
    pub(crate) fn is_last(&self) -> bool {
        self.kind != Kind::Item
    }

    pub(crate) fn broken(why: Broken) -> Given {
        Given { body: Bytes::new(), refs: Refs::default(), kind: Kind::Broken(why), cost: 0 }
    }
}

/// What has arrived and was not taken.
#[derive(Debug)]
pub(crate) struct Queue {
    state: Mutex<State>,
    /// Where it counts.
    held: Arc<Queued>,
}

#[derive(Debug, Default)]
struct State {
    given: VecDeque<Given>,
    /// What was taken of the window and is not reported.
    unreported: u64,
    ended: bool,
    waker: Option<Waker>,
}

impl Queue {
    pub(crate) fn new(held: &Arc<Queued>) -> Arc<Queue> {
        Arc::new(Queue { state: Mutex::default(), held: held.clone() })
    }

    /// Puts something in; it comes back if nobody will take it. Who waits is to be woken without a lock.
    #[must_use]
    pub(crate) fn push(&self, given: Given) -> (Option<Given>, Option<Waker>) {
        let mut state = self.state.lock();
        if state.ended {
            return (Some(given), None);
        }
        state.ended = given.is_last();
        self.held.more(given.cost);
        state.given.push_back(given);
        (None, state.waker.take())
    }

    /// What was taken and is to be reported now.
    pub(crate) fn take_unreported(&self) -> u64 {
        std::mem::take(&mut self.state.lock().unreported)
    }

    /// Nothing follows.
    #[must_use]
    pub(crate) fn finish(&self) -> Option<Waker> {
        let mut state = self.state.lock();
        state.ended = true;
        state.waker.take()
    }

    /// Everything that nobody will take.
    fn clear(&self) -> VecDeque<Given> {
        let mut state = self.state.lock();
        state.ended = true;
        let given = std::mem::take(&mut state.given);
        self.held.less(given.iter().map(|given| given.cost).sum());
        given
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.held.less(self.state.get_mut().given.iter().map(|given| given.cost).sum());
    }
}

/// A stream of the peer that somebody here may take: when the last handle on it goes, the producer is told.
pub(crate) struct Inbound {
    shared: Arc<Shared>,
    /// Keeps the node running while a stream is read.
    _life: Option<Arc<crate::node::Life>>,
    id: StreamId,
    format: Format,
    queue: Arc<Queue>,
    claimed: AtomicBool,
}

impl Inbound {
    pub(crate) fn new(shared: &Arc<Shared>, id: StreamId, format: Format, queue: Arc<Queue>) -> Arc<Inbound> {
        let (shared, life, claimed) = (shared.clone(), shared.life(), AtomicBool::new(false));
        Arc::new(Inbound { shared, _life: life, id, format, queue, claimed })
    }

    pub(crate) fn format(&self) -> Format {
        self.format
    }

    pub(crate) fn is_claimed(&self) -> bool {
        self.claimed.load(Ordering::Acquire)
    }

    /// The right to take the items, which only one has.
    pub(crate) fn claim(self: &Arc<Self>) -> Option<Claim> {
        let first = !self.claimed.swap(true, Ordering::AcqRel);
        first.then(|| Claim { inbound: self.clone(), report_at: 0, begun: false })
    }
}

impl Drop for Inbound {
    fn drop(&mut self) {
        // What is in the queue may hold what only this process holds: it is dropped here, without any lock.
        drop(self.queue.clear());
        self.shared.stream_dropped(self.id);
    }
}

impl std::fmt::Debug for Inbound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "stream #{} of connection {}", self.id.0, self.shared.id)
    }
}

/// Takes the items of a stream of the peer.
pub(crate) struct Claim {
    inbound: Arc<Inbound>,
    /// It is reported when so much was taken.
    report_at: u64,
    begun: bool,
}

impl Claim {
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Given>> {
        self.begun = true;
        let queue = &self.inbound.queue;
        let mut state = queue.state.lock();
        if let Some(given) = state.given.pop_front() {
            state.unreported += given.cost;
            let is_due = state.unreported > self.report_at;
            let taken = if is_due { std::mem::take(&mut state.unreported) } else { 0 };
            drop(state);
            queue.held.less(given.cost);
            if is_due {
                self.report(taken, false);
            }
            return Poll::Ready(Some(given));
        }
        if state.ended {
            return Poll::Ready(None);
        }
        // Whoever waits has told before: nothing new to say until something was given.
        let taken = std::mem::take(&mut state.unreported);
        let told = state.waker.is_some() && taken == 0;
        state.waker = Some(cx.waker().clone());
        drop(state);
        if !told {
            self.report(taken, true);
        }
        Poll::Pending
    }

    fn report(&mut self, taken: u64, waits: bool) {
        self.report_at = self.inbound.shared.stream_taken(self.inbound.id, taken, waits) / 4;
    }
}

/// A value that was read and thrown away in the course of reading another leaves the stream to that.
impl Drop for Claim {
    fn drop(&mut self) {
        if !self.begun {
            self.inbound.claimed.store(false, Ordering::Release);
        }
    }
}

impl std::fmt::Debug for Claim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.inbound)
    }
}
