//! Dialing: an awaitable that may first be told what this side serves on the new connection.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use tokio::sync::oneshot;
use transport::{Endpoint, Identity, Trust};

use super::{ConnectError, Life, Node, NodeInner, Worker};
use crate::connection::{self, Connection};
use crate::descriptor::Descriptor;
use crate::dynamic::DynService;
use crate::reconnect::Reconnecting;
use crate::services::{Factory, FactoryAs, Maker, Services};

/// A connection to be made: await it, or say first what this side serves on it.
#[derive(Clone, Debug)]
#[must_use = "it dials when it is awaited"]
pub struct Connecting {
    node: Node,
    target: String,
    services: Option<Services>,
}

impl Connecting {
    pub(crate) fn new(node: Node, target: String) -> Connecting {
        Connecting { node, target, services: None }
    }

    fn services(&mut self) -> &mut Services {
        let node = &self.node.inner;
        self.services.get_or_insert_with(|| (*node.services).clone())
    }

    /// What the peer finds as this side's root, instead of the node's own: an instance for this connection.
    pub fn serve<T, F: Factory<T>>(mut self, factory: F) -> Connecting {
        self.services().set_root(Maker::each(factory));
        self
    }

    /// The same, for a type with several services.
    pub fn serve_as<P: 'static>(mut self, factory: impl FactoryAs<P>) -> Connecting {
        self.services().set_root(Maker::each_as::<P>(factory));
        self
    }

    /// What the peer finds as this side's root, answering by name; see [`NodeBuilder::serve_dynamic`](crate::NodeBuilder::serve_dynamic).
    pub fn serve_dynamic<S: DynService>(
        mut self,
        interface: Descriptor,
        factory: impl Fn() -> S + Send + Sync + 'static,
    ) -> Connecting {
        self.services().set_root(Maker::each_dynamic(interface, factory));
        self
    }

    /// A further service of this side on this connection, answering by name.
    pub fn service_dynamic<S: DynService>(
        mut self,
        name: &str,
        interface: Descriptor,
        factory: impl Fn() -> S + Send + Sync + 'static,
    ) -> Connecting {
        self.services().add(name, Maker::each_dynamic(interface, factory));
        self
    }

    /// A further service of this side on this connection.
    pub fn service<T, F: Factory<T>>(mut self, name: &str, factory: F) -> Connecting {
        self.services().add(name, Maker::each(factory));
        self
    }

    /// A connection that is made again when it is lost, and proxies that outlive it. What was said of services is said of each.
    pub fn reconnecting(self) -> Reconnecting {
        Reconnecting::new(self)
    }

    async fn dial(self) -> Result<Connection, ConnectError> {
        let Connecting { node, target, services } = self;
        if node.inner.draining.load(Ordering::Relaxed) {
            return Err(ConnectError::NodeClosed);
        }
        let limit = node.inner.config.transport.connect_timeout;
        // A resolver that does not answer is for the dialing itself to report.
        let whereto = tokio::time::timeout(limit, whereto(&target)).await.unwrap_or(Whereto::Unknown);
        let (number, worker) = node.inner.least_loaded();
        let services = services.map_or_else(|| node.inner.services.clone(), Arc::new);
        worker.loaded();
        let (inner, on, life) = (node.inner.clone(), worker.clone(), Arc::downgrade(&node.life));
        let (tell, dialed) = oneshot::channel();
        worker.run(move || {
            // On the thread where the connection will live: its endpoint and its driver live there too.
            tokio::task::spawn_local(async move {
                let dialed = dial(inner, number, whereto, target, life, on.clone(), services).await;
                if dialed.is_err() {
                    on.unloaded();
                }
                // Whoever dialed may have given up meanwhile.
                if let Err(Ok(unwanted)) = tell.send(dialed) {
                    unwanted.close().await;
                }
            });
        });
        dialed.await.unwrap_or(Err(ConnectError::NodeClosed))
    }
}

async fn dial(
    node: Arc<NodeInner>,
    number: usize,
    whereto: Whereto,
    target: String,
    life: Weak<Life>,
    on: Worker,
    services: Arc<Services>,
) -> Result<Connection, ConnectError> {
    let endpoint = match whereto {
        Whereto::Here => node.dialer(number, true, &target)?,
        Whereto::Elsewhere => node.dialer(number, false, &target)?,
        // Nothing is settled by a name that does not resolve; should it do so now, nobody is trusted there.
        Whereto::Unknown => {
            node.place.dialer(&Identity::generate()?, &Trust::pinned([]), &node.config.transport)?
        }
    };
    let link = endpoint.connect(&target).await?;
    if whereto == Whereto::Here && !link.remote_address().ip().to_canonical().is_loopback() {
        // The name has changed its mind since it was looked up, and this trust is for this machine only.
        link.close(0, "");
        return Err(ConnectError::Moved(target));
    }
    let opened = connection::dialed(link, node, life, on, services).await;
    opened.map_err(|e| ConnectError::of_hello(&target, e))
}

impl IntoFuture for Connecting {
    type Output = Result<Connection, ConnectError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.dial())
    }
}

impl NodeInner {
    /// The dialing endpoint of a thread, made when it is first needed.
    fn dialer(&self, worker: usize, local: bool, target: &str) -> Result<Endpoint, ConnectError> {
        let mut dialers = self.dialers.lock();
        if let Some(endpoint) = dialers.get(&(worker, local)) {
            return Ok(endpoint.clone());
        }
        let (identity, trust) =
            if local { self.credentials.local()? } else { self.credentials.elsewhere(target)? };
        let endpoint = self.place.dialer(&identity, &trust, &self.config.transport)?;
        dialers.insert((worker, local), endpoint.clone());
        Ok(endpoint)
    }
}

/// What is known of a target before it is dialed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whereto {
    /// All its addresses are of this machine.
    Here,
    Elsewhere,
    /// It does not resolve.
    Unknown,
}

async fn whereto(target: &str) -> Whereto {
    let Ok(mut addresses) = tokio::net::lookup_host(target).await else { return Whereto::Unknown };
    let here = |a: std::net::SocketAddr| a.ip().to_canonical().is_loopback();
    match addresses.next() {
        None => Whereto::Unknown,
        Some(first) if here(first) && addresses.all(here) => Whereto::Here,
        Some(_) => Whereto::Elsewhere,
    }
}
