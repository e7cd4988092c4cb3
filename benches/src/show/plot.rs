//! A plot as SVG, drawn by plotters. Its colours are names of CSS variables of the page that it stands in, so that it is
//! readable in light and dark alike.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use plotters::prelude::*;

use super::html::escape;
use super::scale::Scale;

/// Colours of lines and bars that a page has.
pub(super) const HUES: usize = 6;

/// What is drawn.
#[derive(Clone, Debug)]
pub(super) struct Plot {
    /// For those who cannot see it.
    pub(super) title: String,
    pub(super) x: Scale,
    pub(super) x_name: String,
    pub(super) y: Scale,
    pub(super) lines: Vec<Line>,
    pub(super) bars: Vec<Bars>,
}

/// Points that belong together.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) name: String,
    pub(super) hue: usize,
    /// Drawn in dashes: of an earlier run.
    pub(super) dashed: bool,
    /// With a dot at each point.
    pub(super) dots: bool,
    pub(super) points: Vec<(f64, f64)>,
}

/// A bar for each place of the x side; several stand beside each other.
#[derive(Clone, Debug)]
pub(super) struct Bars {
    pub(super) name: String,
    pub(super) hue: usize,
    pub(super) heights: Vec<Option<f64>>,
}

/// The page stretches a plot to the width there is, down to that of a telephone: words have to be large for the plot.
const WIDTH: u32 = 500;
const HEIGHT: u32 = 310;
/// For the words of the vertical side.
const LEFT: u32 = 84;
/// For the last word of the other one.
const RIGHT: u32 = 36;
const MARGIN: u32 = 10;
/// Of words, as plotters counts them.
const FONT: u32 = 19;
/// How wide a letter is in it, about.
const LETTER: f64 = 8.4;

/// Colours that stand for variables: plotters knows only numbers.
const WORDS: RGBColor = RGBColor(254, 0, 0);
const EDGE: RGBColor = RGBColor(254, 0, 1);
const MESH: RGBColor = RGBColor(254, 0, 2);

fn hue(n: usize) -> RGBColor {
    RGBColor(255, 0, (n % HUES) as u8)
}

/// A scale as plotters takes it: what lies on it are places already.
struct Side<'a>(&'a Scale);

impl Ranged for Side<'_> {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, place: &f64, (from, to): (i32, i32)) -> i32 {
        let part = (place - self.0.from) / (self.0.to - self.0.from);
        from + (part * f64::from(to - from)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        // Lighter lines between those with words would be noise.
        match hint.weight().allow_light_points() {
            true => Vec::new(),
            false => self.0.ticks.iter().map(|(at, _)| *at).collect(),
        }
    }

    fn range(&self) -> Range<f64> {
        self.0.from..self.0.to
    }
}

impl ValueFormatter<f64> for Side<'_> {
    fn format_ext(&self, place: &f64) -> String {
        self.0.words(*place)
    }
}

impl Plot {
    /// As an `svg` element, and its legend below.
    pub(super) fn draw(&self) -> String {
        let mut svg = String::new();
        match self.draw_on(&mut svg) {
            Ok(()) => self.with_legend(&named_colours(&svg)),
            Err(error) => format!("<p>This plot could not be drawn: {}</p>", escape(&error)),
        }
    }

    fn draw_on(&self, svg: &mut String) -> Result<(), String> {
        let text = |e: &dyn std::fmt::Display| e.to_string();
        let x = self.x.clone().that_fit(f64::from(WIDTH - LEFT - RIGHT - MARGIN) / LETTER);
        let area = SVGBackend::with_string(svg, (WIDTH, HEIGHT)).into_drawing_area();
        let mut chart = ChartBuilder::on(&area)
            .margin(MARGIN)
            .margin_right(RIGHT)
            .x_label_area_size(54)
            .y_label_area_size(LEFT)
            .build_cartesian_2d(Side(&x), Side(&self.y))
            .map_err(|e| text(&e))?;
        let mut mesh = chart.configure_mesh();
        let words = ("sans-serif", FONT).into_font().color(&WORDS);
        mesh.axis_style(EDGE)
            .bold_line_style(MESH)
            .light_line_style(TRANSPARENT)
            .label_style(words.clone())
            .axis_desc_style(words)
            .x_desc(self.x_name.as_str());
        if !self.bars.is_empty() {
            mesh.disable_x_mesh();
        }
        mesh.draw().map_err(|e| text(&e))?;
        for line in &self.lines {
            let points: Vec<(f64, f64)> =
                line.points.iter().map(|(x, y)| (self.x.place(*x), self.y.place(*y))).collect();
            let style = hue(line.hue).stroke_width(2);
            if line.dashed {
                let dashes = DashedLineSeries::new(points.iter().copied(), 6, 5, style);
                chart.draw_series(dashes).map_err(|e| text(&e))?;
            } else {
                chart.draw_series(LineSeries::new(points.iter().copied(), style)).map_err(|e| text(&e))?;
            }
            if line.dots {
                let dots = points.iter().map(|at| Circle::new(*at, 4, hue(line.hue).filled()));
                chart.draw_series(dots).map_err(|e| text(&e))?;
            }
        }
        // Four fifths of a place are bars, the rest keeps the places apart.
        let width = 0.8 / self.bars.len().max(1) as f64;
        for (which, bars) in self.bars.iter().enumerate() {
            let heights = bars.heights.iter().enumerate().filter_map(|(n, height)| Some((n, (*height)?)));
            let boxes = heights.map(|(n, height)| {
                let left = n as f64 + 0.1 + which as f64 * width;
                let corners = [(left, 0.0), (left + width * 0.94, self.y.place(height))];
                Rectangle::new(corners, hue(bars.hue).filled())
            });
            chart.draw_series(boxes).map_err(|e| text(&e))?;
        }
        area.present().map_err(|e| text(&e))
    }

