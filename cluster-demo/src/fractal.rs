//! From a scene and a tile to pixels: the same bits on every machine.
//!
//! Only `+ - * /`, comparisons, `floor` and `sqrt` are used, which IEEE 754 defines to the last bit; the one
//! logarithm is our own, since those of the system libraries differ. No threads here: a tile is the unit
//! that is spread over workers.

use std::ops::ControlFlow;

use crate::palette::Light;
use crate::scene::{Kind, Scene};
use crate::tile::Tile;

/// Square of the radius beyond which a sample has escaped: 2⁸, far out, where the colours get smooth.
const ESCAPE: f64 = 65_536.0;

/// Draws one tile of a checked scene: rows from above, 3 bytes a pixel.
///
/// `progress` hears the number of finished rows after each one; `None` if it said to stop.
pub(crate) fn render(
    scene: &Scene,
    tile: Tile,
    progress: &mut dyn FnMut(u32) -> ControlFlow<()>,
) -> Option<Vec<u8>> {
    let view = View::new(scene);
    let mut pixels = Vec::with_capacity(tile.bytes());
    for row in 0..tile.h {
        for column in 0..tile.w {
            pixels.extend(view.pixel(tile.x + column, tile.y + row));
        }
        if progress(row + 1).is_break() {
            return None;
        }
    }
    Some(pixels)
}

/// A scene with what all its pixels share.
struct View<'a> {
    scene: &'a Scene,
    step: f64,
    /// 1 / log₂ of the formula's degree.
    degree: f64,
}

impl<'a> View<'a> {
    fn new(scene: &'a Scene) -> Self {
        let degree = match scene.kind {
            Kind::Multibrot { power } => 1.0 / log2(f64::from(power)),
            _ => 1.0,
        };
        Self { scene, step: scene.step(), degree }
    }

    fn pixel(&self, px: u32, py: u32) -> [u8; 3] {
        let n = self.scene.samples;
        let mut light = Light::NONE;
        for sy in 0..n {
            for sx in 0..n {
                light = light.add(self.sample(px * n + sx, py * n + sy));
            }
        }
        light.mean(f64::from(n * n)).0
    }

    /// The light of one sample, counted like pixels on a picture `samples` times as fine.
    fn sample(&self, sx: u32, sy: u32) -> Light {
        let scene = self.scene;
        let from_middle = |at: u32, side: u32| f64::from(at) + 0.5 - f64::from(side * scene.samples) * 0.5;
        let x = scene.center[0] + from_middle(sx, scene.size[0]) * self.step;
        let down = from_middle(sy, scene.size[1]) * self.step;
        let y = if scene.kind == Kind::BurningShip { scene.center[1] + down } else { scene.center[1] - down };
        match escape(scene.kind, x, y, scene.iterations) {
            None => Light::of(scene.inside),
            Some(left) => scene.palette.light_at(self.smooth(left) / scene.cycle),
        }
    }

    /// The number of iterations as if it could be a fraction, so that neighbours differ little.
    fn smooth(&self, left: Escaped) -> f64 {
        let beyond = log2(log2(left.radius2) / log2(ESCAPE)) * self.degree;
        (f64::from(left.after) + 1.0 - beyond).max(0.0)
    }
}

/// Where a sample was when it had left.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Escaped {
    after: u32,
    radius2: f64,
}

fn escape(kind: Kind, x: f64, y: f64, iterations: u32) -> Option<Escaped> {
    match kind {
        Kind::Mandelbrot if in_a_bulb(x, y) => None,
        Kind::Mandelbrot => iterate((0.0, 0.0), iterations, |a, b| (a * a - b * b + x, 2.0 * a * b + y)),
        Kind::Julia { c } => iterate((x, y), iterations, |a, b| (a * a - b * b + c[0], 2.0 * a * b + c[1])),
        Kind::BurningShip => {
            iterate((0.0, 0.0), iterations, |a, b| (a * a - b * b + x, 2.0 * (a * b).abs() + y))
        }
        Kind::Tricorn => iterate((0.0, 0.0), iterations, |a, b| (a * a - b * b + x, -2.0 * a * b + y)),
        Kind::Multibrot { power } => iterate((0.0, 0.0), iterations, |a, b| {
            let (re, im) = to_the(power, a, b);
            (re + x, im + y)
        }),
    }
}

/// Repeats `next` until the point is out, or is known never to get there.
fn iterate(start: (f64, f64), iterations: u32, next: impl Fn(f64, f64) -> (f64, f64)) -> Option<Escaped> {
    let (mut x, mut y) = start;
    let (mut before, mut look_again) = (start, 16);
    for after in 0..iterations {
        (x, y) = next(x, y);
        let radius2 = x * x + y * y;
        if radius2 > ESCAPE {
            return Some(Escaped { after, radius2 });
        }
        // Exactly where it was before: it goes round for ever (Brent's cycle detection).
        if (x, y) == before {
            return None;
        }
        if after == look_again {
            (before, look_again) = ((x, y), look_again * 2);
        }
    }
    None
}

/// The two largest parts of the Mandelbrot set, which need no iteration.
fn in_a_bulb(x: f64, y: f64) -> bool {
    let (left, y2) = (x - 0.25, y * y);
    let q = left * left + y2;
    q * (q + left) <= 0.25 * y2 || (x + 1.0) * (x + 1.0) + y2 <= 0.0625
}

