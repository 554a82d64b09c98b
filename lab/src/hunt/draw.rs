//! Swarm testing: each seed draws a whole configuration.
//!
//! Fault kinds are switched on and off as a whole, and sizes come from short lists with their
//! extremes in them: a cluster with everything a little wrong finds less than one with a single
//! thing badly wrong.

use rumormill::cluster::Name;
use rumormill::service::Workload;
use rumormill_judge::settings::faults::{
    ClockJump, Crash, Cut, FaultSettings, LatencyChange, Slow, Spell,
};
use rumormill_judge::topology::Topology::{Grid, Line, Total, Tree};
use rumormill_sim::dice::Dice;
use rumormill_sim::network::latency::Distribution;

use super::case::{Case, NEVER, Op};
use super::choice::{draw_config, pick, pick_event, some};
use super::unusual::Unusual;

/// Values that are broadcast now and then instead of integers.
const OTHER_VALUES: [&str; 8] = [
    "\"text\"",
    "null",
    "true",
    "1.5",
    "123456789012345678901234567890",
    "{\"k\":[1,{\"x\":null}]}",
    "[]",
    "\"\\u00e9\\n\\\"\"",
];

/// The case that a seed means.
#[must_use]
pub fn draw(seed: u64) -> Case {
    let mut dice = Dice::new(seed, "hunt");
    let dice = &mut dice;
    let nodes = match dice.below(100) {
        0..75 => 1 + dice.index(6),
        75..97 => 7 + dice.index(9),
        _ => 16 + dice.index(25),
    };
    let unusual = Unusual::draw(seed);
    let mut case = Unusual::begin(unusual, seed, nodes);
    let nodes = case.nodes.len();
    case.topology = pick(dice, &[Line, Grid, Tree(2), Tree(3), Tree(4), Total]);
    case.latency_ms = pick(dice, &[0, 1, 5, 10, 20, 50, 100, 200]);
    if case.latency_ms > 0 {
        let kinds = [Distribution::Constant, Distribution::Uniform, Distribution::Exponential];
        case.latency_dist = pick(dice, &kinds);
    }
    case.head_of_line = dice.chance(0.2);
    case.main_ms = 1_000 + dice.below(4_000);
    case.config = draw_config(dice);
    if dice.chance(0.85) {
        draw_network_faults(dice, &mut case);
        draw_node_faults(dice, &mut case);
    }
    if nodes > 1 && dice.chance(0.3) {
        let size = 1 + dice.index(nodes - 1);
        case.partitioned = some(dice, &case.nodes, size);
    } else if case.faults.crash.is_empty() && dice.chance(0.25) {
        case.config.sync_interval = NEVER;
        case.config.sync_interval_max = NEVER;
    }
    if let Some(unusual) = unusual {
        unusual.change(&mut case);
    }
    draw_ops(dice, &mut case);
    if let Some(unusual) = unusual {
        unusual.change_ops(&mut case);
    }
    case.workload = draw_workload(seed);
    draw_durability(&mut case);
    case
}

/// Durability has dice of its own, too. What a durable cluster is there for are crashes: of any nodes,
/// and now and then of all at once.
fn draw_durability(case: &mut Case) {
    let mut dice = Dice::new(case.seed, "hunt durability");
    let dice = &mut dice;
    if !dice.chance(0.25) {
        return;
    }
    case.faults.durable = true;
    case.faults.disk_sync_ms = Some(pick(dice, &[0, 1, 5, 5, 20, 100, 300]));
    case.segment_bytes = pick(dice, &[Some(200), Some(1_000), None]);
    let crash = |dice: &mut Dice, node: Name, at_ms: u64| Crash {
        node,
        at_ms,
        down_ms: Some(pick(dice, &[0, 1, 20, 200, 1_000])),
        forget_topology: dice.chance(0.2),
    };
    for _ in 0..dice.index(8) {
        let (node, at_ms) = pick_event(dice, case);
        case.faults.crash.push(crash(dice, node, at_ms));
    }
    for _ in 0..if dice.chance(0.3) { 1 + dice.index(2) } else { 0 } {
        let at_ms = dice.below(case.main_ms);
        let all = case.nodes.iter().map(|node| crash(dice, node.clone(), at_ms));
        case.faults.crash.extend(all);
    }
    draw_full_disks(case);
    case.need_digests();
}

