//! Colours: the named palettes, and how a position between two colours is mixed.
//!
//! Mixing squares the channels and takes the root again, which is close to how light adds up and, unlike
//! the true curve of sRGB, made of operations that give the same bits on every machine.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Most colours of one palette; keeps a scene below what one call may carry.
pub(crate) const COLOURS_MAX: usize = 256;

const NAMED: [(&str, &[u32]); 6] = [
    ("ember", &[0x0b0a1e, 0x3b0f4f, 0x8a1c53, 0xd9472b, 0xf79a1e, 0xffe9a8, 0xc65a2e, 0x4a1236]),
    ("ocean", &[0x000764, 0x206bcb, 0xedffff, 0xffaa00, 0x310230, 0x000764]),
    ("glacier", &[0x04101f, 0x0d3b66, 0x3a86b7, 0xa9dcec, 0xffffff, 0x9fb8d9, 0x4a5a8f, 0x1a1f45]),
    ("orchid", &[0x12061f, 0x4b1d6e, 0xa33ea1, 0xf28ab2, 0xffe3e0, 0x7fb7be, 0x2d5d7b, 0x141b3c]),
    ("moss", &[0x07130c, 0x1d4d2b, 0x5c9a3c, 0xd3e07a, 0xfff8d6, 0xb08a4a, 0x54351f, 0x1a120c]),
    ("spectrum", &[0xd7263d, 0xf46036, 0xffd23f, 0x3bb273, 0x1b98e0, 0x5b3fa0]),
];

/// The names of all palettes as a message lists them.
pub(crate) fn names() -> String {
    NAMED.map(|(name, _)| format!("{name:?}")).join(", ")
}

/// A colour of 8 bits a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rgb(pub(crate) [u8; 3]);

impl Rgb {
    /// The colour of what never escapes, unless said otherwise.
    pub(crate) const BLACK: Self = Self([0; 3]);

    fn from_code(code: u32) -> Self {
        let [_, r, g, b] = code.to_be_bytes();
        Self([r, g, b])
    }
}

/// A text that is no colour.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a colour \"#rrggbb\", found {0:?}")]
pub(crate) struct BadColour(String);

impl FromStr for Rgb {
    type Err = BadColour;

    fn from_str(s: &str) -> Result<Self, BadColour> {
        let bad = || BadColour(s.to_owned());
        let digits = s.strip_prefix('#').filter(|d| d.len() == 6 && d.bytes().all(|b| b.is_ascii_hexdigit()));
        u32::from_str_radix(digits.ok_or_else(bad)?, 16).map(Self::from_code).map_err(|_| bad())
    }
}

/// A ring of colours: after the last comes the first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Palette(Vec<Rgb>);

impl Palette {
    pub(crate) fn new(colours: Vec<Rgb>) -> Self {
        Self(colours)
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        let (_, codes) = NAMED.iter().find(|(n, _)| *n == name)?;
        Some(Self(codes.iter().copied().map(Rgb::from_code).collect()))
    }

    /// Whether it has a number of colours that can be mixed and sent.
    pub(crate) fn check(&self) -> Result<(), String> {
        let found = self.0.len();
        if (2..=COLOURS_MAX).contains(&found) {
            return Ok(());
        }
        Err(format!("expected 2 to {COLOURS_MAX} colours, found {found}"))
    }

    /// The squared channels at `turn` rounds from the first colour; `check` has passed.
    pub(crate) fn light_at(&self, turn: f64) -> Light {
        let at = (turn - turn.floor()) * self.0.len() as f64;
        let (low, part) = (at.floor(), at - at.floor());
        let index = (low as usize) % self.0.len();
        let (from, to) = (Light::of(self.0[index]), Light::of(self.0[(index + 1) % self.0.len()]));
        Light([0, 1, 2].map(|i| from.0[i] + (to.0[i] - from.0[i]) * part))
    }
}

/// Squared channels: what can be added and divided.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Light([f64; 3]);

impl Light {
    pub(crate) const NONE: Self = Self([0.0; 3]);

    pub(crate) fn of(colour: Rgb) -> Self {
        Self(colour.0.map(|c| f64::from(c) * f64::from(c)))
    }

    pub(crate) fn add(self, other: Self) -> Self {
        Self([0, 1, 2].map(|i| self.0[i] + other.0[i]))
    }

    /// The colour of the mean of `count` lights that were added up.
    pub(crate) fn mean(self, count: f64) -> Rgb {
        Rgb(self.0.map(|c| (c / count).sqrt().round() as u8))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colour_is_a_hash_and_six_hexadecimal_digits() {
        assert_eq!("#ff8001".parse(), Ok(Rgb([255, 128, 1])));
        for bad in ["", "#", "ff8001", "#ff800", "#ff80011", "#ff80g1", "#+f8001", "#ﬀ8001"] {
            assert_eq!(bad.parse::<Rgb>(), Err(BadColour(bad.to_owned())));
        }
    }

    #[test]
    fn every_named_palette_passes_its_own_check() {
        for (name, codes) in NAMED {
            let palette = Palette::named(name).unwrap();
            assert_eq!(palette.check(), Ok(()));
            assert_eq!(palette.0.len(), codes.len());
        }
        assert_eq!(Palette::named("Ember"), None);
    }

    #[test]
    fn a_palette_goes_round_and_hits_its_colours_exactly() {
        let palette = Palette::new(vec![Rgb([0, 10, 255]), Rgb([200, 10, 0])]);
        assert_eq!(palette.light_at(0.0).mean(1.0), Rgb([0, 10, 255]));
        assert_eq!(palette.light_at(0.5).mean(1.0), Rgb([200, 10, 0]));
        assert_eq!(palette.light_at(7.0).mean(1.0), Rgb([0, 10, 255]));
        assert_eq!(palette.light_at(-0.5).mean(1.0), Rgb([200, 10, 0]));
        assert_eq!(palette.light_at(0.25).mean(1.0), Rgb([141, 10, 180]));
        assert_eq!(palette.light_at(0.75), palette.light_at(0.25));
    }

    #[test]
    fn the_mean_of_equal_lights_is_their_colour() {
        for c in 0..=255 {
            let light = Light::of(Rgb([c, 0, 255]));
            assert_eq!(light.add(light).add(light).mean(3.0), Rgb([c, 0, 255]));
        }
    }
}
