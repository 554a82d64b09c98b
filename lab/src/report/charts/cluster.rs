//! The cluster in its topology, with the traffic and the losses of each link, and the load of each node.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use rumormill::id::NodeId;
use rumormill_judge::topology::{Topology, graph};

use super::super::plot::{BLUE, INK, ORANGE, RULE, font};
use super::super::run::Run;
use super::super::tables::{self, LinkCount};
use super::{absent, figure};
use crate::draw::layout;
use crate::draw::svg::{Anchor, Paint, Svg};
use crate::html;

const ID: &str = "cluster";
const TITLE: &str = "The cluster, and traffic per link";

const SIZE: f64 = 460.0;
const RADIUS: f64 = 186.0;
/// Links drawn, busiest first: more would be a smear.
const MAX_LINKS: usize = 600;
/// Nodes that have their names beside them; of more, every second, third, … has.
const MAX_NAMES: usize = 40;
/// Width of the busiest link at most, and as a share of the room that a node has.
const WIDEST: f64 = 7.0;
const WIDEST_SHARE: f64 = 0.15;

/// Messages between two nodes, both ways.
#[derive(Clone, Copy, Debug, Default)]
struct Pair {
    there: LinkCount,
    back: LinkCount,
}

impl Pair {
    const fn sent(&self) -> u64 {
        self.there.sent + self.back.sent
    }

    /// Messages that a partition or a cut dropped.
    const fn cut(&self) -> u64 {
        self.there.cut + self.back.cut
    }

    /// Messages that were lost otherwise.
    const fn lost(&self) -> u64 {
        self.there.dropped + self.back.dropped - self.cut()
    }
}

pub(in super::super) fn cluster(run: &Run) -> String {
    let links = tables::link_counts(run);
    if run.nodes.is_empty() {
        return absent(ID, TITLE, "It is not known which nodes there were.");
    }
    let places: BTreeMap<&str, usize> = run.nodes.iter().map(String::as_str).zip(0..).collect();
    let mut pairs: BTreeMap<(usize, usize), Pair> = BTreeMap::new();
    for ((src, dest), count) in &links {
        let (Some(&from), Some(&to)) = (places.get(src), places.get(dest)) else {
            continue;
        };
        let pair = pairs.entry((from.min(to), from.max(to))).or_default();
        *(if from < to { &mut pair.there } else { &mut pair.back }) = *count;
    }
    let mut pairs: Vec<((usize, usize), Pair)> = pairs.into_iter().collect();
    pairs.sort_by_key(|(_, pair)| Reverse(pair.sent()));
    let all = pairs.len();
    pairs.truncate(MAX_LINKS);
    let caption = caption(run, &pairs, all);
    let more = html::details("The busiest links in a table", &tables::links(run));
    figure(ID, TITLE, &draw(run, &pairs), &caption, &more)
}

fn caption(run: &Run, pairs: &[((usize, usize), Pair)], all: usize) -> String {
    let Some((_, busiest)) = pairs.first() else {
        return "<p>Nodes sent each other nothing.</p>".to_owned();
    };
    let mut text = format!(
        "<p>Line width ∝ √messages, both directions together; the widest had {}. The darker a node, the \
         more messages it sent and received.",
        busiest.sent()
    );
    if topology(run).is_some_and(|shape| shape != Topology::Total) {
        text += " Thin lines: the topology that nodes were told.";
    }
    let lost: u64 = pairs.iter().map(|(_, pair)| pair.lost()).sum();
    let cut: u64 = pairs.iter().map(|(_, pair)| pair.cut()).sum();
    if cut > 0 {
        let _ = write!(
            text,
            " Dashed, with a cross: a link on which a partition or a cut dropped messages, {cut} in all."
        );
    }
    if lost > 0 {
        let _ = write!(text, " Dashed without a cross: a link that lost messages, {lost} in all.");
    }
    if all > pairs.len() {
        let _ = write!(text, " Drawn: the busiest {} of {all} pairs of nodes.", pairs.len());
    }
    text + "</p>"
}

/// The topology that nodes were told, as the run's own words have it.
fn topology(run: &Run) -> Option<Topology> {
    let shape = &run.results.as_ref()?.rumormill.run.shape;
    shape.split(", ").find_map(|word| word.parse().ok())
}

/// A node's place and that of its name.
#[derive(Clone, Copy, Debug)]
struct Place {
    node: (f64, f64),
    name: (f64, f64),
}

/// The places of nodes and of their names; a ring, if the topology is not known.
fn places(run: &Run) -> Vec<Place> {
    let count = run.nodes.len();
    let shape = topology(run).unwrap_or(Topology::Total);
    let place = |(x, y): (f64, f64)| {
        let at = |share: f64, by: f64| SIZE / 2.0 + (share - 0.5) * 2.0 * by;
        let name = match shape {
            Topology::Total => (at(x, RADIUS + 22.0), at(y, RADIUS + 22.0) + 4.0),
            _ => (at(x, RADIUS) + 9.0, at(y, RADIUS) - 9.0),
        };
        Place { node: (at(x, RADIUS), at(y, RADIUS)), name }
    };
    layout::places(shape, count, 1.0).into_iter().map(place).collect()
}

/// The least distance between two nodes.
fn room(places: &[Place]) -> f64 {
    let mut least = SIZE / 2.0;
    for (at, Place { node: (x, y), .. }) in places.iter().enumerate() {
        for Place { node: (to_x, to_y), .. } in &places[..at] {
            least = least.min((x - to_x).hypot(y - to_y));
        }
    }
    least
}

