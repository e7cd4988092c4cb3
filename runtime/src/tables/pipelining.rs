//! Calls on answers that are not there yet (N6, F27): at the caller the promise, which is an import of its own; at the host the kept answer.
//!
//! A promise ends as an import does: nobody holds it, and nothing sent to it is unanswered. Then `Finish` is said, which is why a number
//! that is used again never meets what belongs to its former call. A promise goes through the host for ever, even when the object is known:
//! it and the proxy that the answer brings are two handles, and neither waits for the other.

use super::bodies::{Held, Whose};
use super::*;
use crate::error::{CallError, NoError};
use crate::wire::KEPT_MAX;

/// Why calls on an answer wait in vain, in words.
pub(super) fn cause_of(fault: &Fault) -> Arc<str> {
    CallError::<NoError>::from_fault(fault.clone()).to_string().into()
}

/// The caller's side.
impl Tables {
    /// Whether one more answer may be kept, if that is wanted.
    pub(super) fn admit_promise(&self, lane: usize, request: &Request) -> Result<usize, Fault> {
        if request.keep && self.lanes[lane].promises() >= KEPT_MAX {
            let text = format!("{KEPT_MAX} results are promised on one lane, which is the limit");
            return Err(Fault::never(FaultCode::OVERLOADED, text));
        }
        Ok(lane)
    }

    pub(super) fn admit_on_answer(&mut self, slot: usize) -> Result<usize, Fault> {
        match self.imports.promised(slot) {
            None => Err(Fault::never(FaultCode::BROKEN_PROMISE, "")),
            Some(Entry { dead: Some(cause), .. }) => Err(Fault::never(FaultCode::BROKEN_PROMISE, &**cause)),
            Some(entry) => Ok(entry.lane),
        }
    }

    /// The answer of a call that was just made is promised; calls on it wait until it is sent.
    pub(super) fn promise(&mut self, key: CallKey, lane: usize, sent: bool) {
        let promise = self.imports.promise(key.call(), lane);
        self.lanes[lane].promise();
        if let Some(call) = self.calls.get(key) {
            call.promise = Some(promise as u32);
        }
        self.permits.hold(promise);
        if sent || mutation!(SentBeforeParent) {
            self.permits.open(promise);
        }
    }

    /// The slot of the promise that a call was made with.
    pub(crate) fn promised_by(&mut self, key: CallKey) -> Option<usize> {
        self.calls.get(key)?.promise.map(|slot| slot as usize)
    }

    /// Says whose method numbers the calls on a promise have, before the first of them.
    pub(super) fn tell_numbering(
        &mut self,
        slot: usize,
        interface: &crate::descriptor::Descriptor,
    ) -> Result<(), Fault> {
        let entry = self.imports.slot(slot);
        let (lane, object) = (entry.lane, entry.id);
        if entry.fingerprint == interface.fingerprint {
            return Ok(());
        }
        let too_many = || Fault::never(FaultCode::NOT_SENT, naming::NO_ROOM);
        if !outgoing::names_fit(interface) {
            let text = "the interface has more method names than a frame carries";
            return Err(Fault::never(FaultCode::NOT_SENT, text));
        }
        let outbox = &mut self.lanes[lane];
        let body = outbox.telling.tell_of_answer(interface).ok_or_else(too_many)?;
        let flags = wire::flag::ON_ANSWER;
        let head = Head { kind: Kind::Names, flags, method: 0, call: CallId(0), object };
        wire::put_frame(outbox.buffer(), &head, &Options::default(), &body);
        if let Some(entry) = self.imports.promised(slot) {
            entry.fingerprint = interface.fingerprint;
        }
        Ok(())
    }

    /// The last handle of a promise may be gone.
    pub(crate) fn let_go_promise(&mut self, slot: usize, now_ms: u64, events: &mut Events) {
        let ended = self.imports.let_go_promise(slot, &mut events.shells);
        self.forget_permits(ended);
        if ended.is_some() {
            // Its call may have waited for permits before others.
            self.grant(now_ms, events);
        }
    }

    /// Says that promises have ended; a call whose answer nobody wants any more is cancelled.
    pub(super) fn finish_promises(&mut self) {
        while let Some(imports::Finished { lane, call }) = self.imports.next_finished() {
            self.lanes[lane].promise_ended();
            let Some(call) = call else { continue };
            let unanswered = self.calls.finish(call);
            let Some(key) = unanswered else {
                self.say_finish(lane, call);
                continue;
            };
            let slot = self.calls.get(key).expect("it is not answered");
            if slot.queued.is_some() {
                self.withdraw_unwanted(key);
                continue;
            }
            self.say_finish(lane, call);
            self.wheel.remove(call.0);
            self.say_cancel(key);
        }
    }

    fn say_finish(&mut self, lane: usize, call: CallId) {
        if mutation!(NeverFinished) {
            return;
        }
        let head = Head { kind: Kind::Finish, flags: 0, method: 0, call, object: ObjectId(0) };
        wire::put_frame(self.lanes[lane].buffer(), &head, &Options::default(), &[]);
    }

    /// A call that waits for permits and whose answer nobody wants leaves its line.
    fn withdraw_unwanted(&mut self, key: CallKey) {
        let Some(call) = self.calls.remove(key) else { return };
        self.permits.withdraw(call.import, call.depth, key);
        self.wheel.remove(key.call().0);
        self.litter.requests.extend(call.queued);
        if let Some(slot) = self.imports.unqueued(call.import, &mut self.litter.shells) {
            self.permits.forget(slot);
        }
    }

