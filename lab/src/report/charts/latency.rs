//! Latency of each value, over the time of the run.

use std::collections::{BTreeMap, BTreeSet};

use rumormill_judge::format::number::{counted, number};

use super::super::plot::{Axis, BLUE, ORANGE, Plot, fill};
use super::super::run::{Point, Run};
use super::super::shade::Shade;
use super::{Mark, absent, figure, legend, limits, thinned, triangles};
use crate::draw::svg::{Paint, dots};
use crate::explain::life::Life;
use crate::explain::words;
use crate::html::{self, Cell};

/// Number of the slowest values that are listed.
const LISTED: usize = 10;

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
    let bounds = limits::of(run, &[if run.shows_deliveries() { "convergence-" } else { "" }]);
    let top = limits::reach(&bounds, longest) * 1.08;
    let mut plot = Plot::new(x, Axis::to(top, "latency, ms"), &label);
    let shades = Shade::all(run);
    plot.shade(&shades);
    limits::across(&mut plot, &bounds, top);
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
    entries.extend(Shade::legend(&shades));
    entries.extend(limits::entry(&bounds));
    let beyond = html::text(&limits::beyond(&bounds, top));
    let words = html::text(&run.latency_words());
    let caption = format!("{}<p>{words}.{said}{beyond}</p>", legend(&entries));
    figure(ID, TITLE, &plot.finish(), &caption, &slowest(run, points))
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
            Cell::html(format!("<button type=\"button\" class=\"value\">{value}</button>")),
            Cell::number(number(point.at_ms / 1e3)),
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
