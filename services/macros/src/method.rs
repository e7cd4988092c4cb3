//! One method of a service trait: what both sides of the wire need to know of it. Reading it also strips from
//! the trait what only this macro understands.

use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt as _;
use syn::{Attribute, Error, FnArg, Ident, Meta, Pat, Path, Signature, TraitItemFn, Type, TypeBareFn};

use crate::refuse::{self, Refusals};
use crate::shape::{Shape, callback_signature, type_arguments};
use crate::{caller, print};

/// A method as the wire sees it.
pub(crate) struct Method {
    pub(crate) ident: Ident,
    /// The name both peers know: the identifier without `r#`.
    pub(crate) name: String,
    /// Attributes that the proxy's method carries too: docs and deprecation.
    pub(crate) shared: Vec<Attribute>,
    pub(crate) doc: String,
    /// `&mut self`.
    pub(crate) exclusive: bool,
    pub(crate) is_async: bool,
    pub(crate) marks: Marks,
    pub(crate) arguments: Vec<Argument>,
    pub(crate) shape: Shape,
    /// The return type as text.
    pub(crate) returns: String,
}

/// `#[cancel]` and its like.
#[derive(Default)]
pub(crate) struct Marks {
    pub(crate) cancel: bool,
    pub(crate) no_cancel: bool,
    pub(crate) idempotent: bool,
    pub(crate) get: bool,
    pub(crate) set: bool,
}

/// An argument of a call.
pub(crate) struct Argument {
    pub(crate) ident: Ident,
    pub(crate) name: String,
    /// As written.
    pub(crate) ty: Type,
    /// What a `&T` refers to.
    pub(crate) referent: Option<Type>,
    /// May be missing at the end of an older caller's list.
    pub(crate) optional: bool,
}

impl Method {
    /// Reads a method, strips what is ours from it, and gives the `&Caller` types cut out.
    pub(crate) fn take(item: &mut TraitItemFn, refusals: &mut Refusals) -> (Self, Vec<Type>) {
        refuse::conditional(&item.attrs, "a service method", refusals);
        refuse::signature(&item.sig, refusals);
        refuse::result(&item.sig.output, refusals);
        if item.sig.ident == "on_connect" || item.sig.ident == "on_disconnect" {
            refusals.at(
                &item.sig.ident,
                format!(
                    "`{}` is the hook every service has: write it in the `#[service] impl`, not in the trait",
                    item.sig.ident
                ),
            );
        }
        let callers = caller::bind(&mut item.sig, item.default.as_mut());
        let marks = Marks::take(&mut item.attrs, refusals);
        let arguments = Argument::take_all(&mut item.sig, refusals);
        let shape = Shape::of(&item.sig.output);
        marks.check(&item.sig, arguments.len(), &shape, refusals);
        let method = Self {
            name: item.sig.ident.unraw().to_string(),
            ident: item.sig.ident.clone(),
            shared: shared_attributes(&item.attrs),
            doc: print::doc_text(&item.attrs),
            exclusive: item.sig.receiver().is_some_and(|receiver| receiver.mutability.is_some()),
            is_async: item.sig.asyncness.is_some(),
            marks,
            arguments,
            shape,
            returns: match &item.sig.output {
                syn::ReturnType::Default => "()".to_owned(),
                syn::ReturnType::Type(_, ty) => print::type_text(ty),
            },
        };
        (method, callers)
    }

    /// The attribute that it reads or writes when it is used by name.
    pub(crate) fn attribute(&self) -> Option<&str> {
        if self.marks.set {
            return Some(
                self.name.strip_prefix("set_").filter(|rest| !rest.is_empty()).unwrap_or(&self.name),
            );
        }
        self.marks.get.then_some(&self.name)
    }

    /// Whether a cancelled call is stopped: shared methods are unless they say no, exclusive ones if they say so.
    pub(crate) fn cancel(&self) -> bool {
        if self.exclusive { self.marks.cancel } else { !self.marks.no_cancel }
    }
}

impl Marks {
    fn take(attributes: &mut Vec<Attribute>, refusals: &mut Refusals) -> Self {
        let mut marks = Self::default();
        attributes.retain(|attribute| {
            let Some(word) = attribute.path().get_ident() else { return true };
            let mark = match word.to_string().as_str() {
                "cancel" => &mut marks.cancel,
                "no_cancel" => &mut marks.no_cancel,
                "idempotent" => &mut marks.idempotent,
                "get" => &mut marks.get,
                "set" => &mut marks.set,
                _ => return true,
            };
            if !matches!(attribute.meta, Meta::Path(_)) {
                refusals.at(attribute, format!("`#[{word}]` takes nothing in parentheses"));
            }
            *mark = true;
            false
        });
        marks
    }

