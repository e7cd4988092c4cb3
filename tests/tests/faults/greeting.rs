//! Peers that have a link but do not greet as they should: they lose it with code 2 and what was wrong, and no service was shown to them.

use duologue::{Config, ConnectError};
use duologue_tests::hostile::{
    Frame, Hello, Server, closed, control, control_frame, kind, link, raw_control, stream,
};
use duologue_tests::nodes::{run, small};

use crate::{Victim, impatient, small_of};

const NOT_GREETED: u32 = 2;

/// Streams in the order they are opened: kind and bytes of each.
type Streams = Vec<(u8, Vec<u8>)>;

/// Each of these, on a link of its own, ends that link for that reason.
async fn each_is_turned_away(cases: Vec<(Streams, &str)>) {
    let mut victim = Victim::start().await;
    for (streams, reason) in cases {
        let (_endpoint, link) = link(victim.address(), &Default::default()).await;
        let mut open = Vec::new();
        for (kind, bytes) in streams {
            let mut stream = stream(&link, kind).await;
            stream.put(bytes).await;
            open.push(stream);
        }
        assert_eq!(closed(&link).await, (NOT_GREETED, reason.to_owned()));
        // No instance was made for it: the next event is that of a new-comer.
        victim.serves_on().await;
    }
}

#[test]
fn garbage_instead_of_a_hello_is_turned_away() {
    let hello = |lanes| Hello { lanes, ..Hello::default() }.to_bytes();
    run(each_is_turned_away(vec![
        (
            vec![(0, b"GET / HTTP/1.1\r\n\r\n".to_vec())],
            "a frame of 542393671 bytes is longer than the 65536 allowed",
        ),
        (vec![(0, vec![0; 4])], "a frame of 0 bytes is shorter than its head"),
        (vec![(0, raw_control(control::GO_AWAY, b"\x90"))], "the first frame is no hello"),
        (vec![(0, raw_control(0x81, b""))], "the first frame is no hello"),
        (vec![(0, raw_control(12, b""))], "malformed control frame: unknown kind 12"),
        (vec![(b'G', b"ET / HTTP/1.1\r\n\r\n".to_vec())], "a stream of kind 71 where 0 was due"),
        (vec![(1, Frame::bare(kind::CALL, 1, 0).to_bytes())], "a stream of kind 1 where 0 was due"),
        (vec![(0, hello(1)), (0, hello(1))], "a stream of kind 0 where 1 was due"),
        (vec![(0, hello(1)), (3, vec![])], "a stream of kind 3 where 1 was due"),
        (vec![(0, hello(0))], "0 lanes"),
        (vec![(0, hello(65))], "65 lanes"),
        (vec![(0, hello(255))], "255 lanes"),
    ]));
}

#[test]
fn another_version_is_turned_away_by_its_number() {
    let greeting = |version| Hello { version, ..Hello::default() }.to_bytes();
    // Nobody knows today what the hello of a later version holds besides its number.
    let later = control_frame(control::HELLO, &(3, "more", [1, 2, 3]));
    run(each_is_turned_away(vec![
        (vec![(0, greeting(2))], "it speaks version 2 of the protocol"),
        (vec![(0, greeting(0))], "it speaks version 0 of the protocol"),
        (vec![(0, later)], "it speaks version 3 of the protocol"),
    ]));
}

#[test]
fn a_stream_that_ends_before_it_began_is_turned_away() {
    run(async {
        let mut victim = Victim::start().await;
        let (_endpoint, link) = link(victim.address(), &Default::default()).await;
        let (mut send, _recv) = link.open().await.unwrap();
        send.finish().unwrap();
        let reason = "a stream ended before it began".to_owned();
        assert_eq!(closed(&link).await, (NOT_GREETED, reason));
        victim.serves_on().await;
    });
}

#[test]
fn a_peer_that_never_greets_is_let_go() {
    run(async {
        let mut victim = Victim::with(impatient()).await;
        let turned_away = (NOT_GREETED, "it did not greet in time".to_owned());

        // No stream at all.
        let (_endpoint, silent) = link(victim.address(), &Default::default()).await;
        // A control stream and half a hello.
        let (_endpoint, slow) = link(victim.address(), &Default::default()).await;
        let mut control = stream(&slow, 0).await;
        let hello = Hello::default().to_bytes();
        control.put(hello[..hello.len() - 1].to_vec()).await;
        // A whole hello, and not the lanes it promises.
        let (_endpoint, laneless) = link(victim.address(), &Default::default()).await;
        let mut control = stream(&laneless, 0).await;
        control.put(Hello { lanes: 2, ..Hello::default() }.to_bytes()).await;
        let _first = stream(&laneless, 1).await;
        for link in [silent, slow, laneless] {
            assert_eq!(closed(&link).await, turned_away);
        }
        victim.serves_on().await;
    });
}

