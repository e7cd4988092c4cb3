//! The calls that this side makes: admitted, given permits, appended to their lane; abandoned, expired, granted (N6).

use super::bodies::SendingOf;
use super::*;

impl Tables {
    /// A call is made: it is appended to its lane, or queued for permits, or refused with what is wrong.
    pub(crate) fn start(
        &mut self,
        slot: usize,
        id: ObjectId,
        mut request: Request,
        waiter: Waiter,
        now_ms: u64,
    ) -> Result<CallKey, Box<(Fault, Request)>> {
        if request.sort.is_notice() {
            // Nobody waits for a notice, so it is no link in any chain of calls.
            request.path.clear();
        }
        let (lane, is_large) = match self.admit(slot, id, &request) {
            Ok(admitted) => admitted,
            Err(fault) => return Err(Box::new((fault, request))),
        };
        let frame = wire::HEAD_LEN
            + OptionsLen {
                deadline: true,
                path: request.path.len(),
                depth: request.depth,
                refs: request.refs.len(),
                trace: request.trace.is_some(),
                large: is_large,
            }
            .bytes()
            + if is_large { 0 } else { request.body.len() };
        let cost = cost_of(frame);
        let (depth, deadline_ms) = (request.depth, request.deadline_ms);
        let key = self.calls.insert(slot, lane, depth, cost, waiter);
        let keep = request.keep;
        match self.permits.want(slot, depth, cost, key) {
            Want::Granted => {
                if let Err(fault) = self.append(key, &mut request, now_ms) {
                    self.calls.remove(key);
                    return Err(Box::new((fault, request)));
                }
                let at_once = !is_large || request.sort == Sort::NoticeAtOnce;
                if request.sort.is_notice() && at_once {
                    if let Some(waiter) = self.calls.get(key).and_then(|c| c.waiter.take()) {
                        // Nobody listens yet, so this wakes nobody under the lock.
                        waiter.send(Answer::Sent);
                    }
                    if !is_large {
                        self.calls.remove(key);
                        return Ok(key);
                    }
                }
                if keep {
                    self.promise(key, lane, true);
                }
            }
            Want::Queued if request.sort == Sort::NoticeAtOnce => {
                self.permits.withdraw(slot, depth, key);
                self.calls.remove(key);
                let fault =
                    Fault::never(FaultCode::OVERLOADED, "no permit is free, and the notice is not to wait");
                return Err(Box::new((fault, request)));
            }
            Want::Queued => {
                let call = self.calls.get(key).expect("it was just inserted");
                call.queued = Some(Box::new(request));
                self.imports.queued(slot);
                if keep {
                    self.promise(key, lane, false);
                }
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

    /// The lane of a call that may be made, and whether its body is large.
    pub(super) fn admit(
        &mut self,
        slot: usize,
        id: ObjectId,
        request: &Request,
    ) -> Result<(usize, bool), Fault> {
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
        let is_large = self.is_large(request.body.len());
        let is_large = is_large.map_err(|text| Fault::never(FaultCode::NOT_SENT, text))?;
        if is_large && request.sort == Sort::NoticeAtOnce {
            let unsent = self.bodies.outgoing.requests_len();
            if unsent > 0 && unsent + request.body.len() > self.limits.bodies.pull_max {
                let text = "too many bytes wait to be fetched, and the notice is not to wait";
                return Err(Fault::never(FaultCode::OVERLOADED, text));
            }
        }
        if request.refs.len() > wire::REFERENCES_MAX {
            let text = format!("{} references in one call, at most 256 travel", request.refs.len());
            return Err(Fault::never(FaultCode::NOT_SENT, text));
        }
        if request.on_answer {
            let lane = self.admit_on_answer(slot)?;
            return self.admit_promise(lane, request).map(|lane| (lane, is_large));
        }
        let Some(entry) = self.imports.get(slot, id) else {
            return Err(Fault::never(FaultCode::GONE, ""));
        };
        let lane = entry.lane;
        if let Some(reason) = self.imports.dead(slot) {
            return Err(Fault::never(FaultCode::GONE, &**reason));
        }
        let lane = if id == ObjectId::LOBBY {
            self.next_lobby_lane = (self.next_lobby_lane + 1) % self.lanes.shared().max(1);
            self.next_lobby_lane
        } else if lane == imports::NO_LANE {
            let own = self.lanes.open();
            self.imports.set_lane(slot, own);
            own
        } else {
            lane
        };
        match self.lanes.get(lane) {
            None => Err(Fault::never(FaultCode::DISCONNECTED, "the connection is not open yet")),
            Some(_) => self.admit_promise(lane, request).map(|lane| (lane, is_large)),
        }
    }

    /// Writes the frame of a call that has its permits. On an error they are given back.
    pub(super) fn append(&mut self, key: CallKey, request: &mut Request, now_ms: u64) -> Result<(), Fault> {
        let (slot, lane, cost) = {
            let call = self.calls.get(key).expect("whoever appends has the call");
            (call.import, call.lane, call.cost)
        };
        let entry = self.imports.slot(slot);
        let (object, fingerprint) = (entry.id, entry.fingerprint);
        let mine = request.interface.fingerprint;
        let refs = if request.on_answer {
            self.tell_numbering(slot, &request.interface).and_then(|()| self.references(&request.refs))
        } else if mine != fingerprint && !names_fit(&request.interface) {
            Err(Fault::never(FaultCode::NOT_SENT, "the interface has more method names than a frame carries"))
        } else if self.lanes[lane].telling.differs(fingerprint, mine)
            && !self.lanes[lane].telling.has_room(fingerprint, &request.interface)
        {
            Err(Fault::never(FaultCode::NOT_SENT, naming::NO_ROOM))
        } else {
            self.references(&request.refs)
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
        if !request.on_answer && outbox.telling.differs(fingerprint, mine) && !mutation!(NamesNotSent) {
            let body = outbox.telling.tell(fingerprint, &request.interface);
            let head = Head { kind: Kind::Names, flags: 0, method: 0, call: CallId(0), object };
            wire::put_frame(outbox.buffer(), &head, &Options::default(), &body);
        }
        let left = request.deadline_ms.saturating_sub(now_ms).min(u32::MAX as u64) as u32;
        let is_large = self.is_large(request.body.len()).unwrap_or(false);
        let large = is_large.then(|| {
            let body = std::mem::take(&mut request.body);
            self.bodies.outgoing.announce(body.into(), SendingOf::Request(key))
        });
        if let Some(large) = large {
            let call = self.calls.get(key).expect("whoever appends has the call");
            (call.body, call.notice) = (Some(large.number), request.sort.is_notice());
            self.calls.is_large(key);
        }
        let (kind, call) =
            if request.sort.is_notice() { (Kind::Notice, CallId(0)) } else { (Kind::Call, key.call()) };
        let keep = if request.keep { wire::flag::KEEP } else { 0 };
        let on_answer = if request.on_answer { wire::flag::ON_ANSWER } else { 0 };
        let head = Head { kind, flags: keep | on_answer, method: request.method, call, object };
        // Of a notice always, so that both sides count the same permits for it.
        let deadline_ms = (request.sort.is_notice() || left != self.limits.deadline_ms).then_some(left);
        let outbox = self.lanes[lane].buffer();
        if request.has_no_context() && refs.is_empty() && deadline_ms.is_none() && large.is_none() {
            wire::put_plain(outbox, &head, &request.body);
        } else {
            let path = request.path.clone();
            let trace = request.trace.as_deref().map(|trace| trace.to_wire());
            let options = Options { deadline_ms, path, depth: request.depth, trace, large, refs };
            wire::put_frame(outbox, &head, &options, &request.body);
        }
        self.imports.sent(slot);
        self.pause_if_full(lane);
        Ok(())
    }

    /// Fixes the reference table: what is ours is exported, what is the peer's goes home.
    pub(super) fn references(
        &mut self,
        handles: &[Handle],
    ) -> Result<smallvec::SmallVec<[Reference; 1]>, Fault> {
        let mut refs = smallvec::SmallVec::new();
        for handle in handles {
            let dead = Reference::DEAD;
            let reference = match handle.target() {
                // A closure is started when it is encoded; one that is not was revoked.
                Target::Dead | Target::Lazy(_) => dead,
                Target::Local(object) if object.is_dead() => dead,
                Target::Local(object) => match self.exports.export(object) {
                    Ok(id) => Reference {
                        kind: RefKind::Export,
                        own_lane: object.descriptor().own_lane,
                        stays: object.stays(),
                        hops: object.hops(),
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
                Target::Stream(end) => match self.name_stream(end) {
                    Ok(reference) => reference,
                    Err(fault) => {
                        self.take_back(&refs);
                        return Err(fault);
                    }
                },
                Target::Remote(import) => match self.imports.send_home(import.slot(), import.id()) {
                    SentHome::Unit => Reference { kind: RefKind::Home, id: import.id(), ..Reference::DEAD },
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
    pub(super) fn take_back(&mut self, refs: &[Reference]) {
        let mut garbage = Vec::new();
        for r in refs {
            match r.kind {
                RefKind::Export => {
                    let undone = self.exports.release(r.id, UNITS, false, &mut garbage);
                    debug_assert!(undone.is_ok(), "the units were just added");
                }
                RefKind::Home => self.imports.unit_back(r.id),
                RefKind::Source | RefKind::Sink => self.streams.unname(StreamId(r.id.0)),
                RefKind::Dead => {}
            }
        }
        // The handles of the request hold the objects, so that none ends here, under the lock.
    }

    /// The caller no longer waits: a queued call is withdrawn, a sent one is cancelled; its slot stays.
    pub(crate) fn abandon(&mut self, key: CallKey, now_ms: u64, events: &mut Events) {
        self.give_up(key, "the call was cancelled", now_ms, events);
    }

    /// The caller of a call that is passed on has cancelled it: the peer is told to stop it, and what it says of it is
    /// awaited.
    pub(crate) fn cancel(&mut self, key: CallKey, now_ms: u64, events: &mut Events) {
        let Some(call) = self.calls.get(key) else { return };
        if call.may_hear_more() {
            self.say_cancel(key);
            return;
        }
        let cancelled = Answer::Fault(Fault::new(FaultCode::CANCELLED, call.ran(), ""));
        events.answers.extend(call.waiter.take().map(|waiter| (waiter, cancelled)));
        self.abandon(key, now_ms, events);
    }

    fn give_up(&mut self, key: CallKey, why: &str, now_ms: u64, events: &mut Events) {
        let Some(call) = self.calls.get(key) else { return };
        call.waiter = None;
        if call.queued.is_some() {
            self.withdraw(key, why, events);
            self.grant(now_ms, events);
            return;
        }
        let (lane, notice, body, reply) = (call.lane, call.notice, call.body.take(), call.reply);
        self.wheel.remove(key.call().0);
        if let Some(number) = body.filter(|_| !mutation!(BodyKept)) {
            self.withdraw_body(number);
        }
        if notice {
            self.calls.remove(key);
            return;
        }
        if let Some(number) = reply {
            self.abandon_reply(lane, key.call(), number);
            self.calls.remove(key);
            self.pull_more(now_ms, events);
            return;
        }
        let Some((slot, cost)) = self.say_cancel(key) else { return };
        if mutation!(SlotFreedOnCancel) {
            self.calls.remove(key);
            let _ = self.permits.give_back(slot, 1, cost);
            let _ = self.imports.answered(slot, 1, &mut events.shells);
        }
    }

    /// Tells the peer to stop a sent call, once; its import and cost if it was told now.
    pub(super) fn say_cancel(&mut self, key: CallKey) -> Option<(usize, u32)> {
        let call = self.calls.get(key)?;
        if std::mem::replace(&mut call.cancelled, true) {
            return None;
        }
        let (lane, slot, cost) = (call.lane, call.import, call.cost);
        self.put_cancel(lane, key.call());
        Some((slot, cost))
    }

    /// A queued call leaves its line; [`Tables::grant`] is to follow.
    pub(super) fn withdraw(&mut self, key: CallKey, why: &str, events: &mut Events) {
        let Some(call) = self.calls.remove(key) else { return };
        self.permits.withdraw(call.import, call.depth, key);
        self.wheel.remove(key.call().0);
        events.requests.extend(call.queued);
        let ended = self.imports.unqueued(call.import, &mut events.shells);
        self.forget_permits(ended);
        if let Some(promise) = call.promise {
            self.break_promises(promise as usize, &why.into(), events);
        }
    }

    /// The calls whose deadline has passed end. Those that were sent are cancelled, and have `grace_ms` to hear from the
    /// peer whether they ran and what they waited for: its answer is on its way at this moment.
    pub(crate) fn expire(&mut self, now_ms: u64, grace_ms: u64, events: &mut Events) {
        let mut due = Vec::new();
        self.wheel.expire(now_ms, &mut due);
        for index in due {
            let Some(key) = self.calls.key_of(index) else { continue };
            let Some(call) = self.calls.get(key) else { continue };
            if call.may_hear_more() && !std::mem::replace(&mut call.late, true) {
                self.say_cancel(key);
                self.wheel.insert(index, now_ms + grace_ms);
                continue;
            }
            let ran = if mutation!(SentIsNeverRan) { Ran::Never } else { call.ran() };
            let detail = if call.queued.is_some() { "waiting for a permit" } else { "" };
            if let Some(waiter) = call.waiter.take() {
                events.answers.push((waiter, Answer::Fault(Fault::new(FaultCode::DEADLINE, ran, detail))));
            }
            self.give_up(key, "the deadline has passed", now_ms, events);
        }
        self.give_up_stalled(now_ms, events);
    }

    /// When [`Tables::expire`] is to be asked again.
    pub(crate) fn next_deadline(&self) -> Option<u64> {
        let all = [self.wheel.next_wake(), self.bodies.incoming.next_check(), self.bulk.next_check()];
        all.into_iter().flatten().min()
    }

    /// Starts the calls that have their permits now.
    pub(super) fn grant(&mut self, now_ms: u64, events: &mut Events) {
        while let Some(key) = self.permits.next() {
            let Some(mut request) = self.calls.get(key).and_then(|c| c.queued.take()) else {
                debug_assert!(false, "whoever waits for permits is queued");
                continue;
            };
            let (slot, lane) = self.calls.get(key).map_or((None, 0), |c| (Some(c.import), c.lane));
            let outcome = self.append(key, &mut request, now_ms);
            let ended = slot.and_then(|slot| self.imports.unqueued(slot, &mut events.shells));
            self.forget_permits(ended);
            let notice = request.sort.is_notice();
            if request.keep
                && outcome.is_ok()
                && let Some(promise) = self.calls.promise_of(key.call(), lane)
            {
                self.permits.open(promise);
            }
            events.requests.push(request);
            let is_large = self.calls.get(key).is_some_and(|c| c.body.is_some());
            if outcome.is_ok() && (!notice || is_large) {
                continue;
            }
            self.wheel.remove(key.call().0);
            let Some(call) = self.calls.remove(key) else { continue };
            if let (Some(promise), Err(fault)) = (call.promise, &outcome) {
                self.break_promises(promise as usize, &cause_of(fault), events);
            }
            let answer = match outcome {
                Ok(()) => Answer::Sent,
                Err(fault) => Answer::Fault(fault),
            };
            events.answers.extend(call.waiter.map(|w| (w, answer)));
        }
    }

    pub(super) fn pause_if_full(&mut self, lane: usize) {
        if self.lanes.filled(lane, self.limits.outbox_max) {
            self.permits.pause(true);
        }
    }
}

/// Whether the method names of an interface can be told to a peer with another version of it.
pub(super) fn names_fit(interface: &crate::descriptor::Descriptor) -> bool {
    let each = |m: &crate::descriptor::Method| m.name.len() + 3;
    wire::HEAD_LEN + 5 + interface.methods.iter().map(each).sum::<usize>() <= wire::FRAME_MAX
}
