use duologue::prelude::*;

#[service]
pub trait Shelf {
    fn len(&self) -> u64;
}

struct Board;

#[service]
impl Shelf for Board {
    fn len(&self) -> u64 {
        0
    }
    async fn on_connect(&mut self, _connection: &Connection) {}
}

fn main() {}
