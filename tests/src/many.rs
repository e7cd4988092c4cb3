//! A service that makes very many objects and then hands them over, so that what a proxy costs can be told from what its object costs.

use duologue::prelude::*;

/// Makes objects, keeps them, hands them over.
#[service]
pub trait Warehouse {
    /// Makes that many objects and keeps them; how many there are.
    fn fill(&mut self, count: u32) -> u32;
    /// Objects by reference, from the `from`th on.
    fn hand_over(&self, from: u32, count: u32) -> Vec<CrateProxy>;
}

/// One of very many objects.
#[service]
pub trait Crate {
    /// Its number.
    fn number(&self) -> u32;
}

/// Serves [`Warehouse`].
#[derive(Debug, Default)]
pub struct Shelves {
    kept: Vec<CrateProxy>,
}

#[service]
impl Warehouse for Shelves {
    fn fill(&mut self, count: u32) -> u32 {
        let first = self.kept.len() as u32;
        self.kept.extend((first..first + count).map(|n| CrateProxy::local(Numbered(n))));
        self.kept.len() as u32
    }

    fn hand_over(&self, from: u32, count: u32) -> Vec<CrateProxy> {
        self.kept[from as usize..(from + count) as usize].to_vec()
    }
}

struct Numbered(u32);

#[service]
impl Crate for Numbered {
    fn number(&self) -> u32 {
        self.0
    }
}
