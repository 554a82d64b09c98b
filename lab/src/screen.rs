//! The result screen: what a person wants to know of a run, on one page.

mod comparison;
mod reason;
mod style;

use std::cmp::Reverse;
use std::fmt::Write as _;

use crate::checker::quantile::Quantiles;
use crate::results::{LabResults, MaelstromResults, Results, ignored_words, slowest};
pub use comparison::render_comparison;
pub use reason::{closing_line, verdict_word};
pub use style::Style;
use style::Tone;
pub(crate) use style::{counted, number};

/// Width of the labels on the left.
const LABEL: usize = 20;
/// Width of a column of numbers.
const COLUMN: usize = 9;
/// The points of a distribution, by the names that limits have for them.
const POINTS: [&str; 5] = ["min", "median", "p95", "p99", "max"];
/// How many links, nodes, values or notices are shown one by one.
const SHOWN: usize = 5;

/// The screen's text.
#[must_use]
pub fn render(results: &Results, style: Style) -> String {
    let mut screen = Screen { out: String::new(), style };
    screen.headline(results);
    screen.limits(&results.rumormill);
    screen.maelstrom(&results.maelstrom, &results.rumormill);
    screen.honest(&results.rumormill);
    screen.traffic(&results.rumormill);
    screen.notices(&results.rumormill);
    screen.footer(&results.rumormill);
    screen.out
}

struct Screen {
    out: String,
    style: Style,
}

impl Screen {
    fn line(&mut self, text: &str) {
        self.out.push_str(text.trim_end());
        self.out.push('\n');
    }

    fn title(&mut self, title: &str, columns: &[&str]) {
        let mut text =
            self.style.paint(Tone::Strong, &format!("{title:<width$}", width = LABEL + 2));
        for column in columns {
            let _ =
                write!(text, "{}", self.style.paint(Tone::Faint, &format!("{column:>COLUMN$}")));
        }
        self.line("");
        self.line(&text);
    }

    fn row(&mut self, label: &str, text: &str) {
        self.line(&format!("  {label:<LABEL$}{text}"));
    }

    fn quantiles(&mut self, label: &str, points: [Option<f64>; 5]) {
        let shown = points.map(|point| point.map_or_else(|| "never".to_owned(), number));
        let columns = shown.map(|point| format!("{point:>COLUMN$}"));
        self.row(label, &columns.concat());
    }

    fn headline(&mut self, results: &Results) {
        let lab = &results.rumormill;
        let word = verdict_word(results);
        let tone = match word {
            "PASSED" => Tone::Good,
            "STOPPED" | "UNKNOWN" => Tone::Warn,
            _ => Tone::Bad,
        };
        let word = self.style.paint(tone, word);
        let closing = closing_line(results);
        self.line(&format!("{word}  {closing}. {}", lab.run.title()));
        let ignored = ignored_words(&lab.troubles);
        if let Some(ignored) = ignored.filter(|ignored| !closing.contains(ignored)) {
            let ignored = self.style.paint(Tone::Warn, &ignored);
            self.line(&format!("        {ignored}."));
        }
        self.crash(lab);
        if lab.maelstrom_valid != results.maelstrom.valid {
            let verdict = lab.maelstrom_valid;
            self.line(&format!("        Maelstrom's own checkers would have said `{verdict}`."));
        }
    }

    /// What is known of the node that ended the run.
    fn crash(&mut self, lab: &LabResults) {
        let Some(crash) = &lab.crash else { return };
        let node = crash.node.as_deref().unwrap_or_default();
        for line in &crash.last_lines {
            self.line(&format!("        {node}: {line}"));
        }
        if let Some(message) = &crash.last_message {
            self.line(&format!("        the last message to {node}: {message}"));
        }
        self.line("        The figures below are of what there is.");
    }

    fn limits(&mut self, lab: &LabResults) {
        if lab.limits.is_empty() {
            return;
        }
        self.title("Limits", &[]);
        for limit in &lab.limits {
            let (word, tone) = match (limit.judged, limit.passed) {
                (false, _) => ("----", Tone::Faint),
                (true, true) => ("pass", Tone::Good),
                (true, false) => ("FAIL", Tone::Bad),
            };
            let word = self.style.paint(tone, word);
            self.line(&format!("  {word}  {:<34}{}", limit.limit, limit.found));
        }
    }

