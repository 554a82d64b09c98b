//! The points as a table in Markdown, with their limits.

use rumormill_judge::figures::{Figure, Sample, figure, select};
use rumormill_judge::format::number::number;
use rumormill_judge::format::table::markdown;
use rumormill_judge::verdict::{Comparison, Limit};

use super::measure::Measured;
use super::peers::{self, Peer};

/// Figures of the points under Maelstrom's rules.
const COLUMNS: [&Figure; 6] =
    select(["msgs-per-op", "median", "max", "convergence-median", "convergence-max", "ack-share"]);

/// Values of a sample that a limit is held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judged {
    /// The median.
    Median,
    /// All of them; the worst is shown, too.
    All,
}

/// The table. Each figure stands with its limit; those that miss it are bold.
#[must_use]
pub fn points(measured: &[Measured], peers: &[Peer]) -> String {
    let mut head = vec!["latency budget".to_owned()];
    head.extend(COLUMNS.iter().map(|figure| figure.head()));
    head.extend(["lost", "best other that loses nothing", ""].map(ToOwned::to_owned));
    markdown(head, measured.iter().map(|point| row(point, peers)))
}

fn row(point: &Measured, peers: &[Peer]) -> Vec<String> {
    let Measured { case, runs, .. } = point;
    let links = case.on_links.then(|| case.topology.to_string());
    let best = peers::best(peers, case.bound_ms as f64, links.as_deref());
    let mut row = vec![case.name.clone()];
    row.extend(
        COLUMNS
            .iter()
            .map(|figure| cell(figure, &Sample::of(figure, runs), &case.limits, Judged::Median)),
    );
    row.push(if point.keeps_everything() { "nothing".to_owned() } else { lost(point) });
    row.push(best.map_or_else(
        || "none".to_owned(),
        |(peer, theirs)| {
            format!("{} at {} ms ({})", number(theirs.msgs_per_op), theirs.max_ms, peer.name)
        },
    ));
    row.push(if point.passed() { "pass" } else { "**FAIL**" }.to_owned());
    row
}

fn lost(point: &Measured) -> String {
    let worst = |figure: &Figure| {
        let worst = Sample::of(figure, &point.runs).worst();
        worst.map_or_else(|| "unknown".to_owned(), |worst| figure.unit.show(worst))
    };
    format!(
        "**{} values, {} ok**",
        worst(const { figure("missing") }),
        worst(const { figure("availability") })
    )
}

/// Figures of the points with every message on time.
const ON_TIME: [&Figure; 5] =
    select(["msgs-per-op", "median", "max", "convergence-median", "convergence-max"]);
/// Figures of the same points under Maelstrom's rules.
const WAITS: [&Figure; 2] = select(["broadcast-latency-median", "broadcast-latency-max"]);

/// The points with every message on time, beside what the theory allows.
#[must_use]
pub fn on_time(measured: &[Measured]) -> String {
    let mut head = vec!["latency budget".to_owned(), "possible".to_owned()];
    head.extend(ON_TIME.iter().map(|figure| figure.head()));
    head.extend(WAITS.iter().map(|figure| format!("{} (Maelstrom's rules)", figure.head())));
    let tried = measured.iter().filter(|point| !point.on_time.is_empty());
    let rows = tried.map(|Measured { case, runs, on_time }| {
        let mut row = vec![case.name.clone()];
        row.push(case.theory.map_or_else(|| "–".to_owned(), number));
        let median =
            |runs, figure: &Figure| cell(figure, &Sample::of(figure, runs), &[], Judged::Median);
        row.extend(ON_TIME.iter().map(|figure| median(on_time, figure)));
        row.extend(WAITS.iter().map(|figure| median(runs, figure)));
        row
    });
    markdown(head, rows)
}

