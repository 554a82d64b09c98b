//! S-curves: in the terminal, and as a picture.

use super::subject::Found;
use crate::svg::{Anchor, Font, Paint, Svg};

/// Size of the terminal's chart, in characters.
const COLUMNS: usize = 66;
const ROWS: usize = 16;

/// Marks of the curves in the terminal.
const MARKS: [char; 8] = ['A', 'B', 'C', 'D', 'E', 'F', 'G', 'H'];

// Okabe and Ito's palette, which colour-blind people can tell apart.
const COLOURS: [&str; 8] =
    ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#8a8a8a"];
const INK: &str = "#222222";
const GRID: &str = "#e8e8e8";

/// The letter of a curve.
#[must_use]
pub fn mark(place: usize) -> char {
    MARKS[place % MARKS.len()]
}

/// Cycles that a chart shows: to where all curves are flat.
fn length(found: &[Found]) -> f64 {
    let flat = |one: &Found| {
        let end = one.curve.last().copied().unwrap_or(0.0);
        let at = one.curve.iter().position(|known| *known >= end - 5e-4).unwrap_or(0);
        (at as f64 * one.step + 1.0).min(one.length().max(1.0))
    };
    found.iter().map(flat).fold(1.0, f64::max)
}

/// The share of nodes that know over cycles; the models' curves are dots behind.
#[must_use]
pub fn terminal(found: &[Found]) -> String {
    let length = length(found);
    let mut grid = vec![vec![' '; COLUMNS + 1]; ROWS + 1];
    let row = |share: f64| ROWS - (share.clamp(0.0, 1.0) * ROWS as f64).round() as usize;
    let at = |column: usize| column as f64 / COLUMNS as f64 * length;
    let mut plot = |mark: char, share: &dyn Fn(f64) -> f64| {
        for column in 0..=COLUMNS {
            let line = &mut grid[row(share(at(column)))];
            line[column] = mark;
        }
    };
    for one in found.iter().filter(|one| !one.model.is_empty()) {
        plot('·', &|cycle| model_at(&one.model, cycle));
    }
    for (place, one) in found.iter().enumerate().rev() {
        plot(mark(place), &|cycle| between(one, cycle));
    }
    let mut text = String::new();
    for (at, line) in grid.iter().enumerate() {
        let share = 100 * (ROWS - at) / ROWS;
        let label = if at % 4 == 0 { format!("{share:>4} %") } else { "      ".to_owned() };
        let line: String = line.iter().collect();
        text += &format!("{label} |{}\n", line.trim_end());
    }
    let middle = format!("{:.0}", length / 2.0);
    let end = format!("{length:.0} cycles");
    let half = COLUMNS / 2;
    text += &format!("       +{}\n", "-".repeat(COLUMNS));
    text += &format!("       0{middle:>half$}{end:>half$}\n");
    text
}

/// Between two cycles the curve is a straight line.
fn between(one: &Found, cycle: f64) -> f64 {
    let at = (cycle / one.step).floor();
    let (left, right) = (one.known_at(at * one.step), one.known_at((at + 1.0) * one.step));
    left + (right - left) * (cycle / one.step - at)
}

fn model_at(model: &[f64], cycle: f64) -> f64 {
    let at = cycle.floor();
    let get = |at: f64| model.get(at as usize).or_else(|| model.last()).copied().unwrap_or(0.0);
    get(at) + (get(at + 1.0) - get(at)) * (cycle - at)
}

/// The same as a picture.
#[must_use]
pub fn svg(found: &[Found]) -> String {
    let (width, height, left, right, top) = (860.0, 470.0, 60.0, 830.0, 50.0);
    let bottom = 360.0 - 18.0;
    let length = length(found);
    let title = "Nodes that know the rumour";
    let mut svg = Svg::new(width, height + 18.0 * found.len() as f64 - 60.0, title, "S-curves");
    let font = Font { size: 12.0, colour: INK, bold: false };
    let at = |cycle: f64, share: f64| {
        (left + cycle / length * (right - left), bottom - share * (bottom - top))
    };
    svg.text((left, 30.0), Anchor::Start, Font { size: 15.0, bold: true, ..font }, title);
    for percent in [0, 25, 50, 75, 100] {
        let share = f64::from(percent) / 100.0;
        svg.line(&[at(0.0, share), at(length, share)], Paint::stroke(GRID, 1.0), "");
        let (x, y) = at(0.0, share);
        svg.text((x - 6.0, y + 4.0), Anchor::End, font, &format!("{percent} %"));
    }
    let every = (length / 10.0).ceil().max(1.0);
    let mut cycle = 0.0;
    while cycle <= length {
        let (x, y) = at(cycle, 0.0);
        svg.text((x, y + 18.0), Anchor::Middle, font, &format!("{cycle:.0}"));
        cycle += every;
    }
    let (x, y) = at(length / 2.0, 0.0);
    svg.text((x, y + 36.0), Anchor::Middle, font, "cycles");
    for (place, one) in found.iter().enumerate() {
        let colour = COLOURS[place % COLOURS.len()];
        let cycles = 0..=(length.ceil() as usize);
        if !one.model.is_empty() {
            let model = cycles
                .map(|cycle| at((cycle as f64).min(length), model_at(&one.model, cycle as f64)));
            svg.line(&model.collect::<Vec<_>>(), Paint::stroke(colour, 1.0), "2 4");
        }
        let steps = (0..one.curve.len()).map(|step| (step as f64 * one.step, one.curve[step]));
        let points: Vec<_> = steps
            .filter(|(cycle, _)| *cycle <= length)
            .map(|(cycle, share)| at(cycle, share))
            .collect();
        svg.line(&points, Paint::stroke(colour, 2.0), "");
        let y = bottom + 60.0 + 18.0 * place as f64;
        svg.line(&[(left, y - 4.0), (left + 24.0, y - 4.0)], Paint::stroke(colour, 2.0), "");
        let words = format!(
            "{} (residue {:.4}, {:.2} copies per node)",
            one.words, one.residue.mean, one.traffic.mean
        );
        svg.text((left + 32.0, y), Anchor::Start, font, &words);
    }
    let y = bottom + 60.0 + 18.0 * found.len() as f64;
    svg.text((left, y), Anchor::Start, font, "Dotted: the model.");
    svg.finish()
}
