use duologue::prelude::*;

#[service]
pub trait Shelf {
    #[get]
    fn a(&mut self) -> u8;
    #[get]
    fn b(&self);
    #[get]
    fn c(&self) -> Result<(), String>;
    #[set]
    fn d(&mut self, value: u8) -> u8;
    #[set]
    fn e(&mut self, value: u8) -> Result<u8, String>;
    #[set]
    fn f(&mut self, value: u8, more: u8);
    #[set]
    fn g(&mut self, value: u8);
    #[set]
    fn set_g(&mut self, value: u8);
    fn h(&self) -> u8;
    #[set]
    fn set_h(&mut self, value: u8);
    #[get]
    #[set]
    fn i(&self) -> u8;
}

fn main() {}
