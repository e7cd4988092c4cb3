//! A proxy that does not keep its object alive: [`WeakProxy`]. It makes no calls, and it does not travel.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;

use runtime::Closed;
use runtime::private::{Proxy, WeakHandle};

use crate::ProxyExt;

/// A proxy that does not keep its object alive; [`downgrade`](ProxyExt::downgrade) makes one.
///
/// Equality and hash are by identity, as of proxies: two weak proxies of one object are equal, whatever became of it. It cannot be
/// serialized, since what arrives must be held by somebody: upgrade it and send that.
///
/// ```
/// # #[tokio::main]
/// # async fn main() {
/// use duologue::prelude::*;
/// use duologue::{Closed, WeakProxy};
///
/// let tick: Callback<fn(u64) -> u64> = Callback::new(|n: u64| n + 1);
/// let weak: WeakProxy<Callback<fn(u64) -> u64>> = tick.downgrade();
/// assert_eq!(weak.upgrade().unwrap().call(1).await.unwrap(), 2);
/// drop(tick);
/// assert_eq!(weak.upgrade(), None);
/// assert_eq!(weak.closed().await, Closed::LetGo);
/// # }
/// ```
pub struct WeakProxy<P> {
    handle: WeakHandle,
    proxy: PhantomData<fn() -> P>,
}

impl<P: Proxy> WeakProxy<P> {
    pub(crate) fn new(proxy: &P) -> WeakProxy<P> {
        WeakProxy { handle: proxy.handle().downgrade(), proxy: PhantomData }
    }

    /// The proxy again; `None` if nobody in this process holds the object any more, or if it is known to be gone.
    pub fn upgrade(&self) -> Option<P> {
        self.handle.upgrade().map(P::from_handle)
    }

    /// Waits until the object is gone, its connection has ended, or nobody in this process holds it any more; which of them, and why.
    pub fn closed(&self) -> impl Future<Output = Closed> + Send {
        self.handle.closed()
    }
}

impl<P: Proxy> From<&P> for WeakProxy<P> {
    fn from(proxy: &P) -> WeakProxy<P> {
        proxy.downgrade()
    }
}

impl<P> Clone for WeakProxy<P> {
    fn clone(&self) -> WeakProxy<P> {
        WeakProxy { handle: self.handle.clone(), proxy: PhantomData }
    }
}

impl<P> PartialEq for WeakProxy<P> {
    fn eq(&self, other: &WeakProxy<P>) -> bool {
        self.handle == other.handle
    }
}

impl<P> Eq for WeakProxy<P> {}

impl<P> Hash for WeakProxy<P> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.handle.hash(state);
    }
}

impl<P> fmt::Debug for WeakProxy<P> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_tuple("WeakProxy").field(&self.handle).finish()
    }
}
