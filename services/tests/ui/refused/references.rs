use duologue::prelude::*;

#[service]
pub trait Shelf {
    fn find(&self, name: Option<&str>);
    fn first(&self) -> &str;
    fn fixed(&self, name: &'static str);
}

fn main() {}
