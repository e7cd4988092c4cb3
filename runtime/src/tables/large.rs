//! Calls and answers with a large body: announced, asked for, sent and received (N8).

use std::task::{Poll, Waker};

use super::bodies::{Held, Line, Pull, Received, ReceivingOf, SendingOf, Whose};
use super::kept::Waiting;
use super::*;
use crate::wire::{BodyId, Large};

impl Tables {
    /// The body that a frame announces, if it does and may.
    pub(super) fn large_of(&self, frame: &Frame) -> Result<Option<Large>, Violation> {
        let Some(large) = frame.options.large else { return Ok(None) };
        if !frame.body.is_empty() {
            return Err(Violation::TwoBodies);
        }
        if large.len as usize > self.limits.bodies.body_max {
            return Err(Violation::BodyTooLarge(large.len));
        }
        if self.bodies.incoming.is_known(large.number) {
            return Err(Violation::BodyInUse);
        }
        Ok(Some(large))
    }

    /// Whether a frame is to announce a body of this length; an error if it is above what the peer takes.
    pub(super) fn is_large(&self, len: usize) -> Result<bool, String> {
        let max = self.peer.as_ref().map_or(0, |p| p.body_max as usize).min(self.limits.bodies.body_max);
        if len <= self.limits.inline_max {
            return Ok(false);
        }
        if len > max {
            return Err(format!("a body of {len} bytes is above the {max} that travel"));
        }
        Ok(true)
    }

    /// A call joins a line: it waits for its own body, or stands behind one that does.
    pub(super) fn hold(
        &mut self,
        line: Line,
        mut held: Held,
        large: Option<Large>,
        now_ms: u64,
        events: &mut Events,
    ) {
        held.body = large.map(|l| l.number);
        // A copy: as a slice it would keep all that arrived with it.
        held.delivery.body.detach();
        self.bodies.lines.push(line, held);
        if let Some(large) = large {
            self.bodies.incoming.announced(large, ReceivingOf::Request(line));
            self.pull_more(now_ms, events);
        }
    }

    /// Asks for the bodies for which there is room.
    pub(super) fn pull_more(&mut self, now_ms: u64, events: &mut Events) {
        loop {
            match self.bodies.incoming.ask(now_ms) {
                Pull::Asked => {}
                Pull::Nothing => return,
                Pull::Refuse(number, line) => {
                    let text = "the peer holds too many bytes of calls that are not answered";
                    self.refuse_held(number, line, Fault::never(FaultCode::OVERLOADED, text), events);
                }
            }
        }
    }

    /// The call that waits for this body is answered with a fault.
    fn refuse_held(&mut self, number: BodyId, line: Line, fault: Fault, events: &mut Events) {
        match self.bodies.lines.take(line, |held| held.body == Some(number)) {
            Some(held) => self.give_up_held(line, held, fault, events),
            None => {
                match self.kept_of(line).and_then(|(lane, parent)| self.kept.take(lane, parent, number)) {
                    Some(waiting) => self.give_up_waiting(line, waiting, fault),
                    None => self.bodies.incoming.give_up(number),
                }
            }
        }
        self.advance(line, events);
    }

    /// A call that has left its line is answered with a fault. [`Tables::advance`] is to follow.
    fn give_up_held(&mut self, line: Line, held: Held, fault: Fault, events: &mut Events) {
        let Held { object, delivery, call, lane, cost, body } = held;
        self.body_unwanted(body, call);
        // Its answer is given here, under the lock.
        delivery.replier.disarm();
        events.garbage.push(object);
        self.refuse(lane, call, line.0.callee(), cost, fault);
    }

    /// The body of a call that is answered before it was delivered.
    pub(super) fn body_unwanted(&mut self, body: Option<BodyId>, call: Option<CallId>) {
        match body {
            Some(number) if call.is_some() => self.bodies.incoming.give_up(number),
            // A notice has no answer that would tell its sender to forget the body.
            Some(number) => self.bodies.incoming.disown(number),
            None => {}
        }
    }

    /// The lane and the call whose kept answer a line is for.
    fn kept_of(&self, line: Line) -> Option<(usize, CallId)> {
        match line.0 {
            Whose::Answer(lane, parent) => Some((lane, parent)),
            Whose::Object(_) => None,
        }
    }

