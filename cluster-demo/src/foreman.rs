//! Keeps a job going: events from the workers in, tiles out, until the picture is there.
//!
//! A worker is a channel of tiles here; what is behind it is the farm's business. So is the link: nothing in this
//! file knows that there is one.

use std::collections::BTreeMap;
use std::io;

use tokio::sync::{mpsc, oneshot};

use crate::children::{Children, Ended};
use crate::cli::WORKERS_MAX;
use crate::job::{GivenUp, Job, JoinRefused, Who};
use crate::report::Report;
use crate::schedule::WorkerId;
use crate::signal::StopSignal;
use crate::tile::Tile;

/// Events that may wait; above this, workers wait with their answers.
pub(crate) const EVENTS_MAX: usize = 256;

/// What workers have to say.
#[derive(Debug)]
pub(crate) enum Event {
    /// A worker has the scene and takes tiles from now on. The channel is closed when it is not needed any more.
    Joined {
        who: Who,
        orders: mpsc::Sender<Tile>,
        /// Its number, which the further events name.
        reply: oneshot::Sender<Result<WorkerId, JoinRefused>>,
    },
    /// So many rows of the tile are finished.
    Progress { worker: WorkerId, tile: Tile, rows: u32 },
    /// The tile's pixels.
    Rendered { worker: WorkerId, tile: Tile, pixels: Vec<u8> },
    /// The worker is well, but cannot render this tile.
    Failed { worker: WorkerId, tile: Tile, reason: String },
    /// The worker is gone.
    Lost { worker: WorkerId, reason: String },
}

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum StopReason {
    /// It cannot be finished.
    #[error(transparent)]
    GivenUp(#[from] GivenUp),
    /// Somebody wanted to stop; this is the exit code for it.
    #[error("stopped")]
    Told(u8),
    /// A worker process could not be waited for.
    #[error("cannot wait for a worker process: {0}")]
    Children(#[from] io::Error),
}

/// The one place where a job is changed.
#[derive(Debug)]
pub(crate) struct Foreman {
    job: Job,
    report: Report,
    events: mpsc::Receiver<Event>,
    orders: BTreeMap<WorkerId, mpsc::Sender<Tile>>,
}

impl Foreman {
    pub(crate) fn new(job: Job, report: Report, events: mpsc::Receiver<Event>) -> Self {
        Self { job, report, events, orders: BTreeMap::new() }
    }

    /// Works until every tile is there. With `children`, those are all the workers there will ever be.
    pub(crate) async fn run(
        mut self,
        mut children: Option<&mut Children>,
        stop: &mut StopSignal,
    ) -> Result<Job, StopReason> {
        let result = self.work(&mut children, stop).await;
        self.show_news();
        self.report.finish();
        result.map(|()| self.job)
    }

    async fn work(
        &mut self,
        children: &mut Option<&mut Children>,
        stop: &mut StopSignal,
    ) -> Result<(), StopReason> {
        loop {
            self.hand_out();
            self.show_news();
            if self.job.is_finished() {
                return Ok(());
            }
            if children.is_some() {
                self.job.check_workers()?;
            }
            tokio::select! {
                biased;
                code = stop.wait() => return Err(StopReason::Told(code)),
                ended = next_ended(children) => self.child_ended(ended?),
                // Our own sender lives as long as the service; without one, nothing comes any more.
                event = self.events.recv() => match event {
                    Some(event) => self.event(event)?,
                    None => std::future::pending().await,
                },
            }
        }
    }

    fn event(&mut self, event: Event) -> Result<(), GivenUp> {
        match event {
            Event::Joined { who, orders, reply } => {
                let joined = self.job.join(who, WORKERS_MAX);
                if let Ok(worker) = joined {
                    self.orders.insert(worker, orders);
                }
                let worker = joined.as_ref().ok().copied();
                if let (Err(_), Some(worker)) = (reply.send(joined), worker) {
                    self.lost(worker, "it did not wait for its place");
                }
            }
            Event::Progress { worker, tile, rows } => self.job.progress(worker, tile, rows),
            Event::Rendered { worker, tile, pixels } => self.job.rendered(worker, tile, &pixels)?,
            Event::Failed { worker, tile, reason } => self.job.failed(worker, tile.index, &reason)?,
            Event::Lost { worker, reason } => self.lost(worker, &reason),
        }
        Ok(())
    }

    fn child_ended(&mut self, ended: Ended) {
        match self.job.worker_of(ended.pid) {
            Some(worker) => self.lost(worker, &format!("its process ended ({})", ended.status)),
            // Either its link was faster, or it never came so far.
            None => self.job.will_not_come(),
        }
    }

    fn lost(&mut self, worker: WorkerId, reason: &str) {
        self.orders.remove(&worker);
        self.job.lost(worker, reason);
    }

    fn hand_out(&mut self) {
        // Again, because what an unreachable worker does not take goes to the others.
        loop {
            let orders = self.job.orders();
            if orders.is_empty() {
                return;
            }
            for order in orders {
                // There is room for all a worker may hold: a full channel is as bad as a closed one.
                let sent = self.orders.get(&order.worker).map(|to| to.try_send(order.tile));
                if !matches!(sent, Some(Ok(()))) {
                    self.lost(order.worker, "it takes no more tiles");
                }
            }
        }
    }

    fn show_news(&mut self) {
        for news in self.job.take_news() {
            self.report.show(&news);
        }
    }
}

/// The next child that ends; never, if there is none.
async fn next_ended(children: &mut Option<&mut Children>) -> io::Result<Ended> {
    if let Some(children) = children
        && let Some(ended) = children.next_ended().await
    {
        return ended;
    }
    std::future::pending().await
}

#[cfg(test)]
mod tests;
