//! Choices from lists, by dice: what all that draws a case shares.

use rumormill::cluster::Name;
use rumormill::config::Choice as _;
use rumormill::protocols::rumormill::route::Route;
use rumormill_sim::dice::Dice;

use super::case::NodeConfig;

/// The settings of a node.
pub(super) fn draw_config(dice: &mut Dice) -> NodeConfig {
    let sync_interval_ms = pick(dice, &[50, 200, 500, 2_000]);
    let probe_min_ms = pick(dice, &[1, 20, 100, 500]);
    NodeConfig {
        route: pick(dice, Route::ALL),
        latency_budget_ms: pick(dice, &[0, 20, 100, 300, 300, 600, 1_000, 2_000]),
        window_ms: dice.chance(0.25).then(|| pick(dice, &[0, 1, 20, 100, 500])),
        rtt_initial_ms: pick(dice, &[0, 20, 200, 200, 1_000]),
        ack_delay_ms: pick(dice, &[0, 10, 100, 1_000, 1_000, 3_000]),
        sync_interval_ms,
        sync_interval_max_ms: sync_interval_ms.max(pick(dice, &[500, 2_000, 10_000, 30_000])),
        retry_initial_ms: pick(dice, &[1, 50, 200, 1_000, 1_000, 3_000]),
        probe_min_ms,
        probe_max_ms: probe_min_ms.max(pick(dice, &[100, 1_000, 10_000])),
        batch_entries_max: pick(dice, &[1, 2, 5, 100, 5_000, 5_000]),
        batch_bytes_max: pick(dice, &[1, 16, 100, 1 << 20, 1 << 20]),
    }
}

/// One of a list.
pub(super) fn pick<T: Copy>(dice: &mut Dice, list: &[T]) -> T {
    list[dice.index(list.len())]
}

/// One of the names.
pub(super) fn pick_name(dice: &mut Dice, names: &[Name]) -> Name {
    names[dice.index(names.len())].clone()
}

/// Draws `count` of the names, each once.
pub(super) fn some(dice: &mut Dice, names: &[Name], count: usize) -> Vec<Name> {
    let mut order = names.to_vec();
    dice.shuffle(&mut order);
    order.truncate(count);
    order
}
