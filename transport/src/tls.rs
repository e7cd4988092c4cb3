//! TLS 1.3 with certificates on both sides, checked by key instead of by authority. It knows no sockets; the two
//! questions of a handshake are answered here: is this id trusted, and does the peer own its key.

use std::fmt;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::sign::SingleCertAndKey;
use rustls::{
    CertificateError, CipherSuite, DigitallySignedStruct, DistinguishedName, Error, PeerMisbehaved,
    SignatureScheme,
};

use crate::trust::TrustError;
use crate::{ALPN, Identity, NodeId, Trust};

/// The name every dialer asks for. Names prove nothing here, and this one tells an eavesdropper nothing.
pub(crate) const SERVER_NAME: &str = "duologue";

/// What makes the TLS side of an endpoint.
pub(crate) struct Tls {
    certified: Arc<SingleCertAndKey>,
    trust: Trust,
    alpn: Vec<u8>,
}

/// Where a handshake leaves the reason why it did not trust the peer: TLS itself carries only an alert.
pub(crate) type Refusal = Arc<Mutex<Option<TrustError>>>;

impl Tls {
    pub(crate) fn new(identity: &Identity, trust: &Trust) -> Self {
        let certified = Arc::new(SingleCertAndKey::from(identity.certified_key()));
        Self { certified, trust: trust.clone(), alpn: ALPN.to_vec() }
    }

    pub(crate) fn trust(&self) -> &Trust {
        &self.trust
    }

    /// For one handshake with whoever is at `target`.
    pub(crate) fn client(&self, target: &str) -> (Arc<QuicClientConfig>, Refusal) {
        let (verifier, refusal) = self.verifier(Some(target.to_owned()));
        let mut config = rustls::ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .expect("the provider has suites of TLS 1.3")
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_client_cert_resolver(self.certified.clone());
        config.alpn_protocols = vec![self.alpn.clone()];
        // A resumed session would skip the certificates, and the check of trust with them.
        config.resumption = Resumption::disabled();
        config.enable_early_data = false;
        let config =
            QuicClientConfig::try_from(config).expect("the provider has AES-128-GCM, which QUIC begins with");
        (Arc::new(config), refusal)
    }

    /// For one handshake with whoever comes.
    pub(crate) fn server(&self) -> (Arc<QuicServerConfig>, Refusal) {
        let (verifier, refusal) = self.verifier(None);
        let mut config = rustls::ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .expect("the provider has suites of TLS 1.3")
            .with_client_cert_verifier(verifier)
            .with_cert_resolver(self.certified.clone());
        config.alpn_protocols = vec![self.alpn.clone()];
        config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        config.max_early_data_size = 0;
        let config =
            QuicServerConfig::try_from(config).expect("the provider has AES-128-GCM, which QUIC begins with");
        (Arc::new(config), refusal)
    }

    fn verifier(&self, target: Option<String>) -> (Arc<Verifier>, Refusal) {
        let refusal = Refusal::default();
        (Arc::new(Verifier { trust: self.trust.clone(), target, refusal: refusal.clone() }), refusal)
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("trust", &self.trust).finish_non_exhaustive()
    }
}

/// The cryptography of *ring*, AES-128-GCM first: it was 1.5 times as fast as ChaCha20-Poly1305 in bulk.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    let make = || {
        let mut provider = rustls::crypto::ring::default_provider();
        provider.cipher_suites.sort_by_key(|suite| suite.suite() != CipherSuite::TLS13_AES_128_GCM_SHA256);
        Arc::new(provider)
    };
    PROVIDER.get_or_init(make).clone()
}

/// The checks of one handshake.
#[derive(Debug)]
struct Verifier {
    trust: Trust,
    /// What was dialed; `None` on the accepting side.
    target: Option<String>,
    refusal: Refusal,
}

impl Verifier {
    fn check(&self, certificate: &CertificateDer<'_>) -> Result<(), Error> {
        let peer = NodeId::of_certificate(certificate)?;
        let checked = match &self.target {
            Some(target) => self.trust.check_dialed(target, peer),
            None => self.trust.check_accepted(peer),
        };
        checked.map_err(|why| {
            *self.refusal.lock() = Some(why);
            // Becomes the alert `access_denied`, by which the peer knows that it is not trusted.
            Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure)
        })
    }

    /// That the peer has the private key of its certificate. Without this, a copied certificate would do.
    fn check_signature(
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if signed.scheme != SignatureScheme::ED25519 {
            return Err(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into());
        }
        verify_tls13_signature(message, certificate, signed, &provider().signature_verification_algorithms)
    }
}

/// TLS 1.2 is not offered; should it ever come, it is refused.
fn refuse_tls12() -> Result<HandshakeSignatureValid, Error> {
    Err(Error::General("TLS 1.2 is not spoken here".into()))
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.check(end_entity).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        refuse_tls12()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Self::check_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

impl ClientCertVerifier for Verifier {
    fn client_auth_mandatory(&self) -> bool {
        true
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.check(end_entity).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        refuse_tls12()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Self::check_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

#[cfg(test)]
mod tests;
