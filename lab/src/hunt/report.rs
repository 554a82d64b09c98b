//! What a hunt tells people.

use std::fmt::Write as _;

use super::Found;
use super::case::Case;
use super::phases::Outcome;

/// Failures listed in full.
const LISTED_MAX: usize = 20;

/// The whole report. The same for the same hunt, however many threads there were.
#[must_use]
pub fn render(found: &Found) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{} seeds. What happened:", found.seeds);
    for (name, count) in found.counts.list() {
        let _ = writeln!(text, "{count:>14} {name}");
    }
    let _ = writeln!(text, "Runs that were to exercise it, and in how many it happened:");
    for (name, (runs, really)) in &found.exercised {
        let _ = writeln!(text, "{runs:>14} {name}: {really}");
    }
    if let Some((took, seed, bound)) = found.slowest {
        let _ = writeln!(
            text,
            "Slowest to agree after the heal: {took:.3?}, of {bound:.3?} allowed (seed {seed})"
        );
    }
    for name in found.vacuous() {
        let _ = writeln!(text, "VACUOUS: {name} never happened");
    }
    let mut kinds = std::collections::BTreeMap::new();
    for violation in found.failures.values() {
        *kinds.entry(violation.kind).or_insert(0) += 1;
    }
    for (kind, count) in kinds {
        let _ = writeln!(text, "{count:>14} seeds FAILED: {}", kind.words());
    }
    for (seed, violation) in found.failures.iter().take(LISTED_MAX) {
        let _ = writeln!(text, "seed {seed}: {violation}");
    }
    if found.failures.len() > LISTED_MAX {
        let _ = writeln!(text, "and {} more", found.failures.len() - LISTED_MAX);
    }
    text
}

/// A case in one line.
#[must_use]
pub fn shape(case: &Case) -> String {
    let faults = &case.faults;
    let messages = faults.cut.len() + faults.slow.len() + faults.latency.len();
    let faults = messages + faults.pause.len() + faults.clock_jump.len() + faults.crash.len();
    format!(
        "{} nodes, {}, route {}, latency {} ms {}, {} operations in {} ms, {faults} faults by \
         name, loss {}, duplication {}, reordering {}",
        case.nodes.len(),
        case.topology,
        case.config.route,
        case.latency_ms,
        case.latency_dist,
        case.op.len(),
        case.main_ms,
        case.faults.loss,
        case.faults.duplicate,
        case.faults.reorder,
    )
}

/// How one case went.
#[must_use]
pub fn render_one(case: &Case, outcome: &Outcome) -> String {
    let mut text = format!("{}\n", shape(case));
    match (&outcome.violation, outcome.converged) {
        (Some(violation), _) => {
            let _ = write!(text, "FAILED: {violation}\n{}", outcome.state);
        }
        (None, Some(took)) => {
            let bound = outcome.bound;
            let _ = writeln!(text, "ok: all agreed {took:.3?} after the heal, of {bound:.3?}");
        }
        (None, None) => text.push_str("ok\n"),
    }
    text
}
