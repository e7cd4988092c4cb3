//! [`Endpoint`]: a UDP socket that dials and accepts links. It does not decide what is said on them; dialing by name
//! stands in `dial.rs`, the accepting handshake in `incoming.rs`.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use quinn::{Runtime as _, VarInt};

use crate::admission::{Admission, Verdict};
use crate::target::canonical;
use crate::tls::Tls;
use crate::{Config, ConfigError, Identity, Incoming, NodeId, Trust, quic};

/// One UDP socket with an identity: links are dialed from it and accepted on it. Cheap to clone.
///
/// Its receive loop is a task of the runtime it was made in and lasts until all handles and links are gone. Each
/// link has a task too, spawned where the link is made: on the runtime that polls
/// [`connect`](Self::connect) or [`Incoming::accept`].
#[derive(Clone)]
pub struct Endpoint(Arc<Shared>);

/// What an endpoint and its handshakes share.
pub(crate) struct Shared {
    pub(crate) quinn: quinn::Endpoint,
    pub(crate) local: SocketAddr,
    /// Bound as long as anybody holds it.
    socket: Weak<dyn quinn::AsyncUdpSocket>,
    pub(crate) id: NodeId,
    pub(crate) tls: Tls,
    pub(crate) config: Config,
    pub(crate) links: Arc<quinn::TransportConfig>,
    /// `None` if it only dials.
    pub(crate) server: Option<quinn::ServerConfig>,
    admission: Arc<Admission>,
}

