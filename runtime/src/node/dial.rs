//! Dialing: an awaitable that may first be told what this side serves on the new connection.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use transport::Endpoint;

use super::{ConnectError, Node, NodeInner};
use crate::connection::{self, Connection};
use crate::services::{Factory, FactoryAs, Maker, Services};

/// A connection to be made: await it, or say first what this side serves on it.
#[derive(Debug)]
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
        self.services().root = Some(Maker::each(factory));
        self
    }

    /// The same, for a type with several services.
    pub fn serve_as<P: 'static>(mut self, factory: impl FactoryAs<P>) -> Connecting {
        self.services().root = Some(Maker::each_as::<P>(factory));
        self
    }

    /// A further service of this side on this connection.
    pub fn service<T, F: Factory<T>>(mut self, name: &str, factory: F) -> Connecting {
        self.services().named.push((name.to_owned(), Maker::each(factory)));
        self
    }

    async fn dial(self) -> Result<Connection, ConnectError> {
        let Connecting { node, target, services } = self;
        if node.inner.draining.load(Ordering::Relaxed) {
            return Err(ConnectError::NodeClosed);
        }
        let limit = node.inner.config.transport.connect_timeout;
        // A resolver that does not answer is for the dialing itself to report.
        let local = tokio::time::timeout(limit, is_loopback(&target)).await.unwrap_or(true);
        let (number, worker) = node.inner.least_loaded();
        let services = services.map_or_else(|| node.inner.services.clone(), Arc::new);
        worker.loaded();
        let (inner, on, life) = (node.inner.clone(), worker.clone(), Arc::downgrade(&node.life));
        let dialed = worker
            .call(move || async move {
                // On the thread where the connection will live: its endpoint and its driver live there too.
                let endpoint = inner.dialer(number, local, &target)?;
                let link = endpoint.connect(&target).await?;
                connection::dialed(link, inner, life, on, services)
                    .await
                    .map_err(|e| ConnectError::of_hello(&target, e))
            })
            .await;
        match dialed {
            Some(Ok(connection)) => Ok(connection),
            Some(Err(e)) => {
                worker.unloaded();
                Err(e)
            }
            None => Err(ConnectError::NodeClosed),
        }
    }
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
        let endpoint = Endpoint::dialer(&identity, &trust, &self.config.transport)?;
        dialers.insert((worker, local), endpoint.clone());
        Ok(endpoint)
    }
}

/// Whether all addresses of `target` are of this machine. One that does not resolve is not; dialing it says why.
async fn is_loopback(target: &str) -> bool {
    match tokio::net::lookup_host(target).await {
        Ok(addresses) => {
            let mut any = false;
            for address in addresses {
                any = true;
                if !address.ip().to_canonical().is_loopback() {
                    return false;
                }
            }
            any
        }
        // So that a wrong name is reported as such, not as a missing key.
        Err(_) => true,
    }
}