    fn check(&self, signature: &Signature, arguments: usize, shape: &Shape, refusals: &mut Refusals) {
        let method = &signature.ident;
        if self.cancel && self.no_cancel {
            refusals.at(method, "a method is either `#[cancel]` or `#[no_cancel]`");
        }
        // An attribute has a value when it is read and none when it is written.
        let nothing = shape.value().is_none_or(|ty| matches!(ty, Type::Tuple(unit) if unit.elems.is_empty()));
        if self.get && self.set {
            refusals.at(method, "a method is either `#[get]` or `#[set]`: make two");
        } else if self.get && arguments != 0 {
            refusals.at(method, "a `#[get]` method takes no arguments");
        } else if self.get && nothing {
            refusals.at(method, "a `#[get]` method returns the value of its attribute");
        } else if self.set && arguments != 1 {
            refusals.at(method, "a `#[set]` method takes one argument, the value");
        } else if self.set && !nothing {
            refusals.at(&signature.output, "a `#[set]` method returns nothing, or `Result<(), E>`");
        }
        let exclusive = signature.receiver().filter(|receiver| receiver.mutability.is_some());
        if let (true, Some(receiver)) = (self.get, exclusive) {
            refusals.at(receiver, "a `#[get]` method takes `&self`: to read an attribute changes nothing");
        }
    }
}

impl Argument {
    fn take_all(signature: &mut Signature, refusals: &mut Refusals) -> Vec<Self> {
        signature.inputs.iter_mut().filter_map(|input| Self::take(input, refusals)).collect()
    }

    fn take(input: &mut FnArg, refusals: &mut Refusals) -> Option<Self> {
        refuse::pattern(input, refusals);
        let FnArg::Typed(input) = input else { return None };
        refuse::conditional(&input.attrs, "an argument", refusals);
        refuse::argument(&input.ty, refusals);
        let Pat::Ident(pattern) = &*input.pat else { return None };
        let referent = match &*input.ty {
            Type::Reference(reference) => Some((*reference.elem).clone()),
            _ => None,
        };
        let owned = referent.as_ref().unwrap_or(&input.ty);
        let optional = type_arguments(owned, "Option").is_some();
        let defaulted = take_serde_default(&mut input.attrs, refusals);
        Some(Self {
            name: pattern.ident.unraw().to_string(),
            ident: pattern.ident.clone(),
            ty: (*input.ty).clone(),
            referent,
            optional: optional || defaulted,
        })
    }

    /// The type that travels in the request.
    pub(crate) fn owned(&self) -> TokenStream {
        let ty = &self.ty;
        match &self.referent {
            Some(referent) => quote!(<#referent as ::std::borrow::ToOwned>::Owned),
            None => quote!(#ty),
        }
    }

    /// The signature, if this is a callback that may be given as a bare closure.
    pub(crate) fn callback(&self) -> Option<&TypeBareFn> {
        callback_signature(&self.ty)
    }

    /// The type in the proxy's method.
    pub(crate) fn accepted(&self, private: &Path) -> TokenStream {
        let ty = &self.ty;
        match self.callback() {
            Some(signature) => quote!(impl #private::IntoCallback<#signature>),
            None => quote!(#ty),
        }
    }
}

/// Removes `#[serde(default)]` from a parameter and says whether it was there.
fn take_serde_default(attributes: &mut Vec<Attribute>, refusals: &mut Refusals) -> bool {
    let mut found = false;
    attributes.retain(|attribute| {
        if !attribute.path().is_ident("serde") {
            return true;
        }
        let read = attribute.parse_nested_meta(|key| {
            if key.path.is_ident("default") && !key.input.peek(syn::Token![=]) {
                found = true;
                return Ok(());
            }
            Err(Error::new_spanned(&key.path, "an argument understands `#[serde(default)]` only"))
        });
        if let Err(error) = read {
            refusals.push(error);
        }
        false
    });
    found
}

fn shared_attributes(attributes: &[Attribute]) -> Vec<Attribute> {
    let shared =
        |attribute: &&Attribute| ["doc", "deprecated"].iter().any(|name| attribute.path().is_ident(name));
    attributes.iter().filter(shared).cloned().collect()
}
