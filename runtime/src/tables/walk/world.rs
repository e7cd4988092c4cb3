//! Two sides and the streams between them, from the greeting to the end.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Waker};
use std::time::Duration;

use parking_lot::Mutex;

use super::book::Book;
use super::check;
use super::dice::{Act, Dice};
use super::peer::{CONTROL, LANES, Peer};
use super::run_tasks;
use crate::connection::Ended;
use crate::node::Worker;
use crate::tables::{BodyLimits, BulkLimits, StreamLimits, TableLimits};

/// How a walk ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It comes to rest with everything held, then everything is dropped.
    Rest,
    /// One side drains from somewhere in the middle; then as above.
    Drained,
    /// One side closes in good order.
    Closed,
    /// The link breaks.
    Broken,
}

impl Kind {
    pub(super) const ALL: [Kind; 4] = [Kind::Rest, Kind::Drained, Kind::Closed, Kind::Broken];
}

/// The longest body of a walk.
pub(super) const BODY_MAX: usize = 40_000;

/// More steps than any walk needs to come to rest.
const REST_STEPS_MAX: usize = 50_000;

pub(super) struct World {
    pub(super) peers: [Peer; 2],
    pub(super) dice: Dice,
    living: Arc<AtomicUsize>,
    kind: Kind,
    /// How many of a hundred steps write on a stream, and how many read from one.
    writes: usize,
    /// A side's stream that is mostly stuck.
    slow: Option<(usize, usize)>,
    /// The second side makes many calls to few objects of the first, whose answers do not get away.
    crowded: bool,
    /// The books are checked after every so many steps.
    check_every: usize,
}

impl World {
    pub(super) fn new(seed: u64, kind: Kind, check_every: usize, worker: &Worker) -> World {
        let mut dice = Dice::new(seed);
        let (book, living) = (Arc::<Mutex<Book>>::default(), Arc::default());
        let crowded = dice.one_in(5);
        let tight = !crowded && dice.one_in(2);
        let mut limits = [(); 2].map(|()| limits(tight, &mut dice));
        let exports_max = if tight && dice.one_in(2) { 3 } else { 65_536 };
        limits.iter_mut().for_each(|l| l.exports_max = exports_max);
        if crowded {
            (limits[0].outbox_max, limits[1].outbox_max) = (15, 1 << 20);
        }
        let mut peers = limits.map(|limits| Peer::new(&book, &living, limits, worker));
        let shared = [0, 1].map(|n: usize| Arc::downgrade(&peers[n].shared));
        peers.iter_mut().zip(shared.into_iter().rev()).for_each(|(peer, other)| peer.other = other);
        peers[0].tables(|t| t.streams.dialed(true));
        peers.iter_mut().for_each(|p| p.favourites = if crowded { 1 } else { *dice.pick(&[2, 100]) });
        let hellos = [0, 1].map(|n: usize| peers[n].tables(|t| t.hello(LANES as u8, n as u64)));
        for (peer, hello) in peers.iter().zip(hellos.into_iter().rev()) {
            peer.tables(|t| t.greeted(hello)).expect("it is the first hello");
        }
        let writes = *dice.pick(&[10, 30, 30]);
        let stuck = if crowded { dice.below(LANES) } else { CONTROL };
        let slow = (crowded || dice.one_in(3)).then_some((if crowded { 0 } else { dice.below(2) }, stuck));
        World { peers, dice, living, kind, writes, slow, crowded, check_every }
    }

    /// The whole walk. Panics where a promise does not hold.
    pub(super) fn run(&mut self, steps: usize) {
        let turn = steps / 2 + self.dice.below(steps / 2);
        for step in 0..steps {
            match self.kind {
                Kind::Drained if step == turn => {
                    let who = self.dice.below(2);
                    self.dice.count(Act::Drain);
                    self.peers[who].tables(|t| t.drain());
                }
                Kind::Closed if step == turn => return self.close(),
                Kind::Broken if step == turn => return self.break_off(),
                _ => {}
            }
            self.step();
            if step % self.check_every == 0 {
                check::books(&self.peers);
            }
        }
        self.rest();
        self.take_all();
        check::rest(&self.peers);
        self.check_watches();
        self.wind_down();
        check::empty(&self.peers);
        assert_eq!(self.living.load(Ordering::Relaxed), 0, "objects that nobody holds");
    }

    /// Something happens somewhere.
    pub(super) fn step(&mut self) {
        let who = self.dice.below(2);
        if self.crowded && self.dice.one_in(10) {
            self.squeeze();
        }
        match self.dice.below(100) {
            99 => self.pass_time(),
            n if n < self.writes => self.write(who),
            n if n < 2 * self.writes => {
                if self.dice.one_in(3) {
                    self.read_stream(who);
                } else {
                    self.deliver_some(who);
                }
            }
            n if n < 2 * self.writes + 8 => self.carry_bodies(who),
            _ => self.act(who),
        }
        self.after_step();
    }

