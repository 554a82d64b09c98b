//! Draws the cluster: as lines for a terminal of a given size, or as one line for a file.

use rumormill_judge::trace::ValueTrace;

use super::cluster::{Cluster, Node, Partition};
use crate::screen::{Style, Tone};

/// Room for a bar at least and at most.
const BAR: (usize, usize) = (4, 30);
/// Parts of a bar's last cell.
const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
/// Number of nodes of a component that are named before the rest is counted.
const NAMED: usize = 12;
/// Lines above the nodes, and below them.
const HEAD_LINES: usize = 6;

/// Surroundings of the picture: run, rate and terminal.
#[derive(Clone, Debug, Default)]
pub struct Frame {
    /// Directory of the run's files.
    pub store: String,
    /// State of the run: `running`, `over`.
    pub state: String,
    /// Messages per second lately.
    pub rate: Option<f64>,
    /// Columns of the terminal.
    pub width: usize,
    /// Its lines.
    pub height: usize,
    /// The run is over: what has not come will not come.
    pub is_over: bool,
    /// With colours, or without.
    pub style: Style,
}

/// The picture, line by line, no line longer than the terminal is wide, no more lines than it has.
#[must_use]
pub fn draw(cluster: &mut Cluster, frame: &Frame) -> Vec<String> {
    let trace = cluster.trace();
    let cluster = &*cluster;
    let mut lines = head(cluster, &trace, frame);
    let room = frame.height.saturating_sub(lines.len() + 1).max(1);
    let mut nodes: Vec<&Node> = cluster.nodes.iter().collect();
    let values = trace.values.len() as u64;
    let hidden = if nodes.len() > room {
        // Nodes that lack most come first; then disconnected ones, then those with many messages in
        // flight.
        nodes.sort_by_key(|node| {
            std::cmp::Reverse((values - node.held.min(values), node.unreachable, node.coming))
        });
        nodes.split_off(room - 1)
    } else {
        Vec::new()
    };
    if !cluster.nodes.is_empty() {
        let how = if trace.source.is_messages() { "holds" } else { "was read to hold" };
        let names = name_width(&cluster.nodes);
        let bar = bar_width(frame.width, names);
        lines.push(paint(
            frame,
            Tone::Faint,
            &format!("{:names$} {how:bar$}   values    lacks   coming     sent", "node"),
        ));
        lines.extend(nodes.iter().map(|node| row(node, values, names, bar, frame)));
    }
    if !hidden.is_empty() {
        let whole = hidden.iter().filter(|node| node.held >= values).count();
        let rest = match hidden.len() - whole {
            0 => "nothing is lacking there".to_owned(),
            lacking => format!("{lacking} of them lack something"),
        };
        lines.push(paint(frame, Tone::Faint, &format!("and {} more nodes: {rest}", hidden.len())));
    }
    lines.truncate(frame.height.max(1));
    lines.iter().map(|line| cut(line, frame.width)).collect()
}

/// Values that every node holds.
fn on_all(cluster: &Cluster, trace: &ValueTrace) -> u64 {
    let nodes = cluster.nodes.len();
    trace.values.iter().filter(|value| nodes > 0 && value.holds.len() == nodes).count() as u64
}

fn head(cluster: &Cluster, trace: &ValueTrace, frame: &Frame) -> Vec<String> {
    let mut lines = Vec::with_capacity(HEAD_LINES);
    let Frame { store, state, .. } = frame;
    lines.push(paint(
        frame,
        Tone::Strong,
        &format!("{:.1} s  {state}  {store}", cluster.seconds()),
    ));
    let (values, on_all) = (trace.values.len() as u64, on_all(cluster, trace));
    let nodes = cluster.nodes.len();
    let rest = values - on_all.min(values);
    let words = match (frame.is_over, trace.source.is_messages()) {
        (false, _) => "still on their way",
        (true, true) => "missing on some node",
        (true, false) => "not seen on all",
    };
    let text =
        format!("values      {values} handed in, {on_all} on all {nodes} nodes, {rest} {words}");
    lines.push(if frame.is_over && rest > 0 { paint(frame, Tone::Warn, &text) } else { text });
    let rate = frame.rate.map_or_else(String::new, |rate| format!(", {rate:.0} a second"));
    lines.push(format!(
        "messages    {} between nodes, {} on their way; {} with clients'{rate}",
        cluster.between_nodes,
        cluster.in_flight(),
        cluster.messages
    ));
    let name = |node: u32| cluster.nodes[node as usize].name.as_str();
    let time = |at| format!("{:.0} ms", cluster.millis(at));
    if let Some((sentence, more)) = trace.never_returned(name, time) {
        let more = if more > 0 { format!(" (+{more})") } else { String::new() };
        lines.push(paint(frame, Tone::Warn, &format!("  {sentence}{more}")));
    }
    let (begun, ok, not_ok) = cluster.operations;
    let open = begun.saturating_sub(ok + not_ok);
    let failed = if not_ok > 0 { format!(", {not_ok} failed") } else { String::new() };
    lines.push(format!("operations  {ok} ok, {open} waiting{failed}{}", dropped(cluster)));
    lines.push(match &cluster.partition {
        None => "network     whole".to_owned(),
        Some(partition) => {
            paint(frame, Tone::Warn, &format!("network     {}", parted(partition, cluster)))
        }
    });
    lines.push(String::new());
    lines
}