    fn maelstrom(&mut self, maelstrom: &MaelstromResults, lab: &LabResults) {
        self.title("Maelstrom's figures", &POINTS);
        let workload = &maelstrom.workload;
        match workload.stable_latencies {
            Some(all) => self.quantiles("stable latency ms", points(all, |ms| Some(ms as f64))),
            None => self.row("stable latency ms", " no value was seen to stay"),
        }
        if let Some(all) = workload.lost_latencies {
            self.quantiles("lost latency ms", points(all, |ms| Some(ms as f64)));
        }
        let ratio = |ratio: Option<f32>| ratio.map_or_else(|| "none".to_owned(), |r| r.to_string());
        let net = maelstrom.net;
        let all = ratio(net.all.msgs_per_op);
        let text = format!(" {}  ({all} with clients)", ratio(net.servers.msgs_per_op));
        self.row("msgs per op", &text);
        let text = format!(
            " {} tried, {} stable ({} stale), {} lost, {} never read",
            workload.attempt_count,
            workload.stable_count,
            workload.stale_count,
            self.count_bad(workload.lost_count),
            workload.never_read_count,
        );
        self.row("values", &text);
        let by_f = maelstrom
            .stats
            .by_f
            .iter()
            .map(|(f, counts)| format!(" {f} {} of {}", counts.ok_count, counts.count));
        let text = format!("{} (ok-fraction {})", join(by_f), maelstrom.availability.ok_fraction);
        self.row("operations ok", &text);
        for reply in lab.error_replies.iter().take(SHOWN) {
            let text = format!(" {} of {}: {}", reply.count, reply.f, reply.words());
            self.row("error replies", &self.style.paint(Tone::Warn, &text));
        }
        for exception in maelstrom.exceptions.exceptions.iter().take(SHOWN) {
            self.row("malformed replies", &format!(" {}  {}", exception.count, exception.class));
        }
    }

    fn honest(&mut self, lab: &LabResults) {
        self.title("Honest figures", &POINTS);
        if lab.convergence.best().is_none() {
            self.unavailable("last node has it ms");
        }
        let seen = if lab.convergence.exact { "the simulation" } else { "messages" };
        let sources = [(seen, &lab.convergence.message_flow), ("probes", &lab.convergence.probes)];
        for (source, spread) in sources {
            let Some(spread) = spread else { continue };
            if let Some(all) = spread.since_ack {
                self.quantiles("last node has it ms", points(all, |ms| ms));
            }
            let text = format!(" by {source}, since the acknowledgement{}", incomplete(spread));
            self.row("", &self.style.paint(Tone::Faint, &text));
        }
        self.parts(lab);
        for (f, all) in &lab.client_latency {
            if f != crate::checker::latency::ALL {
                self.quantiles(&format!("{f} took ms"), points(*all, Some));
            }
        }
        if let Some((node, all)) = slowest(&lab.service_times) {
            let (median, max) = (number(all.p50), number(all.max));
            let text =
                format!(" {node} took {median} ms to answer a request (median), {max} at most");
            self.row("slow node", &self.style.paint(Tone::Warn, &text));
        }
        self.silences(lab);
        if lab.abandoned_count > 0 {
            let operations = counted(lab.abandoned_count, "operation");
            self.row("abandoned", &format!(" {operations}, open at a node when it died"));
        }
        self.missing(lab);
        let traffic = &lab.traffic;
        let or_none = |ratio: Option<f64>| ratio.map_or_else(|| "none".to_owned(), number);
        let text = format!(" {}", or_none(traffic.msgs_per_broadcast));
        self.row("msgs per broadcast", &text);
        match traffic.server_bytes {
            Some(bytes) => {
                let (per_op, bytes) = (or_none(traffic.bytes_per_op), number(bytes as f64));
                self.row("bytes per op", &format!(" {per_op}  ({bytes} between nodes)"));
            }
            None => self.unavailable("bytes per op"),
        }
        if let Some(share) = traffic.repeated_share() {
            let sent = traffic.entries.unwrap_or_default().sent;
            let share = number(share * 100.0);
            self.row("came twice", &format!(" {share} % of {sent} entries sent between nodes"));
        }
        self.reads(lab);
        self.recovery(lab);
        self.lateness(lab);
    }

