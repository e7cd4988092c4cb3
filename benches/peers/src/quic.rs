//! The QUIC endpoints of the hand-written programs, tuned like Duologue's where it shows in a measurement.
//!
//! Only the server shows a certificate here: the handshake is not part of what is measured.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{ClientConfig, Connection, Endpoint, ServerConfig, TransportConfig, VarInt};
use rustls::RootCertStore;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::Fault;

const ALPN: &[u8] = b"duologue-peers/1";
const NAME: &str = "localhost";

/// A server endpoint on a free port of loopback, and the certificate its clients must trust.
pub(crate) fn listen() -> Result<(Endpoint, CertificateDer<'static>), Fault> {
    let made = rcgen::generate_simple_self_signed([NAME.to_owned()])?;
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der())?;
    let mut tls = rustls::ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)?;
    tls.alpn_protocols = vec![ALPN.to_vec()];
    let mut config = ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls)?));
    config.transport_config(transport());
    Ok((Endpoint::server(config, SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?, certificate))
}

/// A connection to a server made by [`listen`]. The endpoint must be kept as long as the connection is used.
pub(crate) async fn connect(
    server: SocketAddr,
    certificate: CertificateDer<'static>,
) -> Result<(Endpoint, Connection), Fault> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate)?;
    let mut tls = rustls::ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = vec![ALPN.to_vec()];
    let mut config = ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls)?));
    config.transport_config(transport());
    let endpoint = Endpoint::client(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    let connection = endpoint.connect_with(config, server, NAME)?.await?;
    Ok((endpoint, connection))
}

/// *ring* with AES-128-GCM alone: the cipher Duologue prefers, so both encrypt alike.
fn provider() -> Arc<CryptoProvider> {
    let mut provider = ring::default_provider();
    provider.cipher_suites = vec![ring::cipher_suite::TLS13_AES_128_GCM_SHA256];
    Arc::new(provider)
}

/// Segmentation offload, cubic and MTU discovery stay as quinn has them.
fn transport() -> Arc<TransportConfig> {
    let mut config = TransportConfig::default();
    config
        .max_concurrent_bidi_streams(VarInt::from_u32(64))
        .max_concurrent_uni_streams(VarInt::from_u32(8))
        .stream_receive_window(VarInt::from_u32(16 << 20))
        .receive_window(VarInt::from_u32(32 << 20))
        .datagram_receive_buffer_size(None)
        .keep_alive_interval(Some(Duration::from_secs(10)));
    Arc::new(config)
}
