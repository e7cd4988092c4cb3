//! What is set about the QUIC library, and its socket. Nothing here knows who is trusted.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use std::{io, iter};

use quinn::congestion::BbrConfig;
use quinn::{ConnectionId, ConnectionIdGenerator, IdleTimeout, MtuDiscoveryConfig, TransportConfig, VarInt};
use ring::hmac;
use ring::rand::{SecureRandom as _, SystemRandom};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use crate::config::LEAST_BUFFER;
use crate::{Config, Congestion, Identity};

/// The largest payload of an unfragmented datagram over Ethernet, which is what endpoints take by default.
const ETHERNET_PAYLOAD: u16 = 1_472;

/// What MTU discovery finds at most by default: Ethernet with IPv6 and some room for tunnels.
const DISCOVERED_MTU: u16 = 1_452;

/// Bytes kept for a peer whose handshake nobody has accepted yet: a few first packets.
const PENDING_BYTES: u64 = 64 * 1024;

/// The settings of all links of an endpoint.
pub(crate) fn links(config: &Config) -> Arc<TransportConfig> {
    let mut links = TransportConfig::default();
    let idle = IdleTimeout::try_from(config.idle_timeout).expect("`Config::check` keeps it below an hour");
    links
        .max_idle_timeout(Some(idle))
        .keep_alive_interval(Some(config.keep_alive))
        // Paid up front per stream; it grows in `Link::accept`.
        .max_concurrent_bidi_streams(VarInt::from_u32(config.streams_start))
        .max_concurrent_uni_streams(VarInt::from_u32(config.one_way_start.min(config.streams_max)))
        // Set high, so that the layers above bound memory and not these: a full window stalls the whole link.
        .stream_receive_window(VarInt::from_u32(config.stream_window))
        .receive_window(VarInt::from_u32(config.connection_window))
        .send_window(config.send_window.into())
        .initial_mtu(config.initial_mtu)
        // 1.25 MB of receive buffer that nothing uses.
        .datagram_receive_buffer_size(None)
        // Without it: 246 instead of 856 MiB/s.
        .enable_segmentation_offload(true);
    if config.congestion == Congestion::Bbr {
        links.congestion_controller_factory(Arc::new(BbrConfig::default()));
    }
    let mut discovery = MtuDiscoveryConfig::default();
    discovery.upper_bound(config.initial_mtu.max(DISCOVERED_MTU));
    links.mtu_discovery_config(Some(discovery));
    Arc::new(links)
}

/// The settings of an endpoint at `local`.
pub(crate) fn endpoint(config: &Config, identity: &Identity, local: SocketAddr) -> quinn::EndpointConfig {
    // Derived from the key, so that a node that was restarted at the same address can tell the peers of its former
    // life that their links are gone, instead of leaving them to their idle timeout. The address is part of it: an
    // endpoint must not be able to end the links of another one of the same node (RFC 9000 §21.11).
    let secret = identity.derive(&format!("stateless reset {local}"));
    let mut endpoint = quinn::EndpointConfig::new(Arc::new(hmac::Key::new(hmac::HMAC_SHA256, &secret)));
    // quinn's own ids carry a checksum with a random key, by which packets of a former life are not recognized.
    endpoint.cid_generator(|| Box::new(RandomIds(SystemRandom::new())));
    // Faster than quinn's 20 ms: the peers of a restarted node come by the thousand. A reset is smaller than the
    // packet it answers, so this amplifies nothing.
    endpoint.min_reset_interval(Duration::from_millis(1));
    endpoint
        .max_udp_payload_size(config.initial_mtu.max(ETHERNET_PAYLOAD))
        .expect("`Config::check` keeps it between 1,200 and 6,500");
    endpoint
}

/// The settings of the accepting side.
pub(crate) fn server(
    config: &Config,
    tls: Arc<quinn::crypto::rustls::QuicServerConfig>,
    links: Arc<TransportConfig>,
) -> quinn::ServerConfig {
    let mut server = quinn::ServerConfig::with_crypto(tls);
    let mut tokens = quinn::ValidationTokenConfig::default();
    // Tokens for later visits save one round trip, and only while more than a quarter of the handshakes is taken.
    tokens.sent(0);
    server
        .transport_config(links)
        .migration(true)
        .validation_token_config(tokens)
        .max_incoming(config.handshakes_max as usize)
        .incoming_buffer_size(PENDING_BYTES)
        .incoming_buffer_size_total(PENDING_BYTES * u64::from(config.handshakes_max).min(256));
    server
}

