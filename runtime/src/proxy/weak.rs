//! A handle that does not keep its object alive. It makes no calls: it is upgraded for that, if the object is still there.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Weak};

use super::{Closed, Handle, Identity, Import, ImportKey, Lazy, Target};
use crate::connection::Shared;
use crate::object::Fate;

/// What every weak proxy holds.
#[derive(Clone)]
pub struct WeakHandle(WeakTarget);

#[derive(Clone)]
enum WeakTarget {
    Local(Arc<Fate>),
    /// Until it is started there is nothing else that could be held.
    Lazy(Weak<Lazy>, Arc<Fate>),
    /// The connection's allocation is kept, so that no other has its address; its contents are not.
    Remote {
        shared: Weak<Shared>,
        import: Weak<Import>,
        key: ImportKey,
    },
    Dead,
}

impl WeakHandle {
    pub(super) fn new(handle: &Handle) -> WeakHandle {
        WeakHandle(match handle.target() {
            Target::Local(object) => WeakTarget::Local(object.fate().clone()),
            Target::Lazy(lazy) => WeakTarget::Lazy(Arc::downgrade(lazy), lazy.fate().clone()),
            Target::Remote(import) => WeakTarget::Remote {
                shared: Arc::downgrade(import.shared()),
                import: Arc::downgrade(import),
                key: import.key(),
            },
            Target::Dead | Target::Stream(_) => WeakTarget::Dead,
        })
    }

    /// A handle that keeps the object alive; `None` if nobody holds it any more, or it is known to be gone.
    pub fn upgrade(&self) -> Option<Handle> {
        match &self.0 {
            WeakTarget::Local(fate) => fate.object().map(Handle::local),
            WeakTarget::Lazy(_, fate) if fate.reason().is_some() => None,
            WeakTarget::Lazy(lazy, fate) => match lazy.upgrade() {
                Some(lazy) => Some(Handle(Target::Lazy(lazy))),
                None => fate.object().map(Handle::local),
            },
            WeakTarget::Remote { import, .. } => {
                import.upgrade().filter(|import| !import.is_over()).map(Handle::remote)
            }
            WeakTarget::Dead => None,
        }
    }

    /// Waits until the object is gone, its connection has ended, or nobody in this process holds it any more.
    pub async fn closed(&self) -> Closed {
        match &self.0 {
            WeakTarget::Local(fate) | WeakTarget::Lazy(_, fate) => Closed::gone(fate.ended().await),
            WeakTarget::Remote { shared, import, key } => {
                let Some(shared) = shared.upgrade() else {
                    return Closed::Disconnected("the connection has ended".to_owned());
                };
                let ended = shared.import_ended(*key).await;
                Closed::of_import(import.upgrade().as_ref().and_then(|i| i.gone()), ended)
            }
            WeakTarget::Dead => Closed::gone("it was gone when it arrived"),
        }
    }

    fn identity(&self) -> Identity {
        match &self.0 {
            WeakTarget::Local(fate) | WeakTarget::Lazy(_, fate) => Identity::here(fate.key()),
            WeakTarget::Remote { shared, key, .. } => Identity::at(shared.as_ptr(), *key),
            WeakTarget::Dead => Identity::DEAD,
        }
    }
}

impl PartialEq for WeakHandle {
    fn eq(&self, other: &WeakHandle) -> bool {
        self.identity() == other.identity()
    }
}

impl Eq for WeakHandle {}

impl Hash for WeakHandle {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.identity().hash(state);
    }
}

impl fmt::Debug for WeakHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            WeakTarget::Local(fate) | WeakTarget::Lazy(_, fate) => write!(f, "local #{}", fate.key()),
            WeakTarget::Remote { key, .. } => write!(f, "remote #{}", key.id.0),
            WeakTarget::Dead => f.write_str("gone"),
        }
    }
}
