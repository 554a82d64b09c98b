//! Many seeds of the same run, and a table of their figures.

use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Result, anyhow};

use super::{Nobody, NodeKind, simulate_observed};
use crate::checker::quantile::Quantiles;
use crate::history::Nanos;
use crate::journal::NullSink;
use crate::outcome::State;
use crate::results::{Results, RunInfo};
use crate::screen::closing_line;
use crate::settings::Settings;

/// Beyond this many seeds, only those that failed are shown one by one.
const SHOWN_ROWS: usize = 40;

/// The seed whose run is most worth another look, if one failed: a crash before a failure, then
/// the one that breaks most limits, then the one whose slowest value took longest.
#[must_use]
pub fn worst(rows: &[Row]) -> Option<&Row> {
    let gravity = |row: &Row| match row.exit_code() {
        0 => 0,
        2 => 1,
        1 => 2,
        _ => 3,
    };
    let failed = rows.iter().filter(|row| row.exit_code() != 0);
    failed.max_by(|a, b| {
        let longest = |row: &Row| {
            row.results.as_ref().and_then(|r| last_node(r, |all| all.max)).unwrap_or_default()
        };
        let order = gravity(a).cmp(&gravity(b)).then(a.broken().len().cmp(&b.broken().len()));
        // Of equal ones the first seed.
        order.then(longest(a).total_cmp(&longest(b))).then(b.seed.cmp(&a.seed))
    })
}

/// What one seed gave.
#[derive(Clone, Debug)]
pub struct Row {
    /// The seed.
    pub seed: u64,
    /// The results, unless it crashed.
    pub results: Option<Results>,
    /// Why it crashed.
    pub crash: Option<String>,
    /// Events handled.
    pub events: u64,
    /// Length of the run in virtual time.
    pub end: Nanos,
}

impl Row {
    /// The limits that were not kept.
    fn broken(&self) -> Vec<&str> {
        let limits = self.results.iter().flat_map(|results| &results.rumormill.limits);
        limits.filter(|limit| !limit.passed).map(|limit| limit.limit.as_str()).collect()
    }

    /// What the seed's row ends with: nothing if it passed.
    #[must_use]
    pub fn verdict(&self) -> String {
        let word = match self.exit_code() {
            0 => return String::new(),
            1 => "FAILED",
            2 => "unknown",
            _ => return "CRASHED".to_owned(),
        };
        let broken = self.broken();
        let why = match &self.results {
            Some(results) if broken.is_empty() => closing_line(results),
            _ => broken.join(", "),
        };
        format!("{word}  {why}")
    }

    /// As of a run of its own.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        self.results.as_ref().map_or(u8::MAX, Results::exit_code)
    }
}

/// Runs seeds from that of the settings on, on so many threads. The rows are in order of seeds.
///
/// # Errors
/// If the settings make no sense.
pub fn run(settings: &Settings, kind: &NodeKind, seeds: u64, jobs: usize) -> Result<Vec<Row>> {
    let next = AtomicU64::new(0);
    let rows = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                loop {
                    let offset = next.fetch_add(1, Ordering::Relaxed);
                    if offset >= seeds {
                        return;
                    }
                    let seed = settings.seed.wrapping_add(offset);
                    let row = one(&Settings { seed, ..settings.clone() }, kind);
                    if let Ok(mut rows) = rows.lock() {
                        rows.push((offset, row));
                    }
                }
            });
        }
    });
    let mut rows = rows.into_inner().map_err(|_| anyhow!("a thread of the simulation died"))?;
    rows.sort_by_key(|(offset, _)| *offset);
    rows.into_iter().map(|(_, row)| row).collect()
}

fn one(settings: &Settings, kind: &NodeKind) -> Result<Row> {
    let simulated = simulate_observed(settings, kind, NullSink, &mut Nobody)?;
    let (outcome, events) = (&simulated.outcome, simulated.events);
    let mut row = Row { seed: settings.seed, results: None, crash: None, events, end: outcome.end };
    match &outcome.state {
        State::Crashed(why) => row.crash = Some(why.clone()),
        _ => {
            let notices = &simulated.notices;
            row.results = Some(Results::of(settings, outcome, notices, RunInfo::default())?);
        }
    }
    Ok(row)
}

/// A column of the table: a head of two lines, and how to read and show it.
struct Column {
    head: (&'static str, &'static str),
    read: fn(&Results) -> Option<f64>,
    decimals: usize,
}

type Ms = Quantiles<Option<f64>>;

/// What never came took forever.
fn ms(all: Option<Ms>, point: fn(Ms) -> Option<f64>) -> Option<f64> {
    all.map(|all| point(all).unwrap_or(f64::INFINITY))
}

