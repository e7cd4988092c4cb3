//! Calls that make no sense in themselves: each fails with a fault of its own, and the connection lives.

use duologue_tests::hostile::{Frame, Peer, Ref, fault, kind, pack, ran, reference};
use duologue_tests::nodes::run;
use duologue_tests::probe::{Event, method};

use crate::Victim;

/// Each of these calls is answered by this fault, on one connection that works before, between and after them. A text that ends
/// with two dots need only begin so.
/// The function is given the number of the root object.
async fn each_fails_alone(cases: impl FnOnce(u32) -> Vec<(Frame, u16, &'static str)>) {
    let mut victim = Victim::start().await;
    let mut peer = Peer::dial(victim.address()).await;
    let root = peer.root().await;
    for (call, code, text) in cases(root) {
        let answer = peer.lane.ask(&call).await;
        assert_eq!(answer.kind, kind::FAULT, "{call:?} was answered {answer:?}");
        assert_eq!((answer.method, answer.flags), (code, ran::NEVER), "{call:?}");
        match text.strip_suffix("..") {
            None => assert_eq!(answer.text(), text, "{call:?}"),
            Some(text) => assert!(answer.text().starts_with(text), "{call:?}: {}", answer.text()),
        }
        let sum = peer.lane.ask(&Frame::call(1, root, method::ADD, &(40, 2))).await;
        assert_eq!((sum.kind, sum.value::<i64>()), (kind::REPLY, 42));
    }
    let mut here = victim.node.connections();
    here.retain(|connection| !connection.is_closed());
    assert_eq!(here.len(), 2);
    assert!(here.iter().all(|connection| connection.stats().calls_running == 0));
    assert_eq!(victim.heard.next().await, Event::Connected);
    drop(peer);
    victim.is_rid_of_it().await;
}

#[test]
fn a_call_on_an_object_that_was_never_handed_out_fails_without_a_hint() {
    run(each_fails_alone(|root| {
        let call = |object| Frame::call(9, object, method::ADD, &(1, 2));
        vec![
            (call(root + 1), fault::NO_SUCH_OBJECT, ""),
            (call(12_345), fault::NO_SUCH_OBJECT, ""),
            (call(u32::MAX), fault::NO_SUCH_OBJECT, ""),
            (Frame { method: u16::MAX, ..call(12_345) }, fault::NO_SUCH_OBJECT, ""),
            (call(12_345).with_body(b"\xc1"), fault::NO_SUCH_OBJECT, ""),
        ]
    }));
}

#[test]
fn a_method_that_does_not_exist_is_named() {
    run(each_fails_alone(|root| {
        let call = |object, method| Frame::call(9, object, method, &(1, 2));
        vec![
            (call(root, 13), fault::NO_SUCH_METHOD, "Probe::#13"),
            (call(root, u16::MAX), fault::NO_SUCH_METHOD, "Probe::#65535"),
            (call(0, 3), fault::NO_SUCH_METHOD, "Lobby::#3"),
        ]
    }));
}

#[test]
fn arguments_of_wrong_types_are_named() {
    run(each_fails_alone(|root| {
        let add = |body: Vec<u8>| Frame::call(9, root, method::ADD, &()).with_body(body);
        let greet = |body: Vec<u8>| Frame::call(9, root, method::GREET, &()).with_body(body);
        let take = |body: Vec<u8>| Frame::call(9, root, method::TAKE, &()).with_body(body);
        vec![
            (
                add(pack(&("four", 2))),
                fault::BAD_BODY,
                "Probe::add: argument `a`: wrong msgpack marker FixStr(4)",
            ),
            (
                add(pack(&(1, Some([2])))),
                fault::BAD_BODY,
                "Probe::add: argument `b`: wrong msgpack marker FixArray(1)",
            ),
            (
                add(pack(&(1, u64::MAX))),
                fault::BAD_BODY,
                "Probe::add: argument `b`: invalid value: integer `18446744073709551615`, expected i64",
            ),
            (
                greet(pack(&(7,))),
                fault::BAD_BODY,
                "Probe::greet: argument `name`: invalid type: integer `7`, expected a string",
            ),
            (
                greet(b"\x91\xa2\xff\xfe".to_vec()),
                fault::BAD_BODY,
                "Probe::greet: argument `name`: string found to be invalid utf8: invalid utf-8 sequence of 1 bytes from index 0",
            ),
            (
                add(pack(&7)),
                fault::BAD_BODY,
                "Probe::add: invalid type: integer `7`, expected the arguments of `add`",
            ),
            (
                take(pack(&(7,))).with_refs([Ref::export(3)]),
                fault::BAD_BODY,
                "Probe::take: argument `leaf`: wrong msgpack marker FixPos(7)",
            ),
        ]
    }));
}

#[test]
fn missing_arguments_are_named() {
    run(each_fails_alone(|root| {
        let add = |body: Vec<u8>| Frame::call(9, root, method::ADD, &()).with_body(body);
        vec![
            (add(pack(&[(); 0])), fault::BAD_BODY, "Probe::add: argument `a` is missing"),
            (add(pack(&[1])), fault::BAD_BODY, "Probe::add: argument `b` is missing"),
        ]
    }));
}

#[test]
fn bytes_that_are_no_arguments_fail_their_call() {
    run(each_fails_alone(|root| {
        let add = |body: &[u8]| Frame::call(9, root, method::ADD, &()).with_body(body);
        let cut = "Probe::add: argument `b`: IO error while reading marker: failed to fill whole buffer";
        vec![
            (
                add(b""),
                fault::BAD_BODY,
                "Probe::add: IO error while reading marker: failed to fill whole buffer",
            ),
            (add(b"\x92\x01"), fault::BAD_BODY, cut),
            (add(b"\x92\x01\x02\x03"), fault::BAD_BODY, "Probe::add: bytes after the value"),
            (add(b"\x92\x01\x02\xc1"), fault::BAD_BODY, "Probe::add: bytes after the value"),
            (add(b"\x92\x01\x02\x92"), fault::BAD_BODY, "Probe::add: bytes after the value"),
        ]
    }));
}

#[test]
fn a_bomb_of_nested_values_fails_its_call() {
    run(each_fails_alone(|root| {
        let bomb = [vec![0x91; 8_000], vec![0x90]].concat();
        let call = |method, head: &[u8]| {
            Frame::call(9, root, method, &()).with_body([head, bomb.as_slice()].concat())
        };
        vec![
            (
                call(method::DEPTH, b"\x91"),
                fault::BAD_BODY,
                "Probe::depth: argument `nest`: depth limit exceeded",
            ),
            (
                Frame::call(9, 0, 0, &()).with_body([b"\x91", bomb.as_slice()].concat()),
                fault::BAD_BODY,
                "invalid type: sequence, expected a string",
            ),
            // Where nobody reads it: as an argument of a later version, and after the arguments.
            (call(method::ADD, b"\x93\x01\x02"), fault::BAD_BODY, "Probe::add: depth limit exceeded"),
            (call(method::ADD, b"\x92\x01\x02"), fault::BAD_BODY, "Probe::add: bytes after the value"),
        ]
    }));
}

#[test]
fn references_that_do_not_fit_their_table_fail_their_call_and_leak_nothing() {
    run(each_fails_alone(|root| {
        let take = |body: Vec<u8>| Frame::call(9, root, method::TAKE, &()).with_body(body);
        let index = |index| [&[0x91], reference(index).as_slice()].concat();
        vec![
            (take(index(0)), fault::BAD_BODY, "Probe::take: argument `leaf`: .."),
            (
                take(index(1)).with_refs([Ref::export(3)]),
                fault::BAD_BODY,
                "Probe::take: argument `leaf`: reference 1 is not in the frame's table",
            ),
            (
                take(vec![0x91, 0xd5, 2, 0, 0]).with_refs([Ref::export(3)]),
                fault::BAD_BODY,
                "Probe::take: argument `leaf`: extension type 2 is no object reference",
            ),
        ]
    }));
}

#[test]
fn what_a_refused_call_carried_is_released() {
    run(async {
        let mut victim = Victim::start().await;
        let mut peer = Peer::dial(victim.address()).await;
        let root = peer.root().await;
        let bad = [Ref::export(3), Ref::export(4), Ref::export(3)];
        for object in [root, 12_345] {
            let call = Frame::call(9, object, method::ADD, &()).with_body(b"\xc1").with_refs(bad);
            assert_eq!(peer.lane.ask(&call).await.kind, kind::FAULT);
            let mut released = [0, 0];
            while released != [2, 1] {
                let frame = peer.control.next().await.unwrap().unwrap();
                assert_eq!(frame[0], 2, "nothing but releases is due");
                let (list,): (Vec<(u32, u64, bool)>,) = rmp_serde::from_slice(&frame[1..]).unwrap();
                for (id, units, gone) in list {
                    assert!(!gone);
                    assert_eq!(units % duologue_tests::hostile::UNITS, 0);
                    released[id as usize - 3] += units / duologue_tests::hostile::UNITS;
                }
            }
        }
        assert_eq!(victim.node.stats().total.imports, 0);
        assert_eq!(victim.heard.next().await, Event::Connected);
        drop(peer);
        victim.is_rid_of_it().await;
    });
}

#[test]
fn newer_and_older_callers_are_understood() {
    run(async {
        let victim = Victim::start().await;
        let mut peer = Peer::dial(victim.address()).await;
        let root = peer.root().await;
        let older = Frame::call(1, root, method::GREET, &("bob",));
        assert_eq!(peer.lane.ask(&older).await.value::<String>(), "hello bob");
        let newer = Frame::call(2, root, method::GREET, &("bob", 2, "polite", [1, 2, 3]));
        assert_eq!(peer.lane.ask(&newer).await.value::<String>(), "hello bob, hello bob");
    });
}

#[test]
fn a_caller_with_other_methods_is_understood_by_their_names() {
    run(async {
        let victim = Victim::start().await;
        let mut peer = Peer::dial(victim.address()).await;
        let root = peer.root().await;
        let names = Frame::bare(kind::NAMES, 0, root).with_body(pack(&["multiply", "add"]));
        peer.lane.put(names.to_bytes()).await;
        let sum = peer.lane.ask(&Frame::call(1, root, 1, &(40, 2))).await;
        assert_eq!((sum.kind, sum.value::<i64>()), (kind::REPLY, 42));
        for (method, name) in [(0, "Probe::multiply"), (2, "Probe::#2")] {
            let answer = peer.lane.ask(&Frame::call(1, root, method, &(40, 2))).await;
            assert_eq!((answer.kind, answer.method), (kind::FAULT, fault::NO_SUCH_METHOD));
            assert_eq!((answer.flags, answer.text()), (ran::NEVER, name));
        }
    });
}

#[test]
fn a_cancel_or_a_release_of_nothing_does_nothing() {
    run(async {
        let mut victim = Victim::start().await;
        let mut peer = Peer::dial(victim.address()).await;
        let root = peer.root().await;
        peer.lane.put(Frame::bare(kind::CANCEL, 77, 0).to_bytes()).await;
        peer.lane.put(Frame::bare(kind::CANCEL, u32::MAX, 3).to_bytes()).await;
        peer.control.put(duologue_tests::hostile::release(99, 0, true)).await;
        peer.control.put(duologue_tests::hostile::release(root, 0, true)).await;
        peer.has_been_obeyed().await;
        let sum = peer.lane.ask(&Frame::call(1, root, method::ADD, &(40, 2))).await;
        assert_eq!(sum.value::<i64>(), 42);
        assert_eq!(victim.heard.next().await, Event::Connected);
        drop(peer);
        victim.is_rid_of_it().await;
    });
}
