//! The frames of the peer: calls and their answers, method names, the ends of notices; and every reference in them (N2, N3).

use super::bodies::{Held, ReceivingOf, Whose};
use super::kept::Waiting;
use super::naming::NotHeard;
use super::*;
use crate::object::HOPS_MAX;
use crate::proxy::Origin;
use crate::wire::Large;

/// Where a call that has arrived goes.
enum Goes {
    /// With the number of its method; if it is passed on, that is one of this list, or of the host's own. Without an object it goes to the
    /// one that the last delivery goes to.
    To(Option<LocalObject>, u16, Option<Arc<Numbering>>),
    /// The answer that it is for is not known yet.
    Waits(CallId, Option<Arc<Numbering>>),
    Nowhere(Fault),
    /// To nothing that was ever handed out.
    Unknown,
}

impl Tables {
    /// A frame arrives on a lane (without its length).
    pub(crate) fn receive(
        &mut self,
        shared: &Arc<Shared>,
        lane: usize,
        bytes: Bytes,
        now_ms: u64,
        events: &mut Events,
    ) -> Result<(), Violation> {
        let len = bytes.len() + 4;
        self.receive_frame(shared, lane, wire::read_frame(bytes)?, len, now_ms, events)
    }

    /// The same, taken apart; `len` with its length field.
    pub(crate) fn receive_frame(
        &mut self,
        shared: &Arc<Shared>,
        lane: usize,
        frame: Frame,
        len: usize,
        now_ms: u64,
        events: &mut Events,
    ) -> Result<(), Violation> {
        let cost = cost_of(len);
        let large = self.large_of(&frame)?;
        match frame.head.kind {
            Kind::Call | Kind::Notice => self.receive_call(shared, lane, frame, cost, now_ms, events),
            Kind::Reply | Kind::Fault => self.receive_answer(shared, lane, frame, large, now_ms, events),
            Kind::Cancel => {
                self.receive_cancel(lane, frame.head.call, now_ms, events);
                Ok(())
            }
            Kind::Names if frame.head.flags & wire::flag::ON_ANSWER != 0 => {
                self.receive_numbering(lane, &frame)
            }
            Kind::Names => self.receive_names(lane, frame),
            Kind::Done => self.receive_done(lane, frame, events),
            Kind::Finish => self.receive_finish(lane, frame.head.call, events),
        }
    }

    /// After all frames of a chunk: calls that found permits by the answers in it are started.
    pub(crate) fn chunk_done(&mut self, now_ms: u64, events: &mut Events) {
        self.grant(now_ms, events);
    }

