//! Two chains that cross, each holding the turn that the other waits for: within one node one of them gives up soon, between
//! nodes they end at the deadline with an error that names the turn's holder.

use std::time::Duration;

use duologue::Ran;
use duologue::prelude::*;
use duologue_tests::events::{Gate, Heard, Tell, events};
use duologue_tests::nodes::{begin_all, dial, listen, pair, run, small};

#[service]
trait Desk {
    /// Holds this desk, and takes from that one.
    async fn pass(&mut self, from: DeskProxy) -> Result<u32, CallError>;
    /// The same without holding anybody off who only looks.
    async fn watch(&self, from: DeskProxy) -> Result<u32, CallError>;
    async fn take(&mut self) -> u32;
    fn look(&self) -> u32;
}

struct Clerk {
    papers: u32,
    gate: Gate,
    tell: Tell<Outcome>,
}

#[derive(Debug, PartialEq)]
enum Outcome {
    Holds,
    Took(Result<u32, CallError>),
}

#[service]
impl Desk for Clerk {
    async fn pass(&mut self, from: DeskProxy) -> Result<u32, CallError> {
        self.watch(from).await
    }

    async fn watch(&self, from: DeskProxy) -> Result<u32, CallError> {
        self.tell.tell(Outcome::Holds);
        self.gate.pass().await;
        let took = from.take().await;
        self.tell.tell(Outcome::Took(took.clone()));
        took
    }

    async fn take(&mut self) -> u32 {
        self.papers += 1;
        self.papers
    }

    fn look(&self) -> u32 {
        self.papers
    }
}

/// Makes clerks whose doings are heard.
struct Office {
    gate: Gate,
    tell: Tell<Outcome>,
}

fn office() -> (Office, Heard<Outcome>) {
    let (tell, heard) = events();
    (Office { gate: Gate::new(), tell }, heard)
}

impl Office {
    fn clerk(&self) -> impl Fn() -> Clerk + Send + Sync + 'static {
        let (gate, tell) = (self.gate.clone(), self.tell.clone());
        move || Clerk { papers: 0, gate: gate.clone(), tell: tell.clone() }
    }
}

/// All hold their desks, then all take from the next one: what came of it within the handlers.
async fn cross(
    office: &Office,
    heard: &mut Heard<Outcome>,
    desks: &[DeskProxy],
) -> Vec<Result<u32, CallError>> {
    let next = desks.iter().cycle().skip(1);
    let calls = begin_all(desks.iter().zip(next).map(|(desk, next)| desk.pass(next.clone()))).await;
    for _ in desks {
        assert_eq!(heard.next().await, Outcome::Holds);
    }
    office.gate.open();
    let mut all = Vec::new();
    for call in calls {
        let outer = call.await;
        let Outcome::Took(inner) = heard.next().await else { panic!("each holds once") };
        assert!(outer.is_ok() || outer.unwrap_err().ran() == Ran::Yes);
        all.push(inner);
    }
    all
}

fn only_one_gave_up(all: &[Result<u32, CallError>], circle: usize) {
    let errors: Vec<&CallError> = all.iter().filter_map(|outcome| outcome.as_ref().err()).collect();
    let [error] = errors[..] else { panic!("one gives up: {all:?}") };
    let CallError::WouldDeadlock(text) = error else { panic!("{error:?}") };
    assert!(error.never_ran());
    assert!(text.starts_with("Desk::take: calls wait for each other in a circle"), "{text}");
    assert_eq!(text.matches("Desk::take for Desk::pass").count(), circle, "{text}");
    assert!(all.iter().all(|outcome| outcome.is_err() || *outcome == Ok(1)), "the others took: {all:?}");
}

#[test]
fn two_chains_that_cross_within_a_node_are_parted_and_one_of_them_goes_on() {
    run(async {
        let (office, mut heard) = office();
        // Each on a thread of its own.
        let node = Node::builder().arbiters(2).start().await.unwrap();
        let desks = [0, 1].map(|_| node.host(office.clerk()));
        let all = cross(&office, &mut heard, &desks).await;
        only_one_gave_up(&all, 2);
        assert_eq!(desks[0].look().await.unwrap() + desks[1].look().await.unwrap(), 1);
    });
}