    /// A call that waited for a kept answer is answered with a fault.
    fn give_up_waiting(&mut self, line: Line, waiting: Waiting, fault: Fault) {
        let Some((lane, _)) = self.kept_of(line) else { return };
        let Waiting { call, cost, delivery, body, .. } = waiting;
        self.body_unwanted(body, call);
        delivery.replier.disarm();
        self.litter.refs.push(delivery.refs);
        self.refuse(lane, call, line.0.callee(), cost, fault);
    }

    /// What is whole at the head of a line goes to the object.
    fn advance(&mut self, line: Line, events: &mut Events) {
        while let Some(held) = self.bodies.lines.pop(line) {
            self.deliver(held.lane, held.object, held.delivery, events);
        }
    }

    /// A call that is in a line is cancelled: it leaves it with its answer.
    pub(super) fn cancel_held(
        &mut self,
        line: Line,
        lane: usize,
        call: CallId,
        now_ms: u64,
        events: &mut Events,
    ) {
        let held = self.bodies.lines.take(line, |held| held.call == Some(call) && held.lane == lane);
        if let Some(held) = held {
            self.give_up_held(line, held, Fault::never(FaultCode::CANCELLED, ""), events);
            self.advance(line, events);
            self.pull_more(now_ms, events);
        }
    }

    /// An object has ended: who waits in a line for it is told.
    pub(super) fn empty_lines_of(&mut self, key: u64, reason: &str, now_ms: u64, events: &mut Events) {
        let all = self.bodies.lines.take_all_of(key);
        if all.is_empty() {
            return;
        }
        for (line, held) in all {
            self.give_up_held(line, held, Fault::never(FaultCode::GONE, reason), events);
        }
        self.pull_more(now_ms, events);
    }

    /// A stream of the peer brings this body; how long it is.
    pub(crate) fn body_begins(&mut self, number: BodyId) -> Result<usize, Violation> {
        Ok(self.bodies.incoming.begins(number)? as usize)
    }

    /// Bytes of a body were read; whether they are to be kept.
    pub(crate) fn body_arrives(
        &mut self,
        number: BodyId,
        bytes: usize,
        now_ms: u64,
    ) -> Result<bool, Violation> {
        self.bulk.took(bytes);
        self.bodies.incoming.arrives(number, bytes, now_ms)
    }

    /// The stream of a body has ended; `body` is what was kept of it.
    pub(crate) fn body_ends(
        &mut self,
        number: BodyId,
        body: Bytes,
        now_ms: u64,
        events: &mut Events,
    ) -> Result<(), Violation> {
        match self.bodies.incoming.ends(number)? {
            Received::Whole(ReceivingOf::Request(line)) => {
                let kept = self.kept_of(line);
                let held = self
                    .bodies
                    .lines
                    .waits_for(line, number)
                    .map(|held| (&mut held.body, &mut held.delivery));
                let waits = held.or_else(|| {
                    let (lane, parent) = kept?;
                    let waiting = self.kept.waits_for(lane, parent, number)?;
                    Some((&mut waiting.body, &mut waiting.delivery))
                });
                if let Some((awaited, delivery)) = waits {
                    *awaited = None;
                    delivery.context.holds_body(body.len());
                    delivery.body = body.into();
                }
                self.advance(line, events);
            }
            Received::Whole(ReceivingOf::Reply(key, refs)) => {
                self.end_call(key, Answer::Reply { body: body.into(), refs }, events);
            }
            Received::Whole(ReceivingOf::Nobody) | Received::Withdrawn(ReceivingOf::Nobody) => {}
            // Its Cancel is on its way, or the deadline of a notice has passed.
            Received::Withdrawn(ReceivingOf::Request(line)) => {
                self.refuse_held(number, line, Fault::never(FaultCode::CANCELLED, ""), events);
            }
            // Nobody has cancelled this call, or it would be nobody's.
            Received::Withdrawn(ReceivingOf::Reply(..)) => return Err(Violation::BodyTooShort),
        }
        self.pull_more(now_ms, events);
        Ok(())
    }

