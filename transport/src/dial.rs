//! Dialing: from `host:port` to a link. All addresses of a name are tried, each a head start after the one before
//! (RFC 8305, "happy eyeballs"); the first link counts. Everything runs in the task that asks.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::endpoint::{Endpoint, Shared};
use crate::link::{Link, LinkError};
use crate::target::{Target, canonical};
use crate::tls::SERVER_NAME;
use crate::{NodeId, TrustError, quic};

/// On loopback an answer comes within a millisecond, and `localhost` often has an address where nobody listens.
const LOOPBACK_DELAY_MAX: Duration = Duration::from_millis(20);

/// Once one address has given a definite answer that is no link, the others have this long.
const ANSWERED_GRACE: Duration = Duration::from_secs(1);

/// Why there is no link. Whatever the variant, the peer's application has not seen a byte.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The target is not `host:port`; nothing was sent.
    #[error("{target:?} is nothing to connect to: {reason}")]
    InvalidTarget {
        /// What was given.
        target: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The name has no address that could be found, in time; nothing was sent.
    #[error("cannot resolve {host}")]
    Resolve {
        /// The target.
        host: String,
        /// What the resolver said.
        source: Arc<io::Error>,
    },
    /// Nobody answered in time: nobody is there, the port is closed, or a firewall drops packets.
    #[error("nobody answers at {target}{}", listed(tried))]
    Unreachable {
        /// What was dialed.
        target: String,
        /// Each address, and how it failed.
        tried: Vec<(SocketAddr, String)>,
    },
    /// This node does not trust who is there.
    #[error("{target} is node {peer}, which is not trusted")]
    Untrusted {
        /// What was dialed.
        target: String,
        /// Who the peer says it is; not yet proved.
        peer: NodeId,
        /// Why it is not trusted.
        source: Box<TrustError>,
    },
    /// The trust cannot be settled: the file of known hosts cannot be used.
    #[error("cannot tell whether to trust {target}")]
    Trust {
        /// What was dialed.
        target: String,
        /// What is wrong.
        source: Box<TrustError>,
    },
    /// The peer does not trust this node. With TLS 1.3 this mostly arrives later, as
    /// [`LinkError::Untrusting`] on the link.
    #[error("{target} does not trust this node's identity")]
    NotTrustedByPeer {
        /// What was dialed.
        target: String,
    },
    /// The peer takes no further links now.
    #[error("{target} refused the link: it takes no more now")]
    Refused {
        /// What was dialed.
        target: String,
    },
    /// Somebody is there who speaks another protocol, or another version of it.
    #[error("{target} does not speak this protocol")]
    WrongProtocol {
        /// What was dialed.
        target: String,
    },
    /// The cryptographic handshake failed, for example because the peer does not have the key of its certificate.
    #[error("the handshake with {target} failed: {reason}")]
    Tls {
        /// What was dialed.
        target: String,
        /// What TLS said.
        reason: String,
    },
    /// The link ended during the handshake, or with its first exchange.
    #[error("the link to {target} was lost at once")]
    Lost {
        /// What was dialed.
        target: String,
        /// How it ended.
        source: LinkError,
    },
    /// This endpoint is closed; nothing was sent.
    #[error("this endpoint is closed")]
    EndpointClosed,
}

impl ConnectError {
    /// What the end of a link to `target` means for who has only just dialed it: for the layer above, whose first
    /// exchange on a link is still part of connecting.
    pub fn from_link(target: &str, error: LinkError) -> Self {
        let target = target.to_owned();
        match error {
            LinkError::Untrusting { .. } => Self::NotTrustedByPeer { target },
            LinkError::WrongProtocol => Self::WrongProtocol { target },
            LinkError::Refused => Self::Refused { target },
            LinkError::Tls { reason, .. } => Self::Tls { target, reason },
            source => Self::Lost { target, source },
        }
    }

    fn untrusted(target: &str, why: TrustError) -> Self {
        let target = target.to_owned();
        match why.peer() {
            Some(peer) => Self::Untrusted { target, peer, source: Box::new(why) },
            None => Self::Trust { target, source: Box::new(why) },
        }
    }
}

/// How one address failed.
enum Attempt {
    /// Nobody answered.
    Silent(String),
    /// Somebody answered, but there is no link.
    Answered(ConnectError),
}

impl Endpoint {
    /// A link to `target`: `host:port`, `1.2.3.4:port` or `[::1]:port`. All addresses of a name are tried, families
    /// alternating, `attempt_delay` apart; `connect_timeout` bounds all of it. Dropping the future gives up.
    ///
    /// The link's task is spawned on the runtime that polls this.
    pub async fn connect(&self, target: &str) -> Result<Link, ConnectError> {
        let target = target
            .parse::<Target>()
            .map_err(|reason| ConnectError::InvalidTarget { target: target.to_owned(), reason })?;
        let deadline = Instant::now() + self.shared().config.connect_timeout;
        let resolved = match timeout_at(deadline, target.resolve()).await {
            Ok(resolved) => resolved,
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        };
        let target = target.to_string();
        match resolved {
            Ok(addresses) => self.race(&target, addresses, deadline).await,
            Err(source) => Err(ConnectError::Resolve { host: target, source: Arc::new(source) }),
        }
    }

