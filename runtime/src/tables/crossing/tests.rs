//! Circles, each by hand: with real turns, whose changes are told as an object tells them.

use super::*;
use crate::descriptor::{Access, Descriptor, Marks, Method};
use crate::tables::turn::{self, Arrival, Turn};

const fn method(name: &'static str) -> Method {
    let (exclusive, cancel, idempotent) = (true, true, false);
    let marks =
        Marks { is_async: true, exclusive, cancel, idempotent, fallible: false, access: Access::Call };
    Method::fixed(name, "", &[], "", marks)
}

static DESK: Descriptor =
    Descriptor::fixed("Desk", &[], 1, "", const { &[method("pass"), method("take"), method("read")] });

const PASS: u16 = 0;
const TAKE: u16 = 1;
const READ: u16 = 2;

/// The turns of a few objects, and what is known of them.
struct Desks {
    turns: Vec<Turn>,
    crossings: Crossings,
}

impl Desks {
    fn new(count: usize) -> Desks {
        Desks { turns: (0..count).map(|_| Turn::new()).collect(), crossings: Crossings::default() }
    }

    fn arrive(&mut self, desk: usize, method: u16, token: u64, path: &[u64]) -> Arrival {
        let access = if method == READ { turn::Access::Read } else { turn::Access::Write };
        let path: Vec<Token> = path.iter().copied().map(Token).collect();
        let arrival = self.turns[desk].arrive_as(method, access, Some(Token(token)), &path);
        if let Arrival::Enter(ticket) = arrival {
            self.enter(desk, ticket);
        }
        arrival
    }

    fn enter(&mut self, desk: usize, ticket: Ticket) {
        let place = self.turns[desk].find(ticket).unwrap();
        self.crossings.entered(TurnKey(desk as u64), place);
    }

    fn holds(&mut self, desk: usize, method: u16, token: u64) -> Ticket {
        match self.arrive(desk, method, token, &[]) {
            Arrival::Enter(ticket) => ticket,
            other => panic!("it should hold the turn: {other:?}"),
        }
    }

    fn waits(&mut self, desk: usize, method: u16, token: u64, path: &[u64]) -> Ticket {
        match self.arrive(desk, method, token, path) {
            Arrival::Wait(ticket) => ticket,
            other => panic!("it should wait: {other:?}"),
        }
    }

    fn has_waited(&mut self, desk: usize, ticket: Ticket, path: &[u64]) -> Result<(), String> {
        let path: Vec<Token> = path.iter().copied().map(Token).collect();
        let turn = &self.turns[desk];
        let place = turn.find(ticket).unwrap();
        let found = self.crossings.wait(TurnKey(desk as u64), &(&DESK).into(), place, &path, turn.holders());
        found.map_err(|circle| circle.to_string())
    }

    fn leave(&mut self, desk: usize, ticket: Ticket) {
        self.crossings.left(TurnKey(desk as u64), ticket);
        let mut started = Vec::new();
        self.turns[desk].leave(ticket, &mut started);
        started.into_iter().for_each(|ticket| self.enter(desk, ticket));
    }
}

#[test]
fn two_chains_that_cross_are_found_by_the_second_one_that_has_waited() {
    let mut desks = Desks::new(2);
    let first = desks.holds(0, PASS, 10);
    let second = desks.holds(1, PASS, 11);
    let takes = desks.waits(1, TAKE, 20, &[10]);
    let reads = desks.waits(0, READ, 21, &[11]);
    assert_eq!(desks.has_waited(1, takes, &[10]), Ok(()));
    let circle =
        "Desk::read for Desk::pass, which waits in Desk::take for Desk::pass, which waits for this call";
    assert_eq!(desks.has_waited(0, reads, &[11]), Err(circle.to_owned()));
    // It has given up, which lets the other one in.
    desks.leave(0, reads);
    desks.leave(1, second);
    assert_eq!(desks.turns[1].holders().map(|place| place.ticket).collect::<Vec<_>>(), [takes]);
    assert!(desks.crossings.is_empty());
    desks.leave(1, takes);
    desks.leave(0, first);
}