/// The settings of the dialing side.
pub(crate) fn client(
    tls: Arc<quinn::crypto::rustls::QuicClientConfig>,
    links: Arc<TransportConfig>,
) -> quinn::ClientConfig {
    let mut client = quinn::ClientConfig::new(tls);
    client.transport_config(links).token_store(Arc::new(quinn::NoneTokenStore));
    client
}

/// A socket at `address`; an unspecified IPv6 address takes IPv4 as well.
pub(crate) fn socket(address: SocketAddr, config: &Config) -> io::Result<std::net::UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() && address.ip().is_unspecified() {
        socket.set_only_v6(false)?;
    }
    if let Some(bytes) = config.socket_buffer {
        set_buffer(bytes, socket.recv_buffer_size(), |bytes| socket.set_recv_buffer_size(bytes));
        set_buffer(bytes, socket.send_buffer_size(), |bytes| socket.set_send_buffer_size(bytes));
    }
    socket.bind(&SockAddr::from(address))?;
    Ok(socket.into())
}

/// Raises the size of a buffer, or tries half of it as often as the system refuses: some give what they have, others refuse what is too much for
/// them. Never lowers it: a system may give more than is asked for.
fn set_buffer(bytes: u32, present: io::Result<usize>, set: impl Fn(usize) -> io::Result<()>) {
    if present.is_ok_and(|present| present >= bytes as usize) {
        return;
    }
    let mut halves =
        iter::successors(Some(bytes), |bytes| Some(bytes / 2)).take_while(|bytes| *bytes >= LEAST_BUFFER);
    if !halves.any(|bytes| set(bytes as usize).is_ok()) {
        tracing::debug!(bytes, "the system refuses to change a buffer of the socket");
    }
}

/// Connection ids of 8 random bytes.
struct RandomIds(SystemRandom);

impl ConnectionIdGenerator for RandomIds {
    fn generate_cid(&mut self) -> ConnectionId {
        let mut id = [0; 8];
        self.0.fill(&mut id).expect("the system gave randomness when the keys were made");
        ConnectionId::new(&id)
    }

    fn cid_len(&self) -> usize {
        8
    }

    fn cid_lifetime(&self) -> Option<Duration> {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// What is asked for, of a system that gives at most so much and refuses the rest.
    fn asked(bytes: u32, most: usize) -> Vec<usize> {
        let asked = RefCell::new(Vec::new());
        set_buffer(bytes, Ok(200_000), |bytes| {
            asked.borrow_mut().push(bytes);
            if bytes > most { Err(io::ErrorKind::OutOfMemory.into()) } else { Ok(()) }
        });
        asked.into_inner()
    }

    #[test]
    fn a_buffer_is_as_large_as_the_system_allows() {
        assert_eq!(asked(4 << 20, 8 << 20), [4 << 20]);
        assert_eq!(asked(4 << 20, 1_500_000), [4 << 20, 2 << 20, 1 << 20]);
        assert_eq!(
            asked(262_144, 0),
            [262_144, 131_072, 65_536, 32_768, 16_384, 8_192, 4_096],
            "and the system's own stays"
        );
        assert!(asked(200_000, 8 << 20).is_empty(), "there is room already");
    }

    #[test]
    fn a_socket_has_the_buffers_that_are_asked_for() {
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let room = |buffer| {
            let config = Config { socket_buffer: buffer, ..Config::default() };
            let socket = Socket::from(socket(address, &config).unwrap());
            (socket.recv_buffer_size().unwrap(), socket.send_buffer_size().unwrap())
        };
        let (own, usual) = (room(None), room(Config::default().socket_buffer));
        assert!(own.0 <= usual.0 && own.1 <= usual.1, "{own:?}, {usual:?}");
        assert_eq!(room(Some(LEAST_BUFFER)), own, "none is made smaller");
    }
}
