//! Counts the instructions of this program while it does some work: it starts itself under valgrind.

use std::process::Command;

use crate::work::Work;

/// How often the work is done at least, and how much oftener the second time.
const FEW: u32 = 1_000;
const MORE: u32 = 2_000;

/// The instructions could not be counted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotCounted {
    #[error("valgrind does not start ({0}); it is in Debian's package of that name")]
    NoValgrind(std::io::Error),
    #[error("the work {0} failed under valgrind:\n{1}")]
    Failed(&'static str, String),
    #[error("valgrind did not say how many instructions it counted:\n{0}")]
    Unclear(String),
}

/// The instructions of one call at both ends.
pub(crate) fn per_call(work: Work) -> Result<u64, NotCounted> {
    let few = instructions(work, FEW)?;
    let more = instructions(work, FEW + MORE)?;
    Ok(more.saturating_sub(few) / u64::from(MORE))
}

fn instructions(work: Work, times: u32) -> Result<u64, NotCounted> {
    let me = std::env::current_exe().map_err(NotCounted::NoValgrind)?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(me)
        .args(["work", work.name(), &times.to_string()])
        .output()
        .map_err(NotCounted::NoValgrind)?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() {
        return Err(NotCounted::Failed(work.name(), said));
    }
    collected(&said).ok_or(NotCounted::Unclear(said))
}

/// The figure in a line such as `==1234== Collected : 16171642`.
fn collected(said: &str) -> Option<u64> {
    let line = said.lines().find(|line| line.contains("Collected :"))?;
    line.rsplit(':').next()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figure_is_found_in_what_valgrind_says() {
        let said =
            "==7== Callgrind, a call-graph generating cache profiler\n==7== Collected : 16171642\n==7==\n";
        assert_eq!(collected(said), Some(16_171_642));
        assert_eq!(collected("==7== no such line"), None);
    }
}
