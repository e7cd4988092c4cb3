use duologue::prelude::*;

#[service]
pub trait Shelf<T> where T: Copy {
    fn put(&self, value: T);
}

fn main() {}
