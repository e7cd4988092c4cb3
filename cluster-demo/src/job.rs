//! One picture being rendered: who joins, finishes, fails or is lost goes in; orders and news come out.
//!
//! No link, clock, screen or file: those who have them call these methods, send the [`Order`]s and show the
//! [`News`].

mod news;

use std::collections::BTreeMap;

use crate::picture::Picture;
use crate::scene::Scene;
use crate::schedule::{Failed, Finished, Schedule, WorkerId};
use crate::tile::{Grid, Tile, TileIndex};
pub(crate) use news::{News, Summary, Who};

/// A tile to be sent to a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) worker: WorkerId,
    pub(crate) tile: Tile,
}

/// Why a picture will not be finished.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum GivenUp {
    /// A tile failed wherever it was tried; the links are fine.
    #[error("tile {tile} failed too often, at last with: {reason}")]
    Tile {
        /// Which.
        tile: TileIndex,
        /// What the last worker said.
        reason: String,
    },
    /// Every worker there ever was is gone, and no other will come.
    #[error("no worker is left, {left} of {count} tiles are missing")]
    NoWorkers {
        /// Tiles not rendered.
        left: u32,
        /// Tiles of the picture.
        count: u32,
    },
}

/// Why a worker was not taken in.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum JoinRefused {
    /// Two lines of the log would look the same.
    #[error("a worker named {0:?} is here already")]
    NameTaken(String),
    /// More than a farm may have.
    #[error("all {0} places for workers are taken")]
    Full(u32),
}

/// The work on one picture.
#[derive(Debug)]
pub(crate) struct Job {
    grid: Grid,
    schedule: Schedule,
    picture: Picture,
    who: BTreeMap<WorkerId, Who>,
    /// Workers still to come before the first tile is handed out.
    awaited: u32,
    news: Vec<News>,
}

impl Job {
    /// All tiles of this scene, handed out once `awaited` workers have joined, or will not come any more.
    pub(crate) fn new(scene: &Scene, awaited: u32) -> Self {
        let grid = Grid::new(scene.size);
        Self {
            grid,
            schedule: Schedule::new(grid.count()),
            picture: Picture::new(scene.size),
            who: BTreeMap::new(),
            awaited,
            news: Vec::new(),
        }
    }

    /// A worker that has the scene and waits for tiles.
    pub(crate) fn join(&mut self, who: Who, workers_max: u32) -> Result<WorkerId, JoinRefused> {
        if self.schedule.workers().count() >= workers_max as usize {
            return Err(JoinRefused::Full(workers_max));
        }
        if self.schedule.workers().any(|w| self.who[&w].name == who.name) {
            return Err(JoinRefused::NameTaken(who.name));
        }
        let worker = self.schedule.join();
        self.awaited = self.awaited.saturating_sub(1);
        self.news.push(News::Joined { worker, who: who.clone() });
        self.who.insert(worker, who);
        Ok(worker)
    }

    /// A worker that was awaited will not come.
    pub(crate) fn will_not_come(&mut self) {
        self.awaited = self.awaited.saturating_sub(1);
    }

    /// What is to be sent now, so that every worker has enough to do.
    pub(crate) fn orders(&mut self) -> Vec<Order> {
        if self.awaited > 0 {
            return Vec::new();
        }
        let mut orders = Vec::new();
        let workers: Vec<_> = self.schedule.workers().collect();
        // Round by round: near the end, nobody gets a second tile while another has none.
        loop {
            let before = orders.len();
            for &worker in &workers {
                let tile = self.schedule.next(worker).and_then(|index| self.grid.tile(index));
                orders.extend(tile.map(|tile| Order { worker, tile }));
            }
            if orders.len() == before {
                return orders;
            }
        }
    }

    /// A worker has finished this many rows of a tile.
    pub(crate) fn progress(&mut self, worker: WorkerId, tile: Tile, rows: u32) {
        self.news.push(News::Progress { worker, tile, rows: rows.min(tile.h) });
    }

    /// A worker sends a tile's pixels.
    pub(crate) fn rendered(&mut self, worker: WorkerId, tile: Tile, pixels: &[u8]) -> Result<(), GivenUp> {
        // Placing first: the same tile has the same pixels, so one that comes late changes nothing.
        if let Err(wrong) = self.picture.place(tile, pixels) {
            return self.failed(worker, tile.index, &wrong.to_string());
        }
        if self.schedule.finished(worker, tile.index) == Finished::Counted {
            let who = self.who[&worker].clone();
            self.news.push(News::Rendered { worker, who, tile: tile.index });
        }
        Ok(())
    }

    /// A worker says it cannot render a tile.
    pub(crate) fn failed(&mut self, worker: WorkerId, tile: TileIndex, reason: &str) -> Result<(), GivenUp> {
        match self.schedule.failed(worker, tile) {
            Failed::Late => {}
            Failed::Again => {
                let who = self.who[&worker].clone();
                self.news.push(News::Failed { worker, who, tile, reason: reason.to_owned() });
            }
            Failed::GiveUp => return Err(GivenUp::Tile { tile, reason: reason.to_owned() }),
        }
        Ok(())
    }

    /// A worker is gone; the second to notice changes nothing.
    pub(crate) fn lost(&mut self, worker: WorkerId, reason: &str) {
        if let Some(tiles) = self.schedule.lost(worker) {
            let who = self.who[&worker].clone();
            self.news.push(News::Lost { worker, who, tiles, reason: reason.to_owned() });
        }
    }

    /// The living worker of this process, if it has joined.
    pub(crate) fn worker_of(&self, pid: u32) -> Option<WorkerId> {
        self.schedule.workers().find(|w| self.who[w].pid == pid)
    }

    /// For a farm that nobody else joins: an error if there is nobody left to do the rest.
    pub(crate) fn check_workers(&self) -> Result<(), GivenUp> {
        if self.awaited > 0 || self.is_finished() || self.schedule.workers().next().is_some() {
            return Ok(());
        }
        let count = self.schedule.count();
        Err(GivenUp::NoWorkers { left: count - self.schedule.done(), count })
    }

    /// Whether all tiles are there.
    pub(crate) fn is_finished(&self) -> bool {
        self.schedule.is_finished()
    }

    /// What has happened since the last time, in order.
    pub(crate) fn take_news(&mut self) -> Vec<News> {
        std::mem::take(&mut self.news)
    }

    /// Number of tiles of the picture.
    pub(crate) fn count(&self) -> u32 {
        self.schedule.count()
    }

    /// Who did what.
    pub(crate) fn summary(&self) -> Summary {
        let tally = self.schedule.tally();
        Summary {
            rows: tally.into_iter().map(|(worker, tiles)| (self.who[&worker].clone(), tiles)).collect(),
            again: self.schedule.again().collect(),
        }
    }

    /// The picture as far as it has come.
    pub(crate) fn picture(&self) -> &Picture {
        &self.picture
    }
}

#[cfg(test)]
mod tests;
