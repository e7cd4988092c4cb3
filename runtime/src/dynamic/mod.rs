//! Calls without types: values, proxies and services that go by name.
//!
//! [`Value`] is any argument or result; [`DynProxy`] lists, describes and calls what an object has, by name; [`DynService`]
//! answers calls by name. They meet typed proxies and services on the same wire: neither side knows how the other was written.
//! What this does not do: guess. Names, arity and attributes are looked up in the object's descriptor; whether a value fits a
//! type is for the typed side to say.

mod arguments;
mod attribute;
mod call;
mod convert;
mod proxy;
mod read;
mod service;
mod stream;
#[cfg(test)]
mod tests;
mod value;
mod write;

pub use arguments::Args;
pub use attribute::AttributeError;
pub use call::DynCall;
pub use proxy::DynProxy;
pub(crate) use service::host_dynamic;
pub use service::{DynError, DynService};
pub use stream::{DynStream, StreamKind};
pub use value::{Value, ValueError};
