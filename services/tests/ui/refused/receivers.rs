use duologue::prelude::*;

#[service]
pub trait Shelf {
    fn burn(self);
    fn keep(self: Box<Self>);
    fn new(length: usize) -> u8;
}

fn main() {}
