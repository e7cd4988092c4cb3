//! What a single call of a load does. It is done elsewhere: see `run/hand.rs`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::units::{self, UnitError, exact_size, exact_time};

/// The largest payload of a call or an item.
pub(crate) const PAYLOAD_MAX: u64 = 16 << 20;
/// The largest transfer: 1 TiB.
pub(crate) const BULK_MAX: u64 = 1 << 40;
/// The shortest and the longest time that a handler keeps its thread busy.
pub(crate) const SPIN_MIN: Duration = Duration::from_micros(1);
pub(crate) const SPIN_MAX: Duration = Duration::from_secs(1);
/// Items of a stream; the whole of it is one call.
pub(crate) const ITEMS: u32 = 64;

/// One kind of call.
///
/// ```
/// use duologue_benches::Work;
///
/// assert_eq!("echo:1KiB".parse(), Ok(Work::Echo { size: 1_024 }));
/// assert_eq!(Work::Stream { size: 4_096 }.to_string(), "stream:4KiB");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
#[non_exhaustive]
pub enum Work {
    /// A sum of two numbers.
    Add,
    /// A call whose handler keeps its thread busy, by the clock.
    Spin {
        /// For so long.
        time: Duration,
    },
    /// Bytes there and back.
    Echo {
        /// How many.
        size: u64,
    },
    /// A call during which the server calls a closure of the client.
    Callback,
    /// A stream of 64 items from the server, read to its end.
    Stream {
        /// Bytes of an item.
        size: u64,
    },
    /// A stream of bytes from the server, read to its end.
    Bulk {
        /// How many.
        size: u64,
    },
    /// An object of the client for one of the server; both are dropped.
    Handles,
    /// A connection, from the first packet to the greeting; it is closed again.
    Connect,
}

/// Why something is no work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WorkError {
    /// There is no such work.
    #[error(
        "`{0}` is no work: there are add, spin, echo, callback, stream, bulk, handles, connect and mixed:FILE"
    )]
    Unknown(String),
    /// The size is none.
    #[error("`{text}`: {why}")]
    BadSize {
        /// The work as it was given.
        text: String,
        /// What is wrong with its size.
        why: UnitError,
    },
    /// The time is none.
    #[error("`{text}`: {why}")]
    BadTime {
        /// The work as it was given.
        text: String,
        /// What is wrong with its time.
        why: UnitError,
    },
    /// No handler is kept busy for so long, or so short.
    #[error("{work}: the time must be between {} and {}", exact_time(SPIN_MIN), exact_time(SPIN_MAX))]
    Time {
        /// With the time that was given.
        work: Work,
    },
    /// A size for a work that has none.
    #[error("{0} has no payload, so it has no size")]
    Sizeless(String),
    /// No call can have that size.
    #[error("{work}: the size must be between {} and {}", exact_size(*.least), exact_size(*.most))]
    Size {
        /// With the size that was given.
        work: Work,
        /// The least it may be.
        least: u64,
        /// The most it may be.
        most: u64,
    },
}

impl Work {
    /// The size it has if nobody says one.
    fn usual(self) -> Work {
        match self {
            Work::Echo { .. } => Work::Echo { size: 1 << 10 },
            Work::Stream { .. } => Work::Stream { size: 1 << 10 },
            Work::Bulk { .. } => Work::Bulk { size: 64 << 20 },
            other => other,
        }
    }

    /// The same work with another payload; `None` if it has none.
    pub(crate) fn with_size(self, size: u64) -> Option<Work> {
        match self {
            Work::Echo { .. } => Some(Work::Echo { size }),
            Work::Stream { .. } => Some(Work::Stream { size }),
            Work::Bulk { .. } => Some(Work::Bulk { size }),
            _ => None,
        }
    }

    /// Its payload, if it has one.
    pub fn size(self) -> Option<u64> {
        match self {
            Work::Echo { size } | Work::Stream { size } | Work::Bulk { size } => Some(size),
            _ => None,
        }
    }

    /// How many of it are under way on a connection if nobody says so.
    pub(crate) fn usual_in_flight(self) -> u32 {
        match self {
            Work::Bulk { .. } => 1,
            Work::Stream { .. } => 4,
            Work::Connect => 16,
            _ => 64,
        }
    }

    /// Bytes that one of it has in memory at an end, at most.
    pub(crate) fn held(self) -> u64 {
        match self {
            Work::Echo { size } | Work::Stream { size } => size,
            _ => 0,
        }
    }

