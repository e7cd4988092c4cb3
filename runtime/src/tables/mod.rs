//! The rules of one connection as plain tables: no socket, no actor, no clock (N3–N6 of the manual's wire page).
//!
//! [`Tables`] owns them all and has a verb for each thing that may happen: a call is made, a frame arrives, an answer is
//! given, a handle is dropped, an object dies, the connection ends. Frames to send are appended to the [`Outbox`] of their lane;
//! what is said on the control stream is kept as state and taken when its writer is ready. Time is passed in, in milliseconds
//! since the connection began. What a verb gives back ([`Events`]) is acted upon after the lock is released.

mod answers;
mod bodies;
mod bulk;
mod calls;
mod crossing;
mod events;
mod exports;
mod imports;
mod incoming;
mod items;
mod kept;
mod lanes;
mod large;
mod mutations;
mod names;
mod naming;
mod outbox;
mod outgoing;
mod permits;
mod pipelining;
mod running;
mod streams;
mod turn;
mod violation;
mod wheel;

#[cfg(test)]
mod walk;

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

pub(crate) use bodies::BodyLimits;
pub(crate) use bulk::{Bulk, BulkLimits, PIECE, Ticket as BulkTicket};
pub(crate) use calls::CallKey;
pub(crate) use crossing::{Circle, Crossings, TurnKey};
pub(crate) use events::Events;
pub(crate) use exports::{Found, UNITS};
pub(crate) use items::Arrived;
pub(crate) use names::Numbering;
pub(crate) use outbox::Outbox;
pub(crate) use streams::{Reading, Room, Stands, Start, StreamLimits, Streams};
pub(crate) use turn::{Access, Arrival, Ticket, Turn};
pub(crate) use violation::Violation;

use bodies::{Bodies, Held};
use calls::Calls;
use exports::{Exports, NotExported};
use imports::{Entry, Gone, Imports, SentHome, Shell};
use kept::{Kept, Reached};
use lanes::Lanes;
use mutations::mutation;
#[cfg(test)]
pub(crate) use mutations::{MUTATION, Mutation};
use permits::{PermitLimits, Permits, Want};
use pipelining::cause_of;
pub(crate) use running::Callee;
use running::{Run, Running};
use wheel::Wheel;

use crate::answer::{Answer, Refs, Waiter};
use crate::call::{Request, Sort};
use crate::connection::Shared;
use crate::error::{Fault, Ran};
use crate::object::{CallContext, Delivery, LocalObject, Stop};
use crate::proxy::{Handle, Import, Target};
use crate::wire::{
    self, CallId, Control, DEPTH_MAX, FaultCode, Frame, Head, Hello, Kind, ObjectId, Options, OptionsLen,
    RefKind, Reference, StreamId,
};

/// How the tables hash. In tests always alike, so that a walk can be repeated.
#[cfg(not(test))]
type RandomState = foldhash::fast::RandomState;
#[cfg(test)]
type RandomState = foldhash::fast::FixedState;

/// The limits that shape the tables; from [`crate::Config`].
#[derive(Clone, Debug)]
pub(crate) struct TableLimits {
    pub(crate) object_permits: u32,
    pub(crate) connection_permits: u32,
    pub(crate) reserve: u32,
    pub(crate) exports_max: usize,
    pub(crate) inline_max: usize,
    pub(crate) outbox_max: usize,
    pub(crate) deadline_ms: u32,
    pub(crate) deadline_max_ms: u32,
    pub(crate) bodies: BodyLimits,
    pub(crate) bulk: BulkLimits,
    pub(crate) streams: StreamLimits,
}

/// All that is known of one connection.
#[derive(Debug)]
pub(crate) struct Tables {
    limits: TableLimits,
    peer: Option<Hello>,
    pub(crate) imports: Imports,
    pub(crate) exports: Exports,
    pub(crate) calls: Calls,
    pub(crate) running: Running,
    pub(crate) streams: Streams,
    pub(crate) kept: Kept,
    litter: Litter,
    permits: Permits<CallKey>,
    wheel: Wheel,
    pub(crate) lanes: Lanes,
    /// The bytes of large bodies and streams on their way.
    pub(crate) bulk: Bulk,
    pub(crate) bodies: Bodies,
    lobby: LocalObject,
    /// Deliveries held back while the outbox is too full.
    parked: Vec<(LocalObject, Delivery)>,
    /// Answers that this side gives by itself, held back likewise: until then they keep their permits, which bounds them.
    parked_faults: VecDeque<ParkedFault>,
    next_lobby_lane: usize,
    /// Calls of the peer are refused for want of memory.
    crowded: bool,
    /// Bytes of all outboxes, each as it was last looked at.
    unsent: u64,
    draining: bool,
    peer_draining: bool,
    go_away_due: bool,
    close_due: Option<(u32, String)>,
    closing: bool,
    ended: Option<Arc<str>>,
}

