//! The table by hand, and at random against a plain account of what was handed out.

use super::*;

fn tiles(list: impl IntoIterator<Item = u32>) -> Vec<TileIndex> {
    list.into_iter().map(TileIndex).collect()
}

fn fill(schedule: &mut Schedule, worker: WorkerId) -> Vec<TileIndex> {
    std::iter::from_fn(|| schedule.next(worker)).collect()
}

#[test]
fn a_worker_holds_two_tiles_and_gets_the_next_for_each_finished() {
    let mut s = Schedule::new(5);
    let (a, b) = (s.join(), s.join());
    assert_eq!(fill(&mut s, a), tiles([0, 1]));
    assert_eq!(fill(&mut s, b), tiles([2, 3]));
    assert_eq!(s.finished(a, TileIndex(0)), Finished::Counted);
    assert_eq!(fill(&mut s, a), tiles([4]));
    for (worker, tile) in [(b, 3), (b, 2), (a, 1), (a, 4)] {
        assert!(!s.is_finished());
        assert_eq!(s.finished(worker, TileIndex(tile)), Finished::Counted);
    }
    assert!(s.is_finished());
    assert_eq!(s.tally(), BTreeMap::from([(a, 3), (b, 2)]));
    assert_eq!(s.again().count(), 0);
}

#[test]
fn what_a_lost_worker_held_goes_first_and_in_order() {
    let mut s = Schedule::new(6);
    let (a, b) = (s.join(), s.join());
    fill(&mut s, a);
    fill(&mut s, b);
    assert_eq!(s.lost(a), Some(tiles([0, 1])));
    assert_eq!(s.lost(a), None);
    assert_eq!(s.next(a), None);
    s.finished(b, TileIndex(2));
    s.finished(b, TileIndex(3));
    assert_eq!(fill(&mut s, b), tiles([0, 1]));
    assert_eq!(s.again().collect::<Vec<_>>(), tiles([0, 1]));
    assert_eq!(s.workers().collect::<Vec<_>>(), [b]);
}

#[test]
fn a_late_duplicate_is_ignored_whoever_was_first() {
    let mut s = Schedule::new(2);
    let a = s.join();
    fill(&mut s, a);
    s.lost(a);
    let b = s.join();
    assert_eq!(fill(&mut s, b), tiles([0, 1]));
    // The lost one's answer for 0 was on its way: it counts, and b's comes too late.
    assert_eq!(s.finished(a, TileIndex(0)), Finished::Counted);
    assert_eq!(s.finished(b, TileIndex(0)), Finished::Late);
    assert_eq!(s.finished(b, TileIndex(1)), Finished::Counted);
    assert_eq!(s.finished(a, TileIndex(1)), Finished::Late);
    assert!(s.is_finished());
    assert_eq!(s.tally(), BTreeMap::from([(a, 1), (b, 1)]));
}

#[test]
fn a_tile_counted_for_the_lost_does_not_wait_any_more() {
    let mut s = Schedule::new(2);
    let a = s.join();
    fill(&mut s, a);
    s.lost(a);
    s.finished(a, TileIndex(0));
    let b = s.join();
    assert_eq!(fill(&mut s, b), tiles([1]));
    assert_eq!(s.lost(b), Some(tiles([1])));
}

#[test]
fn a_tile_that_was_never_handed_out_cannot_be_finished() {
    let mut s = Schedule::new(1);
    let a = s.join();
    assert_eq!(s.finished(a, TileIndex(0)), Finished::Late);
    assert_eq!(s.finished(a, TileIndex(99)), Finished::Late);
    assert_eq!(s.done(), 0);
}

#[test]
fn a_tile_that_fails_everywhere_is_given_up() {
    let mut s = Schedule::new(1);
    let a = s.join();
    for attempt in 1..=ATTEMPTS_MAX {
        assert_eq!(s.next(a), Some(TileIndex(0)));
        let expected = if attempt < ATTEMPTS_MAX { Failed::Again } else { Failed::GiveUp };
        assert_eq!(s.failed(a, TileIndex(0)), expected);
    }
    assert_eq!(s.failed(a, TileIndex(0)), Failed::Late);
}

/// xorshift64*, so that a failing walk is found again by its seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % n
    }
}

#[test]
fn whatever_dies_when_each_tile_is_counted_exactly_once() {
    for seed in 1..=500u64 {
        let mut dice = Dice(seed);
        let mut s = Schedule::new(40);
        let mut living = vec![s.join()];
        let mut under_way: Vec<(WorkerId, TileIndex)> = Vec::new();
        let mut counted = BTreeMap::new();
        let mut returned = BTreeSet::new();
        for step in 0.. {
            assert!(step < 20_000, "seed {seed} does not end");
            match dice.below(12) {
                0 if living.len() < 5 => living.push(s.join()),
                1 if living.len() > 1 => {
                    let dead = living.swap_remove(dice.below(living.len()));
                    let back = s.lost(dead).unwrap();
                    assert!(back.len() <= TILES_PER_WORKER && back.iter().all(|t| !counted.contains_key(t)));
                    returned.extend(back);
                    // Half of the time its answers still arrive.
                    if dice.below(2) == 0 {
                        under_way.retain(|(w, _)| *w != dead);
                    }
                }
                2..7 if !under_way.is_empty() => {
                    let (worker, tile) = under_way.swap_remove(dice.below(under_way.len()));
                    let first = !counted.contains_key(&tile);
                    let expected = if first { Finished::Counted } else { Finished::Late };
                    assert_eq!(s.finished(worker, tile), expected, "seed {seed}");
                    counted.entry(tile).or_insert(worker);
                }
                _ => {
                    let worker = living[dice.below(living.len())];
                    if let Some(tile) = s.next(worker) {
                        assert!(
                            !counted.contains_key(&tile),
                            "seed {seed}: {tile} handed out after it was counted"
                        );
                        under_way.push((worker, tile));
                    }
                }
            }
            assert_eq!(s.done() as usize, counted.len());
            assert!(s.workers().all(|w| living.contains(&w)));
            if s.is_finished() {
                break;
            }
        }
        assert_eq!(counted.len(), 40);
        assert_eq!(s.tally().values().sum::<u32>(), 40);
        assert_eq!(s.again().collect::<BTreeSet<_>>(), returned, "seed {seed}");
    }
}
