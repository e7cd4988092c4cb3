use duologue::prelude::*;

#[service]
pub trait Shelf {
    fn flag(&self, value: Option<()>);
    fn maybe(&self) -> Option<Option<u8>>;
    fn fallible(&self) -> Result<Option<()>, String>;
}

fn main() {}
