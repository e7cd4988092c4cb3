//! One thread of a node, as something that takes work: connections and objects live there.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::thread::ThreadId;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use super::spin::{Spin, spin};
use crate::tables::Crossings;

/// A thread of a node. It runs its jobs in order, on a current-thread runtime with a `LocalSet`.
#[derive(Clone)]
pub struct Worker(Arc<Inner>);

struct Inner {
    crossings: Arc<Mutex<Crossings>>,
    jobs: mpsc::UnboundedSender<Job>,
    thread: ThreadId,
    load: AtomicUsize,
    /// Calls that may wait for one object that lives here.
    object_queue_max: AtomicUsize,
    spin: Arc<Spin>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.spin.end();
    }
}

type Job = Box<dyn FnOnce() + Send>;
type LocalJob = Box<dyn FnOnce()>;

thread_local! {
    static CURRENT: RefCell<Option<Weak<Inner>>> = const { RefCell::new(None) };
    static LOCAL: RefCell<Option<mpsc::UnboundedSender<LocalJob>>> = const { RefCell::new(None) };
}

impl PartialEq for Worker {
    fn eq(&self, other: &Worker) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Worker({:?}, {} connections)", self.0.thread, self.load())
    }
}

impl Worker {
    /// Makes this thread a worker; its jobs run until all its handles are gone. Needs a `LocalSet`.
    pub(crate) fn here() -> Worker {
        Worker::beside(Arc::default())
    }

    /// The same for a further thread of a node: what the first one gave as [`Worker::crossings`].
    pub(crate) fn beside(crossings: Arc<Mutex<Crossings>>) -> Worker {
        let (jobs, mut queue) = mpsc::unbounded_channel::<Job>();
        let (local, mut local_queue) = mpsc::unbounded_channel::<LocalJob>();
        let thread = std::thread::current().id();
        let worker = Worker(Arc::new(Inner {
            crossings,
            jobs,
            thread,
            load: AtomicUsize::new(0),
            object_queue_max: AtomicUsize::new(65_536),
            spin: Arc::default(),
        }));
        CURRENT.set(Some(Arc::downgrade(&worker.0)));
        LOCAL.set(Some(local));
        tokio::task::spawn_local(async move {
            loop {
                let job: LocalJob = tokio::select! {
                    biased;
                    Some(job) = local_queue.recv() => job,
                    job = queue.recv() => match job {
                        Some(job) => job,
                        None => return,
                    },
                };
                if catch_unwind(AssertUnwindSafe(job)).is_err() {
                    tracing::error!("a job of a node's thread panicked");
                }
            }
        });
        worker
    }

    /// The turns of all objects of the node for which calls have waited long.
    pub(crate) fn crossings(&self) -> Arc<Mutex<Crossings>> {
        self.0.crossings.clone()
    }

    /// The worker of this thread, if it is a node's.
    pub(crate) fn current() -> Option<Worker> {
        CURRENT.with_borrow(|w| w.as_ref()?.upgrade().map(Worker))
    }

    /// Whether this thread is or was one: such a thread has a runtime of its own.
    pub(crate) fn is_here() -> bool {
        CURRENT.with_borrow(Option::is_some)
    }

    /// Whether it still takes jobs.
    pub(crate) fn runs(&self) -> bool {
        !self.0.jobs.is_closed()
    }

    /// Runs a job on the thread, after those before it.
    pub(crate) fn run(&self, job: impl FnOnce() + Send + 'static) {
        // A thread that has ended takes nothing; what the job holds is dropped, which ends whoever waits for it.
        let _ = self.0.jobs.send(Box::new(job));
    }

    /// Runs a job that stays on this very thread, inside its `LocalSet`, which a task made by `tokio::spawn` on this thread is not.
    /// False if the thread is no worker.
    pub(crate) fn run_here(job: impl FnOnce() + 'static) -> bool {
        LOCAL.with_borrow(|local| local.as_ref().is_some_and(|local| local.send(Box::new(job)).is_ok()))
    }

    /// Runs a future on the thread and waits for what it gives; `None` if the thread has ended.
    pub(crate) async fn call<F: Future + 'static>(
        &self,
        make: impl FnOnce() -> F + Send + 'static,
    ) -> Option<F::Output>
    where
        F::Output: Send,
    {
        let (tx, rx) = oneshot::channel();
        self.run(move || {
            let future = make();
            tokio::task::spawn_local(async move {
                let _ = tx.send(future.await);
            });
        });
        rx.await.ok()
    }

    /// See [`crate::Config::object_queue_max`]; for objects that are made from now on.
    pub(crate) fn set_object_queue_max(&self, max: usize) {
        self.0.object_queue_max.store(max.max(1), Ordering::Relaxed);
    }

    pub(crate) fn object_queue_max(&self) -> usize {
        self.0.object_queue_max.load(Ordering::Relaxed)
    }

    /// See [`crate::Config::busy_poll`].
    pub(crate) fn set_busy_poll(&self, length: Duration) {
        if self.0.spin.lengthen(length) {
            let state = self.0.spin.clone();
            self.run(move || drop(tokio::task::spawn_local(spin(state))));
        }
    }

    /// Something has arrived on this thread.
    pub(crate) fn heard(&self) {
        self.0.spin.heard();
    }

    /// Connections that live here.
    pub(crate) fn load(&self) -> usize {
        self.0.load.load(Ordering::Relaxed)
    }

    pub(crate) fn loaded(&self) {
        self.0.load.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn unloaded(&self) {
        self.0.load.fetch_sub(1, Ordering::Relaxed);
    }
}
