//! The cluster as a ring of nodes, with the traffic of each link.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::f64::consts::TAU;
use std::fmt::Write as _;

use super::super::html;
use super::super::plot::{BLUE, INK, RULE, font};
use super::super::run::Run;
use super::super::tables::{self, LinkCount};
use super::{absent, figure};
use crate::svg::{Anchor, Paint, Svg};

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
}

pub(in super::super) fn cluster(run: &Run) -> String {
    let links = tables::link_counts(run);
    if run.nodes.is_empty() {
        return absent(ID, TITLE, "It is not known which nodes there were.");
    }
    let places: BTreeMap<&str, usize> = run.nodes.iter().map(String::as_str).zip(0..).collect();
    let mut pairs: BTreeMap<(usize, usize), Pair> = BTreeMap::new();
    for ((src, dest), count) in &links {
        let (Some(&from), Some(&to)) = (places.get(src.as_str()), places.get(dest.as_str())) else {
            continue;
        };
        let pair = pairs.entry((from.min(to), from.max(to))).or_default();
        *(if from < to { &mut pair.there } else { &mut pair.back }) = *count;
    }
    let mut pairs: Vec<((usize, usize), Pair)> = pairs.into_iter().collect();
    pairs.sort_by_key(|(_, pair)| Reverse(pair.sent()));
    let all = pairs.len();
    pairs.truncate(MAX_LINKS);
    let caption = caption(&pairs, all);
    let more = html::details("The busiest links in a table", &tables::links(run));
    figure(ID, TITLE, &draw(run, &pairs), &caption, &more)
}

fn caption(pairs: &[((usize, usize), Pair)], all: usize) -> String {
    let Some((_, busiest)) = pairs.first() else {
        return "<p>Nodes sent each other nothing.</p>".to_owned();
    };
    let mut text = format!(
        "<p>Line width ∝ √messages, both directions together; the widest \
         had {}.",
        busiest.sent()
    );
    if all > pairs.len() {
        let _ = write!(text, " Drawn: the busiest {} of {all} pairs of nodes.", pairs.len());
    }
    text + "</p>"
}

fn draw(run: &Run, pairs: &[((usize, usize), Pair)]) -> String {
    let nodes = &run.nodes;
    let most = pairs.first().map_or(1, |(_, pair)| pair.sent().max(1)) as f64;
    let label = format!("{} nodes in a ring, and {} links between them", nodes.len(), pairs.len());
    let mut svg = Svg::plain(SIZE, SIZE, &label);
    let at = |node: usize, radius: f64| {
        let angle = TAU * (node as f64 / nodes.len() as f64 - 0.25);
        (SIZE / 2.0 + radius * angle.cos(), SIZE / 2.0 + radius * angle.sin())
    };
    let room = TAU * RADIUS / nodes.len() as f64;
    let widest = (room * WIDEST_SHARE).min(WIDEST);
    // The busiest on top.
    for ((from, to), pair) in pairs.iter().rev() {
        let share = (pair.sent() as f64 / most).sqrt();
        let ((x, y), (to_x, to_y)) = (at(*from, RADIUS), at(*to, RADIUS));
        let path = format!("M{x:.1} {y:.1}L{to_x:.1} {to_y:.1}");
        let width = (share * widest * 10.0).round().max(3.0) / 10.0;
        let colour = if share > 0.5 { BLUE } else { "var(--link)" };
        let title = format!(
            "{}\n{}",
            way(&nodes[*from], &nodes[*to], pair.there),
            way(&nodes[*to], &nodes[*from], pair.back)
        );
        svg.path(&path, Paint::stroke(colour, width), "", &title);
    }
    let every = nodes.len().div_ceil(MAX_NAMES);
    let radius = (room * 0.3).min(7.0);
    for (node, name) in nodes.iter().enumerate() {
        let paint = Paint { fill: "var(--card)", stroke: INK, width: radius.min(1.4) };
        let dead = if run.dead.contains(name) { ", dead at the end" } else { "" };
        svg.circle(
            at(node, RADIUS),
            (radius * 10.0).round() / 10.0,
            paint,
            &format!("{name}{dead}"),
        );
        if node % every == 0 {
            let (x, y) = at(node, RADIUS + 22.0);
            let short: String = name.chars().take(8).collect();
            svg.text((x, y + 4.0), Anchor::Middle, font(INK), &short);
        }
    }
    if nodes.len() == 1 {
        svg.circle(at(0, RADIUS), 12.0, Paint::stroke(RULE, 1.0), "alone");
    }
    svg.finish()
}

fn way(from: &str, to: &str, count: LinkCount) -> String {
    let LinkCount { sent, received, bytes, .. } = count;
    format!("{from} to {to}: {sent} sent, {received} received, {bytes} bytes")
}
