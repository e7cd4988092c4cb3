//! What is hostile to those who go by name: descriptions of objects, asked for and answered, and values of any kind.

use duologue::prelude::*;
use duologue::{Caller, Config, Descriptor, DynError, DynProxy, DynService, Method, Value, args};
use duologue_tests::hostile::{Frame, Peer, Ref, Server, UNITS, fault, kind, ran, reference, release};
use duologue_tests::nodes::{PATIENCE, run, small};
use duologue_tests::probe::ProbingProxy;
use serde::{Deserialize, Serialize};

use crate::{Victim, small_of};

const DESCRIBE: u16 = 2;

#[derive(Serialize, Deserialize)]
struct Page {
    interface: Descriptor,
    count: u32,
}

/// A node that holds an object of a peer which answers by hand.
async fn holder() -> (Node, Connection, Peer, DynProxy) {
    let server = Server::bind();
    let mut config = Config::default();
    // What makes a hundred and more round trips is not to be ended by its deadline, however busy the machine is.
    config.call_timeout = PATIENCE;
    let node = small_of(config).start().await.unwrap();
    let dialing = tokio::spawn(node.connect(server.target()).into_future());
    let mut peer = server.accept().await;
    let connection = dialing.await.unwrap().unwrap();
    let opening = tokio::spawn({
        let connection = connection.clone();
        async move { connection.dynamic_root().await }
    });
    let asked = peer.lane.frame().await;
    let opened = b"\x81\xa2Ok\x84\xa4name\xa1X\xa7aliases\x90\xa7version\x01\xa6object\xd5\x01\0\0";
    let reply = Frame::bare(kind::REPLY, asked.call, 0).with_body(*opened).with_refs([Ref::export(3)]);
    peer.lane.put(reply.to_bytes()).await;
    let object = opening.await.unwrap().unwrap();
    (node, connection, peer, object)
}

/// The next frame, which must ask for the description of object 3 from a method on.
async fn asked(peer: &mut Peer, from: u8) -> Frame {
    let asked = peer.lane.frame().await;
    assert_eq!((asked.kind, asked.object, asked.method), (kind::CALL, 0, DESCRIBE), "{asked:?}");
    assert_eq!(asked.refs, [Ref::home(3)]);
    assert_eq!(asked.body, [b"\x92", reference(0).as_slice(), &[from]].concat());
    asked
}

fn page(interface: Descriptor, count: u32) -> Vec<u8> {
    rmp_serde::to_vec_named(&Page { interface, count }).unwrap()
}

#[test]
fn a_description_that_makes_no_sense_fails_its_call_and_is_not_kept() {
    run(async {
        let (_node, connection, mut peer, object) = holder().await;
        let bomb = [vec![0x91; 8_000], vec![0x90]].concat();
        let nested = [b"\x82\xa5count\x01\xa9interface\x81\xa4name".as_slice(), &bomb].concat();
        for (body, reason) in [
            (b"".to_vec(), "IO error while reading marker: failed to fill whole buffer"),
            (b"\xc1\xc1\xc1".to_vec(), "wrong msgpack marker Reserved"),
            (vec![0xff; 8_000], "invalid type: integer `-1`"),
            (bomb, "invalid type: sequence"),
            (nested, "invalid type: sequence"),
            (b"\xd5\x01\0\0".to_vec(), "invalid type: newtype struct"),
            (b"\x81\xa5count\x01".to_vec(), "missing field `interface`"),
            (page(Descriptor::new("X"), 1), "a description that does not go on"),
            (page(Descriptor::new("X"), 65_536), "a description of 65536 methods and more than 65 bytes"),
        ] {
            let calling = tokio::spawn(object.call("a", args![]));
            let asked = asked(&mut peer, 0).await;
            let reply = Frame::bare(kind::REPLY, asked.call, 0).with_body(body);
            peer.lane.put(reply.to_bytes()).await;
            match calling.await.unwrap() {
                Err(CallError::BadReply(text)) => {
                    assert!(text.contains(reason), "{text:?} does not say {reason:?}");
                }
                other => panic!("{other:?}"),
            }
        }
        assert!(!connection.is_closed());
        assert_eq!(connection.stats().calls_awaiting, 0);
    });
}

#[test]
fn a_description_without_end_is_given_up() {
    run(async {
        let (_node, connection, mut peer, object) = holder().await;
        let mut describing = tokio::spawn(async move { object.describe().await });
        let mut pages = 0;
        let outcome = loop {
            let asked = tokio::select! {
                asked = peer.lane.frame() => asked,
                outcome = &mut describing => break outcome.unwrap(),
            };
            let method = Method::new(format!("m{pages}")).with_doc("x".repeat(7_000));
            let body = page(Descriptor::new("X").with_method(method), 60_000);
            peer.lane.put(Frame::bare(kind::REPLY, asked.call, 0).with_body(body).to_bytes()).await;
            pages += 1;
        };
        assert!(matches!(outcome, Err(CallError::BadReply(_))), "{outcome:?}");
        assert_eq!(pages, 147, "1 MiB of 7,000 and a few bytes each");
        assert!(!connection.is_closed());
    });
}

