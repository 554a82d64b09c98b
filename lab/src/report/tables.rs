//! Tables: per type, per link, per node.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};

use rumormill_judge::checker::quantile::Quantiles;
use rumormill_judge::format::number::number;
use rumormill_judge::outcome::counts::FlowCount;

use super::run::Run;
use crate::html::{self, Cell};
use crate::store::journal::Message;

/// Links and nodes listed: more belong into `results.json`.
const MAX_ROWS: usize = 1_000;
/// Links listed.
const MAX_LINKS: usize = 50;

/// Messages from one node to another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct LinkCount {
    pub(super) sent: u64,
    pub(super) received: u64,
    pub(super) dropped: u64,
    /// Those of them that a partition or a cut dropped.
    pub(super) cut: u64,
    pub(super) bytes: u64,
}

impl LinkCount {
    fn add(&mut self, message: &Message) {
        self.sent += 1;
        self.received += message.received.len() as u64;
        self.dropped += u64::from(message.dropped.is_some());
        let is_cut = |cause: &str| cause.starts_with("partition") || cause == "cut";
        self.cut += u64::from(message.dropped.as_ref().is_some_and(|(_, cause)| is_cut(cause)));
        self.bytes += message.bytes as u64;
    }
}

impl From<FlowCount> for LinkCount {
    fn from(FlowCount { send: sent, recv: received, bytes }: FlowCount) -> Self {
        Self { sent, received, bytes, ..Self::default() }
    }
}

/// All links between nodes that were used: counted in the messages, or else as the results say.
pub(super) fn link_counts(run: &Run) -> BTreeMap<(&str, &str), LinkCount> {
    let Some(journal) = &run.journal else {
        let listed = run.results.iter().flat_map(|results| &results.rumormill.traffic.links);
        return listed.map(|link| ((&*link.src, &*link.dest), link.flow.into())).collect();
    };
    let nodes: HashSet<&str> = run.nodes.iter().map(String::as_str).collect();
    let mut links: BTreeMap<(&str, &str), LinkCount> = BTreeMap::new();
    for message in &journal.messages {
        let (src, dest) = (&*message.src, &*message.dest);
        if nodes.contains(src) && nodes.contains(dest) {
            links.entry((src, dest)).or_default().add(message);
        }
    }
    links
}

/// Messages by type, those of clients too.
pub(super) fn types(run: &Run) -> String {
    let mut types: BTreeMap<&str, LinkCount> = BTreeMap::new();
    if let Some(journal) = &run.journal {
        for message in &journal.messages {
            types.entry(&*message.kind).or_default().add(message);
        }
    } else if let Some(results) = &run.results {
        let all = results.rumormill.traffic.types.iter();
        types.extend(all.map(|(kind, flow)| (kind.as_str(), LinkCount::from(*flow))));
    }
    let mut types: Vec<(&str, LinkCount)> = types.into_iter().collect();
    types.sort_by_key(|(_, count)| Reverse(count.sent));
    let row = |(kind, count): &(&str, LinkCount)| {
        let kind = if kind.is_empty() { "(no type)" } else { kind };
        let mut cells = vec![Cell::text(kind)];
        cells.extend(flow(*count));
        cells
    };
    let rows: Vec<_> = types.iter().take(MAX_ROWS).map(row).collect();
    html::table("Messages by type", &columns("type"), &rows)
}

fn columns(first: &str) -> [(&str, bool); 5] {
    [(first, false), ("sent", true), ("received", true), ("dropped", true), ("bytes", true)]
}

fn flow(count: LinkCount) -> [Cell; 4] {
    let LinkCount { sent, received, dropped, bytes, .. } = count;
    [sent, received, dropped, bytes].map(|count| Cell::number(number(count as f64)))
}

