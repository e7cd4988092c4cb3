use duologue::prelude::*;

#[service]
pub trait Shelf {
    fn names(&self, each: Callback<fn(&str)>);
    fn nested(&self, each: Vec<Callback<fn(Vec<&str>) -> &u8>>);
    fn nine(&self, each: Callback<fn(u8, u8, u8, u8, u8, u8, u8, u8, u8)>);
}

fn main() {}
