//! The rules of bodies by hand: numbers, budgets, order, withdrawal; and the four ways in which budgets for large bodies
//! deadlock when they are taken while something else is awaited.

use std::task::Waker;

use super::*;
use crate::tables::bulk::{Bulk, BulkLimits, PIECE};
use crate::tables::calls::Calls;
use crate::tables::{CallKey, Violation};
use crate::wire::{BodyId, CallId, Large, ObjectId};

const MAX: usize = 1 << 20;
const LIMITS: BodyLimits = BodyLimits {
    body_max: MAX,
    pull_max: MAX,
    replies_max: 4 * MAX,
    arguments_max: 4 * MAX,
    stall_ms: 60_000,
};

fn line(object: u32) -> ReceivingOf {
    ReceivingOf::Request((Whose::Object(ObjectId(object)), 0))
}

fn large(number: u32, len: usize) -> Large {
    Large { len: len as u32, number: BodyId(number) }
}

fn some_call() -> CallKey {
    let (waiter, _) = crate::answer::channel();
    Calls::default().insert(0, 0, 0, 1, waiter)
}

/// All that may be asked for now, in order.
fn pulls(bodies: &mut Bodies, now_ms: u64) -> Vec<u32> {
    while bodies.incoming.ask(now_ms) == Pull::Asked {}
    bodies.incoming.take_due().into_iter().map(|n| n.0).collect()
}

/// The whole of a body arrives.
fn arrives(bodies: &mut Bodies, number: u32, len: usize) -> Received {
    bodies.incoming.begins(BodyId(number)).unwrap();
    assert_eq!(bodies.incoming.arrives(BodyId(number), len, 1), Ok(true));
    bodies.incoming.ends(BodyId(number)).unwrap()
}

#[test]
fn bodies_are_asked_for_in_order_while_there_is_room_for_the_whole() {
    let mut bodies = Bodies::new(&LIMITS);
    for (number, len) in [(1, MAX / 2), (2, MAX), (3, 10_000)] {
        bodies.incoming.announced(large(number, len), line(number));
    }
    assert_eq!(pulls(&mut bodies, 0), [1], "the second finds no room, and the third does not pass it");
    assert!(matches!(arrives(&mut bodies, 1, MAX / 2), Received::Whole(ReceivingOf::Request(_))));
    assert_eq!(pulls(&mut bodies, 0), [2]);
    bodies.incoming.give_up(BodyId(3));
    arrives(&mut bodies, 2, MAX);
    assert_eq!(pulls(&mut bodies, 0), [0u32; 0], "nobody wants the third any more");
    assert_eq!(bodies.incoming.counts(), (0, 0));
}

#[test]
fn a_body_is_neither_longer_than_announced_nor_comes_unasked() {
    let mut bodies = Bodies::new(&LIMITS);
    assert_eq!(bodies.incoming.begins(BodyId(1)), Err(Violation::UnaskedBody));
    bodies.incoming.announced(large(1, 10_000), line(1));
    assert_eq!(bodies.incoming.begins(BodyId(1)), Err(Violation::UnaskedBody));
    assert_eq!(pulls(&mut bodies, 0), [1]);
    assert_eq!(bodies.incoming.begins(BodyId(1)), Ok(10_000));
    assert_eq!(bodies.incoming.begins(BodyId(1)), Err(Violation::UnaskedBody), "it comes once");
    assert_eq!(bodies.incoming.arrives(BodyId(1), 10_000, 0), Ok(true));
    assert_eq!(bodies.incoming.arrives(BodyId(1), 1, 0), Err(Violation::BodyTooLong));
}

#[test]
fn only_what_was_announced_is_asked_for_and_once() {
    let mut outgoing = Outgoing::default();
    assert_eq!(outgoing.pull(BodyId(0)), Err(Violation::UnknownBody));
    let body = bytes::Bytes::from_static(&[7; 100]);
    let first = outgoing.announce(body.clone(), SendingOf::Reply(0, CallId(1)));
    let second = outgoing.announce(body, SendingOf::Request(some_call()));
    assert_ne!(first.number, second.number);
    assert_eq!(outgoing.pull(BodyId(2)), Err(Violation::UnknownBody));
    assert_eq!(outgoing.pull(BodyId(u32::MAX)), Err(Violation::UnknownBody));
    assert_eq!(outgoing.pull(first.number), Ok(()));
    assert_eq!(outgoing.pull(first.number), Err(Violation::UnknownBody), "it is asked for once");
    assert_eq!(outgoing.open(Waker::noop()), Some(first.number));
}

#[test]
fn a_pull_that_crosses_the_withdrawal_gets_an_empty_stream() {
    let mut outgoing = Outgoing::default();
    let large = outgoing.announce(bytes::Bytes::from_static(&[7; 100]), SendingOf::Request(some_call()));
    outgoing.remove(large.number);
    assert_eq!(outgoing.pull(large.number), Ok(()));
    assert_eq!(outgoing.open(Waker::noop()), Some(large.number));
    assert!(outgoing.get(large.number).is_none(), "nothing is written on it");
    assert_eq!((outgoing.counts(), outgoing.replies_len), ((0, 0), 0));
}

#[test]
fn what_was_asked_for_and_is_no_longer_wanted_keeps_its_room_until_its_stream_ends() {
    let mut bodies = Bodies::new(&LIMITS);
    bodies.incoming.announced(large(1, MAX), line(1));
    bodies.incoming.announced(large(2, MAX), line(2));
    assert_eq!(pulls(&mut bodies, 0), [1]);
    bodies.incoming.give_up(BodyId(1));
    assert_eq!(pulls(&mut bodies, 0), [0u32; 0]);
    bodies.incoming.begins(BodyId(1)).unwrap();
    assert_eq!(bodies.incoming.arrives(BodyId(1), 5_000, 0), Ok(false), "it is thrown away");
    assert!(matches!(bodies.incoming.ends(BodyId(1)), Ok(Received::Withdrawn(ReceivingOf::Nobody))));
    assert_eq!(pulls(&mut bodies, 0), [2]);
}

