//! The shortest way to a connection: a node with the default settings, and one dial.

use runtime::{ConnectError, Connection, Node, NodeError};

/// Connects to the node at `target`, `"host:port"`, from a node of its own that only dials:
/// `Node::new().await?.connect(target).await`.
///
/// The node runs as long as the connection, or a proxy that came by it, is held. For several connections, for
/// services of this side or for a chosen identity, make the [`Node`] yourself.
pub async fn connect(target: impl Into<String>) -> Result<Connection, DialError> {
    // One connection lives on one thread: more would stand idle.
    Ok(Node::builder().arbiters(1).start().await?.connect(target).await?)
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
