//! The file of a mixed load: a TOML table of works and their weights.

use std::collections::BTreeMap;
use std::path::Path;

use crate::work::{Work, WorkError};

/// The most weight a work may have.
const WEIGHT_MAX: u32 = 1_000_000;

/// Why a file is no mix.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MixError {
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Read(String),
    /// It is not a TOML table of numbers.
    #[error("expected lines such as `add = 70` or `\"echo:1KiB\" = 20`: {0}")]
    Toml(String),
    /// A line names no work.
    #[error(transparent)]
    Work(#[from] WorkError),
    /// A weight that is none.
    #[error("the weight of {0} must be between 1 and {WEIGHT_MAX}")]
    Weight(Work),
    /// A connection is made by no object.
    #[error("connect cannot be mixed with calls: measure it alone")]
    Connect,
    /// The same work stands there twice.
    #[error("{0} stands there twice")]
    Twice(Work),
    /// There is nothing to do.
    #[error("there is no work in it")]
    Empty,
}

pub(crate) fn read(path: &Path) -> Result<Vec<(Work, u32)>, MixError> {
    parse(&std::fs::read_to_string(path).map_err(|e| MixError::Read(e.to_string()))?)
}

fn parse(text: &str) -> Result<Vec<(Work, u32)>, MixError> {
    let lines: BTreeMap<String, u32> =
        toml::from_str(text).map_err(|e| MixError::Toml(e.message().to_owned()))?;
    let mut works = BTreeMap::new();
    for (name, weight) in lines {
        let work: Work = name.parse()?;
        if work == Work::Connect {
            return Err(MixError::Connect);
        }
        if !(1..=WEIGHT_MAX).contains(&weight) {
            return Err(MixError::Weight(work));
        }
        if works.insert(work, weight).is_some() {
            return Err(MixError::Twice(work));
        }
    }
    if works.is_empty() {
        return Err(MixError::Empty);
    }
    Ok(works.into_iter().collect())
}

/// Draws works by their weights, the same ones from the same seed.
#[derive(Clone, Debug)]
pub(crate) struct Draw {
    /// Sums of the weights up to each work.
    sums: Vec<u64>,
    state: u64,
}

impl Draw {
    pub(crate) fn new(works: &[(Work, u32)], seed: u64) -> Draw {
        let mut sum = 0;
        let sums = works.iter().map(|(_, weight)| {
            sum += u64::from(*weight);
            sum
        });
        Draw { sums: sums.collect(), state: seed }
    }

    /// The index of the next work.
    pub(crate) fn next(&mut self) -> usize {
        let [.., all] = self.sums[..] else { return 0 };
        if self.sums.len() == 1 {
            return 0;
        }
        let ticket = self.random() % all;
        self.sums.partition_point(|sum| *sum <= ticket)
    }

    /// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators").
    fn random(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_is_a_mix() {
        let works = parse(include_str!("../mixes/everyday.toml")).unwrap();
        assert_eq!(works.len(), 6);
        assert_eq!(works.iter().map(|(_, weight)| weight).sum::<u32>(), 1_000);
    }

    #[test]
    fn what_is_no_mix_is_refused_with_the_reason() {
        let cases = [
            ("", "there is no work in it"),
            ("add = 0", "the weight of add must be between 1 and 1000000"),
            ("connect = 1", "connect cannot be mixed with calls: measure it alone"),
            ("\"echo:1KiB\" = 1\n\"echo:1024\" = 1", "echo:1KiB stands there twice"),
            ("\"add:1\" = 1", "add has no payload, so it has no size"),
        ];
        for (text, reason) in cases {
            assert_eq!(parse(text).unwrap_err().to_string(), reason);
        }
        for text in ["add", "add = \"much\"", "[weights]\nadd = 1", "add = -1"] {
            assert!(matches!(parse(text), Err(MixError::Toml(_))), "{text}");
        }
    }

    #[test]
    fn works_are_drawn_by_their_weights() {
        let mut draw = Draw::new(&[(Work::Add, 1), (Work::Callback, 8), (Work::Handles, 1)], 7);
        let mut drawn = [0_u32; 3];
        (0..10_000).for_each(|_| drawn[draw.next()] += 1);
        assert!(drawn[0].abs_diff(1_000) < 150 && drawn[2].abs_diff(1_000) < 150, "{drawn:?}");
        let again = |seed| {
            let mut draw = Draw::new(&[(Work::Add, 1), (Work::Callback, 1)], seed);
            (0..64).map(|_| draw.next()).collect::<Vec<_>>()
        };
        assert_eq!(again(1), again(1));
        assert_ne!(again(1), again(2));
    }
}
