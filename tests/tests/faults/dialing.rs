//! Dialing where nobody is, or somebody else: each failure is an error of its own that names the target, and comes in time.

use std::error::Error as _;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Instant;

use duologue::link::ConnectError as LinkError;
use duologue::prelude::*;
use duologue::{Config, ConnectError};
use duologue_tests::nodes::{own_address, run, small};
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::{Victim, impatient, small_of};

async fn dialing(node: &Node, target: impl Into<String>) -> LinkError {
    match node.connect(target).await {
        Err(ConnectError::Link(error)) => error,
        other => panic!("another error, or none: {other:?}"),
    }
}

fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// A bare QUIC endpoint that speaks these protocols and asks for no certificate.
fn foreign_server(protocols: &[&[u8]]) -> quinn::Endpoint {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    tls.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    let config = quinn::ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls).unwrap()));
    quinn::Endpoint::server(config, loopback()).unwrap()
}

/// Dials `target` with a bare QUIC endpoint without a certificate and waits until that has failed.
async fn foreign_client(target: SocketAddr, protocol: &[u8]) -> quinn::ConnectionError {
    #[derive(Debug)]
    struct Anyone;
    impl rustls::client::danger::ServerCertVerifier for Anyone {
        fn verify_server_cert(
            &self,
            _: &rustls::pki_types::CertificateDer<'_>,
            _: &[rustls::pki_types::CertificateDer<'_>],
            _: &rustls::pki_types::ServerName<'_>,
            _: &[u8],
            _: rustls::pki_types::UnixTime,
        ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
            Ok(rustls::client::danger::ServerCertVerified::assertion())
        }
        fn verify_tls12_signature(
            &self,
            _: &[u8],
            _: &rustls::pki_types::CertificateDer<'_>,
            _: &rustls::DigitallySignedStruct,
        ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
            unreachable!("only TLS 1.3 is offered")
        }
        fn verify_tls13_signature(
            &self,
            _: &[u8],
            _: &rustls::pki_types::CertificateDer<'_>,
            _: &rustls::DigitallySignedStruct,
        ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
            Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
        }
        fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
            vec![rustls::SignatureScheme::ED25519]
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anyone))
        .with_no_client_auth();
    tls.alpn_protocols = vec![protocol.to_vec()];
    let config = quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).unwrap()));
    let endpoint = quinn::Endpoint::client(loopback()).unwrap();
    match endpoint.connect_with(config, target, "anybody").unwrap().await {
        Ok(connection) => connection.closed().await,
        Err(error) => error,
    }
}

/// The TLS alert by which the peer refused.
fn alert(error: &quinn::ConnectionError) -> Option<u64> {
    match error {
        quinn::ConnectionError::ConnectionClosed(close) => Some(u64::from(close.error_code) - 0x100),
        _ => None,
    }
}

#[test]
fn a_closed_port_and_a_silent_one_are_unreachable_after_the_connect_timeout() {
    run(async {
        let node = small_of(impatient()).start().await.unwrap();
        let silent = UdpSocket::bind(loopback()).unwrap();
        let addresses = [silent.local_addr().unwrap(), own_address().parse().unwrap()];
        let began = Instant::now();
        let errors =
            tokio::join!(dialing(&node, addresses[0].to_string()), dialing(&node, addresses[1].to_string()));
        let took = began.elapsed();
        for (address, error) in addresses.into_iter().zip([errors.0, errors.1]) {
            match &error {
                LinkError::Unreachable { target, tried } => {
                    assert_eq!(*target, address.to_string());
                    assert_eq!(*tried, [(address, "no answer".to_owned())]);
                }
                other => panic!("{other:?}"),
            }
            assert_eq!(error.to_string(), format!("nobody answers at {address} ({address}: no answer)"));
        }
        assert!(took >= impatient().transport.connect_timeout, "it gave up after {took:?}");
        assert!(took < Config::default().transport.connect_timeout, "it gave up after {took:?}");
    });
}

#[test]
fn somebody_who_does_not_speak_quic_is_nobody() {
    run(async {
        let chatty = tokio::net::UdpSocket::bind(loopback()).await.unwrap();
        let address = chatty.local_addr().unwrap();
        let babble = tokio::spawn(async move {
            let mut buffer = [0; 2_048];
            while let Ok((len, from)) = chatty.recv_from(&mut buffer).await {
                let _ = chatty.send_to(b"HTTP/1.1 400 Bad Request\r\n\r\n", from).await;
                let _ = chatty.send_to(&buffer[..len], from).await;
            }
        });
        let node = small_of(impatient()).start().await.unwrap();
        let error = dialing(&node, address.to_string()).await;
        assert!(matches!(error, LinkError::Unreachable { .. }), "{error:?}");
        babble.abort();
    });
}

