//! Golden bytes: a change here is a change of the protocol.

use bytes::{Bytes, BytesMut};

use super::*;
use smallvec::smallvec;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn frame(head: Head, options: Options, body: &[u8]) -> Vec<u8> {
    let mut out = BytesMut::new();
    put_frame(&mut out, &head, &options, body);
    let back = read_frame(Bytes::copy_from_slice(&out[4..])).unwrap();
    assert_eq!(u32::from_le_bytes(out[..4].try_into().unwrap()) as usize, out.len() - 4);
    assert_eq!(
        (back.head.kind, back.head.method, back.head.call, back.head.object),
        (head.kind, head.method, head.call, head.object)
    );
    assert_eq!(back.options, options);
    assert_eq!(&back.body[..], body);
    out.to_vec()
}

#[test]
fn a_call_of_two_numbers_is_eighteen_bytes_and_a_body() {
    let head = Head { kind: Kind::Call, flags: 0, method: 3, call: CallId(7), object: ObjectId(9) };
    let bytes = frame(head, Options::default(), &[0x92, 4, 7]);
    assert_eq!(hex(&bytes), "0f000000020003000700000009000000920407");
}

#[test]
fn a_short_frame_read_where_it_lies_is_the_same() {
    let kinds = [Kind::Call, Kind::Notice, Kind::Reply, Kind::Fault, Kind::Cancel, Kind::Done];
    for kind in kinds {
        for (len, refs) in [(0, false), (23, false), (24, false), (3, true)] {
            let head = Head { kind, flags: 0, method: 0, call: CallId(7), object: ObjectId(9) };
            let refs = if refs && kind.has_options() { smallvec![Reference::DEAD] } else { smallvec![] };
            let is_short = len <= SHORT && refs.is_empty() && matches!(kind, Kind::Call | Kind::Reply);
            let bytes = frame(head, Options { refs, ..Options::default() }, &vec![5; len]);
            let short = read_short(&bytes[4..]);
            assert_eq!(short.is_some(), is_short, "{kind:?} of {len} bytes");
            if let Some(short) = short {
                assert_eq!(Ok(short), read_frame(Bytes::copy_from_slice(&bytes[4..])));
            }
        }
    }
    assert_eq!(read_short(&[Kind::Call as u8; 11]), None);
}

#[test]
fn optional_fields_stand_in_the_order_of_their_flags() {
    let head = Head { kind: Kind::Call, flags: 0, method: 1, call: CallId(2), object: ObjectId(3) };
    let options = Options {
        deadline_ms: Some(1500),
        path: smallvec![Token(0x1122334455667788)],
        depth: 2,
        refs: smallvec![
            Reference { kind: RefKind::Export, id: ObjectId(5), fingerprint: 0xaabb, ..Reference::DEAD },
            Reference { kind: RefKind::Home, hops: 1, id: ObjectId(6), ..Reference::DEAD },
        ],
        ..Options::default()
    };
    assert_eq!(
        hex(&frame(head, options, &[0x90])),
        "3d00000002130100020000000300000\
         0dc05000001028877665544332211020001000000050000\
         00bbaa0000000000000201000006000000000000000000000090"
            .replace([' ', '\n'], "")
    );
}

#[test]
fn a_large_body_is_announced_with_its_length_and_number() {
    let head = Head { kind: Kind::Call, flags: flag::KEEP, method: 1, call: CallId(2), object: ObjectId(3) };
    let options = Options {
        trace: Some(Trace([0x77; 25])),
        large: Some(Large { len: 0x0102_0304, number: BodyId(6) }),
        refs: smallvec![
            Reference { kind: RefKind::Export, own_lane: true, id: ObjectId(5), ..Reference::DEAD },
            Reference { kind: RefKind::Export, stays: true, hops: 2, id: ObjectId(7), ..Reference::DEAD },
            Reference { kind: RefKind::Source, id: ObjectId(8), fingerprint: 1, ..Reference::DEAD },
            Reference { kind: RefKind::Sink, id: ObjectId(10), ..Reference::DEAD },
        ],
        ..Options::default()
    };
    let expected = [
        "6f00000002 3c 0100 02000000 03000000",
        &"77".repeat(25),
        "04030201 06000000 0400",
        "8100 0000 05000000 0000000000000000",
        "4102 0000 07000000 0000000000000000",
        "0300 0000 08000000 0100000000000000",
        "0400 0000 0a000000 0000000000000000",
    ]
    .concat()
    .replace(' ', "");
    assert_eq!(hex(&frame(head, options, &[])), expected);
}

