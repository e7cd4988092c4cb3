//! How long a node lives: while a handle, a connection or a proxy of it is held; and how its threads end.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::{NodeInner, Worker};

/// Held by everything through which a user holds a node. Its drop ends the node.
pub(crate) struct Life {
    node: Arc<NodeInner>,
    /// The node's own thread, unless it runs on its user's.
    thread: Mutex<Option<Thread>>,
}

pub(crate) struct Thread {
    /// Sending ends the thread's system; receiving tells that it has ended.
    pub(crate) stop: oneshot::Sender<()>,
    pub(crate) ended: oneshot::Receiver<()>,
}

/// How long the farewells of an abandoned node may take.
const FAREWELL: Duration = Duration::from_millis(300);

impl Life {
    pub(crate) fn new(node: Arc<NodeInner>, thread: Option<Thread>) -> Arc<Life> {
        Arc::new(Life { node, thread: Mutex::new(thread) })
    }

    /// Closes the endpoints and ends the threads; waits for it.
    pub(crate) async fn stop(&self) {
        close_endpoints(&self.node).await;
        self.node.down.send_replace(true);
        let thread = self.thread.lock().take();
        if let Some(thread) = thread {
            let _ = thread.stop.send(());
            let _ = thread.ended.await;
        }
    }
}

/// Closes every endpoint on a thread of the node and gives the last packets a moment to leave.
async fn close_endpoints(node: &Arc<NodeInner>) {
    let inner = node.clone();
    let first = node.workers[0].clone();
    first
        .call(move || async move {
            let endpoints = inner.endpoints();
            inner.dialers.lock().clear();
            for endpoint in &endpoints {
                endpoint.close(0, "");
            }
            for endpoint in endpoints {
                let _ = tokio::time::timeout(FAREWELL, endpoint.wait_idle()).await;
            }
        })
        .await;
}

impl Drop for Life {
    /// The node is abandoned: its peers are told, then its threads end. Waits a moment for it, unless on a thread of the node itself,
    /// so that the farewell leaves even when the process ends next.
    fn drop(&mut self) {
        if *self.node.down.borrow() {
            return;
        }
        self.node.draining.store(true, std::sync::atomic::Ordering::Relaxed);
        self.node.down.send_replace(true);
        let node = self.node.clone();
        let thread = self.thread.lock().take();
        let on_own_thread = Worker::current().is_some();
        let (said, farewell) = std::sync::mpsc::channel::<()>();
        self.node.workers[0].run(move || {
            tokio::task::spawn_local(async move {
                node.close_all("").await;
                close_here(&node).await;
                drop(said);
                if let Some(thread) = thread {
                    let _ = thread.stop.send(());
                }
            });
        });
        if !on_own_thread {
            let _ = farewell.recv_timeout(FAREWELL);
        }
    }
}

/// As `close_endpoints`, from a task of the node's own thread; waits only until the packets can have left.
async fn close_here(node: &Arc<NodeInner>) {
    let endpoints = node.endpoints();
    node.dialers.lock().clear();
    for endpoint in &endpoints {
        endpoint.close(0, "");
    }
    for endpoint in endpoints {
        let _ = tokio::time::timeout(Duration::from_millis(20), endpoint.wait_idle()).await;
    }
}
