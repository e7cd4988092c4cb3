//! Something that is not the same in two runs.

use std::fmt;

/// What it is, and how it was and is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Difference {
    /// What it is.
    pub what: &'static str,
    /// In the earlier run.
    pub before: String,
    /// In this one.
    pub now: String,
}

impl Difference {
    /// `None` if both are the same.
    pub(crate) fn new(what: &'static str, before: String, now: String) -> Option<Difference> {
        (before != now).then_some(Difference { what, before, now })
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} → {}", self.what, self.before, self.now)
    }
}
