//! What a run says while it goes on.

use crate::report::Point;

/// What happens in a run, for somebody who waits for its end.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum News {
    /// A point begins: its number from 1, of how many, and what it is.
    Point {
        /// From 1.
        number: usize,
        /// Of how many.
        of: usize,
        /// Where it is on the axis.
        label: String,
    },
    /// Connections are made.
    Connecting {
        /// So many are.
        made: u64,
        /// So many are to be.
        of: u64,
    },
    /// The load runs.
    Running {
        /// Since it began, or since it is measured.
        seconds: f64,
        /// How long that is to be.
        of: f64,
        /// Whether it is measured.
        measured: bool,
        /// Calls a second, of late.
        per_s: f64,
        /// Calls that failed, all in all.
        failed: u64,
    },
    /// A point is measured.
    Measured(Box<Point>),
}