/// A figure of several runs with its limit: the median; the worst in brackets if all are judged;
/// bold if the limit is missed.
pub(super) fn cell(figure: &Figure, sample: &Sample, limits: &[Limit], judged: Judged) -> String {
    let (Some(median), Some(worst)) = (sample.median(), sample.worst()) else {
        return "–".to_owned();
    };
    let (mut text, worst) = (figure.unit.bare(median), figure.unit.bare(worst));
    if judged == Judged::All && text != worst {
        text += &format!(" ({worst})");
    }
    let Some(limit) = limits.iter().find(|limit| limit.figure == figure) else { return text };
    if let Comparison::Less | Comparison::LessOrEqual = limit.comparison {
        let symbol = limit.comparison.symbol().replace("<=", "≤");
        text += &format!(" {symbol} {}", figure.unit.bare(limit.bound));
    }
    let holds = |value: &f64| limit.comparison.holds(*value, limit.bound);
    let is_kept = match judged {
        Judged::Median => holds(&median),
        Judged::All => sample.values().iter().all(holds),
    };
    if is_kept { text } else { format!("**{text}**") }
}

#[cfg(test)]
mod tests {
    use rumormill_judge::checker::quantile::Quantiles;
    use rumormill_judge::results::Results;
    use rumormill_judge::verdict::sample;

    use super::super::cases::Case;
    use super::*;

    /// A run with so many messages per operation, latencies within the limits, and a value that
    /// never reached a node.
    fn results(msgs_per_op: f32) -> Results {
        let mut results = sample::results();
        let latencies = Quantiles { min: 0, p50: 240, p95: 290, p99: 300, max: 301 };
        results.maelstrom.workload.set_mut().unwrap().stable_latencies = Some(latencies);
        results.maelstrom.net.servers.msgs_per_op = Some(msgs_per_op);
        results.rumormill.traffic.ack_share = Some(0.031);
        let spread = results.rumormill.convergence.message_flow.as_mut().unwrap();
        let times = Quantiles { min: 100.0, p50: 260.0, p95: 290.0, p99: 299.0, max: 300.0 };
        spread.since_ack = Some(Quantiles { max: None, ..times.map(Some) });
        results
    }

    fn measured(results: Results) -> Measured {
        Measured { case: Case::budget(300), runs: vec![results], on_time: Vec::new() }
    }

    #[test]
    fn figure_stands_with_its_limit_and_is_bold_if_it_misses_it() {
        let peers = peers::load().unwrap();
        let text = points(&[measured(results(2.612)), measured(results(2.9))], &peers);
        let cells: Vec<Vec<&str>> =
            text.lines().map(|line| line.split('|').map(str::trim).collect()).collect();
        assert_eq!(cells.len(), 4);
        let kept = "300 ms (default),2.612 ≤ 2.85,240 ≤ 265,301 ≤ 325,260,never,\
                    3.1 ≤ 15,nothing,13.54 at 106 ms (azuline),pass";
        assert_eq!(cells[2][1..11].join(","), kept);
        assert_eq!(cells[3][2], "**2.9 ≤ 2.85**");
        assert_eq!(cells[3][10], "**FAIL**");
        let widths: Vec<usize> = text.lines().map(|line| line.chars().count()).collect();
        assert!(widths.windows(2).all(|pair| pair[0] == pair[1]), "{text}");
    }

    #[test]
    fn lost_value_in_one_run_fails_the_point() {
        let mut lossy = results(2.5);
        lossy.rumormill.missing.missing_count = 1;
        let mut point = measured(results(2.5));
        assert!(point.passed());
        point.runs.push(lossy);
        assert!(!point.passed());
        assert!(points(&[point], &[]).contains("**1 values, 100 % ok**"));
    }

    #[test]
    fn theory_stands_beside_what_is_on_time() {
        let point = Measured { on_time: vec![results(2.53)], ..measured(results(2.1)) };
        let text = on_time(&[measured(results(2.0)), point]);
        let last = text.lines().last().unwrap_or_default();
        let cells: Vec<&str> = last.split('|').map(str::trim).collect();
        assert_eq!(cells[1..4].join(","), "300 ms (default),2.48,2.53");
        assert_eq!((text.lines().count(), cells[8], cells[9]), (3, "2", "2"));
    }
}
