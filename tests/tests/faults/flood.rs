//! Peers that want too much: replies that nobody reads, calls and streams without end. What they can make a node hold is bounded, and
//! their neighbours are served.

use std::time::Duration;

use duologue::{Config, Restart, testing};
use duologue_tests::events::events;
use duologue_tests::hostile::{Frame, Hello, Peer, UNITS, control, control_frame, kind, pack, release};
use duologue_tests::nodes::{run, settles, small};
use duologue_tests::probe::{Event, Probe, method};
use duologue_tests::process::Process;
use tokio::time::Instant;
use transport::LinkError;

use crate::{Victim, attentive, small_of};

const BROKE_THE_PROTOCOL: u32 = 1;

/// A peer whose QUIC takes hardly anything that it does not read.
fn stingy() -> transport::Config {
    let mut config = transport::Config::default();
    config.stream_window = 16 * 1_024;
    config.connection_window = 64 * 1_024;
    config
}

/// A node that holds little.
fn strict() -> Config {
    let mut config = Config::default();
    config.outbox_max = 64 * 1_024;
    config
}

/// The same that gives up after some seconds: by then, even on a busy machine, its outbox has long been filled.
fn hasty() -> Config {
    let mut config = strict();
    config.transport.idle_timeout = Duration::from_secs(6);
    config.transport.keep_alive = Duration::from_millis(500);
    config
}

/// Sends calls that each want 8 KiB, in one go.
async fn want_bytes(peer: &mut Peer, root: u32, calls: std::ops::Range<u32>) {
    let frames: Vec<u8> =
        calls.flat_map(|call| Frame::call(call, root, method::BYTES, &(8_000,)).to_bytes()).collect();
    peer.lane.put(frames).await;
}

/// Makes one call after the other until one is not started any more, because nobody reads the replies; how many were started.
async fn fill_the_outbox(victim: &mut Victim, peer: &mut Peer, root: u32) -> u32 {
    for call in 0.. {
        want_bytes(peer, root, call..call + 1).await;
        loop {
            let held_back = victim.node.stats().total.calls_running == 1;
            // All runs on one thread: what was delivered before this round trip has run after it.
            assert_eq!(victim.neighbour.probe.add(1, 2).await, Ok(3), "the neighbour is served");
            match *victim.heard.so_far() {
                [Event::Gave] => break,
                [] if held_back => return call,
                [] => {}
                ref other => panic!("{other:?}"),
            }
        }
    }
    unreachable!("there are enough numbers")
}

#[test]
fn a_peer_that_never_reads_its_replies_gets_no_further_calls_started_and_is_closed() {
    run(async {
        let mut victim = Victim::with(hasty()).await;
        let mut peer = Peer::dial_with(victim.address(), &stingy(), Hello::default()).await;
        let root = peer.root().await;
        assert_eq!(victim.heard.next().await, Event::Connected);

        let started = fill_the_outbox(&mut victim, &mut peer, root).await;
        // 16 KiB in its QUIC and 64 KiB in the outbox, and the last one that found it not full.
        assert!((9..=12).contains(&started), "{started} calls were started");
        want_bytes(&mut peer, root, 100..300).await;
        victim.node.until(|stats| stats.total.calls_running == 201).await;
        assert_eq!(victim.neighbour.probe.add(1, 2).await, Ok(3), "the neighbour is served");
        assert_eq!(victim.heard.so_far(), [], "nothing more was started");

        let reason = "it takes nothing off a lane".to_owned();
        assert_eq!(peer.closed().await, (BROKE_THE_PROTOCOL, reason));
        // What was held back ends without ever having run.
        victim.is_rid_of_it().await;
    });
}

#[test]
fn a_peer_that_reads_late_gets_everything_in_order() {
    run(async {
        let mut victim = Victim::with(strict()).await;
        let mut peer = Peer::dial_with(victim.address(), &stingy(), Hello::default()).await;
        let root = peer.root().await;
        assert_eq!(victim.heard.next().await, Event::Connected);
        let started = fill_the_outbox(&mut victim, &mut peer, root).await;
        want_bytes(&mut peer, root, started + 1..200).await;
        victim.node.until(|stats| stats.total.calls_running == 200 - started as usize).await;
        for call in 0..200 {
            let reply = peer.lane.frame().await;
            assert_eq!((reply.kind, reply.call), (kind::REPLY, call));
            assert!(reply.body.len() > 8_000);
        }
        assert_eq!(victim.node.stats().total.calls_running, 0);
    });
}

