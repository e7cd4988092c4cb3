//! How much processor time this process has used, all threads together, from `/proc/self/stat`.
//!
//! The kernel gives it in hundredths of a second, so a measured second is right to about one per cent.

use std::time::Duration;

use crate::Fault;

/// `USER_HZ`, which Linux shows as 100 to every program, whatever its own clock does.
const TICKS_PER_SECOND: u64 = 100;

/// User and system time since the process began.
pub(crate) fn used() -> Result<Duration, Fault> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let ticks = ticks(&stat).ok_or("/proc/self/stat has not the fields it should have")?;
    Ok(Duration::from_millis(ticks * 1_000 / TICKS_PER_SECOND))
}

/// Fields 14 and 15; counted from the last parenthesis, since the program's name may hold anything.
fn ticks(stat: &str) -> Option<u64> {
    let after_name = &stat[stat.rfind(')')? + 1..];
    let mut fields = after_name.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_spaces_and_parentheses_does_not_shift_the_fields() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 1 0 0 0 120 34 0 0 20 0 1 0 5 6 7";
        assert_eq!(ticks(stat), Some(154));
        assert_eq!(ticks("garbage"), None);
    }
}
