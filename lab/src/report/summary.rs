//! The top of the report: verdict, figures, limits, oddities.

use std::cmp::Reverse;
use std::fmt::Write as _;

use rumormill_judge::checker::missing::NodeMissing;
use rumormill_judge::figures::{Figure, figure, select};
use rumormill_judge::format::number::{counted, number};
use rumormill_judge::results::{
    CrashReport, LabResults, MAELSTROM, Results, RunInfo, Verdict, ignored_words, slowest,
};
use rumormill_judge::verdict::{Limit, closing_line, verdict_word};
use rumormill_judge::workload::BROADCAST;

use super::html;
use super::run::Run;

/// Number of notices shown: `results.json` has some more.
const NOTICES: usize = 20;
/// Notices that are shown before the rest is asked for.
const FIRST: usize = 5;
/// Nodes that lack values shown, those that lack most first: the table of the nodes has all.
const LACKING: usize = 8;

/// The verdict, and what was run.
pub(super) fn headline(run: &Run) -> String {
    let Some(results) = &run.results else {
        return format!(
            "<h1><span class=\"badge warn\">NO RESULT</span> The run came to no end</h1>\
             <p class=\"shape\">{}. Below is what its files tell.</p>",
            html::text(&counted(run.nodes.len() as u64, "node"))
        );
    };
    let lab = &results.rumormill;
    let word = verdict_word(results);
    let class = match word {
        "PASSED" => "good",
        "STOPPED" | "UNKNOWN" => "warn",
        _ => "bad",
    };
    let closing = closing_line(results);
    let mut out = format!(
        "<h1><span class=\"badge {class}\">{word}</span> {}</h1>{}",
        html::text(&closing),
        ran(lab),
    );
    out += &not_kept(&lab.limits);
    out += &lab.crash.as_ref().map_or_else(String::new, crash);
    let ignored = ignored_words(&lab.node_errors);
    if let Some(ignored) = ignored.filter(|ignored| !closing.contains(ignored)) {
        let _ = write!(out, "<p class=\"warn\">{}.</p>", html::text(&ignored));
    }
    if lab.maelstrom_valid != results.maelstrom.valid {
        let verdict = lab.maelstrom_valid;
        let _ = write!(
            out,
            "<p class=\"warn\">Maelstrom's own checkers would have said <code>{verdict}</code>.</p>"
        );
    }
    out
}

/// The node, the workload and the faults of the run.
fn ran(lab: &LabResults) -> String {
    let RunInfo { program, faults, .. } = &lab.run;
    let place = match program.as_str() {
        "sim" => " (simulated)",
        MAELSTROM => " (under Maelstrom)",
        _ => "",
    };
    let is_broadcast = lab.workload == BROADCAST.name;
    let workload = if is_broadcast { format!("{}, ", BROADCAST.name) } else { String::new() };
    let faults = if faults.is_empty() { "none" } else { faults };
    let entries = [
        ("node", lab.run.short_node() + place),
        ("workload", workload + lab.run.workload()),
        ("faults", faults.to_owned()),
    ];
    let entry = |(name, text): (&str, String)| {
        format!("<div><dt>{name}</dt><dd>{}</dd></div>", html::text(&text))
    };
    format!("<dl class=\"ran\">{}</dl>", entries.map(entry).concat())
}

/// The limits that decided the verdict, and what was found.
fn not_kept(limits: &[Verdict]) -> String {
    let broken = limits.iter().filter(|limit| !limit.passed);
    let words = |limit: &Verdict| {
        let (limit, found) = (html::text(&together(&limit.limit)), html::text(&limit.found));
        format!("<strong>{limit}</strong> (found: {found})")
    };
    let words: Vec<String> = broken.map(words).collect();
    if words.is_empty() {
        return String::new();
    }
    format!("<p class=\"bad\">Not kept: {}.</p>", words.join(", "))
}

