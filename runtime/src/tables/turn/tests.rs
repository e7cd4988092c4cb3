//! The turn's rules, each by hand.

use super::*;

const READ: Access = Access::Read;
const WRITE: Access = Access::Write;

fn token(name: u64) -> Option<Token> {
    Some(Token(name))
}

fn entered(arrival: Arrival) -> Ticket {
    match arrival {
        Arrival::Enter(ticket) => ticket,
        other => panic!("it should have entered: {other:?}"),
    }
}

fn waits(arrival: Arrival) -> Ticket {
    match arrival {
        Arrival::Wait(ticket) => ticket,
        other => panic!("it should wait: {other:?}"),
    }
}

fn leave(turn: &mut Turn, ticket: Ticket) -> Vec<Ticket> {
    let mut started = Vec::new();
    turn.leave(ticket, &mut started);
    started
}

fn inside(turn: &Turn) -> Vec<Ticket> {
    turn.holders().map(|place| place.ticket).collect()
}

#[test]
fn readers_run_together() {
    let mut turn = Turn::new();
    let readers: Vec<_> = (0..5).map(|name| entered(turn.arrive(READ, token(name), &[]))).collect();
    assert_eq!(inside(&turn), readers);
    assert_eq!(leave(&mut turn, readers[2]), []);
    assert_eq!(inside(&turn), [readers[0], readers[1], readers[3], readers[4]]);
}

#[test]
fn a_writer_runs_alone() {
    let mut turn = Turn::new();
    let first = entered(turn.arrive(WRITE, token(1), &[]));
    let second = waits(turn.arrive(WRITE, token(2), &[]));
    let reader = waits(turn.arrive(READ, token(3), &[]));
    assert_eq!(turn.waiting(), 2);
    assert_eq!(leave(&mut turn, first), [second]);
    assert_eq!(leave(&mut turn, second), [reader]);
    assert_eq!(leave(&mut turn, reader), []);
    assert!(turn.is_idle());
}

#[test]
fn who_waited_knows_who_gave_it_the_turn_and_nobody_else_is_blamed() {
    let mut turn = Turn::new();
    let first = entered(turn.arrive_as(1, WRITE, token(1), &[]));
    let second = waits(turn.arrive_as(2, WRITE, token(2), &[]));
    let reader = waits(turn.arrive_as(3, READ, token(3), &[]));
    assert_eq!([first, second].map(|ticket| turn.former(ticket)), [None, None]);
    leave(&mut turn, first);
    leave(&mut turn, second);
    assert_eq!(turn.former(reader), Some(2));
    let late = entered(turn.arrive_as(4, READ, token(4), &[]));
    assert_eq!(turn.former(late), None, "it waited for nobody");
    // Who gives up waiting held nothing.
    let writer = waits(turn.arrive_as(5, WRITE, token(5), &[]));
    let behind = waits(turn.arrive_as(6, READ, token(6), &[]));
    assert_eq!(leave(&mut turn, writer), [behind]);
    assert_eq!(turn.former(behind), None);
}

#[test]
fn both_start_in_the_order_of_their_arrival() {
    let mut turn = Turn::new();
    let reader = entered(turn.arrive(READ, token(1), &[]));
    let writer = waits(turn.arrive(WRITE, token(2), &[]));
    let later = [3, 4].map(|name| waits(turn.arrive(READ, token(name), &[])));
    let last = waits(turn.arrive(WRITE, token(5), &[]));
    assert_eq!(leave(&mut turn, reader), [writer]);
    assert_eq!(leave(&mut turn, writer), later);
    assert_eq!(leave(&mut turn, later[1]), []);
    assert_eq!(leave(&mut turn, later[0]), [last]);
}

#[test]
fn a_waiting_writer_that_gives_up_lets_the_readers_behind_it_start() {
    let mut turn = Turn::new();
    let reader = entered(turn.arrive(READ, token(1), &[]));
    let writer = waits(turn.arrive(WRITE, token(2), &[]));
    let later = [3, 4].map(|name| waits(turn.arrive(READ, token(name), &[])));
    assert_eq!(leave(&mut turn, writer), later);
    assert_eq!(inside(&turn), [reader, later[0], later[1]]);
}

#[test]
fn one_that_gives_up_in_the_middle_of_the_queue_is_not_started() {
    let mut turn = Turn::new();
    let writer = entered(turn.arrive(WRITE, token(1), &[]));
    let queue = [2, 3, 4].map(|name| waits(turn.arrive(WRITE, token(name), &[])));
    assert_eq!(leave(&mut turn, queue[1]), []);
    assert_eq!(leave(&mut turn, writer), [queue[0]]);
    assert_eq!(leave(&mut turn, queue[0]), [queue[2]]);
}

#[test]
fn a_ticket_counts_once() {
    let mut turn = Turn::new();
    let gone = entered(turn.arrive(WRITE, token(1), &[]));
    leave(&mut turn, gone);
    assert_eq!(leave(&mut turn, gone), []);
    let tenant = entered(turn.arrive(WRITE, token(2), &[]));
    let waiter = waits(turn.arrive(WRITE, token(3), &[]));
    assert_eq!(leave(&mut turn, gone), [], "the slot has another tenant");
    assert_eq!(leave(&mut turn, tenant), [waiter]);
}

