//! How figures lie along the side of a plot, and which of them are written there. Pure.

/// One side of a plot: a figure becomes a place between `from` and `to`, and some places have words.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scale {
    kind: Kind,
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) ticks: Vec<(f64, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Linear,
    /// By the decimal logarithm.
    Log,
    /// Of a percentile: by how many nines it has.
    Nines,
}

/// Steps of a linear scale, at most.
const STEPS: f64 = 6.0;

impl Scale {
    /// From 0 to a round number of bytes at or above `most`: round in the unit it is shown in.
    pub(super) fn bytes(most: f64, show: impl Fn(f64) -> String) -> Scale {
        let unit = 1_024_f64.powi(most.max(1.0).log(1_024.0) as i32);
        let Scale { kind, from, to, ticks } = Scale::from_zero(most / unit, |n| show(n * unit));
        let ticks = ticks.into_iter().map(|(at, words)| (at * unit, words)).collect();
        Scale { kind, from, to: to * unit, ticks }
    }

    /// From 0 to a round number at or above `most`.
    pub(super) fn from_zero(most: f64, show: impl Fn(f64) -> String) -> Scale {
        let most = if most > 0.0 { most } else { 1.0 };
        let step = round_up(most / STEPS);
        let steps = (most / step - 1e-9).ceil().max(1.0);
        let ticks = (0..=steps as u32).map(|n| f64::from(n) * step).map(|at| (at, show(at))).collect();
        Scale { kind: Kind::Linear, from: 0.0, to: steps * step, ticks }
    }

    /// From `least` to `most`, both above 0, by their logarithm, with words at 1, and between them at 2 and 5 if there is
    /// room.
    pub(super) fn log(least: f64, most: f64, show: impl Fn(f64) -> String) -> Scale {
        let least = least.max(f64::MIN_POSITIVE);
        let most = most.max(least);
        let decades = most.log10() - least.log10();
        let marks: &[f64] = if decades <= 3.0 { &[1.0, 2.0, 5.0] } else { &[1.0] };
        let all: Vec<f64> = ((least.log10().floor() as i32 - 1)..=(most.log10().ceil() as i32 + 1))
            .flat_map(|decade| marks.iter().map(move |mark| mark * 10_f64.powi(decade)))
            .collect();
        // Out to the marks around both ends, so that these have words too.
        let from = all.iter().copied().rfind(|at| *at <= least * 1.000_001).unwrap_or(least);
        let to = all.iter().copied().find(|at| *at >= most * 0.999_999 && *at > from).unwrap_or(most);
        let within = all.into_iter().filter(|at| (from..=to).contains(at));
        let ticks = within.map(|at| (at.log10(), show(at))).collect();
        Scale { kind: Kind::Log, from: from.log10(), to: to.log10(), ticks }
    }

    /// By the logarithm, with words at these values.
    pub(super) fn log_at(values: &[f64], show: impl Fn(f64) -> String) -> Scale {
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = values.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
        let room = ((most.log10() - least.log10()) * 0.04).max(0.1);
        let ticks = values.iter().map(|at| (at.log10(), show(*at))).collect();
        Scale { kind: Kind::Log, from: least.log10() - room, to: most.log10() + room, ticks }
    }

    /// Percentiles from 0 to so many nines.
    pub(super) fn nines(most: u32) -> Scale {
        let name = |n: u32| match n {
            0 => "0".to_owned(),
            1 => "90 %".to_owned(),
            2 => "99 %".to_owned(),
            n => format!("99.{} %", "9".repeat(n as usize - 2)),
        };
        let ticks = (0..=most).map(|n| (f64::from(n), name(n))).collect();
        Scale { kind: Kind::Nines, from: 0.0, to: f64::from(most), ticks }
    }

    /// A place for each of several things, side by side.
    pub(super) fn places(names: Vec<String>) -> Scale {
        let to = names.len() as f64;
        let ticks = names.into_iter().enumerate().map(|(n, name)| (n as f64 + 0.5, name)).collect();
        Scale { kind: Kind::Linear, from: 0.0, to, ticks }
    }

    /// Where a figure lies; within the ends.
    pub(super) fn place(&self, value: f64) -> f64 {
        let place = match self.kind {
            Kind::Linear => value,
            Kind::Log => value.max(f64::MIN_POSITIVE).log10(),
            Kind::Nines => -(1.0 - value.min(100.0) / 100.0).max(1e-12).log10(),
        };
        place.clamp(self.from, self.to)
    }

