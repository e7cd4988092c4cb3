//! How a [`Value`] is read. How deep it may nest is the decoder's business, which counts.

use std::fmt::{self, Formatter};

use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{DynProxy, DynStream, Value};
use crate::proxy::Target;
use crate::values::{TakeBytes, handle_of_ext};

/// Room that is made ahead for what a list says of its own length.
const AHEAD_MAX: usize = 64;

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Value, D::Error> {
        d.deserialize_any(Any)
    }
}

struct Any;

macro_rules! integers {
    ($($visit:ident $ty:ty),*) => { $(
        fn $visit<E>(self, value: $ty) -> Result<Value, E> {
            Ok(Value::Integer(value as i128))
        }
    )* };
}

impl<'de> Visitor<'de> for Any {
    type Value = Value;

    fn expecting(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    integers!(visit_i64 i64, visit_u64 u64, visit_i128 i128);

    fn visit_u128<E: Error>(self, value: u128) -> Result<Value, E> {
        let value =
            i128::try_from(value).map_err(|_| E::custom(format_args!("{value} is beyond 64 bits")))?;
        Ok(Value::Integer(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Nil)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Nil)
    }

    fn visit_some<D: Deserializer<'de>>(self, d: D) -> Result<Value, D::Error> {
        Value::deserialize(d)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::Text(value))
    }

    fn visit_borrowed_bytes<E: Error>(self, value: &'de [u8]) -> Result<Value, E> {
        TakeBytes.visit_borrowed_bytes(value).map(Value::Binary)
    }

    fn visit_bytes<E: Error>(self, value: &[u8]) -> Result<Value, E> {
        TakeBytes.visit_bytes(value).map(Value::Binary)
    }

    fn visit_byte_buf<E>(self, value: Vec<u8>) -> Result<Value, E> {
        Ok(Value::Binary(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::with_capacity(seq.size_hint().unwrap_or(0).min(AHEAD_MAX));
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Vec::with_capacity(map.size_hint().unwrap_or(0).min(AHEAD_MAX));
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Value::Map(entries))
    }

    /// What the decoder of MessagePack gives for an extension value.
    fn visit_newtype_struct<D: Deserializer<'de>>(self, d: D) -> Result<Value, D::Error> {
        handle_of_ext(d).map(|handle| match handle.target() {
            Target::Stream(end) => Value::Stream(DynStream::of(end.clone())),
            _ => Value::Object(DynProxy::from_handle(handle)),
        })
    }
}
