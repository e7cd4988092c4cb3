//! Random trees of calls over a few objects, in random order, beside a plain reading of the rules.
//!
//! What is shown: nothing is refused unless its ancestor holds the turn; nothing waits for a turn that its ancestor
//! holds; calls start in the order of their arrival; and where everything stops, two different chains have crossed:
//! never one chain alone. Notices belong to no chain.
//!
//! The objects are spread over nodes. Where those look for circles among their own turns, none is found that is not
//! there, none is missed, and a single node never gets stuck.

use std::collections::HashMap;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

use super::*;
use crate::descriptor::Descriptor;
use crate::tables::crossing::{Crossings, TurnKey};

/// A method of an object that calls others, one after the other or all together.
#[derive(Debug)]
struct Plan {
    object: usize,
    access: Access,
    joined: bool,
    /// Nobody waits for it.
    notice: bool,
    children: Vec<Plan>,
}

#[derive(Clone, Copy)]
struct Shape {
    objects: usize,
    roots: usize,
    joins: bool,
    notices: bool,
    /// How many nodes look for circles, each among its own objects; 0: nobody looks.
    nodes: usize,
    /// How likely a waiting call gives up, per step.
    gives_up: f64,
}

impl Shape {
    const PLAIN: Shape =
        Shape { objects: 3, roots: 1, joins: false, notices: false, nodes: 0, gives_up: 0.0 };
}

static INTERFACE: Descriptor = Descriptor::fixed("Object", &[], 1, "", &[]);

impl Plan {
    fn random(rng: &mut StdRng, shape: Shape, depth: usize) -> Self {
        let children = if depth == 0 { 0 } else { rng.random_range(0..=2) };
        Self {
            object: rng.random_range(0..shape.objects),
            access: if rng.random_bool(0.4) { Access::Write } else { Access::Read },
            joined: shape.joins && rng.random(),
            notice: shape.notices && rng.random_bool(0.2),
            children: (0..children).map(|_| Self::random(rng, shape, depth - 1)).collect(),
        }
    }
}

/// One call that was made.
struct Call<'a> {
    plan: &'a Plan,
    parent: Option<usize>,
    token: Token,
    state: CallState,
    made: Vec<usize>,
    /// It has waited long, and has looked whether it waits for itself.
    looked: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CallState {
    Waits(Ticket),
    Runs(Ticket),
    Over,
}

/// What a run has shown.
#[derive(Clone, Copy, Debug, Default)]
struct Outcome {
    calls: usize,
    refused: usize,
    passed_writer: usize,
    circles: usize,
    stuck: usize,
}

struct World<'a> {
    rng: StdRng,
    turns: Vec<Turn>,
    /// Of each node.
    crossings: Vec<Crossings>,
    /// The reference: calls that wait at each object, first come first.
    queues: Vec<Vec<usize>>,
    calls: Vec<Call<'a>>,
    tickets: HashMap<(usize, Ticket), usize>,
    outcome: Outcome,
}

impl<'a> World<'a> {
    fn run(seed: u64, shape: Shape, roots: &'a [Plan]) -> Outcome {
        let mut world = World {
            rng: StdRng::seed_from_u64(seed),
            turns: (0..shape.objects).map(|_| Turn::new()).collect(),
            crossings: (0..shape.nodes).map(|_| Crossings::default()).collect(),
            queues: vec![Vec::new(); shape.objects],
            calls: Vec::new(),
            tickets: HashMap::new(),
            outcome: Outcome::default(),
        };
        let mut unmade: Vec<&Plan> = roots.iter().collect();
        loop {
            let able: Vec<usize> = (0..world.calls.len()).filter(|&at| world.is_able(at)).collect();
            let choices = able.len() + unmade.len();
            let waiting: Vec<usize> = world.queues.concat();
            let patient = waiting.iter().copied().find(|&at| world.may_look(at));
            if !waiting.is_empty() && world.rng.random_bool(shape.gives_up) {
                let call = *waiting.choose(&mut world.rng).expect("somebody waits");
                world.end(call);
            } else if let Some(call) = patient
                && (choices == 0 || world.rng.random_bool(0.3))
            {
                world.look(call);
            } else if choices == 0 {
                break;
            } else {
                match able.get(world.rng.random_range(0..choices)) {
                    Some(&call) => world.advance(call),
                    None => {
                        let root = unmade.pop().expect("the choice was beyond those able");
                        world.make(root, None);
                    }
                }
            }
            world.compare();
        }
        world.judge_the_end();
        world.outcome.calls = world.calls.len();
        world.outcome
    }

