use duologue::prelude::*;

#[service]
pub trait Shelf {
    fn sort(&self, books: &mut Vec<String>);
}

fn main() {}
