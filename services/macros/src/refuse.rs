//! What cannot cross the network, or cannot be known by both peers, is refused here: with the span of the
//! offending words and one sentence that says what to write instead.
//!
//! Only shapes are judged. Whether a type implements serde is for rustc to say.

use quote::ToTokens;
use syn::visit::Visit;
use syn::{
    Attribute, Error, FnArg, Generics, Lifetime, Receiver, ReturnType, Signature, Type, TypeBareFn,
    TypeImplTrait, TypeInfer, TypePath, TypePtr, TypeReference, TypeTraitObject,
};

use crate::shape::{Shape, callback_signature, type_arguments};

/// How many arguments a callback may take.
const CALLBACK_ARGUMENTS_MAX: usize = 8;

/// Errors found so far; all of them are reported at once.
#[derive(Default)]
pub(crate) struct Refusals(Option<Error>);

impl Refusals {
    /// Remembers one refusal at these words.
    pub(crate) fn at(&mut self, words: &impl ToTokens, sentence: impl std::fmt::Display) {
        self.push(Error::new_spanned(words, sentence));
    }

    /// Remembers an error made elsewhere.
    pub(crate) fn push(&mut self, error: Error) {
        match &mut self.0 {
            Some(all) => all.combine(error),
            none => *none = Some(error),
        }
    }

    /// All refusals as one error, or nothing.
    pub(crate) fn into_result(self) -> syn::Result<()> {
        self.0.map_or(Ok(()), Err)
    }
}

/// Generics and where clauses.
pub(crate) fn generics(generics: &Generics, of_what: &str, refusals: &mut Refusals) {
    if !generics.params.is_empty() {
        refusals.at(
            &generics.params,
            format!("{of_what} cannot be generic: both peers must know one list of methods and types"),
        );
    }
    if let Some(clause) = &generics.where_clause {
        refusals.at(clause, format!("{of_what} cannot have a `where` clause"));
    }
}

/// Words before `fn`, and what is no method.
pub(crate) fn signature(signature: &Signature, refusals: &mut Refusals) {
    if let Some(word) = &signature.unsafety {
        refusals.at(
            word,
            "a service method cannot be `unsafe`: a caller on another machine cannot keep its contract",
        );
    }
    if let Some(abi) = &signature.abi {
        refusals.at(abi, "a service method cannot be `extern`");
    }
    if let Some(word) = &signature.constness {
        refusals.at(word, "a service method cannot be `const`");
    }
    if let Some(dots) = &signature.variadic {
        refusals.at(dots, "a service method has a fixed number of arguments");
    }
    generics(&signature.generics, "a service method", refusals);
    match signature.receiver() {
        None => refusals.at(
            &signature.ident,
            "a service method takes `&self` or `&mut self`: calls reach objects, not types",
        ),
        Some(receiver) => self_form(receiver, refusals),
    }
}

/// Everything but `&self` and `&mut self`.
fn self_form(receiver: &Receiver, refusals: &mut Refusals) {
    let Some((_, lifetime)) = &receiver.reference else {
        return refusals.at(
            receiver,
            "a service method takes `&self` or `&mut self`: a caller on another machine cannot move the object",
        );
    };
    if receiver.colon_token.is_some() {
        return refusals.at(receiver, "write `&self` or `&mut self`");
    }
    if let Some(lifetime) = lifetime {
        refusals.at(lifetime, NO_LIFETIME);
    }
}

const NO_LIFETIME: &str =
    "a service method names no lifetimes: arguments live as long as the call, results are owned";

/// The type of an argument. `&T`, `&str` and `&[T]` are fine at the outermost place.
pub(crate) fn argument(ty: &Type, refusals: &mut Refusals) {
    let inner = match ty {
        Type::Reference(reference) => {
            if let Some(word) = &reference.mutability {
                let sentence =
                    "an argument cannot be `&mut`: the callee works on a copy; return the changed value";
                return refusals.at(&Words(&reference.and_token, word), sentence);
            }
            if let Some(lifetime) = &reference.lifetime {
                return refusals.at(lifetime, NO_LIFETIME);
            }
            &*reference.elem
        }
        other => other,
    };
    indistinct(inner, refusals);
    deep(inner, Place::Argument, refusals);
}

/// The return type.
pub(crate) fn result(output: &ReturnType, refusals: &mut Refusals) {
    let ReturnType::Type(_, ty) = output else { return };
    if let Some(value) = Shape::of(output).value() {
        indistinct(value, refusals);
    }
    if let Some([_, error]) = type_arguments(ty, "Result").as_deref()
        && type_arguments(error, "CallError").is_some_and(|arguments| !arguments.is_empty())
    {
        refusals.at(
            error,
            "`CallError` with a type of its own cannot be returned: write `Result<T, E>`, or `Result<T, CallError>`",
        );
    }
    deep(ty, Place::Result, refusals);
}

/// Attributes that would make the list of methods differ between peers or builds.
pub(crate) fn conditional(attributes: &[Attribute], what: &str, refusals: &mut Refusals) {
    for attribute in attributes {
        if attribute.path().is_ident("cfg") || attribute.path().is_ident("cfg_attr") {
            refusals.at(
                attribute,
                format!("{what} cannot be conditional: make two traits, or put `#[cfg]` above `#[service]`"),
            );
        }
    }
}

