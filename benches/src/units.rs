//! Sizes, times and counts as people write and read them. Nothing here knows what they are of.

use std::time::Duration;

/// A text that is no size or no time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnitError {
    /// Not a number with a unit of bytes.
    #[error("expected a size such as 64, 1KiB or 16MiB")]
    Size,
    /// Not a number with a unit of time.
    #[error("expected a time such as 500ms, 10s or 2m")]
    Duration,
}

const SIZES: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// Bytes, from `64`, `64B`, `1KiB`, `16MiB` or `1GiB`; upper and lower case are the same.
///
/// ```
/// assert_eq!(duologue_benches::size("16kib"), Ok(16_384));
/// assert!(duologue_benches::size("16 apples").is_err());
/// ```
pub fn size(text: &str) -> Result<u64, UnitError> {
    let (number, unit) = split(text);
    let factor = match unit {
        "" => 1,
        unit => SIZES.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)).ok_or(UnitError::Size)?.1,
    };
    let number: u64 = number.parse().map_err(|_| UnitError::Size)?;
    number.checked_mul(factor).ok_or(UnitError::Size)
}

/// A time, from `500us`, `500ms`, `10s`, `1.5s`, `2m` or `1h`.
///
/// ```
/// assert_eq!(duologue_benches::duration("1.5s"), Ok(std::time::Duration::from_millis(1_500)));
/// ```
pub fn duration(text: &str) -> Result<Duration, UnitError> {
    let (number, unit) = split(text);
    let number: f64 = number.parse().map_err(|_| UnitError::Duration)?;
    let seconds = match unit {
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3_600.0,
        _ => return Err(UnitError::Duration),
    };
    Duration::try_from_secs_f64(number * seconds).map_err(|_| UnitError::Duration)
}

fn split(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    (number, unit.trim())
}

/// Bytes in the largest unit that divides them: the way [`size`] reads them.
pub(crate) fn exact_size(bytes: u64) -> String {
    match SIZES.iter().find(|(_, factor)| bytes >= *factor && bytes.is_multiple_of(*factor)) {
        Some((unit, factor)) => format!("{}{unit}", bytes / factor),
        None => "0B".to_owned(),
    }
}

/// A time in the largest unit that divides it: the way [`duration`] reads it, to the nanosecond.
pub(crate) fn exact_time(time: Duration) -> String {
    match time.as_nanos() {
        ns if ns.is_multiple_of(1_000_000_000) => format!("{}s", ns / 1_000_000_000),
        ns if ns.is_multiple_of(1_000_000) => format!("{}ms", ns / 1_000_000),
        ns => format!("{}us", ns as f64 / 1e3),
    }
}

/// Bytes to three digits: `53.1 KiB`.
pub(crate) fn about_size(bytes: f64) -> String {
    let (unit, factor) = SIZES.iter().find(|(_, f)| bytes.abs() >= *f as f64).unwrap_or(&("B", 1));
    format!("{} {unit}", three_digits(bytes / *factor as f64))
}

/// Nanoseconds to three digits: `85.3 µs`.
pub(crate) fn nanos(ns: f64) -> String {
    let (unit, factor) = match ns {
        0.0 => return "0".to_owned(),
        ns if ns >= 1e9 => ("s", 1e9),
        ns if ns >= 1e6 => ("ms", 1e6),
        ns if ns >= 1e3 => ("µs", 1e3),
        _ => ("ns", 1.0),
    };
    format!("{} {unit}", three_digits(ns / factor))
}

/// A time as it was asked for: `10 s`, `250 ms`.
pub(crate) fn seconds(time: Duration) -> String {
    nanos(time.as_nanos() as f64)
}

/// A count or a rate to three digits: `1.28 M`.
pub(crate) fn count(n: f64) -> String {
    match n {
        n if n >= 1e9 => format!("{} G", three_digits(n / 1e9)),
        n if n >= 1e6 => format!("{} M", three_digits(n / 1e6)),
        n if n >= 1e4 => format!("{} k", three_digits(n / 1e3)),
        n if n.fract() == 0.0 => format!("{n}"),
        n => three_digits(n),
    }
}

/// So many of them: `1 thread`, `2 threads`.
pub(crate) fn plural(n: u64, one: &str) -> String {
    format!("{n} {one}{}", if n == 1 { "" } else { "s" })
}

fn three_digits(n: f64) -> String {
    let decimals = match n.abs() {
        n if n >= 99.95 => 0,
        n if n >= 9.995 => 1,
        _ => 2,
    };
    let text = format!("{n:.decimals$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// A moment in UTC, to the second: `2026-11-22 05:07:09 UTC`.
///
/// Days to a date as in Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`.
pub(crate) fn moment(unix_s: u64) -> String {
    let (days, second) = (unix_s / 86_400, unix_s % 86_400);
    let z = days + 719_468;
    let (era, doe) = (z / 146_097, z % 146_097);
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = doy - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    let year = yoe + era * 400 + u64::from(month <= 2);
    let (h, m, s) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02} {h:02}:{m:02}:{s:02} UTC")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_they_are_written() {
        for (text, bytes) in [("64", 64), ("64B", 64), ("1KiB", 1_024), ("3mib", 3 << 20), ("1GiB", 1 << 30)]
        {
            assert_eq!(size(text), Ok(bytes));
            assert_eq!(size(&exact_size(bytes)), Ok(bytes));
        }
        assert_eq!(exact_size(1_500), "1500B");
        assert_eq!(exact_size(0), "0B");
        for text in ["", "KiB", "1KB", "-1", "1.5KiB", "99999999999999999999", "20000000000GiB"] {
            assert_eq!(size(text), Err(UnitError::Size), "{text}");
        }
    }

    #[test]
    fn times_need_a_unit() {
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(duration("0s"), Ok(Duration::ZERO));
        for text in ["10", "s", "-1s", "1.2.3s", "1 day", "1e400s"] {
            assert_eq!(duration(text), Err(UnitError::Duration), "{text}");
        }
    }

    #[test]
    fn figures_have_three_digits() {
        assert_eq!(nanos(85_312.0), "85.3 µs");
        assert_eq!(nanos(999_960.0), "1000 µs");
        assert_eq!(nanos(2e9), "2 s");
        assert_eq!(count(1_284_000.0), "1.28 M");
        assert_eq!(count(1_234.5), "1234");
        assert_eq!(count(64.0), "64");
        assert_eq!(count(200_000.0), "200 k");
        assert_eq!(about_size(54_400.0), "53.1 KiB");
        assert_eq!(about_size(0.0), "0 B");
    }

    #[test]
    fn a_moment_is_a_date_and_a_time() {
        assert_eq!(moment(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(moment(951_782_399), "2000-02-28 23:59:59 UTC");
        assert_eq!(moment(951_782_400), "2000-02-29 00:00:00 UTC");
        assert_eq!(moment(1_795_324_029), "2026-11-22 05:07:09 UTC");
    }
}
