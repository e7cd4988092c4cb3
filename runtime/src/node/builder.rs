//! Setting a node up, and starting its threads.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot, watch};
use transport::{Endpoint, Identity, NodeId, Trust};

use super::budget::Budget;
use super::life::{Life, Thread};
use super::place::Place;
use super::trust::Credentials;
use super::{ConnectError, Node, NodeError, NodeInner, Worker};
use crate::config::Config;
use crate::descriptor::Descriptor;
use crate::dynamic::DynService;
use crate::object::Restart;
use crate::services::{Factory, FactoryAs, Maker, Services};

/// A node to be: what it serves, who it is, whom it trusts.
///
/// ```no_run
/// # use duologue_runtime::Node;
/// # use transport::{Identity, NodeId, Trust};
/// # async fn start(path: &str, peer_id: NodeId) -> Result<(), Box<dyn std::error::Error>> {
/// let node = Node::builder()
///     .identity(Identity::load_or_create(path)?)
///     .trust(Trust::pinned([peer_id]))
///     // .serve(|| Desk { total: 0 })
///     .bind("0.0.0.0:18861")
///     .await?;
/// node.run().await;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
#[must_use = "a node runs after `bind` or `start`"]
pub struct NodeBuilder {
    config: Config,
    arbiters: Option<usize>,
    identity: Option<Identity>,
    trust: Option<Trust>,
    services: Services,
    /// A rule was given that applies to no service.
    stray_rule: bool,
    here: bool,
    backtraces: bool,
    place: Place,
}

impl NodeBuilder {
    /// What every peer finds first; each connection gets an instance of its own. Share state by cloning an `Arc` into the closure.
    pub fn serve<T, F: Factory<T>>(mut self, factory: F) -> Self {
        self.services.set_root(Maker::each(factory));
        self
    }

    /// The same, with one instance for all connections, made when the first one needs it.
    pub fn serve_shared<T, F: Factory<T>>(mut self, factory: F) -> Self {
        self.services.set_root(Maker::each(factory).shared());
        self
    }