fn to_the(power: u32, a: f64, b: f64) -> (f64, f64) {
    (1..power).fold((a, b), |(re, im), _| (re * a - im * b, re * b + im * a))
}

/// log₂ of a normal positive number from exactly defined operations; error below 2⁻⁵⁰ relative to 1.
///
/// ln m = 2 artanh((m - 1) / (m + 1)), m within √½ … √2 (Abramowitz and Stegun 4.1.27).
fn log2(v: f64) -> f64 {
    const MANTISSA: u64 = (1 << 52) - 1;
    let bits = v.to_bits();
    let mut exponent = ((bits >> 52) & 0x7ff) as i32 - 1023;
    let mut m = f64::from_bits((bits & MANTISSA) | (1023 << 52));
    if m > std::f64::consts::SQRT_2 {
        (m, exponent) = (m * 0.5, exponent + 1);
    }
    let s = (m - 1.0) / (m + 1.0);
    let s2 = s * s;
    let series = (0..11).rev().fold(0.0, |sum, k| sum * s2 + 1.0 / f64::from(2 * k + 1));
    f64::from(exponent) + 2.0 * s * series * std::f64::consts::LOG2_E
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::palette::{Palette, Rgb};
    use crate::tile::{Grid, TileIndex};

    fn scene(kind: Kind) -> Scene {
        Scene {
            kind,
            center: [-0.5, 0.1],
            scale: 3.2,
            size: [61, 53],
            iterations: 300,
            palette: Palette::named("ember").unwrap(),
            cycle: 30.0,
            inside: Rgb::BLACK,
            samples: 2,
        }
    }

    fn all(scene: &Scene) -> Vec<Vec<u8>> {
        let grid = Grid::new(scene.size);
        let tile = |i| render(scene, grid.tile(TileIndex(i)).unwrap(), &mut |_| ControlFlow::Continue(()));
        (0..grid.count()).map(|i| tile(i).unwrap()).collect()
    }

    /// FNV-1a, to pin a picture in one number.
    fn print_of(tiles: &[Vec<u8>]) -> u64 {
        let step = |h: u64, b: &u8| (h ^ u64::from(*b)).wrapping_mul(0x0000_0100_0000_01b3);
        tiles.iter().flatten().fold(0xcbf2_9ce4_8422_2325, step)
    }

    #[test]
    fn the_logarithm_agrees_with_the_library() {
        for n in 1..200_000u32 {
            for v in [f64::from(n), f64::from(n) / 4_096.0, 1.0 / f64::from(n), f64::from(n) * 1e12] {
                assert!((log2(v) - v.log2()).abs() <= v.log2().abs().max(1.0) * 1e-15, "{v}");
            }
        }
        assert_eq!([log2(1.0), log2(2.0), log2(65_536.0), log2(0.25)], [0.0, 1.0, 16.0, -2.0]);
    }

    #[test]
    fn a_picture_is_the_same_on_every_machine() {
        let kinds = [
            Kind::Mandelbrot,
            Kind::Julia { c: [-0.8, 0.156] },
            Kind::BurningShip,
            Kind::Tricorn,
            Kind::Multibrot { power: 4 },
        ];
        assert_eq!(kinds.map(|kind| print_of(&all(&scene(kind)))), PRINTS);
    }
    const PRINTS: [u64; 5] = [
        6_758_050_353_453_247_587,
        17_365_327_738_712_684_753,
        15_779_355_812_308_235_588,
        10_304_552_667_866_986_921,
        4_836_593_046_467_933_601,
    ];

    #[test]
    fn progress_counts_the_rows_and_can_stop_the_work() {
        let scene = scene(Kind::Tricorn);
        let tile = Grid::new(scene.size).tile(TileIndex(0)).unwrap();
        let mut rows = Vec::new();
        let done = render(&scene, tile, &mut |row| {
            rows.push(row);
            ControlFlow::Continue(())
        });
        assert_eq!(done.unwrap().len(), tile.bytes());
        assert_eq!(rows, (1..=48).collect::<Vec<_>>());
        let stop = &mut |row| if row == 5 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
        assert_eq!(render(&scene, tile, stop), None);
    }

    #[test]
    fn what_is_inside_never_escapes_and_what_is_outside_does() {
        assert_eq!(escape(Kind::Mandelbrot, 0.0, 0.0, 1_000_000), None);
        assert_eq!(escape(Kind::Mandelbrot, -1.3, 0.0, 1_000_000), None);
        assert_eq!(escape(Kind::BurningShip, -1.75, 0.0, 10_000), None);
        assert_eq!(escape(Kind::Mandelbrot, 300.0, 0.0, 10).unwrap().after, 0);
        assert!(escape(Kind::Mandelbrot, 0.26, 0.0, 1_000).unwrap().after > 20);
    }

    #[test]
    fn the_bulbs_hold_only_what_does_not_escape() {
        for i in 0..200 {
            for j in 0..200 {
                let (x, y) = (f64::from(i) / 80.0 - 2.0, f64::from(j) / 80.0 - 1.25);
                let step = |a: f64, b: f64| (a * a - b * b + x, 2.0 * a * b + y);
                assert!(!in_a_bulb(x, y) || iterate((0.0, 0.0), 5_000, step).is_none(), "{x} {y}");
            }
        }
    }

    #[test]
    fn powers_multiply() {
        assert_eq!(to_the(2, 3.0, 4.0), (-7.0, 24.0));
        assert_eq!(to_the(3, 3.0, 4.0), (-117.0, 44.0));
    }
}