    fn reads(&mut self, lab: &LabResults) {
        let reads = &lab.reads;
        if reads.duplicate_count + reads.phantom_count > 0 {
            let duplicates = counted(reads.duplicate_count, "duplicate");
            let phantoms = counted(reads.phantom_count, "value");
            let examples = match list(&reads.phantoms, reads.phantom_count) {
                examples if examples.is_empty() => examples,
                examples => format!(": {examples}"),
            };
            let text = format!(" {duplicates}, {phantoms} that no client sent{examples}");
            self.row("reads returned", &self.style.paint(Tone::Warn, &text));
        }
    }

    fn recovery(&mut self, lab: &LabResults) {
        if let Some(recovery) = lab.recovery {
            let why = if recovery.quiet { ", then the cluster was quiet" } else { "" };
            self.row("recovery", &format!(" waited {} s{why}", number(recovery.waited_ms / 1e3)));
            if let Some(msgs) = recovery.rest_msgs {
                let text =
                    format!(" {} messages per node in 10 s, in its second half", number(msgs));
                self.row("", &self.style.paint(Tone::Faint, &text));
            }
        }
    }

    fn lateness(&mut self, lab: &LabResults) {
        if lab.convergence.exact {
            return;
        }
        if let Some(late) = lab.lateness {
            let (p99, max) = (number(late.p99_ms), number(late.max_ms));
            let text = format!(" {p99} ms at 0.99, {max} ms at most");
            if late.spoils_figures() {
                let text = format!("{text}: the machine is busy, times are not trustworthy");
                self.row("the lab was late by", &self.style.paint(Tone::Warn, &text));
            } else {
                self.row("the lab was late by", &text);
            }
        }
    }

    /// For figures that this run does not have: Maelstrom does not measure what the lab does.
    fn unavailable(&mut self, label: &str) {
        let text = self.style.paint(Tone::Faint, " not available");
        self.row(label, &text);
    }

    fn parts(&mut self, lab: &LabResults) {
        let Some(parts) = &lab.parts else { return };
        if let Some(all) = parts.since_ack {
            self.quantiles("last of its part ms", points(all, |ms| ms));
            let text =
                format!(" {} owed within a connected part", counted(parts.value_count, "value"));
            self.row("", &self.style.paint(Tone::Faint, &text));
        }
        if let Some(all) = parts.since_heal {
            self.quantiles("whole after heal ms", points(all, |ms| ms));
            let text =
                format!(" {} with something to catch up on", counted(parts.heal_count, "heal"));
            self.row("", &self.style.paint(Tone::Faint, &text));
        }
    }

    fn silences(&mut self, lab: &LabResults) {
        let Some(silences) = &lab.wrong_silences else { return };
        let Some(longest) = &silences.longest else { return };
        let text = format!(
            " {} ms at most: {} took {} for silent from {} ms on",
            number(silences.longest_ms),
            longest.node,
            longest.peer,
            number(longest.since_ms),
        );
        self.row("wrong silences", &text);
    }

    fn missing(&mut self, lab: &LabResults) {
        let missing = &lab.missing;
        if missing.nodes.is_empty() {
            return self.unavailable("missing at the end");
        }
        if missing.perished_count > 0 {
            let values = counted(missing.perished_count, "acknowledged value");
            self.row("perished", &format!(" {values}, with the only nodes that held them"));
        }
        let owed = missing.acknowledged_count;
        if missing.missing_count == 0 && missing.unread.is_empty() {
            let nodes = counted(missing.nodes.len() as u64, "node");
            let owed = counted(owed, "acknowledged value");
            self.row("missing at the end", &format!(" nothing: {owed} on {nodes}"));
        } else if missing.known_missing().is_none() {
            let text = self.style.paint(Tone::Warn, " unknown: no node could be read");
            self.row("missing at the end", &text);
        } else {
            let count = self.count_bad(missing.missing_count);
            let place =
                if missing.unread.is_empty() { "some node" } else { "the nodes that were read" };
            self.row("missing at the end", &format!(" {count} of {owed} values on {place}"));
        }
        let mut lacking: Vec<_> =
            missing.nodes.iter().filter(|node| node.missing_count.unwrap_or(0) > 0).collect();
        lacking.sort_by_key(|node| Reverse(node.missing_count));
        for node in lacking.iter().take(SHOWN) {
            let count = node.missing_count.unwrap_or_default();
            let values = list(&node.missing, count);
            self.row("", &format!(" {} lacks {count}: {values}", node.node));
        }
        if let Some(rest) = beyond_shown(lacking.len(), "node") {
            self.row("", &format!(" {rest}"));
        }
        if !missing.unread.is_empty() {
            let nodes = list(&missing.unread, missing.unread.len() as u64);
            let text = format!(" no final read from {nodes}");
            self.row("", &self.style.paint(Tone::Warn, &text));
        }
        for refused in lab.refused_reads.iter().take(SHOWN) {
            let text = format!(" {} refused its final read: {}", refused.node, refused.why);
            self.row("", &self.style.paint(Tone::Warn, &text));
        }
        if missing.divergent_count > 0 {
            let count = counted(missing.divergent_count, "unacknowledged value");
            self.row("", &format!(" {count} on some nodes only"));
        }
    }

