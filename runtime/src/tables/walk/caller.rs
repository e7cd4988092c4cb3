//! The application of one side as a caller: it makes calls, waits or does not, and is told what became of
//! them.

use bytes::Bytes;

use super::book::{BODY_MIN, INTERFACES};
use super::dice::{Act, Dice};
use super::host::is_stream;
use super::peer::Peer;
use super::streams::Entry;
use super::world::BODY_MAX;
use crate::answer::{self, Answer, Awaited, Missing};
use crate::call::{Request, Sort};
use crate::connection::Shared;
use crate::error::{Fault, Ran};
use crate::lobby;
use crate::object::{Plain, Shape};
use crate::proxy::{Handle, Target};
use crate::tables::{CallKey, Tables};
use crate::trace::TraceContext;
use crate::wire::{FaultCode, Path, Token};

/// What replies carry: the call's number, and objects.
pub(super) type Reply = Plain<(u64, Vec<Entry>, Bytes)>;

/// A call whose caller waits.
#[derive(Debug)]
pub(super) struct Waiting {
    serial: u64,
    key: CallKey,
    /// Its answer is promised: who does not wait for it any more does not cancel it.
    promised: bool,
    pub(super) answer: Awaited,
}

impl Peer {
    /// Makes a call or a notice; `other` is the side that it goes to.
    pub(super) fn call(&mut self, dice: &mut Dice, other: &Shared, notice: bool) {
        let handle = self.some_callee(dice);
        self.make(dice, handle, Some(other), notice, false, None);
    }

    /// Makes a call whose answer is promised; of an object, or of an answer that is promised itself.
    pub(super) fn pipeline(&mut self, dice: &mut Dice, other: &Shared) {
        dice.count(Act::Promise);
        if !self.promises.is_empty() && dice.one_in(3) {
            let (handle, parent) = dice.pick(&self.promises).clone();
            return self.make(dice, handle, None, false, true, Some(parent));
        }
        let handle = self.some_callee(dice);
        self.make(dice, handle, Some(other), false, true, None);
    }

    /// Calls on an answer that is promised.
    pub(super) fn call_on_answer(&mut self, dice: &mut Dice) {
        if self.promises.is_empty() {
            return;
        }
        dice.count(Act::OnAnswer);
        let (handle, parent) = dice.pick(&self.promises).clone();
        for _ in 0..*dice.pick(&[1, 1, 2, 5]) {
            let notice = dice.one_in(4);
            self.make(dice, handle.clone(), None, notice, false, Some(parent));
        }
    }

    /// An object that is called by this lane.
    pub(super) fn callee_on(&self, lane: usize) -> Option<Handle> {
        let on_lane = |handle: &&Handle| match handle.target() {
            Target::Remote(import) => {
                let entry = |t: &mut Tables| t.imports.get(import.slot(), import.id()).map(|e| e.lane);
                self.tables(entry) == Some(lane)
            }
            _ => false,
        };
        self.holds.iter().find(on_lane).cloned()
    }

    /// Makes a call of this object, which is at the side `other`.
    pub(super) fn call_this(&mut self, callee: Handle, dice: &mut Dice, other: &Shared) {
        self.make(dice, callee, Some(other), false, false, None);
    }

    fn some_callee(&self, dice: &mut Dice) -> Handle {
        let remote = self.holds.iter().filter(|h| matches!(h.target(), Target::Remote(_)));
        let remote: Vec<&Handle> = remote.take(self.favourites).collect();
        let at_the_lobby = if self.favourites == 1 { 3 } else { 8 };
        let lobby = remote.is_empty() || dice.one_in(at_the_lobby);
        if lobby { self.lobby.clone() } else { (*dice.pick(&remote)).clone() }
    }

