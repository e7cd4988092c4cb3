//! [`Trust`]: which peers a node lets in and which it believes when it dials. It sees ids only; that a peer owns
//! its id is proved by the handshake.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::NodeId;
use crate::known_hosts::KnownHosts;

/// Whom to trust. Cheap to clone; clones share what they remember.
#[derive(Clone, Debug)]
pub struct Trust(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Pinned(Arc<BTreeSet<NodeId>>),
    KnownHosts(Arc<KnownHosts>),
    Anyone,
}

impl Trust {
    /// Exactly these nodes, both when dialing and when accepting. An empty list trusts nobody.
    pub fn pinned(ids: impl IntoIterator<Item = NodeId>) -> Self {
        Self(Kind::Pinned(Arc::new(ids.into_iter().collect())))
    }

    /// Like ssh: the first node met under a target (`host:port`, as dialed) is remembered in the file `path`;
    /// later another one under the same target is refused.
    ///
    /// The file has lines of `host:port hex-id`; empty lines and what follows a `#` are comments; the first line of
    /// a target counts. It is read at each handshake and made (mode 0600) when the first node is remembered, which
    /// happens only after that node has proved its key. A file with any other line is refused, so that a damaged
    /// one does not silently forget.
    ///
    /// This is for dialing. An endpoint that *accepts* with it lets in those peers only whose id stands somewhere
    /// in the file, and remembers nobody.
    pub fn known_hosts(path: impl Into<PathBuf>) -> Self {
        Self(Kind::KnownHosts(Arc::new(KnownHosts::new(path.into()))))
    }

    /// Every node whatsoever: links are encrypted and peers prove *an* identity, but anyone may be at the other
    /// end. For tests, and where something else guards the network.
    pub fn danger_anyone() -> Self {
        Self(Kind::Anyone)
    }

    /// Whether `peer` may be what was found at `target`.
    pub(crate) fn check_dialed(&self, target: &str, peer: NodeId) -> Result<(), TrustError> {
        match &self.0 {
            Kind::KnownHosts(hosts) => hosts.check(target, peer),
            _ => self.check_accepted(peer),
        }
    }

    /// Whether `peer` may come in.
    pub(crate) fn check_accepted(&self, peer: NodeId) -> Result<(), TrustError> {
        match &self.0 {
            Kind::Pinned(ids) if ids.contains(&peer) => Ok(()),
            Kind::Pinned(_) => Err(TrustError::NotPinned { peer }),
            Kind::KnownHosts(hosts) => hosts.check_listed(peer),
            Kind::Anyone => Ok(()),
        }
    }

    /// Notes that `peer`, which has proved its key, was found at `target`.
    pub(crate) fn remember(&self, target: &str, peer: NodeId) -> Result<(), TrustError> {
        match &self.0 {
            Kind::KnownHosts(hosts) => hosts.remember(target, peer),
            _ => Ok(()),
        }
    }
}

/// Why a peer is not trusted. No application byte was exchanged with it, and there is no link.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// The peer is not among the pinned ids.
    #[error("node {peer} is not among the pinned ids")]
    NotPinned {
        /// Who the peer says it is; not yet proved.
        peer: NodeId,
    },
    /// Another node was remembered under this target: it has a new key, or somebody stands in between.
    #[error(
        "{target} is now node {peer}, but line {line} of {} remembers node {known}: \
         if the change is wanted, remove that line", path.display()
    )]
    Changed {
        /// What was dialed, `host:port`.
        target: String,
        /// The remembered node.
        known: NodeId,
        /// Who is there now; not yet proved.
        peer: NodeId,
        /// The file of known hosts.
        path: PathBuf,
        /// The line, from 1, that remembers the target.
        line: usize,
    },
    /// The peer that wants to come in stands nowhere in the file of known hosts.
    #[error("node {peer} does not stand in {}", path.display())]
    NotListed {
        /// Who the peer says it is; not yet proved.
        peer: NodeId,
        /// The file of known hosts.
        path: PathBuf,
    },
    /// A line of the file of known hosts cannot be understood.
    #[error("line {line} of {} {reason}", path.display())]
    Garbage {
        /// The file of known hosts.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The file of known hosts cannot be read or written.
    #[error("cannot use the file of known hosts {}", path.display())]
    File {
        /// The file of known hosts.
        path: PathBuf,
        /// What the system said.
        source: Arc<io::Error>,
    },
}

impl TrustError {
    /// The peer that is not trusted; `None` if the trouble is with the file of known hosts.
    pub fn peer(&self) -> Option<NodeId> {
        match self {
            Self::NotPinned { peer } | Self::Changed { peer, .. } | Self::NotListed { peer, .. } => {
                Some(*peer)
            }
            Self::Garbage { .. } | Self::File { .. } => None,
        }
    }
}
