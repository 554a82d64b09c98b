//! The top of the report: verdict, figures, limits, oddities.

use std::cmp::Reverse;

use minijinja::context;
use minijinja::value::Value;
use rumormill_judge::checker::missing::NodeMissing;
use rumormill_judge::figures::{Figure, figure, select};
use rumormill_judge::format::number::{counted, number};
use rumormill_judge::results::{
    LabResults, MAELSTROM, Results, RunInfo, Verdict, ignored_words, slowest,
};
use rumormill_judge::verdict::{Limit, closing_line, verdict_word};
use rumormill_judge::workload::BROADCAST;

use super::run::Run;

/// Number of notices shown: `results.json` has some more.
const NOTICES: usize = 20;
/// Nodes that lack values shown, those that lack most first: the table of the nodes has all.
const LACKING: usize = 8;

/// The verdict, and what was run.
pub(super) fn headline(run: &Run) -> Value {
    let Some(results) = &run.results else {
        return context! { nodes => counted(run.nodes.len() as u64, "node") };
    };
    let lab = &results.rumormill;
    let closing = closing_line(results);
    let ignored = ignored_words(&lab.node_errors).filter(|ignored| !closing.contains(ignored));
    let broken = lab.limits.iter().filter(|limit| !limit.passed);
    let not_kept = broken.map(|limit| (together(&limit.limit), &limit.found));
    let maelstroms = lab.maelstrom_valid;
    context! {
        word => verdict_word(results),
        closing,
        ran => ran(lab),
        not_kept => not_kept.collect::<Vec<_>>(),
        crash => lab.crash,
        ignored,
        maelstroms => (maelstroms != results.maelstrom.valid).then(|| maelstroms.to_string()),
    }
}