    /// What is written at a place.
    pub(super) fn words(&self, place: f64) -> String {
        let nearest = self.ticks.iter().min_by(|a, b| (a.0 - place).abs().total_cmp(&(b.0 - place).abs()));
        nearest.map(|(_, words)| words.clone()).unwrap_or_default()
    }

    /// With the words that stand clear of each other where there is room for so many letters, from the first one on.
    pub(super) fn that_fit(mut self, letters: f64) -> Scale {
        let (from, length) = (self.from, self.to - self.from);
        let mut end = f64::NEG_INFINITY;
        self.ticks.retain(|(at, words)| {
            let middle = (at - from) / length * letters;
            let half = words.chars().count() as f64 / 2.0;
            let clear = middle - half > end;
            if clear {
                end = middle + half + 0.5;
            }
            clear
        });
        self
    }
}

/// The least of 1, 2, 2.5, 5 times a power of ten that is not below `n`.
fn round_up(n: f64) -> f64 {
    let decade = 10_f64.powf(n.log10().floor());
    [1.0, 2.0, 2.5, 5.0, 10.0]
        .map(|m| m * decade)
        .into_iter()
        .find(|step| *step >= n * 0.999_999)
        .unwrap_or(n)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(scale: &Scale) -> Vec<&str> {
        scale.ticks.iter().map(|(_, words)| words.as_str()).collect()
    }

    #[test]
    fn a_linear_scale_ends_at_a_round_number() {
        let scale = Scale::from_zero(1_130.0, |n| n.to_string());
        assert_eq!(words(&scale), ["0", "200", "400", "600", "800", "1000", "1200"]);
        assert_eq!((scale.from, scale.to), (0.0, 1_200.0));
        assert_eq!(Scale::from_zero(6.0, |n| n.to_string()).to, 6.0);
        assert_eq!(Scale::from_zero(0.0, |n| n.to_string()).to, 1.0);
    }

    #[test]
    fn bytes_are_round_in_their_unit() {
        let scale = Scale::bytes(228.0 * 1_024.0, |n| (n / 1_024.0).to_string());
        assert_eq!(words(&scale), ["0", "50", "100", "150", "200", "250"]);
        assert_eq!(scale.to, 250.0 * 1_024.0);
        assert_eq!(Scale::bytes(100.0, |n| n.to_string()).to, 100.0);
        assert_eq!(Scale::bytes(5e6, |n| n.to_string()).to, 5.0 * 1_048_576.0);
    }

    #[test]
    fn a_logarithmic_scale_has_words_around_both_ends() {
        assert_eq!(
            words(&Scale::log(30.0, 700.0, |n| n.to_string())),
            ["20", "50", "100", "200", "500", "1000"]
        );
        assert_eq!(
            words(&Scale::log(3.0, 70_000.0, |n| n.to_string())),
            ["1", "10", "100", "1000", "10000", "100000"]
        );
        assert_eq!(words(&Scale::log(100.0, 100.0, |n| n.to_string())), ["100", "200"]);
        let scale = Scale::log(10.0, 1_000.0, |n| n.to_string());
        assert_eq!((scale.place(10.0), scale.place(100.0), scale.place(1e9)), (1.0, 2.0, 3.0));
    }

    #[test]
    fn percentiles_lie_by_their_nines() {
        let scale = Scale::nines(4);
        assert_eq!(words(&scale), ["0", "90 %", "99 %", "99.9 %", "99.99 %"]);
        assert_eq!(scale.place(0.0), 0.0);
        assert!((scale.place(99.9) - 3.0).abs() < 1e-9);
        assert_eq!(scale.place(100.0), 4.0);
        assert_eq!(scale.words(2.9), "99.9 %");
    }

    #[test]
    fn words_that_would_lie_on_others_are_left_out() {
        let scale = Scale::places((0..10).map(|n| format!("{n} k/s")).collect());
        assert_eq!(words(&scale.clone().that_fit(60.0)).len(), 10);
        assert_eq!(words(&scale.clone().that_fit(40.0)), ["0 k/s", "2 k/s", "4 k/s", "6 k/s", "8 k/s"]);
        assert_eq!(words(&scale.that_fit(3.0)), ["0 k/s"]);
        let values = Scale::log_at(&[1.0, 1_000.0, 1_001.0, 1_000_000.0], |n| n.to_string());
        assert_eq!(words(&values.that_fit(50.0)), ["1", "1000", "1000000"]);
    }

    #[test]
    fn things_side_by_side_have_their_names_in_the_middle() {
        let scale = Scale::places(vec!["a".to_owned(), "b".to_owned(), "c".to_owned()]);
        assert_eq!((scale.to, scale.place(1.5), scale.words(1.6)), (3.0, 1.5, "b".to_owned()));
    }
}
