//! Windows under random loads, and the life of a stream by hand.

use std::collections::VecDeque;
use std::task::Waker;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::*;
use crate::wire::item::{ITEM_COST_MIN, START_MIN, item_cost};

fn streams(dialed: bool) -> Streams {
    let mut streams = Streams::new(StreamLimits { pool: 1 << 20, item_max: 1 << 20 });
    streams.dialed(dialed);
    streams
}

fn end() -> Arc<OutEnd> {
    Arc::new(OutEnd::empty(Format::Items))
}

fn said(streams: &mut Streams) -> Vec<Control> {
    let mut all = Vec::new();
    streams.take_control(|message| all.push(message));
    all
}

const NOBODY: &Waker = Waker::noop();

#[test]
fn numbers_are_even_where_one_dialed_and_odd_where_not() {
    let (mut left, mut right) = (streams(true), streams(false));
    assert_eq!(left.name_source(&end()), Some(StreamId(2)));
    assert_eq!(left.name_source(&end()), Some(StreamId(4)));
    assert_eq!(right.name_source(&end()), Some(StreamId(1)));
    assert_eq!(right.sink_arrives(StreamId(3)), Err(Violation::StreamInUse(StreamId(3))));
    assert!(right.source_arrives(StreamId(2), Format::Items, 0).is_ok());
    let again = right.source_arrives(StreamId(2), Format::Items, 0).err();
    assert_eq!(again, Some(Violation::StreamInUse(StreamId(2))));
}

#[test]
fn a_stream_ends_at_both_sides_by_its_end_and_one_stop() {
    let (mut giver, mut taker) = (streams(true), streams(false));
    let id = giver.name_source(&end()).unwrap();
    taker.source_arrives(id, Format::Items, 0).unwrap();
    assert!(taker.open(id, Format::Items, NOBODY).is_ready());
    giver.finished(id);
    assert_eq!((giver.producing(), taker.consuming()), (1, 1));
    taker.read_to_end(id);
    assert_eq!(said(&mut taker), [Control::Stop { stream: id, reason: String::new() }]);
    giver.stop(id).unwrap();
    assert_eq!((giver.producing(), taker.consuming()), (0, 0));
    assert_eq!(giver.stop(id), Err(Violation::UnknownStream(id)), "there is one stop");
    assert_eq!(giver.window(id, 1), Err(Violation::UnknownStream(id)), "and nothing after it");
}

#[test]
fn a_consumer_that_stops_early_stops_once_and_is_told_nothing_more() {
    let (mut giver, mut taker) = (streams(true), streams(false));
    let id = giver.name_source(&end()).unwrap();
    taker.source_arrives(id, Format::Items, 0).unwrap();
    taker.let_go(id, "dropped");
    taker.let_go(id, "dropped");
    // What comes all the same is not paid back.
    taker.arrived(id, WINDOW, 0, 0).unwrap();
    taker.taken(id, WINDOW, true, 0, 0);
    assert_eq!(said(&mut taker), [Control::Stop { stream: id, reason: "dropped".into() }]);
    assert_eq!(giver.room(id, NOBODY), Some(Room::Bytes(WINDOW)));
    giver.stop(id).unwrap();
    assert_eq!(giver.room(id, NOBODY), Some(Room::Stopped));
    giver.finished(id);
    taker.read_to_end(id);
    assert_eq!((giver.producing(), taker.consuming(), said(&mut taker)), (0, 0, vec![]));
}

#[test]
fn a_stop_does_not_overtake_the_frame_that_names_its_stream() {
    let mut taker = streams(false);
    let id = taker.name_sink(&end()).unwrap();
    taker.let_go(id, "dropped");
    assert_eq!(said(&mut taker), [], "the peer may not know the stream yet");
    assert!(taker.open(id, Format::Items, NOBODY).is_ready());
    assert_eq!(said(&mut taker), [Control::Stop { stream: id, reason: "dropped".into() }]);
    taker.read_to_end(id);
    assert_eq!((taker.consuming(), said(&mut taker)), (0, vec![]));
}

#[test]
fn a_stream_that_comes_before_its_name_waits_for_it() {
    let mut taker = streams(false);
    let id = StreamId(2);
    assert!(taker.open(id, Format::Bytes, NOBODY).is_pending());
    taker.source_arrives(id, Format::Bytes, 3).unwrap();
    let mut woken = super::super::Wakers::new();
    taker.take_wakers(&mut woken);
    assert_eq!(woken.len(), 1);
    let Poll::Ready(Ok(reading)) = taker.open(id, Format::Bytes, NOBODY) else { panic!("it is named") };
    assert_eq!(reading.lane, 3);
    let twice = taker.open(id, Format::Bytes, NOBODY).map(Result::err);
    assert_eq!(twice, Poll::Ready(Some(Violation::StreamInUse(id))));
    // A number of this side's own cannot come before its name.
    let mine = taker.open(StreamId(5), Format::Bytes, NOBODY).map(Result::err);
    assert_eq!(mine, Poll::Ready(Some(Violation::UnknownStream(StreamId(5)))));
}

