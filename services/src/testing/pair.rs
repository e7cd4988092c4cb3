//! [`pair`]: two nodes in memory and a connection between them.

use std::future::{Future, IntoFuture};
use std::net::IpAddr;
use std::pin::Pin;

use runtime::sim::{Conditions, Counters, Network};
use runtime::{ConnectError, Connection, Ended, Factory, Node, NodeBuilder, OpenError, Proxy};

use super::run::chosen_seed;
use crate::connect::DialError;

/// Two connected nodes on a simulated network of their own: a near one, which dialed, and a far one. Awaits as it is, or is told first
/// what they serve and what lies between them.
///
/// ```
/// use duologue::prelude::*;
/// use duologue::testing;
///
/// #[service]
/// trait Adder {
///     fn add(&self, a: i64, b: i64) -> i64;
/// }
///
/// struct Desk;
///
/// #[service]
/// impl Adder for Desk {
///     fn add(&self, a: i64, b: i64) -> i64 {
///         a + b
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let pair = testing::pair().serve(|| Desk).await?;
/// let adder: AdderProxy = pair.root().await?;
/// assert_eq!(adder.add(4, 7).await?, 11);
/// # Ok(())
/// # }
/// ```
///
/// The nodes have a thread each, and time is real. For virtual time, use [`run`](super::run) and its
/// [`World::pair`](super::World::pair). Without [`seed`](Pairing::seed), the seed is that of the environment's `DUOLOGUE_SEED`, or 0.
pub fn pair() -> Pairing {
    Pairing {
        network: Network::new(chosen_seed().unwrap_or(0)),
        conditions: Conditions::default(),
        near: Node::builder().arbiters(1),
        far: Node::builder().arbiters(1),
    }
}

/// A pair to be; see [`pair`].
#[derive(Debug)]
#[must_use = "it connects when it is awaited"]
pub struct Pairing {
    network: Network,
    conditions: Conditions,
    near: NodeBuilder,
    far: NodeBuilder,
}

/// Two connected nodes; both end when they, their connections and all proxies are dropped.
#[derive(Debug)]
#[non_exhaustive]
pub struct Pair {
    /// The one that dialed.
    pub near: End,
    /// The one that was dialed.
    pub far: End,
    /// What lies between them.
    pub network: Network,
}

/// One of two connected nodes.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct End {
    /// The node.
    pub node: Node,
    /// Its side of the connection.
    pub connection: Connection,
}

impl Pairing {
    /// What the far node serves.
    pub fn serve<T, F: Factory<T>>(self, factory: F) -> Pairing {
        self.far(|node| node.serve(factory))
    }

    /// What the near node serves: both ends may.
    pub fn serve_near<T, F: Factory<T>>(self, factory: F) -> Pairing {
        self.near(|node| node.serve(factory))
    }

    /// Sets the near node up further.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let mut config = duologue::Config::default();
    /// config.call_timeout = std::time::Duration::from_secs(1);
    /// let pair = duologue::testing::pair().near(|node| node.config(config)).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn near(mut self, set_up: impl FnOnce(NodeBuilder) -> NodeBuilder) -> Pairing {
        self.near = set_up(self.near);
        self
    }

    /// Sets the far node up further.
    pub fn far(mut self, set_up: impl FnOnce(NodeBuilder) -> NodeBuilder) -> Pairing {
        self.far = set_up(self.far);
        self
    }

    /// What lies between them, in both directions, from the first datagram on. A perfect link if nothing is said.
    pub fn conditions(mut self, conditions: Conditions) -> Pairing {
        self.conditions = conditions;
        self
    }

    /// A network of their own with this seed.
    pub fn seed(self, seed: u64) -> Pairing {
        self.network(&Network::new(seed))
    }

    /// A network that others may be on too; they get machines of their own there.
    pub fn network(mut self, network: &Network) -> Pairing {
        self.network = network.clone();
        self
    }

    /// Runs both nodes on the thread that awaits the pair, which must have a tokio `LocalSet`; needed for virtual time.
    pub fn on_this_thread(self) -> Pairing {
        self.near(NodeBuilder::on_this_thread).far(NodeBuilder::on_this_thread)
    }

    async fn connect(self) -> Result<Pair, DialError> {
        let Pairing { network, conditions, near, far } = self;
        let far = far.network(&network).bind(format!("{}:0", network.machine())).await?;
        let near = near.network(&network).start().await?;
        if let (Some(near), Some(far)) = (near.machine(), far.machine()) {
            network.set_between(near, far, conditions);
        }
        let target = far.local_addr().to_string();
        let connection = near.connect(&target).await?;
        let near = End { node: near, connection };
        // The far side is connected a moment later.
        tokio::select! {
            () = far.until(|stats| stats.connections > 0) => {}
            ended = near.connection.closed() => return Err(lost(target, &ended)),
        }
        match far.connections().pop() {
            Some(connection) => Ok(Pair { near, far: End { node: far, connection }, network }),
            None => Err(lost(target, &near.connection.closed().await)),
        }
    }
}

fn lost(target: String, ended: &Ended) -> DialError {
    ConnectError::Hello { target, reason: format!("the connection ended at once: {ended}") }.into()
}

impl IntoFuture for Pairing {
    type Output = Result<Pair, DialError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.connect())
    }
}

impl Pair {
    /// The far node's root service, as the near one sees it.
    pub async fn root<P: Proxy>(&self) -> Result<P, OpenError> {
        self.near.connection.root().await
    }

    /// Changes what lies between them, in both directions.
    pub fn set(&self, conditions: Conditions) {
        let (near, far) = self.machines();
        self.network.set_between(near, far, conditions);
    }

    /// From now on nothing arrives, until [`heal`](Pair::heal). The connection ends by its idle time-out.
    pub fn partition(&self) {
        let (near, far) = self.machines();
        self.network.partition(near, far);
    }

    /// Ends a partition.
    pub fn heal(&self) {
        let (near, far) = self.machines();
        self.network.heal(near, far);
    }

    /// What happened to the datagrams so far: those of the near end, and those of the far one.
    pub fn counters(&self) -> (Counters, Counters) {
        let (near, far) = self.machines();
        (self.network.counters_of(near, far), self.network.counters_of(far, near))
    }

    /// Where the near and the far node are.
    fn machines(&self) -> (IpAddr, IpAddr) {
        (self.far.connection.remote_address().ip(), self.near.connection.remote_address().ip())
    }
}
