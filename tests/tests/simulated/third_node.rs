//! Three nodes: what one hosts and another hands on is called by the third, over links that delay, reorder, lose and double datagrams.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use duologue::prelude::*;
use duologue::testing::{self, World};
use duologue::{Closed, Ran, Restriction};
use duologue_tests::events::{Bell, Gate, Heard, Tell, events};
use duologue_tests::nodes::{begin, begin_all, is_at_rest, settles};
use tokio::time::Instant;

use crate::guarantees::{ONE_WAY, each, rough, steady};

type Outcome = (Result<u32, CallError>, Duration);

#[service]
trait Knot {
    fn value(&self) -> u32;
    async fn inc(&mut self) -> u32;
    /// The knot that comes next on the way around.
    fn lead_to(&mut self, next: KnotProxy);
    fn next(&self) -> KnotProxy;
    /// So many knots further, each read or written meanwhile; at the last one the next is asked for its value, or incremented.
    async fn read_around(&self, steps: u32, last: &str) -> Result<u32, CallError>;
    async fn write_around(&mut self, steps: u32, last: &str) -> Result<u32, CallError>;
    /// Two calls of one handler at once.
    async fn twice(&mut self) -> Result<(u32, u32), CallError>;
    fn note(&mut self, n: u32) -> u32;
    fn notes(&self) -> Vec<u32>;
    async fn hold(&self);
}

struct Loop {
    count: u32,
    next: Option<KnotProxy>,
    notes: Vec<u32>,
    asked: Tell<Outcome>,
    held: Tell<&'static str>,
    gate: Gate,
}

impl Loop {
    fn leads(&self) -> KnotProxy {
        self.next.clone().expect("the way is laid")
    }

    async fn ask(&self, last: &str) -> Result<u32, CallError> {
        let start = Instant::now();
        let outcome = match last {
            "value" => self.leads().value().await,
            _ => self.leads().inc().await,
        };
        self.asked.tell((outcome.clone(), start.elapsed()));
        outcome
    }

    fn rings(&self) -> Bell<&'static str> {
        self.held.tell("in");
        self.held.on_drop("out")
    }
}

#[service]
impl Knot for Loop {
    fn value(&self) -> u32 {
        self.count
    }

    async fn inc(&mut self) -> u32 {
        let before = self.count;
        tokio::task::yield_now().await;
        self.count = before + 1;
        self.count
    }

    fn lead_to(&mut self, next: KnotProxy) {
        self.next = Some(next);
    }

    fn next(&self) -> KnotProxy {
        self.leads()
    }

    async fn read_around(&self, steps: u32, last: &str) -> Result<u32, CallError> {
        match steps {
            0 => self.ask(last).await,
            _ => self.leads().read_around(steps - 1, last).await,
        }
    }

    async fn write_around(&mut self, steps: u32, last: &str) -> Result<u32, CallError> {
        match steps {
            0 => self.ask(last).await,
            _ => self.leads().write_around(steps - 1, last).await,
        }
    }

    async fn twice(&mut self) -> Result<(u32, u32), CallError> {
        let next = self.leads();
        let (first, second) = tokio::join!(next.inc(), next.inc());
        Ok((first?, second?))
    }

    fn note(&mut self, n: u32) -> u32 {
        self.notes.push(n);
        n
    }

    fn notes(&self) -> Vec<u32> {
        self.notes.clone()
    }

    async fn hold(&self) {
        let _bell = self.rings();
        self.gate.pass().await;
    }
}

/// What a node shows: its knot.
#[service]
trait Post {
    fn knot(&self) -> KnotProxy;
}

#[derive(Clone, Default)]
struct Sign(Arc<OnceLock<KnotProxy>>);

#[service]
impl Post for Sign {
    fn knot(&self) -> KnotProxy {
        self.0.get().cloned().expect("the knot is tied")
    }
}