    /// Calls by one lane to one object, before and after the answers of that lane get away, while those of the other do not: the first wait until
    /// all lanes have room, and are not to be overtaken.
    fn squeeze(&mut self) {
        let Some((host, stuck)) = self.slow.filter(|&(_, stuck)| stuck != CONTROL) else { return };
        let lane = (stuck + 1) % LANES;
        let is_full = |lane: usize| {
            self.peers[host].tables(|t| t.lanes.get(lane).is_some_and(|l| l.len() > t.limits.outbox_max))
        };
        if !is_full(stuck) || !is_full(lane) || self.peers.iter().any(|peer| peer.ended) {
            return;
        }
        let Some(callee) = self.peers[1 - host].callee_on(lane) else { return };
        self.dice.count(Act::Squeeze);
        for _ in 0..2 {
            let [left, right] = &mut self.peers;
            let (to, from) = if host == 0 { (left, right) } else { (right, left) };
            from.call_this(callee.clone(), &mut self.dice, &to.shared);
            from.write(lane);
            let count = from.flows[lane].len();
            if count > 0 {
                self.deliver(1 - host, lane, count);
            }
            self.peers[host].write(lane);
        }
    }

    /// Lanes of their own are opened for objects that were called, and end when both halves have.
    fn own_lanes(&mut self) {
        for who in [0, 1] {
            for lane in self.peers[who].tables(|t| t.lanes.take_open_due()) {
                self.dice.count(Act::OwnLane);
                self.peers[who].add_own_lane(lane);
                let accepted = self.peers[1 - who].tables(|t| t.accept_lane());
                self.peers[1 - who].add_own_lane(accepted);
            }
        }
        for stream in CONTROL + 1..self.peers[0].flows.len() {
            for who in [0, 1] {
                let flow = &mut self.peers[who].flows[stream];
                if flow.finished && !flow.read && flow.is_empty() {
                    flow.read = true;
                    self.peers[1 - who].read_to_its_end(stream);
                }
            }
            if self.peers.iter().all(|peer| peer.flows[stream].read)
                && self.peers[0].own_lanes[stream - CONTROL - 1].is_some()
            {
                self.dice.count(Act::OwnLaneEnds);
                self.peers.iter_mut().for_each(|peer| peer.end_lane(stream));
            }
        }
    }

    fn streams(&self) -> usize {
        self.peers[0].flows.len()
    }

    fn act(&mut self, who: usize) {
        let [left, right] = &mut self.peers;
        let (me, other) = if who == 0 { (left, right) } else { (right, left) };
        let dice = &mut self.dice;
        match dice.below(72) {
            64..67 => me.pipeline(dice, &other.shared),
            67..70 => me.call_on_answer(dice),
            70..72 => me.drop_promise(dice),
            0..8 => me.call(dice, &other.shared, false),
            8..12 => me.call(dice, &other.shared, true),
            12..16 => me.drop_holder(dice),
            16..18 => me.cancel(dice),
            18..30 => me.begin(dice),
            30..46 => me.answer(dice),
            46..48 => me.drop_own(dice),
            48..50 => me.watch(dice, &other.shared),
            50..53 => me.start_streams(dice),
            53..58 => me.give(dice, false),
            58..62 => me.take_item(dice),
            62 => me.drop_taking(dice),
            _ => me.die(dice),
        }
    }

    fn write(&mut self, who: usize) {
        let full: Vec<usize> = (0..self.streams()).filter(|&s| self.peers[who].has_to_write(s)).collect();
        // Now and then a writer looks that has nothing to do, and goes to sleep.
        let any = full.is_empty() || self.dice.one_in(4);
        let stream = if any { self.dice.below(self.streams()) } else { *self.dice.pick(&full) };
        if self.slow != Some((who, stream)) || self.dice.one_in(8) {
            self.peers[who].write(stream);
        }
    }

    /// Some bytes of some stream from `who` arrive.
    fn deliver_some(&mut self, who: usize) {
        let full: Vec<usize> =
            (0..self.streams()).filter(|&s| !self.peers[who].flows[s].is_empty()).collect();
        if full.is_empty() {
            return;
        }
        let stream = *self.dice.pick(&full);
        let len = self.peers[who].flows[stream].len();
        let part = self.dice.one_in(2);
        let count = if part { 1 + self.dice.below(len) } else { len };
        self.dice.count(if part { Act::DeliverPart } else { Act::Deliver });
        self.deliver(who, stream, count);
    }