#[test]
fn more_than_the_window_breaks_the_rule() {
    let mut taker = streams(false);
    taker.source_arrives(StreamId(2), Format::Items, 0).unwrap();
    taker.arrived(StreamId(2), WINDOW - 10, 10, 1_000).unwrap();
    let above = taker.arrived(StreamId(2), 0, 11, 999);
    assert_eq!(above, Err(Violation::AboveWindow(StreamId(2))));
}

#[test]
fn a_frame_that_is_not_sent_gives_its_streams_back() {
    let mut giver = streams(true);
    let end = end();
    assert!(end.name());
    let id = giver.name_source(&end).unwrap();
    giver.unname(id);
    assert_eq!((giver.producing(), giver.take_starts(NOBODY).len()), (0, 0));
    assert!(end.name(), "it may be sent with another frame");
}

#[test]
fn as_many_streams_as_may_be_and_no_more() {
    let mut giver = streams(true);
    for _ in 0..COUNT_MAX {
        assert!(giver.name_source(&end()).is_some());
    }
    assert_eq!(giver.name_source(&end()), None);
    let mut taker = streams(false);
    let refused =
        (1..).map(|n| StreamId(2 * n)).find_map(|id| taker.source_arrives(id, Format::Items, 0).err());
    assert_eq!((refused, taker.consuming()), (Some(Violation::TooManyStreams), 2 * COUNT_MAX));
}

#[test]
fn the_window_grows_for_a_fast_consumer_out_of_the_pool_and_gives_back() {
    let mut taker = streams(false);
    let id = StreamId(2);
    taker.source_arrives(id, Format::Items, 0).unwrap();
    let mut window = WINDOW;
    for _ in 0..10 {
        taker.arrived(id, window, 0, 0).unwrap();
        window = taker.taken(id, window, true, 0, 1);
        said(&mut taker);
    }
    // 64 KiB and what fits into a pool of 1 MiB by doubling: 64 + 128 + 256 + 512.
    assert_eq!((window, taker.pool), (1 << 20, (1 << 20) - (960 << 10)));
    taker.read_to_end(id);
    assert_eq!(taker.pool, 1 << 20);
    // A slow one keeps what it has.
    taker.source_arrives(StreamId(4), Format::Items, 0).unwrap();
    for n in 1..10 {
        taker.arrived(StreamId(4), WINDOW, 0, 0).unwrap();
        assert_eq!(taker.taken(StreamId(4), WINDOW, true, 100 * n, 1), WINDOW);
        said(&mut taker);
    }
}

#[test]
fn one_stream_alone_may_have_nearly_the_whole_pool_and_no_more_than_the_largest_window() {
    for (pool, largest) in [(16 << 20, 16 << 20), (15 << 20, 8 << 20), (100 << 20, WINDOW_MAX)] {
        let mut taker = Streams::new(StreamLimits { pool, item_max: 1 << 20 });
        let id = StreamId(2);
        taker.source_arrives(id, Format::Bytes, 0).unwrap();
        let mut window = WINDOW;
        for _ in 0..12 {
            taker.arrived(id, window, 0, 0).unwrap();
            window = taker.taken(id, window, true, 0, 100);
            said(&mut taker);
        }
        assert_eq!((window, taker.pool), (largest, pool - (largest - WINDOW)));
    }
}

/// A producer and a consumer with a network between, all of whose steps are drawn.
struct Line {
    rng: StdRng,
    giver: Outflow,
    taker: Inflow,
    /// Under way: parts of items, and what was allowed.
    items: VecDeque<Part>,
    allowed: VecDeque<u64>,
    /// Of the item that is being sent: what is not.
    unsent: u64,
    /// Arrived, and not taken.
    queue: VecDeque<u64>,
    arriving: u64,
    pool: u64,
    now_ms: u64,
    taken: u64,
    largest: u64,
}

#[derive(Clone, Copy, Debug)]
struct Part {
    bytes: u64,
    missing: u64,
}

impl Line {
    fn new(seed: u64) -> Line {
        let mut rng = StdRng::seed_from_u64(seed);
        Line {
            giver: Outflow::new(WINDOW),
            taker: Inflow::new(WINDOW),
            items: VecDeque::new(),
            allowed: VecDeque::new(),
            unsent: 0,
            queue: VecDeque::new(),
            arriving: 0,
            pool: if rng.random() { 1 << 20 } else { 0 },
            now_ms: 0,
            taken: 0,
            largest: 0,
            rng,
        }
    }

