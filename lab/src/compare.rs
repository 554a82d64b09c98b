//! Runs side by side: their figures, and how far apart they are.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use rumormill_judge::figures::{FIGURES, Figure, Needs};
use rumormill_judge::format::text::line;
use rumormill_judge::results::{CrashReport, MaelstromResults, Results, Verdict};
use rumormill_judge::verdict::{Limit, verdict_word};
use serde::Serialize;

/// Points of distributions that are left out.
const HIDDEN: [&str; 2] = ["min", "p95"];

/// The width of a column that a name may need.
const NAME_WIDTH: usize = 24;
/// Runs up to which the differences from the first are shown: more do not fit a terminal.
const MAX_DIFFERENCES: usize = 3;
/// The width of a column of figures.
const WIDTH: usize = 14;

/// The results of a run, and where they are from.
#[derive(Clone, Debug)]
pub struct Run {
    /// The path that was given.
    pub name: String,
    /// Results found there. For a run of the real Maelstrom, the lab's part has defaults only.
    pub results: Results,
    /// They are the real Maelstrom's.
    pub is_maelstroms: bool,
}

impl Run {
    /// Reads the results of a run: from its directory, or from `results.json` or `results.edn`
    /// itself.
    ///
    /// # Errors
    /// If there are none.
    pub fn load(path: &Path) -> Result<Self> {
        let file = results_file(path)?;
        let text =
            fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let name = path.display().to_string();
        if file.extension().is_some_and(|extension| extension == "json") {
            let results = serde_json::from_str(&text)
                .with_context(|| format!("{} has no results", file.display()))?;
            return Ok(Self { name, results, is_maelstroms: false });
        }
        let maelstrom = MaelstromResults::from_edn(&text)
            .with_context(|| format!("{} has no results", file.display()))?;
        let mut results = Results { maelstrom, ..Results::default() };
        results.rumormill.ok_fraction = f64::from(results.maelstrom.availability.ok_fraction);
        Ok(Self { name, results, is_maelstroms: true })
    }

    /// Shape of the run, in a few words.
    #[must_use]
    pub fn title(&self) -> String {
        if self.is_maelstroms {
            "Maelstrom's own results".to_owned()
        } else {
            self.results.rumormill.run.title()
        }
    }

    /// Why the run is not compared, if it came to no proper end.
    #[must_use]
    pub fn why_left_out(&self) -> Option<String> {
        self.results.rumormill.crash.as_ref().map(CrashReport::sentence)
    }

    /// A figure, if the run has it; infinite times are possible.
    #[must_use]
    pub fn figure(&self, figure: &Figure) -> Option<f64> {
        let is_known = !self.is_maelstroms || figure.needs == Needs::Nothing;
        figure.read(&self.results).filter(|_| is_known)
    }

    /// Holds a limit against the run. A figure that the real Maelstrom does not have is no figure,
    /// and not within any limit.
    #[must_use]
    pub fn check(&self, limit: &Limit) -> Verdict {
        let mut verdict = limit.check(&self.results);
        if self.figure(limit.figure).is_none() {
            "no such figure in this run".clone_into(&mut verdict.found);
            (verdict.value, verdict.passed, verdict.judged) = (None, false, true);
        }
        verdict
    }
}

fn results_file(path: &Path) -> Result<PathBuf> {
    if !path.is_dir() {
        ensure!(path.exists(), "there is no {}", path.display());
        return Ok(path.to_owned());
    }
    for name in ["results.json", "results.edn"] {
        let file = path.join(name);
        if file.is_file() {
            return Ok(file);
        }
    }
    bail!("there is no results.json and no results.edn in {}", path.display())
}

/// The table for people: a column for each run, and the others' differences from the first.
#[must_use]
pub fn table(runs: &[Run]) -> String {
    let mut out = String::new();
    for (letter, run) in ('A'..).zip(runs) {
        line(&mut out, &format!("{letter}  {}  {}", run.name, run.title()));
    }
    let cell = |value: String| Cell { value, ..Cell::default() };
    let letters = ('A'..).take(runs.len());
    let letters =
        letters.map(|run| Cell { difference: format!("{run} - A"), ..cell(run.to_string()) });
    let verdicts = runs.iter().map(|run| cell(verdict_word(&run.results).to_lowercase()));
    let head = Row { figure: "", cells: letters.collect() };
    let verdicts = Row { figure: "verdict", cells: verdicts.collect() };
    let differs = runs.len() <= MAX_DIFFERENCES;
    out.push('\n');
    for row in [head, verdicts].into_iter().chain(rows(runs)) {
        line(&mut out, &text_row(&row, differs));
    }
    out
}

