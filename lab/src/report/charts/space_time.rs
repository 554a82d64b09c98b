//! The space-time diagram: a line per node, time from left to right, an arrow per message.
//!
//! Drawn here is the beginning, for those without the script; the script puts a diagram in its
//! place that can be moved about, zoomed and filtered.

use std::collections::HashMap;
use std::fmt::Write as _;

use rumormill_judge::format::number::number;

use super::super::data::Shown;
use super::super::plot::{Axis, BLUE, GREEN, GRID, INK, ORANGE, RULE, below, font};
use super::super::run::Run;
use super::{Mark, legend};
use crate::draw::svg::{Anchor, Paint, Svg};
use crate::html::{self, Cell};
use crate::store::journal::{Journal, Message, Partition};

/// Messages drawn without the script.
const STATIC: usize = 250;
/// Nodes drawn without the script.
const STATIC_NODES: usize = 100;
const WIDTH: f64 = 1000.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 12.0;
const ROW: f64 = 18.0;

/// The section's inside.
pub(in super::super) fn space_time(run: &Run, shown: &Shown) -> String {
    let Some(journal) = &run.journal else {
        return "<p class=\"absent\">There are no messages to draw.</p>".to_owned();
    };
    let mut out = String::from(
        "<p>Each line across is a node, each slanted line a message: from when it was sent to when \
         it was delivered.</p>",
    );
    if let Some(said) = shown.left_out(journal) {
        let _ = write!(out, "<p class=\"warn\">{}</p>", html::text(&said));
    }
    let mut entries = vec![
        (Mark::Line(""), BLUE, "brings values"),
        (Mark::Line("5 3"), "var(--grey)", "carries no recognised value"),
        (Mark::Line(""), GREEN, "from or to a client"),
        (Mark::Cross, ORANGE, "dropped where the cross is"),
    ];
    if !run.outages().is_empty() {
        entries.push((Mark::Band, "var(--outage)", "the node is down or paused"));
    }
    out += &legend(&entries);
    out += &partitions(run, journal);
    out += "<div id=\"space-time-live\" hidden=\"\"></div>";
    let _ = write!(out, "<div id=\"space-time-still\">{}</div>", still(run, journal));
    out
}

/// Which nodes were with which, in each partition.
fn partitions(run: &Run, journal: &Journal) -> String {
    if journal.partitions.is_empty() {
        return String::new();
    }
    let row = |((number, partition), (from, to)): ((usize, &Partition), (f64, f64))| {
        vec![
            Cell::number(number as u64),
            Cell::number(seconds(from / 1e3)),
            Cell::number(seconds(to / 1e3)),
            Cell::text(partition.words()),
        ]
    };
    let numbered = (1..).zip(&journal.partitions);
    let rows: Vec<_> = numbered.zip(run.partitions()).map(row).collect();
    let columns = [("partition", true), ("from, s", true), ("to, s", true), ("groups", false)];
    let table = html::table("Partitions and their groups", &columns, &rows);
    html::details("Partitions: which nodes reached each other", &table)
}

/// Seconds with two digits.
fn seconds(seconds: f64) -> String {
    format!("{seconds:.2}")
}

/// The beginning: from the first message between nodes on.
fn still(run: &Run, journal: &Journal) -> String {
    let nodes = &run.nodes[..run.nodes.len().min(STATIC_NODES)];
    let rows: HashMap<&str, usize> = nodes.iter().map(String::as_str).zip(0..).collect();
    let between =
        |message: &&Message| rows.contains_key(&*message.src) && rows.contains_key(&*message.dest);
    let messages: Vec<&Message> = journal.messages.iter().filter(between).take(STATIC).collect();
    let (Some(first), Some(last)) = (messages.first(), messages.last()) else {
        return "<p class=\"absent\">Nodes sent each other nothing.</p>".to_owned();
    };
    let end = |message: &&Message| journal.millis(end_of(message).unwrap_or(message.sent));
    let from = journal.millis(first.sent);
    let to = messages.iter().map(end).fold(journal.millis(last.sent), f64::max).max(from + 1.0);
    let bottom = TOP + nodes.len() as f64 * ROW;
    let label = format!(
        "The first {} messages between nodes, from {} to {} ms",
        messages.len(),
        number(from),
        number(to)
    );
    let mut svg = Svg::plain(WIDTH, bottom + 44.0, &label);
    let x = |ms: f64| LEFT + ((ms - from) / (to - from)).clamp(0.0, 1.0) * (WIDTH - LEFT - RIGHT);
    let y = |row: usize| TOP + (row as f64 + 0.5) * ROW;
    let axis = Axis { from, ..Axis::to(to, "time of the history's clock, ms") };
    for x in below(&mut svg, axis, 10, (LEFT, WIDTH - RIGHT), bottom) {
        svg.line(&[(x, TOP), (x, bottom)], Paint::stroke(GRID, 1.0), "");
    }
    for (row, node) in nodes.iter().enumerate() {
        svg.line(&[(LEFT, y(row)), (WIDTH - RIGHT, y(row))], Paint::stroke(RULE, 0.8), "");
        let name: String = node.chars().take(8).collect();
        svg.text((LEFT - 8.0, y(row) + 4.0), Anchor::End, font(INK), &name);
    }
    for message in &messages {
        let (Some(src), Some(dest)) = (rows.get(&*message.src), rows.get(&*message.dest)) else {
            continue;
        };
        let Some(end) = end_of(message) else { continue };
        let start = (x(journal.millis(message.sent)), y(*src));
        let stop = (x(journal.millis(end)), y(*dest));
        draw(&mut svg, message, start, stop);
    }
    format!(
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Space-time diagram\">\
         <div class=\"wide\">{}</div></div><p class=\"small faint\">{}. With scripting, all of them \
         can be looked through.</p>",
        svg.finish(),
        html::text(&label)
    )
}

/// Time at which it arrived or was dropped, if that was seen.
fn end_of(message: &Message) -> Option<u64> {
    message.received.first().or_else(|| message.dropped.as_ref().map(|(at, _)| at)).copied()
}

fn draw(svg: &mut Svg, message: &Message, start: (f64, f64), stop: (f64, f64)) {
    let ((x, y), (to_x, to_y)) = (start, stop);
    let Message { id, src, dest, .. } = message;
    let kind = &message.kind;
    let is_dropped = message.received.is_empty();
    let title = match &message.dropped {
        Some((_, cause)) if is_dropped => {
            format!("{id}: {src} to {dest}, {kind}, dropped: {cause}")
        }
        _ => format!("{id}: {src} to {dest}, {kind}"),
    };
    let (colour, dashes) = match (is_dropped, message.values.is_empty()) {
        (true, _) => (ORANGE, "5 3"),
        (false, true) => ("var(--grey)", "5 3"),
        (false, false) => (BLUE, ""),
    };
    let mut path = format!("M{x:.1} {y:.1}L{to_x:.1} {to_y:.1}");
    if is_dropped {
        path += &super::crosses(&[stop], 3.0);
    }
    svg.path(&path, Paint::stroke(colour, 1.0), dashes, &title);
}
