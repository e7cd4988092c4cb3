//! A scene as a TOML file, and errors that point into it.
//!
//! Every field is read together with its place, so that a wrong value is reported where it stands, just as
//! a wrong character is. What the limits are is not said here: see [`Scene::check`].

use std::fmt;
use std::ops::Range;
use std::path::Path;

use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};
use toml::Spanned;

use super::{ITERATIONS_MAX, Kind, Problem, SAMPLES_MAX, SIDE_MAX, Scene, power_of, whole};
use crate::palette::{self, Palette, Rgb};

/// Largest scene file that is read; a real one has a few hundred bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;
const KINDS: &str = "\"mandelbrot\", \"julia\", \"burning-ship\", \"tricorn\", \"multibrot\"";

/// Why a scene could not be had from a file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum SceneError {
    /// The file could not be read at all.
    #[error("{path}: cannot read this scene file: {source}")]
    Read {
        /// The file as it was named.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is larger than any scene.
    #[error("{path}: expected a scene file of at most {FILE_BYTES_MAX} bytes, found {found}")]
    TooLarge {
        /// The file as it was named.
        path: String,
        /// Its size in bytes.
        found: u64,
    },
    /// The file is not TOML, or not a scene.
    #[error("{path}:{line}:{column}: {message}\n{excerpt}")]
    Bad {
        /// The file as it was named.
        path: String,
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
        /// What was expected there.
        message: String,
        /// The line itself with the place underlined.
        excerpt: String,
    },
}

pub(super) fn load(path: &Path) -> Result<Scene, SceneError> {
    let name = path.display().to_string();
    let read = || {
        let found = std::fs::metadata(path)?.len();
        if found > FILE_BYTES_MAX { Ok(Err(found)) } else { std::fs::read_to_string(path).map(Ok) }
    };
    match read() {
        Ok(Ok(text)) => parse(&name, &text),
        Ok(Err(found)) => Err(SceneError::TooLarge { path: name, found }),
        Err(source) => Err(SceneError::Read { path: name, source }),
    }
}

pub(super) fn parse(path: &str, text: &str) -> Result<Scene, SceneError> {
    let checked = toml::from_str::<SceneFile>(text)
        .map_err(|e| Misplaced { at: e.span().unwrap_or_default(), message: in_plain_words(e.message()) })
        .and_then(SceneFile::check);
    checked.map_err(|wrong| wrong.in_file(path, text))
}

/// The fields as they stand in the file; required ones are optional here so that we word what is missing.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SceneFile {
    kind: Option<Spanned<String>>,
    c: Option<Spanned<[f64; 2]>>,
    power: Option<Spanned<i64>>,
    center: Option<Spanned<[f64; 2]>>,
    scale: Option<Spanned<f64>>,
    size: Option<Spanned<[Spanned<i64>; 2]>>,
    iterations: Option<Spanned<i64>>,
    palette: Option<Spanned<PaletteField>>,
    cycle: Option<Spanned<f64>>,
    inside: Option<Spanned<String>>,
    samples: Option<Spanned<i64>>,
}

impl SceneFile {
    fn check(self) -> Result<Scene, Misplaced> {
        let scene = Scene {
            kind: self.kind()?,
            center: *required(&self.center, "center", "[real, imaginary], the middle of the view")?.get_ref(),
            scale: *required(&self.scale, "scale", "the width of the view in the complex plane")?.get_ref(),
            size: self.size()?,
            iterations: self.iterations()?,
            palette: self.palette()?,
            cycle: self.cycle.as_ref().map_or(64.0, |c| *c.get_ref()),
            inside: self.inside.as_ref().map_or(Ok(Rgb::BLACK), |c| colour("inside", c))?,
            samples: optional(&self.samples, |n| whole("samples", n, SAMPLES_MAX))?.unwrap_or(1),
        };
        scene.check().map_err(|p| Misplaced { at: self.place_of(p.field), message: p.to_string() })?;
        Ok(scene)
    }

    fn kind(&self) -> Result<Kind, Misplaced> {
        let kind = required(&self.kind, "kind", &format!("one of {KINDS}"))?;
        let c = || {
            let expected = "[real, imaginary], the constant of a julia set";
            required(&self.c, "c", expected)
                .map(|c| *c.get_ref())
                .map_err(|e| Misplaced { at: kind.span(), ..e })
        };
        let found = match kind.get_ref().as_str() {
            "mandelbrot" => Kind::Mandelbrot,
            "julia" => Kind::Julia { c: c()? },
            "burning-ship" => Kind::BurningShip,
            "tricorn" => Kind::Tricorn,
            "multibrot" => Kind::Multibrot { power: optional(&self.power, power_of)?.unwrap_or(3) },
            other => {
                let message = format!("kind: expected one of {KINDS}, found {other:?}");
                return Err(Misplaced { at: kind.span(), message });
            }
        };
        let stray = |at, field, only| {
            let message =
                format!("{field}: expected only with kind = {only:?}, found kind = {:?}", kind.get_ref());
            Err(Misplaced { at, message })
        };
        match (&self.c, &self.power, found) {
            (Some(c), _, k) if !matches!(k, Kind::Julia { .. }) => stray(c.span(), "c", "julia"),
            (_, Some(p), k) if !matches!(k, Kind::Multibrot { .. }) => stray(p.span(), "power", "multibrot"),
            _ => Ok(found),
        }
    }

