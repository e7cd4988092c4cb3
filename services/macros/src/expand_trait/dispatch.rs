//! From a request to a method of the value, with the turn that the method's receiver asks for.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::Ident;

use super::Service;
use crate::method::Method;
use crate::shape::placed;

impl Service {
    pub(super) fn dispatch(&self) -> TokenStream {
        let Self { private, proxy, .. } = self;
        let name = &self.item.ident;
        let arms = self.methods.iter().map(|method| self.arm(method));
        quote! {
            #[automatically_derived]
            impl<__T: #name + 'static> #private::Dispatch<__T> for #proxy {
                const HOOKS: bool = <__T as #name>::__HOOKS;

                fn run(me: &#private::Hosted<__T>, request: __Request, call: #private::Incoming) {
                    match request {
                        #(#arms)*
                    }
                }
                fn on_connect(value: &mut __T, connection: &#private::Connection) {
                    <__T as #name>::on_connect(value, connection)
                }
                fn on_disconnect(value: &mut __T, connection: &#private::Connection) {
                    <__T as #name>::on_disconnect(value, connection)
                }
            }
        }
    }

    fn arm(&self, method: &Method) -> TokenStream {
        let Method { ident, arguments, .. } = method;
        let span = method.shape.place();
        let private = &placed(&self.private, span);
        let (name, marker) = (&self.item.ident, method.shape.marker(private));
        let places: Vec<Ident> = (0..arguments.len()).map(|place| format_ident!("__{place}")).collect();
        let given = arguments.iter().zip(&places).map(|(argument, place)| match &argument.referent {
            Some(referent) => quote!(::core::borrow::Borrow::<#referent>::borrow(&#place)),
            None => quote!(#place),
        });
        let call = quote_spanned!(span => <__T as #name>::#ident(__me, #(#given),*));
        let run = match (method.exclusive, method.is_async) {
            (false, true) => {
                quote_spanned!(span => me.read::<#marker, _>(call, async move |__me: &__T| #call.await))
            }
            (false, false) => {
                quote_spanned!(span => me.read_now::<#marker, _>(call, move |__me: &__T| #call))
            }
            (true, true) => {
                quote_spanned!(span => me.write::<#marker, _>(call, async move |__me: &mut __T| #call.await))
            }
            (true, false) => {
                quote_spanned!(span => me.write_now::<#marker, _>(call, move |__me: &mut __T| #call))
            }
        };
        quote!(__Request::#ident(#(#places),*) => #run,)
    }
}
