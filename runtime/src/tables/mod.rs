//! The rules of one connection as plain tables: no socket, no actor, no clock (N3–N6 of the manual's wire page).
//!
//! [`Tables`] owns them all and has a verb for each thing that may happen: a call is made, a frame arrives, an answer is
//! given, a handle is dropped, an object dies, the connection ends. Frames to send are appended to the [`Outbox`] of their lane;
//! what is said on the control stream is kept as state and taken when its writer is ready. Time is passed in, in milliseconds
//! since the connection began. What a verb gives back ([`Events`]) is acted upon after the lock is released.

mod calls;
mod exports;
mod imports;
mod outbox;
mod permits;
mod running;
mod turn;
mod wheel;

#[cfg(test)]
mod walk;

use std::sync::Arc;

use bytes::Bytes;

pub(crate) use calls::{CallKey, Waiter};
pub(crate) use exports::{Found, UNITS};
pub(crate) use outbox::Outbox;
pub(crate) use turn::{Access, Arrival, Ticket, Turn};

use calls::Calls;
use exports::{Exports, NotExported};
use imports::{Gone, Imports, SentHome, Shell};
use permits::{PermitLimits, Permits, Want};
use running::{Run, Running};
use wheel::Wheel;

use crate::answer::{Answer, Refs};
use crate::call::Request;
use crate::connection::Shared;
use crate::error::{Fault, Ran};
use crate::object::{CallContext, Delivery, LocalObject, Stop};
use crate::proxy::{Handle, Import, Target};
use crate::wire::{
    self, CallId, Control, DEPTH_MAX, FaultCode, Frame, Head, Hello, Kind, ObjectId, Options, RefKind,
    Reference,
};

/// How the tables hash. In tests always alike, so that a walk can be repeated.
#[cfg(not(test))]
type RandomState = foldhash::fast::RandomState;
#[cfg(test)]
type RandomState = foldhash::fast::FixedState;

/// Deliberate breaks of the rules, so that the walk can show that each is caught.
#[cfg(test)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mutation {
    ReuseIds,
    GoneOnce,
    KeepSurplus,
    HomeForFree,
    ForgetUnknownGone,
    AnswerGoneBeforeQuiet,
    ReleaseBeforeQuiet,
    SlotFreedOnCancel,
    UndecodedRefsLeak,
    NoAnswerToDead,
    PermitKeptOnFault,
    ReleaseWhileQueued,
    ParkedOvertaken,
    NamesNotSent,
    UnwantedRefsUnsettled,
    NoTombstone,
    SentIsNeverRan,
    DoneCountedOnce,
    WriterNotWoken,
    WatchersUntold,
}

#[cfg(test)]
impl Mutation {
    pub(crate) const ALL: [Mutation; 20] = [
        Mutation::ReuseIds,
        Mutation::GoneOnce,
        Mutation::KeepSurplus,
        Mutation::HomeForFree,
        Mutation::ForgetUnknownGone,
        Mutation::AnswerGoneBeforeQuiet,
        Mutation::ReleaseBeforeQuiet,
        Mutation::SlotFreedOnCancel,
        Mutation::UndecodedRefsLeak,
        Mutation::NoAnswerToDead,
        Mutation::PermitKeptOnFault,
        Mutation::ReleaseWhileQueued,
        Mutation::ParkedOvertaken,
        Mutation::NamesNotSent,
        Mutation::UnwantedRefsUnsettled,
        Mutation::NoTombstone,
        Mutation::SentIsNeverRan,
        Mutation::DoneCountedOnce,
        Mutation::WriterNotWoken,
        Mutation::WatchersUntold,
    ];
}

#[cfg(test)]
thread_local! {
    pub(crate) static MUTATION: std::cell::Cell<Option<Mutation>> = const { std::cell::Cell::new(None) };
}

/// Whether a deliberate break is in force: never, outside the crate's own tests.
macro_rules! mutation {
    ($name:ident) => {{
        #[cfg(test)]
        {
            crate::tables::MUTATION.get() == Some(crate::tables::Mutation::$name)
        }
        #[cfg(not(test))]
        {
            false
        }
    }};
}
use mutation;

