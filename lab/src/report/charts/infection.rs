//! Number of nodes that held a value, over the age of the value.

use std::fmt::Write as _;

use rumormill_judge::format::number::{counted, number};
use rumormill_judge::trace::{Source, TracedValue, Via};

use super::super::plot::{Axis, BLUE, INK, PURPLE, Plot, fill};
use super::super::run::Run;
use super::{Mark, absent, figure, legend, limits};
use crate::draw::svg::Paint;
use crate::html;
use crate::store::journal::Journal;

const ID: &str = "infection";
const TITLE: &str = "How values spread";

/// The area between two curves.
const BAND: &str = "var(--band)";

/// Beyond this multiple of the slow values' time, the axis is cut.
const CUT: f64 = 4.0;

pub(in super::super) fn infection(run: &Run) -> String {
    let Some(journal) = &run.journal else {
        return absent(ID, TITLE, "There are no messages to see it in.");
    };
    let nodes = run.nodes.len();
    let all = &journal.trace.values;
    let values: Vec<&TracedValue> = all.iter().filter(|value| !value.holds.is_empty()).collect();
    if values.is_empty() || nodes == 0 {
        return absent(ID, TITLE, "No value came to any node.");
    }
    if let Source::Reads(_) = &journal.trace.source
        && !values.iter().any(|value| value.holds.iter().any(|hold| hold.via == Via::Read))
    {
        let why = journal.trace.source.why_not().unwrap_or_default();
        return absent(ID, TITLE, &format!("Not available: {why}."));
    }
    let ages = ages(&values, nodes);
    let quantile = |share: f64| -> Vec<f64> { ages.iter().map(|ages| at(ages, share)).collect() };
    let (quick, median, slow) = (quantile(0.05), quantile(0.5), quantile(0.95));
    // Of a value that never comes to all nodes, the last point that there is counts.
    let end = longest(ages.iter().flatten());
    let slow_end = longest([&quick, &median, &slow].into_iter().flatten());
    let cut = end > CUT * slow_end && slow_end > 0.0;
    let bounds = limits::of(run, &["convergence-"]);
    let to = limits::reach(&bounds, if cut { slow_end * 1.25 } else { end }) * 1.02;
    let label = format!(
        "How many of {nodes} nodes held a value, by its age. Half of the values were on half of the \
         nodes after {} ms, and on all after {}",
        number(median[(nodes - 1) / 2]),
        words(median[nodes - 1]),
    );
    let x = Axis::to(to, "age of the value, ms");
    let mut plot = Plot::new(x, Axis::to(nodes as f64, "nodes that hold it"), &label);
    plot.svg.path(&band(&plot, &quick, &slow), fill(BAND), "", "");
    let curve = plot.staircase(&median, 1.0);
    plot.svg.line(&curve, Paint::stroke(BLUE, 2.2), "");
    let slowest = slowest(&values, nodes);
    plot.svg.line(&plot.staircase(&slowest.1, 1.0), Paint::stroke(PURPLE, 1.6), "6 3");
    limits::upwards(&mut plot, &bounds, to, |_| nodes as f64);
    let never = if slowest.1.iter().all(|ms| ms.is_finite()) { "" } else { " (never on all)" };
    let slowest_name = format!("the slowest value, {}{never}", slowest.0);
    let entries = [
        (Mark::Line(""), BLUE, "median value"),
        (Mark::Band, BAND, "5th to 95th percentile"),
        (Mark::Line("6 3"), PURPLE, slowest_name.as_str()),
        (Mark::Line("2 2"), INK, "the chosen value"),
    ];
    let mut shown = entries[..3].to_vec();
    shown.extend(limits::entry(&bounds));
    let mut caption = legend(&shown);
    // A value is chosen by the script.
    caption += &legend(&entries[3..]).replace("<ul class=\"", "<ul hidden=\"\" class=\"chosen ");
    let _ = write!(
        caption,
        "<p>{} on {}, seen in {}. The age counts from when the first node received it.",
        counted(values.len() as u64, "value"),
        counted(nodes as u64, "node"),
        html::text(&journal.trace.source.words()),
    );
    if let Some(why) = journal.trace.source.why_not() {
        let _ = write!(
            caption,
            " A node may have held a value before a read of it shows that. Messages do not show it: \
             {}.",
            html::text(&why)
        );
    }
    if cut {
        let _ = write!(caption, " Cut at {} ms; the slowest took {}.", number(to), words(end));
    }
    caption += &html::text(&limits::beyond(&bounds, to));
    caption += &lost(&values, nodes);
    caption += &html::text(&unreturned(journal));
    caption += "</p>";
    figure(ID, TITLE, &plot.finish(), &caption, "")
}

