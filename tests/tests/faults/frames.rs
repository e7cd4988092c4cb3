//! Peers that break a rule of the wire after a proper greeting: they lose their connection with code 1 and the rule they broke.

use duologue::{CallError, Config, Ended, Ran};
use duologue_tests::hostile::{
    Frame, Hello, Peer, Ref, Server, UNITS, control, control_frame, flag, kind, pack, raw_control, raw_frame,
    release, stream,
};
use duologue_tests::nodes::{run, small};
use duologue_tests::probe::{Event, ProbingProxy, method};

use crate::Victim;

const BROKE_THE_PROTOCOL: u32 = 1;

/// Each of these bytes, sent on a lane of its own connection, ends that connection for that reason.
async fn each_ends_its_connection(cases: Vec<(Vec<u8>, &str)>) {
    let mut victim = Victim::start().await;
    for (bytes, reason) in cases {
        let mut peer = Peer::dial(victim.address()).await;
        peer.root().await;
        assert_eq!(victim.heard.next().await, Event::Connected);
        peer.lane.put(bytes).await;
        assert_eq!(peer.closed().await, (BROKE_THE_PROTOCOL, reason.to_owned()));
        victim.is_rid_of_it().await;
    }
}

/// The same on the control stream.
async fn each_ends_its_connection_by_control(cases: Vec<(Vec<u8>, &str)>) {
    let mut victim = Victim::start().await;
    for (bytes, reason) in cases {
        let mut peer = Peer::dial(victim.address()).await;
        peer.root().await;
        assert_eq!(victim.heard.next().await, Event::Connected);
        peer.control.put(bytes).await;
        assert_eq!(peer.closed().await, (BROKE_THE_PROTOCOL, reason.to_owned()));
        victim.is_rid_of_it().await;
    }
}

#[test]
fn garbage_on_a_lane_ends_the_connection() {
    run(each_ends_its_connection(vec![
        (b"GET / HTTP/1.1\r\n\r\n".to_vec(), "a frame of 542393671 bytes is longer than the 16380 allowed"),
        (vec![0xff; 4_096], "a frame of 4294967295 bytes is longer than the 16380 allowed"),
        (vec![0; 64], "a frame of 0 bytes is shorter than its head"),
        (b"\x0b\0\0\0too short..".to_vec(), "a frame of 11 bytes is shorter than its head"),
        (b"\x0c\0\0\0enough bytes".to_vec(), "unknown frame kind 101"),
        (raw_frame(0, 0, 0, 0, 0, b""), "unknown frame kind 0"),
        (raw_frame(9, 0, 0, 0, 0, b""), "unknown frame kind 9"),
    ]));
}

#[test]
fn an_oversized_frame_is_refused_before_it_has_arrived() {
    run(each_ends_its_connection(vec![
        (16_381u32.to_le_bytes().to_vec(), "a frame of 16381 bytes is longer than the 16380 allowed"),
        (u32::MAX.to_le_bytes().to_vec(), "a frame of 4294967295 bytes is longer than the 16380 allowed"),
    ]));
}

#[test]
fn a_frame_whose_fields_are_cut_short_ends_the_connection() {
    let call = |flags, rest: &[u8]| raw_frame(kind::CALL, flags, 0, 1, 0, rest);
    run(each_ends_its_connection(vec![
        (call(flag::DEADLINE, b"abc"), "the frame ends inside its deadline"),
        (call(flag::PATH, b"\x01"), "the frame ends inside its path"),
        (call(flag::PATH, b"\x01\x01abcdefg"), "the frame ends inside its path"),
        (call(flag::REFS, b"\x01"), "the frame ends inside its reference table"),
        (call(flag::REFS, b"\x02\0abcdefghijklmnop"), "the frame ends inside its reference table"),
        (call(flag::REFS, b"\0\0"), "0 references in one frame"),
        (call(flag::REFS, b"\x01\x01"), "257 references in one frame"),
    ]));
}

#[test]
fn fields_that_make_no_sense_end_the_connection() {
    let call = |flags, rest: &[u8]| raw_frame(kind::CALL, flags, 0, 1, 0, rest);
    let with_path = |depth, tokens: u64| Frame {
        path: Some((depth, (0..tokens).collect())),
        ..Frame::bare(kind::CALL, 1, 0)
    };
    let strange = |kind| Ref { kind, ..Ref::export(3) };
    let relayed = Ref { hops: 9, ..Ref::export(3) };
    run(each_ends_its_connection(vec![
        (call(0x80, b""), "frame flag 0x80 is not understood"),
        (with_path(1, 2).to_bytes(), "a path of 2 tokens at depth 1"),
        (with_path(65, 1).to_bytes(), "a path of 1 tokens at depth 65"),
        (with_path(255, 65).to_bytes(), "a path of 65 tokens at depth 255"),
        (Frame::bare(kind::CALL, 1, 0).with_refs([strange(5)]).to_bytes(), "unknown reference kind 5"),
        (Frame::bare(kind::CALL, 1, 0).with_refs([relayed]).to_bytes(), "a reference through 9 nodes"),
        (Frame::bare(kind::CALL, 1, 0).with_refs([Ref::export(0)]).to_bytes(), "the lobby was handed over"),
    ]));
}

