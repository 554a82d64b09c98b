//! The largest settings that are run, checked before anything is allocated or started.
//!
//! Each bound is far beyond what a run is good for, and low enough that no file of settings takes
//! all memory or goes on for days. An error names the key, the value and the largest allowed.

use std::fmt::Display;

use anyhow::{Result, ensure};

use super::Settings;
use crate::settings::faults::FaultSettings;

/// Nodes: participants are numbered with 32 bits, and a million take gigabytes already.
pub(crate) const MAX_NODES: usize = 1_000_000;
/// Workers, of all nodes together.
const MAX_WORKERS: usize = 1_000_000;
/// Operations per second.
const MAX_RATE: f64 = 1_000_000.0;
/// Operations of a run. Each takes about 200 bytes until the run is checked.
const MAX_OPERATIONS: f64 = 20_000_000.0;
/// Length of any phase: 30 days.
const MAX_PHASE_MS: u64 = 30 * DAY_MS;
/// Any delay, pause or interval.
const MAX_DELAY_MS: u64 = DAY_MS;
/// Any jump of a clock: about 300 years, which is what 64 bits of nanoseconds have room for.
const MAX_JUMP_MS: u64 = 300 * 365 * DAY_MS;
/// Things that happen again and again by a timer: probes of a node, partitions, flaps of a link.
const MAX_REPEATS: f64 = 20_000_000.0;
/// Faults in a list, and nodes in one fault.
const MAX_LISTED: usize = 100_000;

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// Refuses a value above the largest.
pub(crate) fn at_most<T: Copy + PartialOrd + Display>(key: &str, value: T, max: T) -> Result<()> {
    ensure!(value <= max, "{key}: {value} is more than {max}, the largest allowed");
    Ok(())
}

/// Refuses a product of settings that would take too long or too much memory.
fn within_budget(keys: &str, count: f64, what: &str, max: f64) -> Result<()> {
    ensure!(count <= max, "{keys}: {count:.0} {what} are more than {max:.0}, the most of a run");
    Ok(())
}

/// Refuses counts of nodes and workers before any is made.
pub(crate) fn check_counts(nodes: usize, workers: usize) -> Result<()> {
    at_most("node-count", nodes, MAX_NODES)?;
    at_most("concurrency", workers, MAX_WORKERS)
}

/// Refuses settings beyond the bounds.
pub(super) fn check(settings: &Settings) -> Result<()> {
    check_counts(settings.nodes.len(), settings.concurrency)?;
    ensure!(
        (0.0..=MAX_RATE).contains(&settings.rate),
        "rate: {} is not a number from 0 to {MAX_RATE}, the largest allowed",
        settings.rate
    );
    at_most("time-limit, ms", settings.time_limit_ms, MAX_PHASE_MS)?;
    at_most("recovery, ms", settings.recovery.wait_ms, MAX_PHASE_MS)?;
    at_most("latency", settings.latency.mean_ms, MAX_DELAY_MS)?;
    at_most("init-timeout", settings.init_timeout_ms, MAX_DELAY_MS)?;
    at_most("rpc-timeout", settings.rpc_timeout_ms, MAX_DELAY_MS)?;
    let seconds = settings.time_limit_ms as f64 / 1e3;
    let operations = settings.rate * seconds;
    within_budget("rate and time-limit", operations, "operations", MAX_OPERATIONS)?;
    if let Some(probe_ms) = settings.probe_ms {
        at_most("probe", probe_ms, MAX_DELAY_MS)?;
        let phases_ms = settings.time_limit_ms.saturating_add(settings.recovery.wait_ms);
        let probes = phases_ms as f64 / probe_ms.max(1) as f64 * settings.nodes.len() as f64;
        within_budget("probe and time-limit", probes, "probes", MAX_REPEATS)?;
    }
    let intervals = [
        settings.nemesis.map(|nemesis| nemesis.interval_ms),
        settings.node_nemesis.map(|nemesis| nemesis.interval_ms),
    ];
    for interval_ms in intervals.into_iter().flatten() {
        at_most("nemesis-interval, ms", interval_ms, MAX_PHASE_MS)?;
        let actions = settings.time_limit_ms as f64 / interval_ms.max(1) as f64;
        within_budget("nemesis-interval and time-limit", actions, "actions", MAX_REPEATS)?;
    }
    check_faults(&settings.faults, settings.time_limit_ms)
}

