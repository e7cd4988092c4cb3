use duologue::prelude::*;

#[service]
pub trait Shelf {
    unsafe fn a(&self);
    extern "C" fn b(&self);
}

#[service]
pub unsafe trait Board {}

fn main() {}
