//! The two services of a farm. All that can be called from outside stands here.

use duologue::Bytes;
use duologue::prelude::*;
use serde::{Deserialize, Serialize};

use crate::scene::Scene;
use crate::tile::Tile;

/// Served by a worker to the coordinator it has dialed.
#[service]
pub(crate) trait Renderer {
    /// The scene of all tiles to come.
    async fn prepare(&mut self, scene: Scene) -> Result<(), RenderError>;

    /// Draws a tile: one at a time, in the order called; `progress` hears how many rows are finished.
    async fn render(&self, tile: Tile, progress: Callback<fn(u32)>) -> Result<Bytes, RenderError>;

    /// The worker's process, so that one can find (and kill) it.
    fn pid(&self) -> u32;
}

/// Served by the coordinator to whoever may connect.
#[service]
pub(crate) trait Coordinator {
    /// Takes the caller's renderer into the farm; the answer is its number there.
    async fn join(&self, caller: &Caller, name: &str) -> Result<u32, JoinError>;
}

/// Why there are no pixels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum RenderError {
    /// The scene is not one to be drawn; the link is fine.
    #[error("the scene is not valid: {0}")]
    BadScene(String),
    /// `prepare` comes first; the link is fine.
    #[error("no scene has been given yet")]
    NoScene,
    /// The scene has no such tile; the link is fine.
    #[error("the scene has no such tile")]
    NoSuchTile,
    /// The worker stopped before the tile was finished; the link is fine.
    #[error("the tile was not finished")]
    Stopped,
}

/// Why a worker was not taken in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum JoinError {
    /// The name is none, or somebody else's; the link is fine.
    #[error("{0}")]
    Refused(String),
    /// The caller serves no renderer that answers; the link is fine, if that is not why.
    #[error("its renderer does not answer: {0}")]
    NoRenderer(String),
    /// The picture is finished; the link is about to close.
    #[error("the picture is finished")]
    Finished,
}
