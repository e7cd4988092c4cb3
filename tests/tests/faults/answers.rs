//! Answers that make no sense to the caller: each fails its own call, and the connection lives.

use duologue::prelude::*;
use duologue::{OpenError, Ran};
use duologue_tests::hostile::{Frame, Peer, Ref, Server, UNITS, control, control_frame, kind, pack, release};
use duologue_tests::nodes::{run, small};
use duologue_tests::probe::ProbingProxy;

/// A node that has dialed a peer which answers by hand.
async fn dialed() -> (Node, Connection, Peer) {
    let server = Server::bind();
    let node = small().start().await.unwrap();
    let dialing = tokio::spawn(node.connect(server.target()).into_future());
    let peer = server.accept().await;
    (node, dialing.await.unwrap().unwrap(), peer)
}

/// Pings once, and answers that ping by a proper reply.
async fn lives_on(connection: &Connection, peer: &mut Peer) {
    let pinging = tokio::spawn({
        let connection = connection.clone();
        async move { connection.ping().await }
    });
    let asked = peer.lane.frame().await;
    peer.lane.put(Frame::bare(kind::REPLY, asked.call, 0).with_body(pack(&())).to_bytes()).await;
    pinging.await.unwrap().expect("the connection lives");
}

#[test]
fn a_reply_that_does_not_decode_fails_its_call_only() {
    run(async {
        let (_node, connection, mut peer) = dialed().await;
        let bomb = [vec![0x91; 8_000], vec![0x90]].concat();
        let open = |object: &[u8]| [b"\x81\xa2Ok\x94\xa1N\x90\x01".as_slice(), object].concat();
        // What it hands over beside is settled all the same.
        let beside = [Ref::export(3)];
        for (body, reason) in [
            (b"".to_vec(), "IO error while reading marker: failed to fill whole buffer"),
            (b"\xc1".to_vec(), "wrong msgpack marker Reserved"),
            (open(b"\x07"), "wrong msgpack marker FixPos(7)"),
            (open(b"\xd5\x01\x01\0"), "reference 1 is not in the frame's table"),
            (open(&bomb), "wrong msgpack marker FixArray(1)"),
            (bomb.clone(), "invalid type: sequence, expected"),
        ] {
            let opening = tokio::spawn({
                let connection = connection.clone();
                async move { connection.root::<ProbingProxy>().await }
            });
            let asked = peer.lane.frame().await;
            let reply = Frame::bare(kind::REPLY, asked.call, 0).with_body(body).with_refs(beside);
            peer.lane.put(reply.to_bytes()).await;
            match opening.await.unwrap() {
                Err(OpenError::Call(CallError::BadReply(text))) => {
                    assert!(text.contains(reason), "{text:?} does not say {reason:?}");
                }
                other => panic!("{other:?}"),
            }
            lives_on(&connection, &mut peer).await;
            let released = peer.control.next().await.unwrap().unwrap();
            assert_eq!(released[..], release(3, UNITS, false)[4..]);
        }
        assert_eq!(connection.stats().calls_awaiting, 0);
        assert_eq!(connection.stats().imports, 0);
    });
}

#[test]
fn a_fault_of_a_later_version_keeps_its_number_and_text() {
    run(async {
        let (_node, connection, mut peer) = dialed().await;
        for (code, flags, ran) in [(999, 0, Ran::Never), (15, 1, Ran::Yes), (u16::MAX, 77, Ran::Unknown)] {
            let pinging = tokio::spawn({
                let connection = connection.clone();
                async move { connection.ping().await }
            });
            let asked = peer.lane.frame().await;
            let fault = Frame { method: code, flags, ..Frame::bare(kind::FAULT, asked.call, 0) };
            peer.lane.put(fault.with_body(*b"no \xff way").to_bytes()).await;
            let text = "no \u{fffd} way".to_owned();
            assert_eq!(pinging.await.unwrap(), Err(CallError::Other { code, ran, text }));
            lives_on(&connection, &mut peer).await;
        }
    });
}