    /// A running call that does not wait for its children.
    fn is_able(&self, at: usize) -> bool {
        let call = &self.calls[at];
        let awaits = self.awaited_children(at).next().is_some();
        let unmade = call.made.len() < call.plan.children.len();
        matches!(call.state, CallState::Runs(_)) && (!awaits || call.plan.joined && unmade)
    }

    fn awaited_children(&self, at: usize) -> impl Iterator<Item = usize> {
        let made = self.calls[at].made.iter().copied();
        made.filter(move |&child| {
            self.calls[child].parent == Some(at) && self.calls[child].state != CallState::Over
        })
    }

    /// A call that waits and belongs to a chain.
    fn may_look(&self, at: usize) -> bool {
        !self.crossings.is_empty() && !self.calls[at].looked && self.calls[at].parent.is_some()
    }

    /// Which node the object is on, and how it names it.
    fn node_of(&self, object: usize) -> (usize, TurnKey) {
        (object % self.crossings.len(), TurnKey(object as u64))
    }

    /// A call has waited long, and asks its node whether it waits for itself.
    fn look(&mut self, at: usize) {
        self.calls[at].looked = true;
        let object = self.calls[at].plan.object;
        let CallState::Waits(ticket) = self.calls[at].state else { panic!("it does not wait") };
        let (node, key) = self.node_of(object);
        let path = self.path(self.calls[at].parent);
        let turn = &self.turns[object];
        let place = turn.find(ticket).expect("it waits");
        let found = self.crossings[node].wait(key, &(&INTERFACE).into(), place, &path, turn.holders());
        let seen =
            |call: usize| self.calls[call].looked && self.node_of(self.calls[call].plan.object).0 == node;
        assert_eq!(
            found.is_err(),
            self.is_in_a_circle(at, seen),
            "what is found is there, and what is there is found"
        );
        if found.is_err() {
            self.outcome.circles += 1;
            self.end(at);
        }
    }

    /// Whether a waiting call waits for itself, over waiting calls of which `seen` is true.
    fn is_in_a_circle(&self, from: usize, seen: impl Fn(usize) -> bool) -> bool {
        let mut due = vec![from];
        let mut done = Vec::new();
        while let Some(at) = due.pop() {
            for holder in self.holders(self.calls[at].plan.object) {
                let below = |&call: &usize| {
                    matches!(self.calls[call].state, CallState::Waits(_))
                        && self.ancestors(self.calls[call].parent).contains(&holder)
                };
                for next in (0..self.calls.len()).filter(below).filter(|&call| seen(call)) {
                    if next == from {
                        return true;
                    }
                    if !done.contains(&next) {
                        done.push(next);
                        due.push(next);
                    }
                }
            }
        }
        false
    }

    fn path(&self, parent: Option<usize>) -> Vec<Token> {
        self.ancestors(parent).iter().map(|&ancestor| self.calls[ancestor].token).collect()
    }

    fn has_entered(&mut self, object: usize, ticket: Ticket) {
        if !self.crossings.is_empty() {
            let (node, key) = self.node_of(object);
            let place = self.turns[object].find(ticket).expect("it has entered");
            self.crossings[node].entered(key, place);
        }
    }

    fn advance(&mut self, at: usize) {
        let call = &self.calls[at];
        let plan = call.plan;
        match plan.children.get(call.made.len()) {
            Some(child) if child.notice => {
                let notice = self.calls.len();
                self.calls[at].made.push(notice);
                self.make(child, None);
            }
            Some(child) => self.make(child, Some(at)),
            None => self.end(at),
        }
    }

