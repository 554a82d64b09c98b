//! Times to shade in charts: partitions, and outages of nodes.

use std::collections::BTreeSet;

use rumormill_judge::format::number::number;
use rumormill_judge::outcome::OutageKind;

use super::charts::Mark;
use super::run::Run;

/// Colours of the shaded times.
const PARTITION: &str = "var(--shade)";
const OUTAGE: &str = "var(--shade-outage)";

/// Nodes that are named in a title.
const NAMED: usize = 6;

/// A time to shade, in ms of the history's clock.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Shade {
    pub(super) from_ms: f64,
    pub(super) to_ms: f64,
    pub(super) colour: &'static str,
    /// Shown when it is pointed at.
    pub(super) title: String,
}

impl Shade {
    /// All times of a run that are to be shaded.
    pub(super) fn all(run: &Run) -> Vec<Self> {
        let partitions = (1..).zip(run.partitions()).map(|(number, (from_ms, to_ms))| {
            Self::new(from_ms, to_ms, PARTITION, &format!("partition {number}"))
        });
        partitions.chain(outages(run)).collect()
    }

    fn new(from_ms: f64, to_ms: f64, colour: &'static str, what: &str) -> Self {
        let (from, to) = (number(from_ms / 1e3), number(to_ms / 1e3));
        Self { from_ms, to_ms, colour, title: format!("{what}: {from} to {to} s") }
    }

    /// Entries of a legend for these.
    pub(super) fn legend(shades: &[Self]) -> Vec<(Mark, &'static str, &'static str)> {
        let entries =
            [(PARTITION, "the network is partitioned"), (OUTAGE, "a node is down or paused")];
        let is_there = |colour| shades.iter().any(|shade| shade.colour == colour);
        let shown = entries.into_iter().filter(|(colour, _)| is_there(*colour));
        shown.map(|(colour, words)| (Mark::Band, colour, words)).collect()
    }
}

/// A time, in ms, and the nodes that were down or paused in it.
type Struck<'r> = (f64, f64, BTreeSet<(&'r str, OutageKind)>);

/// The times in which any node was down or paused; those that overlap are one.
fn outages(run: &Run) -> Vec<Shade> {
    let end_ms = run.end_ms();
    let mut all: Vec<Struck<'_>> = Vec::new();
    for outage in run.outages() {
        let until_ms = outage.until_ms.unwrap_or(end_ms).max(outage.from_ms);
        let struck = (&*outage.node, outage.kind);
        match all.last_mut().filter(|(_, last_ms, _)| outage.from_ms <= *last_ms) {
            Some((_, last_ms, nodes)) => {
                *last_ms = last_ms.max(until_ms);
                nodes.insert(struck);
            }
            None => all.push((outage.from_ms, until_ms, BTreeSet::from([struck]))),
        }
    }
    let shade = |(from_ms, to_ms, nodes): Struck<'_>| {
        let names = [OutageKind::Down, OutageKind::Paused].map(|kind| words(&nodes, kind));
        let words: Vec<String> = names.into_iter().flatten().collect();
        Shade::new(from_ms, to_ms, OUTAGE, &words.join(", "))
    };
    all.into_iter().map(shade).collect()
}

/// The nodes of one kind of outage; `None` if there are none.
fn words(nodes: &BTreeSet<(&str, OutageKind)>, kind: OutageKind) -> Option<String> {
    let names: Vec<&str> =
        nodes.iter().filter(|(_, other)| *other == kind).map(|(node, _)| *node).collect();
    let what = match kind {
        OutageKind::Down => "down",
        OutageKind::Paused => "paused",
    };
    match names.len() {
        0 => None,
        1..=NAMED => Some(format!("{} {what}", names.join(" "))),
        many => Some(format!("{} and {} more {what}", names[..NAMED].join(" "), many - NAMED)),
    }
}

#[cfg(test)]
mod tests {
    use rumormill_judge::results::{Outage, Results};

    use super::*;

    #[test]
    fn outages_that_overlap_are_one_time_and_name_their_nodes() {
        let outage = |node: &str, kind, from_ms, until_ms| Outage {
            node: node.to_owned(),
            kind,
            from_ms,
            until_ms,
        };
        let mut results = Results::default();
        results.rumormill.outages = vec![
            outage("n1", OutageKind::Down, 1_000.0, Some(3_000.0)),
            outage("n0", OutageKind::Paused, 2_000.0, Some(2_500.0)),
            outage("n2", OutageKind::Down, 3_000.0, Some(4_000.0)),
            outage("n1", OutageKind::Paused, 6_000.0, None),
        ];
        let run = Run { results: Some(results), ..Run::default() };
        let shades = outages(&run);
        let titles: Vec<&str> = shades.iter().map(|shade| &*shade.title).collect();
        assert_eq!(titles, ["n1 n2 down, n0 paused: 1 to 4 s", "n1 paused: 6 to 6 s"]);
    }
}
