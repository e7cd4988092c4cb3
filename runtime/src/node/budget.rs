//! What a node holds in memory for its peers, over all connections, and how much that may be.
//!
//! Each connection says what it holds whenever it has read or written something, so this costs at most one addition a chunk; what its
//! streams hold is said in steps ([`Queued`]), because their consumers may be on any thread. Nothing here waits or ends anything: it says when the node is above its budget, and which connection is above its share.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Refusals are reported at most this often.
const REPORT_EVERY: Duration = Duration::from_secs(1);

/// The budget of a node.
#[derive(Debug)]
pub(crate) struct Budget {
    max: u64,
    used: AtomicU64,
    connections: AtomicU64,
    reported: Mutex<Option<Instant>>,
}

impl Budget {
    pub(crate) fn new(max: u64) -> Arc<Budget> {
        Arc::new(Budget {
            max,
            used: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            reported: Mutex::new(None),
        })
    }

    /// While several threads tell of one connection, what was taken off may be told before what was put on: never below nothing.
    pub(crate) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed).cast_signed().max(0).cast_unsigned()
    }

    /// Nothing more is to come in.
    pub(crate) fn is_over(&self) -> bool {
        self.used() > self.max
    }

    /// Whether a connection that holds this much is one of those who are to blame.
    fn is_crowded_by(&self, held: u64) -> bool {
        self.is_over() && held > self.max / self.connections.load(Ordering::Relaxed).max(1)
    }

    /// Whether a refusal is to be reported now.
    pub(crate) fn reports(&self, now: Instant) -> bool {
        let mut reported = self.reported.lock();
        if reported.is_some_and(|last| now.saturating_duration_since(last) < REPORT_EVERY) {
            return false;
        }
        *reported = Some(now);
        true
    }
}

/// What one connection holds, as its node knows it.
#[derive(Debug, Default)]
pub(crate) struct Account {
    budget: OnceLock<Arc<Budget>>,
    held: AtomicU64,
    /// What its streams hold.
    pub(crate) queued: Arc<Queued>,
}

impl Account {
    /// The connection belongs to a node; once.
    pub(crate) fn open(&self, budget: &Arc<Budget>) {
        if self.budget.set(budget.clone()).is_ok() {
            budget.connections.fetch_add(1, Ordering::Relaxed);
            self.queued.open(budget);
        }
    }

    /// It holds this many bytes now. Called under the connection's lock, so that no two of them cross.
    pub(crate) fn holds(&self, bytes: u64) {
        let before = self.held.load(Ordering::Relaxed);
        if bytes == before {
            return;
        }
        self.held.store(bytes, Ordering::Relaxed);
        if let Some(budget) = self.budget.get() {
            // Wraps as two's complement does: the sum over all connections is right.
            budget.used.fetch_add(bytes.wrapping_sub(before), Ordering::Relaxed);
        }
    }

