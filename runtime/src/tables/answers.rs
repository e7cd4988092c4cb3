//! The answers that this side gives, and the chunks that its writers take (N6).

use super::bodies::SendingOf;
use super::*;

impl Tables {
    /// The one answer of a call, or the end of a notice (`call` is `None`).
    pub(crate) fn finish(
        &mut self,
        lane: usize,
        call: Option<CallId>,
        callee: Callee,
        cost: u32,
        outcome: Result<(Vec<u8>, &[Handle]), Fault>,
    ) {
        if self.ended.is_some() {
            return;
        }
        if let (Some(call), Ok((body, []))) = (call, &outcome)
            && body.len() <= self.limits.inline_max
            && !self.kept.has(lane, call)
        {
            return self.reply(lane, call, body);
        }
        let broken = self.finish_one(lane, call, callee, cost, outcome);
        if let Some((call, cause)) = broken {
            self.break_kept(lane, call, cause);
        }
    }

    /// The answer that nearly all calls have: a small body, no references, and no calls on it.
    fn reply(&mut self, lane: usize, call: CallId, body: &[u8]) {
        let Some(run) = self.running.remove(lane, call) else { return };
        self.answered(lane, run.callee);
        let outbox = &mut self.lanes[lane];
        outbox.answered();
        let head = Head { kind: Kind::Reply, flags: 0, method: 0, call, object: ObjectId(0) };
        wire::put_plain(outbox.buffer(), &head, body);
        self.pause_if_full(lane);
    }

    /// The same, without those that wait for this answer: gives why they wait in vain.
    pub(super) fn finish_one(
        &mut self,
        lane: usize,
        call: Option<CallId>,
        callee: Callee,
        cost: u32,
        outcome: Result<(Vec<u8>, &[Handle]), Fault>,
    ) -> Option<(CallId, Arc<str>)> {
        let Some(call) = call else {
            self.running.notice_done(cost);
            self.answered(lane, callee);
            self.lanes[lane].done(callee, cost);
            self.lanes[lane].answered();
            return None;
        };
        let run = self.running.remove(lane, call)?;
        self.answered(lane, run.callee);
        self.lanes[lane].answered();
        let outcome = outcome.and_then(|(body, handles)| {
            let is_large = self.is_large(body.len()).map_err(|text| bad_reply(&text))?;
            if is_large && self.kept.has(lane, call) {
                return Err(bad_reply("an answer on which calls wait is not to be a large one"));
            }
            if is_large && run.cancelled {
                // Nobody would ask for it.
                return Err(Fault::new(FaultCode::CANCELLED, Ran::Yes, ""));
            }
            if handles.len() > wire::REFERENCES_MAX {
                let text = format!("{} references in one result, at most 256 travel", handles.len());
                return Err(bad_reply(&text));
            }
            let refs = self.references(handles).map_err(|fault| Fault {
                code: FaultCode::BAD_REPLY,
                ran: Ran::Yes,
                text: fault.text,
            })?;
            Ok((body, refs, is_large))
        });
        let broken = match &outcome {
            Err(fault) if self.kept.has(lane, call) => Some((call, cause_of(fault))),
            _ => None,
        };
        let outbox = &mut self.lanes[lane];
        let head = |kind, flags, method| Head { kind, flags, method, call, object: ObjectId(0) };
        match outcome {
            Ok((body, refs, false)) => {
                let options = Options { refs, ..Options::default() };
                wire::put_frame(outbox.buffer(), &head(Kind::Reply, 0, 0), &options, &body);
            }
            Ok((body, refs, true)) => {
                let large = self.bodies.outgoing.announce(body.into(), SendingOf::Reply(lane, call));
                let options = Options { refs, large: Some(large), ..Options::default() };
                wire::put_frame(outbox.buffer(), &head(Kind::Reply, 0, 0), &options, &[]);
            }
            Err(fault) => {
                let head = head(Kind::Fault, fault.ran.to_byte(), fault.code.as_told().0);
                wire::put_frame(
                    outbox.buffer(),
                    &head,
                    &Options::default(),
                    wire::clip_fault(&fault.text).as_bytes(),
                );
            }
        }
        self.pause_if_full(lane);
        broken
    }

    fn answered(&mut self, lane: usize, callee: Callee) {
        match callee {
            Callee::Object(object) => self.exports.answered(object, 1),
            Callee::Answer(parent) => self.kept.answered(lane, parent),
        }
    }

    /// The writers that have something to do; they are woken after the lock is released.
    pub(crate) fn take_wakers(&mut self) -> Wakers {
        let mut wakers = Wakers::new();
        self.lanes.take_wakers(&mut wakers);
        self.streams.take_wakers(&mut wakers);
        if self.bulk.has_waiting() {
            let busy = self.is_busy();
            wakers.extend(self.bulk.next(busy));
            wakers.extend(std::iter::from_fn(|| self.bulk.take_left()));
        }
        if let Some(opener) = self.bodies.outgoing.take_opener() {
            wakers.push(opener);
        }
        wakers
    }

    /// The writer of a lane takes what there is; what was held back by a full outbox goes on.
    pub(crate) fn take_lane(&mut self, lane: usize, now_ms: u64, events: &mut Events) -> Option<Bytes> {
        let bytes = self.lanes[lane].take();
        if self.bodies.incoming.is_freed() {
            self.pull_more(now_ms, events);
        }
        if !self.resume(now_ms, events) {
            return bytes;
        }
        // Without anything taken before, what was granted just now.
        bytes.or_else(|| self.lanes[lane].take())
    }

    /// What was held back by a full outbox, or by replies that are not fetched, goes on; false while it is full.
    pub(super) fn resume(&mut self, now_ms: u64, events: &mut Events) -> bool {
        if self.lanes.any_full(self.limits.outbox_max) {
            return false;
        }
        self.permits.pause(false);
        if !self.owes_too_much() {
            self.parked.drain(..).for_each(|(object, delivery)| events.deliver(object, delivery));
        }
        while !self.lanes.any_full(self.limits.outbox_max)
            && let Some(parked) = self.parked_faults.pop_front()
        {
            let ParkedFault { lane, call, callee, cost, fault } = parked;
            self.finish(lane, call, callee, cost, Err(fault));
        }
        self.grant(now_ms, events);
        true
    }

    /// Whether the peer leaves too many large replies where they are.
    pub(super) fn owes_too_much(&self) -> bool {
        self.bodies.outgoing.replies_len > self.limits.bodies.replies_max
    }
}

fn bad_reply(text: &str) -> Fault {
    Fault::new(FaultCode::BAD_REPLY, Ran::Yes, text)
}