/// What verbs without [`Events`] leave to be dropped after the lock is released.
#[derive(Debug, Default)]
struct Litter {
    #[expect(clippy::vec_box, reason = "they come out of boxes, and are only dropped")]
    requests: Vec<Box<Request>>,
    refs: Vec<Refs>,
    shells: Vec<Shell>,
    objects: Vec<LocalObject>,
}

/// An answer that is given when its lane has room.
#[derive(Debug)]
struct ParkedFault {
    lane: usize,
    call: Option<CallId>,
    callee: Callee,
    cost: u32,
    fault: Fault,
}

/// Writers to be woken: nearly always one at most.
pub(crate) type Wakers = smallvec::SmallVec<[std::task::Waker; 1]>;

/// The fewest permits of a connection with which every call can go: two of the largest.
pub(crate) const CONNECTION_PERMITS_MIN: u32 = 32;

impl Tables {
    pub(crate) fn new(limits: TableLimits, lobby: LocalObject) -> Tables {
        Tables {
            imports: Imports::new(limits.exports_max),
            exports: Exports::new(limits.exports_max, limits.object_permits),
            calls: Calls::default(),
            running: Running::new(limits.connection_permits),
            streams: Streams::new(limits.streams.clone()),
            kept: Kept::default(),
            litter: Litter::default(),
            permits: Permits::new(PermitLimits {
                object: limits.object_permits,
                connection: limits.connection_permits,
                reserve: limits.reserve,
            }),
            wheel: Wheel::new(),
            lanes: Lanes::default(),
            bulk: Bulk::new(limits.bulk),
            bodies: Bodies::new(&limits.bodies),
            lobby,
            parked: Vec::new(),
            parked_faults: VecDeque::new(),
            next_lobby_lane: 0,
            crowded: false,
            unsent: 0,
            draining: false,
            peer_draining: false,
            go_away_due: false,
            close_due: None,
            closing: false,
            ended: None,
            peer: None,
            limits,
        }
    }

    /// What this side says first.
    pub(crate) fn hello(&self, lanes: u8, boot: u64) -> Hello {
        Hello {
            version: wire::VERSION,
            object_permits: self.limits.object_permits,
            connection_permits: self.limits.connection_permits,
            inline_max: self.limits.inline_max as u32,
            exports_max: self.limits.exports_max.min(u32::MAX as usize) as u32,
            deadline_ms: self.limits.deadline_ms,
            lanes,
            boot,
            body_max: self.limits.bodies.body_max.min(u32::MAX as usize) as u32,
        }
    }

    /// The peer's first words; nothing else is processed before.
    pub(crate) fn greeted(&mut self, hello: Hello) -> Result<(), Violation> {
        if self.peer.is_some() {
            return Err(Violation::SecondHello);
        }
        if hello.object_permits == 0 || hello.connection_permits < CONNECTION_PERMITS_MIN {
            return Err(Violation::TooFewPermits);
        }
        self.permits = Permits::new(PermitLimits {
            object: self.limits.object_permits.min(hello.object_permits),
            connection: self.limits.connection_permits.min(hello.connection_permits),
            reserve: self.limits.reserve,
        });
        self.limits.inline_max = self.limits.inline_max.min(hello.inline_max as usize);
        self.exports.at_most(hello.exports_max as usize);
        self.peer = Some(hello);
        Ok(())
    }

    /// How long a call may take that names no deadline.
    pub(crate) fn call_timeout(&self) -> std::time::Duration {
        std::time::Duration::from_millis(u64::from(self.limits.deadline_ms))
    }

