//! Private keys in files: PEM, readable by their owner only, written whole or not at all. It does not know what
//! the keys are for.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rcgen::KeyPair;

/// A PEM file of an Ed25519 key has some 120 bytes; a file larger than this is something else.
const FILE_MAX: u64 = 64 * 1024;

/// Why an [`Identity`](crate::Identity) could not be made, loaded or saved. No peer is involved.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// The key or its certificate could not be made; nothing was saved.
    #[error("cannot make an identity: {0}")]
    Generate(String),
    /// The key file could not be opened or read.
    #[error("cannot read the key file {}", path.display())]
    Read {
        /// The key file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The key file could not be written; nothing was left behind.
    #[error("cannot write the key file {}", path.display())]
    Write {
        /// The key file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// `create` found the file in place already; it was not touched.
    #[error("the key file {} exists already", path.display())]
    Exists {
        /// The key file.
        path: PathBuf,
    },
    /// Others than its owner can read the key file, so its key cannot be relied upon.
    #[error("the key file {} is open to others (mode {mode:03o}): run `chmod 600` on it", path.display())]
    Exposed {
        /// The key file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file holds no Ed25519 private key in PEM (PKCS#8).
    #[error("the key file {} holds no Ed25519 private key: {reason}", path.display())]
    Malformed {
        /// The key file.
        path: PathBuf,
        /// What is wrong with it; never part of its content.
        reason: String,
    },
}

impl IdentityError {
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Self::Read { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}

pub(crate) fn generate() -> Result<KeyPair, IdentityError> {
    KeyPair::generate_for(&rcgen::PKCS_ED25519).map_err(|error| IdentityError::Generate(error.to_string()))
}

pub(crate) fn read(path: &Path) -> Result<KeyPair, IdentityError> {
    let failed = |source| IdentityError::Read { path: path.to_owned(), source };
    let malformed =
        |reason: &str| IdentityError::Malformed { path: path.to_owned(), reason: reason.to_owned() };
    let file = File::open(path).map_err(failed)?;
    // The open file is examined, not the path: nobody can swap it in between.
    refuse_exposed(path, &file.metadata().map_err(failed)?)?;
    let mut pem = Vec::new();
    file.take(FILE_MAX + 1).read_to_end(&mut pem).map_err(failed)?;
    if pem.len() as u64 > FILE_MAX {
        return Err(malformed("it is too large"));
    }
    let pem = std::str::from_utf8(&pem).map_err(|_| malformed("it is not text"))?;
    let key = KeyPair::from_pem(pem).map_err(|_| malformed("it is not a private key in PEM (PKCS#8)"))?;
    if key.algorithm() != &rcgen::PKCS_ED25519 {
        return Err(malformed("its key is of another kind"));
    }
    Ok(key)
}

/// Saves `key` under `path`, which must not exist: written aside first, then linked into place, so that no
/// reader ever sees half of it and the first of several writers wins.
pub(crate) fn create(path: &Path, key: &KeyPair) -> Result<(), IdentityError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::AlreadyExists => IdentityError::Exists { path: path.to_owned() },
        _ => IdentityError::Write { path: path.to_owned(), source },
    };
    let folder = folder_of(path);
    make_private_folders(folder).map_err(|source| IdentityError::Write { path: path.to_owned(), source })?;
    let aside = write_aside(folder, &key.serialize_pem())
        .map_err(|source| IdentityError::Write { path: path.to_owned(), source })?;
    let linked = match fs::hard_link(&aside, path) {
        // File systems without hard links: still exclusive, but a crash may leave half a file.
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            write_new(path, &key.serialize_pem()).map_err(failed)
        }
        linked => linked.map_err(failed),
    };
    // A name left over is harmless: it is private, and nobody reads it.
    let _ = fs::remove_file(&aside);
    linked
}

/// Writes `text` into a fresh private file in `folder` and gives its path.
pub(crate) fn write_aside(folder: &Path, text: &str) -> io::Result<PathBuf> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    loop {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(format!(".duologue-{}-{number}.tmp", std::process::id()));
        match write_new(&path, text) {
            // Left over by a process that had this number before.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
            Ok(()) => return Ok(path),
        }
    }
}

pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes the missing directories of `folder`, for their owner only.
pub(crate) fn make_private_folders(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    if written.is_err() {
        let _ = fs::remove_file(path);
    }
    written
}

#[cfg(unix)]
fn refuse_exposed(path: &Path, metadata: &fs::Metadata) -> Result<(), IdentityError> {
    let mode = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o777;
    if mode & 0o077 != 0 {
        return Err(IdentityError::Exposed { path: path.to_owned(), mode });
    }
    Ok(())
}

/// Elsewhere permissions are inherited from the user's directory.
#[cfg(not(unix))]
fn refuse_exposed(_path: &Path, _metadata: &fs::Metadata) -> Result<(), IdentityError> {
    Ok(())
}