#[test]
fn reading_again_below_a_reader_is_free() {
    let mut turn = Turn::new();
    entered(turn.arrive(READ, token(1), &[]));
    entered(turn.arrive(READ, token(2), &[Token(9), Token(1)]));
}

#[test]
fn a_nested_reader_passes_the_writer_that_waits_for_its_ancestor() {
    let mut turn = Turn::new();
    let ancestor = entered(turn.arrive(READ, token(1), &[]));
    let writer = waits(turn.arrive(WRITE, token(2), &[]));
    let nested = entered(turn.arrive(READ, token(3), &[Token(1)]));
    let stranger = waits(turn.arrive(READ, token(4), &[Token(7)]));
    assert_eq!(leave(&mut turn, nested), []);
    assert_eq!(leave(&mut turn, ancestor), [writer]);
    assert_eq!(leave(&mut turn, writer), [stranger]);
}

#[test]
fn writing_below_a_holder_is_refused_with_its_name() {
    for access in [READ, WRITE] {
        let mut turn = Turn::new();
        entered(turn.arrive(access, token(1), &[]));
        assert_eq!(turn.arrive(WRITE, token(2), &[Token(5), Token(1)]), Arrival::Refused(Token(1)));
        assert_eq!(turn.waiting(), 0);
    }
}

#[test]
fn reading_below_a_writer_is_refused() {
    let mut turn = Turn::new();
    entered(turn.arrive(WRITE, token(1), &[]));
    assert_eq!(turn.arrive(READ, token(2), &[Token(1)]), Arrival::Refused(Token(1)));
}

#[test]
fn one_of_several_readers_in_the_path_is_enough_to_refuse_a_writer() {
    for readers in [2, 200] {
        let mut turn = Turn::new();
        for name in 0..readers {
            entered(turn.arrive(READ, token(name), &[]));
        }
        assert_eq!(turn.arrive(WRITE, token(900), &[Token(1)]), Arrival::Refused(Token(1)));
        waits(turn.arrive(WRITE, token(901), &[Token(readers)]));
    }
}

#[test]
fn sisters_wait_for_each_other_and_are_not_refused() {
    let mut turn = Turn::new();
    // Y.w( X.w and X.w together ): the ancestor's turn is another object's.
    let first = entered(turn.arrive(WRITE, token(1), &[Token(100)]));
    let second = waits(turn.arrive(WRITE, token(2), &[Token(100)]));
    assert_eq!(leave(&mut turn, first), [second]);
}

#[test]
fn a_call_that_waits_or_has_left_is_nobodys_holder() {
    let mut turn = Turn::new();
    let writer = entered(turn.arrive(WRITE, token(1), &[]));
    let waiter = waits(turn.arrive(WRITE, token(2), &[]));
    waits(turn.arrive(READ, token(3), &[Token(2)]));
    assert_eq!(leave(&mut turn, writer), [waiter]);
    waits(turn.arrive(READ, token(4), &[Token(1)]));
    assert_eq!(turn.arrive(READ, token(5), &[Token(2)]), Arrival::Refused(Token(2)));
}

#[test]
fn an_object_without_exclusive_methods_refuses_nobody() {
    let mut turn = Turn::new();
    for name in 0..100 {
        entered(turn.arrive(READ, None, &[Token(name)]));
    }
    assert!(turn.index.is_none());
}

#[test]
fn the_set_of_tokens_follows_the_holders() {
    let mut turn = Turn::new();
    let readers: Vec<_> = (0..100).map(|name| entered(turn.arrive(READ, token(name), &[]))).collect();
    assert!(turn.index.is_none(), "nobody has asked");
    assert_eq!(turn.arrive(WRITE, token(900), &[Token(99)]), Arrival::Refused(Token(99)));
    let late = entered(turn.arrive(READ, token(100), &[]));
    assert_eq!(turn.arrive(WRITE, token(901), &[Token(100)]), Arrival::Refused(Token(100)));
    leave(&mut turn, readers[7]);
    let gave_up = waits(turn.arrive(WRITE, token(902), &[Token(7)]));
    leave(&mut turn, gave_up);
    readers[8..].iter().for_each(|&reader| assert_eq!(leave(&mut turn, reader), []));
    assert!(turn.index.is_none(), "few again");
    assert_eq!(turn.arrive(WRITE, token(903), &[Token(100)]), Arrival::Refused(Token(100)));
    leave(&mut turn, late);
    waits(turn.arrive(WRITE, token(904), &[Token(100)]));
}

#[test]
fn an_idle_turn_keeps_only_a_few_slots() {
    let mut turn = Turn::new();
    let readers: Vec<_> = (0..5_000).map(|name| entered(turn.arrive(READ, token(name), &[]))).collect();
    readers.iter().for_each(|&reader| assert_eq!(leave(&mut turn, reader), []));
    assert!(turn.is_idle());
    assert_eq!(turn.slots.capacity(), 0);
    let next = entered(turn.arrive(WRITE, token(1), &[]));
    assert_eq!(leave(&mut turn, readers[0]), []);
    assert_eq!(inside(&turn), [next]);
}

#[test]
fn a_token_is_shown_in_full() {
    assert_eq!(format!("{:?}", Token(0xabc)), "0000000000000abc");
}