/// The known facts of the node that ended a run.
fn crash(crash: &CrashReport) -> String {
    let mut out = "<p class=\"warn\">The figures are of what there is.</p>".to_owned();
    let node = html::text(crash.node.as_deref().unwrap_or_default());
    if !crash.last_lines.is_empty() {
        let lines = html::text(&crash.last_lines.join("\n"));
        let _ = write!(out, "<p>{node} wrote last to stderr:</p><pre>{lines}</pre>");
    }
    if let Some(message) = &crash.last_message {
        let message = html::text(message);
        let _ = write!(out, "<p>The last message to {node}: <code>{message}</code></p>");
    }
    out
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
pub(super) fn figures(run: &Run) -> String {
    let Some(results) = &run.results else { return String::new() };
    let mut out = String::from("<dl class=\"figures\">");
    for (main, others) in TILES {
        let value = main.show(results).or_else(|| unknown(main, results));
        let Some(value) = value else { continue };
        let words = others.iter().filter_map(|other| {
            let name = if other.label == main.label { other.point } else { other.label };
            // Nothing of something that is counted is no news.
            other.read(results).filter(|value| *value != 0.0)?;
            Some(format!("{name} {}", together(&other.show(results)?)))
        });
        let words = words.collect::<Vec<_>>().join(", ");
        let point = if main.point.is_empty() { "" } else { ", " };
        let _ = write!(
            out,
            "<div><dt>{}{point}{}</dt><dd><strong>{}</strong><span class=\"small faint\">{}\
             </span>{}</dd></div>",
            html::text(main.label),
            main.point,
            html::text(&value),
            html::text(&words),
            limits_of_tile(main, others, results)
        );
    }
    out + "</dl>"
}

/// A value that is not parted from its unit.
fn together(value: &str) -> String {
    value.replace(' ', "\u{a0}")
}

/// The limits on the figures of a tile.
fn limits_of_tile(main: &Figure, others: &[&Figure], results: &Results) -> String {
    let verdicts = results.rumormill.limits.iter();
    let parsed =
        verdicts.filter_map(|verdict| Some((verdict, verdict.limit.parse::<Limit>().ok()?)));
    let line = |(verdict, limit): (&Verdict, Limit)| {
        let is_other = others.iter().any(|other| **other == *limit.figure);
        if !is_other && *main != *limit.figure {
            return None;
        }
        let (class, _) = verdict_look(verdict);
        Some(format!(
            "<span class=\"small {class}\">limit: {}</span>",
            html::text(&together(&verdict.limit))
        ))
    };
    parsed.filter_map(line).collect()
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
pub(super) fn to_look_at(run: &Run) -> String {
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
    if items.is_empty() {
        return String::new();
    }
    let list = |items: &[String]| {
        let items: Vec<String> =
            items.iter().map(|item| format!("<li>{}</li>", html::text(item))).collect();
        format!("<ul class=\"notices\">{}</ul>", items.join("\n"))
    };
    let (first, rest) = items.split_at(items.len().min(FIRST));
    let more = match rest.len() {
        0 => String::new(),
        count => html::details(&format!("{count} more"), &list(rest)),
    };
    format!("<div class=\"look\"><h2>To look at</h2>{}{more}</div>", list(first))
}

/// The run's files, and how to run it again.
pub(super) fn origin(run: &Run) -> String {
    let mut out = String::from("<dl class=\"origin\">");
    let mut entry = |name: &str, inside: &str| {
        if !inside.is_empty() {
            let _ = write!(out, "<dt>{}</dt><dd>{inside}</dd>", html::text(name));
        }
    };
    let code = |text: &str| format!("<code>{}</code>", html::text(text));
    if let Some(lab) = run.results.as_ref().map(|results| &results.rumormill) {
        entry("again", &code(&lab.run.command));
        entry("node", &code(&lab.run.node));
        entry("seed", &lab.seed.map_or_else(String::new, |seed| code(&seed.to_string())));
        entry("duration", &format!("{} s", number(lab.duration_ms / 1e3)));
        entry("started", &html::text(&lab.run.started));
        entry("by", &format!("lab {} {}", html::text(&lab.run.program), html::text(&lab.version)));
    }
    entry("run", &code(&run.name));
    let links = |folder: &str, names: &[String]| {
        let links: Vec<String> = names.iter().map(|name| html::file_link(folder, name)).collect();
        links.join(", ")
    };
    entry("files", &links("", &run.files));
    if !run.logs.is_empty() {
        let summary = counted(run.logs.len() as u64, "log");
        let list = format!("<p class=\"small\">{}</p>", links("node-logs/", &run.logs));
        entry("logs of nodes", &html::details(&summary, &list));
    }
    out + "</dl>"
}