#[test]
fn a_description_of_a_megabyte_at_once_ends_the_connection() {
    run(async {
        let (_node, connection, mut peer, object) = holder().await;
        let describing = tokio::spawn(async move { object.describe().await });
        let asked = asked(&mut peer, 0).await;
        let reply = Frame::bare(kind::REPLY, asked.call, 0).with_body(vec![0xa1; 1 << 20]);
        peer.lane.put(reply.to_bytes()).await;
        let error = describing.await.unwrap().unwrap_err();
        assert!(matches!(error, CallError::Disconnected { .. }), "{error:?}");
        assert!(matches!(connection.closed().await, duologue::Ended::Violation(_)));
    });
}

#[test]
fn a_description_of_other_methods_than_the_reference_said_is_told_to_the_peer_by_name() {
    run(async {
        let (_node, _connection, mut peer, object) = holder().await;
        for round in 0..2 {
            let calling = tokio::spawn(object.call("b", args![7]));
            if round == 0 {
                let asked = asked(&mut peer, 0).await;
                let b = Method::new("b").with_param("x", "u8");
                let interface = Descriptor::new("X").with_method(Method::new("a")).with_method(b);
                let reply = Frame::bare(kind::REPLY, asked.call, 0).with_body(page(interface, 2));
                peer.lane.put(reply.to_bytes()).await;
                let names = peer.lane.frame().await;
                assert_eq!((names.kind, names.object), (kind::NAMES, 3));
                assert_eq!(names.value::<Vec<String>>(), ["a", "b"]);
            }
            // It was described once, and its names were told once.
            let call = peer.lane.frame().await;
            assert_eq!(
                (call.kind, call.object, call.method, &call.body[..]),
                (kind::CALL, 3, 1, &b"\x91\x07"[..])
            );
            peer.lane.put(Frame::bare(kind::REPLY, call.call, 0).with_body(*b"\xc3").to_bytes()).await;
            assert_eq!(calling.await.unwrap(), Ok(Value::from(true)));
        }
    });
}

mod two_ages {
    use duologue::prelude::*;

    #[service(name = "Clock")]
    pub(super) trait Old {
        fn tick(&self) -> u8;
    }

    #[service(name = "Clock")]
    pub(super) trait New {
        fn wind(&self) -> u8;
        fn tick(&self) -> u8;
    }
}

#[test]
fn callers_of_two_ages_who_take_turns_tell_their_names_once() {
    run(async {
        let server = Server::bind();
        let node = small().start().await.unwrap();
        let (connection, mut peer) =
            tokio::join!(node.connect(server.target()).into_future(), server.accept());
        let connection = connection.unwrap();
        let shown = async |peer: &mut Peer| {
            let asked = peer.lane.frame().await;
            let opened = b"\x81\xa2Ok\x94\xa5Clock\x90\x01\xd5\x01\0\0";
            let reply =
                Frame::bare(kind::REPLY, asked.call, 0).with_body(*opened).with_refs([Ref::export(3)]);
            peer.lane.put(reply.to_bytes()).await;
        };
        let (old, ()) = tokio::join!(connection.root::<two_ages::OldProxy>(), shown(&mut peer));
        let (new, ()) = tokio::join!(connection.root::<two_ages::NewProxy>(), shown(&mut peer));
        let (old, new) = (old.unwrap(), new.unwrap());
        let mut told = Vec::new();
        for round in 0..3 {
            for (calling, method) in [(old.tick(), 0), (new.tick(), 1)] {
                let calling = tokio::spawn(calling.into_future());
                let names = peer.lane.frame().await;
                assert_eq!((names.kind, names.object), (kind::NAMES, 3));
                match round {
                    0 => told.push(names.value::<Vec<String>>().join(" ")),
                    _ => assert_eq!(names.body.len(), 9, "a fingerprint"),
                }
                let call = peer.lane.frame().await;
                assert_eq!((call.kind, call.method), (kind::CALL, method));
                peer.lane.put(Frame::bare(kind::REPLY, call.call, 0).with_body(*b"\x07").to_bytes()).await;
                assert_eq!(calling.await.unwrap(), Ok(7));
            }
        }
        assert_eq!(told, ["tick", "wind tick"]);
    });
}

#[test]
fn a_peer_without_descriptions_is_told_from_one_that_refuses() {
    run(async {
        let (_node, _connection, mut peer, object) = holder().await;
        let calling = tokio::spawn(object.call("a", args![]));
        let asked = asked(&mut peer, 0).await;
        let answer = Frame { method: fault::NO_SUCH_METHOD, ..Frame::bare(kind::FAULT, asked.call, 0) };
        peer.lane.put(answer.with_body(*b"Lobby::#2").to_bytes()).await;
        assert_eq!(calling.await.unwrap(), Err(CallError::NoSuchMethod("Lobby::#2".into())));
    });
}