#[test]
fn a_peer_that_reads_slowly_is_not_taken_for_a_dead_one() {
    testing::run(1, async |world| {
        let (tell, _heard) = events();
        let node = world.node().config(attentive()).on_this_thread().serve(move || Probe::new(&tell));
        let node = node.bind("127.0.0.1:1").await.unwrap();
        let mut peer = Peer::dial_on(world.network(), node.local_addr(), &stingy()).await;
        let root = peer.root().await;
        want_bytes(&mut peer, root, 0..400).await;
        let began = Instant::now();
        for call in 0..400 {
            assert_eq!(peer.lane.frame().await.call, call);
            // The pace of a slow link, not a wait for anything.
            tokio::time::sleep(Duration::from_millis(8)).await;
        }
        assert!(began.elapsed() > attentive().transport.idle_timeout, "it took longer than the idle time");
        assert_eq!(peer.lane.ask(&Frame::call(1, root, method::ADD, &(40, 2))).await.value::<i64>(), 42);
    });
}

#[test]
fn a_peer_that_opens_stream_after_stream_is_closed() {
    run(async {
        let mut victim = Victim::start().await;
        let mut peer = Peer::dial(victim.address()).await;
        peer.root().await;
        assert_eq!(victim.heard.next().await, Event::Connected);
        let link = peer.link.clone();
        let opening = tokio::spawn(async move {
            let mut open = Vec::new();
            while let Ok(stream) = link.open().await {
                let mut stream = stream;
                if stream.0.send(vec![0; 64].into()).await.is_err() {
                    break;
                }
                open.push(stream);
            }
            open.len()
        });
        let reason = "a stream that nobody asked for".to_owned();
        assert_eq!(peer.closed().await, (BROKE_THE_PROTOCOL, reason));
        let opened = opening.await.unwrap();
        assert!(opened <= 16_384, "{opened} streams were let in");
        victim.is_rid_of_it().await;
    });
}

#[test]
fn a_peer_that_announces_the_end_of_unknown_objects_for_ever_is_closed() {
    run(async {
        let mut config = strict();
        config.exports_max = 100;
        let mut victim = Victim::with(config).await;
        let mut peer = Peer::dial_with(victim.address(), &stingy(), Hello::default()).await;
        peer.root().await;
        assert_eq!(victim.heard.next().await, Event::Connected);
        // Each wants an answer that this peer does not read: what is due must not grow with them. Some two thousand answers fit into
        // the peer's QUIC and the writer's hands.
        let frames: Vec<u8> =
            (1_000..11_000u32).flat_map(|id| control_frame(control::GONE, &(id, ""))).collect();
        peer.control.put(frames).await;
        let reason = "more objects are said to be gone than may be held".to_owned();
        assert_eq!(peer.closed().await, (BROKE_THE_PROTOCOL, reason));
        victim.is_rid_of_it().await;
    });
}

#[test]
fn a_gone_object_is_not_named_again_for_every_release() {
    run(async {
        let mut victim = Victim::of(small().restart(Restart::never())).await;
        let mut peer = Peer::dial(victim.address()).await;
        let root = peer.root().await;
        assert_eq!(victim.heard.next().await, Event::Connected);
        let panic = peer.lane.ask(&Frame::call(1, root, method::PANICS_ALONE, &[(); 0])).await;
        assert_eq!(panic.kind, kind::FAULT);
        let gone = peer.control.next().await.unwrap().unwrap();
        assert_eq!(gone[0], control::GONE);
        // Ten thousand answers in one frame, none of which gives all units back.
        let list: Vec<_> = (0..10_000).map(|_| (root, 1u64, true)).collect();
        peer.control.put(control_frame(control::RELEASE, &(list,))).await;
        let mut said = 0;
        peer.control.put(control_frame(control::GONE, &(u32::MAX, ""))).await;
        loop {
            let frame = peer.control.next().await.unwrap().unwrap();
            match frame[0] {
                control::GONE => said += 1,
                _ if frame[..] == release(u32::MAX, 0, true)[4..] => break,
                other => panic!("a control frame of kind {other}"),
            }
        }
        assert!((1..=2).contains(&said), "it was said {said} times");
        peer.control.put(release(root, UNITS - 10_000, true)).await;
        victim.node.until(|stats| stats.total.exports == 1).await;
        assert_eq!(victim.heard.next().await, Event::Dropped);
        drop(peer);
        victim.serves_on().await;
    });
}