    /// A call was never sent: neither are the calls on its answer, nor those on theirs.
    pub(super) fn break_promises(&mut self, slot: usize, cause: &Arc<str>, events: &mut Events) {
        let mut broken = vec![slot];
        while let Some(slot) = broken.pop() {
            self.imports.break_promise(slot, cause, false, &mut events.shells);
            for key in self.calls.queued_on(slot) {
                let Some(call) = self.calls.remove(key) else { continue };
                self.permits.withdraw(slot, call.depth, key);
                self.wheel.remove(key.call().0);
                if let Some(waiter) = call.waiter
                    && !mutation!(DependentsForgotten)
                {
                    let fault = Fault::never(FaultCode::BROKEN_PROMISE, &**cause);
                    events.answers.push((waiter, Answer::Fault(fault)));
                }
                events.requests.extend(call.queued);
                broken.extend(call.promise.map(|slot| slot as usize));
                let ended = self.imports.unqueued(slot, &mut events.shells);
                self.forget_permits(ended);
            }
        }
    }
}

/// The host's side.
impl Tables {
    pub(super) fn receive_numbering(&mut self, lane: usize, frame: &Frame) -> Result<(), Violation> {
        let numbering = self.lanes[lane].heard.list(&frame.body).map_err(|_| Violation::BadNumbering)?;
        self.kept.set_numbering(lane, CallId(frame.head.object.0), numbering)
    }

    pub(super) fn receive_finish(
        &mut self,
        lane: usize,
        call: CallId,
        events: &mut Events,
    ) -> Result<(), Violation> {
        let object = self.kept.finish(lane, call)?;
        if mutation!(StandInLeaks) && object.as_ref().is_some_and(|o| o.forwards().is_some()) {
            std::mem::forget(object.clone());
        }
        events.garbage.extend(object);
        Ok(())
    }

    /// The caller of a call on an answer has given up: if it still waits for that answer, it ends here.
    pub(super) fn withdraw_dependent(&mut self, lane: usize, parent: CallId, call: CallId) {
        let Some(waiting) = self.kept.withdraw(lane, parent, call) else { return };
        let fault = Fault::never(FaultCode::CANCELLED, "");
        self.body_unwanted(waiting.body, waiting.call);
        let (call, cost) = (waiting.delivery.replier.disarm(), waiting.cost);
        self.litter.refs.push(waiting.delivery.refs);
        self.finish(lane, call, Callee::Answer(parent), cost, Err(fault));
    }

    /// A kept answer will be `object`: what waits for it goes there, and true comes back, to be asked again after it was handed over. Only when
    /// nothing waits is the answer known; it is to be given under the same lock.
    pub(crate) fn fulfil(
        &mut self,
        lane: usize,
        call: CallId,
        object: &LocalObject,
        events: &mut Events,
    ) -> bool {
        let waiting = self.kept.fulfil(lane, call, object);
        let more = !waiting.is_empty();
        for kept::Waiting { call: dependent, cost, mut delivery, body } in waiting {
            let numbering = delivery.numbering.as_deref();
            let method = match kept::method_of(numbering, object.descriptor(), delivery.method) {
                // Its number is the caller's own, and goes with the list that it is in.
                Err(_) if object.forwards().is_some() => Ok(delivery.method),
                Ok(method) => {
                    delivery.numbering = None;
                    Ok(method)
                }
                unknown => unknown,
            };
            match method {
                Ok(method) => {
                    delivery.method = method;
                    let line = (Whose::Answer(lane, call), delivery.context.depth());
                    let is_behind = self.bodies.lines.contains(line) && !mutation!(DependentsOvertaken);
                    if body.is_some() || is_behind {
                        let held =
                            Held { object: object.clone(), delivery, call: dependent, lane, cost, body };
                        self.bodies.lines.push(line, held);
                    } else if self.holds_back(lane) {
                        self.parked.push((object.clone(), delivery));
                    } else {
                        events.deliver(object.clone(), delivery);
                    }
                }
                Err(name) => {
                    let fault = Fault::never(FaultCode::NO_SUCH_METHOD, name);
                    self.body_unwanted(body, dependent);
                    delivery.replier.disarm();
                    events.refs.push(delivery.refs);
                    self.finish(lane, dependent, Callee::Answer(call), cost, Err(fault));
                }
            }
        }
        more
    }

    /// A kept answer will be no object: what waits for it fails, and what waits for that.
    pub(crate) fn break_kept(&mut self, lane: usize, call: CallId, cause: Arc<str>) {
        let mut broken = vec![(call, cause)];
        while let Some((parent, cause)) = broken.pop() {
            for waiting in self.kept.break_off(lane, parent, &cause) {
                if !mutation!(DependentBodyKept) {
                    self.body_unwanted(waiting.body, waiting.call);
                }
                let dependent = waiting.delivery.replier.disarm();
                self.litter.refs.push(waiting.delivery.refs);
                let fault = Fault::never(FaultCode::BROKEN_PROMISE, &*cause);
                let callee = Callee::Answer(parent);
                broken.extend(self.finish_one(lane, dependent, callee, waiting.cost, Err(fault)));
            }
        }
    }

    /// The connection has ended.
    pub(super) fn end_kept(&mut self, events: &mut Events) {
        let (waiting, objects) = self.kept.end();
        events.garbage.extend(objects);
        for waiting in waiting {
            waiting.delivery.replier.disarm();
            events.refs.push(waiting.delivery.refs);
        }
    }

    /// What is to be dropped after the lock is released.
    pub(crate) fn sweep(&mut self, events: &mut Events) {
        events.requests.append(&mut self.litter.requests);
        events.refs.append(&mut self.litter.refs);
        events.shells.append(&mut self.litter.shells);
        events.garbage.append(&mut self.litter.objects);
    }
}
