use duologue::prelude::*;

#[service]
pub trait Shelf {
    type Book;
    const LENGTH: usize;
    fn len(&self) -> usize;
}

fn main() {}
