//! Distribution of the latencies of values and of clients.

use rumormill_judge::checker::quantile::Quantiles;
use rumormill_judge::figures::{self, POINTS};
use rumormill_judge::format::number::number;

use super::super::operations::End;
use super::super::plot::{Axis, BLUE, GREEN, PURPLE, Plot};
use super::super::run::Run;
use super::{Mark, absent, figure, legend, limits};
use crate::draw::svg::Paint;
use crate::html::{self, Cell};

const ID: &str = "distribution";
const TITLE: &str = "Distribution of latencies";

/// If the longest is so many times the least median, one of the curves would be a wall.
const WIDE: f64 = 30.0;

/// Steps that a curve has at most: more cannot be seen.
const STEPS: usize = 400;

/// A curve: what it is about, the sorted latencies, and how many came to no end.
struct Curve {
    name: &'static str,
    colour: &'static str,
    dashes: &'static str,
    sorted_ms: Vec<f64>,
    never: usize,
}

pub(in super::super) fn distribution(run: &Run) -> String {
    let curves = curves(run);
    if curves.is_empty() {
        return absent(ID, TITLE, "There are no latencies to show.");
    }
    let longest = curves.iter().filter_map(|curve| curve.sorted_ms.last()).copied();
    let longest = longest.fold(0.0, f64::max);
    let bounds = limits::of(run, &prefixes(run));
    let end = limits::reach(&bounds, longest);
    let least_median = curves.iter().map(Curve::median).fold(f64::INFINITY, f64::min);
    let x = if longest > WIDE * least_median.max(1.0) {
        Axis::log(end * 1.1, "latency, ms (logarithmic)")
    } else {
        Axis::to(end * 1.02, "latency, ms")
    };
    let y = Axis::to(100.0, "cumulative share, %");
    let words: Vec<String> = curves
        .iter()
        .map(|curve| format!("{}: median {} ms", curve.name, number(curve.median())))
        .collect();
    let mut plot = Plot::new(x, y, &format!("Distribution of latencies. {}", words.join(". ")));
    for curve in &curves {
        let points = steps(curve);
        let points: Vec<(f64, f64)> =
            points.iter().map(|(ms, share)| plot.at(*ms, *share)).collect();
        plot.svg.line(&points, Paint::stroke(curve.colour, 2.0), curve.dashes);
    }
    limits::upwards(&mut plot, &bounds, end, |bound| bound.percent);
    let mut entries: Vec<_> =
        curves.iter().map(|curve| (Mark::Line(curve.dashes), curve.colour, curve.name)).collect();
    entries.extend(limits::entry(&bounds));
    let beyond = html::text(&limits::beyond(&bounds, end));
    let caption = format!("{}<p>{beyond}</p>", legend(&entries)).replace("<p></p>", "");
    figure(ID, TITLE, &plot.finish(), &caption, &quantiles(&curves))
}

/// The beginnings of the names of the figures whose distributions are drawn.
fn prefixes(run: &Run) -> [&'static str; 3] {
    let values = if run.shows_deliveries() { "convergence-" } else { "" };
    [values, "broadcast-latency-", "read-latency-"]
}

fn curves(run: &Run) -> Vec<Curve> {
    let latencies = run.latencies();
    let name = if run.shows_deliveries() {
        const { figures::figure("convergence-median") }.label
    } else {
        const { figures::figure("median") }.label
    };
    let took = latencies.iter().map(|point| point.took_ms).collect();
    let mut curves = vec![Curve::of(name, BLUE, "", took)];
    let broadcast = const { figures::figure("broadcast-latency-median") }.label;
    let read = const { figures::figure("read-latency-median") }.label;
    let kinds = [("broadcast", broadcast, GREEN, "7 3"), ("read", read, PURPLE, "2 3")];
    for (kind, name, colour, dashes) in kinds {
        let operations = run.operations.iter().flatten();
        let took = operations
            .filter(|operation| operation.kind == kind && operation.end == End::Ok)
            .map(|operation| operation.took_ms)
            .collect();
        curves.push(Curve::of(name, colour, dashes, took));
    }
    curves.retain(|curve| !curve.sorted_ms.is_empty());
    curves
}

impl Curve {
    fn of(
        name: &'static str,
        colour: &'static str,
        dashes: &'static str,
        took: Vec<Option<f64>>,
    ) -> Self {
        let all = took.len();
        let mut sorted_ms: Vec<f64> = took.into_iter().flatten().collect();
        sorted_ms.sort_by(f64::total_cmp);
        let never = all - sorted_ms.len();
        Self { name, colour, dashes, sorted_ms, never }
    }

    /// Of those that came to an end.
    fn median(&self) -> f64 {
        self.sorted_ms.get(self.sorted_ms.len() / 2).copied().unwrap_or_default()
    }
}

/// The curve's corners: from 0 % up.
fn steps(curve: &Curve) -> Vec<(f64, f64)> {
    let count = curve.sorted_ms.len();
    let all = (count + curve.never) as f64;
    let mut points = vec![(0.0, 0.0)];
    for step in 0..=count.min(STEPS) {
        let before = step * count / count.clamp(1, STEPS);
        let Some(ms) = curve.sorted_ms.get(before.saturating_sub(1)) else { continue };
        if let Some((_, share)) = points.last().copied() {
            points.push((*ms, share));
        }
        points.push((*ms, before as f64 / all * 100.0));
    }
    points
}

fn quantiles(curves: &[Curve]) -> String {
    let mut columns = vec![("", false), ("count", true)];
    columns.extend(POINTS.map(|point| (point, true)));
    let row = |curve: &Curve| {
        let mut all: Vec<f64> = curve.sorted_ms.clone();
        all.extend(std::iter::repeat_n(f64::INFINITY, curve.never));
        let mut cells = vec![Cell::text(curve.name), Cell::number(all.len() as u64)];
        let points = Quantiles::of(all).map(Quantiles::points).into_iter().flatten();
        cells.extend(points.map(|(_, ms)| Cell::ms(Some(ms).filter(|ms| ms.is_finite()))));
        cells
    };
    let rows: Vec<_> = curves.iter().map(row).collect();
    html::table("Quantiles, ms", &columns, &rows)
}
