//! How an object ends, who is to be told, and how long its queue may be.
//!
//! It is there before the object and after it: whoever waits for the end of an object holds its fate, not the object.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use parking_lot::Mutex;
use tokio::sync::watch;

use super::LocalObject;
use super::local::WeakObject;
use crate::connection::Shared;
use crate::proxy::LET_GO;

/// How an object ends, and who is to be told. It is there before the object and after it.
pub struct Fate {
    key: AtomicU64,
    dead: watch::Sender<Option<Arc<str>>>,
    /// Calls that ever took a place in its line, which begins in its mailbox and goes on until they start.
    queued: AtomicUsize,
    /// Of those the ones that have left it. Written on the object's thread alone, so that to leave is a store. It is stored before the
    /// call is answered, and an answer orders it: who has one finds the place free. To others it may seem later; then they are refused.
    left: AtomicUsize,
    queue_max: AtomicUsize,
    told: Mutex<Told>,
    /// Nobody is to wait for calls that are under way.
    revoked: AtomicBool,
    /// Once it has been started.
    object: OnceLock<WeakObject>,
}

/// Who is told that an object has ended.
#[derive(Default)]
struct Told {
    connections: Vec<Weak<Shared>>,
    /// Objects that end with it.
    relays: Vec<Weak<Fate>>,
}

static NEXT_KEY: AtomicU64 = AtomicU64::new(1);

/// A number for an object that no other has.
pub(crate) fn fresh_key() -> u64 {
    NEXT_KEY.fetch_add(1, Ordering::Relaxed)
}

impl Fate {
    pub(crate) fn new() -> Arc<Fate> {
        let (dead, _) = watch::channel(None);
        Arc::new(Fate {
            key: AtomicU64::new(fresh_key()),
            dead,
            queued: AtomicUsize::new(0),
            left: AtomicUsize::new(0),
            queue_max: AtomicUsize::new(usize::MAX),
            told: Mutex::default(),
            revoked: AtomicBool::new(false),
            object: OnceLock::new(),
        })
    }

    /// Its object is there; once, for a fate is one object's.
    pub(super) fn is_of(&self, object: WeakObject) {
        let _ = self.object.set(object);
    }

    /// At most so many calls wait in line; said when the object is started.
    pub(super) fn bound(&self, queue_max: usize) {
        self.queue_max.store(queue_max, Ordering::Relaxed);
    }

    pub(super) fn queue_max(&self) -> usize {
        self.queue_max.load(Ordering::Relaxed)
    }

    /// Takes so many calls in line; how many of them find no place.
    pub(super) fn enqueue(&self, count: usize) -> usize {
        let queued = self.queued.fetch_add(count, Ordering::Relaxed).wrapping_add(count);
        // `left` may count calls that came after these: the difference may be below zero.
        let waiting = (queued.wrapping_sub(self.left.load(Ordering::Relaxed)) as isize).max(0) as usize;
        let beyond = waiting.saturating_sub(self.queue_max()).min(count);
        if beyond > 0 {
            self.queued.fetch_sub(beyond, Ordering::Relaxed);
        }
        beyond
    }

    /// Something takes a place in line that is not refused.
    pub(super) fn queue_one(&self) {
        self.queued.fetch_add(1, Ordering::Relaxed);
    }

    /// A call starts, or gives up waiting. On the object's thread alone.
    pub(super) fn dequeue(&self) {
        let left = self.left.load(Ordering::Relaxed).wrapping_add(1);
        debug_assert!(
            self.queued.load(Ordering::Relaxed).wrapping_sub(left) as isize >= 0,
            "a place in line was given back twice"
        );
        self.left.store(left, Ordering::Relaxed);
    }

    pub(crate) fn key(&self) -> u64 {
        self.key.load(Ordering::Relaxed)
    }

    #[cfg(test)]
    pub(super) fn set_key(&self, key: u64) {
        self.key.store(key, Ordering::Relaxed);
    }

    /// Whether the object has ended.
    pub(super) fn is_settled(&self) -> bool {
        self.dead.borrow().is_some()
    }

    pub(crate) fn reason(&self) -> Option<Arc<str>> {
        self.dead.borrow().clone()
    }

    /// The object, if it was started and has not ended, and if anybody holds it.
    pub(crate) fn object(&self) -> Option<LocalObject> {
        let object = self.object.get()?.upgrade()?;
        (!object.is_dead()).then_some(object)
    }

    /// Waits until the object has ended; why it did.
    pub(crate) async fn ended(&self) -> Arc<str> {
        let mut dead = self.dead.subscribe();
        match dead.wait_for(Option::is_some).await {
            Ok(reason) => reason.clone().unwrap_or_default(),
            Err(_) => "it has ended".into(),
        }
    }

    /// The object has ended; every connection that holds it is told. The first reason counts.
    pub(crate) fn die(&self, reason: &str) {
        let reason: Arc<str> = reason.into();
        if !self.settle(&reason) {
            return;
        }
        let told = std::mem::take(&mut *self.told.lock());
        for shared in told.connections.iter().filter_map(Weak::upgrade) {
            shared.object_died(self.key(), &reason);
        }
        for relay in told.relays.iter().filter_map(Weak::upgrade) {
            relay.die(&reason);
        }
    }

    /// Calls that went through are given up, not only those that come from now on.
    pub(super) fn revoke(&self) {
        self.revoked.store(true, Ordering::Release);
    }

    pub(super) fn is_revoked(&self) -> bool {
        self.revoked.load(Ordering::Acquire)
    }

    /// Nobody holds the object any more, no connection either.
    pub(crate) fn let_go(&self) {
        self.settle(&LET_GO.into());
    }

    /// False if it was settled before.
    fn settle(&self, reason: &Arc<str>) -> bool {
        self.dead.send_if_modified(|dead| {
            let first = dead.is_none();
            dead.get_or_insert_with(|| reason.clone());
            first
        })
    }

    /// A connection holds the object, and is to be told.
    pub(super) fn tells(&self, shared: &Arc<Shared>) {
        let list = &mut self.told.lock().connections;
        if list.iter().any(|s| s.as_ptr() == Arc::as_ptr(shared)) {
            return;
        }
        list.retain(|s| s.strong_count() > 0);
        list.push(Arc::downgrade(shared));
    }

    /// `relay` ends when this does.
    pub(super) fn ends(&self, relay: &Arc<Fate>) {
        let mut told = self.told.lock();
        told.relays.retain(|r| r.strong_count() > 0);
        told.relays.push(Arc::downgrade(relay));
        drop(told);
        if let Some(reason) = self.reason() {
            relay.die(&reason);
        }
    }
}

impl std::fmt::Debug for Fate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Fate(#{}, {:?})", self.key(), self.reason())
    }
}