    fn with_legend(&self, svg: &str) -> String {
        let lines = self.lines.iter().map(|line| (&line.name, line.hue, line.dashed));
        let entries: Vec<_> =
            lines.chain(self.bars.iter().map(|bars| (&bars.name, bars.hue, false))).collect();
        let mut text =
            svg.replacen("<svg ", &format!("<svg role=\"img\" aria-label=\"{}\" ", escape(&self.title)), 1);
        text = format!("<div class=\"wide\">{text}</div>");
        if entries.len() > 1 {
            text += "<ul class=\"legend\">";
            for (name, hue, dashed) in entries {
                let class = if dashed { " class=\"dashed\"" } else { "" };
                let colour = hue % HUES;
                text +=
                    &format!("<li><i{class} style=\"--hue: var(--hue-{colour})\"></i>{}</li>", escape(name));
            }
            text += "</ul>";
        }
        text
    }
}

/// The variables in place of the numbers that stand for them; the page says how large a plot is.
fn named_colours(svg: &str) -> String {
    let mut text = svg.replacen(&format!("width=\"{WIDTH}\" height=\"{HEIGHT}\" "), "", 1);
    let mut name = |colour: RGBColor, variable: &str| {
        let RGBColor(r, g, b) = colour;
        text = text.replace(&format!("\"#{r:02X}{g:02X}{b:02X}\""), &format!("\"var(--{variable})\""));
    };
    name(WORDS, "words");
    name(EDGE, "side");
    name(MESH, "mesh");
    (0..HUES).for_each(|n| name(hue(n), &format!("hue-{n}")));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot() -> Plot {
        Plot {
            title: "a <plot>".to_owned(),
            x: Scale::from_zero(10.0, |n| n.to_string()),
            x_name: "how many".to_owned(),
            y: Scale::log(1.0, 100.0, |n| n.to_string()),
            lines: vec![
                Line {
                    name: "now & here".to_owned(),
                    hue: 0,
                    dashed: false,
                    dots: true,
                    points: vec![(0.0, 1.0), (5.0, 50.0)],
                },
                Line {
                    name: "before".to_owned(),
                    hue: 7,
                    dashed: true,
                    dots: false,
                    points: vec![(0.0, 2.0), (9.0, 90.0)],
                },
            ],
            bars: Vec::new(),
        }
    }

    #[test]
    fn every_colour_is_a_variable_of_the_page() {
        let svg = plot().draw();
        assert!(!svg.contains("\"#"), "{svg}");
        for variable in ["--words", "--side", "--mesh", "--hue-0", "--hue-1"] {
            assert!(svg.contains(variable), "{variable}: {svg}");
        }
    }

    #[test]
    fn it_says_what_it_is_and_what_its_lines_are() {
        let svg = plot().draw();
        assert!(
            svg.starts_with("<div class=\"wide\"><svg role=\"img\" aria-label=\"a &lt;plot&gt;\" viewBox="),
            "{svg}"
        );
        assert!(svg.contains("</i>now &amp; here</li>") && svg.contains("<i class=\"dashed\""), "{svg}");
        assert_eq!(svg.matches("<circle").count(), 2, "a dot for each point: {svg}");
    }

    #[test]
    fn bars_that_are_not_known_are_left_out() {
        let bars = Bars { name: "client".to_owned(), hue: 0, heights: vec![Some(3.0), None, Some(7.0)] };
        let y = Scale::from_zero(7.0, |n| n.to_string());
        let x = Scale::places(["a", "b", "c"].map(str::to_owned).to_vec());
        let svg = Plot { x, y, lines: Vec::new(), bars: vec![bars], ..plot() }.draw();
        assert_eq!(svg.matches("<rect").count(), 2, "{svg}");
    }
}
