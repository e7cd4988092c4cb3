//! I9: whatever a peer sends, nothing panics, and nothing but its own connection changes.
//!
//! The victim serves one object to two peers. One of them sends what is no frame, what was a frame before bytes of
//! it were changed, and well-formed frames that name what was never handed out, asked or sent. The other must not
//! notice.

mod answers;
mod forge;

use std::any::Any;
use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use smallvec::SmallVec;

use super::book::INTERFACES;
use super::dice::Dice;
use super::flow::frames;
use super::peer::{CONTROL, LANES, Peer};
use super::world::{Kind, World};
use super::{check, number, on_a_worker, quietly};
use crate::answer::{self, Answer, Awaited, Missing};
use crate::call::{Request, Sort};
use crate::connection::{Connection, Ended};
use crate::error::Ran;
use crate::lobby;
use crate::node::Worker;
use crate::object::{Delivery, Hook, Incoming, LocalObject, Mailbox, Plain};
use crate::proxy::{Handle, Target};
use crate::tables::{UNITS, Violation};
use crate::wire::{BodyId, Control, FaultCode, ObjectId, Path, Release};
use forge::{control_frame, forge, plot};

/// Attacks of an ordinary test run.
const SEEDS: u64 = 300;
/// Frames of one attack, if it is not cut off before.
const FRAMES: usize = 150;

#[test]
fn a_hostile_peer_hurts_only_its_own_connection() {
    let seeds = match number("DUOLOGUE_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("DUOLOGUE_SEEDS").unwrap_or(SEEDS),
    };
    on_a_worker(|worker| {
        let mut cut_off = 0;
        for seed in seeds {
            let mut attack = ManuallyDrop::new(Attack::new(seed, worker));
            match quietly(|| attack.run()) {
                Ok(violation) => cut_off += u64::from(violation.is_some()),
                Err(what) => panic!("seed {seed}: {what}\nto repeat it: DUOLOGUE_SEED={seed}"),
            }
            drop(ManuallyDrop::into_inner(attack));
        }
        assert!(cut_off > 0, "no attack was noticed");
    });
}

#[test]
fn the_lobby_is_never_gone() {
    on_a_worker(|worker| {
        let mut world = World::new(0, Kind::Rest, 1, worker);
        let gone = Control::Gone { id: ObjectId::LOBBY, reason: "so it says".into() };
        let heard = world.peers[0].receive(CONTROL, vec![control_frame(&gone)]);
        assert_eq!(heard, Err(Violation::LobbyGone));
        assert_eq!(world.peers[0].tables(|t| t.imports.len()), 0);
    });
}

#[test]
fn an_object_that_is_handed_out_without_end_is_refused_one_day() {
    on_a_worker(|worker| {
        let world = World::new(0, Kind::Rest, 1, worker);
        let object = LocalObject::raw(&INTERFACES[0], Box::new(Echo::default()));
        world.peers[0].tables(|t| {
            let mut times = 0;
            while t.exports.export(&object).is_ok() {
                times += 1;
            }
            assert_eq!(times, (1 << 23) - 1);
            let (_, units, ..) = t.exports.entries().next().expect("it was handed out");
            assert_eq!(units, times * UNITS);
        });
    });
}

#[test]
fn what_is_owed_to_a_peer_that_takes_nothing_is_bounded() {
    on_a_worker(|worker| {
        let mut world = World::new(0, Kind::Rest, 1, worker);
        let object = LocalObject::raw(&INTERFACES[0], Box::new(Echo::default()));
        hand_over(&mut world, &object);
        let victim = &mut world.peers[0];
        object.revoke("it was revoked");
        let (id, ..) = victim.tables(|t| t.exports.entries().next()).expect("the object was handed out");
        let again = Control::Release(vec![Release { id, units: 0, gone: true }; 1_000]);
        for _ in 0..10 {
            victim.receive(CONTROL, vec![control_frame(&again)]).expect("it may ask");
        }
        let said = frames(victim.shared.take_control().into()).count();
        assert_eq!(said, 1, "however often it asks, it is told once");
        let max = victim.tables(|t| t.limits.exports_max) as u32;
        let mut ids = 1..;
        let refused = ids.find_map(|id| {
            let gone = Control::Gone { id: ObjectId(id), reason: String::new() };
            victim.receive(CONTROL, vec![control_frame(&gone)]).err().map(|rule| (id, rule))
        });
        let (id, rule) = refused.expect("it is cut off some day");
        assert_eq!(rule, Violation::TooManyGone);
        assert!(id <= 2 * max + 2, "{id}");
    });
}

