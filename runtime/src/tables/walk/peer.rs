//! One side of a walk: its real tables and its streams. What its application does is in [`super::caller`] and
//! [`super::host`].

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Weak};
use std::task::{Context, Waker};

use bytes::Bytes;
use parking_lot::Mutex;

use super::book::{Book, INTERFACES, Inbox, Maker};
use super::caller::Waiting;
use super::dice::{Act, Dice};
use super::flow::Flow;
use super::watch::Watch;
use crate::connection::Shared;
use crate::node::Worker;
use crate::object::LocalObject;
use crate::proxy::{Handle, Import};
use crate::services::Services;
use crate::tables::{TableLimits, Tables, Violation};
use crate::wire::{self, Control, ObjectId};

pub(super) const LANES: usize = 2;
/// The stream after the lanes.
pub(super) const CONTROL: usize = LANES;

pub(super) struct Peer {
    pub(super) shared: Arc<Shared>,
    pub(super) maker: Maker,
    pub(super) inbox: Inbox,
    pub(super) book: Arc<Mutex<Book>>,
    /// Objects of this side that its application holds.
    pub(super) own: Vec<LocalObject>,
    /// References that arrived and are held.
    pub(super) holds: Vec<Handle>,
    /// Calls go to so many of them.
    pub(super) favourites: usize,
    pub(super) lobby: Handle,
    pub(super) waiting: Vec<Waiting>,
    pub(super) watches: Vec<Watch>,
    /// Towards the peer.
    pub(super) flows: [Flow; LANES + 1],
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
        let lobby = Handle::remote(Import::new(&shared, 0, ObjectId::LOBBY));
        let flows = [Flow::lane(), Flow::lane(), Flow::control()];
        let (own, holds, waiting, watches) = Default::default();
        let (book, heard_close, ended, favourites) = (book.clone(), false, false, usize::MAX);
        Peer {
            shared,
            maker,
            inbox,
            book,
            own,
            holds,
            favourites,
            lobby,
            waiting,
            watches,
            flows,
            heard_close,
            ended,
        }
    }

    pub(super) fn tables<R>(&self, look: impl FnOnce(&mut Tables) -> R) -> R {
        self.shared.with(|tables, _| look(tables))
    }

    /// The writer of a stream writes what there is.
    pub(super) fn write(&mut self, stream: usize) {
        let flow = &mut self.flows[stream];
        if stream != CONTROL {
            let (bell, now_ms) = (flow.bell.silent(), self.shared.now_ms());
            let taken = self.shared.with(|tables, events| {
                let taken = tables.take_lane(stream, now_ms, events);
                if taken.is_none() {
                    tables.lanes[stream].wait(&bell);
                }
                taken
            });
            flow.asleep = taken.is_none();
            return taken.map_or((), |bytes| flow.write(bytes));
        }
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
        self.tables(|t| {
            let (bytes, mut done) = t.lanes[stream].unsent();
            !bytes.is_empty() || done.next().is_some()
        })
    }

    /// Frames arrive: all of a chunk under one lock, as in the reader of a lane.
    pub(super) fn receive(&mut self, stream: usize, frames: Vec<Bytes>) -> Result<(), Violation> {
        let now_ms = self.shared.now_ms();
        if stream != CONTROL {
            let shared = &self.shared;
            return shared.with(|tables, events| {
                for frame in frames {
                    tables.receive(shared, stream, frame, now_ms, events)?;
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

    /// References for a call or an answer: own objects, old and new, and whatever is held.
    pub(super) fn some_refs(&mut self, dice: &mut Dice) -> Vec<Handle> {
        let count = *dice.pick(&[0, 0, 1, 2, 3]);
        let mut refs = Vec::new();
        for _ in 0..count {
            if dice.one_in(2) {
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
}
