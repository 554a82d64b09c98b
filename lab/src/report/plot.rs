//! Axes, scales and shading: what all charts have in common.

use crate::figures::number;
use crate::svg::{Anchor, Font, Paint, Svg};

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
pub(super) const SHADE: &str = "var(--shade)";

/// The size of texts where the page's style sheet is not read.
const SIZE: f64 = 11.0;

pub(super) const fn font(colour: &'static str) -> Font {
    Font { size: SIZE, colour, bold: false }
}

pub(super) const fn fill(colour: &'static str) -> Paint {
    Paint { fill: colour, stroke: "none", width: 0.0 }
}

/// An axis: range and label.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) label: &'static str,
    /// Each step is a factor; it begins above 0.
    pub(super) is_log: bool,
}

impl Axis {
    /// From 0 to at least this, and never nothing at all.
    pub(super) fn to(to: f64, label: &'static str) -> Self {
        let to = if to.is_finite() && to > 0.0 { to } else { 1.0 };
        Self { from: 0.0, to, label, is_log: false }
    }

    /// From 1 to at least this, each step a factor; what is below 1 is at the edge.
    pub(super) fn log(to: f64, label: &'static str) -> Self {
        let to = if to.is_finite() { to.max(10.0) } else { 10.0 };
        Self { from: 1.0, to, label, is_log: true }
    }

    /// Position of a value: 0 at the beginning, 1 at the end.
    fn share(self, value: f64) -> f64 {
        let share = if self.is_log {
            (value.max(self.from) / self.from).ln() / (self.to / self.from).ln()
        } else {
            (value - self.from) / (self.to - self.from)
        };
        share.clamp(0.0, 1.0)
    }

    /// Round numbers on it, at most about so many.
    pub(super) fn ticks(self, most: usize) -> Vec<f64> {
        if self.is_log {
            let decades = (0..15).map(|power| 10_f64.powi(power));
            let all = decades.flat_map(|decade| [1.0, 3.0].map(|factor| factor * decade));
            return all.filter(|tick| (self.from..=self.to).contains(tick)).collect();
        }
        let span = self.to - self.from;
        let rough = span / most.max(1) as f64;
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 2.5, 5.0, 10.0].map(|factor| factor * power);
        let step = step.into_iter().find(|step| *step >= rough * 0.999).unwrap_or(rough);
        let first = (self.from / step).ceil();
        let count = ((self.to / step).floor() - first).max(0.0) as usize;
        (0..=count.min(100)).map(|i| (first + i as f64) * step).collect()
    }
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

    /// Shades the partitions on an axis of seconds.
    pub(super) fn shade(&mut self, partitions: &[(f64, f64)]) {
        for (index, (start_ms, end_ms)) in (1..).zip(partitions) {
            let (left, right) = (self.x(start_ms / 1e3), self.x(end_ms / 1e3));
            if right - left < 0.1 {
                continue;
            }
            let corners = [(left, TOP), (right, TOP), (right, self.bottom), (left, self.bottom)];
            let title = format!(
                "partition {index}: {} to {} s",
                number(start_ms / 1e3),
                number(end_ms / 1e3)
            );
            self.svg.polygon(&corners, fill(SHADE), &title);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_inside() {
        let ticks = |to: f64, most| Axis::to(to, "").ticks(most);
        assert_eq!(ticks(10.0, 5), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        assert_eq!(ticks(301.7, 4), [0.0, 100.0, 200.0, 300.0]);
        assert_eq!(ticks(0.0, 2), [0.0, 0.5, 1.0]);
        assert_eq!(ticks(f64::NAN, 2), [0.0, 0.5, 1.0]);
        for to in [0.001, 0.7, 3.0, 19.99, 12_345.0, 1e9] {
            let found = ticks(to, 6);
            assert!((2..=7).contains(&found.len()), "{to}: {found:?}");
            assert!(found.iter().all(|tick| (0.0..=to * 1.001).contains(tick)), "{to}: {found:?}");
        }
    }
}
