use duologue::prelude::*;

#[service(stay = true)]
pub trait Shelf {}

#[service(stay, stay)]
pub trait Board {}

struct Rack;

#[service(stay)]
impl Shelf for Rack {}

fn main() {}
