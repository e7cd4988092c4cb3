//! What a job has to tell, and how it is put in words. Where it is shown is not its business.

use std::fmt;

use crate::schedule::WorkerId;
use crate::tile::{Tile, TileIndex};

/// A worker as people know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Who {
    pub(crate) name: String,
    pub(crate) pid: u32,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum News {
    Joined { worker: WorkerId, who: Who },
    Progress { worker: WorkerId, tile: Tile, rows: u32 },
    Rendered { worker: WorkerId, who: Who, tile: TileIndex },
    Failed { worker: WorkerId, who: Who, tile: TileIndex, reason: String },
    Lost { worker: WorkerId, who: Who, tiles: Vec<TileIndex>, reason: String },
}

/// Who rendered how many tiles, and which were rendered again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Summary {
    /// In the order of joining.
    pub(crate) rows: Vec<(Who, u32)>,
    pub(crate) again: Vec<TileIndex>,
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "worker {} (pid {})", self.name, self.pid)
    }
}

impl fmt::Display for News {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Joined { who, .. } => write!(f, "{who} joined"),
            Self::Progress { tile, rows, .. } => write!(f, "tile {}: {rows} of {} rows", tile.index, tile.h),
            Self::Rendered { who, tile, .. } => write!(f, "{who} rendered tile {tile}"),
            Self::Failed { who, tile, reason, .. } => {
                write!(f, "{who} failed: tile {tile} will be rendered again: {reason}")
            }
            Self::Lost { who, tiles, reason, .. } if tiles.is_empty() => {
                write!(f, "{who} lost: it held no tile: {reason}")
            }
            Self::Lost { who, tiles, reason, .. } => {
                write!(f, "{who} lost: {} will be rendered again: {reason}", Tiles(tiles))
            }
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.rows.iter().map(|(who, _)| who.name.len()).chain([6]).max().unwrap_or(6);
        writeln!(f, "{:names$}  {:>8}  {:>6}  share", "worker", "pid", "tiles")?;
        let all: u32 = self.rows.iter().map(|(_, tiles)| tiles).sum();
        for (who, tiles) in &self.rows {
            let percent = f64::from(*tiles) * 100.0 / f64::from(all.max(1));
            writeln!(f, "{:names$}  {:>8}  {tiles:>6}  {percent:>3.0} %", who.name, who.pid)?;
        }
        match self.again.as_slice() {
            [] => f.write_str("rendered again: none"),
            again => write!(f, "rendered again: {}", Tiles(again)),
        }
    }
}

/// `tile 3`, or `tiles 3, 4`.
struct Tiles<'a>(&'a [TileIndex]);

impl fmt::Display for Tiles<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.len() == 1 { "tile " } else { "tiles " })?;
        for (i, tile) in self.0.iter().enumerate() {
            write!(f, "{}{tile}", if i == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}
