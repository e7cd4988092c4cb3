//! The memory of both ends while a load went on.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::usage::Usage;

/// Samples of a measured time, about: as many as there are points in a plot that one can read.
const SAMPLES: u32 = 60;
/// No closer to each other than that: each is a call beside the load.
const APART_MIN: Duration = Duration::from_secs(1);
/// Fewer say nothing of what becomes of memory in the course of time.
const COURSE_MIN: usize = 10;

/// Memory at a moment, in bytes that are in RAM; `None` if it is not known.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Sample {
    /// Seconds since it is measured.
    pub at_s: f64,
    /// Of the client's process.
    pub client_bytes: Option<u64>,
    /// Of the server's.
    pub server_bytes: Option<u64>,
}

impl Sample {
    pub(crate) fn new(at: Duration, client: &Usage, server: &Usage) -> Sample {
        Sample { at_s: at.as_secs_f64(), client_bytes: client.rss_bytes, server_bytes: server.rss_bytes }
    }

    /// How far apart samples of a measured time are.
    pub(crate) fn apart(duration: Duration) -> Duration {
        (duration / SAMPLES).max(APART_MIN)
    }
}

/// Memory of an end after the first quarter of the measured time, and at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Course {
    pub(crate) from: u64,
    pub(crate) to: u64,
}

/// Whether there are enough samples to speak of a course.
pub(crate) fn is_course(samples: &[Sample]) -> bool {
    samples.len() >= COURSE_MIN
}

/// Of one end; `None` of too few samples, or if it is not known.
pub(crate) fn course(samples: &[Sample], of: impl Fn(&Sample) -> Option<u64>) -> Option<Course> {
    let last = samples.last().filter(|_| is_course(samples))?;
    let settled = samples.iter().find(|sample| sample.at_s >= last.at_s / 4.0)?;
    Some(Course { from: of(settled)?, to: of(last)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(n: u32) -> Vec<Sample> {
        let sample = |at| Sample {
            at_s: f64::from(at),
            client_bytes: Some(1_000 + u64::from(at)),
            server_bytes: None,
        };
        (0..n).map(sample).collect()
    }

    #[test]
    fn a_course_begins_after_the_first_quarter() {
        let course = |n| course(&samples(n), |sample| sample.client_bytes);
        assert_eq!(course(13), Some(Course { from: 1_003, to: 1_012 }));
        assert_eq!(course(9), None, "too few");
        assert_eq!(super::course(&samples(13), |sample| sample.server_bytes), None);
    }

    #[test]
    fn samples_are_a_second_apart_or_a_sixtieth_of_the_time() {
        assert_eq!(Sample::apart(Duration::from_secs(10)), Duration::from_secs(1));
        assert_eq!(Sample::apart(Duration::from_secs(1_200)), Duration::from_secs(20));
    }
}
