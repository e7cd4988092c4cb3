//! What a frame carries: a short body lies in itself, a longer one is a slice of what it came in.
//!
//! Most calls carry a few bytes. To count a share in a datagram for them, there and back, costs more than to copy them.

use std::ops::Deref;

use bytes::Bytes;

/// As many bytes as a body may have to lie in itself: so it is no larger than a slice.
pub(crate) const SHORT: usize = 23;

/// The body of a frame.
#[derive(Clone, Debug)]
pub enum Body {
    #[doc(hidden)]
    Short(u8, [u8; SHORT]),
    #[doc(hidden)]
    Slice(Bytes),
}

impl Body {
    /// These bytes, if they are few.
    #[inline]
    pub(super) fn short(bytes: &[u8]) -> Option<Body> {
        let mut place = [0; SHORT];
        place.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(Body::Short(bytes.len() as u8, place))
    }

    /// The bytes as a slice of others, if they are that.
    pub(crate) fn slice(&self) -> Option<&Bytes> {
        match self {
            Body::Short(..) => None,
            Body::Slice(bytes) => Some(bytes),
        }
    }

    /// Keeps nothing but itself: a slice keeps all that arrived with it.
    pub(crate) fn detach(&mut self) {
        if let Body::Slice(bytes) = self {
            *bytes = Bytes::copy_from_slice(bytes);
        }
    }
}

impl Deref for Body {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Body::Short(len, bytes) => &bytes[..usize::from(*len)],
            Body::Slice(bytes) => bytes,
        }
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Body {
        Body::Slice(bytes)
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Body {
        Body::Slice(bytes.into())
    }
}

impl From<Body> for Vec<u8> {
    fn from(body: Body) -> Vec<u8> {
        match body {
            Body::Short(..) => body.to_vec(),
            Body::Slice(bytes) => bytes.into(),
        }
    }
}

impl PartialEq for Body {
    fn eq(&self, other: &Body) -> bool {
        **self == **other
    }
}

impl Eq for Body {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_body_takes_no_more_room_than_a_slice() {
        assert_eq!(size_of::<Body>(), size_of::<Bytes>());
    }

    #[test]
    fn up_to_23_bytes_are_short() {
        for (len, is_short) in [(0, true), (1, true), (23, true), (24, false)] {
            let bytes = vec![7; len];
            let short = Body::short(&bytes);
            assert_eq!(short.is_some(), is_short, "{len} bytes");
            if let Some(short) = short {
                assert_eq!(short, Body::from(bytes.clone()));
                assert_eq!(Vec::from(short), bytes);
            }
        }
    }
}
