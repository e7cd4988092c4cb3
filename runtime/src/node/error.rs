//! Why a node could not start, and why a connection could not be made.

use std::net::SocketAddr;

use transport::{BindError, IdentityError, LinkError};

use crate::connection::HelloError;

/// Why a node could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NodeError {
    /// The address is no address, or its name does not resolve.
    #[error("cannot bind to `{address}`: {reason}")]
    Address {
        /// As it was given.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The address is reachable from other machines, and nobody said who may come.
    #[error(
        "{0} is reachable from other machines: say who may connect with `.trust(Trust::pinned([id, ..]))`, \
         `.trust(Trust::known_hosts(path))` or `.trust(Trust::danger_anyone())`, and give the node a lasting `.identity(..)`"
    )]
    TrustNotChosen(SocketAddr),
    /// Some services are not for everybody (`.allow`), but nobody said who may connect, and on this address every process of this
    /// machine may.
    #[error(
        "every process of this machine may connect to {0}, but `.allow` makes some services not for everybody: \
         say who may connect with `.trust(..)`, and give the node a lasting `.identity(..)`"
    )]
    RulesWithoutTrust(SocketAddr),
    /// `.allow` or `.allow_if` was said before any service was given.
    #[error("`.allow` says who may open the service given before it, and there is none")]
    NothingToAllow,
    /// The endpoint could not be opened.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The key could not be loaded or made.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// A thread of the node could not be started.
    #[error("a thread of the node could not be started: {0}")]
    Thread(String),
    /// `on_this_thread` needs a place where tasks that are not `Send` can run.
    #[error("`on_this_thread` needs `#[actix::main]` or a tokio `LocalSet`")]
    NoLocalSet,
}

/// Why a connection could not be made. Nothing ran at the peer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The link could not be made: the name does not resolve, nobody answers, the peer is not trusted or speaks another protocol.
    #[error(transparent)]
    Link(#[from] transport::ConnectError),
    /// The peer speaks another version of the protocol.
    #[error("`{target}` speaks version {version} of the protocol, this node speaks 1")]
    Version {
        /// Whom the node dialed.
        target: String,
        /// What it speaks.
        version: u16,
    },
    /// The peer did not greet as the protocol says.
    #[error("`{target}` did not greet as it should: {reason}")]
    Hello {
        /// Whom the node dialed.
        target: String,
        /// What was wrong.
        reason: String,
    },
    /// The node was started with a key that nobody knows, for this machine only.
    #[error(
        "`{0}` is on another machine, but this node has a key of its own for this machine only: \
         give it a lasting one with `.identity(Identity::load_or_create(path)?)` and say whom it trusts with `.trust(..)`"
    )]
    NeedsIdentity(String),
    /// The name led to this machine when it was looked up and to another one when it was dialed.
    #[error("`{0}` led to this machine when it was looked up, and to another one when it was dialed")]
    Moved(String),
    /// The key of the user's configuration directory could not be used.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// There is no configuration directory for the key and the known hosts.
    #[error(
        "this user has no configuration directory for a key: give the node one with `.identity(..)` and `.trust(..)`"
    )]
    NoConfigDirectory,
    /// The dialing endpoint could not be opened.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The node was shut down.
    #[error("the node is shut down")]
    NodeClosed,
}

impl ConnectError {
    /// Whether a later attempt would end the same way.
    pub(crate) fn is_lasting(&self) -> bool {
        use transport::ConnectError as Dial;
        match self {
            ConnectError::Link(error) => !matches!(
                error,
                Dial::Resolve { .. } | Dial::Unreachable { .. } | Dial::Refused { .. } | Dial::Lost { .. }
            ),
            ConnectError::Hello { .. } | ConnectError::Moved(_) => false,
            _ => true,
        }
    }

    pub(crate) fn of_hello(target: &str, error: HelloError) -> ConnectError {
        let target = target.to_owned();
        match error {
            HelloError::Link(LinkError::PeerClosed { code, reason }) => ConnectError::Hello {
                target,
                reason: format!("it closed the link with code {code}: {reason}"),
            },
            HelloError::Link(error) => {
                let error = transport::ConnectError::from_link(&target, error);
                ConnectError::Link(error)
            }
            HelloError::Version(version) => ConnectError::Version { target, version },
            HelloError::Protocol(reason) => ConnectError::Hello { target, reason },
            HelloError::TimedOut => ConnectError::Hello { target, reason: "it did not greet in time".into() },
        }
    }
}