/// Full disks have dice of their own as well.
fn draw_full_disks(case: &mut Case) {
    let mut dice = Dice::new(case.seed, "hunt full disks");
    let dice = &mut dice;
    if !dice.chance(0.3) {
        return;
    }
    for _ in 0..1 + dice.index(4) {
        let (node, at_ms) = pick_event(dice, case);
        let for_ms = pick(dice, &[1, 100, 500, 1_000, 3_000]);
        case.faults.disk_full.push(Spell { node, at_ms, for_ms });
    }
}

/// The workload has dice of its own: a seed means the same case as before there were workloads, but
/// for what the values are taken for.
fn draw_workload(seed: u64) -> Workload {
    match Dice::new(seed, "hunt workload").below(100) {
        0..70 => Workload::Broadcast,
        70..80 => Workload::GSet,
        80..91 => Workload::PnCounter,
        91..96 => Workload::GCounter,
        96..98 => Workload::UniqueIds,
        _ => Workload::Echo,
    }
}

fn draw_network_faults(dice: &mut Dice, case: &mut Case) {
    let mut faults = FaultSettings::default();
    let on = |dice: &mut Dice, rates: &[f64]| {
        let rate = pick(dice, rates);
        if dice.chance(0.4) { rate } else { 0.0 }
    };
    faults.loss = on(dice, &[0.01, 0.05, 0.1, 0.3, 0.6]);
    faults.duplicate = on(dice, &[0.01, 0.1, 0.5, 1.0]);
    faults.reorder = on(dice, &[0.01, 0.1, 0.5, 1.0]);
    if faults.reorder > 0.0 {
        faults.reorder_max_ms = pick(dice, &[1, 10, 100, 1_000]);
    }
    if dice.chance(0.2) {
        let count = 1 + dice.index(2.min(case.nodes.len()));
        let extra_ms = pick(dice, &[1, 20, 100, 500]);
        faults.slow = some(dice, &case.nodes, count)
            .into_iter()
            .map(|node| Slow { node, extra_ms, one_way: false })
            .collect();
    }
    if dice.chance(0.1) {
        let (at_ms, mean_ms) = (dice.below(case.main_ms), pick(dice, &[0, 20, 100, 500]));
        // Zero is only allowed for constant latencies.
        faults.latency.push(LatencyChange { at_ms, mean_ms: mean_ms.max(case.latency_ms.min(1)) });
    }
    if case.nodes.len() > 1 && dice.chance(0.5) {
        for _ in 0..=dice.index(3) {
            faults.cut.push(draw_cut(dice, &case.nodes, case.main_ms));
        }
    }
    case.faults = faults;
}

fn draw_cut(dice: &mut Dice, nodes: &[Name], main_ms: u64) -> Cut {
    let from_ms = dice.below(main_ms);
    let for_ms = pick(dice, &[50, 300, 1_000, 3_000]);
    let size = match dice.below(3) {
        0 => 1,
        1 => nodes.len() / 2,
        _ => 1 + dice.index(nodes.len() - 1),
    };
    let mut order = some(dice, nodes, nodes.len());
    if dice.chance(0.25) {
        // The node that stands first in the list is the hub of the route of that name.
        order.retain(|name| *name != nodes[0]);
        order.insert(0, nodes[0].clone());
    }
    let rest = order.split_off(size.max(1));
    // With some on neither side, connectivity is not transitive.
    let b = if dice.coin() { Vec::new() } else { some(dice, &rest, 1 + rest.len() / 2) };
    Cut {
        a: order,
        b,
        one_way: dice.chance(0.3),
        from_ms,
        until_ms: (!dice.chance(0.2)).then_some(from_ms + for_ms),
        flap_ms: dice.chance(0.2).then(|| pick(dice, &[5, 50, 500])),
    }
}