    /// Refuses sizes that no call can have.
    pub(crate) fn check(self) -> Result<(), WorkError> {
        let (least, most) = match self {
            Work::Echo { .. } => (0, PAYLOAD_MAX),
            Work::Stream { .. } => (0, PAYLOAD_MAX),
            Work::Bulk { .. } => (1, BULK_MAX),
            _ => return Ok(()),
        };
        match self.size() {
            Some(size) if !(least..=most).contains(&size) => Err(WorkError::Size { work: self, least, most }),
            _ => Ok(()),
        }
    }

    /// A work with a time in it.
    fn spin(text: &str, time: Option<&str>) -> Result<Work, WorkError> {
        let Some(time) = time else { return Ok(Work::Spin { time: Duration::from_micros(20) }) };
        let time = units::duration(time).map_err(|why| WorkError::BadTime { text: text.to_owned(), why })?;
        let work = Work::Spin { time };
        if (SPIN_MIN..=SPIN_MAX).contains(&time) { Ok(work) } else { Err(WorkError::Time { work }) }
    }

    /// What it is called and whether a size was said.
    pub(crate) fn parse(text: &str) -> Result<(Work, bool), WorkError> {
        let (name, size) = match text.split_once(':') {
            Some((name, size)) => (name, Some(size)),
            None => (text, None),
        };
        let work = match name {
            "add" => Work::Add,
            "spin" => return Ok((Work::spin(text, size)?, size.is_some())),
            "echo" => Work::Echo { size: 0 },
            "callback" => Work::Callback,
            "stream" => Work::Stream { size: 0 },
            "bulk" => Work::Bulk { size: 0 },
            "handles" => Work::Handles,
            "connect" => Work::Connect,
            _ => return Err(WorkError::Unknown(text.to_owned())),
        };
        let Some(size) = size else { return Ok((work.usual(), false)) };
        let bytes = units::size(size).map_err(|why| WorkError::BadSize { text: text.to_owned(), why })?;
        let sized = work.with_size(bytes).ok_or_else(|| WorkError::Sizeless(name.to_owned()))?;
        sized.check()?;
        Ok((sized, true))
    }
}

impl FromStr for Work {
    type Err = WorkError;

    fn from_str(text: &str) -> Result<Work, WorkError> {
        Work::parse(text).map(|(work, _)| work)
    }
}

impl TryFrom<String> for Work {
    type Error = WorkError;

    fn try_from(text: String) -> Result<Work, WorkError> {
        text.parse()
    }
}

impl From<Work> for String {
    fn from(work: Work) -> String {
        work.to_string()
    }
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Work::Add => "add",
            Work::Spin { time } => return write!(f, "spin:{}", exact_time(*time)),
            Work::Echo { .. } => "echo",
            Work::Callback => "callback",
            Work::Stream { .. } => "stream",
            Work::Bulk { .. } => "bulk",
            Work::Handles => "handles",
            Work::Connect => "connect",
        };
        match self.size() {
            Some(size) => write!(f, "{name}:{}", exact_size(size)),
            None => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_work_is_read_as_it_is_shown() {
        for text in [
            "add",
            "spin:20us",
            "spin:1.5us",
            "spin:3ms",
            "spin:1s",
            "echo:16MiB",
            "echo:1KiB",
            "echo:0B",
            "callback",
            "stream:64B",
            "bulk:1GiB",
            "handles",
            "connect",
        ] {
            assert_eq!(text.parse::<Work>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_work_without_a_size_has_the_usual_one() {
        assert_eq!("echo".parse(), Ok(Work::Echo { size: 1_024 }));
        assert_eq!("bulk".parse(), Ok(Work::Bulk { size: 64 << 20 }));
        assert_eq!("spin".parse(), Ok(Work::Spin { time: Duration::from_micros(20) }));
    }

    #[test]
    fn what_is_no_work_is_refused_with_the_reason() {
        let cases = [
            (
                "dance",
                "`dance` is no work: there are add, spin, echo, callback, stream, bulk, handles, connect and mixed:FILE",
            ),
            ("add:64", "add has no payload, so it has no size"),
            ("echo:much", "`echo:much`: expected a size such as 64, 1KiB or 16MiB"),
            ("echo:17MiB", "echo:17MiB: the size must be between 0B and 16MiB"),
            ("spin:20", "`spin:20`: expected a time such as 500ms, 10s or 2m"),
            ("spin:2s", "spin:2s: the time must be between 1us and 1s"),
            ("bulk:0", "bulk:0B: the size must be between 1B and 1024GiB"),
        ];
        for (text, reason) in cases {
            assert_eq!(text.parse::<Work>().unwrap_err().to_string(), reason);
        }
    }
}
