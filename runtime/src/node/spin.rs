//! Busy polling: keeps a node's thread awake for a while after something has arrived, so that an answer that comes soon need not wake it.
//!
//! It is a task that yields until that while is over; whatever else is ready runs between. Off unless
//! [`Config::busy_poll`](crate::Config::busy_poll) says otherwise.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::task::yield_now;

/// Whether and how long one thread stays awake.
#[derive(Debug, Default)]
pub(super) struct Spin {
    /// Nanoseconds after the last arrival; 0 while busy polling is off.
    length: AtomicU64,
    heard: AtomicBool,
    /// The task waits to be told of an arrival.
    asleep: AtomicBool,
    arrival: Notify,
    over: AtomicBool,
}

impl Spin {
    /// Stays awake for `length` from now on, or for what was said before if that is longer. True for the first that asks for it: its task
    /// is to be started.
    pub(super) fn lengthen(&self, length: Duration) -> bool {
        let nanos = length.as_nanos().min(u128::from(u64::MAX)) as u64;
        nanos > 0 && self.length.fetch_max(nanos, Ordering::Relaxed) == 0
    }

    /// Something has arrived.
    pub(super) fn heard(&self) {
        if self.length.load(Ordering::Relaxed) == 0 {
            return;
        }
        self.heard.store(true, Ordering::Relaxed);
        if self.asleep.swap(false, Ordering::Relaxed) {
            self.arrival.notify_one();
        }
    }

    /// Ends the task.
    pub(super) fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
        self.arrival.notify_one();
    }

    fn length(&self) -> Duration {
        Duration::from_nanos(self.length.load(Ordering::Relaxed))
    }
}

/// The task of a thread. Reads the time of the machine, also where tokio's stands still.
pub(super) async fn spin(spin: Arc<Spin>) {
    let begin = Instant::now();
    spin_by(spin, || begin.elapsed()).await;
}

async fn spin_by(spin: Arc<Spin>, mut now: impl FnMut() -> Duration) {
    let mut until = Duration::ZERO;
    while !spin.over.load(Ordering::Relaxed) {
        let now = now();
        if spin.heard.swap(false, Ordering::Relaxed) {
            until = now + spin.length();
        }
        if now < until {
            yield_now().await;
        } else {
            // Whatever arrives is told on this very thread: not between these two lines.
            spin.asleep.store(true, Ordering::Relaxed);
            spin.arrival.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use tokio::task::LocalSet;

    use super::*;

    /// A clock that goes on by 10 µs whenever it is read, and how often it was.
    fn clock() -> (Rc<Cell<u32>>, impl FnMut() -> Duration) {
        let reads = Rc::new(Cell::new(0));
        let read = reads.clone();
        (reads, move || {
            read.set(read.get() + 1);
            Duration::from_micros(10) * read.get()
        })
    }

    async fn settle() {
        for _ in 0..100 {
            yield_now().await;
        }
    }

    #[tokio::test]
    async fn it_stays_awake_from_the_last_arrival_on_and_then_sleeps() {
        let local = LocalSet::new();
        local
            .run_until(async {
                let (state, (reads, now)) = (Arc::<Spin>::default(), clock());
                assert!(state.lengthen(Duration::from_micros(50)));
                let task = tokio::task::spawn_local(spin_by(state.clone(), now));
                settle().await;
                assert_eq!(reads.get(), 1);
                // Heard at the second reading: awake for five more.
                state.heard();
                settle().await;
                assert_eq!(reads.get(), 7);
                settle().await;
                assert_eq!(reads.get(), 7);
                state.end();
                task.await.unwrap();
            })
            .await;
    }

    #[test]
    fn the_longest_counts_and_the_first_starts_the_task() {
        let spin = Spin::default();
        assert!(!spin.lengthen(Duration::ZERO));
        assert!(spin.lengthen(Duration::from_micros(20)));
        assert!(!spin.lengthen(Duration::from_micros(50)));
        assert!(!spin.lengthen(Duration::from_micros(30)));
        assert_eq!(spin.length(), Duration::from_micros(50));
    }
}