    /// The bytes of some stream of items from `who` arrive.
    fn read_stream(&mut self, who: usize) {
        let [left, right] = &mut self.peers;
        let (from, to) = if who == 0 { (left, right) } else { (right, left) };
        if let Err(violation) = to.read_stream(from, &mut self.dice) {
            panic!("an honest peer breaks a rule: {violation}");
        }
    }

    fn deliver(&mut self, from: usize, stream: usize, count: usize) {
        let frames = self.peers[from].flows[stream].read(count);
        let to = &mut self.peers[1 - from];
        if to.ended {
            return;
        }
        if let Err(violation) = to.receive(stream, frames) {
            panic!("an honest peer breaks a rule: {violation}");
        }
        if to.tables(|t| !t.parked.is_empty()) {
            self.dice.count(Act::Park);
        }
        if to.tables(|t| t.bodies.lines.held_back() > 0) {
            self.dice.count(Act::HeldBack);
        }
    }

    /// The writers of bodies write, and the readers at the other side read.
    pub(super) fn carry_bodies(&mut self, who: usize) {
        let [left, right] = &mut self.peers;
        let (from, to) = if who == 0 { (left, right) } else { (right, left) };
        from.send_bodies(&mut self.dice);
        if let Err(violation) = from.deliver_body(to, &mut self.dice) {
            panic!("an honest peer breaks a rule: {violation}");
        }
    }

    fn pass_time(&mut self) {
        let time = Duration::from_millis(1 + self.dice.below(60) as u64);
        // The clock moves at the first poll; what follows only lets other tasks run.
        let _ = pin!(tokio::time::advance(time)).poll(&mut Context::from_waker(Waker::noop()));
        self.dice.count(Act::PassTime);
        for peer in &self.peers {
            peer.shared.expire().expect("nobody waits so long");
        }
    }

    /// Nothing is under way, to be written or to be answered.
    fn is_at_rest(&self) -> bool {
        self.peers.iter().all(|peer| {
            let idle = |s: usize| peer.flows[s].is_empty() && !peer.has_to_write(s);
            let sleeps = |s: usize| peer.flows[s].asleep || peer.flows[s].finished;
            let streams = (0..self.streams()).all(|s| idle(s) && sleeps(s));
            streams && peer.streams.is_at_rest() && peer.bodies_are_at_rest() && peer.inbox.lock().is_empty()
        })
    }

    /// Everything under way arrives and is answered; nothing new is done and nothing is dropped.
    pub(super) fn rest(&mut self) {
        let mut steps = 0;
        while !self.is_at_rest() {
            steps += 1;
            assert!(steps < REST_STEPS_MAX, "it does not come to rest while references are held");
            self.settle_step();
        }
        check::books(&self.peers);
    }

    pub(super) fn settle_step(&mut self) {
        let who = self.dice.below(2);
        match self.dice.below(9) {
            0..2 => self.write(who),
            2..4 => self.deliver_some(who),
            4 => self.read_stream(who),
            5 => self.peers[who].start_streams(&mut self.dice),
            6 => self.peers[who].give(&mut self.dice, true),
            7 => self.carry_bodies(who),
            _ if self.dice.one_in(4) => self.peers[who].begin(&mut self.dice),
            _ => self.peers[who].answer(&mut self.dice),
        }
        self.after_step();
    }

    fn after_step(&mut self) {
        run_tasks();
        for peer in &mut self.peers {
            peer.collect(&mut self.dice);
            peer.tables(|tables| peer.watches.iter().for_each(|watch| watch.check_now(tables)));
        }
        self.own_lanes();
    }

    /// Everybody takes what their streams give, until each producer has given what it had begun.
    fn take_all(&mut self) {
        let mut steps = 0;
        while self.peers.iter().any(|p| p.streams.wants_to_give()) || !self.is_at_rest() {
            steps += 1;
            assert!(steps < REST_STEPS_MAX, "a producer has something to give, and it does not move");
            self.settle_step();
            self.peers[steps % 2].take_item(&mut self.dice);
        }
    }

    fn check_watches(&mut self) {
        for peer in &mut self.peers {
            let book = peer.book.lock();
            peer.watches.iter_mut().for_each(|watch| watch.check(&book, peer.ended));
        }
    }

    /// Everything is dropped, in any order.
    fn wind_down(&mut self) {
        let mut steps = 0;
        loop {
            steps += 1;
            assert!(steps < REST_STEPS_MAX, "it does not come to rest when everything is dropped");
            self.settle_step();
            let who = self.dice.below(2);
            self.peers[who].drop_holder(&mut self.dice);
            self.peers[who].drop_own(&mut self.dice);
            self.peers[who].drop_taking(&mut self.dice);
            self.peers[who].drop_promise(&mut self.dice);
            let holds_nothing = |p: &Peer| p.holds.is_empty() && p.own.is_empty() && p.promises.is_empty();
            if self.peers.iter().all(|p| holds_nothing(p) && p.watches.is_empty() && p.streams.is_empty())
                && self.is_at_rest()
            {
                return check::books(&self.peers);
            }
        }
    }

