//! `caller: &Caller` is written or left out as the user likes. It is no argument of the call: it is cut out of
//! the signature and bound in the body, where there is one, from the current call.

use quote::quote;
use syn::punctuated::Punctuated;
use syn::{Block, FnArg, Pat, Signature, Stmt, Token, Type};

/// Whether this is `&Caller`, by its last path segment.
pub(crate) fn is_caller(ty: &Type) -> bool {
    let Type::Reference(reference) = ty else { return false };
    let Type::Path(path) = &*reference.elem else { return false };
    reference.mutability.is_none()
        && path.qself.is_none()
        && path.path.segments.last().is_some_and(|last| last.ident == "Caller" && last.arguments.is_empty())
}

/// Cuts `caller: &Caller` out of the signature and binds it first thing in the body. Gives the types so cut.
pub(crate) fn bind(signature: &mut Signature, body: Option<&mut Block>) -> Vec<Type> {
    let mut kept: Punctuated<FnArg, Token![,]> = Punctuated::new();
    let mut bindings: Vec<Stmt> = Vec::new();
    let mut types = Vec::new();
    for input in std::mem::take(&mut signature.inputs) {
        match input {
            FnArg::Typed(argument) if is_caller(&argument.ty) => {
                let (pattern, ty) = (&*argument.pat, &*argument.ty);
                let Type::Reference(reference) = ty else { continue };
                let caller = &reference.elem;
                if !matches!(pattern, Pat::Wild(_)) {
                    bindings.push(syn::parse_quote!(let #pattern: #ty = &<#caller>::current();));
                }
                types.push(ty.clone());
            }
            other => kept.push(other),
        }
    }
    signature.inputs = kept;
    if let Some(body) = body {
        body.stmts.splice(0..0, bindings);
    }
    types
}

/// Names the type `Caller` as it was written, so that its import is used, and checks that it is ours.
pub(crate) fn check(types: &[Type], private: &syn::Path) -> proc_macro2::TokenStream {
    let Some(ty) = types.first() else { return quote!() };
    quote!(const _: fn(#ty) -> &#private::Caller = |caller| caller;)
}