    fn traffic(&mut self, lab: &LabResults) {
        if lab.traffic.types.is_empty() {
            return self.unavailable("messages by type");
        }
        self.title("Messages", &["sent", "received", "bytes"]);
        let mut types: Vec<_> = lab.traffic.types.iter().collect();
        types.sort_by_key(|(_, flow)| Reverse(flow.sent));
        for (kind, flow) in types.iter().take(2 * SHOWN) {
            let columns = [flow.sent, flow.received, flow.bytes]
                .map(|count| format!("{:>COLUMN$}", number(count as f64)));
            let kind = if kind.is_empty() { "(no type)" } else { kind };
            self.row(kind, &columns.concat());
        }
        for (label, counts) in [("dropped", &lab.traffic.dropped), ("faults", &lab.traffic.faulted)]
        {
            if !counts.is_empty() {
                let counts = counts.iter().map(|(what, count)| format!(" {count} ({what})"));
                self.row(label, &join(counts));
            }
        }
        if lab.traffic.links.is_empty() {
            return;
        }
        let busiest = lab.traffic.links.iter().take(SHOWN);
        let busiest = busiest.map(|link| format!(" {}>{} {}", link.src, link.dest, link.flow.sent));
        let text = format!("{} (of {})", join(busiest), lab.traffic.link_count);
        self.row("busiest links", &text);
    }

    fn notices(&mut self, lab: &LabResults) {
        if lab.notice_count == 0 {
            return;
        }
        self.title("To look at", &[]);
        for notice in lab.notices.iter().take(SHOWN) {
            self.line(&format!("  {}", self.style.paint(Tone::Warn, notice)));
        }
        if let Some(rest) = beyond_shown(lab.notice_count as usize, "notice") {
            self.line(&format!("  {rest}"));
        }
    }

    fn footer(&mut self, lab: &LabResults) {
        self.line("");
        let mut entry = |label: &str, text: &str| {
            let label = self.style.paint(Tone::Faint, &format!("{label:<7}"));
            self.out.push_str(&format!("{label} {text}\n"));
        };
        if let Some(seed) = lab.seed {
            entry("seed", &seed.to_string());
        }
        entry("again", &lab.run.command);
        if let Some(store) = &lab.run.store {
            entry("files", store);
        }
    }

    fn count_bad(&self, count: u64) -> String {
        let text = count.to_string();
        if count > 0 { self.style.paint(Tone::Bad, &text) } else { text }
    }
}

fn points<T>(all: Quantiles<T>, convert: impl Fn(T) -> Option<f64>) -> [Option<f64>; 5] {
    all.points().map(|(_, value)| convert(value))
}

fn incomplete(spread: &crate::checker::convergence::Spread) -> String {
    match spread.incomplete_count {
        0 => String::new(),
        count => format!("; {count} of {} values never on all nodes", spread.value_count),
    }
}

/// What is said of those that are not shown one by one.
fn beyond_shown(count: usize, what: &str) -> Option<String> {
    let rest = count.checked_sub(SHOWN).filter(|rest| *rest > 0)?;
    Some(format!("and {}", counted(rest as u64, &format!("more {what}"))))
}

fn join(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(",")
}

/// The first items, and how many there are beyond them.
fn list<T: ToString>(items: &[T], count: u64) -> String {
    let shown: Vec<String> = items.iter().take(SHOWN).map(ToString::to_string).collect();
    let rest = count.saturating_sub(shown.len() as u64);
    let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
    shown.join(" ") + &more
}

#[cfg(test)]
mod tests;
