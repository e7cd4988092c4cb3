//! The tokens that come out, where they can be judged without rustc; what rustc makes of them is tested in `services`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{File, Item};

use crate::expand;
use crate::print::type_text;

/// Expands and parses again.
fn file(options: TokenStream, item: TokenStream) -> File {
    let tokens = expand(options, item).unwrap();
    syn::parse2(tokens).unwrap()
}

/// What `expand` says against it.
fn refused(options: TokenStream, item: TokenStream) -> Vec<String> {
    let error = expand(options, item).unwrap_err();
    error.into_iter().map(|error| error.to_string()).collect()
}

fn text(tokens: impl quote::ToTokens) -> String {
    type_text(&tokens).replace(' ', "")
}

#[test]
fn types_are_printed_as_people_write_them() {
    let cases = [
        (quote!(Result<Vec<u8>, NotFound>), "Result<Vec<u8>, NotFound>"),
        (quote!(&str), "&str"),
        (quote!(&[u32]), "&[u32]"),
        (quote!(Callback<fn(u64, String) -> bool>), "Callback<fn(u64, String) -> bool>"),
        (
            quote!(std::collections::HashMap<String, (u8, i16)>),
            "std::collections::HashMap<String, (u8, i16)>",
        ),
        (quote!([u8; 32]), "[u8; 32]"),
        (quote!(()), "()"),
        (quote!(<X as Y>::Z), "<X as Y>::Z"),
    ];
    for (tokens, expected) in cases {
        assert_eq!(type_text(&tokens), expected);
    }
}

