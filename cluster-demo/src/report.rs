//! What the one who waits gets to see: bars on a terminal, lines of a log everywhere else.
//!
//! Both go to standard error; only results go to standard output. Nothing here decides anything.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::time::Instant;

use indicatif::{MultiProgress, ProgressBar, ProgressState, ProgressStyle};
use tracing::{info, warn};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::job::{News, Who};
use crate::schedule::WorkerId;

/// The screen, and a bar for each worker on it if it is one.
#[derive(Debug)]
pub(crate) struct Report {
    screen: Screen,
    total: ProgressBar,
    workers: BTreeMap<WorkerId, WorkerBar>,
}

#[derive(Debug)]
struct WorkerBar {
    who: Who,
    bar: ProgressBar,
    since: Instant,
    tiles: u32,
}

impl Report {
    /// A report on a picture of this many tiles.
    pub(crate) fn new(screen: Screen, tiles: u32) -> Self {
        let style = style_of("{bar:32.cyan/blue} {pos}/{len} tiles, {rate}, ready in {eta}").with_key(
            "rate",
            |state: &ProgressState, to: &mut dyn fmt::Write| {
                // What cannot be written is not shown.
                let _ = write!(to, "{:.1}/s", state.per_sec());
            },
        );
        let total = match &screen.bars {
            Some(bars) => bars.add(ProgressBar::new(tiles.into()).with_style(style)),
            None => ProgressBar::hidden(),
        };
        total.tick();
        Self { screen, total, workers: BTreeMap::new() }
    }

    /// Shows what happened. With bars, what they show is not said as well.
    pub(crate) fn show(&mut self, news: &News) {
        match news {
            News::Joined { worker, who } => {
                info!("{news}");
                self.workers.insert(*worker, WorkerBar::new(&self.screen, who));
            }
            News::Progress { worker, tile, rows } => {
                if let Some(worker) = self.workers.get(worker) {
                    worker.bar.set_length(tile.h.into());
                    worker.bar.set_position((*rows).into());
                    worker.bar.set_prefix(tile.index.to_string());
                }
            }
            News::Rendered { worker, .. } => {
                if self.screen.bars.is_none() {
                    info!("{news}");
                }
                self.total.inc(1);
                if let Some(worker) = self.workers.get_mut(worker) {
                    worker.tiles += 1;
                    worker.describe();
                }
            }
            News::Failed { .. } => warn!("{news}"),
            News::Lost { worker, .. } => {
                warn!("{news}");
                if let Some(worker) = self.workers.remove(worker) {
                    worker.bar.finish_and_clear();
                }
            }
        }
    }

    /// Takes the bars away, so that what follows stands on a clean screen.
    pub(crate) fn finish(&self) {
        self.workers.values().for_each(|w| w.bar.finish_and_clear());
        self.total.finish_and_clear();
    }
}

impl WorkerBar {
    fn new(screen: &Screen, who: &Who) -> Self {
        let style = "{bar:16.green/black} {msg}, at tile {prefix}";
        let bar = match &screen.bars {
            Some(bars) => bars.add(ProgressBar::new(1).with_style(style_of(style))),
            None => ProgressBar::hidden(),
        };
        let worker = Self { who: who.clone(), bar, since: Instant::now(), tiles: 0 };
        worker.describe();
        worker
    }

    fn describe(&self) {
        let seconds = self.since.elapsed().as_secs_f64().max(0.001);
        let rate = f64::from(self.tiles) / seconds;
        self.bar.set_message(format!("{}: {} tiles, {rate:.1}/s", self.who, self.tiles));
    }
}

fn style_of(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// Standard error: with room for bars at its lower end if it is a terminal.
#[derive(Debug, Clone)]
pub(crate) struct Screen {
    bars: Option<MultiProgress>,
}

impl Screen {
    /// Looks what standard error is, and sends the log there: `RUST_LOG`, or from `info` on what is ours.
    pub(crate) fn open() -> Self {
        let screen = Self { bars: io::stderr().is_terminal().then(MultiProgress::new) };
        let filter =
            EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn,cluster_demo=info"));
        tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_target(false)
            .with_ansi(screen.bars.is_some())
            .with_writer(screen.clone())
            .init();
        screen
    }

    /// A screen without bars; where the log goes is left as it is.
    #[cfg(test)]
    pub(crate) fn lines_only() -> Self {
        Self { bars: None }
    }

    /// Writes a line as it is, above the bars.
    pub(crate) fn pass_on(&self, line: &str) {
        // A screen that is gone is no reason to stop.
        let _ = self.write_lines(format!("{line}\n").as_bytes());
    }

    /// Writes a result to standard output.
    pub(crate) fn print(&self, text: &str) {
        let print = || writeln!(io::stdout(), "{text}");
        // Whoever closed it did not want to know.
        let _ = match &self.bars {
            Some(bars) => bars.suspend(print),
            None => print(),
        };
    }

    fn write_lines(&self, lines: &[u8]) -> io::Result<()> {
        match &self.bars {
            Some(bars) => bars.suspend(|| io::stderr().write_all(lines)),
            None => io::stderr().write_all(lines),
        }
    }
}

impl<'a> MakeWriter<'a> for Screen {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Write for Screen {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        self.write_lines(lines).map(|()| lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
