//! What tests wait for instead of sleeping: words that handlers tell, and gates that hold handlers until the test opens them.
//!
//! Nothing here is bounded in time by itself: [`crate::nodes::run`] bounds the whole test.

use std::fmt::Debug;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;

/// The two ends of a story: what handlers tell, the test hears.
pub fn events<T>() -> (Tell<T>, Heard<T>) {
    let (tell, heard) = unbounded_channel();
    (Tell(tell), Heard(heard))
}

/// The handlers' end.
#[derive(Debug)]
pub struct Tell<T>(UnboundedSender<T>);

impl<T> Clone for Tell<T> {
    fn clone(&self) -> Tell<T> {
        Tell(self.0.clone())
    }
}

impl<T> Tell<T> {
    /// Tells something; nobody may be listening any more.
    pub fn tell(&self, what: T) {
        let _ = self.0.send(what);
    }

    /// Something that tells `what` when it is dropped.
    pub fn on_drop(&self, what: T) -> Bell<T> {
        Bell { tell: self.clone(), what: Some(what) }
    }
}

/// Tells when it is dropped.
#[derive(Debug)]
pub struct Bell<T> {
    tell: Tell<T>,
    what: Option<T>,
}

impl<T> Drop for Bell<T> {
    fn drop(&mut self) {
        self.tell.0.send(self.what.take().expect("it rings once")).unwrap_or_default();
    }
}

/// The test's end.
#[derive(Debug)]
pub struct Heard<T>(UnboundedReceiver<T>);

impl<T: Debug> Heard<T> {
    /// The next that is told.
    ///
    /// # Panics
    /// If nobody is left who could tell anything.
    pub async fn next(&mut self) -> T {
        self.0.recv().await.expect("somebody is left who can tell something")
    }

    /// The next `count` that are told.
    pub async fn take(&mut self, count: usize) -> Vec<T> {
        let mut all = Vec::with_capacity(count);
        for _ in 0..count {
            all.push(self.next().await);
        }
        all
    }

    /// What was told and not heard yet, without waiting.
    pub fn so_far(&mut self) -> Vec<T> {
        std::iter::from_fn(|| self.0.try_recv().ok()).collect()
    }

    /// Waits until nobody is left who could tell anything; what was told until then.
    pub async fn to_the_end(&mut self) -> Vec<T> {
        let mut all = Vec::new();
        while let Some(told) = self.0.recv().await {
            all.push(told);
        }
        all
    }
}

/// Holds handlers until the test lets them pass, one by one or all.
#[derive(Clone, Debug)]
pub struct Gate(Arc<Door>);

#[derive(Debug)]
struct Door {
    permits: Semaphore,
    came: watch::Sender<usize>,
}

impl Default for Gate {
    fn default() -> Gate {
        Gate::new()
    }
}

impl Gate {
    /// A closed gate.
    pub fn new() -> Gate {
        Gate(Arc::new(Door { permits: Semaphore::new(0), came: watch::Sender::new(0) }))
    }

    /// Waits to be let through.
    pub async fn pass(&self) {
        self.0.came.send_modify(|came| *came += 1);
        if let Ok(permit) = self.0.permits.acquire().await {
            permit.forget();
        }
    }

    /// Waits until `count` have come to the gate, those it let through included.
    pub async fn until_came(&self, count: usize) {
        let mut came = self.0.came.subscribe();
        came.wait_for(|came| *came >= count).await.expect("the gate is still there");
    }

    /// Lets the next one through.
    pub fn let_one_pass(&self) {
        self.0.permits.add_permits(1);
    }

    /// Lets everybody through from now on.
    pub fn open(&self) {
        self.0.permits.close();
    }
}