#[test]
fn a_fault_of_a_later_version_keeps_its_number_through_a_restricted_proxy() {
    run(async {
        let (_node, connection, mut peer) = dialed().await;
        let opening = tokio::spawn(async move { connection.root::<ProbingProxy>().await });
        let asked = peer.lane.frame().await;
        let opened = b"\x81\xa2Ok\x94\xa5Probe\x90\x01\xd5\x01\0\0";
        let reply = Frame::bare(kind::REPLY, asked.call, 0).with_body(*opened).with_refs([Ref::export(3)]);
        peer.lane.put(reply.to_bytes()).await;
        let probe = opening.await.unwrap().unwrap();
        let some = probe.restrict(["add"]);
        let adding = tokio::spawn(async move { some.add(1, 2).await });
        // Before the first call on a foreign interface its method names are told.
        let mut asked = peer.lane.frame().await;
        while asked.kind != kind::CALL {
            asked = peer.lane.frame().await;
        }
        let fault = Frame { method: 999, flags: 1, ..Frame::bare(kind::FAULT, asked.call, 0) };
        peer.lane.put(fault.with_body(*b"out of luck").to_bytes()).await;
        let text = "out of luck".to_owned();
        assert_eq!(adding.await.unwrap(), Err(CallError::Other { code: 999, ran: Ran::Yes, text }));
    });
}

#[test]
fn a_peer_that_serves_something_else_is_told_from_one_that_serves_nothing() {
    run(async {
        let (_node, connection, mut peer) = dialed().await;
        let opening = tokio::spawn({
            let connection = connection.clone();
            async move { connection.root::<ProbingProxy>().await }
        });
        let asked = peer.lane.frame().await;
        let opened = b"\x81\xa2Ok\x94\xa5Other\x90\x01\xd5\x01\0\0";
        let reply = Frame::bare(kind::REPLY, asked.call, 0).with_body(*opened).with_refs([Ref::export(3)]);
        peer.lane.put(reply.to_bytes()).await;
        let wrong = OpenError::WrongInterface { expected: "Probe".to_owned(), found: "Other".to_owned() };
        assert_eq!(opening.await.unwrap().unwrap_err(), wrong);
        // What was handed over is given back.
        let released = peer.control.next().await.unwrap().unwrap();
        assert_eq!(released[0], control::RELEASE);
        assert_eq!(connection.stats().imports, 0);
    });
}

#[test]
fn a_peer_that_goes_away_gets_no_further_calls() {
    run(async {
        let (_node, connection, mut peer) = dialed().await;
        lives_on(&connection, &mut peer).await;
        peer.control.put(control_frame(control::GO_AWAY, &[(); 0])).await;
        peer.has_been_obeyed().await;
        assert_eq!(connection.ping().await, Err(CallError::Draining));
        peer.control.put(control_frame(control::CLOSE, &(9, "enough"))).await;
        drop(peer.lane);
        let ended = duologue::Ended::ByPeer { code: 9, reason: "enough".to_owned() };
        assert_eq!(connection.closed().await, ended);
    });
}

#[test]
fn a_peer_that_closes_in_the_middle_of_a_call_ends_it_with_its_reason() {
    run(async {
        let (_node, connection, mut peer) = dialed().await;
        let pinging = tokio::spawn({
            let connection = connection.clone();
            async move { connection.ping().await }
        });
        peer.lane.frame().await;
        peer.link.close(42, "not today");
        let reason = "closed by the peer with code 42: not today".to_owned();
        let error = CallError::Disconnected { ran: Ran::Unknown, reason };
        assert_eq!(pinging.await.unwrap(), Err(error));
        let ended = duologue::Ended::ByPeer { code: 42, reason: "not today".to_owned() };
        assert_eq!(connection.closed().await, ended);
    });
}