/// Three nodes, each connected to both others, and a knot at each.
struct Ring {
    world: World,
    nodes: [Node; 3],
    /// Each at its own node.
    knots: [KnotProxy; 3],
    /// `seen[n][m]`: the knot of `m` as `n` holds it.
    seen: [[KnotProxy; 3]; 3],
    /// From whom to whom each leads.
    links: Vec<((usize, usize), Connection)>,
    asked: Heard<Outcome>,
    held: Heard<&'static str>,
}

async fn ring(world: &World) -> Ring {
    let ((ask, asked), (hold, held)) = (events(), events());
    let signs = [(); 3].map(|()| Sign::default());
    let mut nodes = Vec::new();
    for sign in &signs {
        let (sign, address) = (sign.clone(), format!("{}:0", world.network().machine()));
        nodes.push(world.node().serve(move || sign.clone()).bind(address).await.unwrap());
    }
    let nodes: [Node; 3] = nodes.try_into().unwrap();
    let knots = [0, 1, 2].map(|n: usize| {
        let (asked, held) = (ask.clone(), hold.clone());
        let (notes, gate) = (Vec::new(), Gate::new());
        nodes[n].host::<KnotProxy, _>(move || Loop { count: 0, next: None, notes, asked, held, gate })
    });
    let (mut seen, mut links) = ([(); 3].map(|()| knots.clone()), Vec::new());
    for (sign, knot) in signs.iter().zip(&knots) {
        sign.0.set(knot.clone()).unwrap();
    }
    for (near, far) in [(0, 1), (1, 2), (2, 0)] {
        let (target, sign) = (nodes[far].local_addr().to_string(), signs[near].clone());
        let before = nodes[far].connections();
        let link = nodes[near].connect(target).serve(move || sign.clone()).await.unwrap();
        nodes[far].until(|stats| stats.connections > before.len()).await;
        let back = nodes[far].connections().into_iter().find(|c| !before.contains(c)).unwrap();
        for (from, to, connection) in [(near, far, link), (far, near, back)] {
            seen[from][to] = connection.root::<PostProxy>().await.unwrap().knot().await.unwrap();
            links.push(((from, to), connection));
        }
    }
    Ring { world: world.clone(), nodes, knots, seen, links, asked, held }
}

/// How the way leads around: which node's connection a knot calls its next one by, if not by its own.
type Through = [Option<usize>; 3];

/// By three connections.
const DIRECT: Through = [None; 3];
/// By two of them: from the third knot to the first through the second's node.
const BACK: Through = [None, None, Some(1)];
/// By all of them, and each call through the node that has nothing to do with it.
const AROUND: Through = [Some(2), Some(0), Some(1)];

impl Ring {
    /// The knot of `to`, as `from` holds it: by its own connection, or handed on by a third node.
    async fn way(&self, from: usize, to: usize, through: Option<usize>) -> KnotProxy {
        let Some(between) = through else { return self.seen[from][to].clone() };
        // The node between leads its own knot there, and is asked for it.
        let hop = &self.knots[between];
        hop.lead_to(self.seen[between][to].clone()).await.unwrap();
        let handed_on = self.seen[from][between].next().await.unwrap();
        assert_ne!(handed_on, self.seen[from][to]);
        handed_on
    }

    async fn lay(&self, through: Through) {
        let mut ways = Vec::new();
        for (from, between) in through.into_iter().enumerate() {
            ways.push(self.way(from, (from + 1) % 3, between).await);
        }
        for (knot, way) in self.knots.iter().zip(ways) {
            knot.lead_to(way).await.unwrap();
        }
    }

    /// Nothing goes between two nodes any more.
    fn partition(&self, one: usize, other: usize) {
        let end =
            |from, to| self.links.iter().find(|(way, _)| *way == (from, to)).unwrap().1.remote_address().ip();
        self.world.network().partition(end(one, other), end(other, one));
    }

