//! The application of one side as a host: it runs and answers calls, holds, watches and drops what it was given,
//! and its objects end.

use super::book::Arrived;
use super::caller::Reply;
use super::dice::{Act, Dice};
use super::peer::Peer;
use super::streams::Entry;
use super::watch::Watch;
use super::world::BODY_MAX;
use crate::answer::Refs;
use crate::connection::Shared;
use crate::error::{Fault, Ran};
use crate::object::{LocalObject, Plain, Stop};
use crate::proxy::{Handle, Target};
use crate::wire::FaultCode;

impl Peer {
    /// The method of some call that has arrived is entered; what it is given is decoded or not.
    pub(super) fn begin(&mut self, dice: &mut Dice) {
        let mut inbox = self.inbox.lock();
        let able =
            |c: &Arrived| !c.began && c.context.stopped().is_none() && !self.book.lock().is_dead(c.key);
        let ready: Vec<usize> = (0..inbox.len()).filter(|&at| able(&inbox[at])).collect();
        if ready.is_empty() {
            return;
        }
        let call = &mut inbox[*dice.pick(&ready)];
        call.begin();
        dice.count(Act::Begin);
        self.book.lock().begins(call.serial);
        let refs = std::mem::take(&mut call.refs);
        drop(inbox);
        self.claim(&refs, dice);
    }

    pub(super) fn claim(&mut self, refs: &Refs, dice: &mut Dice) {
        if dice.one_in(4) {
            return dice.count(Act::Undecoded);
        }
        for handle in (0..).map_while(|n| refs.get(n)).cloned() {
            self.keep(handle, dice);
        }
    }

    /// What arrived is held, or not.
    pub(super) fn keep(&mut self, handle: Handle, dice: &mut Dice) {
        if let Some(handle) = self.take_stream(handle, dice)
            && dice.one_in(2)
        {
            self.holds.push(handle);
        }
    }

    /// Some call that has arrived is answered.
    pub(super) fn answer(&mut self, dice: &mut Dice) {
        let mut call = {
            let mut inbox = self.inbox.lock();
            if inbox.is_empty() {
                return;
            }
            let at = dice.below(inbox.len());
            inbox.swap_remove(at)
        };
        if self.book.lock().is_dead(call.key) {
            dice.count(Act::AnswerOfDead);
            // What nobody answers is answered by its drop.
            return if dice.one_in(2) { drop(call) } else { fault(call, FaultCode::GONE) };
        }
        if tokio::time::Instant::now() >= call.context.deadline() {
            call.context.stop(Stop::Deadline);
        }
        let stopped = call.context.stopped().filter(|_| !call.began || !dice.one_in(4));
        if let Some(why) = stopped {
            dice.count(Act::AnswerOfStopped);
            let late = why == Stop::Deadline;
            return fault(call, if late { FaultCode::DEADLINE } else { FaultCode::CANCELLED });
        }
        if !call.began && !dice.one_in(4) {
            call.begin();
            self.book.lock().begins(call.serial);
            dice.count(Act::Begin);
        }
        if !call.began || dice.one_in(6) {
            dice.count(Act::Fault);
            let code = if call.began { FaultCode::PANICKED } else { FaultCode::BAD_BODY };
            return fault(call, code);
        }
        dice.count(Act::Reply);
        if call.keeps() {
            let object = self.some_refs(dice).into_iter().find(|h| !is_stream(h));
            let key = object.as_ref().and_then(|object| self.key_of(object));
            if matches!(object.as_ref().map(Handle::target), Some(Target::Remote(_))) {
                dice.count(Act::AnswerIsCallers);
            }
            self.book.lock().gives(call.serial, key);
            if let Some(object) = object {
                return call.incoming().reply::<Plain<Entry>>(Entry(object));
            }
        }
        let serial = call.serial;
        let through = self.book.lock().record(serial).on_answer.is_some();
        let objects = self.some_refs(dice).into_iter();
        let objects = objects.filter(|h| !through || !is_stream(h)).map(Entry).collect();
        let len = *dice.pick(&[0, 0, 0, 0, 0, 0, 3_000, 9_000, BODY_MAX - 1_000]);
        if len > 8_192 {
            dice.count(Act::LargeReply);
        }
        call.incoming().reply::<Reply>((serial, objects, vec![0; len].into()));
    }

    /// The application forgets an object of its own.
    pub(super) fn drop_own(&mut self, dice: &mut Dice) {
        if !self.own.is_empty() {
            dice.count(Act::DropOwn);
            self.own.swap_remove(dice.below(self.own.len()));
        }
    }

    /// Somebody wants to know when an object that is held is gone; `other` is the other side.
    pub(super) fn watch(&mut self, dice: &mut Dice, other: &Shared) {
        if self.holds.is_empty() {
            return;
        }
        let handle = dice.pick(&self.holds).clone();
        dice.count(Act::Watch);
        let key = match handle.target() {
            Target::Remote(import) => other.with(|t, _| t.exports.key(import.id())),
            _ => None,
        };
        self.watches.push(Watch::new(handle, key));
    }

    /// A holder goes.
    pub(super) fn drop_holder(&mut self, dice: &mut Dice) {
        if !self.watches.is_empty() && dice.one_in(2) {
            self.watches.swap_remove(dice.below(self.watches.len()));
        }
        if !self.holds.is_empty() {
            dice.count(Act::DropHolder);
            self.holds.swap_remove(dice.below(self.holds.len()));
        }
    }

    /// A promise is not wanted any more.
    pub(super) fn drop_promise(&mut self, dice: &mut Dice) {
        if !self.promises.is_empty() {
            dice.count(Act::DropPromise);
            self.promises.swap_remove(dice.below(self.promises.len()));
        }
    }

    /// An object ends, whoever holds it; its calls end at once or a little later.
    pub(super) fn die(&mut self, dice: &mut Dice) {
        let mut all: Vec<LocalObject> = self.tables(|t| t.exports.living().cloned().collect());
        all.extend(self.own.iter().cloned());
        if dice.one_in(2) {
            let inbox = self.inbox.lock();
            let called = |o: &LocalObject| inbox.iter().any(|c| c.key == o.key());
            all = all.extract_if(.., |o| called(o)).collect();
        }
        let spared = self.book.lock().spared;
        all.retain(|o| Some(o.key()) != spared);
        if all.is_empty() {
            return;
        }
        let object = dice.pick(&all).clone();
        drop(all);
        dice.count(Act::Die);
        self.book.lock().dies(object.key());
        object.revoke("it was revoked");
        self.own.retain(|o| o.key() != object.key());
        let mut inbox = self.inbox.lock();
        let ended: Vec<Arrived> = inbox.extract_if(.., |c| c.key == object.key() && dice.one_in(2)).collect();
        drop(inbox);
        drop(ended);
    }
}

/// A call on an answer may go on to this side's own object: the walk gives and takes no streams by the way.
pub(super) fn is_stream(handle: &Handle) -> bool {
    matches!(handle.target(), Target::Stream(_))
}

fn fault(call: Arrived, code: FaultCode) {
    let ran = if call.began { Ran::Yes } else { Ran::Never };
    call.incoming().fault(Fault::new(code, ran, "its host says so"));
}
