//! What the one who waits gets to see: a bar on a terminal, a line for each point everywhere else. Both go to standard
//! error; only the report goes to standard output.

use std::cell::Cell;
use std::io::{self, IsTerminal};
use std::time::Duration;

use benches::News;
use indicatif::{ProgressBar, ProgressStyle};

/// A run as it goes on.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    /// Whether the point is measured already.
    measuring: Cell<bool>,
}

impl Progress {
    /// Looks what standard error is.
    pub(crate) fn new() -> Progress {
        let bar = io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{prefix} {bar:28.cyan/blue} {msg}");
            let bar = ProgressBar::new(1).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        Progress { bar, measuring: Cell::new(false) }
    }

    /// Shows what happened.
    pub(crate) fn show(&self, news: &News) {
        match news {
            News::Point { number, of, label } => {
                self.measuring.set(false);
                match &self.bar {
                    Some(bar) => bar.set_prefix(format!("[{number}/{of}] {label}")),
                    None => self.say(&format!("[{number}/{of}] {label}")),
                }
            }
            News::Connecting { made, of } => {
                self.move_to(*made as f64, *of as f64, &format!("connecting: {made} of {of}"))
            }
            News::Running { seconds, of, measured, per_s, failed } => {
                let phase = if *measured { "measured" } else { "warm-up" };
                let failed = if *failed > 0 { format!(", {failed} failed") } else { String::new() };
                if *measured && !self.measuring.replace(true) && self.bar.is_none() {
                    self.say("    measuring");
                }
                self.move_to(*seconds, *of, &format!("{phase}: {per_s:.0} calls/s{failed}"));
            }
            News::Measured(point) => self.say(&format!("    {}", benches::line(point))),
            _ => {}
        }
    }

    fn move_to(&self, now: f64, of: f64, message: &str) {
        if let Some(bar) = &self.bar {
            bar.set_length((of * 1e3) as u64);
            bar.set_position((now * 1e3) as u64);
            bar.set_message(message.to_owned());
        }
    }

    /// A line above the bar.
    pub(crate) fn say(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| crate::say(line)),
            None => crate::say(line),
        }
    }

    /// Takes the bar away, so that what follows stands on a clean screen.
    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