    /// Whether its calls are to be refused until others, or itself, hold less.
    pub(crate) fn is_crowding(&self) -> bool {
        let held = || self.held.load(Ordering::Relaxed) + self.queued.held.load(Ordering::Relaxed);
        self.budget.get().is_some_and(|budget| budget.is_crowded_by(held()))
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        self.holds(0);
        if let Some(budget) = self.budget.get() {
            budget.connections.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// What the streams of one connection hold that have arrived and were not taken. It outlives the connection as long as somebody may take of
/// it.
#[derive(Debug, Default)]
pub(crate) struct Queued {
    budget: OnceLock<Arc<Budget>>,
    held: AtomicU64,
    /// What the budget knows of it.
    told: AtomicU64,
}

/// Smaller changes are not told one by one, so that the items of many threads do not meet at one counter.
const STEP: u64 = 4 * 1024;

impl Queued {
    fn open(&self, budget: &Arc<Budget>) {
        // Once, as its connection.
        let _ = self.budget.set(budget.clone());
        self.tell();
    }

    /// Something was put in.
    pub(crate) fn more(&self, bytes: u64) {
        self.changed(self.held.fetch_add(bytes, Ordering::AcqRel) + bytes);
    }

    /// Something was taken, or thrown away.
    pub(crate) fn less(&self, bytes: u64) {
        if bytes > 0 {
            self.changed(self.held.fetch_sub(bytes, Ordering::AcqRel) - bytes);
        }
    }

    fn changed(&self, held: u64) {
        let told = self.told.load(Ordering::Relaxed);
        if held.abs_diff(told) >= STEP || held == 0 {
            self.tell();
        }
    }

    fn tell(&self) {
        let Some(budget) = self.budget.get() else { return };
        loop {
            let held = self.held.load(Ordering::Acquire);
            let before = self.told.swap(held, Ordering::AcqRel);
            budget.used.fetch_add(held.wrapping_sub(before), Ordering::Relaxed);
            // Whoever changed it meanwhile may have told that before this.
            if self.held.load(Ordering::Acquire) == held {
                return;
            }
        }
    }
}

impl Drop for Queued {
    fn drop(&mut self) {
        if let Some(budget) = self.budget.get() {
            budget.used.fetch_sub(*self.told.get_mut(), Ordering::Relaxed);
        }
    }
}

/// A quarter of this machine's memory, or of what the process may use of it; 1 GiB where nobody knows.
pub(crate) fn usual() -> u64 {
    static USUAL: OnceLock<u64> = OnceLock::new();
    *USUAL.get_or_init(|| {
        let read = |path| std::fs::read_to_string(path).ok();
        let machine = read("/proc/meminfo").and_then(|text| total_of(&text));
        let group = read("/sys/fs/cgroup/memory.max").and_then(|text| text.trim().parse().ok());
        machine.into_iter().chain(group).min().map_or(1 << 30, |total: u64| total / 4)
    })
}

/// `MemTotal:       16384 kB`, in bytes.
fn total_of(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(budget: &Arc<Budget>, holds: u64) -> Account {
        let account = Account::default();
        account.open(budget);
        account.holds(holds);
        account
    }

    #[test]
    fn only_who_holds_more_than_its_share_is_crowding_and_only_above_the_budget() {
        let budget = Budget::new(100);
        let (greedy, modest) = (account(&budget, 90), account(&budget, 10));
        assert_eq!((budget.used(), budget.is_over()), (100, false));
        assert!(!greedy.is_crowding());
        modest.holds(11);
        assert!(budget.is_over());
        assert_eq!((greedy.is_crowding(), modest.is_crowding()), (true, false));
        greedy.holds(50);
        assert_eq!((budget.used(), budget.is_over(), greedy.is_crowding()), (61, false, false));
    }

    #[test]
    fn a_connection_that_ends_gives_everything_back() {
        let budget = Budget::new(100);
        let (one, other) = (account(&budget, 70), account(&budget, 60));
        assert!(one.is_crowding());
        drop(other);
        assert_eq!(budget.used(), 70);
        assert!(!one.is_crowding());
        one.holds(101);
        assert!(one.is_crowding(), "alone, it has all of it");
        drop(one);
        assert_eq!((budget.used(), budget.connections.load(Ordering::Relaxed)), (0, 0));
    }

    #[test]
    fn what_streams_hold_counts_and_stays_until_it_is_taken() {
        let budget = Budget::new(100_000);
        let (greedy, modest) = (account(&budget, 0), account(&budget, 40_000));
        greedy.queued.more(4_000);
        assert_eq!(budget.used(), 40_000, "a small step is not told yet");
        greedy.queued.more(60_000);
        assert_eq!((budget.used(), greedy.is_crowding()), (104_000, true));
        assert!(!modest.is_crowding());
        let queued = greedy.queued.clone();
        drop(greedy);
        assert_eq!(budget.used(), 104_000, "its consumer has not taken it");
        queued.less(63_999);
        assert_eq!(budget.used(), 40_001);
        queued.less(1);
        assert_eq!(budget.used(), 40_000);
        queued.more(50_000);
        drop(queued);
        assert_eq!(budget.used(), 40_000);
    }

    #[test]
    fn what_many_threads_put_in_and_take_is_told_exactly_in_the_end() {
        let (budget, threads) = (Budget::new(1), 4);
        let account = account(&budget, 0);
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    for n in 0..10_000 {
                        account.queued.more(n);
                        account.queued.less(n);
                    }
                    account.queued.more(10_000);
                });
            }
        });
        assert_eq!(budget.used(), 10_000 * threads);
    }

    #[test]
    fn refusals_are_reported_once_a_second() {
        let (budget, now) = (Budget::new(1), Instant::now());
        let reports = [0, 999, 1_000, 1_500].map(|ms| budget.reports(now + Duration::from_millis(ms)));
        assert_eq!(reports, [true, false, true, false]);
    }

    #[test]
    fn the_memory_of_the_machine_is_read_as_linux_says_it() {
        let text = "MemFree:  12 kB\nMemTotal:       16318448 kB\nBuffers: 1 kB\n";
        assert_eq!(total_of(text), Some(16_318_448 * 1024));
        assert_eq!(total_of("no such line"), None);
        assert!(usual() > 0);
    }
}
