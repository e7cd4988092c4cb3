//! What a curve is over: a knob that has another value at each of its points.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::knobs::Lanes;
use crate::units::{count, exact_size};

/// What differs between the points of a curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Axis {
    /// Calls under way on a connection.
    InFlight,
    /// Connections.
    Connections,
    /// Objects on a connection.
    Objects,
    /// Lanes that the objects of a connection share; a lane for each of them stands at [`Axis::OWN_LANES`].
    Lanes,
    /// Calls a second: an open loop.
    Rate,
    /// Bytes of payload.
    Size,
}

impl Axis {
    /// Where lanes of their own stand among numbers of shared ones: twice the most there may be, clear of it in a plot.
    pub const OWN_LANES: f64 = 2.0 * Lanes::SHARED_MAX as f64;

    /// A value of it for people to read.
    pub(crate) fn show(self, value: f64) -> String {
        match self {
            Axis::Lanes if value == Axis::OWN_LANES => Lanes::Own.to_string(),
            Axis::InFlight | Axis::Connections | Axis::Objects | Axis::Lanes => format!("{value}"),
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
            Axis::Objects => "objects",
            Axis::Lanes => "lanes",
            Axis::Rate => "rate",
            Axis::Size => "size",
        })
    }
}
