//! Handshakes with peers that cheat: with a copied certificate, or with another protocol.

use std::net::{Ipv4Addr, SocketAddr};

use rustls::sign::CertifiedKey;

use super::*;
use crate::{AcceptError, Config, ConnectError, Endpoint, LinkError, quic};

/// What a thief has: the certificate of `victim`, and a key of its own.
fn stolen(victim: &Identity, thief: &Identity, trust: &Trust) -> Tls {
    let certificate = victim.certified_key().cert.clone();
    let certified = Arc::new(CertifiedKey::new(certificate, thief.certified_key().key.clone()));
    Tls { certified: Arc::new(SingleCertAndKey::from(certified)), trust: trust.clone(), alpn: ALPN.to_vec() }
}

fn endpoint(identity: &Identity, tls: Tls) -> Endpoint {
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let config = Config::default();
    Endpoint::start(quic::socket(any, &config).unwrap(), any, identity, tls, &config, true).unwrap()
}

async fn accept_one(server: &Endpoint) -> Result<crate::Link, AcceptError> {
    server.accept().await.unwrap().accept().await
}

#[tokio::test]
async fn a_server_with_a_stolen_certificate_is_not_believed() {
    let [victim, thief, user] = [(); 3].map(|()| Identity::generate().unwrap());
    let server = endpoint(&thief, stolen(&victim, &thief, &Trust::danger_anyone()));
    for trust in [Trust::pinned([victim.node_id()]), Trust::danger_anyone()] {
        let client = endpoint(&user, Tls::new(&user, &trust));
        let (connected, accepted) =
            tokio::join!(client.connect_addr(server.local_addr()), accept_one(&server));
        assert!(matches!(connected, Err(ConnectError::Tls { .. })), "{connected:?}");
        assert!(accepted.is_err());
    }
}

#[tokio::test]
async fn a_server_with_a_stolen_certificate_is_not_remembered() {
    let [victim, thief, user] = [(); 3].map(|()| Identity::generate().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("known_hosts");
    let server = endpoint(&thief, stolen(&victim, &thief, &Trust::danger_anyone()));
    let client = endpoint(&user, Tls::new(&user, &Trust::known_hosts(&path)));
    let (connected, _) = tokio::join!(client.connect_addr(server.local_addr()), accept_one(&server));
    assert!(matches!(connected, Err(ConnectError::Tls { .. })), "{connected:?}");
    assert!(!path.exists());
}

#[tokio::test]
async fn a_client_with_a_stolen_certificate_does_not_come_in() {
    let [victim, thief, host] = [(); 3].map(|()| Identity::generate().unwrap());
    for trust in [Trust::pinned([victim.node_id()]), Trust::danger_anyone()] {
        let server = endpoint(&host, Tls::new(&host, &trust));
        let client = endpoint(&thief, stolen(&victim, &thief, &Trust::danger_anyone()));
        let (connected, accepted) =
            tokio::join!(client.connect_addr(server.local_addr()), accept_one(&server));
        assert!(matches!(accepted, Err(AcceptError::Tls { .. })), "{accepted:?}");
        // The dialer's handshake was done before the server judged it.
        let ended = connected.unwrap().closed().await;
        assert!(matches!(ended, LinkError::Tls { .. } | LinkError::Untrusting { .. }), "{ended:?}");
    }
}

#[tokio::test]
async fn a_peer_of_another_protocol_is_told_apart() {
    let [host, user] = [(); 2].map(|()| Identity::generate().unwrap());
    let anyone = Trust::danger_anyone();
    let server = endpoint(&host, Tls::new(&host, &anyone));
    let client = endpoint(&user, Tls { alpn: b"other/1".to_vec(), ..Tls::new(&user, &anyone) });
    let (connected, accepted) = tokio::join!(client.connect_addr(server.local_addr()), accept_one(&server));
    assert!(matches!(connected, Err(ConnectError::WrongProtocol { .. })), "{connected:?}");
    assert!(matches!(accepted, Err(AcceptError::WrongProtocol)), "{accepted:?}");
}

#[test]
fn aes_128_is_the_first_choice() {
    assert_eq!(provider().cipher_suites[0].suite(), CipherSuite::TLS13_AES_128_GCM_SHA256);
}
