//! The top of the report: verdict, figures, limits, oddities.

use std::cmp::Reverse;
use std::fmt::Write as _;

use super::html::{self, Cell};
use super::run::Run;
use crate::checker::missing::NodeMissing;
use crate::figures::{Figure, figure, number, select};
use crate::results::{CrashReport, Results, ignored_words, slowest};
use crate::screen::{closing_line, counted, verdict_word};

/// Number of notices shown: `results.json` has some more.
const NOTICES: usize = 20;
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
        "<h1><span class=\"badge {class}\">{word}</span> {}</h1><p class=\"shape\">{}</p>",
        html::text(&closing),
        html::text(&lab.run.title())
    );
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

/// The known facts of the node that ended a run.
fn crash(crash: &CrashReport) -> String {
    let seconds = number(crash.at_ms / 1e3);
    let mut out = format!(
        "<p class=\"warn\">The run ended in its phase {} after {seconds} s. The figures are of \
         what there is.</p>",
        html::text(&crash.phase)
    );
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
const TILES: [(&Figure, &[&Figure]); 7] = [
    (figure!("msgs-per-op"), &select(["msgs-per-broadcast"])),
    (figure!("median"), &select(["p99", "max"])),
    (figure!("convergence-median"), &select(["convergence-p99", "convergence-max"])),
    (figure!("missing"), &select(["unread-nodes"])),
    (figure!("lost"), &select(["stale", "never-read"])),
    (figure!("availability"), &select(["indeterminate"])),
    (figure!("bytes-per-op"), &select(["redundancy"])),
];

/// The figures of [`TILES`] that the run has.
pub(super) fn figures(run: &Run) -> String {
    let Some(results) = &run.results else { return String::new() };
    let mut out = String::from("<dl class=\"figures\">");
    for (main, others) in TILES {
        let value = main.show(results).or_else(|| unknown(main, results));
        let Some(value) = value else { continue };
        let words = others.iter().filter_map(|other| {
            let name = if other.label == main.label { other.point } else { other.label };
            Some(format!("{name} {}", other.show(results)?))
        });
        let words = words.collect::<Vec<_>>().join(", ");
        let point = if main.point.is_empty() { "" } else { ", " };
        let _ = write!(
            out,
            "<div><dt>{}{point}{}</dt><dd><strong>{}</strong><span class=\"small faint\">{}\
             </span></dd></div>",
            html::text(main.label),
            main.point,
            html::text(&value),
            html::text(&words)
        );
    }
    out + "</dl>"
}

/// `unknown` for the missing values if no node could be read; none for other figures.
fn unknown(figure: &Figure, results: &Results) -> Option<String> {
    let missing = &results.rumormill.missing;
    let is_unknown = !missing.nodes.is_empty() && missing.known_missing().is_none();
    (is_unknown && *figure == *figure!("missing")).then(|| "unknown".to_owned())
}

/// Each limit, and what was found.
pub(super) fn limits(run: &Run) -> String {
    let limits = run.results.iter().flat_map(|results| &results.rumormill.limits);
    let row = |limit: &crate::results::Verdict| {
        let (word, class) = match (limit.judged, limit.passed) {
            (false, _) => ("not judged", "faint"),
            (true, true) => ("pass", "good"),
            (true, false) => ("FAIL", "bad"),
        };
        vec![
            Cell::Text(limit.limit.clone()),
            Cell::Number(limit.found.clone()),
            Cell::Html(format!("<strong class=\"{class}\">{word}</strong>")),
        ]
    };
    let rows: Vec<_> = limits.map(row).collect();
    if rows.is_empty() {
        return String::new();
    }
    let table = html::table("Limits", &[("limit", false), ("found", true), ("", false)], &rows);
    format!("<div>{table}</div>")
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
    let items: Vec<String> =
        items.iter().map(|item| format!("<li>{}</li>", html::text(item))).collect();
    format!("<div><h2>To look at</h2><ul class=\"notices\">{}</ul></div>", items.join("\n"))
}

/// The run, and how to run it again.
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
