//! Latency of each value, over the time of the run.

use super::super::html::{self, Cell};
use super::super::plot::{Axis, BLUE, ORANGE, Plot, SHADE, fill};
use super::super::run::{Point, Run};
use super::{Mark, absent, figure, legend, thinned, triangles};
use crate::figures::number;
use crate::screen::counted;
use crate::svg::{Paint, dots};

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
    let y = Axis::to(longest * 1.08, "latency, ms");
    let mut plot = Plot::new(x, y, &label);
    plot.shade(&run.partitions());
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
    let caption = format!("{}<p>{}.{said}</p>", legend(&entries), html::text(&run.latency_words()));
    figure(ID, TITLE, &plot.finish(), &caption, &slowest(points))
}

fn slowest(mut points: Vec<Point>) -> String {
    let took = |point: &Point| point.took_ms.unwrap_or(f64::INFINITY);
    points.sort_by(|a, b| took(b).total_cmp(&took(a)));
    let row = |point: &Point| {
        let value = html::text(&point.value);
        vec![
            Cell::Html(format!("<button type=\"button\" class=\"value\">{value}</button>")),
            Cell::Number(number(point.at_ms / 1e3)),
            Cell::ms(point.took_ms),
        ]
    };
    let rows: Vec<_> = points.iter().take(LISTED).map(row).collect();
    let columns = [("value", false), ("acknowledged, s", true), ("latency, ms", true)];
    let table = html::table("The slowest values", &columns, &rows);
    html::details(&format!("The {} slowest values", rows.len()), &table)
}
