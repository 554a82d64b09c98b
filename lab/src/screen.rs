//! The result screen: verdict, limits, figures and traffic of a run, on one page.

mod comparison;
mod seeds;
mod style;
mod workload;

use std::cmp::Reverse;
use std::fmt::Write as _;

use rumormill_judge::checker::latency::ALL;
use rumormill_judge::checker::missing::Missing;
use rumormill_judge::figures::{FIGURES, Figure, POINTS, figure};
use rumormill_judge::format::number::counted;
use rumormill_judge::format::number::number;
use rumormill_judge::format::text::line;
use rumormill_judge::results::{Convergence, LabResults, Results, ignored_words, slowest};
use rumormill_judge::verdict::{closing_line, verdict_word};

pub use comparison::render_comparison;
pub use seeds::render_seeds;
pub use style::Style;
pub(crate) use style::Tone;

/// Width of the labels on the left.
const LABEL: usize = 35;
/// Width of a column of numbers.
const COLUMN: usize = 8;
/// Number of links, nodes, values or notices that are shown one by one.
const SHOWN: usize = 5;

/// Renders the screen.
#[must_use]
pub fn render(results: &Results, style: Style) -> String {
    let lab = &results.rumormill;
    let mut screen = Screen { out: String::new(), style, results };
    screen.headline();
    screen.limits(lab);
    screen.maelstrom();
    screen.beyond_maelstrom();
    screen.traffic(lab);
    screen.notices(lab);
    screen.footer(lab);
    screen.out
}

struct Screen<'r> {
    out: String,
    style: Style,
    results: &'r Results,
}

