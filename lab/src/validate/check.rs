//! A check: figures of a paper, ours beside them, and how far apart they may be.

use std::sync::Arc;
use std::time::Duration;

use rumormill::cluster::Graph;

use crate::spread::cycles::{Order, World};
use crate::spread::rumour::Mean;

/// How much is spent on a validation.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Runs are divided by this.
    pub divisor: u64,
    /// Seed of all runs.
    pub seed: u64,
    /// Threads.
    pub jobs: usize,
}

/// A table or a formula of a paper.
#[derive(Clone, Debug)]
pub struct Check {
    /// Its name.
    pub title: String,
    /// The conventions under which it is measured.
    pub convention: String,
    /// Its cells.
    pub cells: Vec<Cell>,
    /// Time that it took.
    pub took: Duration,
}

/// One figure.
#[derive(Clone, Debug)]
pub struct Cell {
    /// Its name.
    pub name: String,
    /// As it was published; the first word is a number.
    pub published: Option<String>,
    /// By the model.
    pub model: Option<f64>,
    /// Ours.
    pub ours: f64,
    /// Number of runs; 0 for formulas.
    pub runs: u64,
    /// The verdict.
    pub verdict: Verdict,
}

/// The verdict on a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Ours is within the tolerance.
    Reproduced,
    /// It is not.
    Differs,
    /// No implementation reproduces it, or it needs data that were not published.
    NotReproducible,
    /// It is shown beside the published figure, which is about something a little different.
    Compared,
}

impl Verdict {
    /// The word in the table.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Reproduced => "reproduced",
            Self::Differs => "**differs**",
            Self::NotReproducible => "not reproducible",
            Self::Compared => "compared",
        }
    }
}

/// How far ours may be from the published figure, beyond half a unit of its last digit and three standard
/// errors of our runs.
#[derive(Clone, Copy, Debug)]
pub(super) enum Tolerance {
    /// So much of the figure.
    Share(f64),
    /// So much.
    Absolute(f64),
    /// Up to this factor, either way, or three standard errors of a count of nodes in clusters of so
    /// many: for figures that are a few nodes in all runs.
    Rare(f64, u32),
}

impl Effort {
    pub(super) fn runs(&self, full: u64) -> u64 {
        (full / self.divisor).max(20)
    }

    pub(super) fn world(&self, nodes: u32, order: Order) -> World {
        let graph = Arc::new(Graph::new(nodes, []));
        World { graph, order, loss: 0.0, seed: self.seed, run: 0 }
    }
}

impl Cell {
    pub(super) fn published(
        name: impl Into<String>,
        published: &str,
        ours: Mean,
        tolerance: Tolerance,
    ) -> Self {
        let (reference, half_unit) = read(published);
        let verdict = verdict(reference, half_unit, &ours, tolerance);
        let (name, published) = (name.into(), Some(published.to_owned()));
        Self { name, published, model: None, ours: ours.mean, runs: ours.count, verdict }
    }

    pub(super) fn modelled(
        name: impl Into<String>,
        model: f64,
        ours: Mean,
        tolerance: Tolerance,
    ) -> Self {
        let verdict = verdict(model, 0.0, &ours, tolerance);
        let (name, model) = (name.into(), Some(model));
        Self { name, published: None, model, ours: ours.mean, runs: ours.count, verdict }
    }

    /// The paper has only a formula or a graph; the figure is an independent program's.
    pub(super) fn recomputed(
        name: impl Into<String>,
        figure: &str,
        ours: Mean,
        tolerance: Tolerance,
    ) -> Self {
        Self::published(name, &format!("{figure} (recomputed)"), ours, tolerance)
    }

    /// A formula: it has no runs, and must agree to the last digit that was published.
    pub(super) fn formula(name: impl Into<String>, published: &str, ours: f64) -> Self {
        let exact = Mean { mean: ours, deviation: 0.0, count: 0 };
        Self::published(name, published, exact, Tolerance::Share(1e-9))
    }

    pub(super) fn not_reproducible(name: impl Into<String>, published: &str, ours: Mean) -> Self {
        let cell = Self::published(name, published, ours, Tolerance::Share(0.0));
        Self { verdict: Verdict::NotReproducible, ..cell }
    }

