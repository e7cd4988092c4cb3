use duologue::prelude::*;

struct Book;

#[service]
pub trait Shelf {
    fn put(&self, book: Book);
}

fn main() {}
