use duologue::prelude::*;

#[service]
pub trait Shelf {
    fn on_connect(&mut self, connection: &Connection);
    fn on_disconnect(&mut self, connection: &Connection);
}

fn main() {}