    fn make(&mut self, plan: &'a Plan, parent: Option<usize>) {
        let at = self.calls.len();
        let token = Token(self.rng.random());
        let ancestors = self.ancestors(parent);
        let path = self.path(parent);
        let holders = self.holders(plan.object);
        let held: Vec<usize> = holders.iter().copied().filter(|holder| ancestors.contains(holder)).collect();
        let arrival = self.turns[plan.object].arrive(plan.access, Some(token), &path);

        let writes = |call: &usize| self.calls[*call].plan.access == Access::Write;
        let write = plan.access == Access::Write;
        let queued = !self.queues[plan.object].is_empty();
        let state = match arrival {
            Arrival::Refused(named) => {
                assert!(
                    held.iter().any(|&holder| self.calls[holder].token == named),
                    "no holder is its ancestor"
                );
                assert!(write || held.iter().any(writes), "readers may read again");
                self.outcome.refused += 1;
                CallState::Over
            }
            Arrival::Enter(ticket) => {
                assert!(!holders.iter().any(writes) && (!write || holders.is_empty()), "the borrow rule");
                assert!(!held.is_empty() || !queued, "it passed the queue");
                self.outcome.passed_writer += usize::from(queued);
                self.tickets.insert((plan.object, ticket), at);
                self.has_entered(plan.object, ticket);
                CallState::Runs(ticket)
            }
            Arrival::Wait(ticket) => {
                assert!(held.is_empty(), "it waits for its ancestor");
                assert!(
                    queued || holders.iter().any(writes) || write && !holders.is_empty(),
                    "nobody is in its way"
                );
                self.tickets.insert((plan.object, ticket), at);
                self.queues[plan.object].push(at);
                CallState::Waits(ticket)
            }
        };
        self.calls.push(Call { plan, parent, token, state, made: Vec::new(), looked: false });
        if let Some(parent) = parent {
            self.calls[parent].made.push(at);
        }
    }

    /// A call has run to its end, or gives up waiting.
    fn end(&mut self, at: usize) {
        let object = self.calls[at].plan.object;
        let (CallState::Waits(ticket) | CallState::Runs(ticket)) = self.calls[at].state else { return };
        let mut started = Vec::new();
        if !self.crossings.is_empty() {
            let (node, key) = self.node_of(object);
            self.crossings[node].left(key, ticket);
        }
        self.turns[object].leave(ticket, &mut started);
        for &ticket in &started {
            self.has_entered(object, ticket);
        }
        self.calls[at].state = CallState::Over;
        self.queues[object].retain(|&waiting| waiting != at);
        let started: Vec<usize> = started.iter().map(|&ticket| self.tickets[&(object, ticket)]).collect();
        assert_eq!(started, self.startable(object), "first come, first served");
        for call in started {
            let CallState::Waits(ticket) = self.calls[call].state else { panic!("it did not wait") };
            self.calls[call].state = CallState::Runs(ticket);
            self.queues[object].retain(|&waiting| waiting != call);
        }
    }

    /// Who may start by the rules, from the head of the queue on.
    fn startable(&self, object: usize) -> Vec<usize> {
        let mut inside = self.holders(object);
        let before = inside.len();
        for &call in &self.queues[object] {
            let write = self.calls[call].plan.access == Access::Write;
            let held = inside.iter().any(|&holder| self.calls[holder].plan.access == Access::Write);
            if held || write && !inside.is_empty() {
                break;
            }
            inside.push(call);
        }
        inside.split_off(before)
    }

    fn holders(&self, object: usize) -> Vec<usize> {
        let runs = |call: &Call<'_>| call.plan.object == object && matches!(call.state, CallState::Runs(_));
        (0..self.calls.len()).filter(|&at| runs(&self.calls[at])).collect()
    }

    /// From the nearest to the root.
    fn ancestors(&self, parent: Option<usize>) -> Vec<usize> {
        std::iter::successors(parent, |&at| self.calls[at].parent).collect()
    }

    fn compare(&self) {
        for (object, turn) in self.turns.iter().enumerate() {
            let mut holders: Vec<_> =
                turn.holders().map(|place| self.tickets[&(object, place.ticket)]).collect();
            holders.sort_unstable();
            assert_eq!(holders, self.holders(object));
            assert_eq!(turn.waiting(), self.queues[object].len());
            assert_eq!(turn.is_idle(), holders.is_empty() && turn.waiting() == 0);
        }
    }

    /// Nothing moves any more: either all is over, or different chains have crossed.
    fn judge_the_end(&mut self) {
        let Some(&stuck) = self.queues.concat().first() else {
            assert!(self.turns.iter().all(Turn::is_idle));
            assert!(
                self.crossings.iter().all(Crossings::is_empty),
                "I6: nothing is known of calls that are over"
            );
            return;
        };
        self.outcome.stuck = 1;
        for call in self.queues.concat() {
            let here = |other: usize| {
                !self.crossings.is_empty()
                    && self.node_of(self.calls[other].plan.object).0
                        == self.node_of(self.calls[call].plan.object).0
            };
            assert!(!self.is_in_a_circle(call, here), "a circle within one node was missed");
        }
        let circle = self.circle(stuck);
        let deepest = circle.iter().map(|&call| self.ancestors(Some(call))).max_by_key(Vec::len);
        let chain = deepest.expect("a circle is not empty");
        assert!(circle.iter().any(|call| !chain.contains(call)), "one chain waits for itself");
    }

