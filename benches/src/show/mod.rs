//! A report for people: as a table on a terminal, and as a page with plots.

mod cells;
mod charts;
mod html;
mod page;
mod plot;
mod scale;
mod table;

pub use page::page;
pub use table::table;

use crate::report::Point;
use crate::units::{count, nanos};

/// A point in a line.
pub fn line(point: &Point) -> String {
    let latency = point
        .latency
        .as_ref()
        .map(|l| format!(", p50 {}, p99 {}", nanos(l.p50_ns as f64), nanos(l.p99_ns as f64)));
    format!("{} calls/s{}", count(point.per_s), latency.unwrap_or_default())
}
