//! From plain values to [`Value`] and back, and comparisons with them.

use bytes::Bytes;

use super::{DynProxy, Value, ValueError};
use crate::proxy::Proxy;

macro_rules! from {
    ($($ty:ty: $value:ident => $made:expr),* $(,)?) => { $(
        impl From<$ty> for Value {
            fn from($value: $ty) -> Value {
                $made
            }
        }
    )* };
}

macro_rules! integers {
    ($($ty:ty),*) => { $(
        from!($ty: value => Value::Integer(i128::from(value)));

        impl TryFrom<Value> for $ty {
            type Error = ValueError;

            fn try_from(value: Value) -> Result<$ty, ValueError> {
                match value {
                    Value::Integer(number) => <$ty>::try_from(number)
                        .map_err(|_| ValueError(format!("{number} does not fit into {}", stringify!($ty)))),
                    other => Err(not("a whole number", &other)),
                }
            }
        }
    )* };
}

integers!(i8, i16, i32, i64, u8, u16, u32, u64);

from! {
    (): _value => Value::Nil,
    bool: value => Value::Bool(value),
    f32: value => Value::Float(f64::from(value)),
    f64: value => Value::Float(value),
    usize: value => Value::Integer(value as i128),
    isize: value => Value::Integer(value as i128),
    char: value => Value::Text(value.into()),
    &str: value => Value::Text(value.to_owned()),
    &String: value => Value::Text(value.clone()),
    String: value => Value::Text(value),
    Bytes: value => Value::Binary(value),
    DynProxy: value => Value::Object(value),
    &DynProxy: value => Value::Object(value.clone()),
}

/// A list; bytes are made with `Bytes::from(..)`.
impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(items: Vec<T>) -> Value {
        Value::List(items.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<Value>, const N: usize> From<[T; N]> for Value {
    fn from(items: [T; N]) -> Value {
        Value::List(items.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Value {
        value.map_or(Value::Nil, Into::into)
    }
}

/// What a callback returns whose signature is `fn(..) -> Result<T, E>`.
impl<T: Into<Value>, E: Into<Value>> From<Result<T, E>> for Value {
    fn from(value: Result<T, E>) -> Value {
        match value {
            Ok(value) => Value::map([("Ok", value.into())]),
            Err(error) => Value::map([("Err", error.into())]),
        }
    }
}

/// The object of a typed proxy.
impl<P: Proxy> From<P> for Value {
    fn from(proxy: P) -> Value {
        Value::Object(DynProxy::from(proxy))
    }
}

fn not(wanted: &str, found: &Value) -> ValueError {
    ValueError(format!("{wanted} was wanted, not {}", found.kind()))
}

macro_rules! back {
    ($($ty:ty: $variant:ident, $wanted:literal);* $(;)?) => { $(
        impl TryFrom<Value> for $ty {
            type Error = ValueError;

            fn try_from(value: Value) -> Result<$ty, ValueError> {
                match value {
                    Value::$variant(value) => Ok(value),
                    other => Err(not($wanted, &other)),
                }
            }
        }
    )* };
}

back! {
    bool: Bool, "a truth value";
    String: Text, "a text";
    Bytes: Binary, "bytes";
    Vec<Value>: List, "a list";
    Vec<(Value, Value)>: Map, "a map";
    DynProxy: Object, "an object";
}

impl TryFrom<Value> for () {
    type Error = ValueError;

    fn try_from(value: Value) -> Result<(), ValueError> {
        if value.is_nil() { Ok(()) } else { Err(not("nil", &value)) }
    }
}

impl TryFrom<Value> for f64 {
    type Error = ValueError;

    fn try_from(value: Value) -> Result<f64, ValueError> {
        value.as_f64().ok_or_else(|| not("a number", &value))
    }
}

macro_rules! equal {
    ($($ty:ty: $variant:ident $mine:ident == $other:ident => $equal:expr),* $(,)?) => { $(
        impl PartialEq<$ty> for Value {
            fn eq(&self, $other: &$ty) -> bool {
                if let Value::$variant($mine) = self { $equal } else { false }
            }
        }
    )* };
}

macro_rules! equal_integers {
    ($($ty:ty),*) => { equal! { $($ty: Integer mine == other => *mine == *other as i128),* } };
}

equal_integers!(i8, i16, i32, i64, u8, u16, u32, u64, usize, isize);

equal! {
    bool: Bool mine == other => mine == other,
    f64: Float mine == other => mine == other,
    String: Text mine == other => mine == other,
    Bytes: Binary mine == other => mine == other,
    DynProxy: Object mine == other => mine == other,
}

impl PartialEq<str> for Value {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == Some(other)
    }
}

impl PartialEq<&str> for Value {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == Some(*other)
    }
}