/// By how many nodes hold a value (less one): the median age at which it came so far, infinite if most
/// values never did; empty if the run does not show it.
pub(in super::super) fn typical_ages(run: &Run) -> Vec<f64> {
    let Some(journal) = &run.journal else { return Vec::new() };
    let held = journal.trace.values.iter().filter(|value| !value.holds.is_empty());
    let values: Vec<&TracedValue> = held.collect();
    if values.is_empty() || values.iter().all(|value| value.holds.len() < 2) {
        return Vec::new();
    }
    ages(&values, run.nodes.len()).iter().map(|ages| at(ages, 0.5)).collect()
}

/// The longest of the ages at which values came to nodes; those that never did have none.
pub(in super::super) fn longest<'a>(ages: impl Iterator<Item = &'a f64>) -> f64 {
    ages.copied().filter(|ms| ms.is_finite()).fold(0.0, f64::max)
}

/// How many values never came to all nodes, in a sentence; empty if all did.
fn lost(values: &[&TracedValue], nodes: usize) -> String {
    match values.iter().filter(|value| value.holds.len() < nodes).count() {
        0 => String::new(),
        lost => format!(" {} never came to all nodes.", counted(lost as u64, "value")),
    }
}

/// The values that nodes were sent and never returned, in a sentence; empty if there are none.
fn unreturned(journal: &Journal) -> String {
    let name = |node: u32| journal.nodes[node as usize].as_str();
    let time = |at| format!("{} ms", number(journal.millis(at)));
    match journal.trace.never_returned(name, time) {
        None => String::new(),
        Some((sentence, 0)) => format!(" {sentence}."),
        Some((sentence, more)) => {
            format!(" {sentence}. {} like this.", counted(more as u64, "more case"))
        }
    }
}

fn words(ms: f64) -> String {
    if ms.is_finite() { format!("{} ms", number(ms)) } else { "a time that never came".to_owned() }
}

/// By how many nodes hold it (less one): the sorted ages at which values came so far; infinite for
/// those that never did.
fn ages(values: &[&TracedValue], nodes: usize) -> Vec<Vec<f64>> {
    let mut all = vec![Vec::with_capacity(values.len()); nodes];
    for value in values {
        for (count, ages) in all.iter_mut().enumerate() {
            ages.push(age(value, count));
        }
    }
    for ages in &mut all {
        ages.sort_by(f64::total_cmp);
    }
    all
}

fn age(value: &TracedValue, count: usize) -> f64 {
    match (value.holds.first(), value.holds.get(count)) {
        (Some(first), Some(hold)) => hold.at.saturating_sub(first.at) as f64 / 1e6,
        _ => f64::INFINITY,
    }
}

fn at(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    let place = ((sorted.len() as f64 * share) as usize).min(last);
    sorted.get(place).copied().unwrap_or(f64::INFINITY)
}

/// The value that took longest, its text and ages; one that never came to all is slower than any.
fn slowest(values: &[&TracedValue], nodes: usize) -> (String, Vec<f64>) {
    let reach = |value: &&&TracedValue| {
        let last = value.holds.len() - 1;
        (std::cmp::Reverse(value.holds.len()), (age(value, last) * 1e3) as u64)
    };
    let slowest = values.iter().max_by_key(reach);
    slowest.map_or_else(Default::default, |value| {
        (value.value.to_string(), (0..nodes).map(|count| age(value, count)).collect())
    })
}

fn band(plot: &Plot, quick: &[f64], slow: &[f64]) -> String {
    let mut points = plot.staircase(quick, 1.0);
    let mut back = plot.staircase(slow, 1.0);
    back.reverse();
    points.extend(back);
    let corners: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1} {y:.1}")).collect();
    format!("M{}z", corners.join("L"))
}

#[cfg(test)]
mod tests {
    use rumormill::value::Value;
    use rumormill_judge::trace::Hold;

    use super::*;

    #[test]
    fn lost_values_do_not_shrink_the_axis() {
        let value = |ms: &[u64]| TracedValue {
            value: Value::Int(1),
            origin: Some(0),
            invoked: 0,
            acked: None,
            holds: ms
                .iter()
                .map(|ms| Hold { node: 0, at: ms * 1_000_000, via: Via::Read })
                .collect(),
            unreturned: Vec::new(),
        };
        // One value never leaves its origin, one stops half way.
        let values = [value(&[0]), value(&[0, 5]), value(&[0, 3, 900])];
        let values: Vec<&TracedValue> = values.iter().collect();
        assert_eq!(longest(ages(&values, 3).iter().flatten()), 900.0);
        assert_eq!(lost(&values, 3), " 2 values never came to all nodes.");
        assert_eq!(longest(ages(&values[..1], 3).iter().flatten()), 0.0);
    }
}