#[test]
fn the_trait_stays_as_written_but_for_the_caller_and_our_marks() {
    let file = file(
        quote!(),
        quote! {
            pub trait Calculator: Send {
                /// Adds.
                #[idempotent]
                async fn add(&self, caller: &Caller, a: i64, #[serde(default)] b: i64) -> i64;
            }
        },
    );
    let Item::Trait(item) = &file.items[0] else { panic!("a trait first") };
    let methods: Vec<String> = item
        .items
        .iter()
        .filter_map(|item| match item {
            syn::TraitItem::Fn(method) => Some(text(&method.sig)),
            _ => None,
        })
        .collect();
    assert_eq!(methods[0], "asyncfnadd(&self,a:i64,b:i64)->i64");
    assert_eq!(text(&item.supertraits), "Send+::core::marker::Sized+'static");
    let syn::TraitItem::Fn(add) = &item.items[0] else { panic!("`add` first") };
    assert_eq!(add.attrs.len(), 1, "the doc comment stays, the mark goes");
}

#[test]
fn the_caller_is_bound_first_thing_in_a_body() {
    let file = file(
        quote!(),
        quote! {
            impl Calculator for Desk {
                async fn who(&self, me: &duologue::Caller, n: u8) -> u8 { n }
                async fn nobody(&self, _: &Caller) {}
            }
        },
    );
    let Item::Impl(item) = &file.items[0] else { panic!("an impl first") };
    assert_eq!(
        text(&item.items[0]),
        "asyncfnwho(&self,n:u8)->u8{letme:&duologue::Caller=&<duologue::Caller>::current();n}"
    );
    assert_eq!(text(&item.items[1]), "asyncfnnobody(&self){}");
}

#[test]
fn hooks_are_announced_only_if_they_are_written() {
    let with = quote!(impl Calculator for Desk { fn on_connect(&mut self, connection: &Connection) {} });
    let without = quote!(impl Calculator for Desk {});
    assert!(text(file(quote!(), with)).contains("const__HOOKS:bool=true;"));
    assert!(!text(file(quote!(), without)).contains("__HOOKS"));
}

#[test]
fn two_services_on_one_type_are_two_impls() {
    let tag = |path: TokenStream| {
        let file = file(quote!(), quote!(impl #path for Desk {}));
        let Item::Impl(item) = &file.items[1] else { panic!("`Serve` second") };
        text(&item.trait_.as_ref().unwrap().1)
    };
    assert_ne!(tag(quote!(Calculator)), tag(quote!(Account)));
    assert_eq!(tag(quote!(Calculator)), tag(quote!(Calculator)));
}

#[test]
fn marks_and_keys_stand_in_the_descriptor() {
    let file = file(
        quote!(name = "Calc", aliases = ["desk"], version = 2),
        quote! {
            /// Calculates.
            trait Calculator {
                /// Reads.
                #[get]
                fn total(&self) -> u64;
                #[set]
                #[cancel]
                async fn set_total(&mut self, r#type: &str);
                #[no_cancel]
                async fn work(&self);
                async fn alone(&mut self);
            }
        },
    );
    let all = text(&file);
    let expected = concat!(
        r#"::fixed("Calc",const{&[::std::borrow::Cow::Borrowed("desk")]},2,"Calculates.","#,
        r#"const{&[::duologue::__private::Method::fixed("total","Reads.","#,
    );
    assert!(all.contains(expected), "{all}");
    let method = |name: &str| {
        let start = all.find(&format!(r#"Method::fixed("{name}""#)).unwrap();
        let end = start + all[start..].find("Access::").unwrap();
        let rest: String = all[end + "Access::".len()..].chars().take_while(|c| *c != '}').collect();
        (all[start..end].to_owned(), rest)
    };
    let (total, attribute) = method("total");
    assert!(
        total.contains(r#","Reads.",const{&[]},"u64","#) && total.contains("exclusive:false,cancel:true"),
        "{total}"
    );
    assert_eq!(attribute, "Get,");
    let (set, attribute) = method("set_total");
    assert!(
        set.contains(r#"Param::fixed("type","&str",false)"#) && set.contains("exclusive:true,cancel:true"),
        "{set}"
    );
    assert_eq!(attribute, "Set,");
    assert!(method("work").0.contains("cancel:false"));
    assert!(method("alone").0.contains("exclusive:true,cancel:false"));
}

#[test]
fn everything_wrong_is_said_at_once() {
    let said = refused(
        quote!(),
        quote! {
            trait Shelf<T> {
                type Book;
                fn put(self, value: &mut T);
            }
        },
    );
    assert_eq!(said.len(), 4, "{said:#?}");
}

#[test]
fn a_service_has_at_most_65535_methods() {
    let methods = (0..65_536).map(|number| quote::format_ident!("m{number}"));
    let wide = quote!(trait Wide { #(fn #methods(&self);)* });
    assert_eq!(refused(quote!(), wide), ["a service has at most 65535 methods"]);
}

#[test]
fn a_closure_may_be_given_for_a_callback_argument_and_only_there() {
    let all = text(file(
        quote!(),
        quote! {
            trait Counter {
                fn upto(&self, tick: Callback<fn(u64) -> bool>, more: Vec<Callback<fn()>>);
            }
        },
    ));
    let expected =
        "fnupto(&self,tick:impl::duologue::__private::IntoCallback<fn(u64)->bool>,more:Vec<Callback<fn()>>)";
    assert!(all.contains(expected), "{all}");
}

#[test]
fn the_shape_of_a_result_goes_by_its_last_words() {
    let shape = |output: TokenStream| {
        let all = text(file(quote!(), quote!(trait One { fn one(&self) #output; })));
        let start = all.find("fnone(&self,)->::duologue::__private::Call<").unwrap();
        let rest = &all[start + "fnone(&self,)->::duologue::__private::".len()..];
        rest[..rest.find('{').unwrap()].to_owned()
    };
    assert_eq!(shape(quote!()), "Call<()>");
    assert_eq!(shape(quote!(-> u8)), "Call<u8>");
    assert_eq!(shape(quote!(-> std::result::Result<u8, NotFound>)), "Call<u8,NotFound>");
    assert_eq!(shape(quote!(-> Result<u8, duologue::CallError>)), "Call<u8>");
    assert_eq!(
        shape(quote!(-> io::Result<u8>)),
        "Call<<io::Result<u8>as::duologue::__private::ResultLike>::Ok,<io::Result<u8>as::duologue::__private::ResultLike>::Err>"
    );
}
