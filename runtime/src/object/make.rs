//! How the value of an object comes into being: once, or again after it has failed.

use std::fmt;
use std::sync::Arc;

use super::restart::Restart;

/// Makes the value of an object on the thread where it will live.
pub struct Make<S> {
    pub(crate) first: Box<dyn FnOnce() -> S + Send>,
    pub(crate) again: Option<Again<S>>,
}

/// How a value is made anew, and how often.
pub(crate) struct Again<S> {
    pub(crate) make: Arc<dyn Fn() -> S + Send + Sync>,
    pub(crate) restart: Restart,
}

impl<S: 'static> Make<S> {
    /// A value that nothing replaces.
    pub fn once(make: impl FnOnce() -> S + Send + 'static) -> Make<S> {
        Make { first: Box::new(make), again: None }
    }

    /// A value that is made anew within a budget.
    pub(crate) fn again(make: impl Fn() -> S + Send + Sync + 'static, restart: Restart) -> Make<S> {
        let make = Arc::new(make);
        let first = make.clone();
        let again = (restart.max > 0).then(|| Again { make: make as _, restart });
        Make { first: Box::new(move || first()), again }
    }
}

impl<S> fmt::Debug for Make<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Make(again: {})", self.again.is_some())
    }
}
