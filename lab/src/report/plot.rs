//! Axes, scales and shading: what all charts have in common.

use rumormill_judge::format::number::number;

use super::shade::Shade;
pub(super) use crate::draw::axis::Axis;
use crate::draw::svg::{Anchor, Font, Paint, Svg};

/// Width of a chart in its own units; the page scales it.
pub(super) const WIDTH: f64 = 480.0;
const HEIGHT: f64 = 270.0;
const LEFT: f64 = 52.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 44.0;

/// Colours are the page's, so that they are right in the dark, too.
pub(super) const INK: &str = "var(--ink)";
pub(super) const FAINT: &str = "var(--faint)";
pub(super) const GRID: &str = "var(--grid)";
pub(super) const RULE: &str = "var(--rule)";
pub(super) const BLUE: &str = "var(--blue)";
pub(super) const ORANGE: &str = "var(--orange)";
pub(super) const GREEN: &str = "var(--green)";
pub(super) const PURPLE: &str = "var(--purple)";

/// The size of texts where the page's style sheet is not read.
const SIZE: f64 = 11.0;

pub(super) const fn font(colour: &'static str) -> Font {
    Font { size: SIZE, colour, bold: false }
}

pub(super) const fn fill(colour: &'static str) -> Paint {
    Paint { fill: colour, stroke: "none", width: 0.0 }
}

/// Draws the ticks of an axis, at most about so many, their numbers and its label below a chart that
/// ends there; answers where the ticks are.
pub(super) fn below(
    svg: &mut Svg,
    axis: Axis,
    most: usize,
    (left, right): (f64, f64),
    bottom: f64,
) -> Vec<f64> {
    let place = |tick: f64| left + axis.share(tick) * (right - left);
    let places: Vec<(f64, f64)> = axis.ticks(most).into_iter().map(|t| (t, place(t))).collect();
    for (tick, x) in &places {
        svg.line(&[(*x, bottom), (*x, bottom + 4.0)], Paint::stroke(RULE, 1.0), "");
        svg.text((*x, bottom + 17.0), Anchor::Middle, font(FAINT), &number(*tick));
    }
    let middle = f64::midpoint(left, right);
    svg.text((middle, bottom + 36.0), Anchor::Middle, font(INK), axis.label);
    places.into_iter().map(|(_, x)| x).collect()
}

/// A chart that is being drawn.
#[derive(Debug)]
pub(super) struct Plot {
    pub(super) svg: Svg,
    x: Axis,
    y: Axis,
    bottom: f64,
}

impl Plot {
    /// An empty plot with axes, and a label for screen readers.
    pub(super) fn new(x: Axis, y: Axis, label: &str) -> Self {
        let mut plot =
            Self { svg: Svg::plain(WIDTH, HEIGHT, label), x, y, bottom: HEIGHT - BOTTOM };
        plot.grid();
        plot
    }

    fn grid(&mut self) {
        let (left, right, bottom) = (LEFT, WIDTH - RIGHT, self.bottom);
        for tick in self.y.ticks(5) {
            let y = self.y(tick);
            self.svg.line(&[(left, y), (right, y)], Paint::stroke(GRID, 1.0), "");
            self.svg.text((left - 6.0, y + 4.0), Anchor::End, font(FAINT), &number(tick));
        }
        below(&mut self.svg, self.x, 7, (left, right), bottom);
        self.svg.line(&[(left, bottom), (right, bottom)], Paint::stroke(RULE, 1.0), "");
        self.svg.vertical_text((12.0, f64::midpoint(TOP, bottom)), font(INK), self.y.label);
    }

    /// Position from left to right; a value beyond the edge is on it.
    pub(super) fn x(&self, value: f64) -> f64 {
        LEFT + self.x.share(value) * (WIDTH - LEFT - RIGHT)
    }

    /// Position from below upwards.
    pub(super) fn y(&self, value: f64) -> f64 {
        self.bottom - self.y.share(value) * (self.bottom - TOP)
    }

    pub(super) fn at(&self, x: f64, y: f64) -> (f64, f64) {
        (self.x(x), self.y(y))
    }

    pub(super) const fn top() -> f64 {
        TOP
    }

    /// A curve that is `step` higher from each of these times on, and goes on to the right edge: a value
    /// that never comes to more nodes stays where it is for good.
    pub(super) fn staircase(&self, at_ms: &[f64], step: f64) -> Vec<(f64, f64)> {
        let mut points = vec![self.at(0.0, 0.0)];
        let mut held = 0.0;
        for ms in at_ms.iter().take_while(|ms| ms.is_finite()) {
            points.push(self.at(*ms, held));
            held += step;
            points.push(self.at(*ms, held));
        }
        points.push(self.at(f64::MAX, held));
        points
    }

    /// Shades these times on an axis of seconds.
    pub(super) fn shade(&mut self, shades: &[Shade]) {
        for shade in shades {
            let (left, right) = (self.x(shade.from_ms / 1e3), self.x(shade.to_ms / 1e3));
            if right - left < 0.1 {
                continue;
            }
            let corners = [(left, TOP), (right, TOP), (right, self.bottom), (left, self.bottom)];
            self.svg.polygon(&corners, fill(shade.colour), &shade.title);
            // Not by colour alone.
            let edges = [[(left, TOP), (left, self.bottom)], [(right, TOP), (right, self.bottom)]];
            for edge in edges {
                self.svg.line(&edge, Paint::stroke(FAINT, 0.6), "2 3");
            }
        }
    }

    /// The picture, with its frame for the script: edges, and the values at them.
    pub(super) fn finish(self) -> String {
        let (Axis { from, to, .. }, bottom, right) = (self.x, self.bottom, WIDTH - RIGHT);
        let (y_from, y_to) = (self.y.from, self.y.to);
        format!(
            "<div class=\"plot\" data-frame=\"{LEFT} {TOP} {right} {bottom} {from} {to} {y_from} \
             {y_to}\">{}</div>",
            self.svg.finish()
        )
    }
}
