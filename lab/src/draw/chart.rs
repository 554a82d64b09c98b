//! Charts of lines and points for documents: one look, with a legend below.

use rumormill_judge::format::number::number;

use crate::draw::axis::Axis;
use crate::draw::svg::{Anchor, Font, Paint, Svg};

const WIDTH: f64 = 860.0;
const LEFT: f64 = 78.0;
const RIGHT: f64 = 830.0;
const TOP: f64 = 50.0;
const BOTTOM: f64 = 380.0;
/// Height of a line of the legend.
const ROW: f64 = 19.0;

// Okabe and Ito's palette, which colour-blind people can tell apart.
const COLOURS: [&str; 8] =
    ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#8a8a8a"];
const INK: &str = "#222222";
const FAINT: &str = "#666666";
const GRID: &str = "#e8e8e8";

/// The way in which a series is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// Measured, many points: a line.
    Line,
    /// Measured, few points: a line with a dot at each.
    Dots,
    /// A model: a dotted line in the colour of the series before it.
    ModelOfLast,
    /// A model by itself: a dotted line.
    Model,
}

/// Points, from left to right, with the name in the legend.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) style: Style,
    pub(crate) points: Vec<(f64, f64)>,
}

impl Series {
    pub(crate) fn new(
        name: impl Into<String>,
        style: Style,
        points: impl IntoIterator<Item = (f64, f64)>,
    ) -> Self {
        Self { name: name.into(), style, points: points.into_iter().collect() }
    }
}

/// A chart of series over two axes.
#[derive(Clone, Debug)]
pub(crate) struct Chart {
    pub(crate) title: String,
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    pub(crate) series: Vec<Series>,
}

impl Chart {
    /// The picture.
    pub(crate) fn draw(&self) -> String {
        let named = self.series.iter().filter(|series| !series.name.is_empty()).count();
        let height = BOTTOM + 62.0 + ROW * named as f64;
        let mut svg = Svg::new(WIDTH, height, &self.title, &self.description());
        let headline = Font { size: 15.0, colour: INK, bold: true };
        svg.text((LEFT, 30.0), Anchor::Start, headline, &self.title);
        self.axes(&mut svg);
        let mut colours = COLOURS.iter().cycle();
        let (mut colour, mut row) = (INK, 0.0);
        for series in &self.series {
            if series.style != Style::ModelOfLast {
                colour = colours.next().copied().unwrap_or(INK);
            }
            self.line(&mut svg, series, colour);
            if !series.name.is_empty() {
                let y = BOTTOM + 62.0 + ROW * row;
                let (paint, dashes) = look(series.style, colour);
                svg.line(&[(LEFT, y - 4.0), (LEFT + 24.0, y - 4.0)], paint, dashes);
                svg.text((LEFT + 32.0, y), Anchor::Start, font(INK), &series.name);
                row += 1.0;
            }
        }
        svg.finish()
    }

    fn description(&self) -> String {
        let names: Vec<&str> = self.series.iter().map(|series| &*series.name).collect();
        format!("{} over {}: {}", self.y.label, self.x.label, names.join("; "))
    }

    fn at(&self, (x, y): (f64, f64)) -> (f64, f64) {
        (LEFT + self.x.share(x) * (RIGHT - LEFT), BOTTOM - self.y.share(y) * (BOTTOM - TOP))
    }

    fn axes(&self, svg: &mut Svg) {
        for tick in self.y.ticks(6) {
            let (_, y) = self.at((self.x.from, tick));
            svg.line(&[(LEFT, y), (RIGHT, y)], Paint::stroke(GRID, 1.0), "");
            svg.text((LEFT - 6.0, y + 4.0), Anchor::End, font(FAINT), &number(tick));
        }
        for tick in self.x.ticks(10) {
            let (x, _) = self.at((tick, self.y.from));
            svg.line(&[(x, TOP), (x, BOTTOM)], Paint::stroke(GRID, 1.0), "");
            svg.text((x, BOTTOM + 17.0), Anchor::Middle, font(FAINT), &number(tick));
        }
        svg.text((LEFT.midpoint(RIGHT), BOTTOM + 37.0), Anchor::Middle, font(INK), self.x.label);
        svg.vertical_text((20.0, TOP.midpoint(BOTTOM)), font(INK), self.y.label);
    }

    /// Points outside the axes end the line there.
    fn line(&self, svg: &mut Svg, series: &Series, colour: &'static str) {
        let inside = |(x, y): &(f64, f64)| {
            let x_is = (self.x.from..=self.x.to).contains(x);
            x_is && y.is_finite() && (!self.y.is_log || *y >= self.y.from) && *y <= self.y.to
        };
        let points: Vec<(f64, f64)> =
            series.points.iter().copied().filter(inside).map(|point| self.at(point)).collect();
        let (paint, dashes) = look(series.style, colour);
        svg.line(&points, paint, dashes);
        if series.style == Style::Dots {
            for (x, y) in points {
                let side = 3.0;
                let corners = [(x - side, y), (x, y - side), (x + side, y), (x, y + side)];
                svg.polygon(&corners, Paint { fill: colour, stroke: colour, width: 1.0 }, "");
            }
        }
    }
}

const fn font(colour: &'static str) -> Font {
    Font { size: 12.0, colour, bold: false }
}

const fn look(style: Style, colour: &'static str) -> (Paint, &'static str) {
    match style {
        Style::Line | Style::Dots => (Paint::stroke(colour, 2.0), ""),
        Style::Model | Style::ModelOfLast => (Paint::stroke(colour, 1.2), "2 4"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_has_the_colour_of_its_series_and_points_beyond_the_axes_are_left_out() {
        let line = |name: &str, style, y| Series::new(name, style, [(0.0, y), (5.0, y), (50.0, y)]);
        let chart = Chart {
            title: "T".to_owned(),
            x: Axis::to(10.0, "x"),
            y: Axis::decades(0.01, 1.0, "y"),
            series: vec![
                line("a", Style::Line, 0.1),
                line("", Style::ModelOfLast, 0.2),
                line("b", Style::Dots, 0.001),
            ],
        };
        let svg = chart.draw();
        let lines: Vec<&str> = svg.lines().filter(|line| line.contains(COLOURS[0])).collect();
        // The series, the sample in the legend, and the model.
        assert_eq!(lines.len(), 3, "{svg}");
        assert!(lines[2].contains("stroke-dasharray"));
        let points = |line: &str| line.matches(',').count();
        assert_eq!(points(lines[0]), 2, "{}", lines[0]);
        let b: Vec<&str> = svg.lines().filter(|line| line.contains(COLOURS[1])).collect();
        assert!(b.iter().all(|line| !line.contains("polygon")), "{b:?}");
    }
}
