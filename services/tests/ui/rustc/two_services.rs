use duologue::prelude::*;

#[service]
pub trait Shelf {}

#[service]
pub trait Rack {}

struct Board;

#[service]
impl Shelf for Board {}

#[service]
impl Rack for Board {}

fn serve() {
    let _ = Node::builder().serve(|| Board);
}

fn main() {}
