//! The budget by hand, and random writers that share it.

use std::collections::VecDeque;
use std::task::Waker;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::*;

const LIMITS: BulkLimits = BulkLimits { busy: 128 << 10, idle: 4 << 20, most: 16 << 20, stall_ms: 60_000 };

fn ask(bulk: &mut Bulk, ticket: &mut Option<Ticket>, bytes: usize) -> bool {
    bulk.ask(ticket, bytes, true, Waker::noop(), 1)
}

/// Pieces that one writer may write in a row.
fn pieces(bulk: &mut Bulk, busy: bool) -> usize {
    let mut ticket = None;
    let count = (0..).take_while(|_| bulk.ask(&mut ticket, PIECE, busy, Waker::noop(), 1)).count();
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
fn a_peer_that_gives_nothing_back_while_somebody_waits_is_found_out() {
    let mut bulk = Bulk::new(LIMITS);
    let mut ticket = None;
    let ask = |bulk: &mut Bulk, ticket: &mut _, at| bulk.ask(ticket, PIECE, true, Waker::noop(), at);
    while ask(&mut bulk, &mut ticket, 0) {}
    bulk.leave(ticket.take().unwrap());
    assert_eq!(bulk.next_check(), None);
    assert!(!bulk.is_stuck(1_000_000), "nobody waits");
    assert!(!ask(&mut bulk, &mut ticket, 1_000_000));
    assert_eq!(bulk.next_check(), Some(1_060_000));
    bulk.returned(1, 1_050_000).unwrap();
    assert!(!bulk.is_stuck(1_109_999), "it goes on, however slowly");
    assert!(!bulk.is_stuck(1_110_000), "there is a second look");
    assert_eq!(bulk.next_check(), Some(1_111_000));
    bulk.returned(1, 1_110_500).unwrap();
    assert!(!bulk.is_stuck(1_170_500), "and another first one, after a word");
    assert!(bulk.is_stuck(1_171_500));
    bulk.leave(ticket.take().unwrap());
    assert!(!bulk.is_stuck(1_171_500));
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
    let mut bulk = Bulk::new(BulkLimits { busy: 1, idle: 1, most: 1, stall_ms: 60_000 });
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
    busy: bool,
    now: u64,
}

impl Path {
    fn new(busy: bool) -> Path {
        Path { bulk: Bulk::new(LIMITS), busy, now: 0 }
    }

    fn now_ms(&self) -> u64 {
        self.now / 1_000
    }

    /// One round trip of so many microseconds at least, with so many bytes a millisecond at most, of as much as is to be sent and may be.
    fn round_trip(&mut self, rate: u64, delay: u64, left: u64) -> u64 {
        let bytes = self.bulk.window(self.busy).min(left);
        let took = delay.max(bytes * 1_000 / rate);
        self.now += took;
        self.bulk.out = bytes;
        self.bulk.round_trip(took, self.now_ms());
        self.bulk.returned(bytes, self.now_ms()).unwrap();
        bytes
    }

    fn for_seconds(&mut self, seconds: u64, rate: u64, delay: u64, mut each: impl FnMut(u64)) {
        let end = self.now + seconds * 1_000_000;
        while self.now < end {
            each(self.round_trip(rate, delay, u64::MAX));
        }
    }
}

/// Bytes a millisecond and microseconds: a long path, one across a country, a slow one, and two so short that the least window makes a
/// queue by itself.
const PATHS: [(u64, u64); 5] =
    [(12_500, 100_000), (125_000, 20_000), (1_250, 200_000), (500_000, 120), (125_000, 1_000)];

#[test]
fn the_window_grows_with_bandwidth_and_delay_and_not_with_a_queue() {
    for ((rate, delay), busy) in PATHS.into_iter().flat_map(|path| [(path, true), (path, false)]) {
        let mut path = Path::new(busy);
        path.bulk.round_trip(delay, 0);
        path.for_seconds(5, rate, delay, |_| {});
        let holds = rate * delay / 1_000;
        let least = if busy { LIMITS.busy } else { LIMITS.idle };
        // Where the path holds less than the smallest window, that counts as held.
        let rest = if holds > BulkLimits::MIN { 0 } else { 2 * BulkLimits::MIN };
        let most = least.max(2 * holds + holds / 10) + rest;
        let mut not_full = 0;
        path.for_seconds(300, rate, delay, |bytes| {
            assert!(bytes <= most, "{rate} × {delay}: {bytes} under way where the path holds {holds}");
            not_full += if bytes < holds { delay } else { 0 };
        });
        assert!(not_full <= 300_000_000 / 16, "{rate} × {delay}: not full for {not_full} µs");
    }
}

#[test]
fn a_path_that_changes_is_found_out() {
    let mut path = Path::new(true);
    path.for_seconds(30, 12_500, 100_000, |_| {});
    path.for_seconds(80, 12_500, 200, |_| {});
    assert!(path.bulk.window(true) <= LIMITS.busy + BulkLimits::MIN, "it became short");
    path.for_seconds(15, 12_500, 100_000, |_| {});
    assert!(path.bulk.window(true) >= 1_250_000, "it became long: {}", path.bulk.window(true));
}

#[test]
fn a_queue_is_not_emptied_where_there_is_none() {
    for delay in [200, 100_000] {
        let mut path = Path::new(false);
        for body in 0..20 {
            assert!(path.bulk.ask(&mut None, 1, false, Waker::noop(), path.now_ms()));
            path.bulk.out = 0;
            let mut left = 1 << 20;
            while left > 0 {
                assert!(path.bulk.window(false) >= LIMITS.idle, "body {body} is held up");
                // The path is slower for now than it was before.
                left -= path.round_trip(12_500, delay + 10 * body, left.min(96 << 10));
            }
            path.now += 15_000_000;
        }
    }
}

#[test]
fn a_queue_that_does_not_run_empty_is_let_be() {
    let mut bulk = Bulk::new(LIMITS);
    (bulk.out, bulk.pace.seen_ms) = (LIMITS.idle, 1);
    bulk.round_trip(100, 1);
    bulk.round_trip(200, 1 + PERIOD_MS);
    assert_eq!(bulk.window(false), BulkLimits::MIN);
    bulk.round_trip(200, PERIOD_MS + EMPTYING_MAX_MS);
    assert_eq!(bulk.window(false), BulkLimits::MIN);
    bulk.round_trip(200, 1 + PERIOD_MS + EMPTYING_MAX_MS);
    assert_eq!(bulk.window(false), LIMITS.idle);
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
        let (mut steps, mut now_ms) = (0, 0);
        while left.iter().any(|&n| n > 0) || !network.is_empty() {
            steps += 1;
            now_ms += if rng.random_ratio(1, 50) { rng.random_range(0..PERIOD_MS) } else { 1 };
            assert!(steps < 100_000, "seed {seed}: it stands still");
            let who = rng.random_range(0..left.len());
            let busy = rng.random_ratio(1, 2);
            if left[who] > 0 && rng.random_ratio(1, 2) {
                let bytes = rng.random_range(1..=PIECE);
                let (out, _) = bulk.counts();
                if bulk.ask(&mut tickets[who], bytes, busy, Waker::noop(), now_ms) {
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
                    bulk.round_trip(rng.random_range(1..5_000), now_ms);
                    bulk.returned(taken, now_ms).unwrap();
                }
            }
            let (out, taken) = bulk.counts();
            assert_eq!(out, taken + network.iter().sum::<usize>() as u64, "seed {seed}: bytes are missing");
            assert_eq!(bulk.line.len(), line.len());
        }
    }
}
