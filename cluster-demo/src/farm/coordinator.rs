//! The coordinator: a node that workers join, and a foreman who keeps them busy.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use duologue::NodeBuilder;
use duologue::prelude::*;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::FarmError;
use super::services::{Coordinator, JoinError, RendererProxy};
use crate::children::Children;
use crate::cli::{JobArgs, NodeArgs, worker_name};
use crate::foreman::{EVENTS_MAX, Event, Foreman};
use crate::job::{Job, Who};
use crate::picture;
use crate::report::{Report, Screen};
use crate::scene::Scene;
use crate::schedule::{TILES_PER_WORKER, WorkerId};
use crate::signal::StopSignal;
use crate::tile::Tile;

/// A tile may take its time: up to the longest deadline a peer accepts.
const TILE_TIMEOUT: Duration = Duration::from_secs(600);
/// A worker that cannot say who it is within this is none.
const JOIN_TIMEOUT: Duration = Duration::from_secs(10);

/// Renders with worker processes that are started here.
pub(crate) async fn render_here(scene: Scene, args: &JobArgs, screen: Screen) -> Result<(), FarmError> {
    let address = SocketAddr::from(([127, 0, 0, 1], 0));
    render(scene, address, super::node(&NodeArgs::default())?, args, screen, true).await
}

/// Renders with whoever joins at `bind`.
pub(crate) async fn coordinate(
    scene: Scene,
    bind: SocketAddr,
    node: &NodeArgs,
    args: &JobArgs,
    screen: Screen,
) -> Result<(), FarmError> {
    render(scene, bind, super::node(node)?, args, screen, false).await
}

async fn render(
    scene: Scene,
    bind: SocketAddr,
    builder: NodeBuilder,
    args: &JobArgs,
    screen: Screen,
    here: bool,
) -> Result<(), FarmError> {
    let mut stop = StopSignal::new().map_err(FarmError::Signals)?;
    picture::check_target(&args.out)?;
    let job = Job::new(&scene, args.workers);
    let report = Report::new(screen.clone(), job.count());
    let (events, heard) = mpsc::channel(EVENTS_MAX);
    let desk = Desk { scene: Arc::new(scene), events, program: Handle::current() };
    let node = builder
        .serve(move || desk.clone())
        .bind(bind.to_string())
        .await
        .map_err(|e| FarmError::Node(format!("cannot listen at {bind}"), e.into()))?;
    let (address, id) = (node.local_addr().to_string(), node.id().to_string());
    if !here {
        screen.print(&format!("node id {id}"));
    }
    tracing::info!("coordinator at {address}: {} tiles, waiting for {} workers", job.count(), args.workers);

    let mut children = None;
    if here {
        children = Some(Children::start(args.workers, &address, &id, &screen).map_err(FarmError::Start)?);
    }
    let foreman = Foreman::new(job, report, heard);
    let worked = foreman.run(children.as_mut(), &mut stop).await;
    if let Some(children) = children {
        children.stop().await;
    }
    node.shutdown().await;
    save(worked?, &args.out, &screen).await
}

async fn save(job: Job, out: &Path, screen: &Screen) -> Result<(), FarmError> {
    let summary = job.summary();
    let path = out.to_owned();
    duologue::blocking(move || job.picture().save(&path)).await?;
    screen.print(&format!("{summary}\nwrote {}", out.display()));
    Ok(())
}

/// The coordinator as a connection sees it.
#[derive(Clone)]
struct Desk {
    scene: Arc<Scene>,
    events: mpsc::Sender<Event>,
    /// Where the links to the workers run: the node's own threads stay free for what arrives.
    program: Handle,
}

#[service]
impl Coordinator for Desk {
    async fn join(&self, caller: &Caller, name: &str) -> Result<u32, JoinError> {
        let name = worker_name(name).map_err(JoinError::Refused)?;
        let silent = |e: &dyn std::fmt::Display| JoinError::NoRenderer(e.to_string());
        let connection = caller.connection();
        let renderer: RendererProxy = connection.root().await.map_err(|e| silent(&e))?;
        let pid = renderer.pid().timeout(JOIN_TIMEOUT).await.map_err(|e| silent(&e))?;
        let scene = Scene::clone(&self.scene);
        renderer.prepare(scene).timeout(JOIN_TIMEOUT).await.map_err(|e| silent(&e))?;

        let (orders, ordered) = mpsc::channel(TILES_PER_WORKER);
        let (reply, number) = oneshot::channel();
        let joined = Event::Joined { who: Who { name, pid }, orders, reply };
        self.events.send(joined).await.map_err(|_| JoinError::Finished)?;
        let worker = number
            .await
            .map_err(|_| JoinError::Finished)?
            .map_err(|refused| JoinError::Refused(refused.to_string()))?;
        let link = WorkerLink { worker, renderer, events: self.events.clone() };
        self.program.spawn(link.run(connection.clone(), ordered));
        Ok(worker.0)
    }
}

/// The way to one worker.
#[derive(Clone)]
struct WorkerLink {
    worker: WorkerId,
    renderer: RendererProxy,
    events: mpsc::Sender<Event>,
}

impl WorkerLink {
    /// Passes the tiles on, and tells how they end, until either side is gone.
    async fn run(self, connection: Connection, mut ordered: mpsc::Receiver<Tile>) {
        let mut under_way = JoinSet::new();
        let reason = loop {
            tokio::select! {
                tile = ordered.recv() => match tile {
                    Some(tile) => drop(under_way.spawn(self.clone().render(tile))),
                    None => return connection.close_with(0, "no more tiles").await,
                },
                Some(ended) = under_way.join_next() => match ended {
                    Ok(Ok(())) => {}
                    Ok(Err(fault)) => break fault,
                    Err(panicked) => break panicked.to_string(),
                },
                ended = connection.closed() => break ended.to_string(),
            }
        };
        // If nobody hears it, there is nobody left to care.
        let _ = self.events.send(Event::Lost { worker: self.worker, reason }).await;
        connection.close_with(0, "given up").await;
    }

    /// One tile from order to answer; an error means that this worker is of no more use.
    async fn render(self, tile: Tile) -> Result<(), String> {
        let (worker, events) = (self.worker, self.events.clone());
        let progress = move |rows: u32| {
            // Only for the eye: what finds no room is left out.
            let _ = events.try_send(Event::Progress { worker, tile, rows });
        };
        let event = match self.renderer.render(tile, progress).timeout(TILE_TIMEOUT).await {
            Ok(pixels) => Event::Rendered { worker, tile, pixels: pixels.into() },
            Err(CallError::App(error)) => Event::Failed { worker, tile, reason: error.to_string() },
            Err(fault) => return Err(fault.to_string()),
        };
        // A foreman who does not listen any more has what he wants.
        let _ = self.events.send(event).await;
        Ok(())
    }
}
