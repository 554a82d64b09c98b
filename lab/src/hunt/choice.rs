//! Choices from lists, by dice: what all that draws a case shares.

use std::time::Duration;

use rumormill::cluster::Name;
use rumormill::config::Choice as _;
use rumormill::protocols::rumormill::config::Config;
use rumormill::protocols::rumormill::route::Route;
use rumormill_sim::dice::Dice;

use super::case::Case;

/// The settings of a node.
pub(super) fn draw_config(dice: &mut Dice) -> Config {
    let shortest = Config {
        sync_interval: pick_ms(dice, &[50, 200, 500, 2_000]),
        probe_min: pick_ms(dice, &[1, 20, 100, 500]),
        ..Config::default()
    };
    Config {
        route: pick(dice, Route::ALL),
        latency_budget: pick_ms(dice, &[0, 20, 100, 300, 300, 600, 1_000, 2_000]),
        window: dice.chance(0.25).then(|| pick_ms(dice, &[0, 1, 20, 100, 500])),
        rtt_initial: pick_ms(dice, &[0, 20, 200, 200, 1_000]),
        ack_delay: pick_ms(dice, &[0, 10, 100, 1_000, 1_000, 3_000]),
        sync_interval_max: pick_ms(dice, &[500, 2_000, 10_000, 30_000]).max(shortest.sync_interval),
        retry_initial: pick_ms(dice, &[1, 50, 200, 1_000, 1_000, 3_000]),
        probe_max: pick_ms(dice, &[100, 1_000, 10_000]).max(shortest.probe_min),
        batch_entries_max: pick(dice, &[1, 2, 5, 100, 5_000, 5_000]),
        batch_bytes_max: pick(dice, &[1, 16, 100, 1 << 20, 1 << 20]),
        ..shortest
    }
}

/// One of a list of times in milliseconds.
fn pick_ms(dice: &mut Dice, list: &[u64]) -> Duration {
    Duration::from_millis(pick(dice, list))
}

/// One of a list.
pub(super) fn pick<T: Copy>(dice: &mut Dice, list: &[T]) -> T {
    list[dice.index(list.len())]
}

/// One of the names.
pub(super) fn pick_name(dice: &mut Dice, names: &[Name]) -> Name {
    names[dice.index(names.len())].clone()
}

/// A node of the case, and a time of its main phase.
pub(super) fn pick_event(dice: &mut Dice, case: &Case) -> (Name, u64) {
    (pick_name(dice, &case.nodes), dice.below(case.main_ms))
}

/// Draws `count` of the names, each once.
pub(super) fn some(dice: &mut Dice, names: &[Name], count: usize) -> Vec<Name> {
    let mut order = names.to_vec();
    dice.shuffle(&mut order);
    order.truncate(count);
    order
}
