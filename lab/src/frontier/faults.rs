//! The profiles with faults, many seeds each, as a table: what was found, and which limits were
//! kept. A profile says what it is to keep; nothing of that is said again here.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, anyhow};

use super::cases::config;
use super::table::{markdown, percent, significant, whole};
use crate::limit::{Comparison, Figure, Limit};
use crate::profile::Profile;
use crate::screen::closing_line;
use crate::sim::NodeKind;
use crate::sim::sweep::{self, Row};

/// A figure that the table shows.
struct Column {
    head: &'static str,
    figure: &'static str,
    show: fn(f64) -> String,
    /// The least of the seeds is the worst.
    least_is_worst: bool,
}

const fn column(head: &'static str, figure: &'static str, show: fn(f64) -> String) -> Column {
    Column { head, figure, show, least_is_worst: false }
}

const COLUMNS: [Column; 9] = [
    column("msgs per op", "msgs-per-op", significant),
    column("last node, 0.99, ms", "convergence-p99", whole),
    column("in its part, 0.99, ms", "part-p99", whole),
    column("after a heal, max ms", "heal-max", whole),
    column("came twice", "duplicate-entries", percent),
    column("wrong silence, max ms", "wrong-silence", whole),
    column("at rest", "rest-msgs", significant),
    column("missing", "missing", whole),
    Column { least_is_worst: true, ..column("ok", "availability", share) },
];

fn share(value: f64) -> String {
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A profile and what its runs gave.
#[derive(Debug)]
pub struct Judged {
    /// Its name, or the path of its file.
    pub profile: String,
    limits: Vec<Limit>,
    rows: Vec<Row>,
}

/// The profiles that are part of the program, but for those of fly.io.
pub fn profiles() -> impl Iterator<Item = &'static str> {
    Profile::builtin().map(|(name, _)| name).filter(|name| !name.starts_with("fly-"))
}

/// Simulates a profile with so many seeds from `seed` on, on so many threads.
///
/// # Errors
/// If there is no such profile, or its runs make no sense.
pub fn judge(name: &str, seed: u64, seeds: u64, jobs: usize) -> Result<Judged> {
    let mut profile = Profile::load(name)?;
    profile.seed = Some(seed);
    let node_args = profile.node_args.take().unwrap_or_default();
    let config = config(&node_args).map_err(|why| anyhow!("{name}: {why}"))?;
    let settings = profile.into_settings().with_context(|| name.to_owned())?;
    let limits = settings.limits.iter().map(|limit| limit.parse::<Limit>());
    let limits = limits.collect::<Result<_, _>>().map_err(|why| anyhow!("{name}: {why}"))?;
    let rows = sweep::run(&settings, &NodeKind::Rumormill(config), seeds, jobs)?;
    Ok(Judged { profile: name.to_owned(), limits, rows })
}

impl Judged {
    /// Every seed kept every limit, and no checker found anything.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.rows.iter().all(|row| row.exit_code() == 0)
    }

    /// What was not kept, by any seed.
    fn complaints(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for row in self.rows.iter().filter(|row| row.exit_code() != 0) {
            let Some(results) = &row.results else {
                found.insert(format!("seed {} crashed", row.seed));
                continue;
            };
            let broken = results.rumormill.limits.iter().filter(|limit| !limit.passed);
            let before = found.len();
            found.extend(broken.map(|limit| limit.limit.clone()));
            if found.len() == before && results.rumormill.limits.iter().all(|limit| limit.passed) {
                found.insert(closing_line(results));
            }
        }
        found
    }

    fn verdict(&self) -> String {
        if self.passed() {
            return "pass".to_owned();
        }
        let failed = self.rows.iter().filter(|row| row.exit_code() != 0).count();
        let complaints: Vec<String> = self.complaints().into_iter().collect();
        format!("**{failed} of {} FAIL**: {}", self.rows.len(), complaints.join(", "))
    }

    /// The median of the seeds, the worst of them, and the limit.
    fn cell(&self, column: &Column) -> String {
        let figure = Figure::named(column.figure);
        let read = |row: &Row| figure?.read(row.results.as_ref()?);
        let mut values: Vec<f64> = self.rows.iter().filter_map(read).collect();
        values.sort_by(f64::total_cmp);
        let worst = if column.least_is_worst { values.first() } else { values.last() };
        let (Some(median), Some(worst)) = (values.get(values.len() / 2), worst) else {
            return "–".to_owned();
        };
        let (median, shown) = ((column.show)(*median), (column.show)(*worst));
        let mut text = if median == shown { median } else { format!("{median} ({shown})") };
        if let Some(limit) = self.limits.iter().find(|limit| Some(limit.figure) == figure) {
            if let Comparison::Less | Comparison::LessOrEqual = limit.comparison {
                let bound = (column.show)(limit.bound);
                let symbol = limit.comparison.symbol().replace("<=", "≤");
                text += &format!(" {symbol} {bound}");
            }
            if values.iter().any(|value| !limit.comparison.holds(*value, limit.bound)) {
                text = format!("**{text}**");
            }
        }
        text
    }
}

