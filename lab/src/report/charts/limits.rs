//! Limits of the run as lines in charts, each with its words.

use rumormill_judge::verdict::Limit;

use super::super::plot::{ORANGE, Plot, font};
use super::super::run::Run;
use super::Mark;
use crate::draw::svg::{Anchor, Paint, text_width};

/// The line of a limit.
const LINE: Paint = Paint::stroke(ORANGE, 1.4);
const DASHES: &str = "8 4";
/// An axis grows for a limit up to this multiple of what is measured: beyond it, the points would all be
/// at its beginning.
const FAR: f64 = 3.0;
/// Labels closer than this stand beside each other.
const LABEL_HEIGHT: f64 = 13.0;
/// Size of a label's text as the page shows it.
const LABEL_SIZE: f64 = 10.5;

/// A limit on a point of a distribution of times.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Bound {
    ms: f64,
    /// The share of the distribution that the limit is about, in percent.
    pub(super) percent: f64,
    text: String,
}

/// The limits of the run on distributions whose figures begin with one of these, such as
/// `convergence-`; those of Maelstrom's stable latency begin with nothing.
pub(super) fn of(run: &Run, prefixes: &[&str]) -> Vec<Bound> {
    let verdicts = run.results.iter().flat_map(|results| &results.rumormill.limits);
    let limits = verdicts.filter_map(|verdict| verdict.limit.parse::<Limit>().ok());
    let bound = |limit: Limit| {
        let point =
            prefixes.iter().find_map(|prefix| percent(limit.figure.name.strip_prefix(prefix)?));
        Some(Bound { ms: limit.bound, percent: point?, text: limit.to_string() })
    };
    let mut bounds: Vec<Bound> = limits.filter_map(bound).collect();
    bounds.sort_by(|a, b| a.ms.total_cmp(&b.ms));
    bounds
}

fn percent(point: &str) -> Option<f64> {
    let points = [("min", 0.0), ("median", 50.0), ("p95", 95.0), ("p99", 99.0), ("max", 100.0)];
    points.into_iter().find(|(name, _)| *name == point).map(|(_, percent)| percent)
}

/// The end of an axis for times up to `longest_ms`: limits not far beyond are on it.
pub(super) fn reach(bounds: &[Bound], longest_ms: f64) -> f64 {
    let near = bounds.iter().map(|bound| bound.ms).filter(|ms| *ms <= FAR * longest_ms);
    near.fold(longest_ms, f64::max)
}

/// The entry of the legend, if there are limits.
pub(super) fn entry(bounds: &[Bound]) -> Option<(Mark, &'static str, &'static str)> {
    (!bounds.is_empty()).then_some((Mark::Line(DASHES), ORANGE, "a limit of this run"))
}

/// Sentence about the limits that are not in the picture; empty if all are.
pub(super) fn beyond(bounds: &[Bound], end_ms: f64) -> String {
    let beyond: Vec<&str> =
        bounds.iter().filter(|bound| bound.ms > end_ms).map(|bound| &*bound.text).collect();
    if beyond.is_empty() {
        return String::new();
    }
    format!(" Beyond the picture: the limit {}.", beyond.join(", "))
}

/// Draws those that are in the picture as lines across it.
pub(super) fn across(plot: &mut Plot, bounds: &[Bound], end_ms: f64) {
    let mut last: Option<(f64, f64)> = None;
    for bound in bounds.iter().filter(|bound| bound.ms <= end_ms) {
        let (left, y) = plot.at(0.0, bound.ms);
        plot.svg.line(&[(left, y), plot.at(f64::MAX, bound.ms)], LINE, DASHES);
        let x = match last {
            Some((end, above)) if above - y < LABEL_HEIGHT => end + 12.0,
            _ => left + 4.0,
        };
        plot.svg.text((x, y - 4.0), Anchor::Start, font(ORANGE), &bound.text);
        last = Some((x + text_width(&bound.text, LABEL_SIZE), y));
    }
}

/// Draws those that are in the picture as lines that end at `height` on the other axis.
pub(super) fn upwards(
    plot: &mut Plot,
    bounds: &[Bound],
    end_ms: f64,
    height: impl Fn(&Bound) -> f64,
) {
    let (left, right) = (plot.x(0.0), plot.x(f64::MAX));
    for bound in bounds.iter().filter(|bound| bound.ms <= end_ms) {
        let (x, y) = plot.at(bound.ms, height(bound));
        plot.svg.line(&[plot.at(bound.ms, 0.0), (x, y)], LINE, DASHES);
        let is_left = x > f64::midpoint(left, right);
        let (anchor, aside) = if is_left { (Anchor::End, -5.0) } else { (Anchor::Start, 5.0) };
        // Below the upper end: there the curve is on the other side if the limit is kept.
        plot.svg.text((x + aside, y + 22.0), anchor, font(ORANGE), &bound.text);
    }
}

#[cfg(test)]
mod tests {
    use rumormill_judge::results::{Results, Verdict};

    use super::*;

    fn run(limits: &[&str]) -> Run {
        let verdict = |limit: &&str| Verdict {
            limit: (*limit).to_owned(),
            found: String::new(),
            value: None,
            passed: true,
            judged: true,
        };
        let mut results = Results::default();
        results.rumormill.limits = limits.iter().map(verdict).collect();
        Run { results: Some(results), ..Run::default() }
    }

    #[test]
    fn limits_of_a_distribution_are_found_by_its_name() {
        let run = run(&["median < 400 ms", "max < 1 s", "convergence-p99 < 50 ms", "lost = 0"]);
        let found = |prefixes: &[&str]| -> Vec<(f64, f64)> {
            of(&run, prefixes).iter().map(|bound| (bound.ms, bound.percent)).collect()
        };
        assert_eq!(found(&[""]), [(400.0, 50.0), (1_000.0, 100.0)]);
        assert_eq!(found(&["convergence-"]), [(50.0, 99.0)]);
        assert_eq!(found(&["read-latency-"]), []);
    }

    #[test]
    fn an_axis_grows_for_a_limit_that_is_near_and_names_one_that_is_far() {
        let bounds = of(&run(&["median < 400 ms", "max < 9 s"]), &[""]);
        let end = reach(&bounds, 300.0);
        assert_eq!(end, 400.0);
        assert_eq!(beyond(&bounds, end), " Beyond the picture: the limit max < 9000 ms.");
        assert_eq!(beyond(&bounds, 9_000.0), "");
    }
}
