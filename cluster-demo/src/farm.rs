//! The farm itself: what coordinator and workers show each other, and the nodes they run on.
//!
//! A worker dials the coordinator and serves a [`Renderer`](services::Renderer) on that very connection, so neither needs to be
//! reachable but the coordinator. Which tile goes where is decided elsewhere: see [`foreman`](crate::foreman).

mod coordinator;
mod services;
mod worker;

use std::time::Duration;

use duologue::{Config, Identity, Node, NodeBuilder, NodeId, Trust};

use crate::cli::NodeArgs;

pub(crate) use coordinator::{coordinate, render_here};
pub(crate) use worker::work;

/// A link without a sign of life for this long is lost, and its tiles go to others.
const IDLE_TIMEOUT: Duration = Duration::from_secs(4);
/// A quarter of it, so that three may get lost on the way.
const KEEP_ALIVE: Duration = Duration::from_secs(1);

/// The settings of coordinator and workers alike.
fn config() -> Config {
    let mut config = Config::default();
    (config.transport.idle_timeout, config.transport.keep_alive) = (IDLE_TIMEOUT, KEEP_ALIVE);
    config
}

/// Why a farm could not do its work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum FarmError {
    /// The node could not be started, or the coordinator not be reached.
    #[error("{0}: {1}")]
    Node(String, Box<dyn std::error::Error + Send + Sync>),
    /// The coordinator did not take the worker in.
    #[error("the coordinator did not take this worker in: {0}")]
    Join(Box<dyn std::error::Error + Send + Sync>),
    /// A worker process could not be started.
    #[error("cannot start a worker process: {0}")]
    Start(std::io::Error),
    /// The signals could not be taken over.
    #[error("cannot listen for signals: {0}")]
    Signals(std::io::Error),
    /// The work ended without a picture.
    #[error(transparent)]
    Stopped(#[from] crate::foreman::StopReason),
    /// The picture could not be written.
    #[error(transparent)]
    Save(#[from] crate::picture::SaveError),
    /// The node id after `--trust` is none.
    #[error("--trust {0}: {1}")]
    Trust(String, Box<dyn std::error::Error + Send + Sync>),
}

/// A node with the identity and the trust that were asked for; what was not is left to the node's defaults.
fn node(args: &NodeArgs) -> Result<NodeBuilder, FarmError> {
    let mut builder = Node::builder().config(config());
    let id = |text: &String| text.parse::<NodeId>().map_err(|e| FarmError::Trust(text.clone(), e.into()));
    let ids = args.trust.iter().map(id).collect::<Result<Vec<_>, _>>()?;
    if !ids.is_empty() {
        builder = builder.trust(Trust::pinned(ids));
    }
    if let Some(path) = &args.key {
        let key = Identity::load_or_create(path);
        builder = builder.identity(key.map_err(|e| FarmError::Node("--key".to_owned(), e.into()))?);
    }
    Ok(builder)
}
