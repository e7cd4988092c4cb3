//! How a [`Value`] is written: as MessagePack has it, with objects in the frame's reference table, and never deeper than the peer
//! reads.

use serde::ser::{Error as _, SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};

use super::Value;
use crate::values::{DEPTH_MAX, serialize_handle};

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        At(self, 0).serialize(s)
    }
}

/// A value that stands in this many others: writing is recursive, and a deeper one would overflow the stack.
struct At<'a>(&'a Value, usize);

impl Serialize for At<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let At(value, depth) = *self;
        match value {
            Value::Nil => s.serialize_unit(),
            Value::Bool(value) => s.serialize_bool(*value),
            Value::Integer(value) => match (u64::try_from(*value), i64::try_from(*value)) {
                (Ok(value), _) => s.serialize_u64(value),
                (_, Ok(value)) => s.serialize_i64(value),
                _ => Err(S::Error::custom(format_args!("{value} is beyond 64 bits"))),
            },
            Value::Float(value) => s.serialize_f64(*value),
            Value::Text(value) => s.serialize_str(value),
            Value::Binary(value) => s.serialize_bytes(value),
            Value::List(_) | Value::Map(_) if depth >= DEPTH_MAX => {
                Err(S::Error::custom(format_args!("nested deeper than {DEPTH_MAX} levels")))
            }
            Value::List(items) => {
                let mut list = s.serialize_seq(Some(items.len()))?;
                for item in items {
                    list.serialize_element(&At(item, depth + 1))?;
                }
                list.end()
            }
            Value::Map(entries) => {
                let mut map = s.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    map.serialize_entry(&At(key, depth + 1), &At(value, depth + 1))?;
                }
                map.end()
            }
            Value::Object(proxy) => serialize_handle(proxy.handle(), s),
            Value::Stream(stream) => stream.serialize(s),
        }
    }
}
