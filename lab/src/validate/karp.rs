//! Karp et al. 2000: the median counter, as `sn_gossip` published it.

use rumormill::protocols::median_counter::{Config, MedianCounter};

use super::check::{Cell, Effort, Tolerance};
use crate::spread::cycles::Order;
use crate::spread::rumour::{Run, Until, mean, runs};

pub(super) fn table(effort: &Effort) -> Vec<Cell> {
    let mut cells = Vec::new();
    for (nodes, full, missed, rounds, copies) in [
        (20, 4_000, ".072 %", "6", "85"),
        (200, 1_000, ".004 %", "9", "1377"),
        (2_000, 400, "0 %", "13", "23736"),
        (5_000, 100, "0 %", "14", "59865"),
        (10_000, 50, "0 %", "14", "119830"),
    ] {
        let world = effort.world(nodes, Order::Immediate);
        let (config, count) = (Config::default(), effort.runs(full));
        let found = runs::<MedianCounter>(&world, &config, Until::Silence, count, effort.jobs);
        let name = |figure: &str| format!("n = {nodes}: {figure}");
        let share = mean(found.iter().map(|run| 100.0 * run.residue(nodes)));
        cells.push(if nodes == 20 {
            Cell::not_reproducible(name("missed, %"), missed, share)
        } else {
            Cell::published(name("missed, %"), missed, share, Tolerance::Absolute(0.005))
        });
        let silent = mean(found.iter().map(Run::cycles));
        cells.push(Cell::published(name("rounds"), rounds, silent, Tolerance::Absolute(0.5)));
        let sent = mean(found.iter().map(|run| run.copies as f64));
        cells.push(Cell::published(name("full copies"), copies, sent, Tolerance::Share(0.1)));
    }
    cells
}
