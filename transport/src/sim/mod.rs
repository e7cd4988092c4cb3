//! A network in memory, for tests: real QUIC and TLS over sockets that lose, delay, reorder and double datagrams as a seed says.
//!
//! ```text
//!   Endpoint A ── Socket ──►  Network: Rules (seed, Conditions)  ──► Socket ── Endpoint B
//!                             lost? doubled? when does it arrive?
//! ```
//!
//! Only with the feature `testing`. An [`Endpoint`] is put on a [`Network`] with [`Endpoint::bind_on`] and
//! [`Endpoint::dialer_on`]; its links are like all others. Targets are literal addresses; names are looked up in the real world.
//!
//! # Replay
//!
//! The fate of a datagram depends on the seed and on its number in its direction, and on nothing else. What stays random are the keys
//! of TLS, and with threads of several runtimes also which datagram is the n-th.
//!
//! # Time
//!
//! All times are tokio's, the QUIC library's included. On a runtime whose clock is paused (`tokio::time::pause`, `start_paused`) a
//! minute takes as long as the work in it: the clock moves on by itself when nothing is left to do. Everything on the network must
//! then live on that one runtime. On other runtimes, time is real.
//!
//! # What it is not
//!
//! It has no routers, no names and no congestion between different pairs of machines; IPv4 and IPv6 addresses do not reach each other.
//!
//! ```
//! use std::time::Duration;
//! use duologue_transport::sim::{Conditions, Network};
//! use duologue_transport::{Config, Endpoint, Identity, Trust};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
//! runtime.block_on(async {
//!     let network = Network::new(7);
//!     network.set(Conditions::default().delay(Duration::from_millis(50)).loss(0.05));
//!
//!     let (anyone, config) = (Trust::danger_anyone(), Config::default());
//!     let server = Endpoint::bind_on(&network, "127.0.0.1:1".parse()?, &Identity::generate()?, &anyone, &config)?;
//!     let client = Endpoint::dialer_on(&network, network.machine(), &Identity::generate()?, &anyone, &config)?;
//!
//!     let dial = client.connect_addr(server.local_addr());
//!     let accept = async { server.accept().await.expect("it is open").accept().await };
//!     let (dialed, accepted) = tokio::join!(dial, accept);
//!     assert_eq!(dialed?.peer(), server.node_id());
//!     assert_eq!(accepted?.peer(), client.node_id());
//!     Ok(())
//! })
//! # }
//! ```

mod conditions;
mod dice;
mod network;
mod rules;
mod socket;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

pub use conditions::Conditions;
pub use network::Network;
pub use rules::Counters;

use crate::tls::Tls;
use crate::{BindError, Config, Endpoint, Identity, Trust};

impl Endpoint {
    /// As [`bind`](Self::bind), on a simulated network. The address may not be an unspecified one.
    pub fn bind_on(
        network: &Network,
        addr: SocketAddr,
        identity: &Identity,
        trust: &Trust,
        config: &Config,
    ) -> Result<Self, BindError> {
        simulated(network, addr, identity, trust, config, true)
    }

    /// As [`dialer`](Self::dialer), on a simulated network, from any free port of `machine`.
    pub fn dialer_on(
        network: &Network,
        machine: IpAddr,
        identity: &Identity,
        trust: &Trust,
        config: &Config,
    ) -> Result<Self, BindError> {
        simulated(network, SocketAddr::new(machine, 0), identity, trust, config, false)
    }
}

fn simulated(
    network: &Network,
    address: SocketAddr,
    identity: &Identity,
    trust: &Trust,
    config: &Config,
    accepting: bool,
) -> Result<Endpoint, BindError> {
    config.check()?;
    let socket = network.bind(address).map_err(|source| BindError::Socket { address, source })?;
    let local = socket.local();
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&network.seed().to_le_bytes());
    seed[8..10].copy_from_slice(&local.port().to_le_bytes());
    match local.ip() {
        IpAddr::V4(ip) => seed[16..20].copy_from_slice(&ip.octets()),
        IpAddr::V6(ip) => seed[16..].copy_from_slice(&ip.octets()),
    }
    let tls = Tls::new(identity, trust);
    Endpoint::start_on(Arc::new(socket), local, identity, tls, config, accepting, Some(seed))
}