#[test]
fn a_body_that_makes_no_progress_is_given_up_after_its_time() {
    let mut bodies = Bodies::new(&LIMITS);
    bodies.incoming.announced(large(1, 20_000), line(1));
    bodies.incoming.announced(large(2, 20_000), line(2));
    assert_eq!(pulls(&mut bodies, 100), [1, 2]);
    assert_eq!(bodies.incoming.next_check(), Some(60_100));
    bodies.incoming.begins(BodyId(2)).unwrap();
    bodies.incoming.arrives(BodyId(2), 1, 30_000).unwrap();
    let mut stalled = Vec::new();
    bodies.incoming.stalled(60_099, &mut stalled);
    assert!(stalled.is_empty());
    bodies.incoming.stalled(60_100, &mut stalled);
    assert_eq!(stalled.iter().map(|(n, _)| n.0).collect::<Vec<_>>(), [1]);
    assert_eq!(bodies.incoming.next_check(), Some(90_000));
    // The stream may still come: it is read, and ends the matter.
    bodies.incoming.begins(BodyId(1)).unwrap();
    assert_eq!(bodies.incoming.arrives(BodyId(1), 20_000, 70_000), Ok(false));
    bodies.incoming.ends(BodyId(1)).unwrap();
}

#[test]
fn a_call_is_refused_when_too_many_arguments_wait_for_their_answers() {
    let mut bodies = Bodies::new(&LIMITS);
    bodies.incoming.arguments.store(4 * MAX as u64, std::sync::atomic::Ordering::Relaxed);
    bodies.incoming.announced(large(1, 10_000), line(7));
    assert_eq!(bodies.incoming.ask(0), Pull::Refuse(BodyId(1), (Whose::Object(ObjectId(7)), 0)));
    bodies.incoming.disown(BodyId(1));
    assert_eq!(pulls(&mut bodies, 0), [1], "that of a notice is fetched, and thrown away");
}

/// F17 (a): two bodies that take one budget piece by piece each get half of it, and neither is ever whole.
#[test]
fn no_deadlock_of_two_bodies_that_each_hold_half_of_the_budget() {
    let mut bodies = Bodies::new(&LIMITS);
    bodies.incoming.announced(large(1, MAX), line(1));
    bodies.incoming.announced(large(2, MAX), line(2));
    assert_eq!(pulls(&mut bodies, 0), [1], "the room for all of one, and then for all of the other");
    arrives(&mut bodies, 1, MAX);
    assert_eq!(pulls(&mut bodies, 0), [2]);
    arrives(&mut bodies, 2, MAX);
}

/// F17 (b), (c): a call whose body is all of the budget, and whose handler makes another such call before it answers; and bodies that
/// wait for the turn which that handler holds.
#[test]
fn no_deadlock_of_a_handler_that_needs_the_budget_its_own_body_holds() {
    let mut bodies = Bodies::new(&LIMITS);
    for number in 1..=3 {
        bodies.incoming.announced(large(number, MAX), line(9));
    }
    // Whole, and not answered: the first runs, the second and the third wait for its turn.
    for number in 1..=3 {
        assert_eq!(pulls(&mut bodies, 0), [number]);
        arrives(&mut bodies, number, MAX);
    }
    // The reply of the nested call comes back by the same connection.
    bodies.incoming.announced(large(4, MAX), ReceivingOf::Reply(some_call(), crate::answer::Refs::default()));
    assert_eq!(pulls(&mut bodies, 0), [4], "nothing that is whole holds any room");
}

/// F17 (d): a large body at the head of the only line stops every small call of every object.
#[test]
fn no_deadlock_of_small_calls_behind_a_large_one_that_waits_for_room() {
    let mut bodies = Bodies::new(&LIMITS);
    bodies.incoming.announced(large(1, MAX), line(1));
    bodies.incoming.announced(large(2, MAX), line(2));
    assert_eq!(pulls(&mut bodies, 0), [1]);
    assert!(
        !bodies.lines.contains((Whose::Object(ObjectId(3)), 0)),
        "another object's calls stand in no line"
    );
    assert!(!bodies.lines.contains((Whose::Object(ObjectId(2)), 1)), "nor do those of another depth");
}

/// F18: a download whose consumer makes a large call before it reads on holds all bytes that may be on their way.
#[test]
fn no_deadlock_of_a_consumer_that_pauses_and_makes_a_large_call() {
    let limits =
        BulkLimits { busy: BulkLimits::MIN, idle: BulkLimits::MIN, most: BulkLimits::MIN, stall_ms: 60_000 };
    let (mut sender, mut receiver) = (Bulk::new(limits), Bulk::new(limits));
    let mut under_way = 0;
    while sender.ask(&mut None, PIECE, true, Waker::noop(), 1) {
        under_way += PIECE;
    }
    // The reader takes them off the link, though nobody consumes them.
    receiver.took(under_way);
    sender.returned(receiver.take_taken().unwrap(), 1).unwrap();
    let mut ticket = None;
    assert!(sender.ask(&mut ticket, PIECE, true, Waker::noop(), 1) || ticket.is_some());
    let next = sender.next(true);
    assert!(ticket.is_none() || next.is_some(), "the large call goes on");
}