    /// Everything is dropped, and nothing is left anywhere.
    async fn at_rest(self) {
        let Ring { nodes, knots, seen, links, .. } = self;
        for knot in &knots {
            knot.revoke();
        }
        drop((knots, seen));
        for node in &nodes {
            settles(node, is_at_rest).await;
        }
        assert!(links.iter().all(|(_, link)| !link.is_closed()));
    }
}

#[test]
fn a_chain_around_three_nodes_is_refused_where_it_must_be_and_only_there() {
    each(async |world| {
        world.network().set(rough());
        let mut ring = ring(&world).await;
        for through in [DIRECT, BACK, AROUND] {
            ring.lay(through).await;
            let first = ring.knots[0].clone();
            // Readers are read again by their own chain, twice around.
            assert_eq!(first.read_around(2, "value").await, Ok(0));
            assert_eq!(first.read_around(7, "value").await, Ok(0));
            assert_eq!(ring.asked.next().await.0, Ok(0));
            assert_eq!(ring.asked.next().await.0, Ok(0));
            for (call, name) in [
                (first.read_around(2, "inc"), "Knot::inc"),
                (first.write_around(2, "value"), "Knot::value"),
                (first.write_around(2, "inc"), "Knot::inc"),
            ] {
                let outer = call.await.unwrap_err();
                let inner = ring.asked.next().await.0.unwrap_err();
                let CallError::WouldDeadlock(text) = &inner else { panic!("{inner:?}") };
                let told = format!("{name}: its turn is held by an ancestor of this call");
                assert!(text.starts_with(&told), "{text}");
                assert_eq!((inner.ran(), outer.ran()), (Ran::Never, Ran::Yes));
            }
            // A chain that ends before it comes back is not refused.
            assert_eq!(first.write_around(1, "value").await, Ok(0));
            assert_eq!(ring.asked.next().await.0, Ok(0));
        }
        ring.at_rest().await;
    });
}

#[test]
fn nothing_innocent_is_refused_around_three_nodes() {
    each(async |world| {
        world.network().set(rough());
        let mut ring = ring(&world).await;
        ring.lay(AROUND).await;
        // Two calls of each handler at once, each on the next knot, and readers from everywhere.
        let [a, b, c] = ring.knots.clone();
        let pairs = [a.twice().await, b.twice().await, c.twice().await];
        assert_eq!(pairs, [Ok((1, 2)), Ok((1, 2)), Ok((1, 2))]);
        let read =
            tokio::join!(a.read_around(5, "value"), b.read_around(5, "value"), c.read_around(5, "value"));
        assert_eq!(read, (Ok(2), Ok(2), Ok(2)));
        ring.asked.take(3).await;
        ring.at_rest().await;
    });
}

#[test]
fn the_refusal_takes_the_way_and_no_longer() {
    testing::run(1, async |world| {
        world.network().set(steady());
        let mut ring = ring(&world).await;
        for (through, hops) in [(DIRECT, 1), (BACK, 2), (AROUND, 2)] {
            ring.lay(through).await;
            ring.knots[0].write_around(2, "inc").await.unwrap_err();
            let (inner, took) = ring.asked.next().await;
            assert!(matches!(inner, Err(CallError::WouldDeadlock(_))), "{inner:?}");
            assert_eq!(took, hops * 2 * ONE_WAY);
        }
    });
}

#[test]
fn order_is_kept_through_the_node_between() {
    each(async |world| {
        world.network().set(rough());
        let ring = ring(&world).await;
        let knot = ring.way(0, 2, Some(1)).await;
        let mut calls = Vec::new();
        for n in (0..300).step_by(3) {
            calls.extend(begin_all([knot.note(n), knot.note(n + 1)]).await);
            knot.note(n + 2).notify().await.unwrap();
        }
        for (n, call) in calls.into_iter().enumerate() {
            assert_eq!(call.await, Ok(n as u32 / 2 * 3 + n as u32 % 2));
        }
        assert_eq!(knot.notes().await, Ok((0..300).collect()));
        drop(knot);
        ring.at_rest().await;
    });
}