#[test]
fn answers_that_nobody_waits_for_end_the_connection() {
    let unasked = "an answer that no call waits for";
    let done = |body: &[u8]| Frame::bare(kind::DONE, 1, 0).with_body(body).to_bytes();
    run(each_ends_its_connection(vec![
        (Frame::bare(kind::REPLY, 0, 0).with_body(pack(&1)).to_bytes(), unasked),
        (Frame::bare(kind::REPLY, u32::MAX, 0).to_bytes(), unasked),
        (Frame::bare(kind::FAULT, 7, 0).to_bytes(), unasked),
        (done(&1u32.to_le_bytes()), unasked),
        (done(b"odd"), unasked),
        (Frame::bare(kind::DONE, 1, 99).with_body(1u32.to_le_bytes()).to_bytes(), unasked),
        (Frame::bare(kind::FINISH, 1, 0).to_bytes(), "the answer of call 1 is not kept"),
    ]));
}

#[test]
fn references_and_names_of_what_was_never_handed_out_end_the_connection() {
    let names = |object: u32, body: Vec<u8>| Frame::bare(kind::NAMES, 0, object).with_body(body).to_bytes();
    run(each_ends_its_connection(vec![
        (
            Frame::bare(kind::CALL, 1, 0).with_refs([Ref::home(77)]).to_bytes(),
            "a reference home to object ObjectId(77), which was not handed out",
        ),
        (
            Frame::bare(kind::CALL, 1, 0).with_refs([Ref::home(0)]).to_bytes(),
            "a reference home to object ObjectId(0), which was not handed out",
        ),
        (names(77, pack(&["add"])), "method names for object ObjectId(77), which was not handed out"),
        (names(1, b"\xc1".to_vec()), "a list of method names that does not decode"),
        (names(1, pack(&[1, 2])), "a list of method names that does not decode"),
    ]));
}

#[test]
fn garbage_on_the_control_stream_ends_the_connection() {
    run(each_ends_its_connection_by_control(vec![
        (b"GET / HTTP/1.1\r\n\r\n".to_vec(), "a frame of 542393671 bytes is longer than the 65536 allowed"),
        (65_537u32.to_le_bytes().to_vec(), "a frame of 65537 bytes is longer than the 65536 allowed"),
        (vec![0; 8], "a frame of 0 bytes is shorter than its head"),
        (raw_control(0, b""), "malformed control frame: unknown kind 0"),
        (raw_control(10, &pack(&[0])), "malformed control frame: unknown kind 10"),
        (raw_control(0x7f, b""), "malformed control frame: unknown kind 127"),
        (
            raw_control(control::RELEASE, b""),
            "malformed control frame: cannot decode MessagePack: IO error while reading marker: failed to fill whole buffer",
        ),
        (
            raw_control(control::GO_AWAY, b"\x90\x90"),
            "malformed control frame: bytes follow the MessagePack value",
        ),
        (
            raw_control(control::GONE, &vec![0x91; 60_000]),
            "malformed control frame: cannot decode MessagePack: wrong msgpack marker FixArray(1)",
        ),
        (Hello::default().to_bytes(), "a second hello"),
    ]));
}

#[test]
fn unknown_control_frames_that_may_be_skipped_are_skipped() {
    run(async {
        let mut victim = Victim::start().await;
        let mut peer = Peer::dial(victim.address()).await;
        let root = peer.root().await;
        assert_eq!(victim.heard.next().await, Event::Connected);
        peer.control.put(raw_control(0x80, b"of a later version")).await;
        peer.control.put(raw_control(0xff, b"")).await;
        peer.has_been_obeyed().await;
        peer.control.put(release(root, UNITS, false)).await;
        victim.node.until(|stats| stats.total.exports == 1).await;
        assert_eq!(peer.lane.ask(&Frame::call(1, 0, 1, &[(); 0])).await.kind, kind::REPLY);
        peer.control.put(control_frame(control::CLOSE, &(0, ""))).await;
        drop(peer);
        victim.is_rid_of_it().await;
    });
}

