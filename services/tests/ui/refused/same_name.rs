use duologue::prelude::*;

#[service]
pub trait Shelf {
    fn put(&self, a: u8);
    fn put(&self, a: u8, b: u8);
}

fn main() {}
