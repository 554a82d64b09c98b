//! The profiles with faults, many seeds each, as a table: figures, and which limits were kept. The
//! limits are those of the profiles.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, anyhow};
use rumormill::protocols::rumormill::config::Config;
use rumormill_judge::figures::{Figure, Sample, select};
use rumormill_judge::format::table::markdown;
use rumormill_judge::settings::Settings;
use rumormill_judge::verdict::{Limit, closing_line};

use super::cases::config;
use super::table::{self, cell};
use crate::profile::Profile;
use crate::sim::NodeKind;
use crate::sim::sweep::{self, Row};

/// Figures that the table shows.
const COLUMNS: [&Figure; 9] = select([
    "msgs-per-op",
    "convergence-p99",
    "component-p99",
    "heal-max",
    "redundancy",
    "false-suspicion",
    "quiescent-msgs",
    "missing",
    "availability",
]);

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

/// The settings of a profile, and those of its nodes.
///
/// # Errors
/// If there is no such profile, or it makes no sense.
pub fn load(name: &str, seed: u64) -> Result<(Settings, Config)> {
    let mut flags = Profile::load(name)?.flags()?;
    flags.seed = Some(seed);
    let config = config(&flags.node_args).map_err(|why| anyhow!("{name}: {why}"))?;
    Ok((flags.into_settings().with_context(|| name.to_owned())?, config))
}

/// Simulates a profile with so many seeds from `seed` on, on so many threads.
///
/// # Errors
/// If there is no such profile, or its runs make no sense.
pub fn judge(name: &str, seed: u64, seeds: u64, jobs: usize) -> Result<Judged> {
    let (settings, config) = load(name, seed)?;
    let kind = NodeKind::Rumormill(config);
    let limits = settings.limits.iter().map(|limit| limit.parse::<Limit>());
    let limits = limits.collect::<Result<_, _>>().map_err(|why| anyhow!("{name}: {why}"))?;
    let rows = sweep::run(&settings, &kind, seeds, jobs)?;
    Ok(Judged { profile: name.to_owned(), limits, rows })
}

impl Judged {
    /// Every seed kept every limit, and no checker found anything.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.rows.iter().all(|row| row.exit_code() == 0)
    }

    /// Limits that were not kept, by any seed.
    fn complaints(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for row in self.rows.iter().filter(|row| row.exit_code() != 0) {
            let Ok(results) = &row.results else {
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

    /// Median of the seeds, worst of them, and the limit.
    fn cell(&self, figure: &Figure) -> String {
        let results = self.rows.iter().filter_map(|row| row.results.as_ref().ok());
        cell(figure, &Sample::of(figure, results), &self.limits, table::Judged::All)
    }
}

/// A line per profile.
#[must_use]
pub fn table(judged: &[Judged]) -> String {
    let mut head = vec!["profile".to_owned()];
    head.extend(COLUMNS.iter().map(|figure| figure.head()));
    head.push(String::new());
    let rows = judged.iter().map(|judged| {
        let mut row = vec![judged.profile.clone()];
        row.extend(COLUMNS.iter().map(|column| judged.cell(column)));
        row.push(judged.verdict());
        row
    });
    markdown(head, rows)
}

#[cfg(test)]
mod tests {
    use rumormill_judge::verdict::sample;

    use super::*;

    /// Three seeds, with so many messages per operation, all of them limited to 12.
    fn judged(msgs_per_op: [f32; 3]) -> Judged {
        let limits = vec!["msgs-per-op<=12".parse().unwrap()];
        let rows = msgs_per_op.iter().zip(1..).map(|(ratio, seed)| {
            let mut results = sample::results();
            results.maelstrom.net.servers.msgs_per_op = Some(*ratio);
            rumormill_judge::verdict::decide(&mut results, &limits);
            Row { seed, results: Ok(results), events: 0, end: 0 }
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
        assert_eq!((&*kept[1], &*kept[2], &*kept[11]), ("some", "11 (12) ≤ 12", "pass"));
        let missed = cells(judged([12.5, 11.0, 10.0]));
        assert_eq!(missed[2], "**11 (12.5) ≤ 12**");
        assert_eq!(missed[11], "**1 of 3 FAIL**: msgs-per-op <= 12");
    }

    #[test]
    fn a_crash_and_a_lost_value_fail_without_any_limit() {
        let mut crashed = judged([11.0; 3]);
        crashed.rows[1].results = Err(String::new());
        assert!(cells(crashed)[11].ends_with("seed 2 crashed"));
        let mut lossy = judged([11.0; 3]);
        let results = lossy.rows[0].results.as_mut().unwrap();
        results.rumormill.missing.missing_count = 1;
        results.maelstrom.valid = rumormill_judge::checker::Validity::Invalid;
        assert!(cells(lossy)[11].contains("1 acknowledged value missing"));
    }

    #[test]
    fn every_profile_but_fly_ios_is_judged() {
        let names: Vec<&str> = profiles().collect();
        assert!(names.contains(&"hub-killed") && names.contains(&"at-rest"));
        assert!(!names.iter().any(|name| name.starts_with("fly")));
    }
}