/// A rule that the peer broke. It loses its connection, with this as the reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Violation {
    #[error(transparent)]
    Wire(#[from] wire::WireError),
    #[error("a reference home to object {0:?}, which was not handed out")]
    UnknownHome(ObjectId),
    #[error("object {0:?}: more is returned than was handed out")]
    OverRelease(ObjectId),
    #[error("object {0:?} was released while its calls are unanswered")]
    ReleasedWhileBusy(ObjectId),
    #[error("object {0:?} has more calls outstanding than it gave permits")]
    TooManyCalls(ObjectId),
    #[error("more is outstanding than the connection gave permits")]
    TooMuchOutstanding,
    #[error("call number {} is in use", .0.0)]
    CallIdInUse(CallId),
    #[error("an answer that no call waits for")]
    UnknownAnswer,
    #[error("the lobby was handed over")]
    LobbyExported,
    #[error("the lobby is said to be gone")]
    LobbyGone,
    #[error("more objects are handed over than may be held")]
    TooManyImports,
    #[error("more objects are said to be gone than may be held")]
    TooManyGone,
    #[error("more than 1,024 lists of method names on one lane")]
    TooManyNames,
    #[error("method names for object {0:?}, which was not handed out")]
    UnknownNames(ObjectId),
    #[error("a list of method names that does not decode")]
    BadNames,
    #[error("a reference through {0} nodes")]
    TooManyHops(u8),
    #[error("a second hello")]
    SecondHello,
    #[error("a frame of kind {0:?} does not belong here")]
    OutOfPlace(Kind),
}

/// What is to be done after the lock is released, in this order.
#[derive(Debug, Default)]
pub(crate) struct Events {
    pub(crate) deliveries: Vec<(LocalObject, Delivery)>,
    pub(crate) answers: Vec<(Waiter, Answer)>,
    pub(crate) stops: Vec<(Arc<CallContext>, Stop)>,
    pub(crate) shells: Vec<Shell>,
    pub(crate) garbage: Vec<LocalObject>,
    #[expect(clippy::vec_box, reason = "they come out of boxes, and are only dropped")]
    pub(crate) requests: Vec<Box<Request>>,
}

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
    permits: Permits<CallKey>,
    wheel: Wheel,
    pub(crate) lanes: Vec<Outbox>,
    lobby: LocalObject,
    /// Deliveries held back while the outbox is too full.
    parked: Vec<(LocalObject, Delivery)>,
    next_lobby_lane: usize,
    draining: bool,
    peer_draining: bool,
    go_away_due: bool,
    close_due: Option<(u32, String)>,
    closing: bool,
    ended: Option<Arc<str>>,
}

/// Writers to be woken: nearly always one at most.
pub(crate) type Wakers = smallvec::SmallVec<[std::task::Waker; 1]>;

/// Names per lane that a host keeps.
const NAMES_MAX: usize = 1_024;

impl Tables {
    pub(crate) fn new(limits: TableLimits, lobby: LocalObject) -> Tables {
        Tables {
            imports: Imports::new(limits.exports_max),
            exports: Exports::new(limits.exports_max, limits.object_permits),
            calls: Calls::default(),
            running: Running::new(limits.connection_permits),
            permits: Permits::new(PermitLimits {
                object: limits.object_permits,
                connection: limits.connection_permits,
                reserve: limits.reserve,
            }),
            wheel: Wheel::new(),
            lanes: Vec::new(),
            lobby,
            parked: Vec::new(),
            next_lobby_lane: 0,
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
        }
    }

