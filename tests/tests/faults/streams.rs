//! Peers that break the rules of streams lose their connection; a stream that nobody asked for costs nobody anything.

use std::time::Duration;

use duologue_tests::hostile::{Frame, Peer, Ref, control, control_frame, kind, release};
use duologue_tests::nodes::run;
use duologue_tests::probe::{Event, method};
use transport::SendStream;

use crate::Victim;

const BROKE_THE_PROTOCOL: u32 = 1;
const ITEMS: u8 = 3;
const BYTES: u8 = 4;
const WINDOW: u8 = 6;
const STOP: u8 = 7;

/// Two streams of the dialer: 2 of items and 4 of bytes, in a call that does not want them.
fn naming() -> Frame {
    let source = |id, fingerprint| Ref { kind: 3, hops: 0, id, fingerprint };
    Frame::bare(kind::CALL, 1, 0).with_refs([source(2, 0), source(4, 1)])
}

async fn open(peer: &Peer, kind: u8, number: u32, rest: &[u8]) -> SendStream {
    let mut stream = peer.link.open_one_way().await.unwrap();
    let mut bytes = vec![kind];
    bytes.extend_from_slice(&number.to_le_bytes());
    bytes.extend_from_slice(rest);
    let _ = stream.send(bytes.into()).await;
    stream
}

fn item(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = (1 + body.len() as u32).to_le_bytes().to_vec();
    bytes.push(kind);
    bytes.extend_from_slice(body);
    bytes
}

/// What was wrong with what was sent, after its connection was ended for it.
async fn ended(victim: &mut Victim, peer: &Peer, reason: &str) {
    assert_eq!(peer.closed().await, (BROKE_THE_PROTOCOL, reason.to_owned()));
    victim.is_rid_of_it().await;
}

async fn connected(victim: &mut Victim) -> Peer {
    let mut peer = Peer::dial(victim.address()).await;
    peer.root().await;
    assert_eq!(victim.heard.next().await, Event::Connected);
    peer
}

#[test]
fn what_is_no_stream_ends_the_connection() {
    run(async {
        let mut victim = Victim::start().await;
        let cases: [(u8, u32, Vec<u8>, &str); 9] = [
            (ITEMS, 2, vec![0xff, 0xff, 0xff, 0xff, 0], "a stream has an item above the limit"),
            (ITEMS, 2, vec![0; 100], "a stream has an item without a kind"),
            (ITEMS, 2, item(3, b""), "a stream has an item of an unknown kind"),
            (ITEMS, 2, [item(1, b""), item(0, b"x")].concat(), "a stream goes on after its end"),
            (ITEMS, 2, item(0x80, &[0, 0, 0]), "0 references in one frame"),
            (BYTES, 4, item(0x80, &[1; 40]), "a stream has references where none may be"),
            (BYTES, 2, vec![], "stream number 2 is in use, or not the peer's to give"),
            (ITEMS, 7, vec![], "stream number 7 is not known"),
            (9, 2, vec![], "a one-way stream of kind 9"),
        ];
        for (kind, number, bytes, reason) in cases {
            let mut peer = connected(&mut victim).await;
            peer.lane.put(naming().to_bytes()).await;
            let _stream = open(&peer, kind, number, &bytes).await;
            ended(&mut victim, &peer, reason).await;
        }
    });
}

#[test]
fn more_than_the_window_ends_the_connection() {
    run(async {
        let mut victim = Victim::start().await;
        let mut large = (1u32 << 20).to_le_bytes().to_vec();
        large.extend_from_slice(&[0; 70_000]);
        let small = item(0, b"x").repeat(1_025);
        for (kind, number, bytes) in [(ITEMS, 2, &large), (BYTES, 4, &large), (ITEMS, 2, &small)] {
            let mut peer = connected(&mut victim).await;
            peer.lane.put(naming().to_bytes()).await;
            let _stream = open(&peer, kind, number, bytes).await;
            let reason = format!("more was sent on stream {number} than its window allows");
            ended(&mut victim, &peer, &reason).await;
        }
    });
}

#[test]
fn a_stream_that_is_reset_ends_the_connection() {
    run(async {
        let mut victim = Victim::start().await;
        let mut peer = connected(&mut victim).await;
        peer.lane.put(naming().to_bytes()).await;
        let mut stream = open(&peer, ITEMS, 2, &item(0, b"x")).await;
        stopped(&mut peer, 2).await;
        stream.reset(3);
        let reason = "a stream of the connection ended: the peer reset the stream with code 3";
        ended(&mut victim, &peer, reason).await;
    });
}

