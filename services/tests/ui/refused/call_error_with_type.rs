use duologue::prelude::*;

#[service]
pub trait Shelf {
    fn copy(&self) -> Result<u8, CallError<String>>;
}

fn main() {}