fn draw(run: &Run, pairs: &[((usize, usize), Pair)]) -> String {
    let shape = topology(run);
    let form = match shape {
        None | Some(Topology::Total) => "in a ring".to_owned(),
        Some(shape) => format!("in a {shape}"),
    };
    let label = format!("{} nodes {form}, and {} links between them", run.nodes.len(), pairs.len());
    let mut svg = Svg::plain(SIZE, SIZE, &label);
    let places = places(run);
    let room = room(&places);
    if let Some(shape) = shape.filter(|shape| *shape != Topology::Total) {
        told(&mut svg, shape, &places);
    }
    links(&mut svg, run, pairs, &places, room);
    nodes(&mut svg, run, pairs, &places, room);
    svg.finish()
}

/// The links that nodes were told of.
fn told(svg: &mut Svg, shape: Topology, places: &[Place]) {
    // Checked with the settings: there are far fewer than 2^32 nodes.
    let graph = graph(shape, places.len() as u32);
    for (from, place) in (0..).zip(places) {
        for to in graph.neighbours(NodeId(from)).iter().filter(|to| to.0 > from) {
            svg.line(&[place.node, places[to.0 as usize].node], Paint::stroke(RULE, 1.0), "");
        }
    }
}

fn links(svg: &mut Svg, run: &Run, pairs: &[((usize, usize), Pair)], places: &[Place], room: f64) {
    let nodes = &run.nodes;
    let most = pairs.first().map_or(1, |(_, pair)| pair.sent().max(1)) as f64;
    let widest = (room * WIDEST_SHARE).min(WIDEST);
    // The busiest on top.
    for ((from, to), pair) in pairs.iter().rev() {
        let share = (pair.sent() as f64 / most).sqrt();
        let ((x, y), (to_x, to_y)) = (places[*from].node, places[*to].node);
        let path = format!("M{x:.1} {y:.1}L{to_x:.1} {to_y:.1}");
        let width = (share * widest * 10.0).round().max(3.0) / 10.0;
        let is_hurt = pair.lost() + pair.cut() > 0;
        let colour = match (pair.cut() > 0, share > 0.5) {
            (true, _) => ORANGE,
            (false, true) => BLUE,
            (false, false) => "var(--link)",
        };
        let title = format!(
            "{}\n{}",
            way(&nodes[*from], &nodes[*to], pair.there),
            way(&nodes[*to], &nodes[*from], pair.back)
        );
        let dashes = if is_hurt { "5 3" } else { "" };
        svg.path(&path, Paint::stroke(colour, width), dashes, &title);
        if pair.cut() > 0 {
            let (x, y) = (f64::midpoint(x, to_x), f64::midpoint(y, to_y));
            let size = (room * 0.08).clamp(2.0, 4.0);
            let (left, right, top, bottom) = (x - size, x + size, y - size, y + size);
            let cross = format!(
                "M{left:.1} {top:.1}L{right:.1} {bottom:.1}M{left:.1} {bottom:.1}L{right:.1} {top:.1}"
            );
            svg.path(&cross, Paint::stroke(ORANGE, 1.6), "", &title);
        }
    }
}

/// Shades of a node, by its share of the greatest load.
const SHADES: [&str; 5] = [
    "color-mix(in srgb, var(--blue) 8%, var(--card))",
    "color-mix(in srgb, var(--blue) 28%, var(--card))",
    "color-mix(in srgb, var(--blue) 50%, var(--card))",
    "color-mix(in srgb, var(--blue) 75%, var(--card))",
    "var(--blue)",
];

fn nodes(svg: &mut Svg, run: &Run, pairs: &[((usize, usize), Pair)], places: &[Place], room: f64) {
    let mut loads = vec![0_u64; run.nodes.len()];
    for ((from, to), pair) in pairs {
        for node in [*from, *to] {
            loads[node] += pair.sent();
        }
    }
    let most = loads.iter().copied().max().unwrap_or(0).max(1) as f64;
    let every = run.nodes.len().div_ceil(MAX_NAMES);
    let is_ring = topology(run).is_none_or(|shape| shape == Topology::Total);
    let anchor = if is_ring { Anchor::Middle } else { Anchor::Start };
    let radius = (room * 0.3).clamp(1.0, 9.0);
    for (node, (name, place)) in run.nodes.iter().zip(places).enumerate() {
        let share = loads[node] as f64 / most;
        let shade = SHADES[((share * 4.0).round() as usize).min(4)];
        let paint = Paint { fill: shade, stroke: INK, width: radius.min(1.4) };
        let dead = if run.dead.contains(name) { ", dead at the end" } else { "" };
        let title = format!("{name}: {} messages sent and received{dead}", loads[node]);
        svg.circle(place.node, (radius * 10.0).round() / 10.0, paint, &title);
        if node % every == 0 {
            let short: String = name.chars().take(8).collect();
            svg.text(place.name, anchor, font(INK), &short);
        }
    }
    if run.nodes.len() == 1 {
        svg.circle(places[0].node, 12.0, Paint::stroke(RULE, 1.0), "alone");
    }
}

fn way(from: &str, to: &str, count: LinkCount) -> String {
    let LinkCount { sent, received, bytes, dropped, cut } = count;
    let lost = dropped - cut;
    format!(
        "{from} to {to}: {sent} sent, {received} received, {lost} lost, {cut} cut off, {bytes} bytes"
    )
}
