//! What goes wrong when an attribute is read or written by name.

use super::Value;
use crate::error::{AppError, CallError};

/// Why an attribute was not read or written.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AttributeError {
    /// The object has no attribute of this name. Nothing ran; the link is usable.
    #[error("no attribute `{0}`")]
    NoSuchAttribute(String),
    /// It can only be read: the service has no `#[set]` method for it. Nothing ran; the link is usable.
    #[error("attribute `{0}` is write-protected")]
    WriteProtected(String),
    /// It can only be written: the service has no `#[get]` method for it. Nothing ran; the link is usable.
    #[error("attribute `{0}` cannot be read")]
    WriteOnly(String),
    /// The call of its method failed, which says whether it ran.
    #[error(transparent)]
    Call(#[from] CallError<Value>),
}

impl AttributeError {
    /// True if not one line of the remote code ran.
    pub fn never_ran(&self) -> bool {
        match self {
            AttributeError::Call(error) => error.never_ran(),
            _ => true,
        }
    }
}

impl From<AttributeError> for CallError {
    fn from(error: AttributeError) -> CallError {
        match error {
            AttributeError::Call(error) => error.into(),
            other => CallError::NoSuchMethod(other.to_string()),
        }
    }
}

impl<E: AppError> From<AttributeError> for CallError<E> {
    fn from(error: AttributeError) -> CallError<E> {
        let plain: CallError = error.into();
        plain.into()
    }
}
