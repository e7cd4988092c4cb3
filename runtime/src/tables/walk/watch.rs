//! Who wants to be told that an object is gone, and sleeps until then.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;

use super::book::Book;
use super::flow::Bell;
use crate::proxy::{Handle, ImportKey, Target};
use crate::tables::Tables;

/// One wait for `closed()`; it holds the reference.
pub(super) struct Watch {
    closed: Pin<Box<dyn Future<Output = ()>>>,
    bell: Arc<Bell>,
    told: bool,
    remote: bool,
    /// Of a remote reference.
    import: Option<ImportKey>,
    /// The object; `None` if it was gone before.
    key: Option<u64>,
}

impl Watch {
    /// `key` names the object of a remote reference.
    pub(super) fn new(handle: Handle, key: Option<u64>) -> Watch {
        let (remote, key) = match handle.target() {
            Target::Remote(_) => (true, key),
            Target::Local(object) => (false, Some(object.key())),
            Target::Lazy(_) | Target::Dead | Target::Stream(_) => (false, None),
        };
        let import = match handle.target() {
            Target::Remote(import) => Some(import.key()),
            _ => None,
        };
        let closed = Box::pin(async move {
            handle.closed().await;
        });
        let mut watch = Watch { closed, bell: Arc::default(), told: false, remote, import, key };
        watch.poll();
        watch
    }

    fn poll(&mut self) {
        let bell = self.bell.silent();
        self.told = self.closed.as_mut().poll(&mut Context::from_waker(&bell)).is_ready();
    }

    /// Whoever waits for the end of an import is woken when it ends, and not by what happens to end later.
    pub(super) fn check_now(&self, tables: &Tables) {
        let sleeps = !self.told && !self.bell.was_rung();
        let ended = self.import.is_some_and(|import| !tables.imports.is_current(import));
        assert!(!(sleeps && ended), "I6: a watcher of {:?} sleeps on, and its import has ended", self.key);
    }

    /// Once all under way has arrived, exactly the watchers of what is gone have been told, without asking.
    pub(super) fn check(&mut self, book: &Book, ended: bool) {
        if !self.told && self.bell.was_rung() {
            self.poll();
        }
        let gone = ended && self.remote || self.key.is_none_or(|key| book.is_dead(key));
        assert_eq!(self.told, gone, "I6: a watcher of {:?} is told (left) that it is gone (right)", self.key);
    }
}
