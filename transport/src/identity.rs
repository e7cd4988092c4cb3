//! [`Identity`]: the key pair a node proves itself with, and the certificate that carries it. It does not
//! decide who is trusted.

use std::{fmt, path::Path, sync::Arc};

use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use sha2::{Digest, Sha256};

use crate::key_file::{self, IdentityError};
use crate::{NodeId, tls};

/// An Ed25519 key and a self-signed certificate that carries it. Cheap to clone.
///
/// `Debug` prints the id only; the key is never printed.
#[derive(Clone)]
pub struct Identity(Arc<Inner>);

struct Inner {
    id: NodeId,
    certified: Arc<CertifiedKey>,
    /// Root of the secrets that are derived from the key, see [`Identity::derive`].
    secret: [u8; 32],
}

impl Identity {
    /// A fresh identity that lives in memory only.
    pub fn generate() -> Result<Self, IdentityError> {
        Self::from_key(&key_file::generate()?).map_err(IdentityError::Generate)
    }

    /// The identity whose private key (PEM, PKCS#8, Ed25519) stands in the file `path`.
    ///
    /// A file that others than its owner can read is refused.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, IdentityError> {
        let path = path.as_ref();
        Self::from_key(&key_file::read(path)?)
            .map_err(|reason| IdentityError::Malformed { path: path.to_owned(), reason })
    }

    /// A fresh identity, saved in the file `path`, which must not exist yet.
    ///
    /// The file appears whole or not at all, with mode 0600; missing directories are made with mode 0700.
    pub fn create(path: impl AsRef<Path>) -> Result<Self, IdentityError> {
        let key = key_file::generate()?;
        let identity = Self::from_key(&key).map_err(IdentityError::Generate)?;
        key_file::create(path.as_ref(), &key)?;
        Ok(identity)
    }

    /// The identity in the file `path`; made and saved there if the file does not exist. Of several processes
    /// that do this at the same time, all get the same identity.
    pub fn load_or_create(path: impl AsRef<Path>) -> Result<Self, IdentityError> {
        let path = path.as_ref();
        match Self::load(path) {
            Err(error) if error.is_missing() => {}
            loaded => return loaded,
        }
        match Self::create(path) {
            // Another process was faster: its key is the one that lasts.
            Err(IdentityError::Exists { .. }) => Self::load(path),
            created => created,
        }
    }

    /// The id that peers know this node by.
    pub fn node_id(&self) -> NodeId {
        self.0.id
    }

    pub(crate) fn certified_key(&self) -> Arc<CertifiedKey> {
        self.0.certified.clone()
    }

    /// A secret for one purpose, the same in every process that has this key.
    pub(crate) fn derive(&self, purpose: &str) -> [u8; 32] {
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &self.0.secret);
        let tag = ring::hmac::sign(&key, purpose.as_bytes());
        let mut derived = [0; 32];
        derived.copy_from_slice(tag.as_ref());
        derived
    }

    fn from_key(key: &rcgen::KeyPair) -> Result<Self, String> {
        let mut params = rcgen::CertificateParams::new(vec![tls::SERVER_NAME.to_owned()]).map_err(text)?;
        params.distinguished_name = rcgen::DistinguishedName::new();
        let certificate = params.self_signed(key).map_err(text)?.der().clone();
        let id = NodeId::of_certificate(&certificate).map_err(text)?;
        let pkcs8 = key.serialized_der();
        let private = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(pkcs8.to_vec()));
        let signer = tls::provider().key_provider.load_private_key(private).map_err(text)?;
        let certified = Arc::new(CertifiedKey::new(vec![certificate], signer));
        let mut hash = Sha256::new_with_prefix(b"duologue identity secret\0");
        hash.update(pkcs8);
        Ok(Self(Arc::new(Inner { id, certified, secret: hash.finalize().into() })))
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Identity").field(&self.0.id).finish()
    }
}

fn text(error: impl fmt::Display) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests;
