//! Messages per second, a row for each type: every row has its own scale, its peak beside it.

use std::collections::BTreeMap;

use rumormill_judge::format::number::number;

use super::super::plot::{Axis, BLUE, FAINT, GRID, INK, WIDTH, below, fill, font};
use super::super::run::Run;
use super::super::shade::Shade;
use super::super::tables;
use super::{figure, legend};
use crate::draw::svg::{Anchor, Paint, Svg};
use crate::html;

const ID: &str = "traffic";
const TITLE: &str = "Messages per second, by type";

/// Types that have a row of their own; the rest share one.
const MAX_ROWS: usize = 9;
/// Steps in time, about.
const STEPS: f64 = 100.0;
const ROW: f64 = 42.0;
const LEFT: f64 = 128.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 6.0;

/// Messages of a type.
#[derive(Debug)]
struct Row {
    name: String,
    total: u64,
    /// By step in time.
    counts: Vec<u64>,
}

pub(in super::super) fn traffic(run: &Run) -> String {
    let table = tables::types(run);
    let end_s = run.end_ms() / 1e3;
    let step_s = step(end_s);
    let rows = rows(run, step_s, end_s);
    if rows.is_empty() {
        let why = "There are no messages to count over time.";
        return figure(ID, TITLE, "", &format!("<p class=\"absent\">{why}</p>"), &table);
    }
    let bottom = TOP + rows.len() as f64 * ROW;
    let words: Vec<String> = rows.iter().map(|row| format!("{} {}", row.name, row.total)).collect();
    let label = format!("Messages over time, in all: {}", words.join(", "));
    let mut svg = Svg::plain(WIDTH, bottom + 40.0, &label);
    let axis = Axis::to(end_s, "sent after, s");
    let x = |seconds: f64| LEFT + (seconds / axis.to).clamp(0.0, 1.0) * (WIDTH - LEFT - RIGHT);
    let shades = Shade::all(run);
    for shade in &shades {
        let (left, right) = (x(shade.from_ms / 1e3), x(shade.to_ms / 1e3));
        let corners = [(left, TOP), (right, TOP), (right, bottom), (left, bottom)];
        svg.polygon(&corners, fill(shade.colour), &shade.title);
    }
    for (at, row) in rows.iter().enumerate() {
        let base = TOP + (at + 1) as f64 * ROW;
        draw(&mut svg, row, base, step_s, &x);
    }
    below(&mut svg, axis, 6, (LEFT, WIDTH - RIGHT), bottom);
    let shaded = Shade::legend(&shades);
    let shaded = if shaded.is_empty() { String::new() } else { legend(&shaded) };
    let caption = format!(
        "{shaded}<p>In steps of {} s; each row has its own scale, its peak is beside it. \
         <code>init</code> and <code>topology</code> are in the table only.</p>",
        number(step_s)
    );
    figure(ID, TITLE, &svg.finish(), &caption, &html::details("All types in a table", &table))
}

/// A round length of a step.
fn step(end_s: f64) -> f64 {
    let rounds = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0];
    rounds.into_iter().find(|step| end_s / step <= STEPS).unwrap_or(end_s / STEPS)
}

fn rows(run: &Run, step_s: f64, end_s: f64) -> Vec<Row> {
    let Some(journal) = &run.journal else { return Vec::new() };
    let steps = (end_s / step_s).ceil().max(1.0) as usize;
    let mut by_kind: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    let is_setup = |kind: &str| kind.starts_with("init") || kind.starts_with("topology");
    for message in journal.messages.iter().filter(|message| !is_setup(&message.kind)) {
        let at_s = journal.millis(message.sent) / 1e3;
        // Messages sent before the history's clock begins are in the table only.
        let step = (at_s / step_s).floor();
        let counts = by_kind.entry(&*message.kind).or_insert_with(|| vec![0; steps]);
        if step >= 0.0 {
            let last = counts.len() - 1;
            counts[(step as usize).min(last)] += 1;
        }
    }
    let row = |(kind, counts): (&str, Vec<u64>)| Row {
        name: if kind.is_empty() { "(no type)".to_owned() } else { kind.to_owned() },
        total: counts.iter().sum(),
        counts,
    };
    let mut rows: Vec<Row> = by_kind.into_iter().map(row).filter(|row| row.total > 0).collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.total));
    if rows.len() > MAX_ROWS {
        let others = rows.split_off(MAX_ROWS - 1);
        let mut counts = vec![0; steps];
        for (at, count) in others.iter().flat_map(|row| row.counts.iter().enumerate()) {
            counts[at] += count;
        }
        let name = format!("{} others", others.len());
        rows.push(Row { name, total: counts.iter().sum(), counts });
    }
    rows
}

fn draw(svg: &mut Svg, row: &Row, base: f64, step_s: f64, x: &impl Fn(f64) -> f64) {
    let peak = row.counts.iter().copied().max().unwrap_or(1).max(1);
    let height = |count: u64| base - count as f64 / peak as f64 * (ROW - 10.0);
    svg.line(&[(LEFT, base), (WIDTH - RIGHT, base)], Paint::stroke(GRID, 1.0), "");
    let mut points = vec![(x(0.0), base)];
    for (at, count) in row.counts.iter().enumerate() {
        let y = height(*count);
        points.extend([(x(at as f64 * step_s), y), (x((at + 1) as f64 * step_s), y)]);
    }
    if let Some((right, _)) = points.last().copied() {
        points.push((right, base));
    }
    let title = format!("{}: {} in all", row.name, row.total);
    svg.polygon(&points, fill(BLUE), &title);
    let name: String = row.name.chars().take(16).collect();
    svg.text((LEFT - 8.0, base - 18.0), Anchor::End, font(INK), &name);
    let rate = number(peak as f64 / step_s);
    svg.text((LEFT - 8.0, base - 2.0), Anchor::End, font(FAINT), &format!("peak {rate}/s"));
}
