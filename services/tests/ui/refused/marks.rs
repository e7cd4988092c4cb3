use duologue::prelude::*;

#[service]
pub trait Shelf {
    #[cancel]
    #[no_cancel]
    fn a(&self);
    #[get]
    #[set]
    fn b(&self);
    #[get]
    fn c(&self, value: u8);
    #[set]
    fn d(&self);
    #[idempotent(true)]
    fn e(&self);
    #[cfg(unix)]
    fn f(&self);
    fn g(&self, #[serde(rename = "x")] y: u8);
}

fn main() {}
