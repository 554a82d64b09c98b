//! Runs compared: their curves on one axis, and a row of figures for each. One file, no script.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use minijinja::context;
use rumormill_judge::figures::{Figure, Worse, select};
use rumormill_judge::verdict::verdict_word;

use super::ValuesAt;
use super::charts::{longest, typical_ages};
use super::plot::{Axis, BLUE, GREEN, ORANGE, PURPLE, Plot};
use super::run::Run as Files;
use crate::compare::Run;
use crate::draw::svg::Paint;
use crate::html;

/// The figures that a reader looks for first: how soon, how much, how safe.
const CHOSEN: [&Figure; 8] = select([
    "median",
    "max",
    "convergence-median",
    "convergence-max",
    "msgs-per-op",
    "redundancy",
    "lost",
    "missing",
]);

const TONES: [&str; 6] = [BLUE, ORANGE, GREEN, PURPLE, "var(--amber)", "var(--grey)"];
const DASHES: [&str; 3] = ["", "7 3", "2 3"];

const CSS: &str = include_str!("assets/compared.css");

/// Writes the page.
///
/// # Errors
/// If the file cannot be written.
pub fn write(path: &Path, runs: &[(PathBuf, Run)]) -> Result<()> {
    std::fs::write(path, render(runs))
        .with_context(|| format!("{} cannot be written", path.display()))
}

/// The page.
fn render(runs: &[(PathBuf, Run)]) -> String {
    let curves: Vec<Vec<f64>> = runs.iter().map(|(path, _)| curve(path)).collect();
    let best: Vec<Option<f64>> = CHOSEN.iter().map(|figure| best(figure, runs)).collect();
    let row = |(at, (_, run)): (usize, &(PathBuf, Run))| {
        let figure = |(figure, best): (&&Figure, &Option<f64>)| {
            let value = run.figure(figure);
            let text = value.map_or_else(|| "–".to_owned(), |value| figure.unit.show(value));
            (text, value.is_some() && value == *best)
        };
        let figures: Vec<_> = CHOSEN.iter().zip(&best).map(figure).collect();
        let (colour, dashes) = tone(at);
        let verdict = verdict_word(&run.results);
        context! { name => run.name, title => run.title(), colour, dashes, verdict, figures }
    };
    let without = runs.iter().zip(&curves).filter(|(_, curve)| curve.is_empty());
    let without: Vec<&str> = without.map(|((_, run), _)| &*run.name).collect();
    let values = context! {
        title => format!("{} runs compared", runs.len()),
        css => CSS,
        columns => CHOSEN.map(Figure::title),
        runs => runs.iter().enumerate().map(row).collect::<Vec<_>>(),
        chart => (without.len() < runs.len()).then(|| chart(&curves)),
        without => without.join(", "),
    };
    html::render("compared.html", values)
}

/// By nodes, the median age of a value when so many held it; empty if the run does not tell.
fn curve(path: &Path) -> Vec<f64> {
    let dir = if path.is_dir() { Some(path) } else { path.parent() };
    let files = dir.map(|dir| Files::gather(dir, &[] as &[ValuesAt]));
    files.map_or_else(Vec::new, |files| typical_ages(&files))
}

fn tone(at: usize) -> (&'static str, &'static str) {
    (TONES[at % TONES.len()], DASHES[at / TONES.len() % DASHES.len()])
}

/// The best value of a figure, if not all runs have the same.
fn best(figure: &Figure, runs: &[(PathBuf, Run)]) -> Option<f64> {
    let values: Vec<f64> = runs.iter().filter_map(|(_, run)| run.figure(figure)).collect();
    let best = values.iter().copied().reduce(match figure.worse {
        Worse::Higher => f64::min,
        Worse::Lower => f64::max,
    })?;
    values.iter().any(|value| *value != best).then_some(best)
}

fn chart(curves: &[Vec<f64>]) -> String {
    let end = longest(curves.iter().flatten());
    let x = Axis::to(end * 1.05, "age of the value, ms");
    let y = Axis::to(100.0, "nodes that hold it, %");
    let mut plot =
        Plot::new(x, y, "Share of the nodes that hold a value, by its age, for each run");
    for (at, curve) in curves.iter().enumerate().filter(|(_, curve)| !curve.is_empty()) {
        let (colour, dashes) = tone(at);
        let points = plot.staircase(curve, 100.0 / curve.len() as f64);
        plot.svg.line(&points, Paint::stroke(colour, 2.0), dashes);
    }
    plot.finish()
}

#[cfg(test)]
mod tests {
    use rumormill_judge::results::RunInfo;
    use rumormill_judge::verdict::{judge, sample};

    use super::*;

    #[test]
    fn a_page_has_a_row_for_each_run_and_marks_what_differs() {
        let mut results =
            judge(&sample::settings(), &sample::outcome(), &sample::notices(), RunInfo::default())
                .unwrap();
        let run = |name: &str, results: &rumormill_judge::results::Results| {
            let run = Run { name: name.to_owned(), results: results.clone(), is_maelstroms: false };
            (PathBuf::from("none"), run)
        };
        let a = run("a<b>", &results);
        results.maelstrom.workload.set_mut().unwrap().lost_count += 2;
        let page = render(&[a, run("b", &results)]);
        assert_eq!(page.matches("<th scope=\"row\">").count(), 2);
        assert!(page.contains("a&lt;b&gt;") && !page.contains("a<b>"), "{page}");
        assert_eq!(page.matches("number best").count(), 1, "{page}");
        assert!(page.contains("None of the runs has messages"), "{page}");
    }
}
