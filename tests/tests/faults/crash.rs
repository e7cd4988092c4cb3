//! Processes that die, are started again, or just end: both sides learn of it, with what is known of the calls under way.

use std::time::{Duration, Instant};

use duologue::prelude::*;
use duologue::{ConnectionStats, Ended, Ran};
use duologue_tests::events::events;
use duologue_tests::nodes::{listen, own_address, run, small};
use duologue_tests::probe::{Event, Probe, ProbingProxy};
use duologue_tests::process::Process;

use crate::{attentive, is_empty, small_of};

const PROGRAM: &str = env!("CARGO_BIN_EXE_fault_peer");

/// What it takes at least to notice a silent peer with the usual settings: 30 s, counted from the last that was heard, which may have
/// been 10 s before. What is noticed sooner was noticed by something else.
const USUAL_IDLE_TIME: Duration = Duration::from_secs(20);

#[test]
fn a_server_killed_during_a_call_is_noticed_within_the_idle_time() {
    run(async {
        let mut server = Process::start(PROGRAM, &["serve", "127.0.0.1:0"]);
        let address = server.told("listening").await;

        let (tell, mut heard) = events();
        let node = small_of(attentive()).start().await.unwrap();
        let connection = node.connect(address).serve(move || Probe::new(&tell)).await.unwrap();
        assert_eq!(heard.next().await, Event::Connected);
        let probe: ProbingProxy = connection.root().await.unwrap();
        let hanging = tokio::spawn(probe.hangs());
        assert_eq!(server.told("began").await, "");
        let stats = connection.stats();
        assert_eq!((stats.imports, stats.calls_awaiting, stats.streams), (1, 1, 2));

        let killed = Instant::now();
        server.kill().await;
        let error = hanging.await.unwrap().unwrap_err();
        let took = killed.elapsed();
        let reason = "nothing was heard of the peer for the idle time".to_owned();
        assert_eq!(error, CallError::Disconnected { ran: Ran::Unknown, reason: reason.clone() });
        assert!(took < USUAL_IDLE_TIME, "it was noticed after {took:?}");

        assert_eq!(connection.closed().await, Ended::TimedOut);
        assert_eq!(heard.next().await, Event::Disconnected { empty: true });
        assert_eq!(heard.next().await, Event::Dropped);
        assert_eq!(connection.stats(), ConnectionStats::default());
        node.until(is_empty).await;
        let later = probe.add(1, 2).await.unwrap_err();
        assert_eq!(later, CallError::Disconnected { ran: Ran::Never, reason });
    });
}

#[test]
fn a_server_killed_while_it_gives_a_stream_is_an_error_of_the_stream() {
    run(async {
        let mut server = Process::start(PROGRAM, &["serve", "127.0.0.1:0"]);
        let address = server.told("listening").await;
        let node = small_of(attentive()).start().await.unwrap();
        let connection = node.connect(address).await.unwrap();
        let probe: ProbingProxy = connection.root().await.unwrap();
        let mut count = probe.count().await.unwrap();
        for n in 0..10_000 {
            assert_eq!(count.next().await, Some(Ok(n)));
        }
        server.kill().await;
        let error = loop {
            if let Err(error) = count.next().await.expect("it has no end") {
                break error;
            }
        };
        let reason = "nothing was heard of the peer for the idle time".to_owned();
        assert_eq!(error, duologue::StreamError::Disconnected(reason));
        assert_eq!(count.next().await, None);
        drop((count, probe));
        node.until(is_empty).await;
    });
}

#[test]
fn a_client_killed_during_a_call_is_noticed_within_the_idle_time() {
    run(async {
        let (tell, mut heard) = events();
        let node = listen(small_of(attentive()).serve(move || Probe::new(&tell))).await;
        let mut client = Process::start(PROGRAM, &["hang", &node.local_addr().to_string()]);
        assert_eq!(client.told("calling").await, "");
        assert_eq!(heard.take(2).await, [Event::Connected, Event::Began]);
        let total = node.stats().total;
        assert_eq!((total.exports, total.calls_running, total.streams), (1, 1, 2));

        let killed = Instant::now();
        client.kill().await;
        let mut told = heard.take(2).await;
        let took = killed.elapsed();
        told.sort_by_key(|event| *event != Event::Stopped);
        assert_eq!(told, [Event::Stopped, Event::Disconnected { empty: true }]);
        assert_eq!(heard.next().await, Event::Dropped);
        assert!(took < USUAL_IDLE_TIME, "it was noticed after {took:?}");
        node.until(is_empty).await;
    });
}

#[test]
fn a_client_that_just_ends_says_farewell() {
    run(async {
        let (tell, mut heard) = events();
        // The idle time is far longer: it is the farewell that is heard.
        let node = listen(small().serve(move || Probe::new(&tell))).await;
        let mut client = Process::start(PROGRAM, &["leave", &node.local_addr().to_string()]);
        assert_eq!(client.told("sum").await, "3");
        assert_eq!(heard.next().await, Event::Connected);
        assert!(client.ended().await);
        let ended = Instant::now();
        assert_eq!(heard.next().await, Event::Disconnected { empty: true });
        assert_eq!(heard.next().await, Event::Dropped);
        let took = ended.elapsed();
        assert!(took < USUAL_IDLE_TIME, "it was heard after {took:?}");
        node.until(is_empty).await;
    });
}

#[test]
fn a_server_that_is_started_again_ends_the_old_connections_at_once() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("key.pem");
        let key = key.to_str().unwrap();
        let place = own_address();
        let mut server = Process::start(PROGRAM, &["serve", &place, key]);
        let address = server.told("listening").await;
        assert_eq!(address, place);

        let node = small().start().await.unwrap();
        let connection = node.connect(&address).await.unwrap();
        let probe: ProbingProxy = connection.root().await.unwrap();
        assert_eq!(probe.add(1, 2).await, Ok(3));
        let peer = connection.peer();
        server.kill().await;

        let mut server = Process::start(PROGRAM, &["serve", &address, key]);
        assert_eq!(server.told("listening").await, address);
        let began = Instant::now();
        let error = probe.add(1, 2).await.unwrap_err();
        let took = began.elapsed();
        assert!(matches!(error, CallError::Disconnected { ran: Ran::Unknown, .. }), "{error:?}");
        assert!(error.to_string().contains("was it restarted?"), "{error}");
        assert!(took < USUAL_IDLE_TIME, "it was noticed after {took:?}");
        assert!(matches!(connection.closed().await, Ended::Lost(_)));

        let connection = node.connect(&address).await.unwrap();
        assert_eq!(connection.peer(), peer, "it kept its key");
        let probe: ProbingProxy = connection.root().await.unwrap();
        assert_eq!(probe.add(1, 2).await, Ok(3));
    });
}
