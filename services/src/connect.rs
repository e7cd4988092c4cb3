//! The shortest way to a connection: a node with the default settings, and one dial.

use std::future::IntoFuture;
use std::pin::Pin;

use runtime::{ConnectError, Connection, Node, NodeError, Reconnecting};

/// Connects to the node at `target`, `"host:port"`, from a node of its own that only dials:
/// `Node::new().await?.connect(target).await`.
///
/// The node runs as long as the connection, or a proxy that came by it, is held. For several connections, for
/// services of this side or for a chosen identity, make the [`Node`] yourself.
///
/// Awaited, it is one connection. With [`Dial::reconnecting`] it is made again when it is lost.
pub fn connect(target: impl Into<String>) -> Dial {
    Dial { target: target.into() }
}

/// What [`connect`] gives: await it.
#[derive(Debug)]
#[must_use = "it dials when it is awaited"]
pub struct Dial {
    target: String,
}

impl Dial {
    /// A connection that is made again when it is lost, and proxies that outlive it.
    ///
    /// ```
    /// # use duologue::prelude::*;
    /// # #[service]
    /// # pub trait Calculator {
    /// #     fn add(&self, a: i64, b: i64) -> i64;
    /// # }
    /// # struct Desk;
    /// # #[service]
    /// # impl Calculator for Desk {
    /// #     fn add(&self, a: i64, b: i64) -> i64 {
    /// #         a + b
    /// #     }
    /// # }
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let node = Node::builder().serve(|| Desk).bind("127.0.0.1:0").await?;
    /// # let address = node.local_addr().to_string();
    /// let calc: CalculatorProxy = duologue::connect(address).reconnecting().root().await?;
    /// assert_eq!(calc.add(4, 7).await?, 11);
    /// # Ok(())
    /// # }
    /// ```
    pub fn reconnecting(self) -> Reconnecting {
        Reconnecting::to(self.target)
    }
}

impl IntoFuture for Dial {
    type Output = Result<Connection, DialError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            // One connection lives on one thread: more would stand idle.
            Ok(Node::builder().arbiters(1).start().await?.connect(self.target).await?)
        })
    }
}

/// Why [`connect`] made no connection. Nothing ran at the peer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DialError {
    /// The node could not be started. Nothing was sent.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// The node at that address could not be reached, or is not the one that is wanted.
    #[error(transparent)]
    Connect(#[from] ConnectError),
}
