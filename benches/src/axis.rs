//! What a curve is over: a knob that has another value at each of its points.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::units::{count, exact_size};

/// What differs between the points of a curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Axis {
    /// Calls under way on a connection.
    InFlight,
    /// Connections.
    Connections,
    /// Calls a second: an open loop.
    Rate,
    /// Bytes of payload.
    Size,
}

impl Axis {
    /// A value of it for people to read.
    pub(crate) fn show(self, value: f64) -> String {
        match self {
            Axis::InFlight | Axis::Connections => format!("{value}"),
            Axis::Rate => format!("{}/s", count(value)),
            Axis::Size => exact_size(value as u64),
        }
    }
}

impl fmt::Display for Axis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Axis::InFlight => "in-flight",
            Axis::Connections => "connections",
            Axis::Rate => "rate",
            Axis::Size => "size",
        })
    }
}
