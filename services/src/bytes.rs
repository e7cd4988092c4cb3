//! Bytes inside structs: `#[serde(with = "duologue::bytes")]`.
//!
//! A [`Bytes`] or `Vec<u8>` that is a whole argument, result or callback argument needs nothing: it is
//! MessagePack bin by itself. A field of a struct is written by serde, which sees a list of numbers in a `Vec<u8>`
//! and copies a `Bytes`. With this module the field is bin, and a `Bytes` is read as a slice of the frame,
//! without a copy.
//!
//! ```
//! use duologue::Bytes;
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize)]
//! struct Picture {
//!     width: u32,
//!     #[serde(with = "duologue::bytes")]
//!     pixels: Bytes,
//! }
//! ```
//!
//! Also for `Vec<u8>`, which is copied once. In text formats the bytes are a list of numbers.

use serde::{Deserializer, Serializer};

use crate::Bytes;

/// Writes the bytes as bytes.
pub fn serialize<T: AsRef<[u8]>, S: Serializer>(bytes: &T, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_bytes(bytes.as_ref())
}

/// Reads bytes, without a copy if they stay [`Bytes`].
pub fn deserialize<'de, T: From<Bytes>, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
    runtime::private::deserialize_bytes(from).map(T::from)
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use crate::prelude::*;
    use crate::{Blob, connect};

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Picture {
        #[serde(with = "crate::bytes")]
        pixels: Bytes,
        #[serde(with = "crate::bytes")]
        copied: Vec<u8>,
        plain: Vec<u8>,
        tiles: Vec<Blob>,
    }

    #[service(crate = "crate")]
    trait Echo {
        fn picture(&self, picture: &Picture) -> Picture;
        fn whole(&self, bytes: Bytes, list: Vec<u8>, slice: &[u8]) -> Bytes;
    }

    struct Mirror;

    #[service(crate = "crate")]
    impl Echo for Mirror {
        fn picture(&self, picture: &Picture) -> Picture {
            picture.clone()
        }
        fn whole(&self, bytes: Bytes, list: Vec<u8>, slice: &[u8]) -> Bytes {
            [&bytes, &list[..], slice].concat().into()
        }
    }

    #[tokio::test]
    async fn bytes_cross_as_they_are_wherever_they_stand() {
        let node = Node::builder().serve(|| Mirror).arbiters(1).bind("127.0.0.1:0").await.unwrap();
        let connection = connect(node.local_addr().to_string()).await.unwrap();
        let echo: EchoProxy = connection.root().await.unwrap();
        let picture = Picture {
            pixels: Bytes::from((0..=255).collect::<Vec<u8>>()),
            copied: vec![0, 127, 128, 255],
            plain: vec![255, 0],
            tiles: vec![Blob::from(vec![1, 200]), Blob::default()],
        };
        assert_eq!(echo.picture(&picture).await.unwrap(), picture);
        let whole = echo.whole(Bytes::from_static(b"a\xff"), vec![0, 200], &[7, 255]).await.unwrap();
        assert_eq!(whole, &b"a\xff\0\xc8\x07\xff"[..]);
    }
}