fn draw_node_faults(dice: &mut Dice, case: &mut Case) {
    let times = |dice: &mut Dice| if dice.chance(0.25) { 1 + dice.index(3) } else { 0 };
    for _ in 0..times(dice) {
        let (node, at_ms) = pick_event(dice, case);
        let for_ms = pick(dice, &[10, 100, 500, 3_000]);
        case.faults.pause.push(Spell { node, at_ms, for_ms });
    }
    for _ in 0..times(dice) {
        let (node, at_ms) = pick_event(dice, case);
        let by_ms = pick(dice, &[1, 100, 1_000, 20_000]);
        case.faults.clock_jump.push(ClockJump { node, at_ms, by_ms });
    }
    for _ in 0..times(dice) {
        let (node, at_ms) = pick_event(dice, case);
        let down_ms = (!dice.chance(0.15)).then(|| pick(dice, &[0, 20, 200, 1_000]));
        case.faults.crash.push(Crash { node, at_ms, down_ms, forget_topology: dice.coin() });
    }
}

fn draw_ops(dice: &mut Dice, case: &mut Case) {
    let count = match dice.below(10) {
        0..6 => 1 + dice.index(15),
        6..9 => 15 + dice.index(30),
        _ => 45 + dice.index(80),
    };
    let others = if dice.chance(0.3) { 0.2 } else { 0.0 };
    let repeats = if dice.chance(0.3) { 0.2 } else { 0.0 };
    let reads = pick(dice, &[0.1, 0.3, 0.5]);
    let bursts = dice.chance(0.3);
    let burst_at: Vec<u64> = (0..3).map(|_| dice.below(case.main_ms)).collect();
    let few = 1 + dice.index(case.nodes.len());
    let mut earlier: Vec<String> = Vec::new();
    for i in 0..count {
        let value = if dice.chance(others) {
            pick(dice, &OTHER_VALUES).to_owned()
        } else if dice.chance(repeats) && !earlier.is_empty() {
            earlier[dice.index(earlier.len())].clone()
        } else {
            i.to_string()
        };
        let is_read = dice.chance(reads);
        let at_ms = if bursts { pick(dice, &burst_at) } else { dice.below(case.main_ms) };
        let node = case.nodes[dice.index(few)].clone();
        earlier.extend((!is_read).then(|| value.clone()));
        case.op.push(Op { at_ms, node, broadcast: (!is_read).then_some(value) });
    }
    case.op.sort_by_key(|op| op.at_ms);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every kind is drawn, as a case that can be run and kept.
    #[test]
    fn every_unusual_thing_is_drawn_and_can_be_written_down() {
        let mut left = vec![
            Unusual::Large,
            Unusual::LongPauses,
            Unusual::Storm,
            Unusual::LargeValues,
            Unusual::OddNames,
            Unusual::OneWayDelays,
            Unusual::BackwardJumps,
            Unusual::MixedSettings,
            Unusual::Huge,
        ];
        for seed in 0..20_000 {
            let Some(drawn) = Unusual::draw(seed).filter(|drawn| left.contains(drawn)) else {
                continue;
            };
            left.retain(|kind| *kind != drawn);
            let case = draw(seed);
            let again = Case::parse(&case.to_toml().unwrap(), "case").unwrap();
            assert_eq!(again, case, "seed {seed}, {drawn:?}");
            let nodes = case.nodes.len();
            match drawn {
                Unusual::Large => assert!((41..=80).contains(&nodes)),
                Unusual::Huge => assert!(nodes > 1_024),
                Unusual::OddNames => {
                    assert!(case.nodes[0].len() > 1 && !case.nodes[0].starts_with("n0"));
                }
                Unusual::LongPauses => {
                    assert!(case.faults.pause.iter().any(|p| p.for_ms >= 60_000));
                }
                Unusual::Storm => assert!(case.faults.crash.len() >= 10),
                Unusual::OneWayDelays => assert!(case.faults.slow.iter().any(|slow| slow.one_way)),
                Unusual::BackwardJumps => {
                    assert!(case.faults.clock_jump.iter().any(|j| j.by_ms < 0));
                }
                Unusual::MixedSettings => assert!(case.other.is_some()),
                Unusual::LargeValues => {}
            }
        }
        assert_eq!(left, []);
    }
}