    /// A call whose slot nobody else frees has its outcome.
    fn end_call(&mut self, key: CallKey, answer: Answer, events: &mut Events) {
        self.wheel.remove(key.call().0);
        if let Some(waiter) = self.calls.remove(key).and_then(|call| call.waiter) {
            events.answers.push((waiter, answer));
        }
    }

    /// Bodies that make no progress are given up; their calls end.
    pub(super) fn give_up_stalled(&mut self, now_ms: u64, events: &mut Events) {
        let mut stalled = Vec::new();
        self.bodies.incoming.stalled(now_ms, &mut stalled);
        if stalled.is_empty() {
            return;
        }
        for (number, of) in stalled {
            let text = format!("its body made no progress for {} s", self.limits.bodies.stall_ms / 1_000);
            match of {
                ReceivingOf::Request(line) => {
                    self.refuse_held(number, line, Fault::never(FaultCode::BAD_BODY, text), events);
                }
                ReceivingOf::Reply(key, _) => {
                    if let Some(lane) = self.calls.get(key).map(|call| call.lane) {
                        self.abandon_reply(lane, key.call(), number);
                    }
                    let fault = Fault::new(FaultCode::BAD_REPLY, Ran::Yes, text);
                    self.end_call(key, Answer::Fault(fault), events);
                }
                ReceivingOf::Nobody => {}
            }
        }
        self.pull_more(now_ms, events);
    }

    /// The peer asks for a body.
    pub(super) fn pulled(&mut self, number: BodyId) -> Result<(), Violation> {
        self.bodies.outgoing.pull(number)
    }

    /// The next body for which a stream is to be opened; else `waker` is woken when there is one.
    pub(crate) fn body_to_open(&mut self, waker: &Waker) -> Option<BodyId> {
        self.bodies.outgoing.open(waker)
    }

    /// The next piece of a body that may be written now; `None` is its end, or that it was withdrawn.
    pub(crate) fn body_piece(
        &mut self,
        number: BodyId,
        waker: &Waker,
        now_ms: u64,
        events: &mut Events,
    ) -> Poll<Option<Bytes>> {
        if self.ended.is_some() {
            // Its end would be taken for that of the body.
            return Poll::Pending;
        }
        let busy = self.is_busy();
        let Some(sending) = self.bodies.outgoing.get(number) else { return Poll::Ready(None) };
        let len = sending.rest.len().min(PIECE);
        if !self.bulk.ask(&mut sending.ticket, len, busy, waker, now_ms) {
            return Poll::Pending;
        }
        let piece = self.bodies.outgoing.take(number, len);
        if let Some(sent) = self.bodies.outgoing.remove_if_sent(number) {
            match sent {
                SendingOf::Request(key) => {
                    let is_notice = self.calls.get(key).is_some_and(|call| {
                        call.body = None;
                        call.notice
                    });
                    if is_notice {
                        self.end_call(key, Answer::Sent, events);
                    }
                }
                SendingOf::Reply(..) => {
                    self.resume(now_ms, events);
                }
            }
        }
        Poll::Ready(Some(piece))
    }

    /// Nobody wants a body of this side any more. Who asks for it later, or has asked, gets a stream that ends early.
    pub(super) fn withdraw_body(&mut self, number: BodyId) {
        if let Some(ticket) = self.bodies.outgoing.remove(number) {
            self.bulk.leave(ticket);
        }
    }

    /// Nobody waits any more for a reply whose body is still to come. The number of its call is free then, since the Cancel goes before its
    /// next use.
    pub(super) fn abandon_reply(&mut self, lane: usize, call: CallId, number: BodyId) {
        if lane < self.lanes.shared() {
            self.bodies.incoming.give_up(number);
            self.put_cancel(lane, call);
        } else {
            // A lane of an object's own may have ended with the frame: the body is fetched, and thrown away.
            self.bodies.incoming.disown(number);
        }
    }

    pub(super) fn put_cancel(&mut self, lane: usize, call: CallId) {
        let head = Head { kind: Kind::Cancel, flags: 0, method: 0, call, object: ObjectId(0) };
        wire::put_frame(self.lanes[lane].buffer(), &head, &Options::default(), &[]);
    }
}
