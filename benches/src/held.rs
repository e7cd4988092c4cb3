//! What an end holds for the connections of a load. Once the load is over, nothing of it should be left.

use std::fmt;
use std::time::Duration;

use duologue::{Connection, ConnectionStats, Node};
use serde::{Deserialize, Serialize};

use crate::units::plural;

/// How long an end may take to let go of what it holds.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long connections may take to be gone: of one whose farewell is lost, no less than its idle time, which is 10 s if nobody says another one.
const CLOSING: Duration = Duration::from_secs(15);

/// What an end holds for others, over several connections: as [`ConnectionStats`], without what every connection has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Held {
    /// Connections that are to be gone.
    pub connections: usize,
    /// Objects of this end that the other one holds.
    pub exports: usize,
    /// Objects of the other end that this one holds.
    pub imports: usize,
    /// Calls of this end that are not answered.
    pub calls_awaiting: usize,
    /// Calls of the other end that are not answered.
    pub calls_running: usize,
    /// Answers that are kept for calls through them.
    pub answers_kept: usize,
    /// Permits of calls that are out.
    pub permits_out: usize,
    /// Streams that this end gives.
    pub giving: usize,
    /// Streams that the other end gives.
    pub taking: usize,
}

impl From<ConnectionStats> for Held {
    fn from(stats: ConnectionStats) -> Held {
        Held {
            connections: 0,
            exports: stats.exports,
            imports: stats.imports,
            calls_awaiting: stats.calls_awaiting,
            calls_running: stats.calls_running,
            answers_kept: stats.answers_kept,
            permits_out: stats.permits_out,
            giving: stats.giving,
            taking: stats.taking,
        }
    }
}

impl Held {
    /// Whether that is nothing.
    pub fn is_nothing(&self) -> bool {
        *self == Held::default()
    }

    /// What those connections of a node hold for which `of` says so, once that is nothing, or after some time.
    pub(crate) async fn at(node: &Node, of: impl Fn(&Connection) -> bool) -> Held {
        let held = || {
            let mut sum = ConnectionStats::default();
            node.connections().iter().filter(|one| of(one)).for_each(|one| sum += one.stats());
            Held::from(sum)
        };
        // Whatever is left then is what is told.
        let _ = tokio::time::timeout(PATIENCE, node.until(|_| held().is_nothing())).await;
        held()
    }

    /// How many of those connections of a node are open, once none is, or after some time.
    pub(crate) async fn open(node: &Node, of: impl Fn(&Connection) -> bool) -> usize {
        let open = || node.connections().iter().filter(|one| of(one)).count();
        let _ = tokio::time::timeout(CLOSING, node.until(|_| open() == 0)).await;
        open()
    }

    /// What two hold together.
    pub(crate) fn and(self, other: &Held) -> Held {
        Held {
            connections: self.connections + other.connections,
            exports: self.exports + other.exports,
            imports: self.imports + other.imports,
            calls_awaiting: self.calls_awaiting + other.calls_awaiting,
            calls_running: self.calls_running + other.calls_running,
            answers_kept: self.answers_kept + other.answers_kept,
            permits_out: self.permits_out + other.permits_out,
            giving: self.giving + other.giving,
            taking: self.taking + other.taking,
        }
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = [
            (self.connections, "connection", ""),
            (self.exports, "export", ""),
            (self.imports, "import", ""),
            (self.calls_awaiting, "call", " awaiting an answer"),
            (self.calls_running, "call", " running"),
            (self.answers_kept, "answer", " kept"),
            (self.permits_out, "permit", " out"),
            (self.giving, "stream", " given"),
            (self.taking, "stream", " taken"),
        ];
        let some = all.into_iter().filter(|(n, ..)| *n > 0);
        let words: Vec<String> = some.map(|(n, what, how)| plural(n as u64, what) + how).collect();
        f.write_str(if words.is_empty() { "nothing" } else { "" })?;
        f.write_str(&words.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_named() {
        assert_eq!(Held::default().to_string(), "nothing");
        let held = Held { exports: 3, calls_awaiting: 1, taking: 2, ..Held::default() };
        assert_eq!(held.to_string(), "3 exports, 1 call awaiting an answer, 2 streams taken");
        assert!(!held.is_nothing());
    }

    #[test]
    fn two_hold_what_each_of_them_holds() {
        let one = Held { connections: 1, exports: 2, permits_out: 4, ..Held::default() };
        let other = Held { exports: 3, calls_running: 5, ..Held::default() };
        let both = Held { connections: 1, exports: 5, calls_running: 5, permits_out: 4, ..Held::default() };
        assert_eq!(one.and(&other), both);
    }

    #[test]
    fn an_end_that_counts_something_else_is_understood() {
        let held: Held = serde_json::from_str("{\"exports\": 2, \"dreams\": 7}").unwrap();
        assert_eq!(held, Held { exports: 2, ..Held::default() });
    }
}
