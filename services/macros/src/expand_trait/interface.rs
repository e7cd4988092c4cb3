//! The request that travels to the object's actor, how it is read from the wire, and the descriptor.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote};
use syn::ext::IdentExt as _;
use syn::{Ident, LitInt, LitStr, Path};

use super::{Service, literal};
use crate::method::{Argument, Method};
use crate::options::Options;
use crate::print;

impl Service {
    /// The request: one variant per method, named as the method, with owned arguments.
    pub(super) fn request(&self) -> TokenStream {
        let variants = self.methods.iter().map(|method| {
            let (ident, types) = (&method.ident, method.arguments.iter().map(Argument::owned));
            quote!(#ident(#(#types),*))
        });
        quote!(pub enum __Request { #(#variants,)* })
    }

    pub(super) fn interface(&self, options: &Options) -> TokenStream {
        let Self { private, proxy, .. } = self;
        let descriptor = self.descriptor(options);
        let decoders = self.methods.iter().enumerate().map(|(number, method)| {
            let (number, decoder) = (literal(number), self.decoder(method));
            quote!(#number => { #decoder })
        });
        quote! {
            #[automatically_derived]
            impl #private::Interface for #proxy {
                type Request = __Request;

                const DESCRIPTOR: &'static #private::Descriptor = &#descriptor;

                fn decode(
                    method: u16,
                    args: #private::ArgsIn<'_>,
                ) -> ::core::result::Result<__Request, #private::BadBody> {
                    match method {
                        #(#decoders)*
                        _ => ::core::result::Result::Err(#private::BadBody::no_such_method()),
                    }
                }
            }
        }
    }

    /// One visitor over the array of arguments: names them in errors, forgives missing optional ones and
    /// reads over surplus ones.
    fn decoder(&self, method: &Method) -> TokenStream {
        let Self { private, .. } = self;
        let Method { ident, arguments, .. } = method;
        let expecting = format!("the arguments of `{}`", method.name);
        let places: Vec<Ident> = (0..arguments.len()).map(|place| format_ident!("__{place}")).collect();
        let reads = arguments.iter().zip(&places).map(|(argument, place)| {
            let (ty, name) = (argument.owned(), &argument.name);
            if argument.optional {
                quote!(let #place = #private::next_arg_or_default::<#ty, __A>(&mut __seq, #name)?;)
            } else {
                quote!(let #place = #private::next_arg::<#ty, __A>(&mut __seq, #name)?;)
            }
        });
        quote! {
            struct __Arguments;
            impl<'de> #private::serde::de::Visitor<'de> for __Arguments {
                type Value = __Request;
                fn expecting(&self, to: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                    to.write_str(#expecting)
                }
                fn visit_seq<__A: #private::serde::de::SeqAccess<'de>>(
                    self,
                    mut __seq: __A,
                ) -> ::core::result::Result<__Request, __A::Error> {
                    #(#reads)*
                    #private::drain(&mut __seq)?;
                    ::core::result::Result::Ok(__Request::#ident(#(#places),*))
                }
            }
            args.read(__Arguments)
        }
    }

    fn descriptor(&self, options: &Options) -> TokenStream {
        let Self { private, .. } = self;
        let ident = &self.item.ident;
        let name =
            options.name.clone().unwrap_or_else(|| LitStr::new(&ident.unraw().to_string(), ident.span()));
        let (aliases, own_lane, stays) = (&options.aliases, options.own_lane, options.stays);
        let version = options.version.clone().unwrap_or_else(|| LitInt::new("1", Span::call_site()));
        let doc = print::doc_text(&self.item.attrs);
        let methods = self.methods.iter().map(|method| describe(method, private));
        quote! {
            #private::Descriptor::fixed(
                #name,
                const { &[#(::std::borrow::Cow::Borrowed(#aliases)),*] },
                #version,
                #doc,
                const { &[#(#methods),*] },
            )
            .on_own_lane(#own_lane)
            .staying(#stays)
        }
    }
}

fn describe(method: &Method, private: &Path) -> TokenStream {
    let Method { name, doc, returns, exclusive, marks, .. } = method;
    let (cancel, idempotent) = (method.cancel(), marks.idempotent);
    let (is_async, fallible) = (method.is_async, method.shape.fallible());
    let access = match (marks.get, marks.set) {
        (true, _) => quote!(Get),
        (_, true) => quote!(Set),
        _ => quote!(Call),
    };
    let params = method.arguments.iter().map(|argument| {
        let (name, ty) = (&argument.name, print::type_text(&argument.ty));
        let optional = argument.optional;
        quote!(#private::Param::fixed(#name, #ty, #optional))
    });
    quote! {
        #private::Method::fixed(
            #name,
            #doc,
            const { &[#(#params),*] },
            #returns,
            #private::Marks {
                is_async: #is_async,
                exclusive: #exclusive,
                cancel: #cancel,
                idempotent: #idempotent,
                fallible: #fallible,
                access: #private::Access::#access,
            },
        )
    }
}
