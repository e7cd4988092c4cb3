//! What stands in the parentheses of `#[service(..)]`. Unknown keys are errors, not ignored.

use proc_macro2::Span;
use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Error, Expr, ExprLit, Ident, Lit, LitInt, LitStr, Path, Token, bracketed};

/// The keys of `#[service(..)]`.
pub(crate) struct Options {
    /// The proper name; the trait's own if absent.
    pub(crate) name: Option<LitStr>,
    /// Further names, compared without regard to case like the proper one.
    pub(crate) aliases: Vec<LitStr>,
    /// Version of the interface; 1 if absent.
    pub(crate) version: Option<LitInt>,
    /// Whether each object of the service has a lane to itself.
    pub(crate) own_lane: bool,
    /// Whether its proxies are never handed on to a third node.
    pub(crate) stays: bool,
    /// Where the crate `duologue` is found.
    pub(crate) crate_path: Path,
    /// The first key written, for "no keys here" errors.
    pub(crate) first_key: Option<Span>,
}

impl Options {
    /// Whether no key but `crate` was written.
    pub(crate) fn only_crate(&self) -> bool {
        let named = self.name.is_some() || !self.aliases.is_empty() || self.version.is_some();
        !named && !self.own_lane && !self.stays
    }
}

impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut options = Self {
            name: None,
            aliases: Vec::new(),
            version: None,
            own_lane: false,
            stays: false,
            crate_path: syn::parse_quote!(::duologue),
            first_key: None,
        };
        let mut seen: Vec<Ident> = Vec::new();
        while !input.is_empty() {
            let key = input.call(Ident::parse_any)?;
            options.first_key.get_or_insert(key.span());
            if seen.contains(&key) {
                return Err(Error::new(key.span(), format!("the key `{key}` stands here twice")));
            }
            if key == "stay" {
                options.stays = bare(input, &key)?;
            } else {
                input.parse::<Token![=]>()?;
            }
            match key.to_string().as_str() {
                "stay" => {}
                "name" => options.name = Some(name(input, "the name of a service")?),
                "aliases" => options.aliases = aliases(input)?,
                "version" => options.version = Some(version(input)?),
                "lane" => options.own_lane = own_lane(input)?,
                "crate" => options.crate_path = string(input, "the path of the crate `duologue`")?.parse()?,
                _ => {
                    return Err(Error::new(
                        key.span(),
                        format!(
                            "`{key}` is no key of `#[service]`; there are `name`, `aliases`, `version`, `lane` and `stay`"
                        ),
                    ));
                }
            }
            seen.push(key);
            if input.is_empty() {
                break;
            }
            input.parse::<Token![,]>()?;
        }
        Ok(options)
    }
}

/// A key that stands for itself.
fn bare(input: ParseStream<'_>, key: &Ident) -> syn::Result<bool> {
    if input.peek(Token![=]) {
        return Err(input.error(format!("`{key}` has no value: it stands there or not")));
    }
    Ok(true)
}

fn string(input: ParseStream<'_>, what: &str) -> syn::Result<LitStr> {
    let value: Expr = input.parse()?;
    match value {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Ok(text),
        other => Err(Error::new_spanned(other, format!("{what} is a string"))),
    }
}

fn name(input: ParseStream<'_>, what: &str) -> syn::Result<LitStr> {
    let text = string(input, what)?;
    if text.value().trim().is_empty() {
        return Err(Error::new(text.span(), format!("{what} is not empty")));
    }
    Ok(text)
}

fn aliases(input: ParseStream<'_>) -> syn::Result<Vec<LitStr>> {
    if !input.peek(syn::token::Bracket) {
        return Err(input.error("`aliases` is a list of strings: `aliases = [\"calc\"]`"));
    }
    let list;
    bracketed!(list in input);
    let items = Punctuated::<LitStr, Token![,]>::parse_terminated_with(&list, |item| name(item, "an alias"))?;
    Ok(items.into_iter().collect())
}

fn own_lane(input: ParseStream<'_>) -> syn::Result<bool> {
    let text = string(input, "the lane of a service")?;
    if text.value() != "own" {
        return Err(Error::new(
            text.span(),
            "`lane` is \"own\": each object has a lane to itself; without it, they share",
        ));
    }
    Ok(true)
}

fn version(input: ParseStream<'_>) -> syn::Result<LitInt> {
    let value: Expr = input.parse()?;
    match &value {
        Expr::Lit(ExprLit { lit: Lit::Int(number), .. })
            if number.base10_parse::<u32>().is_ok() && number.suffix().is_empty() =>
        {
            Ok(number.clone())
        }
        other => Err(Error::new_spanned(other, "`version` is a whole number that fits into `u32`")),
    }
}
