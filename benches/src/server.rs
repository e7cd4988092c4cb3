//! The end that is measured: a node that serves the bench.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use duologue::{Node, NodeError};

use crate::access::{Access, server_config};
use crate::knobs::Lanes;
use crate::service::{Desk, desk_name};

/// Why a server could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// Other machines can reach the address, and nobody said who may come.
    #[error(
        "{0} is reachable from other machines: say who may connect with --trust ID, and give this end a lasting key with --key FILE; `duologue id --key FILE` prints the id of a key"
    )]
    TrustNotChosen(SocketAddr),
    /// The node did not start.
    #[error("cannot listen at {0}: {1}")]
    Node(String, #[source] NodeError),
}

/// Serves the bench at `address` with so many threads, which stay awake for `busy_poll` after each frame that arrives, and with limits
/// that are no limits to a load; until the node is shut down, whoever drops it.
pub async fn serve(
    address: &str,
    threads: u32,
    busy_poll: Duration,
    access: &Access,
) -> Result<Node, ServeError> {
    let node = access.node(server_config(busy_poll)).arbiters(threads as usize);
    // The desk says what its own node holds: it has the node as soon as there is one.
    let own = Arc::new(OnceLock::new());
    let desk = Desk { threads, busy_poll, node: own.clone() };
    let root = desk.clone();
    let builder = (0..Lanes::SHARED_MAX).fold(node.serve(move || root.clone()), |node, number| {
        let desk = desk.clone();
        node.service(&desk_name(number), move || desk.clone())
    });
    let node = builder.bind(address).await.map_err(|error| match error {
        NodeError::TrustNotChosen(at) => ServeError::TrustNotChosen(at),
        error => ServeError::Node(address.to_owned(), error),
    })?;
    Ok(own.get_or_init(|| node).clone())
}