    /// One side closes, the other reads what was sent before and answers.
    fn close(&mut self) {
        let who = self.dice.below(2);
        self.dice.count(Act::Close);
        self.peers[who].tables(|t| t.say_close(0, "enough"));
        let mut steps = 0;
        while !self.peers[1 - who].heard_close {
            steps += 1;
            assert!(steps < REST_STEPS_MAX, "the last words do not arrive");
            self.step();
        }
        for lane in (0..self.streams()).filter(|&stream| stream != CONTROL) {
            while !self.peers[who].flows[lane].read {
                self.peers[who].write(lane);
                self.deliver(who, lane, usize::MAX);
                if self.peers[who].flows[lane].asleep || self.peers[who].flows[lane].finished {
                    break;
                }
            }
        }
        check::books(&self.peers);
        self.peers[1 - who].tables(|t| t.say_close(0, ""));
        // Both halves of its own lanes end at once, whatever is unanswered on them.
        for lane in self.peers[1 - who].own_lanes.clone().into_iter().flatten() {
            self.peers[1 - who].tables(|t| t.lane_ended(lane));
        }
        self.act(1 - who);
        while !self.peers[who].heard_close {
            steps += 1;
            assert!(steps < REST_STEPS_MAX, "the answer to the last words does not arrive");
            self.settle_step();
        }
        check::books(&self.peers);
        self.end(who, Ended::ByUs);
        self.end(1 - who, Ended::ByPeer { code: 0, reason: "enough".into() });
        self.after_the_end();
    }

    /// The link breaks; the sides notice one after the other.
    fn break_off(&mut self) {
        let who = self.dice.below(2);
        self.end(who, Ended::Lost("the link broke".into()));
        for _ in 0..self.dice.below(40) {
            self.step();
        }
        self.end(1 - who, Ended::TimedOut);
        self.after_the_end();
    }

    pub(super) fn end(&mut self, who: usize, ended: Ended) {
        self.dice.count(Act::End);
        let peer = &mut self.peers[who];
        peer.ended = true;
        peer.shared.end(ended);
        peer.streams.end();
        peer.collect(&mut self.dice);
        assert!(peer.waiting.is_empty(), "somebody waits for an answer after the connection's end");
        check::ended(peer);
    }

    /// Both have ended. What still runs is answered, what is held is dropped, what is called fails.
    fn after_the_end(&mut self) {
        self.check_watches();
        for who in [0, 1] {
            for _ in 0..4 {
                self.act(who);
            }
            let peer = &mut self.peers[who];
            while !peer.inbox.lock().is_empty() {
                peer.answer(&mut self.dice);
            }
            peer.collect(&mut self.dice);
            peer.streams.drop_all();
            peer.holds.clear();
            peer.promises.clear();
            peer.watches.clear();
            peer.own.clear();
            check::ended(peer);
            assert!(peer.waiting.is_empty(), "a call on an ended connection waits");
            assert!(!peer.shared.has_dropped(), "an ended connection counts what is dropped");
        }
        // A reference that came home on one side may have been held by what ran on the other.
        assert_eq!(self.living.load(Ordering::Relaxed), 0, "objects that nobody holds");
    }
}

fn limits(tight: bool, dice: &mut Dice) -> TableLimits {
    let (object_permits, connection_permits) =
        if tight { (*dice.pick(&[3, 4]), *dice.pick(&[32, 48])) } else { (4_160, 16_384) };
    TableLimits {
        object_permits,
        connection_permits,
        reserve: 64,
        exports_max: 65_536,
        inline_max: 8_192,
        outbox_max: *dice.pick(&[100, 4_000, 1 << 20]),
        deadline_ms: 30_000,
        deadline_max_ms: 600_000,
        streams: StreamLimits { pool: if tight { 0 } else { 1 << 20 }, item_max: 1 << 20 },
        // Two bodies of the longest kind at once, or one and some short ones.
        bodies: BodyLimits {
            body_max: BODY_MAX,
            pull_max: 2 * BODY_MAX,
            replies_max: *dice.pick(&[BODY_MAX, 1 << 20]),
            arguments_max: *dice.pick(&[BODY_MAX, 1 << 20]),
            stall_ms: 60_000,
        },
        bulk: BulkLimits {
            busy: BulkLimits::MIN,
            idle: BulkLimits::MIN,
            most: BulkLimits::MIN,
            stall_ms: 60_000,
        },
    }
}
