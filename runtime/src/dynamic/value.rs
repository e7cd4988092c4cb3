//! A value of any kind, as MessagePack has them.

use std::fmt::{self, Display, Formatter, Write};

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{DynProxy, DynStream};
use crate::answer::Refs;
use crate::values;

/// An argument or result whose type is known only when it is looked at.
///
/// Made from what there is with `from` or [`Value::of`], looked at by matching, with the `as_` methods or with [`Value::to`], and
/// compared with plain values directly:
///
/// ```
/// use duologue_runtime::Value;
///
/// let point = Value::map([("x", Value::from(3)), ("tags", Value::from(vec!["a", "b"]))]);
/// assert_eq!(point.to_string(), r#"{"x": 3, "tags": ["a", "b"]}"#);
/// assert_eq!(*point.get("x").unwrap(), 3);
/// assert_eq!(point.get("tags").unwrap().to::<Vec<String>>().unwrap(), ["a", "b"]);
/// ```
///
/// Its `Display` is close to JSON; a string that stands alone is itself, without quotes.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Value {
    /// `()`, a unit struct, or `None`.
    #[default]
    Nil,
    /// A truth value.
    Bool(bool),
    /// A whole number from -2^63 to 2^64 - 1; others are refused when they are sent.
    Integer(i128),
    /// A number with a fraction.
    Float(f64),
    /// A text; also an enum's variant without fields.
    Text(String),
    /// Bytes.
    Binary(Bytes),
    /// A list, an array or a tuple.
    List(Vec<Value>),
    /// A map, in the order in which it came; a struct, with the names of its fields; also an enum's variant with fields, by its name.
    Map(Vec<(Value, Value)>),
    /// An object: a proxy or a callback.
    Object(DynProxy),
    /// The end of a stream, to be taken with [`Value::to`].
    Stream(DynStream),
}

/// A value is not what was wanted. Nothing was sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ValueError(pub(crate) String);

impl Value {
    /// Any serde value, as it would travel: proxies in it stay what they are, streams are handed over.
    ///
    /// ```
    /// # use duologue_runtime::Value;
    /// assert_eq!(Value::of(&("four", 7_u8, true))?.to_string(), r#"["four", 7, true]"#);
    /// # Ok::<(), duologue_runtime::ValueError>(())
    /// ```
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Result<Value, ValueError> {
        through(value)
    }

    /// The value as a type of your own. A stream in it is taken by that, once.
    pub fn to<T: DeserializeOwned>(&self) -> Result<T, ValueError> {
        through(self)
    }

    /// A map with these keys.
    pub fn map<K: Into<Value>, V: Into<Value>>(entries: impl IntoIterator<Item = (K, V)>) -> Value {
        Value::Map(entries.into_iter().map(|(k, v)| (k.into(), v.into())).collect())
    }

    /// Whether it is nil.
    pub fn is_nil(&self) -> bool {
        matches!(self, Value::Nil)
    }

    /// The truth value, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        if let Value::Bool(value) = self { Some(*value) } else { None }
    }

    /// The whole number, if it is one and fits.
    pub fn as_i64(&self) -> Option<i64> {
        if let Value::Integer(value) = self { i64::try_from(*value).ok() } else { None }
    }

    /// The whole number, if it is one and fits.
    pub fn as_u64(&self) -> Option<u64> {
        if let Value::Integer(value) = self { u64::try_from(*value).ok() } else { None }
    }

    /// The number, if it is one; a whole one is rounded to what fits.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Value::Float(value) => Some(*value),
            Value::Integer(value) => Some(*value as f64),
            _ => None,
        }
    }

    /// The text, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        if let Value::Text(value) = self { Some(value) } else { None }
    }

    /// The bytes, if it is some.
    pub fn as_bytes(&self) -> Option<&Bytes> {
        if let Value::Binary(value) = self { Some(value) } else { None }
    }

    /// The items, if it is a list.
    pub fn as_list(&self) -> Option<&[Value]> {
        if let Value::List(value) = self { Some(value) } else { None }
    }

    /// The entries, if it is a map.
    pub fn as_map(&self) -> Option<&[(Value, Value)]> {
        if let Value::Map(value) = self { Some(value) } else { None }
    }

    /// The object, if it is one.
    pub fn as_object(&self) -> Option<&DynProxy> {
        if let Value::Object(value) = self { Some(value) } else { None }
    }

    /// The end of a stream, if it is one.
    pub fn as_stream(&self) -> Option<&DynStream> {
        if let Value::Stream(value) = self { Some(value) } else { None }
    }

    /// What stands under this key, if it is a map that has it.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.as_map()?.iter().find(|(k, _)| k.as_str() == Some(key)).map(|(_, value)| value)
    }

    /// What it is, in a word, for messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Value::Nil => "nil",
            Value::Bool(_) => "a truth value",
            Value::Integer(_) => "a whole number",
            Value::Float(_) => "a number",
            Value::Text(_) => "a text",
            Value::Binary(_) => "bytes",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
            Value::Object(_) => "an object",
            Value::Stream(_) => "a stream",
        }
    }
}