    /// The longest body that rides in a frame, in either direction.
    pub(crate) fn inline_max(&self) -> usize {
        self.limits.inline_max
    }

    /// A lane is there; gives its number at this side.
    pub(crate) fn add_lane(&mut self) -> usize {
        self.lanes.add_shared()
    }

    /// The peer has opened a lane of an object's own; gives its number at this side.
    pub(crate) fn accept_lane(&mut self) -> usize {
        let number = self.lanes.accept();
        if self.ended.is_some() {
            self.lanes[number].close();
        }
        number
    }

    /// The peer's half of a lane has ended.
    pub(crate) fn lane_read(&mut self, number: usize) {
        if let Some(outbox) = self.lanes.get_mut(number) {
            outbox.read_to_its_end();
        }
    }

    /// Both halves of an own lane have ended. While the connection closes it stays: calls may be unanswered on it until the end.
    pub(crate) fn lane_ended(&mut self, number: usize) {
        if self.closing {
            return;
        }
        if let Some(mut outbox) = self.lanes.remove(number) {
            self.unsent -= outbox.weigh().1;
        }
        self.litter.objects.extend(self.kept.lane_ended(number));
    }

    pub(crate) fn ended(&self) -> Option<&Arc<str>> {
        self.ended.as_ref()
    }

    /// Whether calls may be made: it has not ended, and neither side is about to end it.
    pub(crate) fn takes_calls(&self) -> bool {
        self.ended.is_none() && !self.closing && !self.peer_draining
    }

    /// Whether calls are under way that bulk bytes before them would delay: all but those that are bulk themselves.
    pub(crate) fn is_busy(&self) -> bool {
        self.calls.len() > self.calls.large() || self.running.len() > self.running.large()
    }

    pub(crate) fn permits_out(&self) -> u32 {
        self.permits.connection_out()
    }

    /// The last handle of an import may be gone.
    pub(crate) fn let_go(&mut self, id: ObjectId, events: &mut Events) {
        let ended = self.imports.let_go(id, &mut events.shells);
        self.forget_permits(ended);
    }

    /// An object of this side has ended.
    pub(crate) fn die(&mut self, key: u64, reason: &Arc<str>, now_ms: u64, events: &mut Events) {
        self.exports.die(key, reason, &mut events.garbage);
        self.empty_lines_of(key, reason, now_ms, events);
    }

    /// A message of the control stream, other than `Hello` and `Close`.
    pub(crate) fn control(
        &mut self,
        message: Control,
        now_ms: u64,
        events: &mut Events,
    ) -> Result<(), Violation> {
        match message {
            Control::Release(list) => {
                for r in list {
                    self.exports.release(r.id, r.units, r.gone, &mut events.garbage)?;
                }
            }
            Control::Gone { id, reason } => {
                let reason: Arc<str> = reason.into();
                if let Gone::Dead(slot, ended) = self.imports.gone(id, reason.clone(), &mut events.shells)? {
                    self.forget_permits(ended);
                    for key in self.calls.queued_on(slot) {
                        if let Some(waiter) = self.calls.get(key).and_then(|c| c.waiter.take()) {
                            let fault = Fault::never(FaultCode::GONE, &*reason);
                            events.answers.push((waiter, Answer::Fault(fault)));
                        }
                        self.withdraw(key, "the object is gone", events);
                    }
                    self.grant(now_ms, events);
                }
            }
            Control::GoAway => self.peer_draining = true,
            Control::Taken { bytes } => self.bulk.returned(bytes, now_ms)?,
            Control::Window { stream, bytes } => self.streams.window(stream, bytes)?,
            Control::Stop { stream, .. } => self.streams.stop(stream)?,
            Control::Pull { body } => {
                self.pulled(body)?;
            }
            Control::Hello(_) => return Err(Violation::SecondHello),
            Control::Close { .. } => {}
        }
        Ok(())
    }

    /// What this side holds for the peer: unanswered calls, as their permits say, and unsent frames. Of the outboxes, only that
    /// of `lane` is looked at.
    pub(crate) fn weigh(&mut self, lane: usize) -> u64 {
        if self.ended.is_some() {
            return 0;
        }
        if let Some(outbox) = self.lanes.get_mut(lane) {
            let (now, before) = outbox.weigh();
            self.unsent = self.unsent + now - before;
        }
        self.unsent + 1024 * u64::from(self.running.cost()) + self.bodies.held()
    }

