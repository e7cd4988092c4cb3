//! What the programs that measure on the simulated link say of many calls, and of runs with several seeds.

use std::time::Duration;

/// How long each of many calls took.
#[derive(Clone, Debug, Default)]
pub struct Latencies {
    took: Vec<Duration>,
    sorted: bool,
}

impl Latencies {
    /// One more call.
    pub fn add(&mut self, took: Duration) {
        self.took.push(took);
        self.sorted = false;
    }

    /// How many calls there were.
    pub fn count(&self) -> usize {
        self.took.len()
    }

    /// In milliseconds, what so large a share of the calls did not exceed: 0.5 gives the median. 0 if there were none.
    pub fn ms(&mut self, share: f64) -> f64 {
        if !self.sorted {
            self.took.sort_unstable();
            self.sorted = true;
        }
        let found = self.took.get((self.took.len() as f64 * share) as usize);
        found.map_or(0.0, |took| took.as_secs_f64() * 1e3)
    }
}

/// One figure of several runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figure {
    /// The smallest.
    pub least: f64,
    /// The one in the middle, the upper one of two.
    pub median: f64,
    /// The largest.
    pub most: f64,
}

impl Figure {
    /// That of these runs.
    ///
    /// # Panics
    /// If there are none.
    pub fn of(runs: impl IntoIterator<Item = f64>) -> Figure {
        let mut all: Vec<f64> = runs.into_iter().collect();
        all.sort_by(f64::total_cmp);
        let most = *all.last().expect("there are runs");
        Figure { least: all[0], median: all[all.len() / 2], most }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_a_hundred_calls_takes_longer_than_the_99th_percentile_says() {
        let mut latencies = Latencies::default();
        (1..=200).rev().for_each(|n| latencies.add(Duration::from_millis(n)));
        assert_eq!(latencies.count(), 200);
        assert_eq!([0.0, 0.5, 0.99].map(|share| latencies.ms(share)), [1.0, 101.0, 199.0]);
        latencies.add(Duration::ZERO);
        assert_eq!(latencies.ms(0.0), 0.0);
    }

    #[test]
    fn no_calls_take_no_time() {
        assert_eq!(Latencies::default().ms(0.5), 0.0);
    }

    #[test]
    fn runs_have_a_median_and_a_spread() {
        assert_eq!(Figure::of([3.0, 1.0, 2.0]), Figure { least: 1.0, median: 2.0, most: 3.0 });
    }
}
