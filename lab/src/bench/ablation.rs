//! The worth of each rule of our protocol: the figures of many runs with it and without it.
//!
//! A rule without a measured effect is deleted; one that stays has its row.

use std::sync::atomic::AtomicBool;

use anyhow::{Result, anyhow};
use rumormill::protocols::rumormill::ablation::{Rule, switch_off};
use rumormill::protocols::rumormill::config::Config;
use rumormill_judge::figures::{Figure, Unit, Worse, select};
use rumormill_judge::format::table::markdown;
use rumormill_judge::settings::Settings;
use rumormill_judge::topology::Topology;
use rumormill_sim::network::latency::Distribution;

use super::cases::{self, Case};
use super::faults;
use crate::hunt::Hunt;
use crate::sim::NodeKind;
use crate::sim::sweep::{self, Row};

/// Figures that are compared.
const FIGURES: [&Figure; 11] = select([
    "msgs-per-op",
    "bytes-per-op",
    "convergence-p99",
    "convergence-max",
    "component-p99",
    "heal-max",
    "redundancy",
    "false-suspicion",
    "quiescent-msgs",
    "missing",
    "availability",
]);

/// Least change that counts, as a share of the figure.
const LEAST_SHARE: f64 = 0.05;

/// Share of the seeds that must have changed in the same direction.
const LEAST_AGREEMENT: f64 = 0.8;

/// Changes shown per cell.
const SHOWN: usize = 4;

/// A run that is made with each rule switched off.
#[derive(Debug)]
pub struct Scenario {
    name: String,
    settings: Settings,
    config: Config,
}

/// The profiles with faults, points of the frontier under constant and measured delays, and larger
/// clusters.
///
/// # Errors
/// If a profile makes no sense.
pub fn scenarios() -> Result<Vec<Scenario>> {
    let mut all = Vec::new();
    for name in faults::profiles() {
        let (settings, config) = faults::load(name, 1)?;
        all.push(Scenario { name: name.to_owned(), settings, config });
    }
    let config = |case: &Case| case.config().map_err(|why| anyhow!("{}: {why}", case.name));
    let varied = |case: &Case, distribution, word: &str| {
        let mut settings = case.settings(1);
        settings.latency.distribution = distribution;
        anyhow::Ok(Scenario {
            name: format!("{}{word}", case.name),
            settings,
            config: config(case)?,
        })
    };
    for case in [100, 300, 600, 1000].map(Case::budget).into_iter().chain(Case::on_links()) {
        all.push(varied(&case, Distribution::Constant, "")?);
        all.push(varied(&case, Distribution::Measured, ", measured")?);
    }
    all.push(varied(&Case::budget(1000), Distribution::Exponential, ", exponential")?);
    for nodes in [100, 300] {
        let settings = Settings { topology: Topology::Tree(4), ..cases::settings(nodes) };
        let name = format!("{nodes} nodes");
        all.push(Scenario { name, settings, config: Config::default() });
    }
    Ok(all)
}

/// How much is run.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// The first seed.
    pub seed: u64,
    /// Seeds per scenario.
    pub seeds: u64,
    /// Hunted seeds.
    pub hunted: u64,
    /// Threads.
    pub jobs: usize,
}

/// The runs of all scenarios, and the hunt.
#[derive(Debug)]
pub struct Measured {
    runs: Vec<Vec<Row>>,
    hunt_failures: usize,
}

/// Runs all scenarios without `rule`, or with all rules.
///
/// # Errors
/// If a run makes no sense.
pub fn measure(scenarios: &[Scenario], rule: Option<Rule>, effort: Effort) -> Result<Measured> {
    let Effort { seed, seeds, hunted, jobs } = effort;
    switch_off(rule);
    let run = |scenario: &Scenario| {
        let settings = Settings { seed, ..scenario.settings.clone() };
        sweep::run(&settings, &NodeKind::Rumormill(scenario.config.clone()), seeds, jobs)
    };
    let runs = scenarios.iter().map(run).collect::<Result<_>>();
    let stop = &AtomicBool::new(false);
    let hunt =
        Hunt { start: seed, seeds: hunted, jobs, tweak: &|_| {}, stop_at_first: false, stop };
    let hunt_failures = hunt.run(&|_, _| {}).failures.len();
    switch_off(None);
    Ok(Measured { runs: runs?, hunt_failures })
}

/// A figure that changed.
#[derive(Clone, Debug, PartialEq)]
struct Change {
    text: String,
    /// Change as a share of the figure; above 0 if it is worse without the rule.
    share: f64,
}