    pub(super) fn receive_call(
        &mut self,
        shared: &Arc<Shared>,
        lane: usize,
        frame: Frame,
        cost: u32,
        now_ms: u64,
        events: &mut Events,
    ) -> Result<(), Violation> {
        let Frame { head, options, body } = frame;
        let large = options.large;
        let notice = head.kind == Kind::Notice;
        let refs = match &options.refs[..] {
            [] => Refs::default(),
            table => self.settle(shared, lane, table, events)?,
        };
        self.running.pay(cost)?;
        self.lanes[lane].arrived();
        let (callee, goes) = if head.flags & wire::flag::ON_ANSWER != 0 {
            let parent = CallId(head.object.0);
            (Callee::Answer(parent), self.goes_on(lane, parent, head.method)?)
        } else {
            (Callee::Object(head.object), self.goes_to(lane, head.object, head.method, events)?)
        };
        let left =
            options.deadline_ms.unwrap_or_else(|| self.peer.as_ref().map_or(30_000, |p| p.deadline_ms));
        let deadline_ms = now_ms + u64::from(left.min(self.limits.deadline_max_ms));
        let mut context = CallContext::remote(shared, &options, deadline_ms);
        if large.is_some() {
            context.is_large(self.bodies.incoming.arguments.clone());
        }
        let context = Arc::new(context);
        let unknown = matches!(goes, Goes::Unknown);
        let keep = head.flags & wire::flag::KEEP != 0;
        if notice {
            self.running.notice();
        } else {
            if self.kept.has(lane, head.call) {
                return Err(Violation::CallIdInUse(head.call));
            }
            // An unknown object counts nothing, even if its number is given out before the answer is.
            let callee = if unknown { Callee::Object(ObjectId::LOBBY) } else { callee };
            let run =
                Run { callee, cost, context: context.clone(), large: large.is_some(), cancelled: false };
            self.running.insert(lane, head.call, run)?;
            if keep {
                self.kept.keep(lane, head.call)?;
            }
        }
        let call = (!notice).then_some(head.call);
        let replier = shared.replier(lane, call, callee, cost).kept(keep);
        let fault = match goes {
            Goes::Nowhere(fault) if mutation!(NoAnswerToDead) && fault.code == FaultCode::GONE => {
                std::mem::forget(replier);
                return Ok(());
            }
            Goes::Nowhere(fault) => fault,
            Goes::Unknown => Fault::never(FaultCode::NO_SUCH_OBJECT, ""),
            Goes::Waits(parent, numbering) => {
                let mut body = body;
                body.detach();
                let delivery = Delivery { method: head.method, numbering, body, refs, replier, context };
                let body = large.map(|large| large.number);
                self.kept.wait(lane, parent, Waiting { call, cost, delivery, body });
                if let Some(large) = large {
                    let line = (Whose::Answer(lane, parent), options.depth);
                    self.bodies.incoming.announced(large, ReceivingOf::Request(line));
                    self.pull_more(now_ms, events);
                }
                return Ok(());
            }
            Goes::To(object, method, numbering) => {
                let delivery = Delivery { method, numbering, body, refs, replier, context };
                let line = (Whose::of(lane, callee), options.depth);
                let is_held = large.is_some() || self.bodies.lines.contains(line);
                if object.is_none() && !is_held && !self.holds_back(lane) {
                    events.deliver_more(delivery);
                    return Ok(());
                }
                let object = object.unwrap_or_else(|| events.last_object());
                if is_held {
                    let held = Held { object, delivery, call, lane, cost, body: None };
                    self.hold(line, held, large, now_ms, events);
                } else {
                    self.deliver(lane, object, delivery, events);
                }
                return Ok(());
            }
        };
        let call = replier.disarm();
        if call.is_none() && unknown && self.holds_back_faults(lane) {
            // No honest peer sends a notice to what it never held; many of them are not kept.
            return Err(Violation::TooMuchOutstanding);
        }
        if let Some(large) = large.filter(|_| notice) {
            // A notice has no answer that would tell its sender to forget the body.
            self.bodies.incoming.announced(large, ReceivingOf::Nobody);
            self.pull_more(now_ms, events);
        }
        self.refuse(lane, call, callee, cost, fault);
        Ok(())
    }

    /// A call goes to its object, or waits while the peer does not take what it is owed.
    pub(super) fn deliver(
        &mut self,
        lane: usize,
        object: LocalObject,
        mut delivery: Delivery,
        events: &mut Events,
    ) {
        if !self.holds_back(lane) {
            events.deliver(object, delivery);
            return;
        }
        if delivery.body.len() <= self.limits.inline_max {
            // A copy: as a slice it would keep all that arrived with it.
            delivery.body.detach();
        }
        self.parked.push((object, delivery));
    }

    fn holds_back_faults(&self, lane: usize) -> bool {
        !self.parked_faults.is_empty() || self.lanes[lane].len() > self.limits.outbox_max
    }

    /// This side answers a call by itself.
    pub(super) fn refuse(
        &mut self,
        lane: usize,
        call: Option<CallId>,
        callee: Callee,
        cost: u32,
        fault: Fault,
    ) {
        if self.holds_back_faults(lane) {
            self.parked_faults.push_back(ParkedFault { lane, call, callee, cost, fault });
        } else {
            self.finish(lane, call, callee, cost, Err(fault));
        }
    }

    fn receive_cancel(&mut self, lane: usize, call: CallId, now_ms: u64, events: &mut Events) {
        if let Some(run) = self.running.get(lane, call) {
            run.cancelled = true;
            let (callee, depth) = (run.callee, run.context.depth());
            events.stops.push((run.context.clone(), Stop::Cancelled));
            if let Callee::Answer(parent) = callee {
                self.withdraw_dependent(lane, parent, call);
            }
            if !self.bodies.lines.is_empty() {
                self.cancel_held((Whose::of(lane, callee), depth), lane, call, now_ms, events);
            }
        } else if let Some(number) = self.bodies.outgoing.reply(lane, call) {
            self.withdraw_body(number);
            self.resume(now_ms, events);
        }
    }

