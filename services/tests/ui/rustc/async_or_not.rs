use duologue::prelude::*;

#[service]
pub trait Shelf {
    fn len(&self) -> u64;
    async fn put(&self, name: &str);
}

struct Board;

#[service]
impl Shelf for Board {
    async fn len(&self) -> u64 {
        0
    }
    fn put(&self, _name: &str) {}
}

fn main() {}
