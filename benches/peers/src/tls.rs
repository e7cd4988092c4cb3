//! The TLS settings of all programs that let one choose: TLS 1.3 by *ring* with AES-128-GCM alone, the cipher Duologue
//! prefers, so that all encrypt alike.
//!
//! Only the server shows a certificate here: the handshake is not part of what is measured.

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use crate::Fault;
use crate::peer::Address;

/// The name on the certificate.
pub(crate) const NAME: &str = "localhost";

/// A fresh server, and the certificate its clients must trust.
pub(crate) fn server() -> Result<(ServerConfig, CertificateDer<'static>), Fault> {
    let made = rcgen::generate_simple_self_signed([NAME.to_owned()])?;
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der())?;
    let config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)?;
    Ok((config, certificate))
}

/// A client that trusts the certificate in a server's address.
pub(crate) fn client(at: &Address) -> Result<ClientConfig, Fault> {
    let mut roots = RootCertStore::empty();
    roots.add(at.secret()?.into())?;
    Ok(ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

/// The certificate and the key of a fresh server as PEM, for those that make their settings themselves.
#[cfg(feature = "peers")]
pub(crate) fn pem() -> Result<(String, String), Fault> {
    let made = rcgen::generate_simple_self_signed([NAME.to_owned()])?;
    Ok((made.cert.pem(), made.signing_key.serialize_pem()))
}

/// Makes the cipher that of the process, for those that make their settings themselves.
#[cfg(feature = "peers")]
pub(crate) fn install() -> Result<(), Fault> {
    let provider = Arc::unwrap_or_clone(provider());
    provider.install_default().map_err(|_| "the process has a provider of ciphers already".into())
}

fn provider() -> Arc<CryptoProvider> {
    let mut provider = ring::default_provider();
    provider.cipher_suites = vec![ring::cipher_suite::TLS13_AES_128_GCM_SHA256];
    Arc::new(provider)
}
