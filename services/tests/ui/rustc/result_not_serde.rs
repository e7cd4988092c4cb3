use duologue::prelude::*;

struct Book;

#[service]
pub trait Shelf {
    fn first(&self) -> Book;
}

fn main() {}
