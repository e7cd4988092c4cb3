use duologue::prelude::*;

#[service]
pub trait Shelf {
    fn names(&self, each: Callback<fn(String) -> bool>);
}

fn calls(shelf: ShelfProxy) {
    let _ = shelf.names(|_: u8| true);
    let _ = shelf.names(|_: String| 7);
    let _ = shelf.names(|| true);
}

fn main() {}
