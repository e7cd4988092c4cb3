//! The `#[service]` attribute of Duologue: text in, text out.
//!
//! On a trait it yields the trait itself (nearly as written), a typed proxy, the request that travels to the
//! object's actor, the dispatch and a descriptor. On an impl it yields the impl (nearly as written) and what
//! lets the type be served. Everything that is generated reaches the runtime through `duologue::__private`.
//!
//! It deliberately knows nothing of the runtime's behaviour, and it never guesses at types it cannot see: what
//! only rustc can judge (does this argument implement serde, is this method missing) is left to rustc, with
//! the user's own spans.

mod caller;
mod expand_impl;
mod expand_trait;
mod method;
mod options;
mod print;
mod refuse;
mod shape;
#[cfg(test)]
mod tests;

use proc_macro2::{Span, TokenStream};
use syn::{Error, Item};

use crate::options::Options;

/// Makes a trait a service, or an implementation of such a trait servable.
///
/// On a trait: `#[service]`, or with keys, each optional:
/// `#[service(name = "Calc", aliases = ["calculator"], version = 2)]`. The name defaults to the trait's.
/// With `lane = "own"` each object of the service has a stream to itself wherever it is held: neither a busy neighbour nor a packet
/// that a neighbour lost holds its calls up, for a stream and writes of its own. Objects
/// whose calls are to arrive in one order share a lane: a callback that is handed over by an own lane is called by a shared one.
/// With `stay` its proxies are never handed on to a third node: whoever has one may call it, and give it back to the node that it came
/// from, but a call that would hand it to another fails as `NotSent` before anything is sent (a result as `BadReply`). It keeps honest
/// nodes from passing a right on by mistake; a node that wants to can always relay calls by hand.
/// Beside the trait `Foo` it makes the proxy `FooProxy`, whose methods return `Call`s.
///
/// `#[get]` and `#[set]` methods are attributes when the service is used by name, and ordinary methods of the proxy. A `#[get]`
/// method has the attribute's name, takes `&self` and returns the value; a `#[set]` method has that name or `set_` before it, and takes
/// the value. Without a `#[set]` method an attribute is write-protected.
///
/// Methods take `&self` or `&mut self`, are `async` or plain, and may be marked `#[cancel]`, `#[no_cancel]`,
/// `#[idempotent]`, `#[get]` or `#[set]`. A parameter `caller: &Caller` is bound from the current call and is
/// no argument of the call.
///
/// On an impl of such a trait: `#[service]` without keys. `on_connect` and `on_disconnect` may stand in it.
#[proc_macro_attribute]
pub fn service(options: proc_macro::TokenStream, item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    expand(options.into(), item.into()).unwrap_or_else(Error::into_compile_error).into()
}

/// The attribute on token streams of `proc_macro2`, so that tests can call it.
fn expand(options: TokenStream, item: TokenStream) -> syn::Result<TokenStream> {
    let options: Options = syn::parse2(options)?;
    match syn::parse2(item)? {
        Item::Trait(item) => expand_trait::expand(&options, item),
        Item::Impl(item) => expand_impl::expand(&options, item),
        other => Err(Error::new(
            item_span(&other),
            "`#[service]` goes on a trait, or on an `impl` of a service trait for a type",
        )),
    }
}

/// The word that says which item it is, or the place of the attribute.
fn item_span(item: &Item) -> Span {
    match item {
        Item::Struct(item) => item.struct_token.span,
        Item::Enum(item) => item.enum_token.span,
        Item::Fn(item) => item.sig.fn_token.span,
        Item::Mod(item) => item.mod_token.span,
        Item::Type(item) => item.type_token.span,
        Item::Union(item) => item.union_token.span,
        Item::Const(item) => item.const_token.span,
        Item::Static(item) => item.static_token.span,
        _ => Span::call_site(),
    }
}
