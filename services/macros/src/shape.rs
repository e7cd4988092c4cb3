//! What a method returns, as the wire and the caller see it: a value, a value or the application's error, or a
//! value or a fault. Decided by the last path segment alone, since a macro sees text and not types.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{GenericArgument, Ident, Path, PathArguments, PathSegment, ReturnType, Type, TypeBareFn};

/// The shape of a method's result.
pub(crate) enum Shape {
    /// `T`: the caller gets `Call<T>`.
    Plain(Box<Type>),
    /// `Result<T, E>`: the caller gets `Call<T, E>`.
    Fallible(Box<Type>, Box<Type>),
    /// `Result<T, CallError>`: the caller gets `Call<T>`, and the error travels as a fault.
    Faulting(Box<Type>),
    /// `Result<T>`, an alias whose error only rustc knows.
    Alias(Box<Type>),
}

impl Shape {
    /// Reads the return type; none is `()`.
    pub(crate) fn of(output: &ReturnType) -> Self {
        let ty = match output {
            ReturnType::Default => return Self::Plain(Box::new(syn::parse_quote!(()))),
            ReturnType::Type(_, ty) => ty,
        };
        match type_arguments(ty, "Result").as_deref() {
            Some([_]) => Self::Alias(ty.clone()),
            Some([ok, error]) if is_bare_call_error(error) => Self::Faulting(Box::new((*ok).clone())),
            Some([ok, error]) => Self::Fallible(Box::new((*ok).clone()), Box::new((*error).clone())),
            _ => Self::Plain(ty.clone()),
        }
    }

    /// Where what is made of this shape is to stand, so that rustc shows the type when it cannot travel: at the value,
    /// or at the error beside it.
    pub(crate) fn place(&self) -> Span {
        at(match self {
            Self::Plain(ty) | Self::Faulting(ty) | Self::Fallible(_, ty) | Self::Alias(ty) => ty.span(),
        })
    }

    /// The marker type of this shape.
    pub(crate) fn marker(&self, private: &Path) -> TokenStream {
        let span = self.place();
        match self {
            Self::Plain(ty) => quote_spanned!(span => #private::Plain<#ty>),
            Self::Fallible(ok, error) => quote_spanned!(span => #private::Fallible<#ok, #error>),
            Self::Faulting(ok) => quote_spanned!(span => #private::Faulting<#ok>),
            Self::Alias(ty) => quote_spanned!(span => #private::Fallible<
                <#ty as #private::ResultLike>::Ok,
                <#ty as #private::ResultLike>::Err
            >),
        }
    }

    /// What the proxy's method returns.
    pub(crate) fn call(&self, private: &Path) -> TokenStream {
        match self {
            Self::Plain(ty) | Self::Faulting(ty) => quote!(#private::Call<#ty>),
            Self::Fallible(ok, error) => quote!(#private::Call<#ok, #error>),
            Self::Alias(ty) => quote!(#private::Call<
                <#ty as #private::ResultLike>::Ok,
                <#ty as #private::ResultLike>::Err
            >),
        }
    }

    /// Whether the application's own error is part of what travels.
    pub(crate) fn fallible(&self) -> bool {
        matches!(self, Self::Fallible(..) | Self::Alias(_))
    }

    /// The value that stands for success.
    pub(crate) fn value(&self) -> Option<&Type> {
        match self {
            Self::Plain(ty) | Self::Faulting(ty) | Self::Fallible(ty, _) => Some(ty),
            Self::Alias(ty) => type_arguments(ty, "Result").and_then(|found| found.first().copied()),
        }
    }
}

/// The place of `span` with names as the attribute sees them: text that a `macro_rules` has put together has many
/// ways to see a name, and ours must all be one.
pub(crate) fn at(span: Span) -> Span {
    Span::call_site().located_at(span)
}

/// The same path as if it were written at `span`.
pub(crate) fn placed(path: &Path, span: Span) -> Path {
    let words = path.segments.iter().map(|segment| Ident::new(&segment.ident.to_string(), span));
    let lead = path.leading_colon.map(|_| quote_spanned!(span => ::));
    syn::parse_quote_spanned!(span => #lead #(#words)::*)
}

/// The last segment of a plain path type.
pub(crate) fn last_segment(ty: &Type) -> Option<&PathSegment> {
    match ty {
        Type::Path(path) if path.qself.is_none() => path.path.segments.last(),
        Type::Paren(inner) => last_segment(&inner.elem),
        Type::Group(inner) => last_segment(&inner.elem),
        _ => None,
    }
}

/// The type arguments of `..::NAME<A, B>`, if the type is one of that name.
pub(crate) fn type_arguments<'a>(ty: &'a Type, name: &str) -> Option<Vec<&'a Type>> {
    let last = last_segment(ty).filter(|last| last.ident == name)?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return Some(Vec::new()) };
    Some(
        arguments
            .args
            .iter()
            .filter_map(|argument| match argument {
                GenericArgument::Type(ty) => Some(ty),
                _ => None,
            })
            .collect(),
    )
}

/// The signature `S` of a type `Callback<S>`.
pub(crate) fn callback_signature(ty: &Type) -> Option<&TypeBareFn> {
    match type_arguments(ty, "Callback")?.as_slice() {
        [Type::BareFn(signature)] => Some(signature),
        _ => None,
    }
}

fn is_bare_call_error(ty: &Type) -> bool {
    last_segment(ty).is_some_and(|last| last.ident == "CallError" && last.arguments.is_none())
}
