//! One side of a walk: its real tables and its streams. What its application does is in [`super::caller`] and
//! [`super::host`].

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Weak};
use std::task::{Context, Waker};

use bytes::Bytes;
use parking_lot::Mutex;

use super::bodies::Bodies;
use super::book::{Book, INTERFACES, Inbox, Maker};
use super::caller::Waiting;
use super::dice::{Act, Dice};
use super::flow::Flow;
use super::streams::StreamWork;
use super::watch::Watch;
use crate::connection::Shared;
use crate::node::Worker;
use crate::object::LocalObject;
use crate::proxy::{Handle, Import, Origin, Target};
use crate::services::Services;
use crate::tables::{TableLimits, Tables, Violation};
use crate::wire::{self, Control, ObjectId};

pub(super) const LANES: usize = 2;
/// The stream after the lanes.
pub(super) const CONTROL: usize = LANES;

pub(super) struct Peer {
    pub(super) shared: Arc<Shared>,
    /// The other side's.
    pub(super) other: Weak<Shared>,
    pub(super) maker: Maker,
    pub(super) inbox: Inbox,
    pub(super) book: Arc<Mutex<Book>>,
    /// Objects of this side that its application holds.
    pub(super) own: Vec<LocalObject>,
    /// References that arrived and are held.
    pub(super) holds: Vec<Handle>,
    /// Answers that are promised, with the number of their call.
    pub(super) promises: Vec<(Handle, u64)>,
    /// Calls go to so many of them.
    pub(super) favourites: usize,
    pub(super) lobby: Handle,
    pub(super) waiting: Vec<Waiting>,
    pub(super) watches: Vec<Watch>,
    /// Towards the peer.
    pub(super) flows: Vec<Flow>,
    /// The numbers at this side of the lanes after the control stream; `None` when both halves have ended.
    pub(super) own_lanes: Vec<Option<usize>>,
    pub(super) streams: StreamWork,
    pub(super) bodies: Bodies,
    /// The peer has said `Close`.
    pub(super) heard_close: bool,
    pub(super) ended: bool,
}

impl Peer {
    pub(super) fn new(
        book: &Arc<Mutex<Book>>,
        living: &Arc<AtomicUsize>,
        limits: TableLimits,
        worker: &Worker,
    ) -> Peer {
        let inbox = Inbox::default();
        let maker = Maker { book: book.clone(), inbox: inbox.clone(), living: living.clone() };
        let tables = Tables::new(limits, maker.lobby());
        let instances = Arc::new(Services::default()).instances();
        let shared = Shared::new(tables, worker.clone(), instances, Weak::new());
        for _ in 0..LANES {
            shared.with(|tables, _| tables.add_lane());
        }
        let lobby = Handle::remote(Import::new(&shared, 0, ObjectId::LOBBY, Origin::default()));
        let flows = vec![Flow::lane(), Flow::lane(), Flow::control()];
        let own_lanes = Vec::new();
        let (own, holds, promises, waiting, watches) = Default::default();
        let (book, heard_close, ended, favourites) = (book.clone(), false, false, usize::MAX);
        Peer {
            shared,
            other: Weak::new(),
            maker,
            inbox,
            book,
            own,
            holds,
            promises,
            favourites,
            lobby,
            waiting,
            watches,
            flows,
            own_lanes,
            streams: StreamWork::default(),
            bodies: Bodies::default(),
            heard_close,
            ended,
        }
    }

    pub(super) fn tables<R>(&self, look: impl FnOnce(&mut Tables) -> R) -> R {
        self.shared.with(|tables, _| look(tables))
    }

    /// The number of a lane in the tables, if both its halves have not ended.
    fn lane(&self, stream: usize) -> Option<usize> {
        if stream < LANES { Some(stream) } else { self.own_lanes[stream - CONTROL - 1] }
    }