/// The node, the workload and the faults of the run.
fn ran(lab: &LabResults) -> [(&'static str, String); 3] {
    let RunInfo { program, faults, .. } = &lab.run;
    let place = match program.as_str() {
        "sim" => " (simulated)",
        MAELSTROM => " (under Maelstrom)",
        _ => "",
    };
    let is_broadcast = lab.workload == BROADCAST.name;
    let workload = if is_broadcast { format!("{}, ", BROADCAST.name) } else { String::new() };
    let faults = if faults.is_empty() { "none" } else { faults };
    [
        ("node", lab.run.short_node() + place),
        ("workload", workload + lab.run.workload()),
        ("faults", faults.to_owned()),
    ]
}

/// Tiles: a figure, and the figures that stand below it in small letters.
const TILES: [(&Figure, &[&Figure]); 9] = [
    (const { figure("missing") }, &select(["lost", "unread-nodes"])),
    (const { figure("wrong-nodes") }, &select(["off-by"])),
    (const { figure("duplicated-ids") }, &[]),
    (const { figure("echo-errors") }, &[]),
    (const { figure("availability") }, &select(["indeterminate"])),
    (const { figure("msgs-per-op") }, &select(["msgs-per-broadcast"])),
    (const { figure("median") }, &select(["p99", "max"])),
    (const { figure("convergence-median") }, &select(["convergence-p99", "convergence-max"])),
    (const { figure("bytes-per-op") }, &select(["redundancy"])),
];

/// The figures of [`TILES`] that the run has, with their limits.
pub(super) fn tiles(run: &Run) -> Option<Vec<Value>> {
    let results = run.results.as_ref()?;
    let tile = |(main, others): (&Figure, &[&Figure])| {
        let value = main.show(results).or_else(|| unknown(main, results))?;
        let words = others.iter().filter_map(|other| {
            let name = if other.label == main.label { other.point } else { other.label };
            // Nothing of something that is counted is no news.
            other.read(results).filter(|value| *value != 0.0)?;
            Some(format!("{name} {}", together(&other.show(results)?)))
        });
        let others_words = words.collect::<Vec<_>>().join(", ");
        let limits = limits_of_tile(main, others, results);
        Some(context! { name => main.title(), value, others => others_words, limits })
    };
    Some(TILES.into_iter().filter_map(tile).collect())
}

/// A value that is not parted from its unit.
fn together(value: &str) -> String {
    value.replace(' ', "\u{a0}")
}

/// The limits on the figures of a tile, with the class of each.
fn limits_of_tile(
    main: &Figure,
    others: &[&Figure],
    results: &Results,
) -> Vec<(&'static str, String)> {
    let is_here = |figure: &Figure| *main == *figure || others.iter().any(|o| **o == *figure);
    let limits = results.rumormill.limits.iter();
    let here = limits
        .filter(|limit| limit.limit.parse::<Limit>().is_ok_and(|limit| is_here(limit.figure)));
    here.map(|limit| (verdict_look(limit).0, together(&limit.limit))).collect()
}

/// `unknown` for the missing values if no node could be read; none for other figures.
fn unknown(wanted: &Figure, results: &Results) -> Option<String> {
    let missing = &results.rumormill.missing;
    let is_unknown = !missing.nodes.is_empty() && missing.known_missing().is_none();
    (is_unknown && *wanted == *const { figure("missing") }).then(|| "unknown".to_owned())
}

/// The class and the word of a limit's verdict.
pub(super) const fn verdict_look(limit: &Verdict) -> (&'static str, &'static str) {
    match (limit.judged, limit.passed) {
        (false, _) => ("faint", "not judged"),
        (true, true) => ("good", "pass"),
        (true, false) => ("bad", "FAIL"),
    }
}

/// Nodes that could not be read, oddities, and what the faults did.
pub(super) fn to_look_at(run: &Run) -> Vec<String> {
    let mut items: Vec<String> = run.absent.clone();
    if let Some(results) = &run.results {
        let lab = &results.rumormill;
        for (what, counts) in [("Dropped", &lab.traffic.dropped), ("Faults", &lab.traffic.faulted)]
        {
            if !counts.is_empty() {
                let words: Vec<String> =
                    counts.iter().map(|(cause, count)| format!("{count} ({cause})")).collect();
                items.push(format!("{what}: {}.", words.join(", ")));
            }
        }
        let lacks = |node: &&NodeMissing| node.missing_count.unwrap_or(0) > 0;
        let mut lacking: Vec<&NodeMissing> = lab.missing.nodes.iter().filter(lacks).collect();
        lacking.sort_by_key(|node| Reverse(node.missing_count));
        for node in lacking.iter().take(LACKING) {
            let count = node.missing_count.unwrap_or_default();
            let values: Vec<String> = node.missing.iter().take(8).map(u64::to_string).collect();
            let more = if count > 8 { " …" } else { "" };
            items.push(format!("{} lacks {count}: {}{more}", node.node, values.join(" ")));
            items.extend(node.diagnosis().map(|diagnosis| format!("{diagnosis}.")));
        }
        if lacking.len() > LACKING {
            items.push(format!("{} more nodes lack values.", lacking.len() - LACKING));
        }
        if let Some(ms) = results.spoiling_delay_ms() {
            items.push(format!(
                "The machine was busy, the lab's scheduling delay was up to {} ms: times are not \
                 trustworthy.",
                number(ms)
            ));
        }
        let replies = lab.error_replies.iter();
        items.extend(replies.map(|reply| {
            format!("Error replies to {}: {} times {}.", reply.f, reply.count, reply.words())
        }));
        let refused = lab.refused_reads.iter();
        items.extend(
            refused.map(|read| format!("{} refused its final read: {}.", read.node, read.why)),
        );
        if let Some((node, all)) = slowest(&lab.service_times) {
            let (median, max) = (number(all.p50), number(all.max));
            items.push(format!(
                "{node} took {median} ms to answer a request (median), {max} ms at most."
            ));
        }
        items.extend(lab.notices.iter().take(NOTICES).cloned());
        if lab.notice_count > NOTICES as u64 {
            items.push(format!("and {} more", lab.notice_count - NOTICES as u64));
        }
    }
    items
}

/// The command, the node and the seed that run it again.
pub(super) fn origin(run: &Run) -> Option<Value> {
    let LabResults { run, seed, version, duration_ms, .. } = &run.results.as_ref()?.rumormill;
    let duration = format!("{} s", number(duration_ms / 1e3));
    Some(context! { run, seed, version, duration })
}
