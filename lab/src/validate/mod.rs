//! The protocols against their papers: every figure that was published, the model's, and ours.
//!
//! Nothing is tuned to a published figure: the conventions of each check are those of the paper, or, where
//! the paper is silent, those that hit all of its other columns. Figures that no implementation reproduces are
//! listed as such.

mod aggregation;
mod check;
mod demers;
mod dissemination;
mod document;
mod fanout;
mod karp;
mod membership;
mod pictures;
mod swim;

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::{Context as _, Result};
use serde::Deserialize;

pub use check::{Cell, Check, Effort, Verdict};
pub use document::{gallery, markdown};
pub use pictures::{Picture, draw};

/// Title and conventions of each check.
const TEXTS: &str = include_str!("checks.toml");

#[derive(Deserialize)]
struct Text {
    title: String,
    convention: String,
}

type Run = fn(&Effort) -> Vec<Cell>;

/// The checks, by the name that selects them.
pub const CHECKS: &[(&str, Run)] = &[
    ("table-1", demers::table_1),
    ("table-2", demers::table_2),
    ("table-3", demers::table_3),
    ("table-4", demers::tables_4_and_5),
    ("residue", demers::residue),
    ("cycles", demers::cycles),
    ("fanout", fanout::repeat),
    ("infect-and-die", fanout::infect_and_die),
    ("kermarrec", fanout::kermarrec),
    ("serf", fanout::serf),
    ("karp", karp::table),
    ("plumtree", dissemination::plumtree),
    ("scuttlebutt", dissemination::scuttlebutt),
    ("cockroach", dissemination::cockroach),
    ("srm", dissemination::srm),
    ("averaging", aggregation::averaging),
    ("push-sum", aggregation::push_sum),
    ("swim", swim::first_detection),
    ("false-detection", swim::false_detection),
    ("lifeguard", swim::lifeguard),
    ("memberlist", swim::memberlist),
    ("phi", membership::phi),
    ("heartbeat", membership::heartbeat),
];

/// Runs the checks of these names, all if there are none.
///
/// # Errors
/// If a check has no text.
pub fn run(effort: &Effort, names: &[String], mut each: impl FnMut(&Check)) -> Result<Vec<Check>> {
    let mut texts: BTreeMap<String, Text> = toml::from_str(TEXTS).context("checks.toml")?;
    let is_wanted = |name: &str| names.is_empty() || names.iter().any(|wanted| wanted == name);
    let mut checks = Vec::new();
    for (name, figures) in CHECKS.iter().filter(|(name, _)| is_wanted(name)) {
        let Text { title, convention } = texts.remove(*name).context(*name)?;
        let started = Instant::now();
        let cells = figures(effort);
        let check = Check { title, convention, cells, took: started.elapsed() };
        each(&check);
        checks.push(check);
    }
    Ok(checks)
}

#[cfg(test)]
mod tests;