    /// The producer sends what it may; false if it may not.
    fn give(&mut self) -> bool {
        let room = self.giver.room();
        if self.unsent == 0 {
            let small = self.rng.random_bool(0.7);
            let len = if small { self.rng.random_range(5..2_000) } else { self.rng.random_range(5..400_000) };
            let cost = item_cost(len);
            if room < cost.min(START_MIN) {
                return false;
            }
            self.largest = self.largest.max(cost);
            self.unsent = cost;
        }
        let bytes = self.unsent.min(room);
        if bytes == 0 {
            return false;
        }
        self.giver.spend(bytes);
        self.unsent -= bytes;
        self.items.push_back(Part { bytes, missing: self.unsent });
        true
    }

    fn deliver(&mut self) -> bool {
        let Some(Part { bytes, missing }) = self.items.pop_front() else { return false };
        self.arriving += bytes;
        let within = if missing == 0 {
            let cost = std::mem::take(&mut self.arriving);
            self.queue.push_back(cost);
            self.taker.arrived(cost, 0, 0)
        } else {
            self.taker.arrived(0, self.arriving, missing)
        };
        assert!(within, "an honest producer sends more than was allowed");
        true
    }

    /// The consumer takes an item, or waits for one.
    fn take(&mut self) -> bool {
        self.now_ms += self.rng.random_range(0..2);
        let cost = self.queue.pop_front();
        self.taken += cost.unwrap_or_default();
        self.taker.took(cost.unwrap_or_default(), cost.is_none());
        self.pool -= self.taker.grow(self.now_ms, 1, 4 << 20, self.pool);
        cost.is_some()
    }

    fn say(&mut self) -> bool {
        let due = self.taker.allow();
        self.allowed.extend((due > 0).then_some(due));
        due > 0
    }

    fn hear(&mut self) -> bool {
        self.allowed.pop_front().is_some_and(|more| self.giver.allow(more))
    }

    fn check(&self) {
        let (allowed, here, taken) = self.taker.counts();
        assert!(here <= allowed);
        let held = here - taken;
        let most = self.taker.window() + self.largest;
        assert!(held <= most, "{held} bytes wait, {most} may");
        let waiting: u64 = self.queue.iter().sum();
        assert!(waiting <= self.taker.window() + self.largest);
    }
}

#[test]
fn windows_hold_and_never_stall_whatever_the_order() {
    for seed in 0..300 {
        let mut line = Line::new(seed);
        for _ in 0..600 {
            match line.rng.random_range(0..5) {
                0 => line.give(),
                1 => line.deliver(),
                2 => line.take(),
                3 => line.say(),
                _ => line.hear(),
            };
            line.check();
        }
        // However it stands: when everybody does what they can, a consumer that waits gets something.
        for _ in 0..50 {
            let before = line.taken;
            let mut steps = 0;
            while line.taken == before {
                steps += 1;
                assert!(steps < 100, "seed {seed}: nothing moves: {:?} {:?}", line.giver, line.taker);
                let _ = line.take() | line.say() | line.hear() | line.give() | line.deliver();
                line.check();
            }
        }
    }
    assert_eq!(ITEM_COST_MIN, 64);
}

#[test]
fn a_consumer_that_goes_on_is_heard_of_however_little_it_takes() {
    let mut flow = Inflow::new(WINDOW);
    flow.arrived(WINDOW, 0, 0);
    assert!(!flow.look(0), "nothing was taken");
    flow.took(64, false);
    assert_eq!(flow.due(), 0, "small steps are saved up");
    assert!(flow.look(64), "what is not reported counts as well");
    assert_eq!((flow.due(), flow.allow(), flow.due()), (128, 128, 0));
    assert!(!flow.look(0), "nothing since then");
    flow.took(64, false);
    flow.arrived(128, 0, 0);
    assert!(!flow.look(0), "it went on, and so did the producer: the time begins anew");
    flow.stop();
    assert!(flow.look(64));
    assert_eq!(flow.due(), 0, "who wants no more says nothing");
}

#[test]
fn who_holds_a_stream_up_is_known() {
    let mut flow = Inflow::new(WINDOW);
    assert_eq!(flow.stands(), Stands::Nowhere, "nothing was given");
    flow.arrived(1_000, 0, 0);
    assert_eq!(flow.stands(), Stands::Nowhere, "there is room for more");
    flow.arrived(0, 500, 100);
    assert_eq!(flow.stands(), Stands::AtProducer, "the rest of an item does not come");
    flow.arrived(WINDOW - 2_000, 0, 0);
    assert_eq!(flow.stands(), Stands::AtConsumer, "nobody takes what is there");
    flow.arrived(0, 1_000, 10_000);
    assert_eq!(flow.stands(), Stands::AtConsumer, "and the rest of an item has no room");
    flow.took(WINDOW - 1_000, true);
    flow.allow();
    assert_eq!(flow.stands(), Stands::AtProducer, "now it has");
}
