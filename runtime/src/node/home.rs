//! The thread of no node: closures that are called before they were handed to anybody, from a thread that is no node's, live on it.
//!
//! It is started when it is first needed and stays until the process ends, so that such a closure depends on no node's life.

use std::sync::OnceLock;
use std::sync::mpsc;

use super::Worker;

impl Worker {
    /// The worker of this thread if it is a node's, else that of the process.
    pub(crate) fn current_or_home() -> Option<Worker> {
        Worker::current().or_else(Worker::home)
    }

    /// The worker of the process; `None` if the system gives no thread.
    pub(crate) fn home() -> Option<Worker> {
        static HOME: OnceLock<Option<Worker>> = OnceLock::new();
        HOME.get_or_init(start).clone()
    }
}

fn start() -> Option<Worker> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    let (started, worker) = mpsc::channel();
    let thread = std::thread::Builder::new().name("duologue-home".to_owned());
    let spawned = thread.spawn(move || {
        tokio::task::LocalSet::new().block_on(&runtime, async move {
            let _ = started.send(Worker::here());
            std::future::pending::<()>().await;
        });
    });
    spawned.ok()?;
    worker.recv().ok()
}
