//! Handlers that fail: a panic ends its call, or its object if that had it for itself; one that never answers is ended by the deadline.

use std::time::{Duration, Instant};

use duologue::{CallError, Ran, Restart};
use duologue_tests::hostile::{Frame, Peer, fault, kind, ran};
use duologue_tests::nodes::{dial, run, small};
use duologue_tests::probe::{Event, ProbingProxy, method};

use crate::{SOON, Victim};

#[test]
fn a_handler_that_panics_fails_its_call_only() {
    run(async {
        let mut victim = Victim::start().await;
        let probe = victim.neighbour.probe.clone();
        for _ in 0..3 {
            assert_eq!(probe.panics().await, Err(CallError::Panicked("on purpose".to_owned())));
            assert_eq!(probe.add(1, 2).await, Ok(3), "the object lives");
        }
        // One among others that are under way.
        let (hanging, panicking) = tokio::join!(probe.hangs().timeout(SOON), probe.panics());
        assert!(matches!(hanging, Err(CallError::Deadline { .. })), "{hanging:?}");
        assert!(matches!(panicking, Err(CallError::Panicked(_))), "{panicking:?}");
        assert_eq!(victim.heard.take(2).await, [Event::Began, Event::Stopped]);
        victim.serves_on().await;
    });
}

#[test]
fn a_handler_that_panics_alone_ends_its_object_and_no_other() {
    run(async {
        let mut victim = Victim::of(small().restart(Restart::never())).await;
        let client = small().start().await.unwrap();
        let connection = dial(&client, &victim.node).await;
        let probe: ProbingProxy = connection.root().await.unwrap();
        assert_eq!(victim.heard.next().await, Event::Connected);

        let hanging = tokio::spawn(probe.hangs());
        assert_eq!(victim.heard.next().await, Event::Began);
        let waiting = probe.panics_alone();
        // It waits for the reader, so that this one stands behind it.
        let panicked = tokio::spawn(waiting);
        victim.node.until(|stats| stats.total.calls_running == 2).await;
        let behind = tokio::spawn(probe.add(1, 2));
        victim.node.until(|stats| stats.total.calls_running == 3).await;
        hanging.abort();

        let text = "on purpose, alone".to_owned();
        assert_eq!(panicked.await.unwrap(), Err(CallError::Panicked(text)));
        let reason = "Probe::panics_alone panicked: on purpose, alone".to_owned();
        let gone = Err(CallError::Gone { ran: Ran::Never, reason: reason.clone() });
        assert_eq!(behind.await.unwrap(), gone, "what stood behind it never ran");
        let later = probe.add(1, 2).await.unwrap_err();
        assert!(matches!(later, CallError::Gone { ran: Ran::Never, .. }), "{later:?}");
        assert_eq!(victim.heard.take(2).await, [Event::Stopped, Event::Dropped]);

        connection.ping().await.expect("the connection lives");
        assert_eq!(victim.neighbour.probe.add(1, 2).await, Ok(3), "other instances live");
        connection.close().await;
        victim.serves_on().await;
    });
}

#[test]
fn a_panic_reaches_the_wire_as_a_fault_of_that_call() {
    run(async {
        let victim = Victim::start().await;
        let mut peer = Peer::dial(victim.address()).await;
        let root = peer.root().await;
        let answer = peer.lane.ask(&Frame::call(1, root, method::PANICS, &[(); 0])).await;
        assert_eq!((answer.kind, answer.method, answer.flags), (kind::FAULT, fault::PANICKED, ran::YES));
        assert_eq!(answer.text(), "on purpose");
        let sum = peer.lane.ask(&Frame::call(1, root, method::ADD, &(40, 2))).await;
        assert_eq!(sum.value::<i64>(), 42);
    });
}

#[test]
fn a_handler_that_never_answers_is_ended_by_the_deadline() {
    run(async {
        let mut victim = Victim::start().await;
        let probe = victim.neighbour.probe.clone();
        for _ in 0..2 {
            let began = Instant::now();
            let error = probe.hangs().timeout(SOON).await.unwrap_err();
            let took = began.elapsed();
            assert!(matches!(error, CallError::Deadline { .. }), "{error:?}");
            assert!(!error.never_ran());
            // Deadlines of calls are whole milliseconds.
            assert!(took >= SOON - Duration::from_millis(1), "it ended after {took:?}");
            // The handler is stopped, not only forgotten.
            assert_eq!(victim.heard.take(2).await, [Event::Began, Event::Stopped]);
            victim.node.until(|stats| stats.total.calls_running == 0).await;
        }
        assert_eq!(probe.add(1, 2).await, Ok(3));
    });
}

#[test]
fn the_host_keeps_the_deadline_for_a_peer_that_does_not() {
    run(async {
        let mut victim = Victim::start().await;
        let mut peer = Peer::dial(victim.address()).await;
        let root = peer.root().await;
        assert_eq!(victim.heard.next().await, Event::Connected);
        let hang = Frame {
            deadline_ms: Some(SOON.as_millis() as u32),
            ..Frame::call(1, root, method::HANGS, &[(); 0])
        };
        let answer = peer.lane.ask(&hang).await;
        assert_eq!((answer.kind, answer.method, answer.flags), (kind::FAULT, fault::DEADLINE, ran::YES));
        assert_eq!(victim.heard.take(2).await, [Event::Began, Event::Stopped]);
        assert_eq!(victim.node.stats().total.calls_running, 0);

        // A deadline of zero: it is over before it begins.
        let now = Frame { deadline_ms: Some(0), ..Frame::call(2, root, method::HANGS, &[(); 0]) };
        let answer = peer.lane.ask(&now).await;
        assert_eq!((answer.kind, answer.method), (kind::FAULT, fault::DEADLINE));
        victim.node.until(|stats| stats.total.calls_running == 0).await;
    });
}

#[test]
fn a_deadline_beyond_the_limit_is_cut() {
    run(async {
        let mut config = duologue::Config::default();
        config.deadline_max = SOON;
        let mut victim = Victim::with(config).await;
        let mut peer = Peer::dial(victim.address()).await;
        let root = peer.root().await;
        assert_eq!(victim.heard.next().await, Event::Connected);
        let hang = Frame { deadline_ms: Some(u32::MAX), ..Frame::call(1, root, method::HANGS, &[(); 0]) };
        let answer = peer.lane.ask(&hang).await;
        assert_eq!((answer.kind, answer.method, answer.flags), (kind::FAULT, fault::DEADLINE, ran::YES));
        assert_eq!(victim.heard.take(2).await, [Event::Began, Event::Stopped]);
    });
}
