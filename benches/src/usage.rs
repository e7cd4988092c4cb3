//! What this process has used: processor time and memory, all threads together.
//!
//! From `/proc/self`, hence on Linux only; elsewhere it says so. The kernel gives processor time in hundredths of a
//! second, so a measured second is right to about one per cent.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// `USER_HZ`, which Linux shows as 100 to every program, whatever its own clock does.
const TICKS_PER_SECOND: u64 = 100;

/// What a process has used up to now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Usage {
    /// User and system time since the process began.
    pub cpu: Option<Duration>,
    /// Memory that it has in RAM, in bytes.
    pub rss_bytes: Option<u64>,
    /// Why either is not known.
    pub missing: Option<String>,
}

impl Usage {
    /// Of this process.
    pub fn now() -> Usage {
        if !cfg!(target_os = "linux") {
            let why = format!(
                "processor time and memory are measured on Linux only, not on {}",
                std::env::consts::OS
            );
            return Usage { missing: Some(why), ..Usage::default() };
        }
        let read = |file: &str| std::fs::read_to_string(file).unwrap_or_default();
        let cpu = cpu(&read("/proc/self/stat"));
        let rss_bytes = rss_bytes(&read("/proc/self/status"));
        let missing = (cpu.is_none() || rss_bytes.is_none())
            .then(|| "/proc/self does not say processor time and memory".to_owned());
        Usage { cpu, rss_bytes, missing }
    }
}

/// The processor time of one thread, for others to read: in nanoseconds, where the kernel counts them. Clones are of the same thread.
#[derive(Clone, Debug)]
pub(crate) struct ThreadTime {
    /// `None` where that is not known.
    file: Option<PathBuf>,
    /// What it had used in all, once it has ended.
    settled: Arc<AtomicU64>,
}

impl ThreadTime {
    /// Of this thread.
    pub(crate) fn of_this() -> ThreadTime {
        // `<pid>/task/<tid>`, as seen from `/proc`.
        let link = std::fs::read_link("/proc/thread-self").ok();
        let file = link.map(|link| PathBuf::from("/proc").join(link).join("schedstat"));
        ThreadTime { file, settled: Arc::default() }
    }

    /// Up to now; nothing where it is not known.
    pub(crate) fn used(&self) -> Duration {
        let settled = self.settled.load(Ordering::Acquire);
        let running = || self.file.as_ref().and_then(|file| std::fs::read_to_string(file).ok());
        let ns = if settled > 0 { settled } else { running().and_then(|text| run_ns(&text)).unwrap_or(0) };
        Duration::from_nanos(ns)
    }

    /// It ends: what it has used stays known.
    pub(crate) fn settle(&self) {
        self.settled.store(self.used().as_nanos() as u64, Ordering::Release);
    }
}

/// The first field: time on a processor.
fn run_ns(schedstat: &str) -> Option<u64> {
    schedstat.split_ascii_whitespace().next()?.parse().ok()
}

/// Fields 14 and 15; counted from the last parenthesis, since the program's name may hold anything.
fn cpu(stat: &str) -> Option<Duration> {
    let after_name = &stat[stat.rfind(')')? + 1..];
    let mut fields = after_name.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(Duration::from_millis((user + system) * 1_000 / TICKS_PER_SECOND))
}

fn rss_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_spaces_and_parentheses_does_not_shift_the_fields() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 1 0 0 0 120 34 0 0 20 0 1 0 5 6 7";
        assert_eq!(cpu(stat), Some(Duration::from_millis(1_540)));
        assert_eq!(cpu("garbage"), None);
    }

    #[test]
    fn memory_is_that_in_ram() {
        assert_eq!(rss_bytes("Name:\tx\nVmPeak:\t   9 kB\nVmRSS:\t    2048 kB\n"), Some(2 << 20));
        assert_eq!(rss_bytes("Name:\tx\n"), None);
    }

    #[test]
    fn the_time_of_a_thread_is_the_first_field() {
        assert_eq!(run_ns("123456789 42 7\n"), Some(123_456_789));
        assert_eq!(run_ns(""), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_time_of_a_thread_is_known_to_others_and_stays_known() {
        let thread = std::thread::spawn(|| {
            let own = ThreadTime::of_this();
            assert!(own.file.is_some());
            let begun = own.used();
            while own.used() == begun {}
            own.settle();
            own
        });
        let time = thread.join().unwrap();
        assert!(time.used() > Duration::ZERO);
        assert_eq!(time.used(), time.used());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_has_memory() {
        let usage = Usage::now();
        assert_eq!(usage.missing, None);
        assert!(usage.cpu.is_some() && usage.rss_bytes.unwrap() > 0);
    }
}
