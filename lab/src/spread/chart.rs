//! S-curves: in the terminal, and as a picture.

use super::subject::Found;
use crate::draw::axis::Axis;
use crate::draw::chart::{Chart, Series, Style};

/// Size of the terminal's chart, in characters.
const COLUMNS: usize = 66;
const ROWS: usize = 16;

/// Marks of the curves in the terminal.
const MARKS: [char; 8] = ['A', 'B', 'C', 'D', 'E', 'F', 'G', 'H'];

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
    let length = length(found);
    let percent = |share: f64| 100.0 * share;
    let series = found.iter().flat_map(|one| {
        let cycles = (0..one.curve.len()).map(|step| step as f64 * one.step);
        let curve = cycles.zip(one.curve.iter().copied().map(percent));
        let words = format!(
            "{} (residue {:.4}, {:.2} copies per node)",
            one.words, one.residue.mean, one.traffic.mean
        );
        let model = (0..=length.ceil() as usize)
            .map(|cycle| (cycle as f64, percent(model_at(&one.model, cycle as f64))));
        let model = Series::new("", Style::ModelOfLast, model);
        let model = Some(model).filter(|_| !one.model.is_empty());
        [Some(Series::new(words, Style::Line, curve)), model].into_iter().flatten()
    });
    let chart = Chart {
        title: "Nodes that know the rumour (dotted: the model)".to_owned(),
        x: Axis::to(length, "cycles"),
        y: Axis::to(100.0, "% of the nodes"),
        series: series.collect(),
    };
    chart.draw()
}