fn last_node(results: &Results, point: fn(Ms) -> Option<f64>) -> Option<f64> {
    ms(results.rumormill.convergence.best().and_then(|spread| spread.since_ack), point)
}

fn part(results: &Results, point: fn(Ms) -> Option<f64>) -> Option<f64> {
    ms(results.rumormill.parts.as_ref().and_then(|parts| parts.since_ack), point)
}

fn stable(results: &Results, point: fn(Quantiles<u64>) -> u64) -> Option<f64> {
    results.maelstrom.workload.stable_latencies.map(|all| point(all) as f64)
}

const COLUMNS: [Column; 15] = [
    Column {
        head: ("msgs", "/op"),
        read: |r| r.maelstrom.net.servers.msgs_per_op.map(f64::from),
        decimals: 3,
    },
    Column { head: ("stable", "p50"), read: |r| stable(r, |all| all.p50), decimals: 0 },
    Column { head: ("stable", "p95"), read: |r| stable(r, |all| all.p95), decimals: 0 },
    Column { head: ("stable", "p99"), read: |r| stable(r, |all| all.p99), decimals: 0 },
    Column { head: ("stable", "max"), read: |r| stable(r, |all| all.max), decimals: 0 },
    Column { head: ("last", "p50"), read: |r| last_node(r, |all| all.p50), decimals: 0 },
    Column { head: ("last", "p95"), read: |r| last_node(r, |all| all.p95), decimals: 0 },
    Column { head: ("last", "p99"), read: |r| last_node(r, |all| all.p99), decimals: 0 },
    Column { head: ("last", "max"), read: |r| last_node(r, |all| all.max), decimals: 0 },
    Column { head: ("part", "p50"), read: |r| part(r, |all| all.p50), decimals: 0 },
    Column { head: ("part", "p99"), read: |r| part(r, |all| all.p99), decimals: 0 },
    Column { head: ("part", "max"), read: |r| part(r, |all| all.max), decimals: 0 },
    Column {
        head: ("heal", "max"),
        read: |r| ms(r.rumormill.parts.as_ref().and_then(|p| p.since_heal), |all| all.max),
        decimals: 0,
    },
    Column {
        head: ("miss", "ing"),
        read: |r| Some(r.rumormill.missing.missing_count as f64),
        decimals: 0,
    },
    Column { head: ("ok", "share"), read: |r| Some(r.rumormill.ok_fraction), decimals: 4 },
];

/// One line per seed (if there are not too many), then the median and the worst of all.
#[must_use]
pub fn table(rows: &[Row]) -> String {
    let mut text = String::new();
    let used: Vec<&Column> = COLUMNS
        .iter()
        .filter(|column| rows.iter().any(|row| value(row, column).is_some()))
        .collect();
    let heads: [fn(&Column) -> &'static str; 2] = [|column| column.head.0, |column| column.head.1];
    for (label, head) in ["", "seed"].into_iter().zip(heads) {
        line(&mut text, label, used.iter().map(|column| head(column).to_owned()), "");
    }
    for row in rows {
        if rows.len() <= SHOWN_ROWS || row.exit_code() != 0 {
            let cells = used.iter().map(|column| show(value(row, column), column.decimals));
            line(&mut text, &row.seed.to_string(), cells, &row.verdict());
        }
    }
    let lowest_is_worst = |column: &Column| column.head.0 == "ok";
    for (label, is_median) in [("median", true), ("worst", false)] {
        let cells = used.iter().map(|column| {
            let mut values: Vec<f64> = rows.iter().filter_map(|row| value(row, column)).collect();
            values.sort_by(f64::total_cmp);
            let at = match (is_median, lowest_is_worst(column)) {
                (true, _) => values.len() / 2,
                (false, true) => 0,
                (false, false) => values.len().saturating_sub(1),
            };
            show(values.get(at).copied(), column.decimals)
        });
        line(&mut text, label, cells, "");
    }
    text
}

fn value(row: &Row, column: &Column) -> Option<f64> {
    row.results.as_ref().and_then(column.read)
}

fn show(value: Option<f64>, decimals: usize) -> String {
    match value {
        None => "-".to_owned(),
        Some(value) if value.is_infinite() => "never".to_owned(),
        Some(value) => format!("{value:.decimals$}"),
    }
}

fn line(text: &mut String, label: &str, cells: impl Iterator<Item = String>, verdict: &str) {
    // Writing to a String cannot fail.
    let _ = write!(text, "{label:<10}");
    for cell in cells {
        let _ = write!(text, "{cell:>7}");
    }
    if !verdict.is_empty() {
        let _ = write!(text, "  {verdict}");
    }
    text.push('\n');
}
