//! The budget by hand, and random writers that share it.

use std::collections::VecDeque;
use std::task::Waker;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::*;

const LIMITS: BulkLimits = BulkLimits { busy: 128 << 10, idle: 4 << 20, most: 16 << 20 };

fn ask(bulk: &mut Bulk, ticket: &mut Option<Ticket>, bytes: usize) -> bool {
    bulk.ask(ticket, bytes, true, Waker::noop())
}

/// Pieces that one writer may write in a row.
fn pieces(bulk: &mut Bulk, busy: bool) -> usize {
    let mut ticket = None;
    let count = (0..).take_while(|_| bulk.ask(&mut ticket, PIECE, busy, Waker::noop())).count();
    if let Some(ticket) = ticket {
        bulk.leave(ticket);
    }
    count
}

#[test]
fn no_more_is_in_the_network_than_neighbours_bear() {
    let mut bulk = Bulk::new(LIMITS);
    assert_eq!(pieces(&mut bulk, true), 8);
    assert_eq!(pieces(&mut bulk, false), 248, "more while nobody else is there");
    assert_eq!(
        pieces(&mut bulk, true),
        0,
        "and a neighbour that comes waits for what is on its way, no more"
    );
    bulk.returned(4 << 20, 1).unwrap();
    assert_eq!(pieces(&mut bulk, true), 8);
}

#[test]
fn more_is_not_given_back_than_was_written() {
    let mut bulk = Bulk::new(LIMITS);
    assert!(ask(&mut bulk, &mut None, 100));
    assert_eq!(bulk.returned(101, 1), Err(Violation::TooMuchTaken));
}

#[test]
fn what_was_taken_is_said_in_steps() {
    let mut bulk = Bulk::new(LIMITS);
    bulk.took(TAKEN_STEP as usize - 1);
    assert_eq!(bulk.take_taken(), None);
    bulk.took(10);
    assert_eq!(bulk.take_taken(), Some(TAKEN_STEP + 9));
    assert_eq!(bulk.take_taken(), None);
}

#[test]
fn the_smallest_window_does_not_stall() {
    let mut bulk = Bulk::new(BulkLimits { busy: 1, idle: 1, most: 1 });
    let mut under_way = 0;
    for _ in 0..1_000 {
        assert!(ask(&mut bulk, &mut None, PIECE), "the receiver keeps {under_way} bytes to itself");
        under_way += PIECE as u64;
        if under_way >= TAKEN_STEP {
            bulk.returned(under_way, 1).unwrap();
            under_way = 0;
        }
    }
}

#[test]
fn who_leaves_the_line_holds_up_nobody() {
    let mut bulk = Bulk::new(LIMITS);
    pieces(&mut bulk, true);
    let (mut first, mut second) = (None, None);
    assert!(!ask(&mut bulk, &mut first, PIECE) && !ask(&mut bulk, &mut second, PIECE));
    bulk.returned(PIECE as u64, 1).unwrap();
    assert!(!ask(&mut bulk, &mut second, PIECE), "it is the first one's turn");
    bulk.leave(first.unwrap());
    assert!(bulk.next(true).is_some());
    assert!(ask(&mut bulk, &mut second, PIECE));
    assert_eq!(second, None);
}

/// A path with a queue, on which as much is under way as the window allows; its clock is in microseconds.
struct Path {
    bulk: Bulk,
    now: u64,
}

impl Path {
    /// One round trip of so many microseconds at least, with so many bytes a millisecond at most: how much was under way.
    fn round_trip(&mut self, rate: u64, delay: u64) -> u64 {
        let window = self.bulk.window(true);
        let took = delay.max(window * 1_000 / rate);
        self.now += took;
        self.bulk.round_trip(took, self.now / 1_000);
        self.bulk.out = window;
        self.bulk.returned(window, self.now / 1_000).unwrap();
        window
    }

