//! Latency of each value, over the time of the run.

use std::collections::{BTreeMap, BTreeSet};

use super::super::html::{self, Cell};
use super::super::plot::{Axis, BLUE, ORANGE, Plot, SHADE, fill, font};
use super::super::run::{Point, Run};
use super::{Mark, absent, figure, legend, thinned, triangles};
use crate::explain::life::Life;
use crate::explain::words;
use crate::figures::number;
use crate::limit::Limit;
use crate::screen::counted;
use crate::svg::{Anchor, Paint, dots};

/// Number of the slowest values that are listed.
const LISTED: usize = 10;

/// The line of a limit.
const LIMIT: Paint = Paint::stroke(ORANGE, 1.4);

const ID: &str = "latency";
const TITLE: &str = "Latency of each value";

pub(in super::super) fn latency(run: &Run) -> String {
    let points = run.latencies();
    if points.is_empty() {
        return absent(ID, TITLE, "No value was seen to spread: neither in messages nor in reads.");
    }
    let took: Vec<f64> = points.iter().filter_map(|point| point.took_ms).collect();
    let longest = took.iter().copied().fold(0.0, f64::max);
    let end_s = points.iter().map(|point| point.at_ms).fold(0.0, f64::max) / 1e3;
    let never = points.len() - took.len();
    let label = format!(
        "Latency of {} over time; the longest is {} ms; {never} came to no end",
        counted(points.len() as u64, "value"),
        number(longest),
    );
    let x = Axis::to(end_s * 1.01, "time of acknowledgement, s");
    let y = Axis::to(longest * 1.08, "latency, ms");
    let mut plot = Plot::new(x, y, &label);
    plot.shade(&run.partitions());
    let limits = limits(run);
    for (bound, name) in &limits {
        if *bound <= longest * 1.08 {
            plot.svg.line(&[plot.at(0.0, *bound), plot.at(f64::MAX, *bound)], LIMIT, "8 4");
            let (x, y) = plot.at(0.0, *bound);
            plot.svg.text((x + 4.0, y - 4.0), Anchor::Start, font(ORANGE), name);
        }
    }
    let ended: Vec<(f64, f64)> = points
        .iter()
        .filter_map(|point| Some(plot.at(point.at_ms / 1e3, point.took_ms?)))
        .collect();
    let (shown, said) = thinned(&ended);
    plot.svg.path(&dots(&shown), Paint::stroke(BLUE, 3.4), "", "");
    let lost: Vec<(f64, f64)> = points
        .iter()
        .filter(|point| point.took_ms.is_none())
        .map(|point| (plot.x(point.at_ms / 1e3), Plot::top() + 6.0))
        .collect();
    if !lost.is_empty() {
        plot.svg.path(&triangles(&lost, 5.0), fill(ORANGE), "", "");
    }
    let mut entries = vec![(Mark::Dot, BLUE, "a value")];
    if !lost.is_empty() {
        let words = if run.shows_deliveries() {
            "never on all nodes (at the top edge)"
        } else {
            "lost: not in the last read (at the top edge)"
        };
        entries.push((Mark::Triangle, ORANGE, words));
    }
    if !run.partitions().is_empty() {
        entries.push((Mark::Band, SHADE, "the network is partitioned"));
    }
    if !limits.is_empty() {
        entries.push((Mark::Line("8 4"), ORANGE, "a limit of this run, if it is in the picture"));
    }
    let caption = format!("{}<p>{}.{said}</p>", legend(&entries), html::text(&run.latency_words()));
    figure(ID, TITLE, &plot.finish(), &caption, &slowest(run, points))
}

/// The limits of the run that are about the latencies shown: their bounds in ms, and their words.
fn limits(run: &Run) -> Vec<(f64, String)> {
    let prefix = if run.shows_deliveries() { "convergence-" } else { "" };
    let points = ["median", "p95", "p99", "max"];
    let verdicts = run.results.iter().flat_map(|results| &results.rumormill.limits);
    let limits = verdicts.filter_map(|verdict| verdict.limit.parse::<Limit>().ok());
    let is_shown = |limit: &Limit| {
        let point = limit.figure.name.strip_prefix(prefix);
        point.is_some_and(|point| points.contains(&point))
    };
    limits.filter(is_shown).map(|limit| (limit.bound, limit.to_string())).collect()
}

/// The lives of these values, as far as messages show them.
fn lives(run: &Run, points: &[Point]) -> BTreeMap<String, Life> {
    let Some(journal) = run.journal.as_ref().filter(|_| run.shows_deliveries()) else {
        return BTreeMap::new();
    };
    let wanted: BTreeSet<&str> = points.iter().map(|point| &*point.value).collect();
    let values = journal.trace.values.iter().map(|value| value.value.to_string());
    let numbers = (0..).zip(values).filter(|(_, value)| wanted.contains(&**value));
    let copies = journal.copies();
    numbers
        .filter_map(|(number, value)| {
            Some((value, Life::of(journal, number, copies.get(number as usize)?)?))
        })
        .collect()
}

/// The slowest values: where each was broadcast, which node held it last or never did, and why.
fn slowest(run: &Run, mut points: Vec<Point>) -> String {
    let took = |point: &Point| point.took_ms.unwrap_or(f64::INFINITY);
    points.sort_by(|a, b| took(b).total_cmp(&took(a)));
    points.truncate(LISTED);
    let lives = lives(run, &points);
    let row = |point: &Point| {
        let value = html::text(&point.value);
        let life = lives.get(&point.value);
        let (last, why) = life.map(words::last_and_why).unwrap_or_default();
        vec![
            Cell::Html(format!("<button type=\"button\" class=\"value\">{value}</button>")),
            Cell::Number(number(point.at_ms / 1e3)),
            Cell::ms(point.took_ms),
            Cell::text(life.map_or("", |life| &life.origin)),
            Cell::text(last),
            Cell::text(why),
        ]
    };
    let rows: Vec<_> = points.iter().map(row).collect();
    let columns = [
        ("value", false),
        ("acknowledged, s", true),
        ("latency, ms", true),
        ("origin", false),
        ("last", false),
        ("why", false),
    ];
    let table = html::table("The slowest values", &columns, &rows);
    html::details(&format!("The {} slowest values", rows.len()), &table)
}
