//! Why a call of a load gave nothing to count, and what that means for the load.

use std::fmt::{Debug, Display};

use duologue::prelude::*;
use duologue::{CallError, OpenError};

/// Why a call gave nothing to count.
#[derive(Debug)]
pub(super) enum Fault {
    /// The connection is gone, and with it the load.
    Lost(String),
    /// This call failed.
    Failed(String),
    /// The answer is not the right one: there is no sense in going on.
    Wrong(String),
}

impl<E: Display> From<CallError<E>> for Fault {
    fn from(error: CallError<E>) -> Fault {
        match error {
            CallError::Disconnected { reason, .. } => Fault::Lost(reason),
            other => Fault::Failed(other.to_string()),
        }
    }
}

impl<E: Display + Debug> From<StreamError<E>> for Fault {
    fn from(error: StreamError<E>) -> Fault {
        match error {
            StreamError::Disconnected(reason) => Fault::Lost(reason),
            other => Fault::Failed(other.to_string()),
        }
    }
}

impl From<OpenError> for Fault {
    fn from(error: OpenError) -> Fault {
        match error {
            OpenError::Call(error) => error.into(),
            other => Fault::Wrong(other.to_string()),
        }
    }
}
