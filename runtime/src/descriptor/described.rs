//! How an object or a call refers to its interface, whether that is a constant or not.

use std::ops::Deref;
use std::sync::Arc;

use super::Descriptor;

/// An interface as objects and calls refer to it: a constant of this program, or one that is known only at run time.
#[derive(Clone)]
pub(crate) enum Described {
    Fixed(&'static Descriptor),
    Shared(Arc<Descriptor>),
}

impl Deref for Described {
    type Target = Descriptor;

    fn deref(&self) -> &Descriptor {
        match self {
            Described::Fixed(descriptor) => descriptor,
            Described::Shared(descriptor) => descriptor,
        }
    }
}

impl From<&'static Descriptor> for Described {
    fn from(descriptor: &'static Descriptor) -> Described {
        Described::Fixed(descriptor)
    }
}

impl From<Descriptor> for Described {
    fn from(descriptor: Descriptor) -> Described {
        Described::Shared(Arc::new(descriptor))
    }
}

impl std::fmt::Debug for Described {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)
    }
}