    /// For a type with several services: which one is the root.
    pub fn serve_as<P: 'static>(mut self, factory: impl FactoryAs<P>) -> Self {
        self.services.set_root(Maker::each_as::<P>(factory));
        self
    }

    /// A service that answers by name as the root, with the interface that callers are to see.
    ///
    /// The interface is given beside the factory because peers may see it before the first instance is made.
    pub fn serve_dynamic<S: DynService>(
        mut self,
        interface: Descriptor,
        factory: impl Fn() -> S + Send + Sync + 'static,
    ) -> Self {
        self.services.set_root(Maker::each_dynamic(interface, factory));
        self
    }

    /// A service that answers by name under a name of its own.
    pub fn service_dynamic<S: DynService>(
        mut self,
        name: &str,
        interface: Descriptor,
        factory: impl Fn() -> S + Send + Sync + 'static,
    ) -> Self {
        self.services.add(name, Maker::each_dynamic(interface, factory));
        self
    }

    /// A further service under a name of its own; each connection that opens it gets an instance.
    pub fn service<T, F: Factory<T>>(mut self, name: &str, factory: F) -> Self {
        self.services.add(name, Maker::each(factory));
        self
    }

    /// A further service with one instance for all connections.
    pub fn service_shared<T, F: Factory<T>>(mut self, name: &str, factory: F) -> Self {
        self.services.add(name, Maker::each(factory).shared());
        self
    }

    /// Only these nodes may open the service that was given just before; to others it does not exist: its name is unknown, and a
    /// root is void.
    ///
    /// The rule is asked once for each connection, when the service is opened. It is no rule for calls: whoever may open a service
    /// may hand its proxy on.
    ///
    /// ```
    /// # use duologue_runtime::Node;
    /// # use transport::{NodeId, Trust};
    /// # fn start(operators: Vec<NodeId>, trust: Trust) {
    /// let node = Node::builder()
    ///     .trust(trust)
    ///     // .serve(|| Desk { total: 0 })
    ///     // .service("Admin", || Admin)
    ///     .allow(operators);
    /// # }
    /// ```
    pub fn allow(self, peers: impl IntoIterator<Item = NodeId>) -> Self {
        let peers: std::collections::HashSet<NodeId> = peers.into_iter().collect();
        self.allow_if(move |peer| peers.contains(&peer))
    }

    /// The same, for those of whom `rule` says so. Several rules for one service all count.
    pub fn allow_if(mut self, rule: impl Fn(NodeId) -> bool + Send + Sync + 'static) -> Self {
        match self.services.last() {
            Some(service) => service.allow(rule),
            None => self.stray_rule = true,
        }
        self
    }

    /// How instances of the service that was given just before are made anew after a panic; before any service, of all services
    /// for which nothing else is said.
    ///
    /// ```
    /// use duologue_runtime::{Node, Restart};
    ///
    /// // A panic in a `&mut self` method of any service ends its instance.
    /// let node = Node::builder().restart(Restart::never());
    /// ```
    pub fn restart(mut self, restart: Restart) -> Self {
        self.services.set_restart(restart);
        self
    }

    /// Who the node is. Without it a node on loopback has a fresh key, and one that dials elsewhere the key of the user's configuration
    /// directory.
    pub fn identity(mut self, identity: Identity) -> Self {
        self.identity = Some(identity);
        self
    }

    /// Whom the node lets in and whom it dials.
    pub fn trust(mut self, trust: Trust) -> Self {
        self.trust = Some(trust);
        self
    }

    /// All settings at once.
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// How many threads the node runs, whatever the config says; see [`Config::arbiters`].
    pub fn arbiters(mut self, count: usize) -> Self {
        self.arbiters = Some(count);
        self
    }

    /// Runs the whole node on the thread that starts it, which must have `#[actix::main]` or a tokio `LocalSet`: for single-threaded
    /// programs and for tests under virtual time.
    pub fn on_this_thread(mut self) -> Self {
        self.here = true;
        self
    }

    /// Whether the caller of a method that panics is told where: `CallError::Panicked` then bears a backtrace, at most 3 KiB
    /// of it (see [`CallError::backtrace`](crate::CallError::backtrace)). It shows names and paths of the program to its peers, hence off
    /// unless it is asked for. For panics on the node's own threads.
    pub fn backtraces(mut self, given: bool) -> Self {
        self.backtraces = given;
        self
    }

    /// Puts the node on a simulated network instead of the machine's. It is bound to literal addresses there, whose trust is the usual
    /// one: nothing needs to be chosen on loopback. With [`on_this_thread`](Self::on_this_thread) it runs in virtual time too, where
    /// tokio's clock is paused.
    ///
    /// ```
    /// use duologue_runtime::Node;
    /// use duologue_runtime::sim::{Conditions, Network};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let network = Network::new(7);
    /// network.set(Conditions::default().loss(0.1));
    /// let server = Node::builder().network(&network).bind("127.0.0.1:1").await?;
    /// let client = Node::builder().network(&network).start().await?;
    /// client.connect("127.0.0.1:1").await?.ping().await?;
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "testing")]
    pub fn network(mut self, network: &transport::sim::Network) -> Self {
        self.place = Place::on(network);
        self
    }

    /// Starts a node that only dials.
    pub async fn start(self) -> Result<Node, NodeError> {
        self.launch(None).await
    }

    /// Starts the node and listens on `address`, `"host:port"`; port 0 takes a free one.
    ///
    /// An address of this machine only (loopback) lets every process of this machine in unless a trust was chosen; any other
    /// needs one.
    pub async fn bind(self, address: impl Into<String>) -> Result<Node, NodeError> {
        self.launch(Some(address.into())).await
    }

    async fn launch(self, address: Option<String>) -> Result<Node, NodeError> {
        let NodeBuilder {
            mut config,
            arbiters,
            identity,
            trust,
            services,
            stray_rule,
            here,
            backtraces,
            place,
        } = self;
        if stray_rule {
            return Err(NodeError::NothingToAllow);
        }
        if backtraces {
            crate::object::backtrace::install();
        }
        config.arbiters = arbiters.unwrap_or(config.arbiters);
        let (workers, thread) = if here {
            (vec![worker_here()?], None)
        } else {
            let (workers, thread) = start_threads(config.arbiters.clamp(1, 1_024)).await?;
            (workers, Some(thread))
        };
        let credentials = Credentials::new(identity, trust);
        let endpoint = match address {
            None => None,
            Some(address) => {
                let rules = services.has_rules();
                Some(bind(&address, &credentials, &config, &place, rules, &workers[0]).await?)
            }
        };
        for worker in &workers {
            worker.set_object_queue_max(config.object_queue_max);
            worker.set_busy_poll(config.busy_poll);
            worker.run(move || crate::object::backtrace::note(backtraces));
        }
        let budget = Budget::new(config.memory_max);
        let node = Arc::new(NodeInner {
            config,
            boot: rand::random(),
            budget,
            credentials,
            place,
            workers,
            local: endpoint.as_ref().map(Endpoint::local_addr),
            endpoint: Mutex::new(endpoint.clone()),
            dialers: Mutex::new(HashMap::new()),
            services: Arc::new(services),
            connections: Mutex::default(),
            changed: Notify::new(),
            draining: AtomicBool::new(false),
            down: watch::channel(false).0,
        });
        let life = Life::new(node.clone(), thread);
        if let Some(endpoint) = endpoint {
            let (inner, weak) = (node.clone(), Arc::downgrade(&life));
            node.workers[0].run(move || {
                tokio::task::spawn_local(inner.accept(endpoint, weak));
            });
        }
        Ok(Node { inner: node, life })
    }
}

