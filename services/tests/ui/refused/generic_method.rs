use duologue::prelude::*;

#[service]
pub trait Shelf {
    fn put<T>(&self, value: T) where T: Copy;
    fn look<'a>(&'a self, name: &'a str);
}

fn main() {}
