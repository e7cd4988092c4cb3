use duologue::prelude::*;

#[service]
pub trait Shelf {
    fn put(&self, (a, b): (u8, u8));
    fn ignored(&self, _: u8);
}

fn main() {}
