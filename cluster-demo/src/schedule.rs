//! Who renders which tile: a pure table without clock, socket or pixel.
//!
//! A worker holds at most [`TILES_PER_WORKER`] tiles, so that the next one is already there when one is
//! finished. What a lost worker held goes back to the front of the queue; each tile is counted once.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;

use crate::tile::TileIndex;

/// One being rendered and the next one waiting.
pub(crate) const TILES_PER_WORKER: usize = 2;
/// How often a tile is tried before the picture is given up: a tile that fails everywhere would go round for ever.
pub(crate) const ATTEMPTS_MAX: u32 = 5;

/// A worker in the order of joining, from 1; never used again for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct WorkerId(pub(crate) u32);

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a finished tile was worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finished {
    /// The first time: its pixels are to be kept.
    Counted,
    /// Somebody else was faster: ignored.
    Late,
}

/// What is to become of a tile that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failed {
    /// It is at the front of the queue again.
    Again,
    /// It was tried [`ATTEMPTS_MAX`] times.
    GiveUp,
    /// It is nothing of this worker's any more.
    Late,
}

/// The table.
#[derive(Debug)]
pub(crate) struct Schedule {
    queue: VecDeque<TileIndex>,
    /// Living workers and the tiles they hold, in the order handed out.
    workers: BTreeMap<WorkerId, Vec<TileIndex>>,
    tiles: Vec<State>,
    again: BTreeSet<TileIndex>,
    done: u32,
    joined: u32,
}

#[derive(Debug, Clone, Default)]
struct State {
    by: Option<WorkerId>,
    attempts: u32,
}

impl Schedule {
    /// All tiles `0..count` waiting, nobody there.
    pub(crate) fn new(count: u32) -> Self {
        Self {
            queue: (0..count).map(TileIndex).collect(),
            workers: BTreeMap::new(),
            tiles: vec![State::default(); count as usize],
            again: BTreeSet::new(),
            done: 0,
            joined: 0,
        }
    }

    /// A new worker, with nothing to do yet.
    pub(crate) fn join(&mut self) -> WorkerId {
        self.joined += 1;
        let worker = WorkerId(self.joined);
        self.workers.insert(worker, Vec::new());
        worker
    }

    /// The next tile for this worker: none if it holds enough, is gone, or nothing is waiting.
    pub(crate) fn next(&mut self, worker: WorkerId) -> Option<TileIndex> {
        let held = self.workers.get_mut(&worker).filter(|held| held.len() < TILES_PER_WORKER)?;
        let tile = self.queue.pop_front()?;
        self.tiles[tile.0 as usize].attempts += 1;
        held.push(tile);
        Some(tile)
    }

    /// A worker finished a tile; it counts even if the worker has been given up meanwhile.
    pub(crate) fn finished(&mut self, worker: WorkerId, tile: TileIndex) -> Finished {
        self.take(worker, tile);
        match self.tiles.get_mut(tile.0 as usize) {
            Some(state) if state.by.is_none() && state.attempts > 0 => {
                state.by = Some(worker);
                self.done += 1;
                self.queue.retain(|waiting| *waiting != tile);
                Finished::Counted
            }
            _ => Finished::Late,
        }
    }

    /// A worker could not render a tile, but is still there.
    pub(crate) fn failed(&mut self, worker: WorkerId, tile: TileIndex) -> Failed {
        if !self.take(worker, tile) {
            return Failed::Late;
        }
        match &self.tiles[tile.0 as usize] {
            state if state.by.is_some() => Failed::Late,
            state if state.attempts >= ATTEMPTS_MAX => Failed::GiveUp,
            _ => {
                self.put_back([tile]);
                Failed::Again
            }
        }
    }

    /// A worker is gone: what it held waits at the front again, and is returned. `None` if it was gone before.
    pub(crate) fn lost(&mut self, worker: WorkerId) -> Option<Vec<TileIndex>> {
        let mut held = self.workers.remove(&worker)?;
        held.retain(|tile| self.tiles[tile.0 as usize].by.is_none());
        self.put_back(held.iter().copied());
        Some(held)
    }

    /// Whether every tile has been counted.
    pub(crate) fn is_finished(&self) -> bool {
        self.done as usize == self.tiles.len()
    }

    /// Tiles counted so far.
    pub(crate) fn done(&self) -> u32 {
        self.done
    }

    /// Tiles there are.
    pub(crate) fn count(&self) -> u32 {
        self.tiles.len() as u32
    }

    /// The living, in the order of joining.
    pub(crate) fn workers(&self) -> impl Iterator<Item = WorkerId> {
        self.workers.keys().copied()
    }

    /// Tiles that were handed out a second time, in order.
    pub(crate) fn again(&self) -> impl Iterator<Item = TileIndex> {
        self.again.iter().copied()
    }

    /// How many tiles each worker that ever joined has rendered.
    pub(crate) fn tally(&self) -> BTreeMap<WorkerId, u32> {
        let mut tally: BTreeMap<_, _> = (1..=self.joined).map(|w| (WorkerId(w), 0)).collect();
        for by in self.tiles.iter().filter_map(|t| t.by) {
            *tally.entry(by).or_default() += 1;
        }
        tally
    }

    fn take(&mut self, worker: WorkerId, tile: TileIndex) -> bool {
        let held = self.workers.get_mut(&worker);
        let at = held.as_ref().and_then(|held| held.iter().position(|t| *t == tile));
        held.zip(at).map(|(held, at)| held.remove(at)).is_some()
    }

    /// To the front, in the order they were in.
    fn put_back(&mut self, tiles: impl IntoIterator<Item = TileIndex, IntoIter: DoubleEndedIterator>) {
        for tile in tiles.into_iter().rev() {
            self.queue.push_front(tile);
            self.again.insert(tile);
        }
    }
}

#[cfg(test)]
mod tests;