#[test]
fn three_chains_that_cross_are_found_and_each_is_named() {
    let mut desks = Desks::new(3);
    for desk in 0..3 {
        desks.holds(desk, PASS, 10 + desk as u64);
    }
    let tickets: Vec<Ticket> =
        (0..3).map(|desk| desks.waits((desk + 1) % 3, TAKE, 20 + desk as u64, &[10 + desk as u64])).collect();
    assert_eq!(desks.has_waited(1, tickets[0], &[10]), Ok(()));
    assert_eq!(desks.has_waited(2, tickets[1], &[11]), Ok(()));
    let circle = desks.has_waited(0, tickets[2], &[12]).unwrap_err();
    assert_eq!(circle.matches("Desk::take for Desk::pass").count(), 3, "{circle}");
}

#[test]
fn who_waits_for_a_turn_that_comes_free_is_in_no_circle() {
    let mut desks = Desks::new(2);
    desks.holds(0, PASS, 10);
    let busy = desks.holds(1, PASS, 11);
    let takes = desks.waits(1, TAKE, 20, &[10]);
    assert_eq!(desks.has_waited(1, takes, &[10]), Ok(()));
    desks.leave(1, busy);
    assert!(desks.crossings.is_empty(), "it has its turn");
    // What holds the turn now is the chain's own call: nobody else waits for it.
    let other = desks.waits(0, TAKE, 30, &[99]);
    assert_eq!(desks.has_waited(0, other, &[99]), Ok(()));
}

#[test]
fn a_holder_that_came_after_the_wait_began_closes_the_circle_with_its_own_call() {
    let mut desks = Desks::new(2);
    desks.holds(0, PASS, 10);
    let before = desks.holds(1, TAKE, 11);
    let next = desks.waits(1, PASS, 12, &[]);
    let takes = desks.waits(1, TAKE, 20, &[10]);
    assert_eq!(desks.has_waited(1, takes, &[10]), Ok(()));
    desks.leave(1, before);
    assert_eq!(desks.turns[1].holders().map(|place| place.ticket).collect::<Vec<_>>(), [next]);
    let back = desks.waits(0, READ, 21, &[12]);
    assert!(desks.has_waited(0, back, &[12]).is_err());
}

#[test]
fn the_circle_goes_through_a_writer_that_waits_before_a_reader() {
    let mut desks = Desks::new(2);
    desks.holds(0, READ, 10);
    desks.holds(1, PASS, 11);
    // Nobody of either chain; but the reader behind it must not pass it.
    desks.waits(0, TAKE, 40, &[]);
    let reads = desks.waits(0, READ, 20, &[11]);
    let takes = desks.waits(1, TAKE, 21, &[10]);
    assert_eq!(desks.has_waited(0, reads, &[11]), Ok(()));
    assert!(desks.has_waited(1, takes, &[10]).is_err());
}

#[test]
fn a_call_of_no_chain_is_in_no_circle() {
    let mut desks = Desks::new(1);
    desks.holds(0, PASS, 10);
    let stranger = desks.waits(0, TAKE, 20, &[]);
    assert_eq!(desks.has_waited(0, stranger, &[]), Ok(()));
    desks.leave(0, stranger);
    assert!(desks.crossings.is_empty());
}

#[test]
fn no_more_than_a_bounded_number_of_calls_is_known() {
    let mut desks = Desks::new(1);
    desks.holds(0, PASS, 1);
    let mut last = None;
    for n in 0..WAITING_MAX as u64 + 1 {
        let path = [1_000_000 + n];
        let ticket = desks.waits(0, TAKE, 2 + n, &path);
        assert_eq!(desks.has_waited(0, ticket, &path), Ok(()));
        last = Some(ticket);
    }
    assert_eq!(desks.crossings.waiting, WAITING_MAX);
    desks.leave(0, last.unwrap());
    assert_eq!(desks.crossings.waiting, WAITING_MAX, "the last one was not known");
}