/// Why an endpoint could not be made; there is none, and nothing was sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// A setting makes no sense.
    #[error("bad transport config")]
    Config(#[from] ConfigError),
    /// It was not called inside a tokio runtime, where its tasks could live.
    #[error("an endpoint must be made inside a tokio runtime")]
    NoRuntime,
    /// The socket could not be made or bound, for example because the address is taken.
    #[error("cannot bind {address}")]
    Socket {
        /// What was to be bound.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

impl Endpoint {
    /// An endpoint at `addr` that accepts and dials. An unspecified IPv6 address takes IPv4 as well; port 0 is any
    /// free one, see [`local_addr`](Self::local_addr).
    ///
    /// Must be called inside a tokio runtime: the endpoint's receive loop lives on it.
    pub fn bind(
        addr: SocketAddr,
        identity: &Identity,
        trust: &Trust,
        config: &Config,
    ) -> Result<Self, BindError> {
        config.check()?;
        let socket = open(addr, config)?;
        Self::start(socket, addr, identity, Tls::new(identity, trust), config, true)
    }

    /// An endpoint that only dials, at any free port, with IPv6 and IPv4 where the system has both.
    ///
    /// Must be called inside a tokio runtime: the endpoint's receive loop lives on it.
    pub fn dialer(identity: &Identity, trust: &Trust, config: &Config) -> Result<Self, BindError> {
        config.check()?;
        let any = SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0));
        let any_v4 = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let (socket, address) = match open(any, config) {
            Ok(socket) => (socket, any),
            Err(_) => (open(any_v4, config)?, any_v4),
        };
        Self::start(socket, address, identity, Tls::new(identity, trust), config, false)
    }

    pub(crate) fn start(
        socket: UdpSocket,
        address: SocketAddr,
        identity: &Identity,
        tls: Tls,
        config: &Config,
        accepting: bool,
    ) -> Result<Self, BindError> {
        if tokio::runtime::Handle::try_current().is_err() {
            return Err(BindError::NoRuntime);
        }
        let failed = |source| BindError::Socket { address, source };
        let local = socket.local_addr().map_err(failed)?;
        let socket = quinn::TokioRuntime.wrap_udp_socket(socket).map_err(failed)?;
        Self::start_on(socket, local, identity, tls, config, accepting, None)
    }

    /// The same, on any kind of socket, which is bound to `local`. With a seed, what QUIC itself draws (but for keys and ids) repeats.
    pub(crate) fn start_on(
        socket: Arc<dyn quinn::AsyncUdpSocket>,
        local: SocketAddr,
        identity: &Identity,
        tls: Tls,
        config: &Config,
        accepting: bool,
        seed: Option<[u8; 32]>,
    ) -> Result<Self, BindError> {
        if tokio::runtime::Handle::try_current().is_err() {
            return Err(BindError::NoRuntime);
        }
        let failed = |source| BindError::Socket { address: local, source };
        let mut endpoint = quic::endpoint(config, identity, local);
        endpoint.rng_seed(seed);
        let links = quic::links(config);
        // The TLS part is replaced for each handshake; this one is for the packets before it.
        let server = accepting.then(|| quic::server(config, tls.server().0, links.clone()));
        let bound = Arc::downgrade(&socket);
        let quinn = quinn::Endpoint::new_with_abstract_socket(
            endpoint,
            server.clone(),
            socket,
            // Its clock is tokio's, which tests may stop.
            Arc::new(quinn::TokioRuntime),
        )
        .map_err(failed)?;
        Ok(Self(Arc::new(Shared {
            quinn,
            local,
            socket: bound,
            id: identity.node_id(),
            tls,
            config: config.clone(),
            links,
            server,
            admission: Admission::new(config),
        })))
    }

    /// The bound address.
    pub fn local_addr(&self) -> SocketAddr {
        self.0.local
    }

    /// The id peers know this endpoint by.
    pub fn node_id(&self) -> NodeId {
        self.0.id
    }

    /// The next peer that wants to come in; `None` once the endpoint is closed. An endpoint that only dials has
    /// none, and waits until then.
    ///
    /// The limits of the [`Config`] are kept here: peers beyond them are refused and never seen. Cancel-safe.
    pub async fn accept(&self) -> Option<Incoming> {
        loop {
            let incoming = self.0.quinn.accept().await?;
            let peer = canonical(incoming.remote_address());
            let proved = incoming.remote_address_validated();
            match self.0.admission.judge(peer.ip(), proved, Instant::now()) {
                Verdict::Admit(seat) => return Some(Incoming::new(incoming, seat, self.0.clone())),
                // It fails only for who has proved its address.
                Verdict::Retry => drop(incoming.retry()),
                Verdict::Refuse(refused) => {
                    if let Some(count) = refused.report {
                        tracing::warn!(%peer, limit = refused.limit, count, "peers refused at a limit");
                    }
                    incoming.refuse();
                }
            }
        }
    }

    /// Ends all links of the endpoint with `code` and `reason`, and accepts no more. Peers learn of it if the
    /// runtime lives on for a moment: see [`wait_idle`](Self::wait_idle).
    pub fn close(&self, code: u32, reason: &str) {
        self.0.quinn.close(VarInt::from_u32(code), reason.as_bytes());
    }

    /// Waits until all links have ended and their peers were told (or three round-trip times have passed).
    pub async fn wait_idle(&self) {
        self.0.quinn.wait_idle().await;
    }

    /// Gives up a closed endpoint and waits until its port is free again: until nobody else holds it and its tasks have ended, but no longer
    /// than `limit`. Whether it is free.
    pub async fn release(self, limit: Duration) -> bool {
        let socket = self.0.socket.clone();
        drop(self);
        let free = async {
            // Its tasks have been told, and end as soon as they run; the sleep is for those on other threads.
            for _ in 0..64 {
                if socket.strong_count() == 0 {
                    return;
                }
                tokio::task::yield_now().await;
            }
            while socket.strong_count() > 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(limit, free).await.is_ok()
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.0
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("id", &self.0.id)
            .field("local", &self.0.local)
            .finish_non_exhaustive()
    }
}

fn open(address: SocketAddr, config: &Config) -> Result<UdpSocket, BindError> {
    quic::socket(address, config).map_err(|source| BindError::Socket { address, source })
}
