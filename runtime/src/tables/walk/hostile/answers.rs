//! Calls on answers from a peer that keeps no rule: each broken one ends the connection, with its reason.

use bytes::Bytes;

use super::forge::frame_of;
use super::{Echo, INTERFACES, hand_over, on_a_worker};
use crate::node::Worker;
use crate::object::LocalObject;
use crate::tables::Violation;
use crate::tables::walk::peer::Peer;
use crate::tables::walk::world::{Kind, World};
use crate::wire::{CallId, Head, KEPT_MAX, Kind as FrameKind, ObjectId, Options, WireError, flag};

/// A victim with an object that answers `u64`s, handed out as number 1.
fn victim(worker: &Worker) -> (World, LocalObject) {
    let mut world = World::new(0, Kind::Rest, 1, worker);
    let object = LocalObject::raw(&INTERFACES[0], Box::new(Echo::default()));
    hand_over(&mut world, &object);
    (world, object)
}

fn send(
    peer: &mut Peer,
    kind: FrameKind,
    flags: u8,
    call: u32,
    object: u32,
    body: &[u8],
) -> Result<(), Violation> {
    let head = Head { kind, flags, method: 0, call: CallId(call), object: ObjectId(object) };
    let frame: Bytes = frame_of(&head, &Options::default(), body);
    peer.receive(0, vec![frame])
}

fn lobby(peer: &mut Peer, call: u32, flags: u8) -> Result<(), Violation> {
    peer.book.lock().lenient = true;
    send(peer, FrameKind::Call, flags, call, 0, &[0; 8])
}

#[test]
fn a_call_on_an_answer_that_is_not_kept_is_a_violation() {
    on_a_worker(|worker| {
        let (mut world, _object) = victim(worker);
        let peer = &mut world.peers[0];
        lobby(peer, 70, 0).expect("it is an ordinary call");
        for parent in [70, 71] {
            let sent = send(peer, FrameKind::Call, flag::ON_ANSWER, 80, parent, &[]);
            assert_eq!(sent, Err(Violation::NotKept(CallId(parent))));
            let told = send(peer, FrameKind::Names, flag::ON_ANSWER, 0, parent, &[0x91, 0xa1, b'a']);
            assert_eq!(told, Err(Violation::NotKept(CallId(parent))));
            let finished = send(peer, FrameKind::Finish, 0, parent, 0, &[]);
            assert_eq!(finished, Err(Violation::NotKept(CallId(parent))));
        }
    });
}

#[test]
fn an_answer_is_finished_once_and_when_nothing_is_unanswered_on_it() {
    on_a_worker(|worker| {
        let (mut world, _object) = victim(worker);
        let peer = &mut world.peers[0];
        lobby(peer, 70, flag::KEEP).expect("its answer is kept");
        assert_eq!(peer.tables(|t| t.kept.len()), 1);
        send(peer, FrameKind::Call, flag::ON_ANSWER, 80, 70, &[]).expect("it waits");
        let early = send(peer, FrameKind::Finish, 0, 70, 0, &[]);
        assert_eq!(early, Err(Violation::FinishedWhileBusy(CallId(70))));
        send(peer, FrameKind::Cancel, 0, 80, 0, &[]).expect("the one that waits is answered by it");
        send(peer, FrameKind::Finish, 0, 70, 0, &[]).expect("nothing is unanswered");
        assert_eq!(peer.tables(|t| t.kept.len()), 0);
        let again = send(peer, FrameKind::Finish, 0, 70, 0, &[]);
        assert_eq!(again, Err(Violation::NotKept(CallId(70))));
    });
}

#[test]
fn the_sixty_fifth_call_on_an_answer_is_one_too_many() {
    on_a_worker(|worker| {
        let (mut world, _object) = victim(worker);
        let peer = &mut world.peers[0];
        // A tight world takes fewer calls in all.
        peer.tables(|t| t.running = crate::tables::running::Running::new(16_384));
        lobby(peer, 70, flag::KEEP).expect("its answer is kept");
        for call in 0..63 {
            send(peer, FrameKind::Call, flag::ON_ANSWER, 100 + call, 70, &[]).expect("it waits");
        }
        send(peer, FrameKind::Notice, flag::ON_ANSWER, 0, 70, &[]).expect("it waits");
        let sent = send(peer, FrameKind::Call, flag::ON_ANSWER, 200, 70, &[]);
        assert_eq!(sent, Err(Violation::TooManyOnAnswer(CallId(70))));
    });
}

#[test]
fn the_number_of_a_kept_answer_is_in_use_until_it_is_finished() {
    on_a_worker(|worker| {
        let (mut world, _object) = victim(worker);
        let peer = &mut world.peers[0];
        send(peer, FrameKind::Call, flag::KEEP, 70, 1, &[]).expect("it is answered at once");
        assert_eq!(peer.tables(|t| (t.kept.len(), t.running.len())), (1, 0));
        for flags in [0, flag::KEEP] {
            let sent = send(peer, FrameKind::Call, flags, 70, 1, &[]);
            assert_eq!(sent, Err(Violation::CallIdInUse(CallId(70))));
        }
    });
}

#[test]
fn answers_that_are_kept_are_bounded() {
    on_a_worker(|worker| {
        let (mut world, _object) = victim(worker);
        let peer = &mut world.peers[0];
        peer.tables(|t| t.limits.outbox_max = usize::MAX);
        for call in 0..KEPT_MAX as u32 {
            send(peer, FrameKind::Call, flag::KEEP, call, 1, &[]).expect("it is answered at once");
        }
        let sent = send(peer, FrameKind::Call, flag::KEEP, KEPT_MAX as u32, 1, &[]);
        assert_eq!(sent, Err(Violation::TooManyKept));
    });
}

#[test]
fn a_chain_of_promises_that_breaks_takes_no_stack() {
    on_a_worker(|worker| {
        let (mut world, _object) = victim(worker);
        let peer = &mut world.peers[0];
        peer.tables(|t| t.running = crate::tables::running::Running::new(16_384));
        lobby(peer, 0, flag::KEEP).expect("its answer is kept");
        for call in 1..KEPT_MAX as u32 {
            let flags = flag::KEEP | flag::ON_ANSWER;
            send(peer, FrameKind::Call, flags, call, call - 1, &[]).expect("it waits");
        }
        drop(std::mem::take(&mut peer.book.lock().strays));
        assert_eq!(peer.tables(|t| t.running.len()), 0, "all of them are answered");
    });
}

#[test]
fn method_numbers_on_an_answer_are_names_or_known() {
    on_a_worker(|worker| {
        let (mut world, _object) = victim(worker);
        let peer = &mut world.peers[0];
        lobby(peer, 70, flag::KEEP).expect("its answer is kept");
        for body in [&[0x07][..], &[0xc3], &[]] {
            let told = send(peer, FrameKind::Names, flag::ON_ANSWER, 0, 70, body);
            assert_eq!(told, Err(Violation::BadNumbering));
        }
        send(peer, FrameKind::Names, flag::ON_ANSWER, 0, 70, &[0x91, 0xa1, b'a']).expect("a list of names");
    });
}

#[test]
fn a_notice_has_no_answer_to_keep() {
    on_a_worker(|worker| {
        let (mut world, _object) = victim(worker);
        let sent = send(&mut world.peers[0], FrameKind::Notice, flag::KEEP, 0, 1, &[]);
        assert_eq!(sent, Err(Violation::Wire(WireError::Flag(flag::KEEP))));
    });
}
