//! A proxy on a closure: [`Callback`].
//!
//! The signature is a function pointer type, `Callback<fn(u64) -> bool>`, since that is how one writes a
//! signature. A callback is an object like any other: it travels in arguments and results, is exported when it is
//! handed over and released when nobody holds it. What it does not do: borrow. Its arguments and its result are
//! owned, because they may come from another process.

mod arity;
mod closure;
mod host;
#[cfg(test)]
mod tests;

use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;

use runtime::private::{Handle, Make, Proxy, deserialize_proxy, host_fated, serialize_proxy};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use arity::{Call0, Call1, Call2, Call3, Call4, Call5, Call6, Call7, Call8};
pub use closure::{AsyncClosure, IntoCallback, Signature, SyncClosure};
use host::{Alone, Together};

/// A closure that can be called from afar, with the signature `S`: a function type such as `fn(u64) -> bool`, of
/// up to eight arguments.
///
/// `callback.call(7).await` calls it, wherever it lives; the result is a [`Call`](crate::Call). A signature that
/// returns `Result<T, E>` gives `Call<T, E>`, so that the closure's error arrives as
/// [`CallError::App`](crate::CallError::App). A closure that panics is a failed call for its caller and nothing more.
///
/// The closure starts to live when it is first handed over, on the thread that drives that connection, or when it
/// is first called in its own process. A closure that blocks therefore blocks that connection's thread: use
/// [`blocking`](crate::blocking) within [`new_async`](Self::new_async).
///
/// ```
/// use duologue::Callback;
///
/// let mut seen = 0;
/// let tick: Callback<fn(u64) -> bool> = Callback::new(move |n: u64| {
///     seen += n;
///     seen < 10
/// });
/// let clone = tick.clone();
/// assert_eq!(tick, clone);
/// ```
pub struct Callback<S> {
    handle: Handle,
    signature: PhantomData<fn() -> S>,
}

impl<S: Signature> Callback<S> {
    /// A callback on a closure that runs to its end at once. It may change what it has captured: its calls run one
    /// at a time.
    ///
    /// Where a method is called on an argument, rustc asks for the argument's type: `|name: String| name.len()`.
    pub fn new<F: SyncClosure<S>>(closure: F) -> Self {
        Self::from_handle(Handle::lazy::<Self>(Box::new(move |worker, fate| {
            host_fated::<Self, Alone<F>>(Make::once(move || Alone(closure)), worker, fate)
        })))
    }

    /// A callback on an async closure, `async |n: u64| ..` or `|n: u64| async move { .. }`. Its calls run
    /// together. The futures stay on one thread and need not be `Send`.
    pub fn new_async<F: AsyncClosure<S>>(closure: F) -> Self {
        Self::from_handle(Handle::lazy::<Self>(Box::new(move |worker, fate| {
            host_fated::<Self, Together<F>>(Make::once(move || Together(closure)), worker, fate)
        })))
    }
}

impl<S: Signature> Proxy for Callback<S> {
    fn from_handle(handle: Handle) -> Self {
        Self { handle, signature: PhantomData }
    }

    fn handle(&self) -> &Handle {
        &self.handle
    }
}

impl<S> Clone for Callback<S> {
    fn clone(&self) -> Self {
        Self { handle: self.handle.clone(), signature: PhantomData }
    }
}

impl<S> PartialEq for Callback<S> {
    fn eq(&self, other: &Self) -> bool {
        self.handle == other.handle
    }
}

impl<S> Eq for Callback<S> {}

impl<S> Hash for Callback<S> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.handle.hash(state);
    }
}

impl<S> fmt::Debug for Callback<S> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_tuple("Callback").field(&self.handle).finish()
    }
}

impl<S: Signature> Serialize for Callback<S> {
    fn serialize<Z: Serializer>(&self, to: Z) -> Result<Z::Ok, Z::Error> {
        serialize_proxy(self, to)
    }
}

impl<'de, S: Signature> Deserialize<'de> for Callback<S> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        deserialize_proxy(from)
    }
}
