use duologue::prelude::*;

#[service]
pub trait Shelf {
    fn len(&self) -> u64;
}

struct Board;

impl Shelf for Board {
    fn len(&self) -> u64 {
        0
    }
}

fn serve() {
    let _ = Node::builder().serve(|| Board);
}

fn main() {}
