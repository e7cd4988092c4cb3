//! A worker: dials the coordinator, serves its [`Renderer`], and ends when the coordinator is gone.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use duologue::prelude::*;
use duologue::{Bytes, blocking};
use tokio::io::AsyncReadExt;
use tokio::sync::{Semaphore, watch};

use super::FarmError;
use super::services::{CoordinatorProxy, RenderError, Renderer};
use crate::cli::NodeArgs;
use crate::fractal;
use crate::report::Screen;
use crate::scene::Scene;
use crate::signal::StopSignal;
use crate::tile::{Grid, Tile};

/// Renders for the coordinator at `join` until it is gone; gives the exit code.
pub(crate) async fn work(
    join: &str,
    node: &NodeArgs,
    name: Option<String>,
    until_stdin_ends: bool,
    screen: &Screen,
) -> Result<u8, FarmError> {
    let mut stop = StopSignal::new().map_err(FarmError::Signals)?;
    let keyed = node.key.is_some();
    let node = super::node(node)?
        .start()
        .await
        .map_err(|e| FarmError::Node("cannot start a node".to_owned(), e.into()))?;
    // A node without a key of its own settles on one when it dials: by where it dials to.
    if keyed {
        screen.print(&format!("node id {}", node.id()));
    }
    let connection = node
        .connect(join)
        .serve(Desk::new)
        .await
        .map_err(|e| FarmError::Node(format!("cannot reach the coordinator at {join}"), e.into()))?;
    if !keyed {
        screen.print(&format!("node id {}", node.id()));
    }
    let name = name.unwrap_or_else(|| node.id().to_string()[..8].to_owned());
    let joined = async {
        let coordinator: CoordinatorProxy = connection.root().await.map_err(|e| FarmError::Join(e.into()))?;
        coordinator.join(&name).await.map_err(|e| FarmError::Join(e.into()))
    };
    tokio::select! {
        number = joined => tracing::debug!("joined as number {}", number?),
        code = stop.wait() => return Ok(code),
        () = stdin_end(until_stdin_ends) => return Ok(0),
    }
    tokio::select! {
        reason = connection.closed() => tracing::debug!("the coordinator is gone: {reason}"),
        code = stop.wait() => return Ok(code),
        () = stdin_end(until_stdin_ends) => {}
    }
    Ok(0)
}

/// Waits for the end of standard input, or for ever if that means nothing.
async fn stdin_end(means_something: bool) {
    if !means_something {
        std::future::pending::<()>().await;
    }
    let mut input = tokio::io::stdin();
    let mut ignored = [0; 64];
    while matches!(input.read(&mut ignored).await, Ok(1..)) {}
}

/// What a worker keeps between two tiles.
struct Desk {
    scene: Option<Arc<Scene>>,
    /// One tile is rendered at a time: the next waits here, not on the network.
    turn: Semaphore,
}

impl Desk {
    fn new() -> Self {
        Self { scene: None, turn: Semaphore::new(1) }
    }
}

#[service]
impl Renderer for Desk {
    async fn prepare(&mut self, scene: Scene) -> Result<(), RenderError> {
        scene.check().map_err(|problem| RenderError::BadScene(problem.to_string()))?;
        self.scene = Some(Arc::new(scene));
        Ok(())
    }

    async fn render(&self, tile: Tile, progress: Callback<fn(u32)>) -> Result<Bytes, RenderError> {
        let scene = self.scene.clone().ok_or(RenderError::NoScene)?;
        if !Grid::new(scene.size).has(tile) {
            return Err(RenderError::NoSuchTile);
        }
        let turn = self.turn.acquire().await.map_err(|_| RenderError::Stopped)?;
        let unwanted = StopOnDrop::default();
        let stopped = unwanted.0.clone();
        let (rows_done, mut rows) = watch::channel(0);
        let draw = async move {
            let pixels = blocking(move || {
                fractal::render(&scene, tile, &mut |row| {
                    // Nobody listens any more: then this is the last to know.
                    let _ = rows_done.send(row);
                    if stopped.load(Ordering::Relaxed) {
                        ControlFlow::Break(())
                    } else {
                        ControlFlow::Continue(())
                    }
                })
            })
            .await;
            drop(turn);
            pixels
        };
        // Only the newest number counts: a slow coordinator hears fewer of them.
        let tell = async {
            while rows.changed().await.is_ok() {
                let row = *rows.borrow_and_update();
                if progress.call(row).await.is_err() {
                    break;
                }
            }
        };
        let (pixels, ()) = tokio::join!(draw, tell);
        drop(unwanted);
        pixels.map(Bytes::from).ok_or(RenderError::Stopped)
    }

    fn pid(&self) -> u32 {
        std::process::id()
    }
}

/// Ends the drawing when the call is cancelled, which a thread would not notice.
#[derive(Default)]
struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
