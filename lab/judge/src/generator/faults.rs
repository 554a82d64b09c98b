//! Faults of nodes: what is going to happen to which, and when.

use rumormill::id::NodeId;
use rumormill_sim::dice::Dice;
use rumormill_sim::{MS, Nanos, NodeFault, NodeFaultKind};

use crate::settings::Settings;
use crate::settings::faults::FaultSettings;

/// All faults of nodes, by time from the start of the main phase.
///
/// Everything is rolled beforehand, each kind with dice of its own: what comes of one kind never
/// moves another.
#[must_use]
pub fn schedule(settings: &Settings) -> Vec<(Nanos, NodeFault)> {
    let mut schedule = scripted(settings);
    schedule.extend(random(settings));
    // Stable: what is due at the same time stays in the order above.
    schedule.sort_by_key(|(at, _)| *at);
    schedule
}

/// The faults that the settings name one by one, in no order.
#[must_use]
pub fn scripted(settings: &Settings) -> Vec<(Nanos, NodeFault)> {
    let FaultSettings { pause, clock_jump, disk_full, crash, .. } = &settings.faults;
    let pauses = pause.iter().map(|pause| {
        (&pause.node, pause.at_ms, NodeFaultKind::Pause(pause.for_ms.saturating_mul(MS)))
    });
    let jumps = clock_jump.iter().map(|jump| {
        let by = jump.by_ms.saturating_mul(MS.cast_signed());
        (&jump.node, jump.at_ms, NodeFaultKind::ClockJump(by))
    });
    let full = disk_full.iter().map(|full| {
        (&full.node, full.at_ms, NodeFaultKind::FillDisk(full.for_ms.saturating_mul(MS)))
    });
    let crashes = crash.iter().map(|crash| {
        let down = crash.down_ms.map(|ms| ms.saturating_mul(MS));
        let kind = NodeFaultKind::Crash { down, forget_topology: crash.forget_topology };
        (&crash.node, crash.at_ms, kind)
    });
    pauses
        .chain(jumps)
        .chain(full)
        .chain(crashes)
        .filter_map(|(name, at_ms, kind)| {
            let node = settings.nodes.iter().position(|node| node == name)?;
            // Checked with the settings: there are far fewer than 2^32 nodes.
            let node = NodeId(node as u32);
            Some((at_ms.saturating_mul(MS), NodeFault { node, kind }))
        })
        .collect()
}

fn random(settings: &Settings) -> Vec<(Nanos, NodeFault)> {
    let faults = &settings.faults;
    let mut schedule = Vec::new();
    let mut draw = |rate: f64, concern: &str, kind: &dyn Fn(&mut Dice) -> NodeFaultKind| {
        if rate <= 0.0 {
            return;
        }
        let mut dice = Dice::new(settings.seed, concern);
        let end = settings.time_limit_ms.saturating_mul(MS);
        let mut at = 0;
        loop {
            // Exponential gaps: independent of each other, so that faults overlap.
            let gap = -(1.0 - dice.unit()).ln() / rate * 1e9;
            at += gap as Nanos;
            if at >= end {
                return;
            }
            let node = NodeId(dice.index(settings.nodes.len()) as u32);
            schedule.push((at, NodeFault { node, kind: kind(&mut dice) }));
        }
    };
    let up_to = |dice: &mut Dice, max_ms: u64| (1 + dice.below(max_ms)).saturating_mul(MS);
    draw(faults.pause_rate, "pauses", &|dice| {
        NodeFaultKind::Pause(up_to(dice, faults.pause_max_ms))
    });
    draw(faults.clock_jump_rate, "clock jumps", &|dice| {
        let forward = dice.coin();
        let by = up_to(dice, faults.clock_jump_max_ms).cast_signed();
        NodeFaultKind::ClockJump(if forward { by } else { -by })
    });
    draw(faults.crash_rate, "crashes", &|dice| NodeFaultKind::Crash {
        down: Some(up_to(dice, faults.crash_max_ms)),
        forget_topology: dice.chance(faults.crash_forget),
    });
    schedule
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(toml: &str) -> Settings {
        let faults = FaultSettings::from_toml(toml).unwrap();
        let settings = Settings { faults, time_limit_ms: 20_000, ..Settings::with_nodes(5) };
        settings.check().unwrap();
        settings
    }

    #[test]
    fn scripted_faults_come_by_time() {
        let toml = "
            pause = [{ node = 'n1', at-ms = 50, for-ms = 5 }]
            clock-jump = [{ node = 'n2', at-ms = 10, by-ms = -7 }]
            durable = true
            disk-full = [{ node = 'n3', at-ms = 30, for-ms = 9 }]
            crash = [{ node = 'n0', at-ms = 20 }]";
        let kinds: Vec<_> = schedule(&settings(toml))
            .into_iter()
            .map(|(at, fault)| (at / MS, fault.node.0, fault.kind))
            .collect();
        let crash = NodeFaultKind::Crash { down: None, forget_topology: false };
        assert_eq!(
            kinds,
            [
                (10, 2, NodeFaultKind::ClockJump(-7_000_000)),
                (20, 0, crash),
                (30, 3, NodeFaultKind::FillDisk(9_000_000)),
                (50, 1, NodeFaultKind::Pause(5_000_000)),
            ]
        );
    }

    #[test]
    fn one_kind_does_not_move_another() {
        let pauses = "pause-rate = 2.0\npause-max-ms = 100\n";
        let crashes = "crash-rate = 1.0\ncrash-max-ms = 100\n";
        let alone = schedule(&settings(pauses));
        let both = schedule(&settings(&format!("{pauses}{crashes}")));
        let is_pause = |fault: &NodeFault| matches!(fault.kind, NodeFaultKind::Pause(_));
        let of_both: Vec<_> = both.iter().filter(|(_, fault)| is_pause(fault)).copied().collect();
        assert_eq!(alone, of_both);
        assert!((20..60).contains(&alone.len()), "{}", alone.len());
        assert!((8..35).contains(&(both.len() - alone.len())));
    }

    #[test]
    fn rates_want_a_length() {
        let toml = "pause-rate = 1.0";
        let settings =
            Settings { faults: FaultSettings::from_toml(toml).unwrap(), ..Settings::with_nodes(3) };
        assert!(settings.check().unwrap_err().to_string().contains("pause-max-ms"));
    }
}
