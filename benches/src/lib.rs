//! Load on a Duologue node: a server to be measured, a load generator, and reports of what came of it.
//!
//! # Goals
//! * Both ends are measured: their processor time and memory, the server's as it says itself.
//! * A closed loop (so many calls under way) and an open one (so many calls a second, each counted from when it was
//!   due, whatever became of those before it).
//! * A report that can be read alone: a table, JSON, a page with plots, and a comparison with an earlier one.
//!
//! # Not goals
//! * A command line: that is `duologue bench` in the crate `duologue-cli`.
//! * Other programs: the comparison with hand-written QUIC programs is a workspace of its own, in `peers/` beside this
//!   crate, so that its dependencies are not those of everybody who builds the project.
//!
//! # A picture
//! ```text
//!            run                                      serve
//!  ┌───────────────────────────┐             ┌───────────────────────┐
//!  │ coordinator: phases, news │── control ──│ Bench: usage, held    │
//!  │   │                       │             │                       │
//!  │   ▼                       │             │                       │
//!  │ thread: node + its load   │── calls ────│ Target, Target, ..    │
//!  │ thread: node + its load   │── calls ────│ (or OwnTarget)        │
//!  └───────────────────────────┘             └───────────────────────┘
//! ```
//!
//! # An example
//! ```
//! use std::time::Duration;
//! use duologue_benches::{Access, Knobs, Load, Plan, Target, run, serve};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let server = serve("127.0.0.1:0", 1, Duration::ZERO, &Access::default()).await?;
//! let mut knobs = Knobs::new(Load::parse("add", None)?);
//! (knobs.duration, knobs.warm_up) = (Duration::from_millis(100), Duration::from_millis(10));
//! let target = Target { address: server.local_addr().to_string(), access: Access::default() };
//! let report = run(Plan::new(knobs, None)?, target, |_| {}, std::future::pending()).await;
//! assert!(report.complete && report.points[0].calls > 0);
//! # Ok(())
//! # }
//! ```

mod access;
mod axis;
mod difference;
mod held;
mod knobs;
mod latency;
mod load;
mod mix;
mod plan;
mod report;
mod run;
mod schedule;
mod server;
mod service;
mod show;
mod units;
mod usage;
mod work;

pub use access::{Access, AccessError, Target};
pub use axis::Axis;
pub use difference::Difference;
pub use held::Held;
pub use knobs::{KnobError, Knobs, Lanes};
pub use latency::{Latency, Rank};
pub use load::{Load, LoadError};
pub use mix::MixError;
pub use plan::{Plan, Sweep, SweepError};
pub use report::{
    BaselineError, Change, Comparison, End, EndUse, Failure, Left, Part, Point, Report, Sample, Stopped,
};
pub use run::{News, run};
pub use schedule::Schedule;
pub use server::{ServeError, serve};
pub use service::{Hello, VERSION};
pub use show::{line, page, table};
pub use units::{UnitError, duration, size};
pub use usage::Usage;
pub use work::{Work, WorkError};