/// Compares a figure seed by seed. `None`: it changed by chance only, or too little.
fn compare(name: &str, figure: &Figure, with: &[Row], without: &[Row]) -> Option<Change> {
    let read = |row: &Row| figure.read(row.results.as_ref().ok()?);
    let pairs: Vec<(f64, f64)> =
        with.iter().zip(without).filter_map(|(a, b)| read(a).zip(read(b))).collect();
    let median = |values: &mut dyn Iterator<Item = f64>| {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied()
    };
    let before = median(&mut pairs.iter().map(|pair| pair.0))?;
    let after = median(&mut pairs.iter().map(|pair| pair.1))?;
    let difference = after - before;
    let agree = pairs.iter().filter(|(a, b)| (b - a) * difference > 0.0).count();
    let is_small = difference.abs() < least(figure).max(before.abs() * LEAST_SHARE);
    if is_small || (agree as f64) < pairs.len() as f64 * LEAST_AGREEMENT {
        return None;
    }
    let share = difference / before.abs().max(least(figure));
    let share = if figure.worse == Worse::Higher { share } else { -share };
    let shown = |value| figure.unit.show(value);
    let text = format!("{name}: {} {} → {}", figure.name, shown(before), shown(after));
    Some(Change { text, share })
}

/// Least change that counts, in the unit of the figure.
fn least(figure: &Figure) -> f64 {
    match figure.unit {
        Unit::Time => 10.0,
        Unit::Bytes => 10.0,
        Unit::Share => 0.01,
        Unit::Number => 0.02,
    }
}

/// The row of a rule, and whether it buys anything.
fn row(rule: Rule, scenarios: &[Scenario], with: &Measured, without: &Measured) -> [String; 5] {
    let mut changes = Vec::new();
    let mut failing = (0, 0);
    for ((scenario, with), without) in scenarios.iter().zip(&with.runs).zip(&without.runs) {
        let failed = |rows: &[Row]| rows.iter().filter(|row| row.exit_code() != 0).count();
        failing = (failing.0 + failed(with), failing.1 + failed(without));
        let change = |figure: &&Figure| compare(&scenario.name, figure, with, without);
        changes.extend(FIGURES.iter().filter_map(change));
    }
    changes.sort_by(|a, b| b.share.abs().total_cmp(&a.share.abs()));
    let list = |is_worse: bool| {
        let of = changes.iter().filter(|change| (change.share > 0.0) == is_worse);
        let (count, shown) = (of.clone().count(), of.take(SHOWN));
        let mut shown: Vec<&str> = shown.map(|change| &*change.text).collect();
        let more = format!("{} more", count.saturating_sub(SHOWN));
        if count > SHOWN {
            shown.push(&more);
        }
        shown.join("; ")
    };
    let failures = |(with, without): (usize, usize)| {
        if with == without { String::new() } else { format!("{with} → {without}") }
    };
    let hunted = failures((with.hunt_failures, without.hunt_failures));
    let failing = [failures(failing), hunted].join(" / ");
    let name = rule.name().to_owned();
    [name, rule.without().to_owned(), list(true), list(false), failing]
}

/// Measures each rule, and makes the table. `progress` is told of each rule before its runs.
///
/// # Errors
/// If a run makes no sense.
pub fn table(rules: &[Rule], effort: Effort, progress: impl Fn(&str)) -> Result<String> {
    let scenarios = scenarios()?;
    progress("all rules");
    let with = measure(&scenarios, None, effort)?;
    let mut rows = Vec::new();
    for &rule in rules {
        progress(rule.name());
        let without = measure(&scenarios, Some(rule), effort)?;
        rows.push(row(rule, &scenarios, &with, &without).to_vec());
    }
    let head = [
        "rule",
        "without it",
        "worse without it",
        "better without it",
        "failing runs / hunted seeds",
    ];
    Ok(markdown(head.map(ToOwned::to_owned).to_vec(), rows))
}

#[cfg(test)]
mod tests {
    use rumormill_judge::figures::figure;
    use rumormill_judge::verdict::sample;

    use super::*;

    fn rows(msgs_per_op: [f32; 5]) -> Vec<Row> {
        let row = |(seed, ratio)| {
            let mut results = sample::results();
            results.maelstrom.net.servers.msgs_per_op = Some(ratio);
            Row { seed, results: Ok(results), events: 0, end: 0 }
        };
        (1..).zip(msgs_per_op).map(row).collect()
    }

    fn compared(without: [f32; 5]) -> Option<Change> {
        let with = rows([2.0, 2.1, 2.2, 2.3, 2.4]);
        compare("some", const { figure("msgs-per-op") }, &with, &rows(without))
    }

    #[test]
    fn change_counts_if_it_is_large_and_most_seeds_agree() {
        let change = compared([4.0, 4.2, 4.4, 4.6, 2.3]).unwrap();
        assert_eq!(change.text, "some: msgs-per-op 2.2 → 4.2");
        assert!(change.share > 0.9, "{}", change.share);
        assert!(compared([1.0, 1.1, 1.2, 1.3, 1.4]).unwrap().share < 0.0, "fewer are better");
        assert_eq!(compared([2.05, 2.15, 2.25, 2.35, 2.45]), None, "too little");
        assert_eq!(compared([4.0, 4.2, 4.4, 1.9, 2.0]), None, "by chance");
    }

    #[test]
    fn every_scenario_makes_sense() {
        for scenario in scenarios().unwrap() {
            scenario.settings.check().unwrap_or_else(|why| panic!("{}: {why}", scenario.name));
        }
    }

    #[test]
    fn rules_have_different_names() {
        let mut names: Vec<&str> = Rule::ALL.iter().map(|rule| rule.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Rule::ALL.len());
    }
}