/// A line per profile.
#[must_use]
pub fn table(judged: &[Judged]) -> String {
    let mut head = vec!["profile"];
    head.extend(COLUMNS.iter().map(|column| column.head));
    head.push("");
    let rows = judged.iter().map(|judged| {
        let mut row = vec![judged.profile.clone()];
        row.extend(COLUMNS.iter().map(|column| judged.cell(column)));
        row.push(judged.verdict());
        row
    });
    markdown(&head, rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::sample;

    /// Three seeds, with so many messages per operation, all of them limited to 12.
    fn judged(msgs_per_op: [f32; 3]) -> Judged {
        let limits = vec!["msgs-per-op<=12".parse().unwrap()];
        let rows = msgs_per_op.iter().zip(1..).map(|(ratio, seed)| {
            let mut results = sample::results();
            results.maelstrom.net.servers.msgs_per_op = Some(*ratio);
            results.decide(&limits);
            Row { seed, results: Some(results), crash: None, events: 0, end: 0 }
        });
        Judged { profile: "some".to_owned(), rows: rows.collect(), limits }
    }

    fn cells(judged: Judged) -> Vec<String> {
        let text = table(&[judged]);
        let row = text.lines().nth(2).unwrap();
        row.split('|').map(|cell| cell.trim().to_owned()).collect()
    }

    #[test]
    fn all_seeds_have_to_keep_the_limits() {
        let kept = cells(judged([11.0, 12.0, 10.0]));
        assert_eq!((&*kept[1], &*kept[2], &*kept[11]), ("some", "11.0 (12.0) ≤ 12.0", "pass"));
        let missed = cells(judged([12.5, 11.0, 10.0]));
        assert_eq!(missed[2], "**11.0 (12.5) ≤ 12.0**");
        assert_eq!(missed[11], "**1 of 3 FAIL**: msgs-per-op <= 12");
    }

    #[test]
    fn a_crash_and_a_lost_value_fail_without_any_limit() {
        let mut crashed = judged([11.0; 3]);
        crashed.rows[1].results = None;
        assert!(cells(crashed)[11].ends_with("seed 2 crashed"));
        let mut lossy = judged([11.0; 3]);
        let results = lossy.rows[0].results.as_mut().unwrap();
        results.rumormill.missing.missing_count = 1;
        results.maelstrom.valid = crate::checker::Validity::Invalid;
        assert!(cells(lossy)[11].contains("1 acknowledged value missing"));
    }

    #[test]
    fn every_profile_but_fly_ios_is_judged() {
        let names: Vec<&str> = profiles().collect();
        assert!(names.contains(&"hub-killed") && names.contains(&"at-rest"));
        assert!(!names.iter().any(|name| name.starts_with("fly")));
        for column in COLUMNS {
            assert!(Figure::named(column.figure).is_some(), "{}", column.figure);
        }
    }
}
