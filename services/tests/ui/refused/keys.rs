use duologue::prelude::*;

#[service(title = "Shelf")]
pub trait A {}

#[service(aliases = [shelf])]
pub trait B {}

#[service(aliases = "shelf")]
pub trait C {}

#[service(name = 7)]
pub trait D {}

#[service(version = "one")]
pub trait E {}

#[service(name = "a", name = "b")]
pub trait F {}

#[service(name = "")]
pub trait G {}

#[service]
pub trait Shelf {}

struct Board;

#[service(name = "Shelf")]
impl Shelf for Board {}

fn main() {}
