//! MessagePack with bounds: nesting is limited and bytes left over are an error. It does not bound the size: that
//! is the frame's business.

use std::fmt;

use rmp_serde::decode::Error as RmpError;
use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize};

/// How deep arrays, maps and the like may nest. More is refused when read: decoding is recursive, and a deeper
/// one would overflow the stack (200,000 levels need only 200 KB of input).
pub const DEPTH_MAX: usize = 64;

/// A value cannot be written as MessagePack; nothing was sent.
#[derive(Debug, thiserror::Error)]
#[error("cannot encode as MessagePack")]
#[non_exhaustive]
pub struct EncodeError(#[from] rmp_serde::encode::Error);

/// Bytes are not the MessagePack that was expected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The bytes are no MessagePack, end too early, or hold another shape than the type asks for.
    #[error("cannot decode MessagePack: {0}")]
    Malformed(#[source] RmpError),
    /// The value nests deeper than [`DEPTH_MAX`].
    #[error("MessagePack nested deeper than {DEPTH_MAX} levels")]
    TooDeep,
    /// The value is whole, but bytes follow it.
    #[error("bytes follow the MessagePack value")]
    Trailing,
}

/// `value` as MessagePack; structs become maps, so that readers may know fewer or more fields.
pub fn to_vec<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, EncodeError> {
    let mut bytes = Vec::with_capacity(128);
    value.serialize(&mut rmp_serde::Serializer::new(&mut bytes).with_struct_map())?;
    Ok(bytes)
}

/// The value that `bytes` are, all of them.
pub fn from_slice<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, DecodeError> {
    let mut decoder = rmp_serde::Deserializer::from_read_ref(bytes);
    // The decoder refuses when its counter reaches zero, hence one more.
    decoder.set_max_depth(DEPTH_MAX + 1);
    let value = T::deserialize(&mut decoder).map_err(refused)?;
    if is_at_end(&mut decoder) { Ok(value) } else { Err(DecodeError::Trailing) }
}

/// Whether nothing follows the value that `decoder` has read last. It must have read it without an error.
pub fn is_at_end<'de>(decoder: impl Deserializer<'de, Error = RmpError>) -> bool {
    /// Takes any first byte for an answer and reads no further.
    struct Anything;
    impl<'de> Visitor<'de> for Anything {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("anything")
        }

        fn visit_none<E>(self) -> Result<(), E> {
            Ok(())
        }

        fn visit_some<D: Deserializer<'de>>(self, _: D) -> Result<(), D::Error> {
            Ok(())
        }
    }
    // The decoder does not tell where it stands: only at the end there is no further marker to read.
    matches!(decoder.deserialize_option(Anything), Err(RmpError::InvalidMarkerRead(_)))
}

fn refused(error: RmpError) -> DecodeError {
    match error {
        RmpError::DepthLimitExceeded => DecodeError::TooDeep,
        error => DecodeError::Malformed(error),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::de::IgnoredAny;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Point {
        x: i32,
        #[serde(default)]
        name: Option<String>,
    }

    #[derive(Debug, Deserialize)]
    #[allow(dead_code, reason = "only its nesting matters")]
    struct Nest(Vec<Nest>);

    #[test]
    fn a_struct_is_a_map_and_comes_back() {
        let point = Point { x: 3, name: Some("a".into()) };
        let bytes = to_vec(&point).unwrap();
        assert_eq!(bytes, b"\x82\xa1x\x03\xa4name\xa1a");
        assert_eq!(from_slice::<Point>(&bytes).unwrap(), point);
        assert_eq!(from_slice::<Point>(b"\x81\xa1x\x03").unwrap(), Point { x: 3, name: None });
    }

    #[test]
    fn strings_are_borrowed() {
        let bytes = to_vec("hello").unwrap();
        assert_eq!(from_slice::<&str>(&bytes).unwrap().as_ptr(), bytes[1..].as_ptr());
    }

    #[test]
    fn bytes_after_the_value_are_refused() {
        for trailing in [0x00, 0x92, 0xc0, 0xc1, 0xcd, 0xd9, 0xff] {
            assert!(matches!(from_slice::<u8>(&[7, trailing]), Err(DecodeError::Trailing)), "{trailing:x}");
        }
        assert_eq!(from_slice::<u8>(&[7]).unwrap(), 7);
    }

    #[test]
    fn bytes_cut_short_are_refused() {
        let bytes = to_vec(&BTreeMap::from([("k", 1_000_000)])).unwrap();
        for cut in 0..bytes.len() {
            assert!(matches!(
                from_slice::<BTreeMap<&str, u32>>(&bytes[..cut]),
                Err(DecodeError::Malformed(_))
            ));
        }
    }

    #[test]
    fn a_bomb_of_nested_arrays_is_refused() {
        let nested = |depth: usize| {
            let mut bytes = vec![0x91; depth - 1];
            bytes.push(0x90);
            bytes
        };
        assert!(from_slice::<IgnoredAny>(&nested(DEPTH_MAX)).is_ok());
        assert!(matches!(from_slice::<IgnoredAny>(&nested(DEPTH_MAX + 1)), Err(DecodeError::TooDeep)));
        assert!(matches!(from_slice::<IgnoredAny>(&nested(1_000_000)), Err(DecodeError::TooDeep)));
        assert!(matches!(from_slice::<Nest>(&nested(1_000_000)), Err(DecodeError::TooDeep)));
    }

    #[test]
    fn announced_lengths_allocate_nothing() {
        // Array, string and byte string of 2^32 − 1 elements, none of which follow.
        for head in [0xdd, 0xdb, 0xc6] {
            let bytes = [head, 0xff, 0xff, 0xff, 0xff];
            assert!(from_slice::<Vec<u64>>(&bytes).is_err());
            assert!(from_slice::<String>(&bytes).is_err());
        }
    }
}
