//! Random walks beside a plain reference that looks at everything again after each step.

use std::collections::{BTreeMap, VecDeque};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::*;

const IMPORTS: usize = 5;

/// The rules read off the page: no places, no order between lines, everything looked at.
struct Reference {
    limits: PermitLimits,
    reserve: (u32, u32),
    paused: bool,
    out: [Vec<u32>; IMPORTS],
    lines: BTreeMap<(usize, u8), VecDeque<(u32, u32)>>,
}

impl Reference {
    fn new(limits: PermitLimits) -> Self {
        let reserve = (limits.reserve.min(limits.object / 2), limits.reserve.min(limits.connection / 32));
        Self { limits, reserve, paused: false, out: Default::default(), lines: BTreeMap::new() }
    }

    fn connection_out(&self) -> u32 {
        self.out.iter().flatten().sum()
    }

    fn object_has(&self, import: usize, depth: u8) -> bool {
        let kept = self.reserve.0.saturating_sub(u32::from(depth));
        self.out[import].len() as u32 + 1 + kept <= self.limits.object
    }

    fn connection_has(&self, depth: u8, cost: u32) -> bool {
        let kept = self.reserve.1.saturating_sub(u32::from(depth));
        self.connection_out() + cost + 16 * kept <= self.limits.connection
    }

    fn is_fair(&self, import: usize, depth: u8) -> bool {
        let kept = self.connection_out() + 16 * self.reserve.1;
        depth > 0 || self.out[import].iter().sum::<u32>() <= self.limits.connection.saturating_sub(kept)
    }

    fn may_start(&self, import: usize, depth: u8, cost: u32) -> bool {
        self.object_has(import, depth) && self.is_fair(import, depth) && self.connection_has(depth, cost)
    }

    fn heads(&self) -> impl Iterator<Item = (usize, u8, u32)> {
        self.lines.iter().filter_map(|(&(import, depth), line)| Some((import, depth, line.front()?.1)))
    }

    /// A call of this depth or deeper waits for nothing but the connection's permits, or could start itself.
    fn is_behind(&self, depth: u8) -> bool {
        let waits = |import, other| self.object_has(import, other) && self.is_fair(import, other);
        self.heads().any(|(import, other, _)| other >= depth && waits(import, other))
    }

    /// The same, and it lacks permits of the connection.
    fn is_blocked(&self, depth: u8) -> bool {
        let waits = |import, other| self.object_has(import, other) && self.is_fair(import, other);
        self.heads().any(|(import, other, cost)| {
            other >= depth && waits(import, other) && !self.connection_has(other, cost)
        })
    }

    fn take(&mut self, import: usize, depth: u8, cost: u32) {
        assert!(!self.paused && self.may_start(import, depth, cost), "granted what is not free");
        self.out[import].push(cost);
        assert!(self.out[import].len() as u32 <= self.limits.object);
        assert!(self.connection_out() <= self.limits.connection);
    }

    /// The fast one says that this call has its permits.
    fn granted(&mut self, key: u32) {
        let (&(import, depth), _) = self
            .lines
            .iter()
            .find(|(_, line)| line.front().is_some_and(|&(first, _)| first == key))
            .expect("it is the first of its line");
        for (other, other_depth, cost) in self.heads() {
            let passed = other_depth > depth && self.may_start(other, other_depth, cost);
            assert!(!passed, "depth {other_depth} could have started before depth {depth}");
        }
        let (_, cost) =
            self.lines.get_mut(&(import, depth)).and_then(VecDeque::pop_front).expect("found above");
        self.take(import, depth, cost);
    }

    fn assert_nobody_is_left(&self) {
        for (import, depth, cost) in self.heads() {
            let left = !self.paused && self.may_start(import, depth, cost) && !self.is_blocked(depth);
            assert!(!left, "import {import} depth {depth} cost {cost} could start");
        }
    }
}

struct Walk {
    rng: StdRng,
    fast: Permits<u32>,
    reference: Reference,
    keys: u32,
    /// `next` was called until `None` since permits came back last.
    drained: bool,
    /// How often which thing happened: granted, queued, overloaded, granted later, queued behind one that waits for
    /// the connection.
    seen: [u64; 5],
}

impl Walk {
    fn new(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let limits = PermitLimits {
            object: rng.random_range(1..20),
            connection: rng.random_range(16..200),
            reserve: rng.random_range(0..6),
        };
        let fast = Permits::new(limits);
        Self { rng, fast, reference: Reference::new(limits), keys: 0, drained: true, seen: [0; 5] }
    }

    fn step(&mut self) {
        match self.rng.random_range(0..100) {
            0..50 => return self.want(),
            50..85 => self.answer(),
            85..95 => self.withdraw(),
            95..98 => self.pause(false),
            _ => self.pause(true),
        }
        // Several answers may be taken in, and calls made, before anybody asks who starts.
        if self.rng.random_bool(0.8) {
            self.drain();
        }
        self.compare();
    }