    /// A link to whoever is at `addr`; like [`connect`](Self::connect) with its text.
    pub async fn connect_addr(&self, addr: SocketAddr) -> Result<Link, ConnectError> {
        let deadline = Instant::now() + self.shared().config.connect_timeout;
        self.race(&addr.to_string(), vec![addr], deadline).await
    }

    async fn race(
        &self,
        target: &str,
        addresses: Vec<SocketAddr>,
        mut deadline: Instant,
    ) -> Result<Link, ConnectError> {
        let shared = self.shared();
        let loopback = addresses.iter().all(|address| canonical(*address).ip().is_loopback());
        let delay = match loopback {
            true => shared.config.attempt_delay.min(LOOPBACK_DELAY_MAX),
            false => shared.config.attempt_delay,
        };
        let mut waiting = addresses.into_iter().peekable();
        let mut running = FuturesUnordered::new();
        let mut silent = Vec::<SocketAddr>::new();
        let mut tried = Vec::new();
        let mut answer = None;
        let mut next_start = Instant::now();
        loop {
            if running.is_empty() || Instant::now() >= next_start {
                if let Some(address) = waiting.next() {
                    silent.push(address);
                    running.push(async move { (address, shared.attempt(target, address).await) });
                    next_start = Instant::now() + delay;
                } else if running.is_empty() {
                    break;
                }
            }
            tokio::select! {
                biased;
                Some((address, outcome)) = running.next() => {
                    silent.retain(|other| *other != address);
                    match outcome {
                        Ok(link) => return Ok(link),
                        Err(Attempt::Silent(how)) => tried.push((address, how)),
                        Err(Attempt::Answered(error)) => {
                            deadline = deadline.min(Instant::now() + ANSWERED_GRACE);
                            answer.get_or_insert(error);
                        }
                    }
                    // A failure gives the next one its turn at once.
                    next_start = Instant::now();
                }
                () = sleep_until(next_start), if waiting.peek().is_some() => {}
                () = sleep_until(deadline) => break,
            }
        }
        if let Some(error) = answer {
            return Err(error);
        }
        tried.extend(silent.into_iter().map(|address| (address, "no answer".to_owned())));
        tried.extend(waiting.map(|address| (address, "no time left".to_owned())));
        Err(ConnectError::Unreachable { target: target.to_owned(), tried })
    }
}

impl Shared {
    /// One address, without a time limit of its own.
    async fn attempt(&self, target: &str, address: SocketAddr) -> Result<Link, Attempt> {
        if !self.reaches(address) {
            return Err(Attempt::Silent(format!("out of reach from {}", self.local)));
        }
        let (tls, refusal) = self.tls.client(target);
        let client = quic::client(tls, self.links.clone());
        let connecting =
            self.quinn.connect_with(client, address, SERVER_NAME).map_err(|error| match error {
                quinn::ConnectError::EndpointStopping => Attempt::Answered(ConnectError::EndpointClosed),
                error => Attempt::Silent(error.to_string()),
            })?;
        let answered = |error| Err(Attempt::Answered(error));
        let connection = match connecting.await {
            Ok(connection) => connection,
            Err(error) => {
                if let Some(why) = refusal.lock().take() {
                    return answered(ConnectError::untrusted(target, why));
                }
                return match LinkError::of(error) {
                    LinkError::TimedOut => Err(Attempt::Silent("no answer".to_owned())),
                    LinkError::LocallyClosed => answered(ConnectError::EndpointClosed),
                    error => answered(ConnectError::from_link(target, error)),
                };
            }
        };
        let link = match Link::new(connection, None, &self.config) {
            Ok(link) => link,
            Err(error) => return answered(ConnectError::from_link(target, error)),
        };
        // Only now: before the handshake is done, the peer has not proved its key.
        match self.tls.trust().remember(target, link.peer()) {
            Ok(()) => Ok(link),
            Err(why) => answered(ConnectError::untrusted(target, why)),
        }
    }

    /// Whether packets can go from the socket to `address`.
    fn reaches(&self, address: SocketAddr) -> bool {
        match (self.local, canonical(address)) {
            (SocketAddr::V4(_), address) => address.is_ipv4(),
            (SocketAddr::V6(local), address) => address.is_ipv6() || local.ip().is_unspecified(),
        }
    }
}

fn listed(tried: &[(SocketAddr, String)]) -> String {
    match tried {
        [] => String::new(),
        tried => {
            let each: Vec<_> = tried.iter().map(|(address, how)| format!("{address}: {how}")).collect();
            format!(" ({})", each.join(", "))
        }
    }
}

#[cfg(test)]
mod tests;
