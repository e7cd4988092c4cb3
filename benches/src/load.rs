//! What is to be measured: one work, or several in a mix.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::axis::Axis;
use crate::mix::{self, MixError};
use crate::work::{Work, WorkError};

/// Calls of a mix that are under way on a connection if nobody says so.
const MIXED_IN_FLIGHT: u32 = 16;

/// The work of a run, with the weight of each kind.
///
/// ```
/// use duologue_benches::Load;
///
/// assert_eq!(Load::parse("echo", Some(64)).unwrap().to_string(), "echo:64B");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Load {
    /// What it is called.
    name: String,
    /// Whether a size of its own was said.
    sized: bool,
    works: Vec<(Work, u32)>,
}

/// Why something is no load.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// It is no work.
    #[error(transparent)]
    Work(#[from] WorkError),
    /// A size beside one.
    #[error("{0} says its size already: leave the other one out")]
    SizedTwice(String),
    /// The file of a mix cannot be used.
    #[error("{file}: {why}")]
    Mix {
        /// Its path.
        file: String,
        /// What is wrong.
        why: MixError,
    },
}

impl Load {
    /// `add`, `spin:TIME`, `echo:SIZE`, `callback`, `stream:SIZE`, `bulk:SIZE`, `handles`, `connect` or `mixed:FILE`; a size that is
    /// left out is `size`, or the usual one. Reads the file of a mix.
    pub fn parse(text: &str, size: Option<u64>) -> Result<Load, LoadError> {
        if let Some(file) = text.strip_prefix("mixed:") {
            if size.is_some() {
                return Err(WorkError::Sizeless("a mix".to_owned()).into());
            }
            let works =
                mix::read(file.as_ref()).map_err(|why| LoadError::Mix { file: file.to_owned(), why })?;
            return Ok(Load { name: text.to_owned(), sized: true, works });
        }
        let (work, sized) = Work::parse(text)?;
        let load = Load { name: work.to_string(), sized, works: vec![(work, 1)] };
        match size {
            None => Ok(load),
            Some(size) => load.with_size(size),
        }
    }

    /// One kind of work.
    pub fn one(work: Work) -> Load {
        Load { name: work.to_string(), sized: true, works: vec![(work, 1)] }
    }

    /// The same with another payload.
    pub(crate) fn with_size(&self, size: u64) -> Result<Load, LoadError> {
        let [(work, _)] = self.works[..] else {
            return Err(WorkError::Sizeless("a mix".to_owned()).into());
        };
        let sized = work.with_size(size).ok_or_else(|| WorkError::Sizeless(work.to_string()))?;
        if self.sized {
            return Err(LoadError::SizedTwice(self.name.clone()));
        }
        sized.check()?;
        Ok(Load { name: sized.to_string(), sized: false, works: vec![(sized, 1)] })
    }

    /// The kinds of work in it, each with its weight.
    pub fn works(&self) -> &[(Work, u32)] {
        &self.works
    }

    /// For the head of a report of a curve over `axis`.
    pub(crate) fn in_words(&self, axis: Option<Axis>) -> String {
        match (axis, self.name.split_once(':')) {
            (Some(Axis::Size), Some((work, _))) => format!("{work} of varied sizes"),
            _ => self.name.clone(),
        }
    }

    /// Whether it makes connections instead of using them.
    pub fn connects(&self) -> bool {
        self.works.iter().any(|(work, _)| *work == Work::Connect)
    }

    /// How many calls are under way on a connection if nobody says so.
    pub fn usual_in_flight(&self) -> u32 {
        match self.works[..] {
            [(work, _)] => work.usual_in_flight(),
            _ => MIXED_IN_FLIGHT,
        }
    }

    /// Bytes that a call of it has in memory at an end, at most.
    pub(crate) fn held(&self) -> u64 {
        self.works.iter().map(|(work, _)| work.held()).max().unwrap_or(0)
    }
}

impl Load {
    /// Whether it is the same work with the same weights, wherever the file of a mix lies.
    pub(crate) fn is_same_work(&self, other: &Load) -> bool {
        self.works == other.works
    }

    /// With all its works, if it is a mix.
    pub(crate) fn in_full(&self) -> String {
        match self.works[..] {
            [_] => self.name.clone(),
            _ => {
                let works: Vec<String> =
                    self.works.iter().map(|(work, weight)| format!("{work} = {weight}")).collect();
                format!("{} ({})", self.name, works.join(", "))
            }
        }
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str, size: Option<u64>) -> String {
        Load::parse(text, size).unwrap_err().to_string()
    }

    #[test]
    fn its_size_is_not_said_where_it_is_varied() {
        let echo = Load::parse("echo", None).unwrap();
        assert_eq!(echo.in_words(Some(Axis::Size)), "echo of varied sizes");
        assert_eq!(echo.in_words(Some(Axis::Rate)), "echo:1KiB");
        assert_eq!(Load::parse("add", None).unwrap().in_words(None), "add");
    }

    #[test]
    fn a_size_goes_to_the_work_that_has_none() {
        assert_eq!(Load::parse("stream", Some(100)).unwrap().works(), [(Work::Stream { size: 100 }, 1)]);
        assert_eq!(refused("echo:64", Some(64)), "echo:64B says its size already: leave the other one out");
        assert_eq!(refused("add", Some(64)), "add has no payload, so it has no size");
        assert_eq!(refused("mixed:x.toml", Some(64)), "a mix has no payload, so it has no size");
        assert_eq!(refused("echo", Some(1 << 30)), "echo:1GiB: the size must be between 0B and 16MiB");
    }

    #[test]
    fn a_mix_is_what_stands_in_it_and_not_where_it_lies() {
        let folder = std::env::temp_dir().join(format!("duologue-mix-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let mix = |name: &str, text: &str| {
            let file = folder.join(name);
            std::fs::write(&file, text).unwrap();
            Load::parse(&format!("mixed:{}", file.display()), None).unwrap()
        };
        let (one, same) =
            (mix("one.toml", "add = 3\ncallback = 1"), mix("same.toml", "callback = 1\nadd = 3"));
        let other = mix("one.toml", "add = 3\ncallback = 2");
        std::fs::remove_dir_all(&folder).unwrap();
        assert!(one.is_same_work(&same) && !one.is_same_work(&other));
        assert!(other.in_full().ends_with("one.toml (add = 3, callback = 2)"), "{}", other.in_full());
        assert_eq!(Load::one(Work::Add).in_full(), "add");
    }

    #[test]
    fn a_mix_that_is_not_there_is_refused_by_its_name() {
        assert!(refused("mixed:nowhere.toml", None).starts_with("nowhere.toml: cannot be read: "));
    }
}
