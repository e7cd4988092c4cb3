//! `CalculatorProxy`: the type, and a method for each of the trait's that makes the call.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt as _;
use syn::spanned::Spanned as _;
use syn::{Attribute, Ident};

use super::{Service, literal};
use crate::method::{Argument, Method};
use crate::shape::{at, placed};

impl Service {
    /// The proxy as a type; its methods follow in [`Self::proxy_methods`].
    pub(super) fn proxy(&self) -> TokenStream {
        let Self { private, proxy, .. } = self;
        let (name, visibility) = (self.item.ident.unraw().to_string(), &self.item.vis);
        let own =
            format!("A proxy of a [`{name}`], local or remote alike: it makes the calls of the service.");
        let docs = self.item.attrs.iter().filter(|attribute| is_doc(attribute));
        let gap = if self.item.attrs.iter().any(is_doc) { quote!(#[doc = ""]) } else { quote!() };
        let label = proxy.to_string();
        quote! {
            #[doc = #own]
            #gap
            #(#docs)*
            #[derive(
                ::core::clone::Clone, ::core::cmp::PartialEq, ::core::cmp::Eq, ::core::hash::Hash
            )]
            #visibility struct #proxy(#private::Handle);

            #[automatically_derived]
            impl ::core::fmt::Debug for #proxy {
                fn fmt(&self, to: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                    to.debug_tuple(#label).field(&self.0).finish()
                }
            }
            #[automatically_derived]
            impl #private::Proxy for #proxy {
                fn from_handle(handle: #private::Handle) -> Self {
                    Self(handle)
                }
                fn handle(&self) -> &#private::Handle {
                    &self.0
                }
            }
            #[automatically_derived]
            impl #private::serde::Serialize for #proxy {
                fn serialize<__S: #private::serde::Serializer>(
                    &self,
                    to: __S,
                ) -> ::core::result::Result<__S::Ok, __S::Error> {
                    #private::serialize_proxy(self, to)
                }
            }
            #[automatically_derived]
            impl<'de> #private::serde::Deserialize<'de> for #proxy {
                fn deserialize<__D: #private::serde::Deserializer<'de>>(
                    from: __D,
                ) -> ::core::result::Result<Self, __D::Error> {
                    #private::deserialize_proxy(from)
                }
            }
        }
    }

    pub(super) fn proxy_methods(&self) -> TokenStream {
        let Self { private, proxy, .. } = self;
        let visibility = &self.item.vis;
        let methods =
            self.methods.iter().enumerate().map(|(number, method)| self.proxy_method(number, method));
        // A service may have a method of this name; the extension trait's function remains then.
        let local = if self.methods.iter().any(|method| method.name == "local") {
            quote!()
        } else {
            quote! {
                /// A proxy of a value of this process, hosted on the current thread: only inside a method of
                /// a service or elsewhere on a thread of a node.
                #visibility fn local<__T: 'static>(value: __T) -> Self
                where
                    Self: #private::Dispatch<__T>,
                {
                    #private::local::<Self, __T>(value)
                }
            }
        };
        quote! {
            #[allow(dead_code)]
            impl #proxy {
                #(#methods)*
                #local
            }
        }
    }

    fn proxy_method(&self, number: usize, method: &Method) -> TokenStream {
        let Method { ident, arguments, shared, shape, .. } = method;
        let span = shape.place();
        let private = &placed(&self.private, span);
        let (visibility, number, count) = (&self.item.vis, literal(number), literal(arguments.len()));
        let (marker, call) = (shape.marker(private), shape.call(private));
        // Not to be confused with an argument of the user's, whatever its name.
        let args = Ident::new("args", Span::mixed_site());
        let parameters = arguments.iter().map(|argument| {
            let (name, ty) = (&argument.ident, argument.accepted(private));
            quote!(#name: #ty)
        });
        let callbacks = arguments.iter().filter(|argument| argument.callback().is_some()).map(|argument| {
            let Argument { ident, ty, .. } = argument;
            quote!(let #ident: #ty = #private::IntoCallback::into_callback(#ident);)
        });
        let owned = arguments.iter().map(|argument| {
            let name = &argument.ident;
            match &argument.referent {
                Some(referent) => quote!(<#referent as ::std::borrow::ToOwned>::to_owned(#name)),
                None => quote!(#name),
            }
        });
        let encoded = arguments.iter().map(|argument| {
            let (ident, name) = (&argument.ident, &argument.name);
            // The span is the type's, so that rustc shows the type that does not implement serde.
            match &argument.referent {
                Some(referent) => quote_spanned!(at(referent.span()) => #args.arg(#name, #ident)?;),
                None => quote_spanned!(at(argument.ty.span()) => #args.arg(#name, &#ident)?;),
            }
        });
        quote_spanned! { span =>
            #(#shared)*
            #visibility fn #ident(&self, #(#parameters),*) -> #call {
                #(#callbacks)*
                if #private::Handle::is_local::<Self>(&self.0) {
                    #private::call_local::<Self, #marker>(&self.0, #number, __Request::#ident(#(#owned),*))
                } else {
                    #private::call_remote::<Self, #marker>(
                        &self.0,
                        #number,
                        #count,
                        |#args: &mut #private::ArgsOut<'_>| {
                            #(#encoded)*
                            ::core::result::Result::Ok(())
                        },
                    )
                }
            }
        }
    }
}

fn is_doc(attribute: &Attribute) -> bool {
    attribute.path().is_ident("doc")
}
