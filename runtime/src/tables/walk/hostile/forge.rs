//! What a hostile peer sends.

use bytes::{Bytes, BytesMut};

use super::FRAMES;
use crate::tables::UNITS;
use crate::tables::walk::book::INTERFACES;
use crate::tables::walk::dice::Dice;
use crate::tables::walk::peer::{CONTROL, LANES};
use crate::wire::{
    self, BodyId, CallId, Control, Head, Hello, Kind as FrameKind, Large, ObjectId, Options, Path, RefKind,
    Reference, Release, StreamId, Token,
};

/// What breaks no rule that the victim could know of, and is not true.
pub(super) fn plot(n: u32, dice: &mut Dice) -> (usize, Bytes) {
    let object = ObjectId(dice.below(7) as u32);
    if dice.one_in(2) {
        let gone = Control::Gone { id: object, reason: "so it says".into() };
        let none = Control::Release(vec![Release { id: object, units: 0, gone: true }]);
        return (CONTROL, control_frame(if dice.one_in(2) { &gone } else { &none }));
    }
    let kind = *dice.pick(&[FrameKind::Call, FrameKind::Call, FrameKind::Notice, FrameKind::Cancel]);
    // Numbers that the honest tables behind it do not use.
    let call = CallId(if kind == FrameKind::Call { 1_000 + n } else { 1_000 + dice.below(FRAMES) as u32 });
    let mut options = Options::default();
    if kind != FrameKind::Cancel {
        let export = |id| Reference { kind: RefKind::Export, id: ObjectId(id), ..Reference::DEAD };
        options.refs = (0..dice.below(3)).map(|_| export(1 + dice.below(6) as u32)).collect();
    }
    if kind != FrameKind::Cancel && dice.one_in(3) {
        let len = *dice.pick(&[0, 1, 8_000, 30_000]);
        options.large = Some(Large { len, number: BodyId(n % 12) });
    }
    // Some answers are to be kept, and some calls are for one of them.
    let (mut flags, mut object) = (0, object);
    if kind == FrameKind::Call && dice.one_in(4) {
        flags |= wire::flag::KEEP;
    }
    if kind != FrameKind::Cancel && n > 0 && dice.one_in(8) {
        flags |= wire::flag::ON_ANSWER;
        object = ObjectId(1_000 + dice.below(n as usize) as u32);
    }
    (dice.below(LANES), frame_of(&Head { kind, flags, method: 0, call, object }, &options, &[]))
}

/// Something hostile, for some stream.
pub(super) fn forge(known: &[(usize, Bytes)], dice: &mut Dice) -> (usize, Bytes) {
    let stream = if dice.one_in(2) { CONTROL } else { dice.below(LANES) };
    match dice.below(40) {
        0 => {
            let len = 12 + dice.below(80);
            (stream, (0..len).map(|_| dice.byte()).collect())
        }
        1..20 if !known.is_empty() => {
            let (stream, frame) = dice.pick(known);
            let mut bytes = frame.to_vec();
            for _ in 0..*dice.pick(&[0, 0, 1, 1, 2, 3]) {
                let at = dice.below(bytes.len());
                bytes[at] = if dice.one_in(2) { dice.byte() } else { bytes[at] ^ (1 << dice.below(8)) };
            }
            if dice.one_in(20) {
                bytes.truncate(1 + dice.below(bytes.len()));
            }
            (*stream, bytes.into())
        }
        _ if stream == CONTROL => (stream, control_frame(&control(dice))),
        _ => (stream, lane_frame(dice)),
    }
}