/// How dialing a peer fails that says `bytes` on the control stream after the node's hello.
async fn dialing_one_that_says(bytes: Vec<u8>) -> ConnectError {
    let server = Server::bind();
    let node = small().start().await.unwrap();
    let dialing = tokio::spawn(node.connect(server.target()).into_future());
    let (link, mut control) = server.control().await;
    control.put(bytes).await;
    let failed = dialing.await.unwrap().unwrap_err();
    let (code, reason) = closed(&link).await;
    assert_eq!(code, NOT_GREETED);
    assert!(failed.to_string().contains(&reason) || matches!(failed, ConnectError::Version { .. }));
    assert_eq!(failed.to_string().split('`').nth(1), Some(&*server.target()), "it names the target");
    assert_eq!(node.stats().connections, 0);
    failed
}

#[test]
fn dialing_a_peer_of_another_version_says_which() {
    run(async {
        let bytes = Hello { version: 2, ..Hello::default() }.to_bytes();
        let failed = dialing_one_that_says(bytes).await;
        assert!(matches!(failed, ConnectError::Version { version: 2, .. }), "{failed:?}");
        assert!(failed.to_string().ends_with(" speaks version 2 of the protocol, this node speaks 1"));
    });
}

#[test]
fn dialing_a_peer_that_greets_with_garbage_says_so() {
    run(async {
        for (bytes, reason) in [
            (raw_control(12, b""), "malformed control frame: unknown kind 12"),
            (
                b"HTTP/1.1 400 Bad Request".to_vec(),
                "a frame of 1347703880 bytes is longer than the 65536 allowed",
            ),
            (raw_control(control::GO_AWAY, b"\x90"), "the first frame is no hello"),
        ] {
            match dialing_one_that_says(bytes).await {
                ConnectError::Hello { reason: found, .. } => assert_eq!(found, reason),
                other => panic!("{other:?}"),
            }
        }
    });
}

#[test]
fn dialing_a_peer_that_does_not_greet_ends_in_time() {
    run(async {
        let server = Server::bind();
        let node = small_of(impatient()).start().await.unwrap();
        let dialing = tokio::spawn(node.connect(server.target()).into_future());
        let link = server.link().await;
        match dialing.await.unwrap() {
            Err(ConnectError::Hello { reason, .. }) => assert_eq!(reason, "it did not greet in time"),
            other => panic!("{other:?}"),
        }
        assert_eq!(closed(&link).await, (NOT_GREETED, "it did not greet in time".to_owned()));
    });
}

#[test]
fn dialing_a_peer_that_hangs_up_gives_its_code_and_reason() {
    run(async {
        let server = Server::bind();
        let node = small().start().await.unwrap();
        let dialing = tokio::spawn(node.connect(server.target()).into_future());
        let (link, _control) = server.control().await;
        link.close(42, "not today");
        match dialing.await.unwrap() {
            Err(ConnectError::Hello { reason, .. }) => {
                assert_eq!(reason, "it closed the link with code 42: not today");
            }
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn what_a_peer_says_before_the_node_has_greeted_is_kept_and_answered() {
    run(async {
        let victim = Victim::start().await;
        // Everything at once, without waiting for the node's hello.
        let (_endpoint, link) = link(victim.address(), &Default::default()).await;
        let mut lanes = Vec::new();
        let mut control = stream(&link, 0).await;
        control.put(Hello { lanes: 3, ..Hello::default() }.to_bytes()).await;
        for call in 0..3 {
            let mut lane = stream(&link, 1).await;
            lane.put(Frame::call(call, 0, 1, &[(); 0]).to_bytes()).await;
            lanes.push(lane);
        }
        for (call, mut lane) in lanes.into_iter().enumerate() {
            let answer = lane.frame().await;
            assert_eq!((answer.kind, answer.call), (kind::REPLY, call as u32));
        }
    });
}

#[test]
fn tiny_limits_in_a_hello_slow_its_own_callers_only() {
    run(async {
        let server = Server::bind();
        let node = small_of(Config::default()).start().await.unwrap();
        let dialing = tokio::spawn(node.connect(server.target()).into_future());
        let (link, mut control) = server.control().await;
        let tiny = Hello {
            object_permits: 1,
            connection_permits: 32,
            inline_max: 0,
            body_max: 0,
            deadline_ms: 0,
            ..Hello::default()
        };
        control.put(Hello { lanes: 0, ..tiny }.to_bytes()).await;
        let connection = dialing.await.unwrap().unwrap();
        // Nothing fits: the call fails at once and names the limit; nothing hangs and nothing panics.
        match connection.ping().await {
            Err(duologue::CallError::NotSent(reason)) => {
                assert_eq!(reason, "a body of 1 bytes is above the 0 that travel");
            }
            other => panic!("{other:?}"),
        }
        drop(link);
    });
}

#[test]
fn a_peer_that_offers_fewer_permits_than_a_call_may_cost_is_refused() {
    run(async {
        let few = [
            Hello { object_permits: 0, lanes: 0, ..Hello::default() },
            Hello { connection_permits: 31, lanes: 0, ..Hello::default() },
        ];
        for hello in few {
            let server = Server::bind();
            let node = small().start().await.unwrap();
            let dialing = tokio::spawn(node.connect(server.target()).into_future());
            let (_link, mut control) = server.control().await;
            control.put(hello.to_bytes()).await;
            match dialing.await.unwrap() {
                Err(ConnectError::Hello { reason, .. }) => {
                    assert_eq!(reason, "it offers fewer permits than a call may cost");
                }
                other => panic!("{other:?}"),
            }
        }
    });
}