#[test]
fn giving_back_more_than_was_handed_out_ends_the_connection() {
    run(async {
        let mut victim = Victim::start().await;
        let too_much = |id| format!("object ObjectId({id}): more is returned than was handed out");
        for (id, units) in [(1, UNITS + 1), (1, u64::MAX), (99, 1), (0, 1)] {
            let mut peer = Peer::dial(victim.address()).await;
            assert_eq!(peer.root().await, 1);
            assert_eq!(victim.heard.next().await, Event::Connected);
            peer.control.put(release(id, units, false)).await;
            assert_eq!(peer.closed().await, (BROKE_THE_PROTOCOL, too_much(id)));
            victim.is_rid_of_it().await;
        }

        // Twice the whole: the first is right, the second is not.
        let mut peer = Peer::dial(victim.address()).await;
        let root = peer.root().await;
        assert_eq!(victim.heard.next().await, Event::Connected);
        peer.control.put([release(root, UNITS, false), release(root, UNITS, false)].concat()).await;
        assert_eq!(peer.closed().await, (BROKE_THE_PROTOCOL, too_much(root)));
        victim.is_rid_of_it().await;

        // Home more often than there are units: one is left, and two references come.
        let mut peer = Peer::dial(victim.address()).await;
        let root = peer.root().await;
        assert_eq!(victim.heard.next().await, Event::Connected);
        peer.control.put(release(root, UNITS - 1, false)).await;
        peer.has_been_obeyed().await;
        let home = Frame::call(1, 0, 1, &[(); 0]).with_refs([Ref::home(root), Ref::home(root)]);
        peer.lane.put(home.to_bytes()).await;
        let reason = format!("a reference home to object ObjectId({root}), which was not handed out");
        assert_eq!(peer.closed().await, (BROKE_THE_PROTOCOL, reason));
        victim.is_rid_of_it().await;
    });
}

#[test]
fn an_object_released_while_its_calls_are_unanswered_ends_the_connection() {
    run(async {
        let mut victim = Victim::start().await;
        let mut peer = Peer::dial(victim.address()).await;
        let root = peer.root().await;
        assert_eq!(victim.heard.next().await, Event::Connected);
        peer.lane.put(Frame::call(1, root, method::HANGS, &[(); 0]).to_bytes()).await;
        assert_eq!(victim.heard.next().await, Event::Began);
        peer.control.put(release(root, UNITS, false)).await;
        let reason = format!("object ObjectId({root}) was released while its calls are unanswered");
        assert_eq!(peer.closed().await, (BROKE_THE_PROTOCOL, reason));
        let mut told = victim.heard.take(2).await;
        told.sort_by_key(|event| *event != Event::Stopped);
        assert_eq!(told, [Event::Stopped, Event::Disconnected { empty: true }]);
        assert_eq!(victim.heard.next().await, Event::Dropped);
        victim.serves_on().await;
    });
}

#[test]
fn a_call_number_in_use_ends_the_connection_and_stops_both_calls() {
    run(async {
        let mut victim = Victim::start().await;
        let mut peer = Peer::dial(victim.address()).await;
        let root = peer.root().await;
        assert_eq!(victim.heard.next().await, Event::Connected);
        let hang = Frame::call(5, root, method::HANGS, &[(); 0]).to_bytes();
        peer.lane.put(hang.clone()).await;
        assert_eq!(victim.heard.next().await, Event::Began);
        peer.lane.put(hang).await;
        assert_eq!(peer.closed().await, (BROKE_THE_PROTOCOL, "call number 5 is in use".to_owned()));
        let mut told = victim.heard.take(2).await;
        told.sort_by_key(|event| *event != Event::Stopped);
        assert_eq!(told, [Event::Stopped, Event::Disconnected { empty: true }]);
        assert_eq!(victim.heard.next().await, Event::Dropped);
        victim.serves_on().await;
    });
}

/// Connects with tight limits, makes `calls` calls on the root that never answer, and gives the reason of the end.
async fn hang_often(config: Config, calls: u32) -> (u32, String) {
    let victim = Victim::with(config).await;
    let mut peer = Peer::dial(victim.address()).await;
    let root = peer.root().await;
    for call in 0..calls {
        peer.lane.put(Frame::call(call, root, method::HANGS, &[(); 0]).to_bytes()).await;
    }
    let closed = peer.closed().await;
    victim.node.until(|stats| stats.connections == 1).await;
    assert_eq!(victim.neighbour.probe.add(1, 2).await, Ok(3));
    assert_eq!(victim.node.stats().total.calls_running, 0);
    closed
}

