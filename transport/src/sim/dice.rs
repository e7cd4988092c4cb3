//! [`Dice`]: the random numbers of one direction. Small, the same on every machine, and of no use for secrets.

use std::net::IpAddr;

/// `SplitMix64` (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    /// The numbers of the direction between two machines.
    pub(crate) fn of(seed: u64, from: IpAddr, to: IpAddr) -> Self {
        let mut dice = Self(seed);
        for ip in [from, to] {
            let bits = match ip {
                IpAddr::V4(ip) => ip.to_ipv6_mapped().to_bits(),
                IpAddr::V6(ip) => ip.to_bits(),
            };
            for half in [bits as u64, (bits >> 64) as u64] {
                dice = Self(dice.next() ^ half);
            }
        }
        Self(dice.next())
    }

    /// A number from 0 to just below 1.
    pub(crate) fn roll(&mut self) -> f64 {
        // The 53 bits that a float can hold.
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}
