//! The report of a hunt for people.

use std::fmt::Write as _;

use rumormill::config::Choice as _;

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
    if found.left > 0 {
        let _ = writeln!(text, "Interrupted, {} seeds are left.", found.left);
    }
    let _ = writeln!(text, "{} seeds. What happened:", found.seeds);
    for (name, count) in found.counts.list() {
        let _ = writeln!(text, "{count:>14} {name}");
    }
    let _ = writeln!(text, "Runs that were to exercise it, and in how many it happened:");
    for (name, (runs, really)) in &found.exercised {
        let _ = writeln!(text, "{runs:>14} {name}: {really}");
    }
    let _ = write!(text, "{}", found.agreements);
    // Of a few seeds it proves nothing.
    for name in found.vacuous().filter(|_| found.left == 0) {
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
    let nodes = faults.pause.len() + faults.clock_jump.len() + faults.disk_full.len();
    let faults = messages + nodes + faults.crash.len();
    format!(
        "{} nodes, {}, route {}, latency {} ms {}, {} operations in {} ms, {faults} faults of \
         named nodes, loss {}, duplication {}, reordering {}",
        case.nodes.len(),
        case.topology,
        case.config.route.as_str(),
        case.latency_ms,
        case.latency_dist,
        case.op.len(),
        case.main_ms,
        case.faults.loss,
        case.faults.duplicate,
        case.faults.reorder,
    )
}

/// How one case went: the verdict, what was run, what really happened, and the nodes' states if a
/// promise was broken.
#[must_use]
pub fn render_one(case: &Case, outcome: &Outcome) -> String {
    let mut text = match (&outcome.violation, outcome.converged) {
        (Some(violation), _) => format!("FAILED  {violation}\n"),
        (None, Some(took)) => {
            let bound = outcome.bound;
            format!("PASSED  all agreed {took:.3?} after the heal, of {bound:.3?} allowed\n")
        }
        (None, None) => "PASSED\n".to_owned(),
    };
    // Writing to a String cannot fail.
    let _ = writeln!(text, "        {}", shape(case));
    if !case.about.is_empty() {
        let _ = writeln!(text, "about   {}", case.about);
    }
    text.push_str("\nWhat happened\n");
    for (name, count) in outcome.counts.list().into_iter().filter(|(_, count)| *count > 0) {
        let _ = writeln!(text, "{count:>14} {name}");
    }
    for (name, _) in outcome.counts.exercised(case).into_iter().filter(|(_, really)| !really) {
        let _ = writeln!(text, "         never {name}");
    }
    if outcome.violation.is_some() {
        let _ = writeln!(
            text,
            "\nThe nodes when the promise was broken\n\
             (entries are named by node/life and numbers: n0/1 3..5 are 3 and 4 of n0's first life)\n\
             {}",
            outcome.state
        );
    } else {
        text.push('\n');
    }
    text
}
