//! Load on a Duologue node: the place of the load generator and of the micro-benchmarks.
//!
//! Empty as yet. The comparison with hand-written quinn programs is a workspace of its own, in `peers/` beside
//! this crate, so that its dependencies are not those of everybody who builds the project.