#[test]
fn words_about_unknown_streams_end_the_connection() {
    run(async {
        let mut victim = Victim::start().await;
        for words in [control_frame(WINDOW, &(5, 1_000)), control_frame(STOP, &(5, ""))] {
            let mut peer = connected(&mut victim).await;
            peer.control.put(words).await;
            ended(&mut victim, &peer, "stream number 5 is not known").await;
        }
        let strange: [(Ref, &str); 3] = [
            (
                Ref { kind: 3, hops: 0, id: 3, fingerprint: 0 },
                "stream number 3 is in use, or not the peer's to give",
            ),
            (Ref { kind: 4, hops: 0, id: 2, fingerprint: 7 }, "a stream of an unknown format"),
            (
                Ref { kind: 3, hops: 0, id: 2, fingerprint: 0 },
                "stream number 2 is in use, or not the peer's to give",
            ),
        ];
        for (reference, reason) in strange {
            let mut peer = connected(&mut victim).await;
            let twice =
                if reference.id == 2 && reference.kind == 3 { vec![reference; 2] } else { vec![reference] };
            peer.lane.put(Frame::bare(kind::CALL, 1, 0).with_refs(twice).to_bytes()).await;
            ended(&mut victim, &peer, reason).await;
        }
    });
}

/// Waits until the node says that it wants no more of a stream.
async fn stopped(peer: &mut Peer, number: u32) {
    let expected = control_frame(STOP, &(number, "dropped"));
    loop {
        let frame = peer.control.next().await.unwrap().unwrap();
        if frame[..] == expected[4..] {
            return;
        }
    }
}

#[test]
fn a_stream_that_nobody_takes_is_stopped_and_what_is_in_it_settled() {
    run(async {
        let mut victim = Victim::start().await;
        let mut peer = connected(&mut victim).await;
        peer.lane.put(naming().to_bytes()).await;
        stopped(&mut peer, 2).await;
        // An item under way, cut in the middle, with an object: the object is given back.
        let mut cut = 1_000u32.to_le_bytes().to_vec();
        cut.extend_from_slice(&[0x80, 1, 0, 1, 0, 0, 0]);
        cut.extend_from_slice(&77u32.to_le_bytes());
        cut.extend_from_slice(&0u64.to_le_bytes());
        cut.extend_from_slice(b"the rest does not come");
        let mut items = open(&peer, ITEMS, 2, &cut).await;
        items.finish().unwrap();
        let mut bytes = open(&peer, BYTES, 4, &item(0, b"nobody reads this")).await;
        bytes.finish().unwrap();
        loop {
            let frame = peer.control.next().await.unwrap().unwrap();
            if frame[..] == release(77, duologue_tests::hostile::UNITS, false)[4..] {
                break;
            }
            assert_ne!(frame[0], control::CLOSE, "{frame:?}");
        }
        victim.node.until(|stats| stats.total.taking == 0).await;
        let answer = peer.lane.frame().await;
        assert_eq!((answer.kind, answer.call), (kind::FAULT, 1), "the call itself has no arguments");
        let root = peer.root().await;
        let sum = peer.lane.ask(&Frame::call(9, root, method::ADD, &(1, 2))).await;
        assert_eq!(sum.value::<i64>(), 3, "the connection is as good as before");
    });
}

#[test]
fn who_lets_streams_come_and_says_of_nothing_that_it_was_taken_loses_its_connection() {
    run(async {
        let mut config = duologue::Config::default();
        config.stall_timeout = Duration::from_millis(300);
        let mut victim = Victim::with(config).await;
        let mut peer = Peer::dial(victim.address()).await;
        let root = peer.root().await;
        assert_eq!(victim.heard.next().await, Event::Connected);
        let answer = peer.lane.ask(&Frame::call(1, root, method::COUNT, &[(); 0])).await;
        assert_eq!((answer.kind, answer.refs.len()), (kind::REPLY, 1), "{answer:?}");
        // As much as it likes; but `Taken` is never said.
        peer.control.put(control_frame(WINDOW, &(answer.refs[0].id, 1u64 << 40))).await;
        ended(&mut victim, &peer, "it takes nothing off its streams").await;
    });
}
