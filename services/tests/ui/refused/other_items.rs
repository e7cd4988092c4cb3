use duologue::prelude::*;

#[service]
struct Shelf;

#[service]
fn shelf() {}

struct Board;

#[service]
impl Board {
    fn new() -> Self {
        Self
    }
}

fn main() {}
