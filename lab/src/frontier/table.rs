//! The points as a table in Markdown, with what they are to reach.

use std::fmt::Write as _;

use super::cases::EVIDENCE_MAX;
use super::measure::{Figures, Measured};
use super::peers::{self, Peer};

const HEAD: [&str; 10] = [
    "latency budget",
    "msgs per op",
    "median ms",
    "max ms",
    "last node, median ms",
    "last node, max ms",
    "evidence",
    "lost",
    "best other that loses nothing",
    "",
];

/// The table. Each figure stands with its limit; those that miss it are bold.
#[must_use]
pub fn points(measured: &[Measured], peers: &[Peer]) -> String {
    let rows = measured.iter().map(|point| row(point, peers).to_vec());
    markdown(&HEAD, rows)
}

fn row(point: &Measured, peers: &[Peer]) -> [String; 10] {
    let Measured { case, figures, .. } = point;
    let Figures { msgs_per_op, median_ms, max_ms, .. } = *figures;
    let goal = case.goal;
    let links = case.on_links.then(|| case.topology.to_string());
    let best = peers::best(peers, case.bound_ms as f64, links.as_deref());
    [
        case.name.clone(),
        limited(msgs_per_op, goal.map(|goal| goal.msgs_per_op), significant),
        limited(median_ms, goal.map(|goal| goal.median_ms), whole),
        limited(max_ms, goal.map(|goal| goal.max_ms), whole),
        whole(figures.last_median_ms),
        whole(figures.last_max_ms),
        limited(figures.evidence_share, Some(EVIDENCE_MAX), percent),
        if point.keeps_everything() { "nothing".to_owned() } else { lost(figures) },
        best.map_or_else(
            || "none".to_owned(),
            |(peer, theirs)| {
                let messages = significant(theirs.msgs_per_op);
                format!("{messages} at {} ms ({})", theirs.max_ms, peer.name)
            },
        ),
        if point.passed() { "pass" } else { "**FAIL**" }.to_owned(),
    ]
}

const ON_TIME_HEAD: [&str; 8] = [
    "latency budget",
    "msgs per op",
    "possible",
    "median ms",
    "max ms",
    "last node, median ms",
    "last node, max ms",
    "Maelstrom's clients wait, ms",
];

/// The points with every message on time, beside what the theory allows.
#[must_use]
pub fn on_time(measured: &[Measured]) -> String {
    let rows = measured.iter().filter_map(|Measured { case, figures, on_time }| {
        let on_time = on_time.as_ref()?;
        let Figures { wait_median_ms, wait_max_ms, .. } = figures;
        Some(vec![
            case.name.clone(),
            significant(on_time.msgs_per_op),
            case.theory.map_or_else(|| "-".to_owned(), significant),
            whole(on_time.median_ms),
            whole(on_time.max_ms),
            whole(on_time.last_median_ms),
            whole(on_time.last_max_ms),
            format!("{wait_median_ms:.0} (at most {wait_max_ms:.0})"),
        ])
    });
    markdown(&ON_TIME_HEAD, rows)
}

fn lost(figures: &Figures) -> String {
    let Figures { missing, availability, .. } = figures;
    format!("**{missing} values, {availability:.4} ok**")
}

/// A figure and its limit.
fn limited(value: f64, limit: Option<f64>, show: fn(f64) -> String) -> String {
    match limit {
        None => show(value),
        Some(limit) if value <= limit => format!("{} ≤ {}", show(value), show(limit)),
        Some(limit) => format!("**{} > {}**", show(value), show(limit)),
    }
}

/// A table in Markdown, its columns aligned in the text, too.
#[must_use]
pub fn markdown(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let head = head.iter().map(ToString::to_string).collect();
    let rows: Vec<Vec<String>> = std::iter::once(head).chain(rows).collect();
    let columns = rows[0].len();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0).max(2)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for (number, row) in rows.iter().enumerate() {
        for (cell, &width) in row.iter().zip(&widths) {
            // Writing to a String cannot fail.
            let _ = write!(text, "| {cell:<width$} ");
        }
        text.push_str("|\n");
        if number == 0 {
            for width in &widths {
                let _ = write!(text, "|{:-<1$}", "", width + 2);
            }
            text.push_str("|\n");
        }
    }
    text
}

/// Three significant digits.
#[must_use]
pub fn significant(value: f64) -> String {
    if value >= 100.0 {
        format!("{value:.0}")
    } else if value >= 10.0 {
        format!("{value:.1}")
    } else if value >= 1.0 {
        format!("{value:.2}")
    } else {
        format!("{value:.3}")
    }
}

/// No decimals.
#[must_use]
pub fn whole(value: f64) -> String {
    if value.is_infinite() { "never".to_owned() } else { format!("{value:.0}") }
}

/// A share.
#[must_use]
pub fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::super::cases::Case;
    use super::*;

    fn figures(msgs_per_op: f64) -> Figures {
        Figures {
            msgs_per_op,
            median_ms: 240.4,
            max_ms: 301.0,
            last_median_ms: 260.0,
            last_max_ms: f64::INFINITY,
            evidence_share: 0.031,
            missing: 0.0,
            availability: 1.0,
            wait_median_ms: 25.0,
            wait_max_ms: 99.0,
        }
    }

    fn measured(figures: Figures) -> Measured {
        Measured { case: Case::budget(300), figures, on_time: None }
    }

    #[test]
    fn each_figure_stands_with_its_limit() {
        let peers = peers::load().unwrap();
        let kept = measured(figures(2.612));
        let missed = measured(figures(2.9));
        let text = points(&[kept, missed], &peers);
        let cells: Vec<Vec<&str>> =
            text.lines().map(|line| line.split('|').map(str::trim).collect()).collect();
        assert_eq!(cells.len(), 4);
        assert!(cells.iter().all(|row| row.len() == HEAD.len() + 2), "{text}");
        let kept = "300 ms (default),2.61 ≤ 2.85,240 ≤ 265,301 ≤ 325,260,never,\
                    3.1 % ≤ 15.0 %,nothing,13.5 at 106 ms (azuline),pass";
        assert_eq!(cells[2][1..11].join(","), kept);
        assert_eq!(cells[3][2], "**2.90 > 2.85**");
        assert_eq!(cells[3][10], "**FAIL**");
        let widths: Vec<usize> = text.lines().map(|line| line.chars().count()).collect();
        assert!(widths.windows(2).all(|pair| pair[0] == pair[1]), "{text}");
    }

    #[test]
    fn a_lost_value_fails_the_point() {
        let figures = Figures { missing: 1.0, ..figures(2.5) };
        let lost = measured(figures);
        assert!(!lost.passed());
        assert!(points(&[lost], &[]).contains("**1 values, 1.0000 ok**"));
    }

    #[test]
    fn theory_stands_beside_what_is_on_time() {
        let point = Measured { on_time: Some(figures(2.53)), ..measured(figures(2.1)) };
        let text = on_time(&[measured(figures(2.0)), point]);
        let last = text.lines().last().unwrap_or_default();
        let cells: Vec<&str> = last.split('|').map(str::trim).collect();
        assert_eq!(cells[1..4].join(","), "300 ms (default),2.53,2.48");
        assert_eq!((text.lines().count(), cells[8]), (3, "25 (at most 99)"));
    }
}