/// Through the wire's own encoding, within the process.
fn through<T: Serialize + ?Sized, U: DeserializeOwned>(value: &T) -> Result<U, ValueError> {
    let written = values::encode(None, |out| out.put(value)).map_err(|e| ValueError(e.to_string()))?;
    let (body, handles) = written;
    values::decode(&body.into(), &Refs::new(handles)).map_err(ValueError)
}

/// Maps are equal if they have equal entries, in any order; a whole number and one with a fraction never are.
impl PartialEq for Value {
    fn eq(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Nil, Value::Nil) => true,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Integer(a), Value::Integer(b)) => a == b,
            (Value::Float(a), Value::Float(b)) => a == b,
            (Value::Text(a), Value::Text(b)) => a == b,
            (Value::Binary(a), Value::Binary(b)) => a == b,
            (Value::List(a), Value::List(b)) => a == b,
            (Value::Map(a), Value::Map(b)) => same_entries(a, b),
            (Value::Object(a), Value::Object(b)) => a == b,
            (Value::Stream(a), Value::Stream(b)) => a == b,
            _ => false,
        }
    }
}

/// Each entry of one has a partner of its own in the other; looked for at the same place first.
fn same_entries(a: &[(Value, Value)], b: &[(Value, Value)]) -> bool {
    let mut left: Vec<&(Value, Value)> = b.iter().rev().collect();
    a.len() == b.len()
        && a.iter().all(|entry| match left.iter().rposition(|other| *other == entry) {
            Some(partner) => {
                left.remove(partner);
                true
            }
            None => false,
        })
}

impl Display for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Value::Text(text) => f.write_str(text),
            other => inner(other, f),
        }
    }
}

/// Within a list or map strings have quotes.
fn inner(value: &Value, f: &mut Formatter<'_>) -> fmt::Result {
    match value {
        Value::Nil => f.write_str("nil"),
        Value::Bool(value) => write!(f, "{value}"),
        Value::Integer(value) => write!(f, "{value}"),
        // As Rust writes it, so that `1.0` stays a number with a fraction.
        Value::Float(value) => write!(f, "{value:?}"),
        Value::Text(value) => write!(f, "{value:?}"),
        Value::Binary(value) => {
            f.write_str("b\"")?;
            write!(f, "{}", value.escape_ascii())?;
            f.write_char('"')
        }
        Value::List(items) => {
            f.write_char('[')?;
            for (n, item) in items.iter().enumerate() {
                f.write_str(if n > 0 { ", " } else { "" })?;
                inner(item, f)?;
            }
            f.write_char(']')
        }
        Value::Map(entries) => {
            f.write_char('{')?;
            for (n, (key, value)) in entries.iter().enumerate() {
                f.write_str(if n > 0 { ", " } else { "" })?;
                inner(key, f)?;
                f.write_str(": ")?;
                inner(value, f)?;
            }
            f.write_char('}')
        }
        Value::Object(proxy) => write!(f, "{proxy}"),
        Value::Stream(stream) => write!(f, "{stream}"),
    }
}
