use duologue::prelude::*;

#[service]
pub trait Shelf {
    fn copy(&self) -> Self;
}

fn main() {}
