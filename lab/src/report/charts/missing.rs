//! Missing values by node: a strip of nodes and values.

use rumormill_judge::format::number::counted;

use super::super::plot::{FAINT, GRID, INK, ORANGE, fill, font};
use super::super::run::Run;
use super::{Mark, figure, legend};
use crate::draw::svg::{Anchor, Svg};
use crate::html;

const ID: &str = "missing";
const TITLE: &str = "Missing values by node";

/// Values and nodes that are drawn, the first ones.
const MAX_VALUES: usize = 80;
const MAX_NODES: usize = 40;
const LEFT: f64 = 56.0;
const TOP: f64 = 24.0;
const WIDTH: f64 = 760.0;
const ROW: f64 = 13.0;

/// The acknowledged values that a node's final read lacks, node by node; nothing if none lacks any.
pub(in super::super) fn missing(run: &Run) -> String {
    let Some(missing) = run.results.as_ref().map(|results| &results.rumormill.missing) else {
        return String::new();
    };
    let mut values: Vec<u64> =
        missing.nodes.iter().flat_map(|node| node.missing.iter().copied()).collect();
    values.sort_unstable();
    values.dedup();
    if values.is_empty() {
        return String::new();
    }
    let all = missing.missing_count;
    values.truncate(MAX_VALUES);
    let nodes = &missing.nodes[..missing.nodes.len().min(MAX_NODES)];
    let height = TOP + ROW * nodes.len() as f64 + 8.0;
    let label = format!(
        "{} missing on some of {}",
        counted(all, "value"),
        counted(nodes.len() as u64, "node")
    );
    let mut svg = Svg::plain(WIDTH, height, &label);
    let cell = ((WIDTH - LEFT - 8.0) / values.len() as f64).min(22.0);
    for (at, value) in values.iter().enumerate() {
        // Names that would overlap are left out.
        if at % (44.0 / cell).ceil().max(1.0) as usize == 0 {
            let x = LEFT + (at as f64 + 0.5) * cell;
            svg.text((x, TOP - 8.0), Anchor::Middle, font(FAINT), &value.to_string());
        }
    }
    for (row, node) in nodes.iter().enumerate() {
        let y = TOP + row as f64 * ROW;
        let short: String = node.node.chars().take(7).collect();
        svg.text((LEFT - 8.0, y + ROW - 3.0), Anchor::End, font(INK), &short);
        let listed = node.missing.last().copied();
        let is_all = node.missing_count == Some(node.missing.len() as u64);
        for (at, value) in values.iter().enumerate() {
            let x = LEFT + at as f64 * cell;
            let corners = |gap: f64| {
                [
                    (x + gap, y + gap),
                    (x + cell - gap, y + gap),
                    (x + cell - gap, y + ROW - gap),
                    (x + gap, y + ROW - gap),
                ]
            };
            // Of a node that lacks more than are listed, the rest is not known.
            let is_known = node.missing_count.is_some() && (is_all || listed >= Some(*value));
            let (name, state, paint) = if node.missing.contains(value) {
                (&node.node, "is missing", fill(ORANGE))
            } else if is_known {
                (&node.node, "is there", fill(GRID))
            } else {
                continue;
            };
            svg.polygon(&corners(0.7), paint, &format!("{name}: {value} {state}"));
        }
    }
    let entries = [(Mark::Band, ORANGE, "missing"), (Mark::Band, GRID, "there")];
    let mut caption = legend(&entries);
    caption += &format!(
        "<p>Final reads of nodes, held against {} that clients were told are stored. ",
        counted(missing.acknowledged_count, "value")
    );
    if all > values.len() as u64 {
        caption +=
            &format!("Drawn: the least {} of {all} that are missing somewhere. ", values.len());
    }
    if missing.nodes.len() > nodes.len() {
        caption += &format!("Drawn: the first {} of {} nodes. ", nodes.len(), missing.nodes.len());
    }
    if !missing.unread.is_empty() {
        let unread: Vec<String> = missing.unread.iter().map(|node| html::text(node)).collect();
        caption += &format!("Not read at the end: {}. ", unread.join(", "));
    }
    caption += "<code>lab explain STORE VALUE</code> tells how one came, or did not come, to each node.</p>";
    figure(ID, TITLE, &svg.finish(), &caption, "")
}
