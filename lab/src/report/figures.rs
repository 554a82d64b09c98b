//! All figures that a run has, each with its limit; and the screen, which has remarks on them.

use rumormill_judge::figures::{FIGURES, POINTS};
use rumormill_judge::results::{Results, Verdict};
use rumormill_judge::verdict::Limit;

use super::run::Run;
use super::summary::verdict_look;
use crate::html::{self, Cell};
use crate::screen::{Style, render};

/// The section's inside.
pub(super) fn figures(run: &Run) -> String {
    let Some(results) = &run.results else {
        return "<p class=\"absent\">There is no results.json to take figures from.</p>".to_owned();
    };
    let screen = format!("<pre>{}</pre>", html::text(&render(results, Style::PLAIN)));
    [
        table(results),
        limits(&results.rumormill.limits),
        "<p class=\"small faint\"><code>lab figures</code> explains each of them. A figure that is not \
         here is one that this run does not have.</p>"
            .to_owned(),
        html::details("The same as the terminal shows it, with remarks", &screen),
    ]
    .concat()
}

/// A row for each figure, or for all points of a distribution.
fn table(results: &Results) -> String {
    let mut rows: Vec<Vec<Cell>> = Vec::new();
    let mut last = None;
    for figure in FIGURES {
        let Some(value) = figure.read(results) else { continue };
        let place = POINTS.iter().position(|point| *point == figure.point);
        if last != Some((figure.label, place.is_some())) {
            let mut row = vec![Cell::text(figure.label), Cell::text(figure.unit.suffix())];
            row.resize(3 + POINTS.len(), Cell::number(String::new()));
            rows.push(row);
        }
        last = Some((figure.label, place.is_some()));
        let column = place.map_or(2, |place| 3 + place);
        if let Some(cell) = rows.last_mut().and_then(|row| row.get_mut(column)) {
            *cell = Cell::number(figure.unit.bare(value));
        }
    }
    let mut columns = vec![("figure", false), ("unit", false), ("value", true)];
    columns.extend(POINTS.map(|point| (point, true)));
    html::table("All figures of this run", &columns, &rows)
}

/// Each limit, and what was found.
fn limits(limits: &[Verdict]) -> String {
    let row = |verdict: &Verdict| {
        let (class, word) = verdict_look(verdict);
        let label = verdict.limit.parse::<Limit>().map_or("", |limit| limit.figure.label);
        vec![
            Cell::text(verdict.limit.clone()),
            Cell::text(label),
            Cell::number(verdict.found.clone()),
            Cell::html(format!("<strong class=\"{class}\">{word}</strong>")),
        ]
    };
    let rows: Vec<_> = limits.iter().map(row).collect();
    if rows.is_empty() {
        return String::new();
    }
    let columns = [("limit", false), ("of", false), ("found", true), ("", false)];
    html::table("Limits", &columns, &rows)
}