    /// The writer of a stream writes what there is.
    pub(super) fn write(&mut self, stream: usize) {
        if stream != CONTROL {
            let Some(lane) = self.lane(stream) else { return };
            let flow = &mut self.flows[stream];
            if flow.finished {
                return;
            }
            let (bell, now_ms) = (flow.bell.silent(), self.shared.now_ms());
            let (taken, over) = self.shared.with(|tables, events| {
                let taken = tables.take_lane(lane, now_ms, events);
                let over = taken.is_none() && tables.lanes[lane].is_over();
                if taken.is_none() {
                    tables.lanes[lane].wait(&bell);
                }
                (taken, over)
            });
            flow.asleep = taken.is_none();
            flow.finished = over && stream > CONTROL;
            return taken.map_or((), |bytes| flow.write(bytes));
        }
        let flow = &mut self.flows[stream];
        if flow.asleep {
            let told = pin!(self.shared.control.notified());
            if told.poll(&mut Context::from_waker(Waker::noop())).is_pending() {
                let due = self.shared.with(|tables, _| tables.control_is_due()) || self.shared.has_dropped();
                return assert!(
                    !due || self.ended,
                    "the writer of the control stream sleeps with work to do"
                );
            }
        }
        let bytes = self.shared.take_control();
        flow.asleep = bytes.is_empty() && !self.shared.has_dropped();
        if !bytes.is_empty() {
            flow.write(bytes.into());
        }
    }

    /// Something is to be written on a stream.
    pub(super) fn has_to_write(&self, stream: usize) -> bool {
        if stream == CONTROL {
            return self.shared.has_dropped() || self.tables(|t| t.control_is_due());
        }
        let Some(lane) = self.lane(stream).filter(|_| !self.flows[stream].finished) else { return false };
        self.tables(|t| {
            let outbox = &t.lanes[lane];
            let (bytes, mut done) = outbox.unsent();
            !bytes.is_empty() || done.next().is_some() || stream > CONTROL && outbox.is_over()
        })
    }

    /// Frames arrive: all of a chunk under one lock, as in the reader of a lane.
    pub(super) fn receive(&mut self, stream: usize, frames: Vec<Bytes>) -> Result<(), Violation> {
        let now_ms = self.shared.now_ms();
        if stream != CONTROL {
            let shared = &self.shared;
            let lane = self.lane(stream).expect("a lane stays until it is read to its end");
            return shared.with(|tables, events| {
                for frame in frames {
                    tables.receive(shared, lane, frame, now_ms, events)?;
                }
                tables.chunk_done(now_ms, events);
                Ok(())
            });
        }
        for frame in frames {
            match wire::read_control(&frame)? {
                None => {}
                Some(Control::Close { .. }) => self.heard_close = true,
                Some(message) => {
                    self.shared.with(|tables, events| tables.control(message, now_ms, events))?
                }
            }
        }
        Ok(())
    }

    /// A lane of the peer's, or of this side, for one object.
    pub(super) fn add_own_lane(&mut self, lane: usize) {
        self.own_lanes.push(Some(lane));
        self.flows.push(Flow::lane());
    }

    /// The peer's half of an own lane has ended.
    pub(super) fn read_to_its_end(&mut self, stream: usize) {
        let lane = self.lane(stream).expect("a lane stays until it is read to its end");
        self.tables(|t| t.lane_read(lane));
    }

    /// Both halves of an own lane have ended.
    pub(super) fn end_lane(&mut self, stream: usize) {
        if let Some(lane) = self.own_lanes[stream - CONTROL - 1].take() {
            self.tables(|t| t.lane_ended(lane));
        }
    }

    /// References for a call or an answer: own objects, old and new, and whatever is held.
    pub(super) fn some_refs(&mut self, dice: &mut Dice) -> Vec<Handle> {
        let count = *dice.pick(&[0, 0, 1, 2, 3]);
        let mut refs = Vec::new();
        for _ in 0..count {
            if dice.one_in(8) {
                refs.push(self.stream_ref(dice));
            } else if dice.one_in(2) {
                if self.own.is_empty() || dice.one_in(3) {
                    self.own.push(self.maker.object(dice.pick(&INTERFACES)));
                }
                dice.count(Act::Export);
                refs.push(Handle::local(dice.pick(&self.own).clone()));
            } else if !self.holds.is_empty() {
                dice.count(Act::Home);
                refs.push(dice.pick(&self.holds).clone());
            }
        }
        refs
    }

    /// The key of an object, wherever it is.
    pub(super) fn key_of(&self, handle: &Handle) -> Option<u64> {
        match handle.target() {
            Target::Local(object) => Some(object.key()),
            Target::Remote(import) => self.other.upgrade()?.with(|t, _| t.exports.key(import.id())),
            _ => None,
        }
    }
}