#[test]
fn a_dropped_call_is_cancelled_beyond_the_node_between_and_a_dropped_proxy_released() {
    each(async |world| {
        world.network().set(rough());
        let mut ring = ring(&world).await;
        let knot = ring.way(0, 2, Some(1)).await;
        for _ in 0..5 {
            let mut held = knot.hold();
            assert!(begin(&mut held).await.is_pending());
            assert_eq!(ring.held.next().await, "in");
            drop(held);
            assert_eq!(ring.held.next().await, "out");
        }
        let late = knot.hold().timeout(Duration::from_secs(2)).await.unwrap_err();
        assert!(matches!(late, CallError::Deadline { .. }), "{late:?}");
        assert_eq!(ring.held.take(2).await, ["in", "out"], "its deadline ends it at all three");
        drop(knot);
        ring.at_rest().await;
    });
}

#[test]
fn the_last_call_that_was_granted_ends_at_its_deadline_as_any_other() {
    each(async |world| {
        world.network().set(rough());
        let mut ring = ring(&world).await;
        // The node between grants one call on what it hands on.
        let once = ring.seen[1][2].restrict(Restriction::all().calls(1));
        ring.knots[1].lead_to(once.clone()).await.unwrap();
        let once_afar = ring.seen[0][1].next().await.unwrap();
        let late = once_afar.hold().timeout(Duration::from_secs(2)).await.unwrap_err();
        assert!(matches!(late, CallError::Deadline { .. }), "{late:?}");
        assert_eq!(ring.held.take(2).await, ["in", "out"], "it ended where it ran");
        assert!(matches!(once_afar.value().await, Err(CallError::Gone { .. })), "it was the last");
        drop((once, once_afar));
        ring.at_rest().await;
    });
}

#[test]
fn when_the_node_between_dies_with_a_call_under_way_nobody_knows_whether_it_ran() {
    each(async |world| {
        world.network().set(rough());
        let mut ring = ring(&world).await;
        let knot = ring.way(0, 2, Some(1)).await;
        let mut held = knot.hold().timeout(Duration::from_secs(600));
        assert!(begin(&mut held).await.is_pending());
        assert_eq!(ring.held.next().await, "in");
        ring.partition(0, 1);
        ring.partition(1, 2);
        let error = held.await.unwrap_err();
        assert!(matches!(error, CallError::Disconnected { ran: Ran::Unknown, .. }), "{error:?}");
        assert_eq!(ring.held.next().await, "out", "its host notices too");
        assert!(matches!(knot.closed().await, Closed::Disconnected(_)));
        let error = knot.note(1).await.unwrap_err();
        assert!(matches!(error, CallError::Disconnected { ran: Ran::Never, .. }), "{error:?}");
        // The other way is well.
        assert_eq!(ring.seen[0][2].note(2).await, Ok(2));
    });
}

#[test]
fn when_the_host_dies_with_a_call_under_way_its_object_is_gone_and_the_node_between_is_not() {
    each(async |world| {
        world.network().set(rough());
        let mut ring = ring(&world).await;
        let knot = ring.way(0, 2, Some(1)).await;
        let mut held = knot.hold().timeout(Duration::from_secs(600));
        assert!(begin(&mut held).await.is_pending());
        assert_eq!(ring.held.next().await, "in");
        ring.partition(1, 2);
        let reason =
            "the connection to it has ended: nothing was heard of the peer for the idle time".to_owned();
        let error = held.await.unwrap_err();
        assert_eq!(error, CallError::Gone { ran: Ran::Unknown, reason: reason.clone() });
        assert_eq!(ring.held.next().await, "out");
        assert_eq!(knot.closed().await, Closed::Gone(reason.clone()));
        assert_eq!(knot.note(1).await, Err(CallError::Gone { ran: Ran::Never, reason }));
        assert_eq!(ring.seen[0][1].note(2).await, Ok(2));
    });
}