    fn for_seconds(&mut self, seconds: u64, rate: u64, delay: u64, mut each: impl FnMut(u64)) {
        let end = self.now + seconds * 1_000_000;
        while self.now < end {
            each(self.round_trip(rate, delay));
        }
    }
}

#[test]
fn the_window_grows_with_bandwidth_and_delay_and_not_with_a_queue() {
    // A long path, one across a country, a slow one, and a short one whose least window makes a queue by itself.
    for (rate, delay) in
        [(12_500, 100_000), (125_000, 20_000), (1_250, 200_000), (500_000, 120), (125_000, 1_000)]
    {
        let mut path = Path { bulk: Bulk::new(LIMITS), now: 0 };
        path.bulk.round_trip(delay, 0);
        path.for_seconds(5, rate, delay, |_| {});
        let holds = rate * delay / 1_000;
        let mut not_full = 0;
        path.for_seconds(300, rate, delay, |window| {
            let most = LIMITS.busy.max(2 * holds + holds / 10)
                + if holds > BulkLimits::MIN { 0 } else { 2 * BulkLimits::MIN };
            assert!(window <= most, "{rate} × {delay}: {window} under way where the path holds {holds}");
            not_full += if window < holds { delay } else { 0 };
        });
        assert!(not_full <= 300_000_000 / 10, "{rate} × {delay}: not full for {not_full} µs");
    }
}

#[test]
fn a_path_that_changes_is_found_out() {
    let mut path = Path { bulk: Bulk::new(LIMITS), now: 0 };
    path.for_seconds(30, 12_500, 100_000, |_| {});
    path.for_seconds(80, 12_500, 200, |_| {});
    assert!(path.bulk.window(true) <= LIMITS.busy + BulkLimits::MIN, "it became short");
    path.for_seconds(15, 12_500, 100_000, |_| {});
    assert!(path.bulk.window(true) >= 1_250_000, "it became long: {}", path.bulk.window(true));
}

/// Writers, each with as much to write as the dice say, and a network that is slow at random.
#[test]
fn every_writer_gets_its_turn_and_the_window_holds() {
    for seed in 0..300 {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut bulk = Bulk::new(LIMITS);
        let mut left: Vec<usize> = (0..rng.random_range(1..8)).map(|_| rng.random_range(1..60)).collect();
        let mut tickets = vec![None; left.len()];
        let mut network = VecDeque::new();
        // Who waits, in the order in which they began to.
        let mut line = Vec::new();
        let mut steps = 0;
        while left.iter().any(|&n| n > 0) || !network.is_empty() {
            steps += 1;
            assert!(steps < 100_000, "seed {seed}: it stands still");
            let who = rng.random_range(0..left.len());
            let busy = rng.random_ratio(1, 2);
            if left[who] > 0 && rng.random_ratio(1, 2) {
                let bytes = rng.random_range(1..=PIECE);
                let (out, _) = bulk.counts();
                if bulk.ask(&mut tickets[who], bytes, busy, Waker::noop()) {
                    let first = line.first().is_none_or(|&first| first == who);
                    assert!(first, "seed {seed}: {who} overtakes {line:?}");
                    line.retain(|&w| w != who);
                    assert!(out + bytes as u64 <= bulk.window(busy), "seed {seed}: the window is exceeded");
                    network.push_back(bytes);
                    left[who] -= 1;
                } else if !line.contains(&who) {
                    line.push(who);
                }
            } else if let Some(ticket) = tickets[who].filter(|_| rng.random_ratio(1, 50)) {
                bulk.leave(ticket);
                (tickets[who], left[who]) = (None, 0);
                line.retain(|&w| w != who);
            } else if let Some(bytes) = network.pop_front() {
                bulk.took(bytes);
                if let Some(taken) = bulk.take_taken() {
                    bulk.returned(taken, steps / 10).unwrap();
                }
            }
            let (out, taken) = bulk.counts();
            assert_eq!(out, taken + network.iter().sum::<usize>() as u64, "seed {seed}: bytes are missing");
            assert_eq!(bulk.line.len(), line.len());
        }
    }
}
