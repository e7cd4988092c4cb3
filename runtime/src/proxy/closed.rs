//! How a wait for the end of an object ends.

use std::fmt;
use std::sync::Arc;

/// Why an object can no longer be called: what `closed()` of a proxy gives.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Closed {
    /// The object is no more: it was revoked, or it failed, or its time was over. Why.
    Gone(String),
    /// The connection to its node has ended. Why.
    Disconnected(String),
    /// Nobody in this process holds it any more: what a weak proxy sees. It may live on at its own node.
    LetGo,
}

impl Closed {
    pub(crate) fn gone(reason: impl AsRef<str>) -> Closed {
        match reason.as_ref() {
            LET_GO => Closed::LetGo,
            reason => Closed::Gone(reason.to_owned()),
        }
    }

    /// An import has ended, with `gone` as the reason that the peer gave, or its connection, with `ended` as the reason.
    pub(super) fn of_import(gone: Option<&Arc<str>>, ended: Option<Arc<str>>) -> Closed {
        match (gone, ended) {
            (Some(reason), _) => Closed::Gone(reason.to_string()),
            (None, Some(ended)) => Closed::Disconnected(ended.to_string()),
            (None, None) => Closed::LetGo,
        }
    }
}

/// The reason of an object that ends because it is held no more.
pub(crate) const LET_GO: &str = "nobody holds it any more";

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Closed::Gone(reason) => write!(f, "the object is gone: {reason}"),
            Closed::Disconnected(reason) => write!(f, "disconnected: {reason}"),
            Closed::LetGo => f.write_str(LET_GO),
        }
    }
}