#[test]
fn three_chains_that_cross_within_a_node_are_parted_as_well() {
    run(async {
        let (office, mut heard) = office();
        let node = Node::builder().arbiters(2).start().await.unwrap();
        let desks = [0, 1, 2].map(|_| node.host(office.clerk()));
        let all = cross(&office, &mut heard, &desks).await;
        only_one_gave_up(&all, 3);
    });
}

#[service]
trait Lobby {
    fn desk(&self, number: u32) -> DeskProxy;
}

struct Hall([DeskProxy; 2]);

#[service]
impl Lobby for Hall {
    fn desk(&self, number: u32) -> DeskProxy {
        self.0[number as usize].clone()
    }
}

#[test]
fn it_does_not_matter_that_the_callers_are_elsewhere() {
    run(async {
        let (office, mut heard) = office();
        let (one, two) = (office.clerk(), office.clerk());
        let hall = move || Hall([DeskProxy::local(one()), DeskProxy::local(two())]);
        let server = listen(small().serve_shared(hall)).await;
        let client = small().start().await.unwrap();
        let lobby: LobbyProxy = dial(&client, &server).await.root().await.unwrap();
        let desks = [lobby.desk(0).await.unwrap(), lobby.desk(1).await.unwrap()];
        let all = cross(&office, &mut heard, &desks).await;
        only_one_gave_up(&all, 2);
    });
}

#[test]
fn a_call_that_waits_long_for_somebody_who_does_not_wait_for_it_is_served() {
    run(async {
        let (office, mut heard) = office();
        let node = small().start().await.unwrap();
        let [left, right]: [DeskProxy; 2] = [0, 1].map(|_| node.host(office.clerk()));
        let gate = Gate::new();
        let slow = Clerk { papers: 7, gate: gate.clone(), tell: office.tell.clone() };
        let slow: DeskProxy = node.host(move || slow);
        // It holds the slow desk until the gate opens, far longer than anybody looks for circles.
        let mut holds = begin_all([slow.pass(right)]).await;
        let mut waits = begin_all([left.pass(slow.clone())]).await;
        assert_eq!(heard.take(2).await, [Outcome::Holds, Outcome::Holds]);
        office.gate.open();
        tokio::time::timeout(Duration::from_millis(400), heard.next()).await.unwrap_err();
        gate.open();
        assert_eq!(holds.remove(0).await, Ok(1));
        assert_eq!(waits.remove(0).await, Ok(8));
    });
}

#[test]
fn between_nodes_they_end_at_the_deadline_and_the_error_names_the_holder() {
    run(async {
        let (office, mut heard) = office();
        let pair = pair(office.clerk()).await;
        let there: DeskProxy = pair.root().await;
        let here: DeskProxy = pair.client.host(office.clerk());
        office.gate.open();
        let held = "it waited for a turn held by Desk::pass";
        // In virtual time both nodes would be on one thread, where the circle is seen. In real time, on a machine that is busy, the
        // word of the other node may come too late, now and then.
        for _ in 0..20 {
            let patience = Duration::from_secs(2);
            let calls =
                [here.pass(there.clone()), there.pass(here.clone())].map(|call| call.timeout(patience));
            let calls = begin_all(calls).await;
            let mut named = false;
            for call in calls {
                let outer = call.await;
                // One may go on when the other has given up.
                let Err(CallError::Deadline { ran, detail }) = outer else {
                    assert!(outer.is_ok(), "{outer:?}");
                    continue;
                };
                named |= detail == held && ran == Ran::Yes;
            }
            let inner: Vec<Outcome> = heard.take(4).await;
            let never = CallError::Deadline { ran: Ran::Never, detail: held.into() };
            if named && inner.contains(&Outcome::Took(Err(never))) {
                return;
            }
        }
        panic!("nobody was told who holds the turn");
    });
}