impl Screen<'_> {
    fn line(&mut self, text: &str) {
        line(&mut self.out, text);
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

    /// A row in a tone.
    fn row_in(&mut self, tone: Tone, label: &str, text: &str) {
        let text = self.style.paint(tone, text);
        self.row(label, &text);
    }

    /// A faint line below a row.
    fn note(&mut self, text: &str) {
        self.row_in(Tone::Faint, "", text);
    }

    /// A row with a single figure and a remark; `not available` if the run does not have it.
    fn figure(&mut self, name: &Figure, remark: &str) {
        match name.show(self.results) {
            Some(value) => self.row(name.label, &format!(" {value}{remark}")),
            None => self.unavailable(name.label),
        }
    }

    /// A row with all points of a distribution, given by one of them; false, and no row, if the run
    /// does not have it.
    fn distribution(&mut self, one: &Figure) -> bool {
        let points = FIGURES.iter().filter(|figure| figure.label == one.label);
        let values: Option<Vec<f64>> = points.map(|figure| figure.read(self.results)).collect();
        let Some(values) = values else { return false };
        self.quantiles(one.label, values);
        true
    }

    fn quantiles(&mut self, label: &str, values: impl IntoIterator<Item = f64>) {
        let columns = values.into_iter().map(|value| format!("{:>COLUMN$}", number(value)));
        self.row(label, &columns.collect::<String>());
    }

    /// For figures that this run does not have: Maelstrom does not measure what the lab does.
    fn unavailable(&mut self, label: &str) {
        self.row_in(Tone::Faint, label, " not available");
    }

    fn headline(&mut self) {
        let results = self.results;
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
        let ignored = ignored_words(&lab.node_errors);
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

    /// The known facts of the node that ended the run.
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

    fn maelstrom(&mut self) {
        self.title("Maelstrom's figures (times in ms)", &POINTS);
        let maelstrom = &self.results.maelstrom;
        if maelstrom.workload.set().is_some() && !self.distribution(const { figure("median") }) {
            self.row(const { figure("median") }.label, " no value was seen to stay");
        }
        self.distribution(const { figure("lost-latency-median") });
        let all = const { figure("msgs-per-op-all") }.show(self.results).unwrap_or_default();
        self.figure(const { figure("msgs-per-op") }, &format!("  ({all} with clients' messages)"));
        self.workload_figures();
        if let Some(set) = maelstrom.workload.set() {
            let text = format!(
                " {} tried, {} stable ({} stale), {} lost, {} never read",
                set.attempt_count,
                set.stable_count,
                set.stale_count,
                self.count_bad(set.lost_count),
                set.never_read_count,
            );
            self.row("values", &text);
        }
        let by_f = maelstrom.stats.by_f.iter();
        let by_f = by_f.map(|(f, counts)| format!(" {f} {} of {}", counts.ok_count, counts.count));
        let remark = format!("  ({})", join(by_f).trim_start());
        self.figure(const { figure("availability") }, &remark);
        for reply in self.results.rumormill.error_replies.iter().take(SHOWN) {
            let text = format!(" {} of {}: {}", reply.count, reply.f, reply.words());
            self.row_in(Tone::Warn, "error replies", &text);
        }
        for exception in maelstrom.exceptions.exceptions.iter().take(SHOWN) {
            self.row("exceptions", &format!(" {}  {}", exception.count, exception.class));
        }
    }

    /// Nodes without a final read.
    fn unread(&mut self, unread: &[String]) {
        if !unread.is_empty() {
            let nodes = list(unread, " ", unread.len() as u64);
            self.row_in(Tone::Warn, "", &format!(" no final read from {nodes}"));
        }
        for refused in self.results.rumormill.refused_reads.iter().take(SHOWN) {
            let text = format!(" {} refused its final read: {}", refused.node, refused.why);
            self.row_in(Tone::Warn, "", &text);
        }
    }

    fn beyond_maelstrom(&mut self) {
        self.title("Beyond Maelstrom (times in ms)", &POINTS);
        let lab = &self.results.rumormill;
        self.deliveries(lab);
        self.components(lab);
        self.latencies(lab);
        self.service(lab);
        self.suspicions(lab);
        if lab.indeterminate_count > 0 {
            let remark = "  (operations open at a node when it died)";
            self.figure(const { figure("indeterminate") }, remark);
        }
        match &lab.counter {
            Some(counter) => self.sums(counter),
            None if self.results.maelstrom.workload.set().is_some() => self.missing(&lab.missing),
            None => {}
        }
        if lab.broadcast_count > 0 {
            self.figure(const { figure("msgs-per-broadcast") }, "");
        }
        let all = const { figure("server-bytes") }.show(self.results).unwrap_or_default();
        self.figure(const { figure("bytes-per-op") }, &format!("  ({all} between nodes)"));
        if let Some(entries) = lab.traffic.entries {
            let remark = format!("  (of {} entries sent between nodes)", entries.sent);
            self.figure(const { figure("redundancy") }, &remark);
        }
        self.reads(lab);
        self.recovery(lab);
        self.scheduling_delay(lab);
    }

    /// How long clients waited, by kind of operation.
    fn latencies(&mut self, lab: &LabResults) {
        for (f, all) in lab.client_latency.iter().filter(|(f, _)| *f != ALL) {
            let label = format!("client latency of {f}");
            self.quantiles(&label, all.points().map(|(_, ms)| ms));
        }
    }

    /// The node that takes longest to answer, if it is slow.
    fn service(&mut self, lab: &LabResults) {
        if let Some((node, all)) = slowest(&lab.service_times) {
            let (median, max) = (number(all.p50), number(all.max));
            let text =
                format!(" {node} took {median} ms to answer a request (median), {max} at most");
            self.row_in(Tone::Warn, "slow node", &text);
        }
    }

    fn reads(&mut self, lab: &LabResults) {
        let reads = &lab.reads;
        if reads.duplicate_count + reads.phantom_count > 0 {
            let duplicates = counted(reads.duplicate_count, "duplicate");
            let phantoms = counted(reads.phantom_count, "value");
            let examples = match list(&reads.phantoms, " ", reads.phantom_count) {
                examples if examples.is_empty() => examples,
                examples => format!(": {examples}"),
            };
            let text = format!(" {duplicates}, {phantoms} never broadcast{examples}");
            self.row_in(Tone::Warn, "reads returned", &text);
        }
    }

    fn recovery(&mut self, lab: &LabResults) {
        if let Some(recovery) = lab.recovery {
            let why = if recovery.quiet { ", then the cluster was quiet" } else { "" };
            self.row("recovery", &format!(" waited {} s{why}", number(recovery.waited_ms / 1e3)));
            if recovery.quiescent_msgs.is_some() {
                self.figure(const { figure("quiescent-msgs") }, "  (second half of the recovery)");
            }
        }
    }

    fn scheduling_delay(&mut self, lab: &LabResults) {
        let Some(delay) = lab.scheduling_delay.filter(|_| !lab.convergence.exact) else { return };
        let (p99, max) =
            (const { figure("scheduling-delay-p99") }, const { figure("scheduling-delay-max") });
        let show = |figure: &Figure| figure.show(self.results).unwrap_or_default();
        let text = format!(" {}  ({} at most)", show(p99), show(max));
        if delay.spoils_figures() {
            let text = format!("{text}: the machine is busy, times are not trustworthy");
            self.row_in(Tone::Warn, p99.label, &text);
        } else {
            self.row(p99.label, &text);
        }
    }

    /// Delivery times at the last node, by each source that observed them.
    fn deliveries(&mut self, lab: &LabResults) {
        let label = const { figure("convergence-median") }.label;
        let Convergence { message_flow, exact, seen_in, unseen, probes } = &lab.convergence;
        if lab.convergence.best().is_none() && lab.broadcast_count > 0 {
            self.unavailable(label);
        }
        if let Some(why) = unseen {
            why.split("; ").for_each(|part| self.note(&format!(" {part}")));
        }
        let seen = if *exact { "the simulation" } else { seen_in.as_deref().unwrap_or("messages") };
        for (source, spread) in [(seen, message_flow), ("probes", probes)] {
            let Some(spread) = spread else { continue };
            if let Some(all) = spread.since_ack {
                let points = all.points().map(|(_, ms)| ms.unwrap_or(f64::INFINITY));
                self.quantiles(label, points);
            }
            let incomplete = match spread.incomplete_count {
                0 => String::new(),
                count => format!("; {count} of {} values never on all nodes", spread.value_count),
            };
            self.note(&format!(" since the acknowledgement, seen in {source}{incomplete}"));
        }
    }

    fn components(&mut self, lab: &LabResults) {
        let Some(components) = &lab.components else { return };
        if components.value_count > 0 {
            self.distribution(const { figure("component-median") });
            let owed = counted(components.value_count, "value");
            self.note(&format!(" {owed} owed within a connected component"));
        }
        if components.heal_count > 0 {
            self.distribution(const { figure("heal-median") });
            let heals = counted(components.heal_count, "heal");
            self.note(&format!(" {heals} after which values were missing"));
        }
    }

    fn suspicions(&mut self, lab: &LabResults) {
        let Some(longest) = lab.false_suspicions.as_ref().and_then(|all| all.longest.as_ref())
        else {
            return;
        };
        let (node, peer, since) = (&longest.node, &longest.peer, number(longest.since_ms));
        let remark = format!(": {node} suspected {peer} from {since} ms on");
        self.figure(const { figure("false-suspicion") }, &remark);
    }

    fn missing(&mut self, missing: &Missing) {
        let label = const { figure("missing") }.label;
        if missing.nodes.is_empty() {
            return self.unavailable(label);
        }
        if missing.lost_with_holders_count > 0 {
            let values = counted(missing.lost_with_holders_count, "acknowledged value");
            let text = format!(" {values}, with the only nodes that held them");
            self.row(const { figure("lost-with-holders") }.label, &text);
        }
        let owed = missing.acknowledged_count;
        if missing.missing_count == 0 && missing.unread.is_empty() {
            let nodes = counted(missing.nodes.len() as u64, "node");
            let owed = counted(owed, "acknowledged value");
            self.row(label, &format!(" nothing: {owed} on {nodes}"));
        } else if missing.known_missing().is_none() {
            self.row_in(Tone::Warn, label, " unknown: no node could be read");
        } else {
            let count = self.count_bad(missing.missing_count);
            let place =
                if missing.unread.is_empty() { "some node" } else { "the nodes that were read" };
            self.row(label, &format!(" {count} of {owed} values on {place}"));
        }
        let mut lacking: Vec<_> =
            missing.nodes.iter().filter(|node| node.missing_count.unwrap_or(0) > 0).collect();
        lacking.sort_by_key(|node| Reverse(node.missing_count));
        for node in lacking.iter().take(SHOWN) {
            let count = node.missing_count.unwrap_or_default();
            let values = list(&node.missing, " ", count);
            self.row("", &format!(" {} lacks {count}: {values}", node.node));
            if let Some(diagnosis) = node.diagnosis() {
                self.row_in(Tone::Warn, "", &format!(" {diagnosis}"));
            }
        }
        if let Some(rest) = beyond_shown(lacking.len(), "node") {
            self.row("", &format!(" {rest}"));
        }
        self.unread(&missing.unread);
        if missing.divergent_count > 0 {
            let count = counted(missing.divergent_count, "unacknowledged value");
            self.row("", &format!(" {count} on some nodes only"));
        }
    }

    fn traffic(&mut self, lab: &LabResults) {
        if lab.traffic.types.is_empty() {
            return self.unavailable("messages by type");
        }
        self.title("Messages", &["sent", "recv", "bytes"]);
        let mut types: Vec<_> = lab.traffic.types.iter().collect();
        types.sort_by_key(|(_, flow)| Reverse(flow.send));
        for (kind, flow) in types.iter().take(2 * SHOWN) {
            let columns = [flow.send, flow.recv, flow.bytes]
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
        let busiest = busiest.map(|link| format!(" {}>{} {}", link.src, link.dest, link.flow.send));
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

/// Words for those that are not shown one by one.
fn beyond_shown(count: usize, what: &str) -> Option<String> {
    let rest = count.checked_sub(SHOWN).filter(|rest| *rest > 0)?;
    Some(format!("and {}", counted(rest as u64, &format!("more {what}"))))
}

fn join(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(",")
}

/// The first items, and how many there are beyond them.
fn list<T: ToString>(items: &[T], separator: &str, count: u64) -> String {
    let shown: Vec<String> = items.iter().take(SHOWN).map(ToString::to_string).collect();
    let rest = count.saturating_sub(shown.len() as u64);
    let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
    shown.join(separator) + &more
}

#[cfg(test)]
mod tests;
