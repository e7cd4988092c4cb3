//! Types as people write them, for the descriptor: `Result<Vec<u8>, NotFound>` and not `Result < Vec < ..`.
//! Not a formatter: one line, whatever the length.

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Attribute, Expr, ExprLit, Lit, Meta};

/// The tokens of a type on one line, spaced as rustfmt would.
pub(crate) fn type_text(of: &impl ToTokens) -> String {
    let mut out = String::new();
    tokens(of.to_token_stream(), &mut out);
    out.truncate(out.trim_end().len());
    out
}

/// What the doc comments say, one leading space of each line removed.
pub(crate) fn doc_text(attributes: &[Attribute]) -> String {
    let lines: Vec<String> = attributes
        .iter()
        .filter_map(|attribute| match &attribute.meta {
            Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
                Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
                _ => None,
            },
            _ => None,
        })
        .map(|line| line.strip_prefix(' ').unwrap_or(&line).trim_end().to_owned())
        .collect();
    lines.join("\n").trim().to_owned()
}

fn tokens(stream: TokenStream, out: &mut String) {
    // An arrow arrives as `-` and `>`; the `>` of it must not lose its spaces.
    let mut arrow = false;
    for tree in stream {
        match tree {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::None => ("", ""),
                };
                out.push_str(open);
                tokens(group.stream(), out);
                out.truncate(out.trim_end().len());
                out.push_str(close);
            }
            TokenTree::Punct(punct) => match punct.as_char() {
                '-' if punct.spacing() == Spacing::Joint => {
                    out.truncate(out.trim_end().len());
                    out.push_str(" -");
                    arrow = true;
                }
                '>' if arrow => {
                    out.push_str("> ");
                    arrow = false;
                }
                ',' => out.push_str(", "),
                ';' => out.push_str("; "),
                '+' => out.push_str(" + "),
                '=' => out.push_str(" = "),
                other => out.push(other),
            },
            word => {
                if out.ends_with(|last: char| last.is_alphanumeric() || last == '_') {
                    out.push(' ');
                }
                out.push_str(&word.to_string());
            }
        }
    }
}