/// The busiest links.
pub(super) fn links(run: &Run) -> String {
    let mut links: Vec<_> = link_counts(run).into_iter().collect();
    links.sort_by_key(|(_, count)| Reverse(count.sent));
    let caption = if links.len() > MAX_LINKS {
        format!("Messages per link: the busiest {MAX_LINKS} of {}", links.len())
    } else {
        "Messages per link".to_owned()
    };
    let row = |((src, dest), count): &((&str, &str), LinkCount)| {
        let mut cells = vec![Cell::text(format!("{src} to {dest}"))];
        cells.extend(flow(*count));
        cells
    };
    let rows: Vec<_> = links.iter().take(MAX_LINKS).map(row).collect();
    html::table(&caption, &columns("link"), &rows)
}

/// Words for the columns of a node.
const COUNTED: &str = "Messages between nodes: sent, received, and dropped on the way to it.";
const SPREAD: &str = " Then how long after its acknowledgement it held a value (the median), and of \
                      how many values it was the last to hold them.";

const UNRETURNED: &str = " Never returned: values that it was sent, and that no read of it has.";

/// Counts of a node.
#[derive(Clone, Debug, Default)]
struct NodeRow {
    out: LinkCount,
    received: u64,
    lost: u64,
    clients: u64,
    /// Delays from the acknowledgement until it held each value, in ms.
    delays_ms: Vec<f64>,
    was_last: u64,
    /// Values that it was sent and never returned.
    unreturned: u64,
}

impl NodeRow {
    fn median_delay_ms(&self) -> Option<f64> {
        let mut delays = self.delays_ms.clone();
        delays.sort_by(f64::total_cmp);
        delays.get(delays.len() / 2).copied()
    }
}

/// A column of a table of nodes: its head, whether it has numbers, and the cell of a node.
type Column<'r> = (&'static str, bool, Box<dyn Fn(&str, &NodeRow) -> Cell + 'r>);

/// A row per node.
pub(super) fn nodes(run: &Run) -> String {
    let rows: Vec<NodeRow> = count_nodes(run);
    let missing: BTreeMap<&str, Option<u64>> = run
        .results
        .iter()
        .flat_map(|results| &results.rumormill.missing.nodes)
        .map(|node| (node.node.as_str(), node.missing_count))
        .collect();
    let has_spread = run.shows_deliveries();
    let has_unreturned = rows.iter().any(|row| row.unreturned > 0);
    let mut columns: Vec<Column<'_>> = vec![
        ("node", false, Box::new(|name, _| Cell::text(name))),
        ("sent", true, Box::new(|_, row| Cell::number(row.out.sent))),
        ("received", true, Box::new(|_, row| Cell::number(row.received))),
        ("dropped", true, Box::new(|_, row| Cell::number(row.lost))),
        ("bytes sent", true, Box::new(|_, row| Cell::number(number(row.out.bytes as f64)))),
        ("from clients", true, Box::new(|_, row| Cell::number(row.clients))),
    ];
    let known = |ms: Option<f64>| Cell::number(ms.map_or_else(|| "–".to_owned(), number));
    if has_spread {
        let median = move |_: &str, row: &NodeRow| known(row.median_delay_ms());
        columns.push(("held a value after, ms", true, Box::new(median)));
        columns.push(("was last", true, Box::new(|_, row| Cell::number(row.was_last))));
    }
    if has_unreturned {
        columns.push(("never returned", true, Box::new(|_, row| Cell::number(row.unreturned))));
    }
    if let Some(times) = services(run) {
        let median = move |name: &str, _: &NodeRow| known(times.get(name).map(|all| all.p50));
        let p99 = move |name: &str, _: &NodeRow| known(times.get(name).map(|all| all.p99));
        columns.push(("service time, ms", true, Box::new(median)));
        columns.push(("p99", true, Box::new(p99)));
    }
    let lacking = move |name: &str, _: &NodeRow| missing_cell(missing.get(name).copied());
    columns.push(("missing at the end", true, Box::new(lacking)));
    if run.nodes.iter().any(|name| !odd(run, name).is_empty()) {
        columns.push(("what was odd", false, Box::new(|name, _| Cell::text(odd(run, name)))));
    }
    let row = |(name, row): (&String, NodeRow)| {
        columns.iter().map(|(.., cell)| cell(name, &row)).collect::<Vec<_>>()
    };
    let shown = run.nodes.iter().zip(rows).take(MAX_ROWS).map(row);
    let rows: Vec<_> = shown.collect();
    let spread = if has_spread { SPREAD } else { "" };
    let unreturned = if has_unreturned { UNRETURNED } else { "" };
    let told = format!("{COUNTED}{spread}{unreturned}");
    let heads: Vec<_> = columns.iter().map(|(head, is_number, _)| (*head, *is_number)).collect();
    let table = html::table(&caption(run.nodes.len()), &heads, &rows);
    format!("<p class=\"small faint\">{told}</p>{table}")
}

