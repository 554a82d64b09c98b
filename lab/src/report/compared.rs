//! Runs compared: their curves on one axis, and a row of figures for each. One file, no script.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use rumormill_judge::figures::{Figure, Worse, select};
use rumormill_judge::verdict::verdict_word;

use super::charts::typical_ages;
use super::plot::{Axis, BLUE, GREEN, ORANGE, PURPLE, Plot};
use super::run::Run as Files;
use super::{BASE_CSS, ValuesAt, html};
use crate::compare::Run;
use crate::draw::svg::Paint;

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
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{} runs compared</title>\n<style>\n{BASE_CSS}{CSS}</style>\n</head>\n<body>\n\
         <main class=\"page compared\">\n<h1>{0} runs compared</h1>\n",
        runs.len()
    );
    out += &table(runs);
    out += &chart(runs, &curves);
    out + "</main>\n</body>\n</html>\n"
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

fn swatch(at: usize) -> String {
    let (colour, dashes) = tone(at);
    format!(
        "<svg width=\"26\" height=\"10\" aria-hidden=\"true\"><path d=\"M1 5h24\" stroke=\"{colour}\" \
         stroke-width=\"3\" stroke-dasharray=\"{dashes}\"/></svg>"
    )
}

/// A row for each run; the best of each column is marked.
fn table(runs: &[(PathBuf, Run)]) -> String {
    let mut out = "<section class=\"card\"><div class=\"scroll\" tabindex=\"0\" role=\"region\" \
                   aria-label=\"Figures\"><table>\n<thead><tr><th scope=\"col\">run</th>\
                   <th scope=\"col\">verdict</th>"
        .to_owned();
    for figure in CHOSEN {
        let point = if figure.point.is_empty() { "" } else { ", " };
        let name = html::text(&format!("{}{point}{}", figure.label, figure.point));
        let _ = write!(out, "<th scope=\"col\" class=\"number\">{name}</th>");
    }
    out += "</tr></thead>\n<tbody>\n";
    let best: Vec<Option<f64>> = CHOSEN.iter().map(|figure| best(figure, runs)).collect();
    for (at, (_, run)) in runs.iter().enumerate() {
        let verdict = verdict_word(&run.results);
        let class = if verdict == "PASSED" { "good" } else { "bad" };
        let _ = write!(
            out,
            "<tr><th scope=\"row\">{} {}<br><span class=\"faint\">{}</span></th>\
             <td class=\"{class}\">{}</td>",
            swatch(at),
            html::text(&run.name),
            html::text(&run.title()),
            html::text(&verdict.to_lowercase()),
        );
        for (figure, best) in CHOSEN.iter().zip(&best) {
            let value = run.figure(figure);
            let is_best = value.is_some() && value == *best;
            let text = value.map_or_else(|| "–".to_owned(), |value| figure.unit.show(value));
            let class = if is_best { "number best" } else { "number" };
            let _ = write!(out, "<td class=\"{class}\">{}</td>", html::text(&text));
        }
        out += "</tr>\n";
    }
    out + "</tbody></table></div><p class=\"faint small\">Bold: the best of a column, where they differ. \
           All figures: <code>lab compare</code> without <code>--html</code>.</p></section>\n"
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

fn chart(runs: &[(PathBuf, Run)], curves: &[Vec<f64>]) -> String {
    let head = "<figure class=\"card\"><h2>How values spread</h2>\n";
    let end = curves.iter().flatten().copied().filter(|ms| ms.is_finite()).fold(0.0, f64::max);
    if curves.iter().all(Vec::is_empty) {
        return format!(
            "{head}<p class=\"absent\">None of the runs has messages to see it in.</p></figure>\n"
        );
    }
    let x = Axis::to(end * 1.05, "age of the value, ms");
    let y = Axis::to(100.0, "nodes that hold it, %");
    let mut plot =
        Plot::new(x, y, "Share of the nodes that hold a value, by its age, for each run");
    let mut without = Vec::new();
    for (at, (curve, (_, run))) in curves.iter().zip(runs).enumerate() {
        if curve.is_empty() {
            without.push(html::text(&run.name));
            continue;
        }
        let (colour, dashes) = tone(at);
        let mut points = vec![plot.at(0.0, 0.0)];
        let mut held = 0.0;
        for ms in curve.iter().take_while(|ms| ms.is_finite()) {
            points.push(plot.at(*ms, held));
            held += 100.0 / curve.len() as f64;
            points.push(plot.at(*ms, held));
        }
        points.push(plot.at(f64::MAX, held));
        plot.svg.line(&points, Paint::stroke(colour, 2.0), dashes);
    }
    let mut keys = String::new();
    for (at, (_, run)) in runs.iter().enumerate() {
        let _ = write!(keys, "<li>{} {}</li>", swatch(at), html::text(&run.name));
    }
    let mut note = "The median value of each run: at which age it was on so many nodes.".to_owned();
    if !without.is_empty() {
        let _ = write!(note, " No messages to see it in: {}.", without.join(", "));
    }
    format!(
        "{head}<div class=\"chart\">{}</div><figcaption><ul class=\"legend\">{keys}</ul><p>{note}</p>\
         </figcaption></figure>\n",
        plot.finish()
    )
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
