//! Every order of events of a few chains of calls that call each other back and forth: none gets stuck.
//!
//! Two nodes: a chain's calls at even depth go from the first to the second, those at odd depth come back as callbacks.
//! Each node counts the permits of the calls that it makes itself. A chain of `n` calls makes `2n` steps: it asks for
//! the permits of one call after the other, then the answers return in the reverse order.

use std::collections::HashSet;

use super::*;

/// Which permits are few.
#[derive(Clone, Copy, Debug)]
enum Scarce {
    /// All chains call one object, which has few permits.
    Object(u32),
    /// Each chain calls an object of its own, with calls of the largest size; the connection has few permits.
    Connection(u32),
}

#[derive(Clone)]
struct State {
    nodes: [Permits<usize>; 2],
    chains: Vec<Chain>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Chain {
    /// Calls under way, the one that waits for its permits included.
    calls: u8,
    waits: bool,
    /// The way back has begun: no further call is made.
    returning: bool,
}

struct Explorer {
    scarce: Scarce,
    depth: u8,
    seen: HashSet<Vec<Chain>>,
    /// Calls refused because they were nested too deep for so few permits.
    overloaded: u32,
}

impl Explorer {
    /// Reaches every state there is; fails if one of them can never be left.
    fn explore(scarce: Scarce, roots: usize, depth: u8) -> Self {
        let limits = match scarce {
            Scarce::Object(object) => PermitLimits { object, ..PermitLimits::default() },
            Scarce::Connection(connection) => PermitLimits { connection, ..PermitLimits::default() },
        };
        let idle = Chain { calls: 0, waits: false, returning: false };
        let start = State { nodes: [Permits::new(limits), Permits::new(limits)], chains: vec![idle; roots] };
        let mut explorer = Self { scarce, depth, seen: HashSet::new(), overloaded: 0 };
        let mut open = vec![start];
        while let Some(state) = open.pop() {
            open.extend(explorer.leave(&state));
        }
        explorer
    }

    /// All states that follow and have not been met.
    fn leave(&mut self, state: &State) -> Vec<State> {
        let mut stuck = true;
        let mut following = Vec::new();
        for at in 0..state.chains.len() {
            let chain = state.chains[at];
            if chain.waits || chain.returning && chain.calls == 0 {
                continue;
            }
            stuck = false;
            let mut next = state.clone();
            if chain.returning || chain.calls == self.depth {
                self.answer(&mut next, at);
            } else {
                self.call(&mut next, at);
            }
            // Chains in one position are alike, whatever their number.
            let mut key = next.chains.clone();
            key.sort_unstable();
            if self.seen.insert(key) {
                following.push(next);
            }
        }
        let waiting = state.chains.iter().filter(|chain| chain.waits).count();
        assert!(!stuck || waiting == 0, "stuck at {:?}", state.chains);
        following
    }

    fn call(&mut self, state: &mut State, at: usize) {
        let chain = &mut state.chains[at];
        let depth = chain.calls;
        let (object, cost) = self.target(at);
        match state.nodes[usize::from(depth % 2)].want(object, depth, cost, at) {
            Want::Granted => chain.calls += 1,
            Want::Queued => {
                chain.calls += 1;
                chain.waits = true;
            }
            Want::Overloaded => {
                self.overloaded += 1;
                chain.returning = true;
            }
        }
    }

    fn answer(&self, state: &mut State, at: usize) {
        let chain = &mut state.chains[at];
        chain.returning = true;
        chain.calls -= 1;
        let node = usize::from(chain.calls % 2);
        let (object, cost) = self.target(at);
        state.nodes[node].give_back(object, 1, cost).expect("its call is under way");
        while let Some(key) = state.nodes[node].next() {
            assert!(std::mem::replace(&mut state.chains[key].waits, false));
        }
    }

    fn target(&self, at: usize) -> (usize, u32) {
        match self.scarce {
            Scarce::Object(_) => (0, 1),
            Scarce::Connection(_) => (at, COST_MAX),
        }
    }
}

#[test]
fn calls_that_call_back_never_wait_for_their_own_ancestors_permits() {
    let mut states = 0;
    for roots in 2..=6 {
        for depth in 2..=6 {
            for window in [2, 3, 6] {
                states += Explorer::explore(Scarce::Object(window), roots, depth).seen.len();
            }
        }
    }
    assert!(states > 20_000, "{states}");
}

#[test]
fn large_calls_to_many_objects_never_wait_for_their_own_ancestors_permits() {
    for roots in 2..=5 {
        for depth in 2..=5 {
            for window in [32, 64, 100] {
                Explorer::explore(Scarce::Connection(window), roots, depth);
            }
        }
    }
}

#[test]
fn within_the_reserve_no_depth_is_overloaded() {
    // 12 permits hold 6 back: depths 0 to 6 have one of their own.
    assert_eq!(Explorer::explore(Scarce::Object(12), 4, 6).overloaded, 0);
    assert_eq!(Explorer::explore(Scarce::Connection(12 * COST_MAX), 4, 6).overloaded, 0);
    assert!(Explorer::explore(Scarce::Object(2), 4, 6).overloaded > 0);
}
