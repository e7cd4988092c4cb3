//! `#[service] trait Calculator {..}`: the trait nearly as written, `CalculatorProxy`, and, hidden in a
//! nameless constant, the request, its decoding, its dispatch and the descriptor.

mod dispatch;
mod interface;
mod proxy;

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote};
use syn::ext::IdentExt as _;
use syn::{Ident, ItemTrait, LitInt, Path, TraitItem, Type};

use crate::caller;
use crate::method::Method;
use crate::options::Options;
use crate::refuse::{self, Refusals};

/// The method's number on the wire is a `u16`; one value is left over.
const METHODS_MAX: usize = 65_535;

/// Expands the attribute on a trait.
pub(crate) fn expand(options: &Options, mut item: ItemTrait) -> syn::Result<TokenStream> {
    let crate_path = &options.crate_path;
    let private: Path = syn::parse_quote!(#crate_path::__private);
    let (methods, callers) = read(&mut item)?;
    let service = Service {
        proxy: format_ident!("{}Proxy", item.ident.unraw(), span = item.ident.span()),
        item,
        methods,
        private,
    };

    let caller_check = caller::check(&callers, &service.private);
    let trait_side = service.contract();
    let proxy = service.proxy();
    let request = service.request();
    let proxy_methods = service.proxy_methods();
    let interface = service.interface(options);
    let dispatch = service.dispatch();
    Ok(quote! {
        #trait_side
        #proxy
        #[doc(hidden)]
        #[allow(
            deprecated, missing_docs, non_camel_case_types, private_bounds, private_interfaces,
            unreachable_code, unreachable_patterns, unused_mut, unused_variables, clippy::all, clippy::pedantic
        )]
        const _: () = {
            #caller_check
            #request
            #proxy_methods
            #interface
            #dispatch
        };
    })
}

/// Refuses what cannot be a service and reads the rest; the trait is left without what is ours.
fn read(item: &mut ItemTrait) -> syn::Result<(Vec<Method>, Vec<Type>)> {
    let mut refusals = Refusals::default();
    if let Some(word) = &item.unsafety {
        refusals.at(word, "a service trait cannot be `unsafe`");
    }
    if let Some(word) = &item.auto_token {
        refusals.at(word, "a service trait cannot be `auto`");
    }
    refuse::conditional(&item.attrs, "a service trait below `#[service]`", &mut refusals);
    refuse::generics(&item.generics, "a service trait", &mut refusals);

    let (mut methods, mut callers) = (Vec::<Method>::new(), Vec::new());
    let mut names = std::collections::HashSet::new();
    for member in &mut item.items {
        match member {
            TraitItem::Fn(function) => {
                let (method, types) = Method::take(function, &mut refusals);
                if !names.insert(method.name.clone()) {
                    refusals.at(&method.ident, format!("the service has a method `{}` already", method.name));
                }
                methods.push(method);
                callers.extend(types);
            }
            TraitItem::Type(ty) => {
                refusals.at(ty, "a service trait has no associated types: both peers must know every type");
            }
            TraitItem::Const(constant) => {
                refusals
                    .at(constant, "a service trait has no associated constants: only methods are reachable");
            }
            other => refusals.at(other, "a service trait has methods and nothing else"),
        }
    }
    attributes(&methods, &mut refusals);
    if methods.len() > METHODS_MAX {
        refusals.at(&item.ident, format!("a service has at most {METHODS_MAX} methods"));
    }
    refusals.into_result()?;
    Ok((methods, callers))
}

/// By name an attribute is one thing: it has one `#[set]` method, and no ordinary method has its name.
fn attributes(methods: &[Method], refusals: &mut Refusals) {
    let mut written = std::collections::HashSet::new();
    for method in methods.iter().filter(|method| method.marks.set) {
        let Some(attribute) = method.attribute() else { continue };
        if !written.insert(attribute) {
            let sentence = format!("the attribute `{attribute}` has a `#[set]` method already");
            refusals.at(&method.ident, sentence);
        }
        let ordinary = |other: &&Method| other.name == attribute && other.attribute().is_none();
        if let Some(ordinary) = methods.iter().find(ordinary) {
            let sentence = format!(
                "`{attribute}` is the attribute that `{}` writes: mark it `#[get]`, or name it otherwise",
                method.name
            );
            refusals.at(&ordinary.ident, sentence);
        }
    }
}

/// A service trait that has been read.
struct Service {
    item: ItemTrait,
    proxy: Ident,
    methods: Vec<Method>,
    /// `duologue::__private`.
    private: Path,
}

impl Service {
    /// The trait, with the hooks every service has.
    fn contract(&self) -> TokenStream {
        let Self { private, proxy, .. } = self;
        let mut item = self.item.clone();
        item.colon_token.get_or_insert_with(Default::default);
        item.supertraits.push(syn::parse_quote!(::core::marker::Sized));
        item.supertraits.push(syn::parse_quote!('static));
        item.items.push(syn::parse_quote! {
            /// Runs when a peer has connected, before any call of it. It must not wait for the peer.
            fn on_connect(&mut self, _connection: &#private::Connection) {}
        });
        item.items.push(syn::parse_quote! {
            /// Runs when the connection is gone; nothing can be sent on it any more.
            fn on_disconnect(&mut self, _connection: &#private::Connection) {}
        });
        item.items.push(syn::parse_quote! {
            #[doc(hidden)]
            const __HOOKS: bool = false;
        });
        item.items.push(syn::parse_quote! {
            #[doc(hidden)]
            fn __host(make: #private::Make<Self>, on: &#private::Worker) -> #private::LocalObject {
                #private::host::<#proxy, Self>(make, on)
            }
        });
        quote! {
            #[allow(async_fn_in_trait, clippy::type_complexity)]
            #item
        }
    }
}

/// A number without a suffix.
pub(super) fn literal(number: usize) -> LitInt {
    LitInt::new(&number.to_string(), Span::call_site())
}