fn caption(nodes: usize) -> String {
    match nodes.saturating_sub(MAX_ROWS) {
        0 => "Each node".to_owned(),
        rest => format!("The first {MAX_ROWS} nodes; {rest} more are in results.json"),
    }
}

/// How long each node took to answer clients, if that was seen.
fn services(run: &Run) -> Option<&BTreeMap<String, Quantiles<f64>>> {
    let times = run.results.as_ref().map(|results| &results.rumormill.service_times);
    times.filter(|times| !times.is_empty())
}

/// The values that a node lacks at the end: outer none if nothing is known of it, inner none if it could not
/// be read.
fn missing_cell(missing: Option<Option<u64>>) -> Cell {
    Cell::number(match missing {
        Some(Some(0)) => "nothing".to_owned(),
        Some(Some(count)) => count.to_string(),
        Some(None) => "no final read".to_owned(),
        None => "not known".to_owned(),
    })
}

fn count_nodes(run: &Run) -> Vec<NodeRow> {
    let places: BTreeMap<&str, usize> = run.nodes.iter().map(String::as_str).zip(0..).collect();
    let mut rows = vec![NodeRow::default(); run.nodes.len()];
    let Some(journal) = &run.journal else {
        for ((src, dest), count) in link_counts(run) {
            if let Some(&src) = places.get(src) {
                rows[src].out.sent += count.sent;
                rows[src].out.bytes += count.bytes;
            }
            if let Some(&dest) = places.get(dest) {
                rows[dest].received += count.received;
            }
        }
        return rows;
    };
    for message in &journal.messages {
        match (places.get(&*message.src), places.get(&*message.dest)) {
            (Some(&src), Some(&dest)) => {
                rows[src].out.add(message);
                rows[dest].received += message.received.len() as u64;
                rows[dest].lost += u64::from(message.dropped.is_some());
            }
            (None, Some(&dest)) => rows[dest].clients += 1,
            _ => {}
        }
    }
    for (journal, value) in run.owed().filter(|_| run.shows_deliveries()) {
        for hold in &value.holds {
            let delay = hold.at.saturating_sub(value.acked.unwrap_or(hold.at));
            rows[hold.node as usize].delays_ms.push(delay as f64 / 1e6);
        }
        if let (Some(_), Some(last)) = (journal.took_ms(value), value.holds.last()) {
            rows[last.node as usize].was_last += 1;
        }
        for sent in &value.unreturned {
            rows[sent.node as usize].unreturned += 1;
        }
    }
    rows
}

/// Oddities of a node: its death, and errors in its output.
fn odd(run: &Run, name: &str) -> String {
    let mut words = Vec::new();
    if run.dead.contains(name) {
        words.push("dead at the end".to_owned());
    }
    let node_errors = run.results.iter().flat_map(|results| &results.rumormill.node_errors);
    for errors in node_errors.filter(|errors| errors.node == name) {
        let counts = [
            (errors.counts.bad_lines, "bad lines"),
            (errors.counts.unknown_names, "messages with unknown ids"),
            (errors.counts.late_replies, "late replies"),
            (errors.counts.false_names, "messages in another's name"),
            (errors.counts.stray_replies, "replies to no request"),
            (errors.counts.second_answers, "second answers"),
        ];
        let some = counts.into_iter().filter(|(count, _)| *count > 0);
        words.extend(some.map(|(count, what)| format!("{count} {what}")));
        if errors.muted {
            words.push("muted".to_owned());
        }
    }
    words.join(", ")
}
