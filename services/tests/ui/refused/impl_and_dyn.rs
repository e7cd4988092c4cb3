use duologue::prelude::*;

#[service]
pub trait Shelf {
    fn put(&self, name: impl Into<String>);
    fn all(&self, names: Box<dyn Iterator<Item = String>>);
    fn each(&self) -> impl Iterator<Item = String>;
    fn run(&self, f: fn(u64) -> bool);
}

fn main() {}