fn dropped(cluster: &Cluster) -> String {
    let causes: Vec<String> =
        cluster.dropped.iter().map(|(cause, count)| format!("{count} ({cause})")).collect();
    if causes.is_empty() { String::new() } else { format!("; dropped {}", causes.join(", ")) }
}

fn parted(partition: &Partition, cluster: &Cluster) -> String {
    let Partition { number, since, components } = partition;
    let since = *since as f64 / 1e9;
    let mut components: Vec<&Vec<String>> = components.iter().collect();
    components.sort_by_key(|component| component.len());
    let words = match components.pop() {
        Some(largest) if !components.is_empty() => {
            let mut shown: Vec<String> =
                components.into_iter().map(|component| names(component)).collect();
            let others = largest.len();
            shown.push(if others > NAMED {
                format!("the {others} others")
            } else {
                largest.join(" ")
            });
            shown.join(" | ")
        }
        _ => {
            let affected = cluster.nodes.iter().filter(|node| node.unreachable > 0).count();
            format!("{affected} nodes do not receive from all others")
        }
    };
    format!("partition {number} since {since:.1} s: {words}")
}

fn names(component: &[String]) -> String {
    match component.len() {
        0..=NAMED => component.join(" "),
        length => format!("{} and {} more", component[..NAMED].join(" "), length - NAMED),
    }
}

fn row(node: &Node, values: u64, names: usize, bar: usize, frame: &Frame) -> String {
    let held = node.held;
    let lacks = values.saturating_sub(held);
    let Node { name, coming, sent, unreachable, .. } = node;
    let filled = (held.min(values) * bar as u64 * 8).checked_div(values).unwrap_or(0) as usize;
    let mut shown = "█".repeat(filled / 8) + EIGHTHS[filled % 8];
    shown += &" ".repeat(bar.saturating_sub(shown.chars().count()));
    let lacking = if lacks == 0 { String::new() } else { lacks.to_string() };
    let cut = if *unreachable > 0 { format!("  cut from {unreachable}") } else { String::new() };
    let text = format!("{name:names$} {shown} {held:>8} {lacking:>8} {coming:>8} {sent:>8}{cut}");
    if lacks > 0 { paint(frame, Tone::Warn, &text) } else { text }
}

fn name_width(nodes: &[Node]) -> usize {
    nodes.iter().map(|node| node.name.chars().count()).max().unwrap_or(0).clamp(4, 16)
}

/// Width left by the names and four numbers.
fn bar_width(width: usize, names: usize) -> usize {
    width.saturating_sub(names + 1 + 4 * 9 + 12).clamp(BAR.0, BAR.1)
}

/// The cluster in a line.
#[must_use]
pub fn line(cluster: &mut Cluster) -> String {
    let trace = cluster.trace();
    let cluster = &*cluster;
    let (values, on_all) = (trace.values.len() as u64, on_all(cluster, &trace));
    let mut text = format!(
        "{:8.1} s  {values} values, {on_all} on all {} nodes; {} messages between nodes, {} on \
         their way",
        cluster.seconds(),
        cluster.nodes.len(),
        cluster.between_nodes,
        cluster.in_flight()
    );
    let most = cluster.nodes.iter().min_by_key(|node| node.held);
    if let Some(node) = most.filter(|node| node.held < values) {
        text += &format!("; {} lacks {}", node.name, values - node.held);
    }
    if let Some(partition) = &cluster.partition {
        text += &format!("; {}", parted(partition, cluster));
    }
    text
}

/// Cuts before it colours, so that no colour is left on.
fn paint(frame: &Frame, tone: Tone, text: &str) -> String {
    frame.style.paint(tone, &cut(text, frame.width))
}

/// At most so many columns. What has colours was cut before.
fn cut(text: &str, width: usize) -> String {
    if text.starts_with('\x1b') {
        return text.to_owned();
    }
    // Names are the nodes' own: nothing in them shall move the cursor.
    text.chars().take(width).map(|char| if char.is_control() { '?' } else { char }).collect()
}