    fn want(&mut self) {
        let import = self.rng.random_range(0..IMPORTS);
        let depth = if self.rng.random() { 0 } else { self.rng.random_range(0..8) };
        let cost = if self.rng.random() { 1 } else { self.rng.random_range(1..=16) };
        self.keys += 1;
        let (key, reference) = (self.keys, &mut self.reference);
        let first = reference.lines.get(&(import, depth)).is_none_or(VecDeque::is_empty);
        let object = reference.object_has(import, depth);
        let connection = reference.connection_has(depth, cost);
        match self.fast.want(import, depth, cost, key) {
            Want::Granted => {
                assert!(first, "it passed its own line");
                reference.take(import, depth, cost);
                self.seen[0] += 1;
            }
            Want::Queued => {
                if self.drained && !reference.paused && first && reference.may_start(import, depth, cost) {
                    assert!(reference.is_behind(depth), "it waits for nothing");
                    self.seen[4] += 1;
                }
                reference.lines.entry((import, depth)).or_default().push_back((key, cost));
                self.seen[1] += 1;
            }
            Want::Overloaded => {
                let too_deep = |reserve, has: bool| u32::from(depth) > reserve && !has;
                assert!(too_deep(reference.reserve.0, object) || too_deep(reference.reserve.1, connection));
                self.seen[2] += 1;
            }
        }
    }

    fn answer(&mut self) {
        let import = self.rng.random_range(0..IMPORTS);
        let out = &mut self.reference.out[import];
        let calls = self.rng.random_range(0..=out.len().min(3));
        self.drained = false;
        let cost = (0..calls).map(|_| out.swap_remove(self.rng.random_range(0..out.len()))).sum();
        self.fast.give_back(import, calls as u32, cost).expect("no more than is out");
    }

    fn withdraw(&mut self) {
        let waiting: usize = self.reference.lines.values().map(VecDeque::len).sum();
        if waiting == 0 {
            return;
        }
        self.drained = false;
        let mut at = self.rng.random_range(0..waiting);
        for (&(import, depth), line) in &mut self.reference.lines {
            if at < line.len() {
                let (key, _) = line.remove(at).expect("it is within the line");
                return self.fast.withdraw(import, depth, key);
            }
            at -= line.len();
        }
    }

    fn pause(&mut self, paused: bool) {
        self.drained &= paused;
        self.reference.paused = paused;
        self.fast.pause(paused);
    }

    fn drain(&mut self) {
        while let Some(key) = self.fast.next() {
            self.reference.granted(key);
            self.seen[3] += 1;
        }
        self.drained = true;
        self.reference.assert_nobody_is_left();
    }

    fn compare(&self) {
        assert_eq!(self.fast.connection_out(), self.reference.connection_out());
        let mut waiting = 0;
        for import in 0..IMPORTS {
            assert_eq!(self.fast.out(import), self.reference.out[import].len() as u32);
            let lines = self.reference.lines.iter().filter(|((of, _), _)| *of == import);
            let in_lines = lines.map(|(_, line)| line.len()).sum::<usize>();
            assert_eq!(self.fast.waiting(import), in_lines);
            waiting += in_lines;
        }
        assert_eq!(self.fast.waiting_total(), waiting);
    }

    /// Everything is answered as long as anything is out: nobody may be left waiting.
    fn finish(&mut self) {
        self.pause(false);
        self.drain();
        while self.reference.connection_out() > 0 {
            for import in 0..IMPORTS {
                if let Some(cost) = self.reference.out[import].pop() {
                    self.fast.give_back(import, 1, cost).expect("it is out");
                    self.drain();
                }
            }
        }
        self.compare();
        assert_eq!(self.fast.waiting_total(), 0, "somebody waits though nothing is out");
        assert!(self.fast.ready.is_empty() && self.fast.greedy.is_empty());
        (0..IMPORTS).for_each(|import| self.fast.forget(import));
    }
}

#[test]
fn random_walks_agree_with_a_plain_reading_of_the_rules() {
    let mut seen = [0; 5];
    for seed in 0..600 {
        let mut walk = Walk::new(seed);
        (0..400).for_each(|_| walk.step());
        walk.finish();
        (0..5).for_each(|at| seen[at] += walk.seen[at]);
    }
    assert!(seen.iter().all(|&times| times > 200), "each case was met: {seen:?}");
}

#[test]
fn a_large_call_starts_however_many_small_ones_arrive() {
    let mut permits = Permits::new(PermitLimits { object: 1000, connection: 64, reserve: 0 });
    let mut out = VecDeque::new();
    (0..33).for_each(|_| {
        if permits.want(0, 0, 1, 0) == Want::Granted {
            out.push_back(0);
        }
    });
    (0..33).for_each(|_| {
        if permits.want(1, 0, 1, 1) == Want::Granted {
            out.push_back(1);
        }
    });
    assert_eq!(permits.want(2, 0, 16, 2), Want::Queued);
    for answers in 0..200 {
        let import = out.pop_front().expect("small calls are out");
        permits.give_back(import, 1, 1).expect("it is out");
        while let Some(key) = permits.next() {
            if key == 2 {
                assert!(answers < 100);
                return;
            }
            out.push_back(key as usize);
        }
        for import in [0, 1] {
            if permits.want(import, 0, 1, import as u32) == Want::Granted {
                out.push_back(import);
            }
        }
    }
    panic!("the large call never started");
}