#[test]
fn more_calls_than_permits_end_the_connection() {
    run(async {
        let mut config = Config::default();
        config.object_permits = 10;
        let reason = "object ObjectId(1) has more calls outstanding than it gave permits";
        assert_eq!(hang_often(config, 11).await, (BROKE_THE_PROTOCOL, reason.to_owned()));

        let mut config = Config::default();
        config.connection_permits = 40;
        let reason = "more is outstanding than the connection gave permits";
        assert_eq!(hang_often(config, 41).await, (BROKE_THE_PROTOCOL, reason.to_owned()));
    });
}

#[test]
fn more_objects_than_may_be_held_end_the_connection() {
    run(async {
        let mut config = Config::default();
        config.exports_max = 10;
        let mut victim = Victim::with(config).await;
        let mut peer = Peer::dial(victim.address()).await;
        peer.root().await;
        assert_eq!(victim.heard.next().await, Event::Connected);
        let all_at_once: Vec<Ref> = (100..=110).map(Ref::export).collect();
        peer.lane.put(Frame::bare(kind::CALL, 99, 0).with_refs(all_at_once).to_bytes()).await;
        let reason = "more objects are handed over than may be held";
        assert_eq!(peer.closed().await, (BROKE_THE_PROTOCOL, reason.to_owned()));
        victim.is_rid_of_it().await;
    });
}

#[test]
fn a_lane_or_control_stream_that_ends_ends_the_connection() {
    run(async {
        let mut victim = Victim::start().await;
        for (case, reason) in [
            "the stream ended in the middle of a frame",
            "a stream of the connection ended: the peer reset the stream with code 5",
            "the control stream ended",
            "a stream of the connection ended: the peer reset the stream with code 6",
            "a stream of the connection ended: the peer stopped the stream with code 8",
        ]
        .into_iter()
        .enumerate()
        {
            let mut peer = Peer::dial(victim.address()).await;
            let root = peer.root().await;
            assert_eq!(victim.heard.next().await, Event::Connected);
            match case {
                0 => {
                    let call = Frame::call(1, root, method::ADD, &(1, 2)).to_bytes();
                    peer.lane.put(call[..call.len() - 1].to_vec()).await;
                    peer.lane.send.finish().expect("it is open");
                }
                1 => peer.lane.send.reset(5),
                2 => peer.control.send.finish().expect("it is open"),
                3 => peer.control.send.reset(6),
                _ => {
                    peer.lane.recv.stop(8);
                    // It is noticed with the next answer.
                    peer.lane.put(Frame::call(1, root, method::ADD, &(1, 2)).to_bytes()).await;
                }
            }
            assert_eq!(peer.closed().await, (BROKE_THE_PROTOCOL, reason.to_owned()));
            victim.is_rid_of_it().await;
        }
    });
}

#[test]
fn a_stream_that_nobody_asked_for_ends_the_connection() {
    run(async {
        let mut victim = Victim::start().await;
        // A second control stream, kinds that go one way, kinds of later versions, and no kind at all.
        for kind in [0, 2, 3, 4, 5, 77, 255] {
            let mut peer = Peer::dial(victim.address()).await;
            peer.root().await;
            assert_eq!(victim.heard.next().await, Event::Connected);
            let _stream = stream(&peer.link, kind).await;
            let reason = "a stream that nobody asked for".to_owned();
            assert_eq!(peer.closed().await, (BROKE_THE_PROTOCOL, reason));
            victim.is_rid_of_it().await;
        }
    });
}

#[test]
fn a_dialing_node_defends_itself_as_well() {
    run(async {
        let server = Server::bind();
        let node = small().start().await.unwrap();
        let connecting = tokio::spawn(node.connect(server.target()).into_future());
        let mut peer = server.accept().await;
        let connection = connecting.await.unwrap().unwrap();
        let calling = tokio::spawn({
            let connection = connection.clone();
            async move { connection.root::<ProbingProxy>().await }
        });
        let asked = peer.lane.frame().await;
        assert_eq!((asked.kind, asked.object), (kind::CALL, 0));
        peer.lane.put(Frame::bare(kind::REPLY, asked.call + 1, 0).to_bytes()).await;

        let rule = "an answer that no call waits for";
        assert_eq!(peer.closed().await, (BROKE_THE_PROTOCOL, rule.to_owned()));
        assert_eq!(connection.closed().await, Ended::Violation(rule.to_owned()));
        let reason = format!("the peer broke the protocol: {rule}");
        let error = CallError::Disconnected { ran: Ran::Unknown, reason };
        assert_eq!(calling.await.unwrap().unwrap_err(), duologue::OpenError::Call(error));
        assert_eq!(connection.stats(), duologue::ConnectionStats::default());
    });
}