#[test]
fn the_memory_of_a_server_stays_bounded_under_a_flood() {
    const MIB: u64 = 1 << 20;
    run(async {
        let mut server = Process::start(env!("CARGO_BIN_EXE_fault_peer"), &["serve", "127.0.0.1:0"]);
        let address: std::net::SocketAddr = server.told("listening").await.parse().unwrap();
        let neighbour = small_of(Config::default()).start().await.unwrap();
        let connection = neighbour.connect(address.to_string()).await.unwrap();
        connection.ping().await.unwrap();
        let quiet = server.resident();

        // More and more calls, until the permits are used up by those that are held back. What was answered has given its permits
        // back, though nobody reads it.
        let mut peer = Peer::dial_with(address, &stingy(), Hello::default()).await;
        let root = peer.root().await;
        let (mut most, mut calls) = (quiet, 0);
        while peer.link.close_reason().is_none() {
            want_bytes(&mut peer, root, calls..calls + 500).await;
            calls += 500;
            connection.ping().await.expect("the neighbour is served");
            most = most.max(server.resident());
            assert!(calls <= 100_000, "it is closed at last");
        }
        // As the manual's limits say: an outbox of 1 MiB, above which nothing is started, plus what was running then: at most 4,160
        // calls of one object with 8 KiB each, 32.5 MiB; small frames of as many calls that are held back, about 2 MiB. Twice the
        // outbox, for a buffer that grows by doubling.
        let grown = (most - quiet) / MIB;
        let bound = 2 * (1 + 33) + 2;
        assert!(grown <= bound, "it grew by {grown} MiB, the bound is {bound}");

        let reason = format!("object ObjectId({root}) has more calls outstanding than it gave permits");
        match peer.link.closed().await {
            LinkError::PeerClosed { code, reason: told } => {
                assert_eq!((code, told), (BROKE_THE_PROTOCOL, reason));
            }
            // A peer that the machine has kept from its socket for too long has lost the words in the flood there.
            other => assert_eq!(other, LinkError::Reset),
        }
        assert_eq!(server.told("disconnected").await, "{ empty: true }");
        connection.ping().await.expect("the neighbour is served");
    });
}

#[test]
fn answers_to_calls_of_unknown_methods_are_held_back_like_any_other() {
    run(async {
        let victim = Victim::with(strict()).await;
        let mut peer = Peer::dial_with(victim.address(), &stingy(), Hello::default()).await;
        let root = peer.root().await;
        // Each call of some twenty bytes is answered by a fault of a thousand, with the name that it was given before.
        let name = "x".repeat(15_000);
        let names = Frame::bare(kind::NAMES, 0, root).with_body(pack(&[name.as_str()]));
        peer.lane.put(names.to_bytes()).await;
        let calls: Vec<u8> = (0..2_000).flat_map(|c| Frame::call(c, root, 0, &()).to_bytes()).collect();
        peer.lane.put(calls).await;
        // Nothing is read: what does not fit into the outbox keeps its permit instead of growing it.
        settles(&victim.node, |stats| stats.total.calls_running > 1_500).await;
        for call in 0..2_000 {
            let answer = peer.lane.frame().await;
            assert_eq!((answer.kind, answer.call), (kind::FAULT, call));
        }
        settles(&victim.node, |stats| stats.total.calls_running == 0).await;
    });
}