fn check_faults(faults: &FaultSettings, time_limit_ms: u64) -> Result<()> {
    let lists = [
        ("slow", faults.slow.len()),
        ("cut", faults.cut.len()),
        ("latency", faults.latency.len()),
        ("pause", faults.pause.len()),
        ("clock-jump", faults.clock_jump.len()),
        ("disk-full", faults.disk_full.len()),
        ("crash", faults.crash.len()),
    ];
    for (key, length) in lists {
        at_most(&format!("faults.{key}, entries"), length, MAX_LISTED)?;
    }
    for cut in &faults.cut {
        at_most("faults.cut, nodes", cut.a.len().max(cut.b.len()), MAX_LISTED)?;
        if let Some(flap_ms) = cut.flap_ms {
            let until_ms = cut.until_ms.unwrap_or(time_limit_ms).min(time_limit_ms);
            let length_ms = until_ms.saturating_sub(cut.from_ms);
            let flaps = length_ms as f64 / flap_ms.max(1) as f64;
            within_budget("faults.cut.flap-ms", flaps, "changes of a link", MAX_REPEATS)?;
        }
    }
    let delays = [
        ("reorder-max-ms", faults.reorder_max_ms),
        ("pause-max-ms", faults.pause_max_ms),
        ("clock-jump-max-ms", faults.clock_jump_max_ms),
        ("crash-max-ms", faults.crash_max_ms),
        ("disk-sync-ms", faults.disk_sync_ms.unwrap_or_default()),
    ];
    let slow = faults.slow.iter().map(|slow| ("slow.extra-ms", slow.extra_ms));
    let latency = faults.latency.iter().map(|change| ("latency.mean-ms", change.mean_ms));
    let jumps = faults.clock_jump.iter();
    let jumps = jumps.map(|jump| ("clock-jump.by-ms", jump.by_ms.unsigned_abs()));
    for (key, value) in delays.into_iter().chain(slow).chain(latency) {
        at_most(&format!("faults.{key}"), value, MAX_DELAY_MS)?;
    }
    for (key, value) in jumps {
        at_most(&format!("faults.{key}"), value, MAX_JUMP_MS)?;
    }
    let pauses = faults.pause.iter().map(|pause| pause.for_ms);
    let full = faults.disk_full.iter().map(|full| full.for_ms);
    let crashes = faults.crash.iter().filter_map(|crash| crash.down_ms);
    for length_ms in pauses.chain(full).chain(crashes) {
        at_most("faults.pause, disk-full and crash, ms", length_ms, MAX_PHASE_MS)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::*;
    use super::*;

    fn error_of(change: impl FnOnce(&mut Settings)) -> String {
        let mut settings = Settings::with_nodes(3);
        change(&mut settings);
        settings.check().unwrap_err().to_string()
    }

    #[test]
    fn absurd_settings_are_refused_with_key_value_and_bound() {
        let rate = error_of(|s| s.rate = 1e18);
        assert!(
            rate.starts_with("rate: 1000000000000000000") && rate.contains("1000000,"),
            "{rate}"
        );
        assert!(error_of(|s| s.rate = f64::NAN).starts_with("rate: NaN"));
        assert!(error_of(|s| s.time_limit_ms = u64::MAX).starts_with("time-limit"));
        assert!(error_of(|s| s.recovery.wait_ms = u64::MAX).starts_with("recovery"));
        assert!(error_of(|s| s.latency.mean_ms = u64::MAX).starts_with("latency: 1844"));
        assert!(error_of(|s| s.concurrency = usize::MAX).starts_with("concurrency: 1844"));
        let budget = error_of(|s| (s.rate, s.time_limit_ms) = (1e6, 3_600_000));
        assert!(budget.contains("3600000000 operations are more than 20000000"), "{budget}");
        let probes = error_of(|s| (s.probe_ms, s.time_limit_ms) = (Some(1), 86_400_000));
        assert!(probes.contains("probes are more than"), "{probes}");
        let flaps = error_of(|s| {
            s.time_limit_ms = MAX_PHASE_MS;
            s.rate = 0.0;
            let toml = "cut = [{ a = ['n1'], flap-ms = 1 }]";
            s.faults = FaultSettings::from_toml(toml).unwrap();
        });
        assert!(flaps.starts_with("faults.cut.flap-ms: 2592000000 changes"), "{flaps}");
    }
}
