//! Bytes that are written as bytes wherever they stand: in `Vec<Blob>`, in a map, behind an `Option`.

use std::fmt;
use std::ops::Deref;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Bytes;

/// [`Bytes`] that serde sees as bytes, where `#[serde(with = "duologue::bytes")]` cannot be put.
///
/// ```
/// use std::collections::HashMap;
///
/// use duologue::{Blob, Bytes};
///
/// let mut tiles: HashMap<u32, Blob> = HashMap::new();
/// tiles.insert(7, Blob(Bytes::from_static(b"pixels")));
/// assert_eq!(tiles[&7].len(), 6);
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Blob(pub Bytes);

impl Deref for Blob {
    type Target = Bytes;

    fn deref(&self) -> &Bytes {
        &self.0
    }
}

impl AsRef<[u8]> for Blob {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl<T: Into<Bytes>> From<T> for Blob {
    fn from(bytes: T) -> Self {
        Self(bytes.into())
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "Blob({} bytes)", self.0.len())
    }
}

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        crate::bytes::serialize(&self.0, to)
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        crate::bytes::deserialize(from)
    }
}
