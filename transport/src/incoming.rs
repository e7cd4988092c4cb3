//! [`Incoming`]: a peer that wants to come in, and the accepting side of its handshake.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::time::timeout;

use crate::admission::Seat;
use crate::endpoint::Shared;
use crate::link::{Link, LinkError};
use crate::target::canonical;
use crate::{NodeId, TrustError};

/// A peer that wants to come in. Nothing but its first packet was read. Dropping it refuses the peer.
///
/// It may be sent to another thread: the link's task is spawned (`tokio::spawn`) on the runtime where
/// [`accept`](Self::accept) is first polled, and lives there. That is how a node spreads its links over its threads.
pub struct Incoming {
    quinn: quinn::Incoming,
    seat: Seat,
    endpoint: Arc<Shared>,
}

/// Why a peer did not come in. No byte of the application was exchanged, and there is no link.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AcceptError {
    /// This node does not trust the peer.
    #[error("untrusted node {peer} refused")]
    Untrusted {
        /// Who the peer says it is; not yet proved.
        peer: NodeId,
        /// Why it is not trusted.
        source: Box<TrustError>,
    },
    /// The trust cannot be settled: the file of known hosts cannot be used.
    #[error("cannot tell whether to trust the peer")]
    Trust(#[source] Box<TrustError>),
    /// The peer does not trust this node.
    #[error("the peer does not trust this node's identity")]
    NotTrustedByPeer,
    /// The peer speaks another protocol, or another version of it.
    #[error("the peer does not speak this protocol")]
    WrongProtocol,
    /// The cryptographic handshake failed, for example because the peer does not have the key of its certificate.
    #[error("the handshake failed: {reason}")]
    Tls {
        /// What TLS said.
        reason: String,
    },
    /// The handshake was not done within `connect_timeout`.
    #[error("the handshake was not done in time")]
    TimedOut,
    /// The link ended during the handshake.
    #[error("the link was lost during the handshake")]
    Lost(#[source] LinkError),
}

impl Incoming {
    pub(crate) fn new(quinn: quinn::Incoming, seat: Seat, endpoint: Arc<Shared>) -> Self {
        Self { quinn, seat, endpoint }
    }

    /// Where the first packet came from. Not proved, unless many handshakes are under way.
    pub fn remote_address(&self) -> SocketAddr {
        canonical(self.quinn.remote_address())
    }

    /// Shakes hands; the link that comes out is with a trusted peer that has proved its key.
    pub async fn accept(mut self) -> Result<Link, AcceptError> {
        let (tls, refusal) = self.endpoint.tls.server();
        let mut server = self.endpoint.server.clone().expect("only endpoints with it accept");
        server.crypto = tls;
        let shaking = async { self.quinn.accept_with(Arc::new(server))?.await };
        let connection = match timeout(self.endpoint.config.connect_timeout, shaking).await {
            Ok(Ok(connection)) => connection,
            Ok(Err(error)) => return Err(AcceptError::new(refusal.lock().take(), error)),
            Err(_) => return Err(AcceptError::TimedOut),
        };
        self.seat.established();
        Link::new(connection, Some(self.seat), &self.endpoint.config).map_err(AcceptError::Lost)
    }

    /// Sends the peer away; its `connect` fails with `Refused`.
    pub fn refuse(self) {
        self.quinn.refuse();
    }
}

impl AcceptError {
    fn new(refusal: Option<TrustError>, error: quinn::ConnectionError) -> Self {
        if let Some(source) = refusal.map(Box::new) {
            return match source.peer() {
                Some(peer) => Self::Untrusted { peer, source },
                None => Self::Trust(source),
            };
        }
        match LinkError::of(error) {
            LinkError::Untrusting { .. } => Self::NotTrustedByPeer,
            LinkError::WrongProtocol => Self::WrongProtocol,
            LinkError::Tls { reason, .. } => Self::Tls { reason },
            LinkError::TimedOut => Self::TimedOut,
            lost => Self::Lost(lost),
        }
    }
}

impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming").field("remote", &self.remote_address()).finish_non_exhaustive()
    }
}
