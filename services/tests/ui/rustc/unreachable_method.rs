use duologue::prelude::*;

#[service]
pub trait Shelf {
    fn len(&self) -> u64;
}

struct Board;

impl Board {
    fn secret(&self) -> u64 {
        7
    }
}

#[service]
impl Shelf for Board {
    fn len(&self) -> u64 {
        self.secret()
    }
}

fn calls(shelf: ShelfProxy) {
    let _ = shelf.secret();
}

fn main() {}