    /// The peer's first words; nothing else is processed before.
    pub(crate) fn greeted(&mut self, hello: Hello) -> Result<(), Violation> {
        if self.peer.is_some() {
            return Err(Violation::SecondHello);
        }
        self.permits = Permits::new(PermitLimits {
            object: self.limits.object_permits.min(hello.object_permits).max(1),
            connection: self.limits.connection_permits.min(hello.connection_permits).max(32),
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

    /// A lane is there; gives its number at this side.
    pub(crate) fn add_lane(&mut self) -> usize {
        self.lanes.push(Outbox::default());
        self.lanes.len() - 1
    }

    pub(crate) fn ended(&self) -> Option<&Arc<str>> {
        self.ended.as_ref()
    }

    pub(crate) fn permits_out(&self) -> u32 {
        self.permits.connection_out()
    }

    // ---- calls of this side -------------------------------------------------------------------------------------

    /// A call is made: it is appended to its lane, or queued for permits, or refused with what is wrong.
    pub(crate) fn start(
        &mut self,
        slot: usize,
        id: ObjectId,
        request: Request,
        waiter: Waiter,
        now_ms: u64,
    ) -> Result<CallKey, Box<(Fault, Request)>> {
        let lane = match self.admit(slot, id, &request) {
            Ok(lane) => lane,
            Err(fault) => return Err(Box::new((fault, request))),
        };
        let frame = wire::HEAD_LEN
            + Options::encoded_len(true, request.path.len(), request.depth, request.refs.len())
            + request.body.len();
        let cost = cost_of(frame);
        let (depth, deadline_ms) = (request.depth, request.deadline_ms);
        let key = self.calls.insert(slot, lane, depth, cost, waiter);
        match self.permits.want(slot, depth, cost, key) {
            Want::Granted => {
                if let Err(fault) = self.append(key, &request, now_ms) {
                    self.calls.remove(key);
                    return Err(Box::new((fault, request)));
                }
                if request.notice {
                    if let Some(waiter) = self.calls.remove(key).and_then(|c| c.waiter) {
                        // Nobody listens yet, so this wakes nobody under the lock.
                        let _ = waiter.send(Answer::Sent);
                    }
                    return Ok(key);
                }
            }
            Want::Queued => {
                let call = self.calls.get(key).expect("it was just inserted");
                call.queued = Some(Box::new(request));
                self.imports.queued(slot);
            }
            Want::Overloaded => {
                self.calls.remove(key);
                let text = format!("no permit left at depth {depth}");
                return Err(Box::new((Fault::never(FaultCode::OVERLOADED, text), request)));
            }
        }
        self.wheel.insert(key.call().0, deadline_ms);
        Ok(key)
    }

    fn admit(&mut self, slot: usize, id: ObjectId, request: &Request) -> Result<usize, Fault> {
        if let Some(reason) = &self.ended {
            return Err(Fault::never(FaultCode::DISCONNECTED, &**reason));
        }
        if self.closing {
            return Err(Fault::never(FaultCode::DISCONNECTED, "the connection is being closed"));
        }
        if self.peer_draining {
            return Err(Fault::never(FaultCode::DRAINING, ""));
        }
        if request.depth > DEPTH_MAX {
            return Err(Fault::never(FaultCode::CHAIN_TOO_DEEP, ""));
        }
        if request.body.len() > self.limits.inline_max {
            let text = format!(
                "a body of {} bytes is above the {} that a frame carries",
                request.body.len(),
                self.limits.inline_max
            );
            return Err(Fault::never(FaultCode::NOT_SENT, text));
        }
        if request.refs.len() > wire::REFERENCES_MAX {
            let text = format!("{} references in one call, at most 256 travel", request.refs.len());
            return Err(Fault::never(FaultCode::NOT_SENT, text));
        }
        let Some(entry) = self.imports.get(slot, id) else {
            return Err(Fault::never(FaultCode::GONE, ""));
        };
        let lane = entry.lane;
        if let Some(reason) = self.imports.dead(slot) {
            return Err(Fault::never(FaultCode::GONE, &**reason));
        }
        let lane = if id == ObjectId::LOBBY {
            self.next_lobby_lane = (self.next_lobby_lane + 1) % self.lanes.len().max(1);
            self.next_lobby_lane
        } else {
            lane
        };
        match self.lanes.get(lane) {
            None => Err(Fault::never(FaultCode::DISCONNECTED, "the connection is not open yet")),
            Some(_) => Ok(lane),
        }
    }

    /// Writes the frame of a call that has its permits. On an error they are given back.
    fn append(&mut self, key: CallKey, request: &Request, now_ms: u64) -> Result<(), Fault> {
        let (slot, lane, cost) = {
            let call = self.calls.get(key).expect("whoever appends has the call");
            (call.import, call.lane, call.cost)
        };
        let entry = self.imports.slot(slot);
        let (object, fingerprint) = (entry.id, entry.fingerprint);
        let mine = request.interface.fingerprint;
        let refs = if self.lanes[lane].has_room_for_names(fingerprint, mine, NAMES_MAX) {
            self.references(&request.refs)
        } else {
            Err(Fault::never(FaultCode::NOT_SENT, "more than 1,024 foreign interfaces on one lane"))
        };
        let refs = match refs {
            Ok(refs) => refs,
            Err(fault) => {
                let returned = self.permits.give_back(slot, 1, cost);
                debug_assert!(returned.is_ok(), "they were just granted");
                return Err(fault);
            }
        };
        let outbox = &mut self.lanes[lane];
        if outbox.names_differ(fingerprint, mine) && !mutation!(NamesNotSent) {
            let names: Vec<&str> = request.interface.methods.iter().map(|m| m.name).collect();
            let body = rmp_serde::to_vec(&names).expect("strings always encode");
            let head = Head { kind: Kind::Names, flags: 0, method: 0, call: CallId(0), object };
            wire::put_frame(outbox.buffer(), &head, &Options::default(), &body);
        }
        let left = request.deadline_ms.saturating_sub(now_ms).min(u32::MAX as u64) as u32;
        let options = Options {
            // Of a notice always, so that both sides count the same permits for it.
            deadline_ms: (request.notice || left != self.limits.deadline_ms).then_some(left),
            path: request.path.clone(),
            depth: request.depth,
            refs,
        };
        let (kind, call) = if request.notice { (Kind::Notice, CallId(0)) } else { (Kind::Call, key.call()) };
        let head = Head { kind, flags: 0, method: request.method, call, object };
        wire::put_frame(outbox.buffer(), &head, &options, &request.body);
        self.imports.sent(slot);
        self.pause_if_full(lane);
        Ok(())
    }

    /// Fixes the reference table: what is ours is exported, what is the peer's goes home.
    fn references(&mut self, handles: &[Handle]) -> Result<smallvec::SmallVec<[Reference; 1]>, Fault> {
        let mut refs = smallvec::SmallVec::new();
        for handle in handles {
            let dead = Reference { kind: RefKind::Dead, hops: 0, id: ObjectId(0), fingerprint: 0 };
            let reference = match handle.target() {
                // A closure is started when it is encoded; one that is not was revoked.
                Target::Dead | Target::Lazy(_) => dead,
                Target::Local(object) if object.is_dead() => dead,
                Target::Local(object) => match self.exports.export(object) {
                    Ok(id) => Reference {
                        kind: RefKind::Export,
                        hops: 0,
                        id,
                        fingerprint: object.descriptor().fingerprint,
                    },
                    Err(why) => {
                        self.take_back(&refs);
                        let text = match why {
                            NotExported::TooMany => {
                                format!("the peer holds {} objects, which is the limit", self.exports.len())
                            }
                            NotExported::TooOften => "the peer gives nothing back of the object".to_owned(),
                        };
                        return Err(Fault::never(FaultCode::OVERLOADED, text));
                    }
                },
                Target::Remote(import) => match self.imports.send_home(import.slot(), import.id()) {
                    SentHome::Unit => {
                        Reference { kind: RefKind::Home, hops: 0, id: import.id(), fingerprint: 0 }
                    }
                    SentHome::Dead => dead,
                    SentHome::OutOfUnits => {
                        self.take_back(&refs);
                        let text = "the reference was sent home too often while it was held";
                        return Err(Fault::never(FaultCode::NOT_SENT, text));
                    }
                },
            };
            refs.push(reference);
        }
        Ok(refs)
    }

    /// Undoes a half-made reference table.
    fn take_back(&mut self, refs: &[Reference]) {
        let mut garbage = Vec::new();
        for r in refs {
            match r.kind {
                RefKind::Export => {
                    let undone = self.exports.release(r.id, UNITS, false, &mut garbage);
                    debug_assert!(undone.is_ok(), "the units were just added");
                }
                RefKind::Home => self.imports.unit_back(r.id),
                RefKind::Dead => {}
            }
        }
        // The handles of the request hold the objects, so that none ends here, under the lock.
    }

    /// The caller no longer waits: a queued call is withdrawn, a sent one is cancelled; its slot stays.
    pub(crate) fn abandon(&mut self, key: CallKey, now_ms: u64, events: &mut Events) {
        let Some(call) = self.calls.get(key) else { return };
        call.waiter = None;
        if call.queued.is_some() {
            self.withdraw(key, events);
            self.grant(now_ms, events);
            return;
        }
        if std::mem::replace(&mut call.cancelled, true) {
            return;
        }
        let (lane, slot, cost) = (call.lane, call.import, call.cost);
        let head = Head { kind: Kind::Cancel, flags: 0, method: 0, call: key.call(), object: ObjectId(0) };
        wire::put_frame(self.lanes[lane].buffer(), &head, &Options::default(), &[]);
        self.wheel.remove(key.call().0);
        if mutation!(SlotFreedOnCancel) {
            self.calls.remove(key);
            let _ = self.permits.give_back(slot, 1, cost);
            let _ = self.imports.answered(slot, 1, &mut events.shells);
        }
    }

    /// A queued call leaves its line; [`Tables::grant`] is to follow.
    fn withdraw(&mut self, key: CallKey, events: &mut Events) {
        let Some(call) = self.calls.remove(key) else { return };
        self.permits.withdraw(call.import, call.depth, key);
        self.wheel.remove(key.call().0);
        events.requests.extend(call.queued);
        let ended = self.imports.unqueued(call.import, &mut events.shells);
        self.forget_permits(ended);
    }

    /// The calls whose deadline has passed end.
    pub(crate) fn expire(&mut self, now_ms: u64, events: &mut Events) {
        let mut due = Vec::new();
        self.wheel.expire(now_ms, &mut due);
        for index in due {
            let Some(key) = self.calls.key_of(index) else { continue };
            let Some(call) = self.calls.get(key) else { continue };
            let queued = call.queued.is_some() || mutation!(SentIsNeverRan);
            let ran = if queued { Ran::Never } else { Ran::Unknown };
            let detail = if call.queued.is_some() { "waiting for a permit" } else { "" };
            if let Some(waiter) = call.waiter.take() {
                events.answers.push((waiter, Answer::Fault(Fault::new(FaultCode::DEADLINE, ran, detail))));
            }
            self.abandon(key, now_ms, events);
        }
    }

    /// When [`Tables::expire`] is to be asked again.
    pub(crate) fn next_deadline(&self) -> Option<u64> {
        self.wheel.next_wake()
    }

    /// Starts the calls that have their permits now.
    fn grant(&mut self, now_ms: u64, events: &mut Events) {
        while let Some(key) = self.permits.next() {
            let Some(request) = self.calls.get(key).and_then(|c| c.queued.take()) else {
                debug_assert!(false, "whoever waits for permits is queued");
                continue;
            };
            let slot = self.calls.get(key).map(|c| c.import);
            let outcome = self.append(key, &request, now_ms);
            let ended = slot.and_then(|slot| self.imports.unqueued(slot, &mut events.shells));
            self.forget_permits(ended);
            let notice = request.notice;
            events.requests.push(request);
            if outcome.is_ok() && !notice {
                continue;
            }
            self.wheel.remove(key.call().0);
            let Some(call) = self.calls.remove(key) else { continue };
            let answer = match outcome {
                Ok(()) => Answer::Sent,
                Err(fault) => Answer::Fault(fault),
            };
            events.answers.extend(call.waiter.map(|w| (w, answer)));
        }
    }

    fn pause_if_full(&mut self, lane: usize) {
        if self.lanes[lane].len() > self.limits.outbox_max {
            self.permits.pause(true);
        }
    }

    // ---- frames of the peer -------------------------------------------------------------------------------------

    /// A frame arrives on a lane (without its length).
    pub(crate) fn receive(
        &mut self,
        shared: &Arc<Shared>,
        lane: usize,
        bytes: Bytes,
        now_ms: u64,
        events: &mut Events,
    ) -> Result<(), Violation> {
        let cost = cost_of(bytes.len() + 4);
        let frame = wire::read_frame(bytes)?;
        match frame.head.kind {
            Kind::Call | Kind::Notice => self.receive_call(shared, lane, frame, cost, now_ms, events),
            Kind::Reply | Kind::Fault => self.receive_answer(shared, lane, frame, events),
            Kind::Cancel => {
                if let Some(run) = self.running.get(lane, frame.head.call) {
                    events.stops.push((run.context.clone(), Stop::Cancelled));
                }
                Ok(())
            }
            Kind::Names => self.receive_names(lane, frame),
            Kind::Done => self.receive_done(frame, events),
            Kind::Finish => Err(Violation::OutOfPlace(Kind::Finish)),
        }
    }

    /// After all frames of a chunk: calls that found permits by the answers in it are started.
    pub(crate) fn chunk_done(&mut self, now_ms: u64, events: &mut Events) {
        self.grant(now_ms, events);
    }

    fn receive_call(
        &mut self,
        shared: &Arc<Shared>,
        lane: usize,
        frame: Frame,
        cost: u32,
        now_ms: u64,
        events: &mut Events,
    ) -> Result<(), Violation> {
        let Frame { head, options, body } = frame;
        let notice = head.kind == Kind::Notice;
        let refs = self.settle(shared, lane, &options.refs, events)?;
        self.running.pay(cost)?;
        let found = if head.object == ObjectId::LOBBY {
            Found::Object(self.lobby.clone())
        } else {
            self.exports.arrive(head.object)?
        };
        let left =
            options.deadline_ms.unwrap_or_else(|| self.peer.as_ref().map_or(30_000, |p| p.deadline_ms));
        let deadline_ms = now_ms + u64::from(left.min(self.limits.deadline_max_ms));
        let context = Arc::new(CallContext::remote(shared, &options, deadline_ms));
        if notice {
            self.running.notice();
        } else {
            let run = Run { object: head.object, cost, context: context.clone() };
            self.running.insert(lane, head.call, run)?;
        }
        let replier = shared.replier(lane, (!notice).then_some(head.call), head.object, cost);
        let fault = match found {
            Found::Dead(_) if mutation!(NoAnswerToDead) => {
                std::mem::forget(replier);
                return Ok(());
            }
            Found::Dead(reason) => Fault::never(FaultCode::GONE, &*reason),
            Found::Unknown => Fault::never(FaultCode::NO_SUCH_OBJECT, ""),
            Found::Object(_) if self.draining => Fault::never(FaultCode::DRAINING, ""),
            Found::Object(object) => match self.lanes[lane].method_here(object.descriptor(), head.method) {
                Err(name) => Fault::never(FaultCode::NO_SUCH_METHOD, name),
                Ok(method) => {
                    // Behind what is held back already, so that nothing is overtaken.
                    let waits = !self.parked.is_empty() && !mutation!(ParkedOvertaken);
                    let full = waits || self.lanes[lane].len() > self.limits.outbox_max;
                    if full {
                        // A copy: as a slice it would keep the whole datagram that it came in.
                        let body = Bytes::copy_from_slice(&body);
                        self.parked.push((object, Delivery { method, body, refs, replier, context }));
                    } else {
                        let delivery = Delivery { method, body, refs, replier, context };
                        events.deliveries.push((object, delivery));
                    }
                    return Ok(());
                }
            },
        };
        self.finish(lane, replier.disarm(), head.object, cost, Err(fault));
        Ok(())
    }

    fn receive_answer(
        &mut self,
        shared: &Arc<Shared>,
        lane: usize,
        frame: Frame,
        events: &mut Events,
    ) -> Result<(), Violation> {
        let Frame { head, options, body } = frame;
        let call = self.calls.answer(head.call, lane)?;
        self.wheel.remove(head.call.0);
        let unsettled = call.waiter.is_none() && mutation!(UnwantedRefsUnsettled);
        let table: &[Reference] = if unsettled { &[] } else { &options.refs };
        let refs = self.settle(shared, lane, table, events)?;
        if !(mutation!(PermitKeptOnFault) && head.kind == Kind::Fault) {
            self.permits.give_back(call.import, 1, call.cost).map_err(|_| Violation::UnknownAnswer)?;
        }
        let ended = self.imports.answered(call.import, 1, &mut events.shells)?;
        self.forget_permits(ended);
        let Some(waiter) = call.waiter else { return Ok(()) };
        let answer = if head.kind == Kind::Reply {
            Answer::Reply { body, refs }
        } else {
            Answer::Fault(Fault {
                code: FaultCode(head.method),
                ran: Ran::from_byte(head.flags),
                text: String::from_utf8_lossy(&body).into_owned(),
            })
        };
        events.answers.push((waiter, answer));
        Ok(())
    }

    fn forget_permits(&mut self, ended: Option<usize>) {
        if let Some(slot) = ended {
            self.permits.forget(slot);
        }
    }

    fn receive_names(&mut self, lane: usize, frame: Frame) -> Result<(), Violation> {
        let object = frame.head.object;
        let interface = if object == ObjectId::LOBBY {
            self.lobby.descriptor()
        } else {
            self.exports.interface(object).ok_or(Violation::UnknownNames(object))?
        };
        let names: Vec<String> =
            transport::msgpack::from_slice(&frame.body).map_err(|_| Violation::BadNames)?;
        if !self.lanes[lane].set_names(interface, names, NAMES_MAX) {
            return Err(Violation::TooManyNames);
        }
        Ok(())
    }

    fn receive_done(&mut self, frame: Frame, events: &mut Events) -> Result<(), Violation> {
        let cost: [u8; 4] = frame.body.as_ref().try_into().map_err(|_| Violation::UnknownAnswer)?;
        let count = frame.head.call.0;
        let slot = self.imports.slot_of(frame.head.object).ok_or(Violation::UnknownAnswer)?;
        self.permits
            .give_back(slot, count, u32::from_le_bytes(cost))
            .map_err(|_| Violation::UnknownAnswer)?;
        let ended = self.imports.answered(slot, count, &mut events.shells)?;
        self.forget_permits(ended);
        Ok(())
    }

    /// Settles the whole reference table of a frame, whether or not its body is decoded, wanted or understood (N3).
    fn settle(
        &mut self,
        shared: &Arc<Shared>,
        lane: usize,
        refs: &[Reference],
        events: &mut Events,
    ) -> Result<Refs, Violation> {
        if refs.is_empty() {
            return Ok(Refs::default());
        }
        let mut handles = Vec::with_capacity(refs.len());
        for r in refs {
            if r.hops > 8 {
                return Err(Violation::TooManyHops(r.hops));
            }
            let handle = match r.kind {
                RefKind::Dead => Handle::dead(),
                RefKind::Export => {
                    let (slot, entry) = self.imports.arrive(r.id, lane, r.fingerprint)?;
                    let import = match entry.handle.upgrade() {
                        Some(import) => import,
                        None => {
                            let import = Import::new(shared, slot, r.id);
                            entry.handle = Arc::downgrade(&import);
                            import
                        }
                    };
                    if mutation!(UndecodedRefsLeak) {
                        std::mem::forget(import.clone());
                    }
                    Handle::remote(import)
                }
                RefKind::Home => match self.exports.home(r.id, &mut events.garbage)? {
                    Found::Object(object) => Handle::local(object),
                    _ => Handle::dead(),
                },
            };
            handles.push(handle);
        }
        Ok(Refs::new(handles))
    }

    // ---- answers of this side -----------------------------------------------------------------------------------

    /// The one answer of a call, or the end of a notice (`call` is `None`).
    pub(crate) fn finish(
        &mut self,
        lane: usize,
        call: Option<CallId>,
        object: ObjectId,
        cost: u32,
        outcome: Result<(&[u8], &[Handle]), Fault>,
    ) {
        if self.ended.is_some() {
            return;
        }
        let Some(call) = call else {
            self.running.notice_done(cost);
            self.exports.answered(object, 1);
            self.lanes[lane].done(object, cost);
            return;
        };
        let Some(run) = self.running.remove(lane, call) else { return };
        self.exports.answered(run.object, 1);
        let outcome = outcome.and_then(|(body, handles)| {
            if body.len() > self.limits.inline_max {
                let text = format!(
                    "a result of {} bytes is above the {} that a frame carries",
                    body.len(),
                    self.limits.inline_max
                );
                return Err(Fault::new(FaultCode::BAD_REPLY, Ran::Yes, text));
            }
            if handles.len() > wire::REFERENCES_MAX {
                let text = format!("{} references in one result, at most 256 travel", handles.len());
                return Err(Fault::new(FaultCode::BAD_REPLY, Ran::Yes, text));
            }
            let refs = self.references(handles).map_err(|fault| Fault {
                code: FaultCode::BAD_REPLY,
                ran: Ran::Yes,
                text: fault.text,
            })?;
            Ok((body, refs))
        });
        let outbox = &mut self.lanes[lane];
        let head = |kind, flags, method| Head { kind, flags, method, call, object: ObjectId(0) };
        match outcome {
            Ok((body, refs)) => {
                let options = Options { refs, ..Options::default() };
                wire::put_frame(outbox.buffer(), &head(Kind::Reply, 0, 0), &options, body);
            }
            Err(fault) => {
                let head = head(Kind::Fault, fault.ran.to_byte(), fault.code.0);
                wire::put_frame(
                    outbox.buffer(),
                    &head,
                    &Options::default(),
                    wire::clip(&fault.text).as_bytes(),
                );
            }
        }
        self.pause_if_full(lane);
    }

    /// The writers that have something to do; they are woken after the lock is released.
    pub(crate) fn take_wakers(&mut self) -> Wakers {
        self.lanes.iter_mut().filter_map(Outbox::take_waker).collect()
    }

    /// The writer of a lane takes what there is; what was held back by a full outbox goes on.
    pub(crate) fn take_lane(&mut self, lane: usize, now_ms: u64, events: &mut Events) -> Option<Bytes> {
        let bytes = self.lanes[lane].take();
        if self.lanes.iter().any(|l| l.len() > self.limits.outbox_max) {
            return bytes;
        }
        self.permits.pause(false);
        events.deliveries.append(&mut self.parked);
        self.grant(now_ms, events);
        // Without anything taken before, what was granted just now.
        bytes.or_else(|| self.lanes[lane].take())
    }

    // ---- handles, deaths, control -------------------------------------------------------------------------------

    /// The last handle of an import may be gone.
    pub(crate) fn let_go(&mut self, id: ObjectId, events: &mut Events) {
        let ended = self.imports.let_go(id, &mut events.shells);
        self.forget_permits(ended);
    }

    /// An object of this side has ended.
    pub(crate) fn die(&mut self, key: u64, reason: &Arc<str>, events: &mut Events) {
        self.exports.die(key, reason, &mut events.garbage);
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
                        self.withdraw(key, events);
                    }
                    self.grant(now_ms, events);
                }
            }
            Control::GoAway => self.peer_draining = true,
            Control::Hello(_) => return Err(Violation::SecondHello),
            Control::Close { .. } => {}
        }
        Ok(())
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
        for lane in &mut self.lanes {
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
            || self.imports.release_is_due()
            || self.exports.gone_is_due()
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
        self.ended = Some(reason.into());
        for call in self.calls.drain() {
            let ran = if call.queued.is_some() { Ran::Never } else { Ran::Unknown };
            if let Some(waiter) = call.waiter {
                let fault = Fault::new(FaultCode::DISCONNECTED, ran, reason);
                events.answers.push((waiter, Answer::Fault(fault)));
            }
            events.requests.extend(call.queued);
        }
        for run in self.running.drain() {
            events.stops.push((run.context, Stop::Disconnected));
        }
        events.deliveries.append(&mut self.parked);
        events.shells.extend(self.imports.end());
        self.exports.end(&mut events.garbage);
        self.wheel = Wheel::new();
        self.permits = Permits::new(PermitLimits {
            object: self.limits.object_permits,
            connection: self.limits.connection_permits,
            reserve: self.limits.reserve,
        });
        for lane in &mut self.lanes {
            lane.close();
        }
    }
}

/// How many permits of 1 KiB a whole frame costs.
pub(crate) fn cost_of(frame_len: usize) -> u32 {
    (frame_len.div_ceil(1024).max(1)) as u32
}