fn text_row(row: &Row, differs: bool) -> String {
    let mut text = format!("{:NAME_WIDTH$}", row.figure);
    for (i, cell) in row.cells.iter().enumerate() {
        text += &format!("{:>WIDTH$}", cell.value);
        if i > 0 && differs {
            text += &format!("{:>WIDTH$}{:>10}", cell.difference, cell.share);
        }
    }
    text
}

/// A figure of all runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Name, as limits have it.
    pub figure: &'static str,
    /// One for each run.
    pub cells: Vec<Cell>,
}

/// A figure of a run, as text, and how far it is from the first run's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Cell {
    /// The figure; `-` if the run does not have it.
    pub value: String,
    /// The difference, with a sign; `=` if there is none, empty for the first run.
    pub difference: String,
    /// The difference in percent, where that makes sense.
    pub share: String,
}

/// All figures that at least one of the runs has.
#[must_use]
pub fn rows(runs: &[Run]) -> Vec<Row> {
    let shown = FIGURES.iter().filter(|figure| !HIDDEN.contains(&figure.point));
    shown.filter_map(|figure| row(figure, runs)).collect()
}

fn row(figure: &'static Figure, runs: &[Run]) -> Option<Row> {
    let values: Vec<Option<f64>> = runs.iter().map(|run| run.figure(figure)).collect();
    if values.iter().all(Option::is_none) {
        return None;
    }
    let first = values.first().copied().flatten();
    let cells = values.into_iter().enumerate().map(|(i, value)| {
        let (difference, share) =
            if i == 0 { Default::default() } else { apart(figure, first, value) };
        let value = value.map_or_else(|| "-".to_owned(), |value| figure.unit.show(value));
        Cell { value, difference, share }
    });
    Some(Row { figure: figure.name, cells: cells.collect() })
}

/// The difference of two values of a figure, and its share of the first.
fn apart(figure: &Figure, first: Option<f64>, value: Option<f64>) -> (String, String) {
    match (first, value) {
        (Some(first), Some(value)) if first == value => ("=".to_owned(), String::new()),
        (Some(first), Some(value)) if (value - first).is_finite() => {
            let sign = if value > first { "+" } else { "-" };
            let size = figure.unit.show((value - first).abs());
            let share = (value / first - 1.0) * 100.0;
            let share = if share.is_finite() { format!("{share:+.1} %") } else { String::new() };
            (format!("{sign}{size}"), share)
        }
        _ => Default::default(),
    }
}

#[cfg(test)]
mod tests {
    use rumormill_judge::results::RunInfo;
    use rumormill_judge::verdict::{judge, sample};

    use super::*;

    fn sample_results() -> Results {
        let (settings, outcome) = (sample::settings(), sample::outcome());
        judge(&settings, &outcome, &sample::notices(), RunInfo::default()).unwrap()
    }

    #[test]
    fn runs_stand_side_by_side_with_their_differences() {
        let dir = tempfile::tempdir().unwrap();
        let mut results = sample_results();
        let a = dir.path().join("a");
        fs::create_dir(&a).unwrap();
        fs::write(a.join("results.json"), results.to_json().unwrap()).unwrap();
        results.maelstrom.workload.set_mut().unwrap().lost_count += 2;
        let b = dir.path().join("results.edn");
        fs::write(&b, results.to_edn().unwrap()).unwrap();
        let runs = [Run::load(&a).unwrap(), Run::load(&b).unwrap()];
        assert!(!runs[0].is_maelstroms && runs[1].is_maelstroms);
        let table = table(&runs);
        let row = |name: &str| {
            let found = table.lines().find(|line| line.starts_with(name));
            found.unwrap_or_else(|| panic!("no {name}: {table}")).to_owned()
        };
        assert_eq!(row("lost ").split_whitespace().collect::<Vec<_>>(), ["lost", "0", "2", "+2"]);
        assert!(row("median ").contains('='), "{table}");
        // Maelstrom knows nothing of it, and 0 would be a lie.
        assert!(row("missing ").split_whitespace().nth(2) == Some("-"), "{table}");
        assert!(table.contains("Maelstrom's own results"), "{table}");
    }

    #[test]
    fn limits_are_held_against_each_and_what_is_not_there_fails() {
        let mut run = Run { name: "a".to_owned(), results: sample_results(), is_maelstroms: false };
        let limit: Limit = "missing<1".parse().unwrap();
        assert!(run.check(&limit).passed);
        run.is_maelstroms = true;
        assert!(!run.check(&limit).passed);
        assert!(run.check(&"lost<1".parse().unwrap()).passed);
    }

    #[test]
    fn what_has_no_results_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let problem = |path: &Path| format!("{:#}", Run::load(path).unwrap_err());
        assert!(problem(dir.path()).contains("no results.json and no results.edn"));
        assert!(problem(&dir.path().join("none")).contains("there is no"));
        let bad = dir.path().join("results.json");
        fs::write(&bad, "{}").unwrap();
        assert!(problem(dir.path()).contains("has no results"));
    }
}