/// `self` has been dealt with; patterns other than a name are refused, and `_` too, since arguments have names.
pub(crate) fn pattern(input: &FnArg, refusals: &mut Refusals) {
    let FnArg::Typed(argument) = input else { return };
    match &*argument.pat {
        syn::Pat::Ident(name)
            if name.by_ref.is_none() && name.subpat.is_none() && name.mutability.is_none() => {}
        other => {
            refusals.at(other, "an argument of a service method has a plain name: errors and tools use it")
        }
    }
}

/// `Option<()>` and `Option<Option<_>>`: MessagePack writes one nil for two different values.
fn indistinct(ty: &Type, refusals: &mut Refusals) {
    let arguments = type_arguments(ty, "Option").unwrap_or_default();
    let [inner] = arguments.as_slice() else { return };
    if matches!(inner, Type::Tuple(unit) if unit.elems.is_empty()) {
        refusals
            .at(ty, "`Option<()>` cannot cross: `Some(())` and `None` look alike on the wire; use `bool`");
    } else if type_arguments(inner, "Option").is_some() {
        refusals.at(
            ty,
            "`Option<Option<_>>` cannot cross: `Some(None)` and `None` look alike on the wire; use an enum",
        );
    }
}

/// Where a type stands; references are refused with another sentence in each place.
#[derive(Clone, Copy)]
enum Place {
    Argument,
    Result,
    Callback,
}

fn deep(ty: &Type, place: Place, refusals: &mut Refusals) {
    Deep { place, refusals }.visit_type(ty);
}

/// Walks a type to its leaves.
struct Deep<'r> {
    place: Place,
    refusals: &'r mut Refusals,
}

impl Deep<'_> {
    /// The signature within `Callback<..>`.
    fn callback(&mut self, signature: &TypeBareFn) {
        if let Some(lifetimes) = &signature.lifetimes {
            self.refusals.at(lifetimes, NO_LIFETIME);
        }
        if signature.unsafety.is_some() || signature.abi.is_some() || signature.variadic.is_some() {
            self.refusals.at(signature, "a callback is a plain `fn(..) -> ..`");
        }
        if let Some(surplus) = signature.inputs.iter().nth(CALLBACK_ARGUMENTS_MAX) {
            self.refusals.at(surplus, "a callback takes at most 8 arguments: put some into a struct");
        }
        for input in &signature.inputs {
            deep(&input.ty, Place::Callback, self.refusals);
        }
        if let ReturnType::Type(_, output) = &signature.output {
            deep(output, Place::Callback, self.refusals);
        }
    }
}

impl<'ast> Visit<'ast> for Deep<'_> {
    fn visit_type(&mut self, ty: &'ast Type) {
        match callback_signature(ty) {
            Some(signature) => self.callback(signature),
            None => syn::visit::visit_type(self, ty),
        }
    }

    fn visit_type_reference(&mut self, reference: &'ast TypeReference) {
        let sentence = match self.place {
            Place::Argument => "a reference can only be the whole argument: `&str`, `&[T]` or `&T`",
            Place::Result => "a result is owned: a reference cannot cross to another process",
            Place::Callback => "callback arguments are owned: write `String` for `&str`, `Vec<T>` for `&[T]`",
        };
        self.refusals.at(reference, sentence);
    }

    fn visit_lifetime(&mut self, lifetime: &'ast Lifetime) {
        self.refusals.at(lifetime, NO_LIFETIME);
    }

    fn visit_type_impl_trait(&mut self, ty: &'ast TypeImplTrait) {
        self.refusals.at(ty, "`impl Trait` cannot cross: both peers must know the type");
    }

    fn visit_type_trait_object(&mut self, ty: &'ast TypeTraitObject) {
        self.refusals.at(ty, "`dyn Trait` cannot cross: pass the proxy of a service instead");
    }

    fn visit_type_ptr(&mut self, ty: &'ast TypePtr) {
        self.refusals.at(ty, "a pointer cannot cross to another process");
    }

    fn visit_type_infer(&mut self, ty: &'ast TypeInfer) {
        self.refusals.at(ty, "the type is written out: both peers must know it");
    }

    fn visit_type_bare_fn(&mut self, ty: &'ast TypeBareFn) {
        self.refusals.at(ty, "a bare function cannot cross: take a `Callback<fn(..) -> ..>`");
    }

    fn visit_type_path(&mut self, ty: &'ast TypePath) {
        if ty.qself.is_none() && ty.path.segments.first().is_some_and(|first| first.ident == "Self") {
            return self.refusals.at(ty, "`Self` does not cross: name the proxy or a type of your own");
        }
        syn::visit::visit_type_path(self, ty);
    }
}

/// Two words next to each other, as one span.
struct Words<'a, A, B>(&'a A, &'a B);

impl<A: ToTokens, B: ToTokens> ToTokens for Words<'_, A, B> {
    fn to_tokens(&self, out: &mut proc_macro2::TokenStream) {
        self.0.to_tokens(out);
        self.1.to_tokens(out);
    }
}
