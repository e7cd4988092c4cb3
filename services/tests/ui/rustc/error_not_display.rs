use duologue::prelude::*;

#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Full;

#[service]
pub trait Shelf {
    fn put(&self) -> Result<(), Full>;
}

fn main() {}