    pub(super) fn compared(self) -> Self {
        Self { verdict: Verdict::Compared, ..self }
    }

    /// Ours alone: the paper has a graph.
    pub(super) fn shown(name: impl Into<String>, ours: Mean) -> Self {
        Self::modelled(name, f64::NAN, ours, Tolerance::Absolute(0.0)).compared()
    }

    pub(super) fn with_model(self, model: f64) -> Self {
        Self { model: Some(model), ..self }
    }

    /// Ours must lie between two published bounds.
    pub(super) fn between(name: impl Into<String>, low: f64, high: f64, ours: Mean) -> Self {
        let is_within = (low..=high).contains(&ours.mean);
        let verdict = if is_within { Verdict::Reproduced } else { Verdict::Differs };
        let up_to = if high.is_finite() { format!("to {high}") } else { "or more".to_owned() };
        let (name, published) = (name.into(), Some(format!("{low} {up_to}")));
        Self { name, published, model: None, ours: ours.mean, runs: ours.count, verdict }
    }
}

/// The number at the start of a published figure, and half a unit of its last digit.
fn read(published: &str) -> (f64, f64) {
    let word = published.split_whitespace().next().unwrap_or_default();
    let (digits, exponent) = word.split_once('e').unwrap_or((word, "0"));
    let decimals = digits.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let unit = 10_f64.powi(exponent - i32::try_from(decimals).unwrap_or(0));
    (word.parse().unwrap_or(f64::NAN), unit / 2.0)
}

fn verdict(reference: f64, half_unit: f64, ours: &Mean, tolerance: Tolerance) -> Verdict {
    let error = 3.0 * ours.deviation / (ours.count.max(1) as f64).sqrt();
    let distance = (ours.mean - reference).abs();
    let is_close = match tolerance {
        Tolerance::Share(share) => {
            distance <= half_unit * 1.000_001 + share * reference.abs() + error
        }
        Tolerance::Absolute(most) => distance <= half_unit + most + error,
        Tolerance::Rare(factor, nodes) => {
            let all = f64::from(nodes) * ours.count.max(1) as f64;
            let expected = 3.0 * (reference / all).sqrt();
            (reference / factor..=reference * factor).contains(&ours.mean) || distance <= expected
        }
    };
    if is_close { Verdict::Reproduced } else { Verdict::Differs }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_unit_of_the_last_digit_is_read_from_the_published_figure() {
        for (text, number, half) in [
            (".037", 0.037, 0.0005),
            ("3.1e-2", 0.031, 0.0005),
            ("19", 19.0, 0.5),
            ("20 %", 20.0, 0.5),
            ("8.15 (recomputed)", 8.15, 0.005),
        ] {
            let (read_number, read_half) = read(text);
            assert!((read_number - number).abs() < 1e-12, "{text}");
            assert!((read_half - half).abs() < 1e-12, "{text} {read_half}");
        }
    }

    #[test]
    fn the_tolerance_decides() {
        let ours = |mean| Mean { mean, deviation: 0.0, count: 100 };
        let verdict = |mean, tolerance| Cell::published("", "10.0", ours(mean), tolerance).verdict;
        assert_eq!(verdict(10.34, Tolerance::Share(0.03)), Verdict::Reproduced);
        assert_eq!(verdict(10.36, Tolerance::Share(0.03)), Verdict::Differs);
        assert_eq!(verdict(9.84, Tolerance::Absolute(0.1)), Verdict::Differs);
        assert_eq!(verdict(21.0, Tolerance::Rare(2.0, 1_000)), Verdict::Differs);
        assert_eq!(verdict(19.0, Tolerance::Rare(2.0, 1_000)), Verdict::Reproduced);
        // Four nodes in a million, and none in the 100,000 of our runs.
        let rare = Cell::published("", "4.0e-6", ours(0.0), Tolerance::Rare(2.0, 1_000));
        assert_eq!(rare.verdict, Verdict::Reproduced);
        // Three standard errors: 3·5/√100.
        let noisy = Mean { mean: 11.5, deviation: 5.0, count: 100 };
        let cell = Cell::published("", "10.0", noisy, Tolerance::Share(0.0));
        assert_eq!(cell.verdict, Verdict::Reproduced);
    }
}