    /// Where a call on an object goes.
    fn goes_to(
        &mut self,
        lane: usize,
        id: ObjectId,
        method: u16,
        events: &Events,
    ) -> Result<Goes, Violation> {
        let found =
            if id == ObjectId::LOBBY { Found::Object(&self.lobby) } else { self.exports.arrive(id)? };
        let hold = |object: &LocalObject| (!events.goes_on_with(object)).then(|| object.clone());
        Ok(match found {
            Found::Dead(reason) => Goes::Nowhere(Fault::never(FaultCode::GONE, &*reason)),
            Found::Unknown => Goes::Unknown,
            Found::Object(_) if self.draining => Goes::Nowhere(Fault::never(FaultCode::DRAINING, "")),
            Found::Object(_) if self.crowded => Goes::Nowhere(crowded()),
            Found::Object(object) => match self.lanes[lane].heard.method_here(object.descriptor(), method) {
                Ok(method) => Goes::To(hold(object), method, None),
                Err(_) if object.forwards().is_some() => {
                    let numbering = self.lanes[lane].heard.names_of(object.descriptor().fingerprint);
                    Goes::To(hold(object), method, numbering)
                }
                Err(name) => Goes::Nowhere(Fault::never(FaultCode::NO_SUCH_METHOD, name)),
            },
        })
    }

    /// Where a call on a kept answer goes.
    fn goes_on(&mut self, lane: usize, parent: CallId, method: u16) -> Result<Goes, Violation> {
        Ok(match self.kept.arrive(lane, parent)? {
            Reached::Broken(cause) => Goes::Nowhere(Fault::never(FaultCode::BROKEN_PROMISE, &*cause)),
            _ if self.draining => Goes::Nowhere(Fault::never(FaultCode::DRAINING, "")),
            _ if self.crowded => Goes::Nowhere(crowded()),
            Reached::Open(numbering) => Goes::Waits(parent, numbering),
            Reached::Object(object, numbering) => {
                match kept::method_of(numbering.as_deref(), object.descriptor(), method) {
                    Ok(method) => Goes::To(Some(object), method, None),
                    Err(_) if object.forwards().is_some() => {
                        Goes::To(Some(object), method, numbering.filter(|_| !mutation!(NumberingForgotten)))
                    }
                    Err(name) => Goes::Nowhere(Fault::never(FaultCode::NO_SUCH_METHOD, name)),
                }
            }
        })
    }

    /// Whether calls that arrive are not handed to their objects yet: the outbox is too full, or the peer fetches no large replies, or others wait already, which are not to
    /// be overtaken.
    pub(super) fn holds_back(&self, lane: usize) -> bool {
        let waits = !self.parked.is_empty() && !mutation!(ParkedOvertaken);
        waits || self.lanes[lane].len() > self.limits.outbox_max || self.owes_too_much()
    }

    pub(super) fn receive_answer(
        &mut self,
        shared: &Arc<Shared>,
        lane: usize,
        frame: Frame,
        large: Option<Large>,
        now_ms: u64,
        events: &mut Events,
    ) -> Result<(), Violation> {
        let Frame { head, options, body } = frame;
        let key = self.calls.awaits(head.call, lane)?;
        let call = self.calls.get(key).expect("it was just found");
        let (slot, cost, wanted, unsent) = (call.import, call.cost, call.waiter.is_some(), call.body.take());
        let (cancelled, late, promise) = (call.cancelled, call.late, call.promise);
        if large.is_some() && promise.is_some() {
            return Err(Violation::NotYet("a large answer that is kept"));
        }
        if let Some(promise) = promise
            && head.kind == Kind::Fault
        {
            let cause = cause_of(&fault_of(&head, &body));
            self.imports.break_promise(promise as usize, &cause, true, &mut events.shells);
        }
        // One that was cancelled waits only for a word, and its Cancel withdraws the body.
        let announced = large.filter(|_| wanted && !cancelled);
        let mut waiter = None;
        if announced.is_none() {
            self.wheel.remove(head.call.0);
            waiter = self.calls.answer(key);
        }
        let unsettled = !wanted && mutation!(UnwantedRefsUnsettled);
        let table: &[Reference] = if unsettled { &[] } else { &options.refs };
        let refs = match table {
            [] => Refs::default(),
            table => self.settle(shared, lane, table, events)?,
        };
        if !(mutation!(PermitKeptOnFault) && head.kind == Kind::Fault) {
            self.permits.give_back(slot, 1, cost).map_err(|_| Violation::UnknownAnswer)?;
        }
        let ended = self.imports.answered(slot, 1, &mut events.shells)?;
        self.forget_permits(ended);
        if let Some(number) = unsent {
            // Whoever answers does not want the rest of the arguments.
            self.withdraw_body(number);
        }
        if let Some(large) = announced {
            // The caller and its deadline wait on, until the body is there.
            self.calls.is_large(key);
            if let Some(call) = self.calls.get(key) {
                call.reply = Some(large.number);
            }
            self.bodies.incoming.announced(large, ReceivingOf::Reply(key, refs));
            self.pull_more(now_ms, events);
            return Ok(());
        }
        let Some(waiter) = waiter else { return Ok(()) };
        let answer = if large.is_some() {
            let code = if late { FaultCode::DEADLINE } else { FaultCode::CANCELLED };
            Answer::Fault(Fault::new(code, Ran::Yes, "its result is too late"))
        } else if head.kind == Kind::Reply {
            Answer::Reply { body, refs }
        } else {
            // It was this side's clock that stopped it.
            let late = late && FaultCode(head.method) == FaultCode::CANCELLED;
            let fault = fault_of(&head, &body);
            Answer::Fault(if late { Fault { code: FaultCode::DEADLINE, ..fault } } else { fault })
        };
        events.answers.push((waiter, answer));
        Ok(())
    }

