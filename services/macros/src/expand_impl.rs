//! `#[service] impl Calculator for Desk {..}`: the impl as written with `caller` bound, and what lets
//! `serve(|| Desk {..})` find out by inference which interface is meant.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Error, ImplItem, ImplItemFn, ItemImpl, Path};

use crate::caller;
use crate::options::Options;
use crate::refuse::Refusals;

/// Expands the attribute on an impl.
pub(crate) fn expand(options: &Options, mut item: ItemImpl) -> syn::Result<TokenStream> {
    let mut refusals = Refusals::default();
    if let Some(key) = options.first_key.filter(|_| !options.only_crate()) {
        refusals.push(Error::new(key, "the keys of `#[service]` belong on the trait"));
    }
    let Some((negative, path, _)) = item.trait_.clone() else {
        refusals.at(
            &item.self_ty,
            "`#[service]` goes on an `impl Trait for Type`: only what a service trait names is reachable",
        );
        return refusals.into_result().map(|()| TokenStream::new());
    };
    if let Some(mark) = negative {
        refusals.at(&mark, "`#[service]` goes on an impl that has the trait's methods");
    }
    let mut hooked = false;
    for member in &mut item.items {
        let ImplItem::Fn(method) = member else { continue };
        caller::bind(&mut method.sig, Some(&mut method.block));
        hooked |= hook(method, &mut refusals);
    }
    refusals.into_result()?;

    let crate_path = &options.crate_path;
    let private = quote!(#crate_path::__private);
    if hooked {
        item.items.push(ImplItem::Verbatim(quote!(
            #[doc(hidden)]
            const __HOOKS: bool = true;
        )));
    }
    let tag = tag(&path);
    let ty = &item.self_ty;
    let (generics, _, clause) = item.generics.split_for_impl();
    Ok(quote! {
        #item
        #[automatically_derived]
        #[diagnostic::do_not_recommend]
        impl #generics #private::Serve<#private::Tag<#tag>> for #ty #clause {
            fn host(make: #private::Make<Self>, on: &#private::Worker) -> #private::LocalObject {
                <Self as #path>::__host(make, on)
            }
        }
    })
}

/// Whether this is one of the two hooks. They are not async: the peer may be waiting for us while they run.
fn hook(method: &ImplItemFn, refusals: &mut Refusals) -> bool {
    let name = &method.sig.ident;
    if name != "on_connect" && name != "on_disconnect" {
        return false;
    }
    if let Some(word) = &method.sig.asyncness {
        refusals.at(
            word,
            format!("`{name}` is not async: it must not wait for the peer, which may be waiting for us; start a task"),
        );
    }
    true
}

/// A number for the trait's path: two services on one type are two impls of `Serve`. FNV-1a, 64 bits.
fn tag(path: &Path) -> u64 {
    let text = path.to_token_stream().to_string();
    let fold = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    text.bytes().filter(|byte| !byte.is_ascii_whitespace()).fold(0xcbf2_9ce4_8422_2325, fold)
}