#[test]
fn a_name_that_does_not_resolve_is_named() {
    run(async {
        let node = small().start().await.unwrap();
        let error = dialing(&node, "no-such-host.invalid:18861").await;
        assert!(matches!(error, LinkError::Resolve { .. }), "{error:?}");
        assert_eq!(error.to_string(), "cannot resolve no-such-host.invalid:18861");
        assert!(error.source().is_some(), "the resolver's own words are kept");
    });
}

#[test]
fn what_is_no_target_is_refused_with_a_reason() {
    run(async {
        let node = small().start().await.unwrap();
        for (target, reason) in [
            ("localhost", "it has no port: write host:port"),
            ("localhost:http", "its port is no number up to 65535"),
            ("localhost:0", "port 0 is nobody's"),
            ("::1:18861", "it is no IPv6 address in brackets: write [::1]:port"),
            (":18861", "its host is neither a name nor an address"),
            ("", "it has no port: write host:port"),
        ] {
            let error = dialing(&node, target).await;
            assert!(matches!(error, LinkError::InvalidTarget { .. }), "{error:?}");
            assert_eq!(error.to_string(), format!("{target:?} is nothing to connect to: {reason}"));
        }
    });
}

#[test]
fn a_peer_of_another_protocol_is_told_from_nobody() {
    run(async {
        let node = small().start().await.unwrap();
        let others: [&[&[u8]]; 3] = [&[b"h3"], &[b"duologue/2", b"h3"], &[b"duologue/11"]];
        for protocols in others {
            let foreign = foreign_server(protocols);
            let accepting = tokio::spawn({
                let foreign = foreign.clone();
                async move { foreign.accept().await.unwrap().await.map(drop) }
            });
            let target = foreign.local_addr().unwrap().to_string();
            let error = dialing(&node, &target).await;
            assert!(matches!(error, LinkError::WrongProtocol { .. }), "{error:?}");
            assert_eq!(error.to_string(), format!("{target} does not speak this protocol"));
            assert!(accepting.await.unwrap().is_err());
        }
    });
}

#[test]
fn a_dialer_of_another_protocol_is_told_so_and_the_node_serves_on() {
    run(async {
        const NO_APPLICATION_PROTOCOL: u64 = 120;
        const CERTIFICATE_REQUIRED: u64 = 116;
        let mut victim = Victim::start().await;
        for protocol in [b"h3".as_slice(), b"duologue/2", b"DUOLOGUE/1"] {
            let error = foreign_client(victim.address(), protocol).await;
            assert_eq!(alert(&error), Some(NO_APPLICATION_PROTOCOL), "{error:?}");
            victim.serves_on().await;
        }
        // The right protocol, but nobody in particular.
        let error = foreign_client(victim.address(), b"duologue/1").await;
        assert_eq!(alert(&error), Some(CERTIFICATE_REQUIRED), "{error:?}");
        victim.serves_on().await;
    });
}

#[test]
fn a_full_node_refuses_and_has_room_again_later() {
    run(async {
        let mut config = Config::default();
        config.transport.connections_max = 2;
        let victim = Victim::with(config).await;
        let node = small().start().await.unwrap();
        let target = victim.address().to_string();
        let second = node.connect(&target).await.unwrap();
        let error = dialing(&node, &target).await;
        assert!(matches!(error, LinkError::Refused { .. }), "{error:?}");
        assert_eq!(error.to_string(), format!("{target} refused the link: it takes no more now"));
        second.close().await;
        drop(second);
        victim.node.until(|stats| stats.connections == 1).await;
        // The seat is given back when QUIC has forgotten the link, a moment after.
        let third = loop {
            match node.connect(&target).await {
                Ok(connection) => break connection,
                Err(ConnectError::Link(LinkError::Refused { .. })) => tokio::task::yield_now().await,
                Err(other) => panic!("{other:?}"),
            }
        };
        third.ping().await.unwrap();
    });
}

#[test]
fn a_node_that_has_shut_down_neither_dials_nor_answers() {
    run(async {
        let target = own_address();
        let server = small().bind(&target).await.unwrap();
        let node = small_of(impatient()).start().await.unwrap();
        let connection = node.connect(&target).await.unwrap();
        server.shutdown().await;
        connection.closed().await;
        let error = dialing(&node, &target).await;
        assert!(matches!(error, LinkError::Unreachable { .. }), "{error:?}");
        node.shutdown().await;
        let error = node.connect(&target).await.unwrap_err();
        assert!(matches!(error, ConnectError::NodeClosed), "{error:?}");
        assert_eq!(error.to_string(), "the node is shut down");
    });
}