async fn bind(
    address: &str,
    credentials: &Credentials,
    config: &Config,
    place: &Place,
    rules: bool,
    worker: &Worker,
) -> Result<Endpoint, NodeError> {
    let wrong = |reason: String| NodeError::Address { address: address.to_owned(), reason };
    let resolved = tokio::net::lookup_host(address).await.map_err(|e| wrong(e.to_string()))?;
    let at = resolved.into_iter().next().ok_or_else(|| wrong("the name has no address".into()))?;
    let (identity, trust) = if at.ip().to_canonical().is_loopback() {
        if rules && !credentials.trust_chosen() {
            return Err(NodeError::RulesWithoutTrust(at));
        }
        credentials.local()?
    } else if credentials.trust_chosen() {
        credentials.listening().map_err(|e| match e {
            ConnectError::Identity(e) => NodeError::Identity(e),
            other => wrong(other.to_string()),
        })?
    } else {
        return Err(NodeError::TrustNotChosen(at));
    };
    let (config, place) = (config.transport.clone(), place.clone());
    let bound = worker.call(move || async move { place.bind(at, &identity, &trust, &config) }).await;
    let endpoint = bound.ok_or_else(|| NodeError::Thread("it has ended".into()))??;
    tracing::info!(address = %endpoint.local_addr(), id = %endpoint.node_id(), "listening");
    Ok(endpoint)
}

/// This thread as the node's only one.
fn worker_here() -> Result<Worker, NodeError> {
    // One of a runtime that this thread ran before has ended.
    if let Some(worker) = Worker::current().filter(Worker::runs) {
        return Ok(worker);
    }
    // Where no `LocalSet` is entered, tokio's `spawn_local` panics; there is no way to ask beforehand.
    std::panic::catch_unwind(Worker::here).map_err(|_| NodeError::NoLocalSet)
}

/// Starts an actix system on a thread of its own, with further arbiters; the system's own thread is the first worker.
async fn start_threads(count: usize) -> Result<(Vec<Worker>, Thread), NodeError> {
    let (started, workers) = oneshot::channel();
    let (stop, stopped) = oneshot::channel();
    let (gone, ended) = watch::channel(());
    let failed = |e: std::io::Error| NodeError::Thread(e.to_string());
    std::thread::Builder::new()
        .name("duologue-0".to_owned())
        .spawn(move || {
            actix::System::new().block_on(async move {
                let mut workers = vec![Worker::here()];
                let mut arbiters = Vec::new();
                for _ in 1..count {
                    let arbiter = actix::Arbiter::new();
                    let (tx, rx) = oneshot::channel();
                    let crossings = workers[0].crossings();
                    arbiter.spawn_fn(move || {
                        let _ = tx.send(Worker::beside(crossings));
                    });
                    if let Ok(worker) = rx.await {
                        workers.push(worker);
                    }
                    arbiters.push(arbiter);
                }
                if started.send(workers).is_ok() {
                    let _ = stopped.await;
                }
                for arbiter in &arbiters {
                    arbiter.stop();
                }
                for arbiter in arbiters {
                    let _ = arbiter.join();
                }
            });
            drop(gone);
        })
        .map_err(failed)?;
    let workers = workers.await.map_err(|_| NodeError::Thread("it ended at once".into()))?;
    Ok((workers, Thread { stop, ended }))
}
