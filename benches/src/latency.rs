//! How long calls took: what is kept of a histogram, and how those of several threads become one.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// The longest latency that is told from longer ones: ten minutes, in nanoseconds.
const LONGEST_NS: u64 = 600_000_000_000;

/// A histogram for latencies from 1 ns to ten minutes, right to three digits.
pub(crate) fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST_NS, 3).expect("the bounds are in order and the digits at most five")
}

/// One histogram of what several threads have seen.
pub(crate) fn merged<'a>(parts: impl IntoIterator<Item = &'a Histogram<u64>>) -> Histogram<u64> {
    let mut all = histogram();
    for part in parts {
        all.add(part).expect("all of them have the bounds of `histogram`");
    }
    all
}

/// Latencies in nanoseconds, right to three digits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Latency {
    /// How many there are.
    pub count: u64,
    /// The shortest.
    pub min_ns: u64,
    /// Their mean.
    pub mean_ns: f64,
    /// Half of them took no longer.
    pub p50_ns: u64,
    /// 90 %.
    pub p90_ns: u64,
    /// 99 %.
    pub p99_ns: u64,
    /// 99.9 %.
    pub p99_9_ns: u64,
    /// 99.99 %.
    pub p99_99_ns: u64,
    /// The longest.
    pub max_ns: u64,
    /// The whole distribution, in ever finer steps towards its end.
    pub ranks: Vec<Rank>,
}

/// A point of a distribution: how many took no longer than that.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rank {
    /// In per cent.
    pub percentile: f64,
    /// In nanoseconds.
    pub ns: u64,
}

impl Latency {
    /// `None` if there are none.
    pub(crate) fn of(histogram: &Histogram<u64>) -> Option<Latency> {
        if histogram.is_empty() {
            return None;
        }
        let at = |percentile| histogram.value_at_percentile(percentile);
        Some(Latency {
            count: histogram.len(),
            min_ns: histogram.min(),
            mean_ns: histogram.mean(),
            p50_ns: at(50.0),
            p90_ns: at(90.0),
            p99_ns: at(99.0),
            p99_9_ns: at(99.9),
            p99_99_ns: at(99.99),
            max_ns: histogram.max(),
            ranks: ranks(histogram),
        })
    }
}

/// As the histogram iterates: five steps to each halving of what is left to 100 %.
fn ranks(histogram: &Histogram<u64>) -> Vec<Rank> {
    let steps = histogram.iter_quantiles(5);
    steps.map(|step| Rank { percentile: step.percentile(), ns: step.value_iterated_to() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: impl IntoIterator<Item = u64>) -> Histogram<u64> {
        let mut histogram = histogram();
        values.into_iter().for_each(|v| histogram.record(v).unwrap());
        histogram
    }

    #[test]
    fn nothing_has_no_latency() {
        assert_eq!(Latency::of(&histogram()), None);
    }

    #[test]
    fn merging_is_recording_all_in_one() {
        let (fast, slow) = (of((1..=1_000).map(|n| n * 100)), of((1..=500).map(|n| n * 1_000_000)));
        let all = of((1..=1_000).map(|n| n * 100).chain((1..=500).map(|n| n * 1_000_000)));
        assert_eq!(merged([&fast, &slow]), all);
        assert_eq!(Latency::of(&merged([&fast, &slow])), Latency::of(&all));
        assert_eq!(merged([]), histogram());
    }

    #[test]
    fn the_distribution_rises_from_the_shortest_to_the_longest() {
        let latency = Latency::of(&of((1..=10_000).map(|n| n * n))).unwrap();
        assert_eq!(latency.count, 10_000);
        assert!(latency.ranks.windows(2).all(|w| w[0].percentile <= w[1].percentile && w[0].ns <= w[1].ns));
        assert_eq!(latency.ranks.last().unwrap().percentile, 100.0);
        let steps = [
            latency.min_ns,
            latency.p50_ns,
            latency.p90_ns,
            latency.p99_ns,
            latency.p99_9_ns,
            latency.p99_99_ns,
            latency.max_ns,
        ];
        assert!(steps.is_sorted(), "{steps:?}");
    }
}
