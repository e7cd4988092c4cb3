//! The picture cut into tiles, and what fits where.
//!
//! Nothing here draws: see [`fractal`](crate::fractal).

use std::fmt;

use serde::{Deserialize, Serialize};

/// Side of a tile in pixels: 48 × 48 × 3 = 6,912 bytes, which one reply carries without being split.
pub(crate) const TILE_SIDE: u32 = 48;

/// Which tile of a picture, counted from 0 row by row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct TileIndex(pub(crate) u32);

impl fmt::Display for TileIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A rectangle of the picture, in pixels from its upper left corner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tile {
    pub(crate) index: TileIndex,
    pub(crate) x: u32,
    pub(crate) y: u32,
    pub(crate) w: u32,
    pub(crate) h: u32,
}

impl Tile {
    /// Bytes of its pixels.
    pub(crate) fn bytes(&self) -> usize {
        self.w as usize * self.h as usize * 3
    }
}

/// How a picture is cut: full tiles from the upper left corner, what is left over at the right and below.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Grid {
    size: [u32; 2],
}

impl Grid {
    /// The grid of a picture of `size` pixels, neither side 0.
    pub(crate) fn new(size: [u32; 2]) -> Self {
        Self { size }
    }

    /// Number of tiles.
    pub(crate) fn count(&self) -> u32 {
        self.size[0].div_ceil(TILE_SIDE) * self.size[1].div_ceil(TILE_SIDE)
    }

    /// The tile of this index, if there is one.
    pub(crate) fn tile(&self, index: TileIndex) -> Option<Tile> {
        if index.0 >= self.count() {
            return None;
        }
        let columns = self.size[0].div_ceil(TILE_SIDE);
        let (x, y) = (index.0 % columns * TILE_SIDE, index.0 / columns * TILE_SIDE);
        let (w, h) = (TILE_SIDE.min(self.size[0] - x), TILE_SIDE.min(self.size[1] - y));
        Some(Tile { index, x, y, w, h })
    }

    /// Whether this is one of ours, and not something a peer made up.
    pub(crate) fn has(&self, tile: Tile) -> bool {
        self.tile(tile.index) == Some(tile)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tiles_cover_every_pixel_once() {
        for size in [[1, 1], [48, 48], [49, 47], [100, 145], [7, 200]] {
            let grid = Grid::new(size);
            let mut seen = vec![0u8; (size[0] * size[1]) as usize];
            for index in 0..grid.count() {
                let tile = grid.tile(TileIndex(index)).unwrap();
                for y in tile.y..tile.y + tile.h {
                    for x in tile.x..tile.x + tile.w {
                        seen[(y * size[0] + x) as usize] += 1;
                    }
                }
            }
            assert!(seen.iter().all(|n| *n == 1), "{size:?}");
            assert_eq!(grid.tile(TileIndex(grid.count())), None);
        }
    }

    #[test]
    fn a_tile_of_another_picture_is_not_ours() {
        let grid = Grid::new([100, 100]);
        let tile = grid.tile(TileIndex(8)).unwrap();
        assert_eq!(tile, Tile { index: TileIndex(8), x: 96, y: 96, w: 4, h: 4 });
        assert!(grid.has(tile));
        assert!(!grid.has(Tile { w: 48, ..tile }));
        assert!(!grid.has(Tile { index: TileIndex(9), ..tile }));
    }

    #[test]
    fn a_full_tile_fits_into_one_reply() {
        assert_eq!(Grid::new([4_000, 4_000]).tile(TileIndex(0)).unwrap().bytes(), 6_912);
    }
}