#[test]
fn what_a_peer_holds_is_described_to_it_and_nothing_else() {
    run(async {
        let mut victim = Victim::start().await;
        let mut peer = Peer::dial(victim.address()).await;
        let root = peer.root().await;
        let describe = |from: u8| {
            let body = [b"\x92", reference(0).as_slice(), &[from]].concat();
            Frame { method: DESCRIBE, ..Frame::bare(kind::CALL, 1, 0) }.with_body(body)
        };
        let answer = peer.lane.ask(&describe(0).with_refs([Ref::home(root)])).await;
        let whole = answer.value::<Page>();
        assert_eq!(&whole.interface, Descriptor::of::<ProbingProxy>());
        assert_eq!(whole.count as usize, whole.interface.methods().len());
        let rest = peer.lane.ask(&describe(2).with_refs([Ref::home(root)])).await.value::<Page>();
        assert_eq!(rest.interface.methods(), &whole.interface.methods()[2..]);
        let beyond = peer.lane.ask(&describe(100).with_refs([Ref::home(root)])).await.value::<Page>();
        assert_eq!(beyond.interface.methods(), []);
        for (call, code, text) in [
            (describe(0), fault::BAD_BODY, "a proxy travels only inside a call"),
            (describe(0).with_refs([Ref::export(9)]), fault::BAD_BODY, "the object is the caller's own"),
            (describe(0).with_refs([Ref { kind: 0, ..Ref::home(0) }]), fault::GONE, ""),
            (describe(0).with_body(*b"\x92\x01\0"), fault::BAD_BODY, "a proxy travels only inside a call"),
        ] {
            let answer = peer.lane.ask(&call).await;
            assert_eq!((answer.kind, answer.method, answer.flags), (kind::FAULT, code, ran::NEVER));
            assert_eq!(answer.text(), text);
        }
        let released = peer.control.next().await.unwrap().unwrap();
        assert_eq!(released[..], release(9, UNITS, false)[4..]);
        // The number of an object that was never handed out here: nobody learns whether it exists.
        peer.lane.put(describe(0).with_refs([Ref::home(root + 1)]).to_bytes()).await;
        assert_eq!(peer.closed().await.0, 1);
        assert_eq!(victim.heard.next().await, crate::Event::Connected);
        victim.is_rid_of_it().await;
    });
}

/// Says how many arguments it got.
struct Count;

impl DynService for Count {
    async fn call(&self, _: &str, args: Vec<Value>, _: &Caller) -> Result<Value, DynError> {
        Ok(Value::from(args.len()))
    }
}

#[test]
fn values_that_make_no_sense_fail_their_call() {
    run(async {
        let count = Method::new("count").with_param("a", "u8").variadic();
        let interface = Descriptor::new("Count").with_method(count).with_method(Method::new("none"));
        let node = small().serve_dynamic(interface, || Count).bind("127.0.0.1:0").await.unwrap();
        let mut peer = Peer::dial(node.local_addr()).await;
        let root = peer.root().await;
        let call = |method, body: &[u8]| Frame { method, ..Frame::bare(kind::CALL, 1, root) }.with_body(body);
        let bomb = [vec![0x91; 8_000], vec![0x90]].concat();
        let maps = [vec![0x91], [0x81, 0xc0].repeat(4_000), vec![0xc0]].concat();
        for (body, text) in [
            (&bomb[..], "Count::count: depth limit exceeded"),
            (&maps, "Count::count: depth limit exceeded"),
            (b"", "Count::count: IO error while reading marker: failed to fill whole buffer"),
            (
                b"\xdd\xff\xff\xff\xff",
                "Count::count: IO error while reading marker: failed to fill whole buffer",
            ),
            (b"\x91\xc1", "Count::count: wrong msgpack marker Reserved"),
            (b"\x91\x01\x01", "Count::count: bytes after the value"),
            (b"\x07", "Count::count: the arguments are a list, not a whole number"),
            (b"\x90", "Count::count: argument `a` is missing"),
            (b"\x91\xd5\x01\0\0", "Count::count: no object reference of this frame"),
            (b"\x91\xd6\xff\0\0\0\0", "Count::count: "),
        ] {
            let answer = peer.lane.ask(&call(0, body)).await;
            assert_eq!(
                (answer.kind, answer.method, answer.flags),
                (kind::FAULT, fault::BAD_BODY, ran::NEVER)
            );
            assert!(answer.text().starts_with(text), "{}", answer.text());
        }
        for (method, body, count) in [(0, b"\x93\x01\xa1x\xc0", 3), (1, b"\x93\x01\xa1x\xc0", 0)] {
            let answer = peer.lane.ask(&call(method, body)).await;
            assert_eq!(
                (answer.kind, answer.value::<u32>()),
                (kind::REPLY, count),
                "surplus ones are left out"
            );
        }
    });
}