    fn size(&self) -> Result<[u32; 2], Misplaced> {
        let [w, h] = required(&self.size, "size", "[width, height] in pixels")?.get_ref();
        let side = |s: &Spanned<i64>| {
            whole("size", *s.get_ref(), SIDE_MAX)
                .map_err(|p| Misplaced { at: s.span(), message: p.to_string() })
        };
        Ok([side(w)?, side(h)?])
    }

    fn iterations(&self) -> Result<u32, Misplaced> {
        let expected = format!("a whole number from 1 to {ITERATIONS_MAX}");
        required(&self.iterations, "iterations", &expected)?;
        Ok(optional(&self.iterations, |n| whole("iterations", n, ITERATIONS_MAX))?
            .expect("required just above"))
    }

    fn palette(&self) -> Result<Palette, Misplaced> {
        let names = palette::names();
        let expected = format!("one of {names}, or a list of colours \"#rrggbb\"");
        let field = required(&self.palette, "palette", &expected)?;
        match field.get_ref() {
            PaletteField::Named(name) => Palette::named(name).ok_or_else(|| Misplaced {
                at: field.span(),
                message: format!("palette: expected {expected}, found {name:?}"),
            }),
            PaletteField::Listed(list) => {
                list.iter().map(|c| colour("palette", c)).collect::<Result<_, _>>().map(Palette::new)
            }
        }
    }

    /// Where a field stands, for what only the scene as a whole can find wrong.
    fn place_of(&self, field: &str) -> Range<usize> {
        let place = match field {
            "c" => self.c.as_ref().map(Spanned::span),
            "power" => self.power.as_ref().map(Spanned::span),
            "center" => self.center.as_ref().map(Spanned::span),
            "scale" => self.scale.as_ref().map(Spanned::span),
            "palette" => self.palette.as_ref().map(Spanned::span),
            "cycle" => self.cycle.as_ref().map(Spanned::span),
            _ => None,
        };
        place.unwrap_or_default()
    }
}

/// A palette's name or its colours.
#[derive(Debug)]
enum PaletteField {
    Named(String),
    Listed(Vec<Spanned<String>>),
}

impl<'de> Deserialize<'de> for PaletteField {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct NameOrList;
        // By hand, because an untagged enum would lose the places of the colours.
        impl<'de> Visitor<'de> for NameOrList {
            type Value = PaletteField;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a palette or a list of colours \"#rrggbb\"")
            }
            fn visit_str<E>(self, name: &str) -> Result<PaletteField, E> {
                Ok(PaletteField::Named(name.to_owned()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<PaletteField, A::Error> {
                let mut list = Vec::new();
                while let Some(colour) = seq.next_element()? {
                    list.push(colour);
                }
                Ok(PaletteField::Listed(list))
            }
        }
        d.deserialize_any(NameOrList)
    }
}

/// What is wrong, and where in the text.
struct Misplaced {
    at: Range<usize>,
    message: String,
}

impl Misplaced {
    fn in_file(self, path: &str, text: &str) -> SceneError {
        let start = whole_char(text, self.at.start);
        let line_start = text[..start].rfind('\n').map_or(0, |n| n + 1);
        let line = text[..start].matches('\n').count() + 1;
        let column = text[line_start..start].chars().count() + 1;
        let shown = text[line_start..].lines().next().unwrap_or_default();
        let end = whole_char(text, self.at.end.min(line_start + shown.len()).max(start));
        let width = text[start..end].chars().count().max(1);
        let gutter = " ".repeat(line.to_string().len());
        let excerpt = format!(
            "{gutter} |\n{line} | {shown}\n{gutter} | {}{}",
            " ".repeat(column - 1),
            "^".repeat(width)
        );
        SceneError::Bad { path: path.to_owned(), line, column, message: self.message, excerpt }
    }
}

/// The last place up to `at` where a character begins: a span of bytes may end within one.
fn whole_char(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// The parser's message without the names of Rust's types.
fn in_plain_words(message: &str) -> String {
    message.replace("expected i64", "expected a whole number").replace("expected f64", "expected a number")
}

fn required<'a, T>(field: &'a Option<T>, name: &str, expected: &str) -> Result<&'a T, Misplaced> {
    field
        .as_ref()
        .ok_or_else(|| Misplaced { at: 0..0, message: format!("`{name}` is missing: expected {expected}") })
}

fn optional<T: Copy, R>(
    field: &Option<Spanned<T>>,
    check: impl Fn(T) -> Result<R, Problem>,
) -> Result<Option<R>, Misplaced> {
    let checked =
        |f: &Spanned<T>| check(*f.get_ref()).map_err(|p| Misplaced { at: f.span(), message: p.to_string() });
    field.as_ref().map(checked).transpose()
}

fn colour(field: &str, found: &Spanned<String>) -> Result<Rgb, Misplaced> {
    found.get_ref().parse().map_err(|e| Misplaced { at: found.span(), message: format!("{field}: {e}") })
}
