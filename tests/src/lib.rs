//! The harness of the black-box tests: nodes in one process, nodes as child processes, and a hostile peer that speaks the wire by hand.
//!
//! It holds no tests: those are the binaries in `tests/tests`, one per kind.

pub mod busy;
pub mod events;
pub mod figures;
pub mod hostile;
pub mod many;
pub mod nodes;
pub mod probe;
pub mod process;

/// The code of the repository's front page compiles and runs.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