/// An object that answers at once and counts.
#[derive(Clone, Default)]
struct Echo(Arc<AtomicU64>);

impl Mailbox for Echo {
    fn deliver(&self, batch: SmallVec<[Delivery; 1]>) {
        for Delivery { method, mut replier, context, .. } in batch {
            self.0.fetch_add(1, Ordering::Relaxed);
            replier.began = true;
            Incoming::new(replier, context, &INTERFACES[0], method).reply::<Plain<u64>>(7);
        }
    }

    fn send(&self, _: Box<dyn Any + Send>, call: Incoming) {
        drop(call);
    }

    fn hook(&self, _: Hook, _: Connection) {}

    fn end(&self) {}
}

struct Attack {
    /// The victim and its hostile peer.
    world: World,
    /// The victim and another peer.
    neighbours: World,
    /// What the other peer holds of the object that both connections serve.
    held: Handle,
    calls: Echo,
}

impl Attack {
    fn new(seed: u64, worker: &Worker) -> Attack {
        let (mut world, mut neighbours) =
            (World::new(seed, Kind::Broken, 1, worker), World::new(!seed, Kind::Rest, 1, worker));
        let calls = Echo::default();
        let object = LocalObject::raw(&INTERFACES[0], Box::new(calls.clone()));
        hand_over(&mut world, &object);
        let held = hand_over(&mut neighbours, &object);
        Attack { world, neighbours, held, calls }
    }

    /// The broken rule for which the hostile peer was cut off.
    fn run(&mut self) -> Option<Violation> {
        for _ in 0..120 {
            self.world.step();
        }
        let before = self.snapshot();
        self.world.peers[0].book.lock().lenient = true;
        let mut violation = None;
        let mut known: Vec<(usize, Bytes)> = Vec::new();
        let sly = !self.world.dice.one_in(3);
        for n in 0..FRAMES as u32 {
            let [victim, hostile] = &mut self.world.peers;
            let dice = &mut self.world.dice;
            hostile.call(dice, &victim.shared, false);
            victim.call(dice, &hostile.shared, false);
            for stream in 0..=LANES {
                victim.write(stream);
                hostile.write(stream);
                known.extend(hostile.flows[stream].read(usize::MAX).into_iter().map(|f| (stream, f)));
            }
            let (stream, frame) = if sly && !dice.one_in(20) { plot(n, dice) } else { forge(&known, dice) };
            let mut broken = victim.receive(stream, vec![frame]);
            if broken.is_ok() && dice.one_in(6) {
                broken = send_a_body(victim, dice);
            }
            if let Err(rule) = broken {
                violation = Some(rule);
                break;
            }
            let stray = victim.book.lock().strays.pop();
            drop(stray.filter(|_| dice.one_in(2)));
            // As the statistics of a connection ask.
            victim.tables(|t| (t.imports.len(), t.exports.len(), t.calls.len(), t.running.len()));
        }
        self.cut_off(&violation);
        assert_eq!(self.snapshot(), before, "the other connection has changed");
        self.neighbours_go_on();
        violation
    }

