//! Who an end is and whom it lets in, and the settings its node needs for load.

use std::path::Path;
use std::time::Duration;

use duologue::{Config, Identity, Node, NodeBuilder, NodeId, Trust};

use crate::knobs::{HELD_MAX, Knobs, Lanes};
use crate::work::PAYLOAD_MAX;

/// Who an end is and whom it trusts; needed between machines. On loopback nothing of it is.
#[derive(Clone, Debug, Default)]
pub struct Access {
    identity: Option<Identity>,
    trust: Vec<NodeId>,
}

/// Whom to load.
#[derive(Clone, Debug)]
pub struct Target {
    /// `host:port` of a server.
    pub address: String,
    /// Who the client is and whom it trusts.
    pub access: Access,
}

/// Why an access cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccessError {
    /// What was to be a node id is none.
    #[error("--trust {0}: {1}")]
    Trust(String, Box<dyn std::error::Error + Send + Sync>),
    /// The key cannot be loaded or made.
    #[error("--key: {0}")]
    Key(Box<dyn std::error::Error + Send + Sync>),
}

/// As many calls as may be under way on one object.
const OBJECT_CALLS_MAX: u32 = 65_536;
/// Kept by the runtime for calls made inside handlers.
const RESERVE: u32 = 64;
/// What the frame of a call costs of the connection's permits, at most.
const FRAME_KIB: u32 = 9;
/// What waits to be written of it on a lane, at most: the frame of a small call.
const FRAME_BYTES: usize = 64;
/// The largest payload, and what goes around it.
const BODY_MAX: usize = PAYLOAD_MAX as usize + 1_024;
/// More than any load has.
const EXPORTS_MAX: usize = 2_000_000;

impl Access {
    /// The key in the file `key`, made if it is missing, and the ids of trusted nodes; what is not given is left to the
    /// node's defaults.
    pub fn new(key: Option<&Path>, trust: &[String]) -> Result<Access, AccessError> {
        let id =
            |text: &String| text.parse::<NodeId>().map_err(|e| AccessError::Trust(text.clone(), e.into()));
        let trust = trust.iter().map(id).collect::<Result<Vec<_>, _>>()?;
        let identity = key.map(Identity::load_or_create).transpose();
        Ok(Access { identity: identity.map_err(|e| AccessError::Key(e.into()))?, trust })
    }

    /// The id that the other end has to trust, if a key was given.
    pub fn node_id(&self) -> Option<NodeId> {
        self.identity.as_ref().map(Identity::node_id)
    }

    pub(crate) fn node(&self, config: Config) -> NodeBuilder {
        let mut builder = Node::builder().config(config);
        if !self.trust.is_empty() {
            builder = builder.trust(Trust::pinned(self.trust.iter().copied()));
        }
        if let Some(identity) = &self.identity {
            builder = builder.identity(identity.clone());
        }
        builder
    }
}

/// With room for the largest payload.
fn sized() -> Config {
    let mut config = Config::default();
    config.body_max = BODY_MAX;
    config.item_max = BODY_MAX;
    config
}

/// A server that takes any load that may be asked for, all of it from one machine.
pub(crate) fn server_config(busy_poll: Duration) -> Config {
    let mut config = sized();
    config.busy_poll = busy_poll;
    // With large payloads, too, as many may be under way as are asked for.
    config.arguments_max = HELD_MAX as usize;
    config.results_max = HELD_MAX as usize;
    config.object_permits = OBJECT_CALLS_MAX + RESERVE;
    config.connection_permits = (OBJECT_CALLS_MAX + RESERVE) * FRAME_KIB;
    config.exports_max = EXPORTS_MAX;
    config.transport.connections_max = 200_000;
    config.transport.connections_per_address_max = 200_000;
    config.transport.handshakes_max = 16_384;
    config
}

/// A client with room for the load it makes, and no more than the defaults where they suffice.
pub(crate) fn client_config(knobs: &Knobs) -> Config {
    let mut config = sized();
    let calls = knobs.in_flight.max(knobs.in_flight_max) + RESERVE;
    config.outbox_max = config.outbox_max.max(calls as usize * FRAME_BYTES);
    config.object_permits = config.object_permits.max(calls);
    config.connection_permits = config.connection_permits.max(calls * FRAME_KIB);
    config.exports_max = EXPORTS_MAX;
    config.busy_poll = knobs.busy_poll;
    if let Lanes::Shared(lanes) = knobs.lanes {
        config.shared_lanes = lanes;
    }
    config.transport.idle_timeout = knobs.idle_timeout;
    config.transport.connect_timeout = knobs.idle_timeout;
    config.transport.keep_alive = (knobs.idle_timeout / 4).max(Duration::from_millis(10));
    config
}
