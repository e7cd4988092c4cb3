//! What is to be drawn: a checked [`Scene`], small enough to travel in one call.
//!
//! Reading it from TOML is in [`mod@file`]. This file knows no file, line or column: a value that is out of
//! its limits is a [`Problem`] that names its field, whether it came from a file or from a peer.

mod file;

use serde::{Deserialize, Serialize};

use crate::palette::{Palette, Rgb};
pub(crate) use file::SceneError;

/// Longest side of a picture: 16,384² pixels are 768 MiB, all of which the coordinator holds.
pub(crate) const SIDE_MAX: u32 = 16_384;
/// Most iterations per sample; at about 2 ns each, one sample then takes 2 ms.
pub(crate) const ITERATIONS_MAX: u32 = 1_000_000;
/// Most samples along each side of a pixel.
pub(crate) const SAMPLES_MAX: u32 = 8;
/// Highest power of a multibrot.
pub(crate) const POWER_MAX: u32 = 16;
/// Largest distance from the origin that is of any interest: everything beyond has escaped long ago.
pub(crate) const COORDINATE_MAX: f64 = 100.0;

/// A picture of a fractal, all values within their limits once [`check`](Scene::check) has said so.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Scene {
    /// The formula that is iterated.
    pub(crate) kind: Kind,
    /// Middle of the view, as real and imaginary part.
    pub(crate) center: [f64; 2],
    /// Width of the view in the complex plane.
    pub(crate) scale: f64,
    /// Width and height in pixels.
    pub(crate) size: [u32; 2],
    /// Iterations after which a sample counts as inside.
    pub(crate) iterations: u32,
    /// Colours of what escapes, from the first iteration on, round and round.
    pub(crate) palette: Palette,
    /// Iterations that one round through the palette takes.
    pub(crate) cycle: f64,
    /// Colour of what does not escape.
    pub(crate) inside: Rgb,
    /// Samples along each side of a pixel: 2 means 4 per pixel.
    pub(crate) samples: u32,
}

/// The formula that is iterated.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// z² + c from 0, c being the point.
    Mandelbrot,
    /// z² + c from the point, with one c for the whole picture.
    Julia {
        /// Real and imaginary part of the constant.
        c: [f64; 2],
    },
    /// (|re z| + i |im z|)² + c from 0, drawn upside down, as everybody does: the ship floats.
    BurningShip,
    /// conj(z)² + c from 0.
    Tricorn,
    /// zᵖ + c from 0.
    Multibrot {
        /// The exponent p.
        power: u32,
    },
}

/// A value that no scene may have: which field, and what was expected of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub(crate) struct Problem {
    pub(crate) field: &'static str,
    pub(crate) message: String,
}

impl Problem {
    fn new(field: &'static str, message: impl Into<String>) -> Self {
        Self { field, message: message.into() }
    }
}

impl Scene {
    /// The scene that is drawn when none is named.
    pub(crate) fn embedded() -> Result<Self, SceneError> {
        file::parse("scenes/default.toml", include_str!("../scenes/default.toml"))
    }

    /// Reads and checks a scene file.
    pub(crate) fn load(path: &std::path::Path) -> Result<Self, SceneError> {
        file::load(path)
    }

    /// Whether every value is within its limits; what comes from a peer is to be asked as well.
    pub(crate) fn check(&self) -> Result<(), Problem> {
        whole("size", self.size[0].into(), SIDE_MAX)?;
        whole("size", self.size[1].into(), SIDE_MAX)?;
        whole("iterations", self.iterations.into(), ITERATIONS_MAX)?;
        whole("samples", self.samples.into(), SAMPLES_MAX)?;
        point("center", self.center)?;
        match self.kind {
            Kind::Julia { c } => point("c", c)?,
            Kind::Multibrot { power } => {
                power_of(power.into())?;
            }
            Kind::Mandelbrot | Kind::BurningShip | Kind::Tricorn => {}
        }
        positive("scale", self.scale, COORDINATE_MAX)?;
        positive("cycle", self.cycle, f64::from(ITERATIONS_MAX))?;
        self.palette.check().map_err(|message| Problem::new("palette", message))?;
        self.check_precision()
    }

    /// Distance of two neighbouring samples in the complex plane.
    pub(crate) fn step(&self) -> f64 {
        self.scale / f64::from(self.size[0]) / f64::from(self.samples)
    }

    /// Below this, neighbouring samples fall on the same f64 and the picture turns into bricks.
    fn check_precision(&self) -> Result<(), Problem> {
        let reach = self.center[0].abs().max(self.center[1].abs()).max(self.scale);
        let least = reach * f64::EPSILON * 2.0;
        if self.step() >= least {
            return Ok(());
        }
        let scale = least * f64::from(self.size[0]) * f64::from(self.samples);
        Err(Problem::new(
            "scale",
            format!(
                "expected at least {scale:.1e} at this center and size (a double holds no finer pixels), found {}",
                number(self.scale)
            ),
        ))
    }
}

/// `found` as a whole number from 1 to `max`.
fn whole(field: &'static str, found: i64, max: u32) -> Result<u32, Problem> {
    u32::try_from(found)
        .ok()
        .filter(|n| (1..=max).contains(n))
        .ok_or_else(|| Problem::new(field, format!("expected a whole number from 1 to {max}, found {found}")))
}

/// `found` as the power of a multibrot.
fn power_of(found: i64) -> Result<u32, Problem> {
    u32::try_from(found).ok().filter(|n| (2..=POWER_MAX).contains(n)).ok_or_else(|| {
        Problem::new("power", format!("expected a whole number from 2 to {POWER_MAX}, found {found}"))
    })
}

/// Both parts of a point are numbers within reach.
fn point(field: &'static str, found: [f64; 2]) -> Result<(), Problem> {
    match found.into_iter().find(|v| !(-COORDINATE_MAX..=COORDINATE_MAX).contains(v)) {
        None => Ok(()),
        Some(v) => Err(Problem::new(
            field,
            format!("expected two numbers from -{COORDINATE_MAX} to {COORDINATE_MAX}, found {}", number(v)),
        )),
    }
}

/// A number above 0 and not above `max`.
fn positive(field: &'static str, found: f64, max: f64) -> Result<(), Problem> {
    if found > 0.0 && found <= max {
        return Ok(());
    }
    Err(Problem::new(field, format!("expected a number above 0, at most {max}, found {}", number(found))))
}

/// A number as short as it can be written.
fn number(v: f64) -> String {
    if v != 0.0 && v.is_finite() && !(1e-4..1e9).contains(&v.abs()) {
        format!("{v:e}")
    } else {
        v.to_string()
    }
}

#[cfg(test)]
mod tests;
