//! The hunt in the other protocols of the family: random clusters, networks and faults, and at the
//! end every node must hold every value, and have the sum of every addition, that was not lost with its
//! holders.
//!
//! The protocols are seen from outside only: by what clients read in the end.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;
use rumormill::protocols::{Name, Options};
use rumormill_judge::message::events::NullSink;
use rumormill_judge::settings::faults::FaultSettings;
use rumormill_judge::settings::{Nemesis, Recovery, Settings};
use rumormill_judge::topology::Topology;
use rumormill_judge::workload::{BROADCAST, G_SET, PN_COUNTER, Workload};
use rumormill_sim::dice::Dice;
use rumormill_sim::network::latency::{Distribution, Latency};

use crate::parallel::Pool;
use crate::shard::Shard;
use crate::sim::{NodeKind, simulate};

/// The settings of a seed. Nodes of Cassandra's gossip never restart: a newer generation replaces what
/// the older one said, so it promises nothing then.
#[must_use]
pub fn draw(protocol: Name, seed: u64) -> Settings {
    let mut dice = Dice::new(seed, "family hunt");
    let topology = [Topology::Line, Topology::Grid, Topology::Tree(3), Topology::Total];
    let distribution = [Distribution::Constant, Distribution::Uniform, Distribution::Exponential];
    let mut faults = FaultSettings::default();
    let share = |dice: &mut Dice, percent: u64| dice.below(percent + 1) as f64 / 100.0;
    if dice.coin() {
        faults.loss = share(&mut dice, 20);
    }
    if dice.coin() {
        faults.duplicate = share(&mut dice, 10);
    }
    if dice.coin() {
        faults.reorder = share(&mut dice, 20);
        faults.reorder_max_ms = 1 + dice.below(500);
    }
    if dice.coin() && protocol != Name::Cassandra {
        faults.crash_rate = share(&mut dice, 50);
        faults.crash_max_ms = 1 + dice.below(3_000);
    }
    if dice.coin() {
        faults.pause_rate = share(&mut dice, 50);
        faults.pause_max_ms = 1 + dice.below(2_000);
    }
    Settings {
        rate: (1 + dice.below(40)) as f64,
        time_limit_ms: 2_000 + dice.below(6_000),
        latency: Latency {
            mean_ms: 1 + dice.below(100),
            distribution: distribution[dice.index(distribution.len())],
        },
        topology: topology[dice.index(topology.len())],
        nemesis: dice.coin().then(|| Nemesis { interval_ms: 500 + dice.below(3_000) }),
        faults,
        // Slow protocols at 20 % loss, which does not end with the main phase.
        recovery: Recovery { wait_ms: 90_000, quiet_ms: None },
        seed,
        ..Settings::with_nodes(2 + dice.index(11))
    }
}

/// The workload of a seed. Its dice are its own: the settings of a seed are the same as before there
/// were workloads.
fn draw_workload(seed: u64) -> &'static Workload {
    match Dice::new(seed, "family hunt workload").below(100) {
        0..70 => &BROADCAST,
        70..85 => &G_SET,
        _ => &PN_COUNTER,
    }
}

/// The fault of a seed's run, in words; `None` if there is none.
///
/// # Errors
/// If the settings make no sense.
pub fn run(protocol: Name, seed: u64) -> Result<Option<String>> {
    let settings = draw(protocol, seed);
    let settings = Settings { workload: draw_workload(seed), ..settings };
    let kind = NodeKind::of(Options::of(protocol)).map_err(anyhow::Error::msg)?;
    let simulated = simulate(&settings, &kind, NullSink)?;
    let results = match simulated.results(&settings)? {
        Ok(results) => results,
        Err(why) => return Ok(Some(format!("crashed: {why}"))),
    };
    if let Some(counter) = &results.rumormill.counter {
        let (wrong, of, off_by) = (counter.wrong_count, counter.nodes.len(), counter.worst_off_by);
        let why = || format!("{wrong} of {of} nodes have a wrong sum, off by up to {off_by}");
        return Ok((wrong > 0).then(why));
    }
    let missing = &results.rumormill.missing;
    let (lost, of) = (missing.missing_count, missing.acknowledged_count);
    let nodes = missing.nodes.iter().filter(|node| node.missing_count != Some(0)).count();
    Ok((lost > 0).then(|| format!("{lost} of {of} acknowledged values missing on {nodes} nodes")))
}

/// A hunt in a protocol.
#[derive(Clone, Copy)]
pub struct FamilyHunt<'a> {
    /// The protocol.
    pub protocol: Name,
    /// The first seed.
    pub start: u64,
    /// How many.
    pub seeds: u64,
    /// Threads.
    pub jobs: usize,
    /// Once it is true, no seed is begun any more.
    pub stop: &'a AtomicBool,
}

/// The seeds that were run, and those that failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FamilyFound {
    /// Seeds that were run.
    pub seeds: u64,
    /// By seed: the fault in words.
    pub failures: BTreeMap<u64, String>,
}

impl FamilyHunt<'_> {
    /// Runs the seeds of a shard: the fault of each, in words, if it has one; by number, which counts
    /// from 0. `progress` is told how many are done, and how many failed.
    ///
    /// # Errors
    /// If the settings of a seed make no sense.
    pub fn run_shard(
        &self,
        shard: Shard,
        progress: &(dyn Fn(u64, usize) + Sync),
    ) -> Result<BTreeMap<u64, Option<String>>> {
        let is_over = |_| self.stop.load(Ordering::Relaxed);
        let pool = Pool { count: self.seeds, jobs: self.jobs, shard, is_over: &is_over };
        let runs = pool.run(
            |number| run(self.protocol, self.start.saturating_add(number)),
            |run| matches!(run, Ok(Some(_))),
            progress,
        );
        runs.into_iter().map(|(number, run)| Ok((number, run?))).collect()
    }

    /// The findings of all shards together.
    #[must_use]
    pub fn sum_up(&self, runs: BTreeMap<u64, Option<String>>) -> FamilyFound {
        let seeds = runs.len() as u64;
        let failures = runs.into_iter();
        let failures =
            failures.filter_map(|(number, why)| Some((self.start.saturating_add(number), why?)));
        FamilyFound { seeds, failures: failures.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The hunt is not vacuous: it finds what a protocol without repair loses, and nothing in one
    /// with repair.
    #[test]
    fn a_flood_fails_and_a_repairing_protocol_does_not() {
        let found = |protocol| {
            let stop = &AtomicBool::new(false);
            let hunt = FamilyHunt { protocol, start: 0, seeds: 8, jobs: 1, stop };
            hunt.sum_up(hunt.run_shard(Shard::WHOLE, &|_, _| {}).unwrap())
        };
        assert!(found(Name::Flood).failures.len() > 3);
        assert_eq!(found(Name::AntiEntropy), FamilyFound { seeds: 8, failures: BTreeMap::new() });
    }

    #[test]
    fn a_counter_that_is_wrong_is_a_failure() {
        let is_counter = |seed: &u64| draw_workload(*seed) == &PN_COUNTER;
        let mut whys = (0..100).filter(is_counter).filter_map(|s| run(Name::Flood, s).unwrap());
        assert!(whys.any(|why| why.contains("nodes have a wrong sum")));
    }

    #[test]
    fn settings_of_any_seed_make_sense() {
        for seed in 0..200 {
            draw(Name::Flood, seed).check().unwrap();
        }
    }
}