    /// The victim ends the connection, as its actor does. All of it is gone, and every caller knows.
    fn cut_off(&mut self, violation: &Option<Violation>) {
        let victim = &mut self.world.peers[0];
        let why = violation.as_ref().map_or(Ended::TimedOut, |v| Ended::Violation(v.to_string()));
        victim.shared.end(why);
        let strays = std::mem::take(&mut victim.book.lock().strays);
        let arrived = std::mem::take(&mut *victim.inbox.lock());
        drop((strays, arrived));
        for mut waiting in victim.waiting.drain(..) {
            assert_ne!(waiting.answer.try_recv().err(), Some(Missing::NotYet));
        }
        check::ended(victim);
    }

    /// All that the second connection knows of the object.
    fn snapshot(&self) -> Vec<(ObjectId, u64, u32, bool)> {
        self.neighbours.peers[0].tables(|t| {
            assert_eq!(t.ended(), None);
            t.exports.entries().collect()
        })
    }

    fn neighbours_go_on(&mut self) {
        let calls = self.calls.0.load(Ordering::Relaxed);
        let answer = start(&self.neighbours.peers[1], &self.held, Vec::new());
        self.neighbours.rest();
        let Answer::Reply { body, .. } = received(answer) else { panic!("the neighbour's call has failed") };
        assert_eq!(&body[..], [7], "MessagePack of the answer");
        assert_eq!(self.calls.0.load(Ordering::Relaxed), calls + 1);
    }
}

/// A stream with some body, asked for or not, of any length.
fn send_a_body(victim: &Peer, dice: &mut Dice) -> Result<(), Violation> {
    let number = BodyId(dice.below(12) as u32);
    let (len, now_ms) = (dice.below(9_000), victim.shared.now_ms());
    // Mostly what may have been asked for, so that it goes on.
    victim.shared.take_control();
    if victim.tables(|t| !t.bodies.incoming.is_known(number)) && !dice.one_in(20) {
        return Ok(());
    }
    let announced = victim.tables(|t| t.body_begins(number))?;
    let len = if dice.one_in(4) { len } else { announced };
    victim.tables(|t| t.body_arrives(number, len, now_ms))?;
    let body = vec![0; len].into();
    victim.shared.with(|tables, events| tables.body_ends(number, body, now_ms, events))
}

/// The first side of a world hands an object to the second; the reference there.
fn hand_over(world: &mut World, object: &LocalObject) -> Handle {
    world.peers[0].book.lock().spared = Some(object.key());
    let answer = start(&world.peers[0], &world.peers[0].lobby.clone(), vec![Handle::local(object.clone())]);
    let held = loop {
        world.settle_step();
        let inbox = world.peers[1].inbox.lock();
        if let Some(held) = inbox.iter().find_map(|call| call.refs.get(0)) {
            break held.clone();
        }
    };
    world.rest();
    received(answer);
    held
}

/// A call without a body, whatever the dice say.
fn start(peer: &Peer, handle: &Handle, refs: Vec<Handle>) -> Awaited {
    let Target::Remote(import) = handle.target() else { panic!("an object of the peer") };
    let at_the_lobby = import.id() == ObjectId::LOBBY;
    let (interface, method) = (if at_the_lobby { &lobby::DESCRIPTOR } else { &INTERFACES[0] }, 0);
    let body = peer.book.lock().made(interface.method_name(method), None, 0, None).to_le_bytes().to_vec();
    let deadline_ms = peer.shared.now_ms() + 30_000;
    let (path, depth, sort) = (Path::new(), 0, Sort::Call);
    let request = Request {
        interface: interface.into(),
        method,
        body,
        refs,
        path,
        depth,
        deadline_ms,
        trace: None,
        sort,
        keep: false,
        on_answer: false,
    };
    let (waiter, answer) = answer::channel();
    let now = tokio::time::Instant::now();
    peer.shared.start(import, request, waiter, now).expect("nothing stands against it");
    answer
}

fn received(mut answer: Awaited) -> Answer {
    let answer = answer.try_recv().expect("it was answered");
    if let Answer::Fault(fault) = &answer {
        assert_ne!((fault.code, fault.ran), (FaultCode::GONE, Ran::Never));
    }
    answer
}