fn lane_frame(dice: &mut Dice) -> Bytes {
    let kinds = [
        FrameKind::Names,
        FrameKind::Call,
        FrameKind::Notice,
        FrameKind::Cancel,
        FrameKind::Finish,
        FrameKind::Reply,
        FrameKind::Fault,
        FrameKind::Done,
    ];
    let kind = *dice.pick(&kinds);
    let kept = [0, 0, 0, wire::flag::KEEP, wire::flag::ON_ANSWER, wire::flag::KEEP | wire::flag::ON_ANSWER];
    let takes_flags = !matches!(kind, FrameKind::Reply | FrameKind::Fault);
    let head = Head {
        kind,
        flags: if takes_flags { *dice.pick(&kept) } else { 0 },
        method: dice.below(4) as u16,
        call: CallId(id(dice)),
        object: ObjectId(id(dice)),
    };
    let depth = dice.below(3);
    let options = Options {
        deadline_ms: dice.one_in(3).then_some(u32::MAX),
        path: (0..depth).map(|n| Token(n as u64)).collect(),
        depth: depth as u8,
        refs: (0..dice.below(3)).map(|_| reference(dice)).collect(),
        large: dice.one_in(8).then(|| Large { len: 9_000 << dice.below(20), number: BodyId(id(dice)) }),
        ..Options::default()
    };
    let options = match head.kind {
        FrameKind::Call => options,
        FrameKind::Notice => Options { path: Path::new(), ..options },
        FrameKind::Reply => Options { refs: options.refs, large: options.large, ..Options::default() },
        _ => Options::default(),
    };
    let body: Vec<u8> = (0..*dice.pick(&[0, 4, 8, 12])).map(|_| dice.byte() & 0x1f).collect();
    frame_of(&head, &options, &body)
}

pub(super) fn frame_of(head: &Head, options: &Options, body: &[u8]) -> Bytes {
    let mut bytes = BytesMut::new();
    wire::put_frame(&mut bytes, head, options, body);
    bytes.freeze().split_off(4)
}

pub(super) fn control_frame(message: &Control) -> Bytes {
    let mut bytes = Vec::new();
    wire::put_control(&mut bytes, message);
    Bytes::from(bytes).split_off(4)
}

fn reference(dice: &mut Dice) -> Reference {
    let kind = match dice.below(20) {
        0..4 => RefKind::Dead,
        4..17 => RefKind::Export,
        17 => RefKind::Source,
        18 => RefKind::Sink,
        _ => RefKind::Home,
    };
    let fingerprint = match kind {
        RefKind::Source | RefKind::Sink => dice.below(3) as u64,
        _ => INTERFACES[dice.below(INTERFACES.len())].fingerprint,
    };
    let hops = if dice.one_in(20) { 9 } else { 0 };
    Reference { kind, own_lane: false, stays: false, hops, id: ObjectId(id(dice)), fingerprint }
}

/// Mostly a number that is likely to be in use.
fn id(dice: &mut Dice) -> u32 {
    if dice.one_in(8) { u32::MAX - dice.below(2) as u32 } else { dice.below(7) as u32 }
}

fn control(dice: &mut Dice) -> Control {
    match dice.below(40) {
        0 => Control::GoAway,
        1 => Control::Close { code: 0, reason: String::new() },
        2 => Control::Hello(Hello {
            version: 1,
            object_permits: 0,
            connection_permits: 0,
            inline_max: 0,
            exports_max: 0,
            deadline_ms: 0,
            lanes: 0,
            boot: 0,
            body_max: 0,
        }),
        3 => Control::Window { stream: StreamId(id(dice)), bytes: if dice.one_in(2) { 7 } else { u64::MAX } },
        4 => Control::Stop { stream: StreamId(id(dice)), reason: "so it says".into() },
        7..20 => Control::Gone { id: ObjectId(id(dice)), reason: "so it says".into() },
        5 => Control::Pull { body: BodyId(id(dice)) },
        6 => Control::Taken { bytes: *dice.pick(&[0, 1, 1 << 20]) },
        _ => {
            let units = [0, 0, 0, 0, 0, 0, 0, 1, UNITS, u64::MAX];
            let release = |dice: &mut Dice| Release {
                id: ObjectId(id(dice)),
                units: *dice.pick(&units),
                gone: dice.one_in(2),
            };
            Control::Release((0..1 + dice.below(3)).map(|_| release(dice)).collect())
        }
    }
}
