//! Where a handler panicked, for the callers of a node that gives it away.
//!
//! A panic hook notes it, on the threads of such nodes alone; whoever catches the panic takes it. What it does not do: replace the
//! hook that was there, which still runs.

use std::backtrace::Backtrace;
use std::cell::{Cell, RefCell};
use std::panic::{set_hook, take_hook};
use std::sync::Once;

use super::hosted::panic_text;

/// Between what the panic said and where it was.
pub(crate) const MARK: &str = "\nbacktrace of the panic:\n";

/// Bytes of a backtrace that are given away.
const BACKTRACE_MAX: usize = 3 * 1024;

thread_local! {
    static WANTED: Cell<bool> = const { Cell::new(false) };
    /// What the last panic said, and where it was.
    static LAST: RefCell<Option<(String, String)>> = const { RefCell::new(None) };
}

/// Installs the hook, once for the process. It waits for every panic that is being reported, which may take seconds: nothing for a
/// thread on which connections wait.
pub(crate) fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let former = take_hook();
        set_hook(Box::new(move |panic| {
            if WANTED.try_with(Cell::get).unwrap_or(false) {
                let place = trimmed(&Backtrace::force_capture().to_string());
                LAST.set(Some((panic_text(panic.payload()), place)));
            }
            former(panic);
        }));
    });
}

/// From now on panics of this thread are noted by the hook, or not.
pub(crate) fn note(wanted: bool) {
    WANTED.set(wanted);
}

/// `text` of a panic that was caught on this thread, with its backtrace if that was noted.
pub(crate) fn with_backtrace(text: String) -> String {
    match LAST.take() {
        Some((said, place)) if said == text => text + MARK + &place,
        _ => text,
    }
}

/// Without the frames of the panic itself above and of the runtime below.
fn trimmed(backtrace: &str) -> String {
    let lines: Vec<&str> = backtrace.lines().collect();
    let symbol = |line: &str, of: &[&str]| of.iter().any(|part| line.contains(part));
    // Between the hook and the code that panicked, each with its place as a line of its own.
    let panics = ["core::panicking::", "core::option::", "core::result::"];
    let of_panic = |line: &&&str| line.trim_start().starts_with("at ") || symbol(line, &panics);
    let first = match lines.iter().position(|line| line.contains("rust_begin_unwind")) {
        Some(hook) => hook + 1 + lines[hook + 1..].iter().take_while(of_panic).count(),
        None => 0,
    };
    let below = ["duologue_runtime::object", "runtime::object::hosted"];
    let count = lines[first..].iter().take_while(|line| !symbol(line, &below)).count();
    let mut text = lines[first..first + count].join("\n");
    let mut end = text.len().min(BACKTRACE_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use super::*;

    #[test]
    fn only_the_frames_of_the_handler_are_given_away() {
        let backtrace = "   0: duologue_runtime::object::backtrace::install\n             at here\n   \
            1: __rustc::rust_begin_unwind\n             at there\n   2: core::panicking::panic_fmt\n             \
            at core:80\n   3: desk::Desk::add\n             at desk.rs:7:9\n   4: \
            duologue_runtime::object::hosted::read_value\n             at hosted.rs:1\n   5: main";
        assert_eq!(trimmed(backtrace), "   3: desk::Desk::add\n             at desk.rs:7:9");
        assert_eq!(trimmed(&"é".repeat(4_000)).len(), BACKTRACE_MAX);
        assert_eq!(trimmed(""), "");
    }

    #[test]
    fn a_backtrace_belongs_to_the_panic_that_said_the_same() {
        install();
        note(true);
        let caught = |text: &'static str| catch_unwind(move || panic!("{text}")).is_err();
        assert!(caught("one"));
        assert!(with_backtrace("one".to_owned()).starts_with(&format!("one{MARK}")));
        assert_eq!(with_backtrace("one".to_owned()), "one", "it was taken");
        assert!(caught("two"));
        assert_eq!(with_backtrace("of another thread".to_owned()), "of another thread");
        note(false);
        assert!(caught("three"));
        assert_eq!(with_backtrace("three".to_owned()), "three");
    }
}
