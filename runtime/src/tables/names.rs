//! A peer's own list of method names: what its numbers mean where its version of an interface is another one.
//!
//! Where the object is, a number is looked up by its name. A call that is passed on keeps its number, and takes the list
//! along: nobody here needs to have the interface.

use std::sync::{Arc, OnceLock};

use super::naming::weight_of;
use crate::descriptor::{Described, Descriptor, Method, fingerprint};

/// The method names of an interface in the order of the peer's numbers.
#[derive(Debug)]
pub(crate) struct Numbering {
    pub(crate) fingerprint: u64,
    names: Vec<String>,
    /// Bytes that are kept for it, roughly and at most.
    pub(super) weight: usize,
    interface: OnceLock<Described>,
}

impl Numbering {
    pub(crate) fn new(names: Vec<String>) -> Arc<Numbering> {
        let list: Vec<&str> = names.iter().map(String::as_str).collect();
        let (fingerprint, weight) = (fingerprint(&list), weight_of(list.into_iter()));
        Arc::new(Numbering { fingerprint, names, weight, interface: OnceLock::new() })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The peer's number of a method as a number of `interface`, or the name that it lacks.
    pub(crate) fn number_in(&self, interface: &Descriptor, number: u16) -> Result<u16, String> {
        match self.names.get(usize::from(number)) {
            Some(name) => interface.number_of(name).ok_or_else(|| format!("{}::{name}", interface.name)),
            None => Err(format!("{}::#{number}", interface.name)),
        }
    }

    /// As an interface of which nothing else is known: that of calls that are passed on.
    pub(crate) fn interface(&self) -> &Described {
        self.interface.get_or_init(|| {
            let nameless = Descriptor::new("an interface of another node");
            self.names.iter().fold(nameless, |all, name| all.with_method(Method::new(name.clone()))).into()
        })
    }
}