    /// `other` is the side where the object is; `parent` the call on whose answer it is made.
    fn make(
        &mut self,
        dice: &mut Dice,
        handle: Handle,
        other: Option<&Shared>,
        notice: bool,
        keep: bool,
        parent: Option<u64>,
    ) {
        let Target::Remote(import) = handle.target() else { unreachable!("only these were picked") };
        let (slot, id, on_answer) = (import.slot(), import.id(), import.is_promise());
        let native = self.tables(|t| t.imports.get(slot, id).map(|e| e.fingerprint));
        let mut all = INTERFACES.iter().chain([&lobby::DESCRIPTOR]);
        let native = all.find(|i| Some(i.fingerprint) == native).unwrap_or(&INTERFACES[0]);
        let interface = if dice.one_in(5) { dice.pick(&INTERFACES) } else { native };
        if interface.fingerprint != native.fingerprint {
            dice.count(Act::ForeignNames);
        }
        let method = dice.below(interface.methods.len()) as u16;
        let depth = if dice.one_in(3) { dice.below(4) as u8 } else { 0 };
        let path: Path = (0..dice.below(usize::from(depth) + 1)).map(|n| Token(n as u64 + 1)).collect();
        let refs = self.some_refs(dice).into_iter().filter(|h| !on_answer || !is_stream(h)).collect();
        let target = other.and_then(|other| other.with(|t, _| t.exports.key(id)));
        let serial = self.book.lock().made(interface.method_name(method), target, depth, parent);
        let mut body = serial.to_le_bytes().to_vec();
        let len = *dice.pick(&[0, 0, 0, 0, 0, 0, 100, 100, 600, 600, 4_000, 9_000, BODY_MAX - BODY_MIN]);
        body.resize(BODY_MIN + len, 0);
        let is_large = body.len() > 8_192;
        if is_large {
            dice.count(if notice { Act::LargeNotice } else { Act::LargeCall });
            if on_answer {
                dice.count(Act::LargeOnAnswer);
            }
        }
        let timeout_ms = if dice.one_in(8) { 40 } else { 30_000 };
        let now = tokio::time::Instant::now();
        let deadline_ms = self.shared.millis(now) + timeout_ms;
        let (waiter, answer) = answer::channel();
        let interface = interface.into();
        let sort = match notice {
            false => Sort::Call,
            true if dice.one_in(3) => Sort::NoticeAtOnce,
            true => Sort::Notice,
        };
        let context = TraceContext { trace: u128::from(serial), parent: 1, flags: 0 };
        let trace = dice.one_in(6).then(|| Box::new(context));
        let request =
            Request { interface, method, body, refs, path, depth, deadline_ms, trace, sort, keep, on_answer };
        let rule = (!on_answer).then(|| self.tables(|t| Rule::before(t, slot, depth, &request)));
        dice.count(if notice { Act::Notice } else { Act::Call });
        let started = if keep {
            self.shared.start_kept(import, request, waiter, now).map(|(key, promise)| {
                self.promises.push((Handle::remote(promise), serial));
                key
            })
        } else {
            self.shared.start(import, request, waiter, now)
        };
        match started {
            Ok(key) => {
                let queued = self.tables(|t| t.calls.get(key).is_some_and(|c| c.queued.is_some()));
                if queued {
                    dice.count(Act::Queue);
                } else if let Some(rule) = rule {
                    rule.holds();
                }
                self.waiting.push(Waiting { serial, key, promised: keep, answer });
            }
            Err(fault) => {
                if fault.code == FaultCode::OVERLOADED {
                    let permits = fault.text.contains("permit");
                    dice.count(if permits { Act::Overload } else { Act::TooManyExports });
                }
                assert_eq!(fault.ran, Ran::Never, "a call that was not started: {fault:?}");
                self.failed(serial, &fault, dice);
            }
        }
    }

    /// A caller stops waiting, as the guard of a dropped call does.
    pub(super) fn cancel(&mut self, dice: &mut Dice) {
        if self.waiting.is_empty() {
            return;
        }
        let waiting = self.waiting.swap_remove(dice.below(self.waiting.len()));
        dice.count(Act::Cancel);
        drop(waiting.answer);
        if !waiting.promised {
            self.shared.abandon(waiting.key);
        }
    }

    /// Takes the outcomes that are there.
    pub(super) fn collect(&mut self, dice: &mut Dice) {
        let mut at = 0;
        while at < self.waiting.len() {
            let waiting = &mut self.waiting[at];
            match waiting.answer.try_recv() {
                Err(Missing::NotYet) => at += 1,
                Err(Missing::Never) => {
                    let serial = waiting.serial;
                    let let_go = waiting.promised && self.promises.iter().all(|p| p.1 != serial);
                    assert!(let_go, "the caller of {serial} waits for nobody");
                    self.waiting.swap_remove(at);
                }
                Ok(answer) => {
                    let (serial, promised) = (waiting.serial, waiting.promised);
                    self.waiting.swap_remove(at);
                    self.outcome(serial, promised, answer, dice);
                }
            }
        }
    }