    pub(super) fn forget_permits(&mut self, ended: Option<usize>) {
        let Some(slot) = ended else { return };
        self.permits.forget(slot);
        self.finish_promises();
        while let Some(lane) = self.imports.lane_to_retire() {
            self.lanes[lane].retire();
        }
    }

    pub(super) fn receive_names(&mut self, lane: usize, frame: Frame) -> Result<(), Violation> {
        let object = frame.head.object;
        let fingerprint = if object == ObjectId::LOBBY {
            self.lobby.descriptor().fingerprint
        } else {
            self.exports.fingerprint(object).ok_or(Violation::UnknownNames(object))?
        };
        self.lanes[lane].heard.set(fingerprint, &frame.body).map_err(|why| match why {
            NotHeard::Unreadable => Violation::BadNames,
            NotHeard::TooMuch => Violation::TooManyNames,
        })
    }

    pub(super) fn receive_done(
        &mut self,
        lane: usize,
        frame: Frame,
        events: &mut Events,
    ) -> Result<(), Violation> {
        let cost: [u8; 4] = frame.body[..].try_into().map_err(|_| Violation::UnknownAnswer)?;
        let count = frame.head.call.0;
        let slot = if frame.head.flags & wire::flag::ON_ANSWER != 0 {
            self.calls.promise_of(CallId(frame.head.object.0), lane)
        } else {
            self.imports.slot_of(frame.head.object)
        };
        let slot = slot.ok_or(Violation::UnknownAnswer)?;
        self.permits
            .give_back(slot, count, u32::from_le_bytes(cost))
            .map_err(|_| Violation::UnknownAnswer)?;
        let ended = self.imports.answered(slot, count, &mut events.shells)?;
        self.forget_permits(ended);
        Ok(())
    }

    /// Settles the whole reference table of a frame, whether or not its body is decoded, wanted or understood (N3).
    pub(super) fn settle(
        &mut self,
        shared: &Arc<Shared>,
        lane: usize,
        refs: &[Reference],
        events: &mut Events,
    ) -> Result<Refs, Violation> {
        // What comes by an object's own lane may be held longer than that object.
        let shared_lane = if mutation!(BoundToOwnLane) { lane } else { self.lanes.shared_lane(lane) };
        let mut handles = Vec::with_capacity(refs.len());
        for r in refs {
            if r.hops > HOPS_MAX {
                return Err(Violation::TooManyHops(r.hops));
            }
            let handle = match r.kind {
                RefKind::Dead => Handle::dead(),
                RefKind::Export => {
                    let (slot, entry) = self.imports.arrive(r.id, shared_lane, r.own_lane, r.fingerprint)?;
                    let import = match entry.handle.upgrade() {
                        Some(import) => import,
                        None => {
                            let origin = Origin { fingerprint: r.fingerprint, hops: r.hops, stays: r.stays };
                            let import = Import::new(shared, slot, r.id, origin);
                            entry.handle = Arc::downgrade(&import);
                            import
                        }
                    };
                    if mutation!(UndecodedRefsLeak) {
                        std::mem::forget(import.clone());
                    }
                    Handle::remote(import)
                }
                RefKind::Source | RefKind::Sink => self.stream_arrives(shared, lane, r)?,
                RefKind::Home => match self.exports.home(r.id, &mut events.garbage)? {
                    // A forwarder that comes back to its maker is what it stands for.
                    Found::Object(object) => {
                        object.forwards().cloned().unwrap_or_else(|| Handle::local(object))
                    }
                    _ => Handle::dead(),
                },
            };
            handles.push(handle);
        }
        Ok(Refs::new(handles))
    }
}

fn crowded() -> Fault {
    Fault::never(FaultCode::OVERLOADED, "the node has no memory left for calls of this connection")
}

fn fault_of(head: &Head, body: &[u8]) -> Fault {
    Fault {
        code: FaultCode(head.method).as_heard(),
        ran: Ran::from_byte(head.flags),
        text: String::from_utf8_lossy(body).into_owned(),
    }
}