#[test]
fn the_small_frames() {
    let head = |kind, flags, method, call, object| Head {
        kind,
        flags,
        method,
        call: CallId(call),
        object: ObjectId(object),
    };
    let none = Options::default;
    assert_eq!(hex(&frame(head(Kind::Cancel, 0, 0, 8, 0), none(), &[])), "0c000000040000000800000000000000");
    assert_eq!(hex(&frame(head(Kind::Finish, 0, 0, 8, 0), none(), &[])), "0c000000050000000800000000000000");
    assert_eq!(
        hex(&frame(head(Kind::Reply, 0, 0, 8, 0), none(), &[11])),
        "0d0000000600000008000000000000000b"
    );
    assert_eq!(
        hex(&frame(head(Kind::Fault, 2, 7, 8, 0), none(), b"x")),
        "0d00000007020700080000000000000078"
    );
    assert_eq!(
        hex(&frame(head(Kind::Done, 0, 0, 3, 9), none(), &4u32.to_le_bytes())),
        "1000000008000000030000000900000004000000"
    );
    assert_eq!(
        hex(&frame(head(Kind::Notice, 0, 1, 0, 9), none(), &[0x90])),
        "0d00000003000100000000000900000090"
    );
    assert_eq!(
        hex(&frame(head(Kind::Names, 0, 0, 0, 9), none(), &[0x91, 0xa1, 0x61])),
        "0f00000001000000000000000900000091a161"
    );
}

#[test]
fn control_messages() {
    let golden = |message: Control, expected: &str| {
        let mut out = Vec::new();
        put_control(&mut out, &message);
        assert_eq!(hex(&out), expected);
        assert_eq!(read_control(&out[4..]).unwrap(), Some(message));
    };
    golden(
        Control::Hello(Hello {
            version: 1,
            object_permits: 4160,
            connection_permits: 16384,
            inline_max: 8192,
            exports_max: 65_536,
            deadline_ms: 30_000,
            lanes: 1,
            boot: 5,
            body_max: 16 << 20,
        }),
        "1b000000019901cd1040cd4000cd2000ce00010000cd75300105ce01000000",
    );
    golden(
        Control::Release(vec![Release { id: ObjectId(4), units: 1 << 40, gone: false }]),
        "0f0000000291919304cf0000010000000000c2",
    );
    golden(Control::Gone { id: ObjectId(4), reason: "x".into() }, "05000000039204a178");
    golden(Control::Pull { body: BodyId(6) }, "03000000049106");
    golden(Control::Taken { bytes: 65_536 }, "07000000059 1ce00010000".replace(' ', "").as_str());
    golden(
        Control::Window { stream: StreamId(8), bytes: 300 },
        "0600000006 9208cd012c".replace(' ', "").as_str(),
    );
    golden(Control::Stop { stream: StreamId(8), reason: "x".into() }, "05000000079208a178");
    golden(Control::GoAway, "020000000890");
    golden(Control::Close { code: 0, reason: "".into() }, "04000000099200a0");
}

#[test]
fn unknown_control_kinds_are_skipped_only_with_the_top_bit() {
    assert_eq!(read_control(&[0x80, 1, 2, 3]).unwrap(), None);
    assert!(read_control(&[0x20]).is_err());
    assert!(read_control(&[]).is_err());
}

#[test]
fn garbage_is_refused_with_a_reason_and_never_panics() {
    let text = |bytes: &[u8]| read_frame(Bytes::copy_from_slice(bytes)).unwrap_err().to_string();
    assert_eq!(text(&[1; 11]), "a frame of 11 bytes is shorter than its head");
    let mut frame = [0u8; 12];
    frame[0] = 99;
    assert_eq!(text(&frame), "unknown frame kind 99");
    frame[0] = Kind::Call as u8;
    frame[1] = flag::DEADLINE;
    assert_eq!(text(&frame), "the frame ends inside its deadline");
    frame[1] = 0x80;
    assert_eq!(text(&frame), "frame flag 0x80 is not understood");
    frame[1] = flag::LARGE;
    assert_eq!(text(&frame), "the frame ends inside its length");
    let mut path = frame.to_vec();
    path[1] = flag::PATH;
    path.extend_from_slice(&[3, 2]);
    assert_eq!(text(&path), "a path of 3 tokens at depth 2");
    let mut refs = frame.to_vec();
    refs[1] = flag::REFS;
    refs.extend_from_slice(&300u16.to_le_bytes());
    assert_eq!(text(&refs), "300 references in one frame");
}

#[test]
fn a_code_of_one_side_alone_is_neither_told_nor_heard() {
    assert_eq!(FaultCode::DISCONNECTED.as_told(), FaultCode::GONE);
    assert_eq!(FaultCode::CHAIN_TOO_DEEP.as_told(), FaultCode::NESTED);
    for code in [FaultCode::DISCONNECTED, FaultCode::CHAIN_TOO_DEEP] {
        assert_eq!(code.as_heard(), FaultCode::BAD_REPLY);
    }
    let unknown = FaultCode(u16::MAX);
    assert_eq!((unknown.as_told(), unknown.as_heard()), (unknown, unknown), "a later version's");
}
