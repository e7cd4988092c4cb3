use duologue::prelude::*;

#[service(lane = "shared")]
pub trait Shelf {}

#[service(lane = 7)]
pub trait Board {}

fn main() {}
