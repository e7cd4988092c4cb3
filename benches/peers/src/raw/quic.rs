//! The QUIC endpoints of the hand-written programs, tuned like Duologue's where it shows in a measurement.
//!
//! Only the server shows a certificate here: the handshake is not part of what is measured.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{
    ClientConfig, Connection, Endpoint, EndpointConfig, MtuDiscoveryConfig, ServerConfig, TokioRuntime,
    TransportConfig, VarInt,
};
use rustls::pki_types::CertificateDer;

use crate::Fault;
use crate::peer::Address;
use crate::{socket, tls};

const ALPN: &[u8] = b"duologue-peers/1";
/// The largest payload of an unfragmented datagram over Ethernet, which is quinn's default.
const ETHERNET_PAYLOAD: u16 = 1_472;

/// A server endpoint on a free port of loopback, and the certificate its clients must trust.
pub(crate) fn listen(mtu: Option<u16>) -> Result<(Endpoint, CertificateDer<'static>), Fault> {
    let (mut tls, certificate) = tls::server()?;
    tls.alpn_protocols = vec![ALPN.to_vec()];
    let mut config = ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls)?));
    config.transport_config(transport(mtu));
    Ok((endpoint(mtu, Some(config))?, certificate))
}

/// What connections are made with; all share a socket.
#[derive(Debug)]
pub(crate) struct Dialer {
    endpoint: Endpoint,
    server: SocketAddr,
}

/// For connections to a server made by [`listen`].
pub(crate) fn dialer(at: &Address, mtu: Option<u16>) -> Result<Dialer, Fault> {
    let mut tls = tls::client(at)?;
    tls.alpn_protocols = vec![ALPN.to_vec()];
    let mut config = ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls)?));
    config.transport_config(transport(mtu));
    let mut endpoint = endpoint(mtu, None)?;
    endpoint.set_default_client_config(config);
    Ok(Dialer { endpoint, server: at.server })
}

impl Dialer {
    pub(crate) async fn connect(&self) -> Result<Connection, Fault> {
        Ok(self.endpoint.connect(self.server, tls::NAME)?.await?)
    }
}

fn endpoint(mtu: Option<u16>, server: Option<ServerConfig>) -> Result<Endpoint, Fault> {
    let mut config = EndpointConfig::default();
    if let Some(mtu) = mtu {
        config.max_udp_payload_size(mtu.max(ETHERNET_PAYLOAD))?;
    }
    Ok(Endpoint::new(config, server, socket::udp()?, Arc::new(TokioRuntime))?)
}

/// Segmentation offload, cubic and MTU discovery stay as quinn has them.
fn transport(mtu: Option<u16>) -> Arc<TransportConfig> {
    let mut config = TransportConfig::default();
    config
        .max_concurrent_bidi_streams(VarInt::from_u32(64))
        .max_concurrent_uni_streams(VarInt::from_u32(8))
        .stream_receive_window(VarInt::from_u32(16 << 20))
        .receive_window(VarInt::from_u32(32 << 20))
        .datagram_receive_buffer_size(None)
        .keep_alive_interval(Some(Duration::from_secs(10)));
    if let Some(mtu) = mtu {
        let mut discovery = MtuDiscoveryConfig::default();
        discovery.upper_bound(mtu);
        config.initial_mtu(mtu).mtu_discovery_config(Some(discovery));
    }
    Arc::new(config)
}