    /// Whether the node is above its budget because of this connection: until it is not, calls that arrive are answered `Overloaded`.
    pub(crate) fn set_crowded(&mut self, crowded: bool) {
        self.crowded = crowded;
    }

    /// From now on calls that arrive are answered `Draining`, and the peer is told.
    pub(crate) fn drain(&mut self) {
        if !self.draining {
            self.draining = true;
            self.go_away_due = true;
        }
    }

    /// The last thing that is said on the control stream.
    pub(crate) fn say_close(&mut self, code: u32, reason: &str) {
        self.closing = true;
        self.close_due.get_or_insert_with(|| (code, reason.to_owned()));
        for lane in self.lanes.iter_mut() {
            lane.buffer();
        }
    }

    /// Whether the last words are said or about to be: the lanes end when they are empty.
    pub(crate) fn is_closing(&self) -> bool {
        self.closing
    }

    pub(crate) fn control_is_due(&self) -> bool {
        self.go_away_due
            || self.close_due.is_some()
            || self.bulk.taken_is_due()
            || self.bodies.incoming.pull_is_due()
            || self.imports.release_is_due()
            || self.exports.gone_is_due()
            || self.streams.control_is_due()
    }

    /// Takes the next batch of control frames; empty when nothing is due.
    pub(crate) fn take_control(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        for (id, reason) in self.exports.take_gone() {
            wire::put_control(&mut out, &Control::Gone { id, reason: reason.to_string() });
        }
        let releases = self.imports.take_due(wire::RELEASES_PER_FRAME);
        if !releases.is_empty() {
            wire::put_control(&mut out, &Control::Release(releases));
        }
        for body in self.bodies.incoming.take_due() {
            wire::put_control(&mut out, &Control::Pull { body });
        }
        if let Some(bytes) = self.bulk.take_taken() {
            wire::put_control(&mut out, &Control::Taken { bytes });
        }
        self.streams.take_control(|message| wire::put_control(&mut out, &message));
        if std::mem::take(&mut self.go_away_due) {
            wire::put_control(&mut out, &Control::GoAway);
        }
        // Last of all: what is due before it may not fit into one frame.
        if !self.imports.release_is_due()
            && let Some((code, reason)) = self.close_due.take()
        {
            wire::put_control(&mut out, &Control::Close { code, reason });
        }
        out
    }

    /// The connection has ended: whatever waits is answered, whatever runs is stopped, whatever was held is let go.
    pub(crate) fn end(&mut self, reason: &str, events: &mut Events) {
        if self.ended.is_some() {
            return;
        }
        let reason: Arc<str> = reason.into();
        self.ended = Some(reason.clone());
        events.unstarted.extend(self.streams.end(&reason));
        for call in self.calls.drain() {
            let ran = call.ran();
            if let Some(waiter) = call.waiter {
                let fault = Fault::new(FaultCode::DISCONNECTED, ran, &*reason);
                events.answers.push((waiter, Answer::Fault(fault)));
            }
            events.requests.extend(call.queued);
        }
        for run in self.running.drain() {
            events.stops.push((run.context, Stop::Disconnected));
        }
        self.parked.drain(..).for_each(|(object, delivery)| events.deliver(object, delivery));
        self.end_kept(events);
        self.parked_faults.clear();
        for held in self.bodies.lines.drain() {
            let Held { object, delivery, .. } = held;
            // Nobody can be told any more.
            delivery.replier.disarm();
            events.garbage.push(object);
        }
        self.bodies.incoming.clear();
        self.bodies.outgoing.clear();
        self.bulk.end();
        events.shells.extend(self.imports.end());
        self.exports.end(&mut events.garbage);
        self.wheel = Wheel::new();
        self.permits = Permits::new(PermitLimits {
            object: self.limits.object_permits,
            connection: self.limits.connection_permits,
            reserve: self.limits.reserve,
        });
        for lane in self.lanes.iter_mut() {
            lane.close();
        }
    }
}

/// How many permits of 1 KiB a whole frame costs.
pub(crate) fn cost_of(frame_len: usize) -> u32 {
    (frame_len.div_ceil(1024).max(1)) as u32
}
