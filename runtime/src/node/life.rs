//! How long a node lives: while a handle, a connection or a proxy of it is held; and how its threads end.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{oneshot, watch};

use super::{NodeInner, Worker};

/// Held by everything through which a user holds a node. Its drop ends the node.
pub(crate) struct Life {
    node: Arc<NodeInner>,
    /// Ends the node's own thread, unless it runs on its user's.
    stop: Mutex<Option<oneshot::Sender<()>>>,
    ended: Option<watch::Receiver<()>>,
}

pub(crate) struct Thread {
    /// Sending ends the thread's system.
    pub(crate) stop: oneshot::Sender<()>,
    /// Closed when the thread has ended.
    pub(crate) ended: watch::Receiver<()>,
}

/// How long the farewells of an abandoned node may take.
const FAREWELL: Duration = Duration::from_millis(300);

impl Life {
    pub(crate) fn new(node: Arc<NodeInner>, thread: Option<Thread>) -> Arc<Life> {
        let (stop, ended) = thread.map(|t| (t.stop, t.ended)).unzip();
        Arc::new(Life { node, stop: Mutex::new(stop), ended })
    }

    /// Closes the endpoints and ends the threads. Runs on a thread of the node.
    pub(crate) async fn stop(&self) {
        close_endpoints(&self.node, FAREWELL).await;
        self.node.down.send_replace(true);
        if let Some(stop) = self.stop.lock().take() {
            let _ = stop.send(());
        }
    }

    /// Waits until the node's own threads have ended.
    pub(crate) async fn ended(&self) {
        if let Some(mut ended) = self.ended.clone() {
            while ended.changed().await.is_ok() {}
        }
    }
}

/// Closes every endpoint, gives the last packets a moment to leave, and gives its port back.
async fn close_endpoints(node: &NodeInner, moment: Duration) {
    let endpoints = node.take_endpoints();
    for endpoint in &endpoints {
        endpoint.close(0, "");
    }
    for endpoint in endpoints {
        let _ = tokio::time::timeout(moment, endpoint.wait_idle()).await;
        // What remains is on threads of the node, and ends with them.
        endpoint.release(moment).await;
    }
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
        let stop = self.stop.lock().take();
        let on_own_thread = Worker::current().is_some();
        let (said, farewell) = std::sync::mpsc::channel::<()>();
        self.node.workers[0].run(move || {
            tokio::task::spawn_local(async move {
                node.close_all("").await;
                close_endpoints(&node, Duration::from_millis(20)).await;
                drop(said);
                if let Some(stop) = stop {
                    let _ = stop.send(());
                }
            });
        });
        if !on_own_thread {
            let _ = farewell.recv_timeout(FAREWELL);
        }
    }
}