    /// A circle of calls of which each waits for the next, found by going on from this one.
    fn circle(&self, from: usize) -> Vec<usize> {
        let mut way = vec![from];
        loop {
            let next = self.awaited(way[way.len() - 1]);
            if let Some(at) = way.iter().position(|&seen| seen == next) {
                return way.split_off(at);
            }
            way.push(next);
        }
    }

    /// What keeps this call: a child that is not over, the call before it in the queue, or a holder of the turn.
    fn awaited(&self, at: usize) -> usize {
        let call = &self.calls[at];
        let found = match call.state {
            CallState::Runs(_) => self.awaited_children(at).next(),
            CallState::Waits(_) => {
                let queue = &self.queues[call.plan.object];
                let place = queue.iter().position(|&waiting| waiting == at).expect("it stands in the queue");
                match place {
                    0 => self.holders(call.plan.object).first().copied(),
                    _ => Some(queue[place - 1]),
                }
            }
            CallState::Over => None,
        };
        found.expect("nothing moves, so everything waits for something")
    }
}

/// Runs this many random trees and sums up what they showed.
fn walk(seeds: std::ops::Range<u64>, shape: Shape) -> Outcome {
    let mut sum = Outcome::default();
    for seed in seeds {
        let mut rng = StdRng::seed_from_u64(seed);
        let roots: Vec<Plan> = (0..shape.roots).map(|_| Plan::random(&mut rng, shape, 4)).collect();
        let outcome = World::run(seed, shape, &roots);
        sum.calls += outcome.calls;
        sum.refused += outcome.refused;
        sum.passed_writer += outcome.passed_writer;
        sum.circles += outcome.circles;
        sum.stuck += outcome.stuck;
    }
    sum
}

#[test]
fn a_single_chain_never_gets_stuck() {
    let sum = walk(0..4_000, Shape::PLAIN);
    assert_eq!(sum.stuck, 0);
    assert!(sum.refused > 1_000, "{sum:?}");
}

#[test]
fn branches_of_one_root_get_stuck_only_by_crossing() {
    let sum = walk(10_000..14_000, Shape { objects: 4, joins: true, ..Shape::PLAIN });
    assert!(sum.refused > 1_000 && (1..1_000).contains(&sum.stuck), "{sum:?}");
}

#[test]
fn several_chains_get_stuck_only_by_crossing() {
    let sum = walk(20_000..24_000, Shape { objects: 4, roots: 3, joins: true, ..Shape::PLAIN });
    assert!(sum.refused > 1_000 && sum.passed_writer > 100 && sum.stuck > 100, "{sum:?}");
}

#[test]
fn nothing_stays_stuck_where_waiting_calls_give_up() {
    let sum = walk(30_000..32_000, Shape { roots: 4, joins: true, gives_up: 0.05, ..Shape::PLAIN });
    assert!(sum.calls > 10_000, "{sum:?}");
}

#[test]
fn notices_are_no_link_in_any_chain() {
    let sum = walk(40_000..43_000, Shape { notices: true, ..Shape::PLAIN });
    assert!(sum.refused > 1_000, "{sum:?}");
}

#[test]
fn one_node_that_looks_for_circles_never_gets_stuck() {
    let shape = Shape { objects: 4, roots: 3, joins: true, notices: true, nodes: 1, gives_up: 0.0 };
    let sum = walk(50_000..54_000, shape);
    assert_eq!(sum.stuck, 0, "{sum:?}");
    assert!(sum.circles > 100, "{sum:?}");
}

#[test]
fn several_nodes_get_stuck_only_by_circles_across_them() {
    let shape = Shape { objects: 5, roots: 3, joins: true, notices: true, nodes: 2, gives_up: 0.01 };
    let sum = walk(60_000..64_000, shape);
    assert!(sum.circles > 30 && sum.stuck > 30, "{sum:?}");
}
