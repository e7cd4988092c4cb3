//! A node: one identity, its endpoints, its threads, what it serves, and the connections it has.

pub(crate) mod budget;
mod builder;
mod dial;
mod error;
mod home;
mod life;
mod place;
mod spin;
mod trust;
mod worker;

pub use builder::NodeBuilder;
pub use dial::Connecting;
pub use error::{ConnectError, NodeError};
pub(crate) use life::Life;
pub use worker::Worker;

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use foldhash::fast::RandomState;
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use transport::{Endpoint, NodeId};

use crate::config::Config;
use crate::connection::{self, Connection, ConnectionStats, Message, Shared};
use crate::descriptor::Descriptor;
use crate::dynamic::{DynProxy, DynService, host_dynamic};
use crate::object::{Dispatch, Make};
use crate::proxy::{Handle, Proxy};
use crate::services::Services;
use budget::Budget;
use place::Place;
use trust::Credentials;

/// A running peer: it serves, it dials, or both.
///
/// A handle: clones are the same node. It runs while a handle, a connection or a proxy of it is held, or until [`Node::shutdown`].
///
/// ```
/// # use duologue_runtime::Node;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let server = Node::builder().bind("127.0.0.1:0").await?;
/// let client = Node::new().await?;
/// let conn = client.connect(server.local_addr().to_string()).await?;
/// conn.ping().await?;
/// server.shutdown().await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Node {
    inner: Arc<NodeInner>,
    life: Arc<Life>,
}

/// What all parts of a node share.
pub(crate) struct NodeInner {
    pub(crate) config: Config,
    pub(crate) boot: u64,
    /// What it holds for its peers.
    pub(crate) budget: Arc<Budget>,
    credentials: Credentials,
    place: Place,
    workers: Vec<Worker>,
    /// Given up when the node ends, and with it the port.
    endpoint: Mutex<Option<Endpoint>>,
    local: Option<SocketAddr>,
    dialers: Mutex<HashMap<(usize, bool), Endpoint>>,
    services: Arc<Services>,
    connections: Mutex<HashMap<u64, Weak<Shared>, RandomState>>,
    /// Something about the connections has changed.
    changed: Notify,
    draining: AtomicBool,
    down: watch::Sender<bool>,
}

/// What a shutdown may take beside the drain.
const SHUTDOWN_MAX: Duration = Duration::from_secs(5);

/// Connections that are told of the end at once. All of many thousands at once overrun the socket of a peer that has them all: what it
/// misses is sent again, to a peer that has no time for it, until this side gives up and the peer keeps connections that are gone.
const TOLD_AT_ONCE: usize = 256;

/// When the next ones are told that no more calls are taken.
const DRAIN_PACE: Duration = Duration::from_millis(5);

/// When the next ones are closed, although these are not closed yet.
const CLOSE_PACE: Duration = Duration::from_millis(25);

/// How much longer than its own limit a connection may take to close, should its thread be blocked.
const CLOSE_MAX: Duration = Duration::from_secs(2);

/// What a node holds at this moment: the sum over its connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodeStats {
    /// Connections that are open.
    pub connections: usize,
    /// What they hold.
    pub total: ConnectionStats,
    /// Bytes of unanswered calls, of unsent frames and of streams that were not taken, which are held for them; see [`Config::memory_max`].
    pub memory: u64,
}

impl Node {
    /// A node with the default settings that only dials.
    pub async fn new() -> Result<Node, NodeError> {
        Node::builder().start().await
    }

    /// A node to be set up: what it serves, its identity, whom it trusts, where it listens.
    pub fn builder() -> NodeBuilder {
        NodeBuilder::default()
    }

    /// Connects to the node at `target`, `"host:port"`, always by a new connection. It stays until it is closed or the node ends,
    /// whether or not its handle is kept: the peer may be using what this side serves on it.
    ///
    /// Awaits as it is, or serves something on this connection first:
    ///
    /// ```text
    /// let conn = node.connect("localhost:18861").serve(|| MyClientService).await?;
    /// ```
    pub fn connect(&self, target: impl Into<String>) -> Connecting {
        Connecting::new(self.clone(), target.into())
    }

    /// The identity that peers see; settled by the first bind or connect.
    ///
    /// A node that only dials and has not dialed yet settles it now, as for a peer on this machine.
    pub fn id(&self) -> NodeId {
        self.inner.credentials.id()
    }

