//! Operations of the clients over time, with their latencies.

use std::collections::BTreeSet;

use super::super::operations::{End, Operation};
use super::super::plot::{Axis, GREEN, ORANGE, PURPLE, Plot, fill};
use super::super::run::Run;
use super::super::shade::Shade;
use super::{Mark, absent, crosses, figure, legend, limits, thinned, triangles};
use crate::draw::svg::{Paint, dots};
use crate::html::{self, Cell};

const ID: &str = "operations";
const TITLE: &str = "Operations of clients";

pub(in super::super) fn operations(run: &Run) -> String {
    let Some(operations) = run.operations.as_ref().filter(|all| !all.is_empty()) else {
        return absent(ID, TITLE, "No operation of a client is known.");
    };
    let longest = operations.iter().filter_map(|op| op.took_ms).fold(0.0, f64::max);
    let end_s = operations.iter().map(|op| op.at_ms).fold(0.0, f64::max) / 1e3;
    let bad = operations.iter().filter(|op| op.end != End::Ok).count();
    let label = format!(
        "{} operations over time, and how long each took; {bad} did not succeed",
        operations.len()
    );
    let x = Axis::to(end_s * 1.01, "invoked after, s");
    let prefixes = ["client-latency-", "broadcast-latency-", "read-latency-"];
    let bounds = limits::of(run, &prefixes);
    let top = limits::reach(&bounds, longest) * 1.08;
    let mut plot = Plot::new(x, Axis::to(top, "client waited, ms"), &label);
    let shades = Shade::all(run);
    plot.shade(&shades);
    limits::across(&mut plot, &bounds, top);
    let places = |plot: &Plot, wanted: &dyn Fn(&Operation) -> bool| -> Vec<(f64, f64)> {
        let wanted = operations.iter().filter(|op| wanted(op));
        wanted.map(|op| plot.at(op.at_ms / 1e3, op.took_ms.unwrap_or(longest))).collect()
    };
    let reads = places(&plot, &|op| op.end == End::Ok && op.kind == "read");
    let (reads, said) = thinned(&reads);
    plot.svg.path(&dots(&reads), Paint::stroke(PURPLE, 2.8), "", "");
    let others = places(&plot, &|op| op.end == End::Ok && op.kind != "read");
    let (others, said_too) = thinned(&others);
    plot.svg.path(&crosses(&others, 1.7), Paint::stroke(GREEN, 1.1), "", "");
    let bad = places(&plot, &|op| op.end != End::Ok);
    plot.svg.path(&triangles(&bad, 5.0), fill(ORANGE), "", "");
    let mark = |kind| match kind {
        "read" => (Mark::Dot, PURPLE, kind),
        _ => (Mark::Cross, GREEN, kind),
    };
    let kinds: BTreeSet<&str> = operations.iter().map(|op| op.kind).collect();
    let mut entries: Vec<_> = kinds.iter().copied().map(mark).collect();
    if !bad.is_empty() {
        entries.push((Mark::Triangle, ORANGE, "failed or indeterminate"));
    }
    entries.extend(Shade::legend(&shades));
    entries.extend(limits::entry(&bounds));
    let said = if said.is_empty() { said_too } else { said };
    let said = said + &html::text(&limits::beyond(&bounds, top));
    let caption = format!("{}<p>{said}</p>", legend(&entries)).replace("<p></p>", "");
    figure(ID, TITLE, &plot.finish(), &caption, &(counts(operations, kinds) + &errors(run)))
}

fn counts(operations: &[Operation], kinds: BTreeSet<&str>) -> String {
    let row = |kind: &str| {
        let of_kind = || operations.iter().filter(|op| op.kind == kind);
        let ended = |end: End| of_kind().filter(|op| op.end == end).count() as u64;
        let mut cells = vec![Cell::text(kind), Cell::number(of_kind().count() as u64)];
        cells.extend([End::Ok, End::Failed, End::Unknown].map(|end| Cell::number(ended(end))));
        cells
    };
    let columns =
        [("", false), ("invoked", true), ("ok", true), ("failed", true), ("unknown", true)];
    let rows: Vec<_> = kinds.into_iter().map(row).collect();
    html::table("Operations", &columns, &rows)
}

/// Why operations did not succeed.
fn errors(run: &Run) -> String {
    if run.errors.is_empty() {
        return String::new();
    }
    let row = |(why, count): &(String, u64)| vec![Cell::text(why), Cell::number(*count)];
    let rows: Vec<_> = run.errors.iter().map(row).collect();
    html::table("Why operations did not succeed", &[("", false), ("count", true)], &rows)
}
