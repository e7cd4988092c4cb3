//! What may stand behind a callback, and what may be given for one. The impls per number of arguments are in
//! [`super::arity`].

use runtime::private::{ArgsIn, BadBody, Data, Descriptor};

use super::Callback;

/// A function type that is the signature of a callback: `fn(A, ..) -> R` with up to eight arguments.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no signature of a callback",
    note = "a signature is `fn(A, ..) -> R` with up to eight owned serde types as arguments"
)]
pub trait Signature: 'static {
    /// The arguments as a tuple.
    type Arguments: Send + 'static;
    /// The result.
    type Returned: Data;
    /// The interface, with the one method `call`.
    #[doc(hidden)]
    const DESCRIPTOR: &'static Descriptor;
    /// Reads the arguments.
    #[doc(hidden)]
    fn decode(arguments: ArgsIn<'_>) -> Result<Self::Arguments, BadBody>;
}

/// A closure for [`Callback::new`]: `FnMut(A, ..) -> R + Send + 'static` for the signature `fn(A, ..) -> R`.
#[diagnostic::on_unimplemented(
    message = "this is no closure for a callback of the signature `{S}`",
    label = "expected `FnMut` of that signature, `Send + 'static`"
)]
pub trait SyncClosure<S: Signature>: Send + 'static {
    /// Calls it.
    fn run(&mut self, arguments: S::Arguments) -> S::Returned;
}

/// A closure for [`Callback::new_async`]: `AsyncFn(A, ..) -> R + Send + 'static` for the signature `fn(A, ..) -> R`.
#[diagnostic::on_unimplemented(
    message = "this is no async closure for a callback of the signature `{S}`",
    label = "expected `AsyncFn` of that signature, `Send + 'static`"
)]
pub trait AsyncClosure<S: Signature>: Send + 'static {
    /// Calls it.
    fn run(&self, arguments: S::Arguments) -> impl Future<Output = S::Returned>;
}

/// What a proxy's method takes for a parameter `Callback<S>`: a callback, a reference to one, or a bare closure
/// as for [`Callback::new`].
#[diagnostic::on_unimplemented(
    message = "this is no callback of the signature `{S}`",
    label = "expected a `Callback<{S}>` or a closure of that signature, `FnMut + Send + 'static`",
    note = "for an async closure write `Callback::new_async(..)`"
)]
pub trait IntoCallback<S> {
    /// Makes it a callback.
    fn into_callback(self) -> Callback<S>;
}

impl<S> IntoCallback<S> for Callback<S> {
    fn into_callback(self) -> Callback<S> {
        self
    }
}

impl<S> IntoCallback<S> for &Callback<S> {
    fn into_callback(self) -> Callback<S> {
        self.clone()
    }
}