    /// Where the node listens.
    ///
    /// # Panics
    /// If it only dials; see [`Node::try_local_addr`].
    pub fn local_addr(&self) -> SocketAddr {
        self.try_local_addr().expect("this node only dials: it was not bound to an address")
    }

    /// Where the node listens, if it does.
    pub fn try_local_addr(&self) -> Option<SocketAddr> {
        self.inner.local
    }

    /// Its address on the simulated network it was put on: where it listens, or an address of its own. `None` on the real network.
    #[cfg(feature = "testing")]
    pub fn machine(&self) -> Option<std::net::IpAddr> {
        self.inner.place.machine()
    }

    /// A proxy on a value that `make` makes on one of the node's threads.
    ///
    /// ```text
    /// let desk: CalculatorProxy = node.host(|| Desk { total: 0 });
    /// ```
    pub fn host<P, S>(&self, make: impl FnOnce() -> S + Send + 'static) -> P
    where
        P: Proxy + Dispatch<S>,
        S: 'static,
    {
        P::from_handle(Handle::local(crate::object::host::<P, S>(Make::once(make), &self.inner.worker())))
    }

    /// A proxy on a service that answers by name, which `make` makes on one of the node's threads.
    pub fn host_dynamic<S: DynService>(
        &self,
        interface: Descriptor,
        make: impl FnOnce() -> S + Send + 'static,
    ) -> DynProxy {
        let object = host_dynamic(interface.into(), Make::once(make), &self.inner.worker());
        DynProxy::from_handle(Handle::local(object))
    }

    /// The open connections.
    pub fn connections(&self) -> Vec<Connection> {
        self.inner.open_connections().into_iter().map(Connection::of).collect()
    }

    /// What the node holds now.
    pub fn stats(&self) -> NodeStats {
        let mut stats = NodeStats { memory: self.inner.budget.used(), ..NodeStats::default() };
        for connection in self.connections() {
            stats.connections += 1;
            stats.total += connection.stats();
        }
        stats
    }

    /// Waits until `done` says so of the node's figures; looked at whenever a connection opens or ends, and every few milliseconds.
    pub async fn until(&self, done: impl Fn(NodeStats) -> bool) {
        loop {
            let mut changed = std::pin::pin!(self.inner.changed.notified());
            changed.as_mut().enable();
            if done(self.stats()) {
                return;
            }
            let _ = tokio::time::timeout(Duration::from_millis(2), changed).await;
        }
    }

    /// Serves until Ctrl-C or SIGTERM, then drains: calls under way may end, new ones are refused.
    pub async fn run(&self) {
        let mut down = self.inner.down.subscribe();
        tokio::select! {
            () = signalled() => tracing::info!("signal received, draining"),
            _ = down.wait_for(|down| *down) => return,
        }
        tokio::select! {
            () = self.shutdown() => {}
            () = signalled() => tracing::warn!("signal received again, ending at once"),
        }
    }

    /// Ends the node in good order: no new connections, no new calls; running calls may end within
    /// [`Config::drain_timeout`]; then every connection is closed, a few hundred at a time. When it returns, the port is free, whoever
    /// still holds the node; only a last word that the network does not take within a moment may keep it a little longer.
    pub async fn shutdown(&self) {
        let mut down = self.inner.down.subscribe();
        let node = self.clone();
        // A task of the node: a handler that shuts its own node down is stopped by that, the shutdown is not.
        self.inner.workers[0].run(move || {
            tokio::task::spawn_local(async move {
                node.inner.drain().await;
                node.life.stop().await;
            });
        });
        let limit = 2 * self.inner.config.drain_timeout + SHUTDOWN_MAX;
        let ended = async {
            let _ = down.wait_for(|down| *down).await;
            self.life.ended().await;
        };
        if tokio::time::timeout(limit, ended).await.is_err() {
            tracing::warn!("a thread of the node is blocked and was left behind");
        }
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_struct("Node");
        f.field("id", &self.inner.credentials.settled());
        f.field("local_addr", &self.try_local_addr()).finish_non_exhaustive()
    }
}

impl NodeInner {
    fn open_connections(&self) -> Vec<Arc<Shared>> {
        self.connections.lock().values().filter_map(Weak::upgrade).collect()
    }

