//! The figures that were agreed on, in a file beside the crate, and how what was counted compares with them.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::work::Work;

/// How much more a call may cost before it counts as worse, in percent. Runs differ by some tenths of a
/// percent, those with full packets by up to three, as their seeds fall.
const TOLERANCE: u64 = 5;

/// Instructions per call, both ends together, by the name of the work.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Agreed(BTreeMap<String, u64>);

/// What has become of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Same,
    /// Cheaper than the tolerance explains, by so many percent: worth writing down.
    Better(u64),
    Worse(u64),
    /// Nothing was agreed.
    Unknown,
}

/// The file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {why}")]
pub(crate) struct BadFile {
    path: String,
    why: String,
}

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("instructions.toml")
}

fn bad(why: impl fmt::Display) -> BadFile {
    BadFile { path: path().display().to_string(), why: why.to_string() }
}

impl Agreed {
    pub(crate) fn read() -> Result<Agreed, BadFile> {
        toml::from_str(&std::fs::read_to_string(path()).map_err(bad)?).map_err(bad)
    }

    pub(crate) fn write(&self) -> Result<(), BadFile> {
        let text = toml::to_string(self).map_err(bad)?;
        let head = "# Instructions per call at both ends together; written by `cargo run --release -p duologue-guard -- update`.\n";
        std::fs::write(path(), format!("{head}{text}")).map_err(bad)
    }

    pub(crate) fn of(&self, work: Work) -> Option<u64> {
        self.0.get(work.name()).copied()
    }

    pub(crate) fn set(&mut self, work: Work, instructions: u64) {
        self.0.insert(work.name().to_owned(), instructions);
    }

    pub(crate) fn judge(&self, work: Work, counted: u64) -> Verdict {
        let Some(agreed) = self.of(work).filter(|&agreed| agreed > 0) else { return Verdict::Unknown };
        let percent = counted.abs_diff(agreed) * 100 / agreed;
        match counted {
            _ if counted.abs_diff(agreed) * 100 <= agreed * TOLERANCE => Verdict::Same,
            counted if counted > agreed => Verdict::Worse(percent),
            _ => Verdict::Better(percent),
        }
    }
}

impl Verdict {
    pub(crate) fn is_bad(self) -> bool {
        matches!(self, Verdict::Worse(_) | Verdict::Unknown)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Same => f.write_str("as agreed"),
            Verdict::Better(percent) => write!(f, "{percent} % less: worth an update"),
            Verdict::Worse(percent) => write!(f, "WORSE by {percent} %"),
            Verdict::Unknown => f.write_str("NOT AGREED"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_worse_above_the_tolerance_and_better_below_it() {
        let mut agreed = Agreed::default();
        agreed.set(Work::Call, 1_000);
        let judged = [950, 1_000, 1_050, 1_051, 949, 2_000].map(|counted| agreed.judge(Work::Call, counted));
        use Verdict::*;
        assert_eq!(judged, [Same, Same, Same, Worse(5), Better(5), Worse(100)]);
        assert_eq!(agreed.judge(Work::Local, 1), Unknown);
        assert!(Worse(5).is_bad() && Unknown.is_bad() && !Same.is_bad() && !Better(5).is_bad());
    }

    #[test]
    fn the_file_beside_the_crate_has_a_figure_for_each_work() {
        let agreed = Agreed::read().expect("the file is there and reads");
        for work in Work::ALL {
            assert!(agreed.of(work).is_some_and(|n| n > 0), "{}", work.name());
        }
    }
}