    fn outcome(&mut self, serial: u64, promised: bool, answer: Answer, dice: &mut Dice) {
        match answer {
            Answer::Sent => {}
            Answer::Fault(fault) => {
                if fault.text.starts_with("the peer holds too many bytes") {
                    dice.count(Act::BodyRefused);
                }
                self.failed(serial, &fault, dice);
            }
            Answer::Local(_) => panic!("a remote call has a local answer"),
            Answer::Reply { body, refs } => {
                let book = self.book.lock();
                if book.spared.is_some() && book.target(serial) == book.spared {
                    return;
                }
                assert!(book.record(serial).began, "call {serial} has a result and never ran");
                drop(book);
                if dice.one_in(4) {
                    return dice.count(Act::Undecoded);
                }
                if self.book.lock().result(serial).is_some() {
                    let object = Plain::<Entry>::read(&body, &refs).expect("the reply is a proxy");
                    return self.holds.push(object.0);
                }
                if promised && let Ok(object) = Plain::<Entry>::read(&body, &refs) {
                    return self.holds.push(object.0);
                }
                let (number, objects, _) = Reply::read(&body, &refs).expect("the reply is well-formed");
                assert_eq!(number, serial, "the answer belongs to another call");
                for Entry(handle) in objects {
                    self.keep(handle, dice);
                }
            }
        }
    }

    fn failed(&self, serial: u64, fault: &Fault, dice: &mut Dice) {
        let mut book = self.book.lock();
        if book.lenient {
            return;
        }
        let never = fault.ran == Ran::Never;
        if fault.code == FaultCode::BROKEN_PROMISE {
            dice.count(Act::BrokenPromise);
            assert!(never, "a call on an answer that never came has run: {fault:?}");
        }
        if never {
            book.never_ran(serial);
        }
        assert_ne!(fault.code, FaultCode::NO_SUCH_OBJECT, "an honest caller names what it holds");
        if fault.code == FaultCode::GONE {
            let dead = book.target(serial).is_none_or(|key| book.is_dead(key));
            // On its way back to this side's own object it found the connection closed.
            let cut_off = book.record(serial).on_answer.is_some() && fault.text.contains("connection");
            let dead = dead || cut_off;
            assert!(dead, "the target of call {serial} lives and is said to be gone");
            assert!(!fault.text.is_empty(), "why the target of call {serial} is gone is known, and not said");
        }
    }
}

/// The rule of permits (N6) as it stood before a call.
struct Rule {
    object: bool,
    connection: bool,
    fair: bool,
}

impl Rule {
    fn before(t: &Tables, slot: usize, depth: u8, request: &Request) -> Rule {
        let hello = t.peer.as_ref().expect("the peer has greeted");
        let object_max = t.limits.object_permits.min(hello.object_permits);
        let connection_max = t.limits.connection_permits.min(hello.connection_permits);
        let kept = |reserve: u32| reserve.saturating_sub(u32::from(depth));
        let (object_reserve, connection_reserve) =
            (t.limits.reserve.min(object_max / 2), t.limits.reserve.min(connection_max / 32));
        // What is out is at least: calls at their cost, notices at one each.
        let sent = || t.calls.iter().filter(|(_, c)| c.import == slot && c.pays());
        let notices = t.permits.out(slot) - sent().count() as u32;
        let held = notices + sent().map(|(_, c)| c.cost).sum::<u32>();
        let carried = if request.body.len() > t.limits.inline_max { 0 } else { request.body.len() };
        let (out, cost) = (t.permits.connection_out(), (carried as u32).div_ceil(1024));
        Rule {
            object: t.permits.out(slot) + 1 + kept(object_reserve) <= object_max,
            connection: out + cost + 16 * kept(connection_reserve) <= connection_max,
            fair: depth > 0 || held <= (connection_max - 16 * connection_reserve).saturating_sub(out),
        }
    }

    /// The call was sent at once.
    fn holds(&self) {
        assert!(self.object, "a call takes more permits of its object than there are at its depth");
        assert!(self.connection, "a call takes more permits of the connection than there are at its depth");
        assert!(self.fair, "a call of depth 0 takes what its neighbours need");
    }
}