    /// Where a new object lives: on the thread that makes it, if that is one of the node's.
    fn worker(&self) -> Worker {
        let here = Worker::current().filter(|here| self.workers.contains(here));
        here.unwrap_or_else(|| self.least_loaded().1)
    }

    /// The thread with the fewest connections; the endpoint's own among equals.
    fn least_loaded(&self) -> (usize, Worker) {
        let (n, worker) = self
            .workers
            .iter()
            .enumerate()
            .min_by_key(|(n, w)| (w.load(), *n))
            .expect("a node has at least one thread");
        (n, worker.clone())
    }

    pub(crate) fn remember(&self, shared: &Arc<Shared>) {
        self.connections.lock().insert(shared.id, Arc::downgrade(shared));
        self.changed.notify_waiters();
    }

    pub(crate) fn forget(&self, id: u64, worker: &Worker) {
        self.connections.lock().remove(&id);
        worker.unloaded();
        self.changed.notify_waiters();
    }

    /// Takes connections until the endpoint is closed. Each is handed to the thread it will live on, and accepted there.
    async fn accept(self: Arc<Self>, endpoint: Endpoint, life: Weak<Life>) {
        while let Some(incoming) = endpoint.accept().await {
            if self.draining.load(Ordering::Relaxed) {
                incoming.refuse();
                continue;
            }
            if self.budget.is_over() {
                if self.budget.reports(std::time::Instant::now()) {
                    let (remote, held) = (incoming.remote_address(), self.budget.used());
                    tracing::warn!(%remote, held, limit = "memory_max", "connections refused at a limit");
                }
                incoming.refuse();
                continue;
            }
            let (_, worker) = self.least_loaded();
            worker.loaded();
            let (node, life) = (self.clone(), life.clone());
            let on = worker.clone();
            worker.run(move || {
                tokio::task::spawn_local(async move {
                    let remote = incoming.remote_address();
                    let services = node.services.clone();
                    let opened = match incoming.accept().await {
                        Ok(link) => connection::accepted(link, node.clone(), life, on.clone(), services)
                            .await
                            .map_err(|e| e.to_string()),
                        Err(e) => Err(e.to_string()),
                    };
                    if let Err(reason) = opened {
                        on.unloaded();
                        tracing::warn!(%remote, reason, "a connection was refused");
                    }
                });
            });
        }
    }

    /// No new connections and calls; waits for the running ones, then closes every connection.
    async fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
        let limit = tokio::time::Instant::now() + self.config.drain_timeout;
        for few in self.open_connections().chunks(TOLD_AT_ONCE) {
            for actor in few.iter().filter_map(|shared| shared.actor.get()) {
                actor.do_send(Message::Drain);
            }
            if few.len() == TOLD_AT_ONCE {
                tokio::time::sleep(DRAIN_PACE).await;
            }
        }
        let idle = async {
            loop {
                let busy = self.open_connections().iter().any(|s| s.with(|t, _| t.running.len() > 0));
                if !busy {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        if tokio::time::timeout_at(limit, idle).await.is_err() {
            tracing::warn!("calls were still running when the drain time was over");
        }
        self.close_all("the node shuts down").await;
    }

    /// Closes every connection and waits until all are closed.
    pub(crate) async fn close_all(&self, reason: &str) {
        let open: Vec<Connection> = self.open_connections().into_iter().map(Connection::of).collect();
        let closed = async {
            for few in open.chunks(TOLD_AT_ONCE) {
                for actor in few.iter().filter_map(|connection| connection.shared().actor.get()) {
                    actor.do_send(Message::Close { code: 0, reason: reason.to_owned() });
                }
                let _ = tokio::time::timeout(CLOSE_PACE, all_closed(few)).await;
            }
            all_closed(&open).await;
        };
        if tokio::time::timeout(self.config.drain_timeout + CLOSE_MAX, closed).await.is_err() {
            tracing::warn!("a connection could not be closed in time");
        }
    }

    fn take_endpoints(&self) -> Vec<Endpoint> {
        let dialers = self.dialers.lock().drain().map(|(_, endpoint)| endpoint).collect::<Vec<_>>();
        self.endpoint.lock().take().into_iter().chain(dialers).collect()
    }
}

async fn all_closed(connections: &[Connection]) {
    for connection in connections {
        connection.closed().await;
    }
}

/// Ctrl-C anywhere, SIGTERM on Unix.
async fn signalled() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut term) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = term.recv() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}
