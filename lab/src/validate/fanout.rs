//! Fixed fanout: repeat, infect-and-die, Kermarrec's bound, and Serf's simulator.

use rumormill::protocols::rumor::{Config, Interest, Judge, Loss, Mode, Rumor};
use rumormill::protocols::swim::retransmit_limit;

use super::check::{Cell, Effort, Tolerance};
use crate::spread::cycles::{Order, World};
use crate::spread::model::{self, Direction};
use crate::spread::rumour::{Run, Until, mean, runs};

const NODES: u32 = 1_000;

fn push(fanout: usize) -> Config {
    Config { mode: Mode::Push, judge: Judge::Start, backup: 0, fanout, ..Config::default() }
}

fn infect_once(effort: &Effort, fanout: usize) -> Vec<Run> {
    let config = Config { loss: Loss::Blind, k: 1, ..push(fanout) };
    let world = effort.world(NODES, Order::Snapshot);
    runs::<Rumor>(&world, &config, Until::Silence, effort.runs(2_000), effort.jobs)
}

pub(super) fn repeat(effort: &Effort) -> Vec<Cell> {
    let config = Config { interest: Interest::Forever, ..push(3) };
    let mut cells = Vec::new();
    for (loss, words, known, last) in [
        (0.0, "no loss", ["4", "15.8", "61.4", "219.5", "597", "932", "996", "999.8"], "8.15"),
        (0.1, "10 % loss", ["3.7", "13.9", "50", "172", "476", "851", "984", "998.8"], "8.8"),
    ] {
        let world = World { loss, ..effort.world(NODES, Order::Snapshot) };
        let count = effort.runs(2_000);
        let found = runs::<Rumor>(&world, &config, Until::Everywhere(100), count, effort.jobs);
        let model = model::epidemic(f64::from(NODES), 3.0, Direction::Push, 1.0 - loss);
        for (round, recomputed) in (1..).zip(known) {
            let ours = mean(found.iter().map(|run| run.known_after(round) as f64));
            let name = format!("{words}: nodes that know after round {round}");
            let cell = Cell::recomputed(name, recomputed, ours, Tolerance::Share(0.01));
            cells.push(
                cell.with_model(model.get(round).map_or_else(|| f64::from(NODES), |known| *known)),
            );
        }
        let ours = mean(found.iter().map(Run::last));
        let name = format!("{words}: round in which the last one learns it");
        cells.push(Cell::recomputed(name, last, ours, Tolerance::Share(0.01)));
    }
    cells
}

pub(super) fn infect_and_die(effort: &Effort) -> Vec<Cell> {
    let mut cells = Vec::new();
    for (fanout, reach, deepest) in [
        (2, "798.5", "16.5"),
        (3, "941.7", "10.5"),
        (4, "979.6", "8.3"),
        (5, "993.1", "7.0"),
        (6, "997.4", "6.1"),
    ] {
        let found = infect_once(effort, fanout);
        let name = |figure: &str| format!("fanout {fanout}: {figure}");
        let reached = mean(found.iter().map(|run| run.reached() as f64));
        let cell = Cell::recomputed(name("nodes reached"), reach, reached, Tolerance::Share(0.01));
        cells.push(cell.with_model(f64::from(NODES) * model::final_size(fanout as f64)));
        let last = mean(found.iter().map(Run::last));
        cells.push(Cell::recomputed(name("deepest hop"), deepest, last, Tolerance::Share(0.02)));
        let per_reached = mean(found.iter().map(|run| run.copies as f64 / run.reached() as f64));
        let copies = name("messages per node reached");
        cells.push(Cell::modelled(copies, fanout as f64, per_reached, Tolerance::Share(1e-9)));
    }
    cells
}

pub(super) fn kermarrec(effort: &Effort) -> Vec<Cell> {
    let mut cells = Vec::new();
    for (fanout, recomputed) in [(7, ".427"), (8, ".727"), (9, ".890"), (10, ".960")] {
        let found = infect_once(effort, fanout);
        let all = mean(found.iter().map(|run| f64::from(run.reached() == u64::from(NODES))));
        let c = fanout as f64 - f64::from(NODES).ln();
        let limit = (-(-c).exp()).exp();
        let name = format!("fanout {fanout}: probability that all are reached");
        let cell = Cell::recomputed(name, recomputed, all, Tolerance::Absolute(0.005));
        cells.push(cell.with_model(limit));
    }
    cells
}

pub(super) fn serf(effort: &Effort) -> Vec<Cell> {
    let mut cells = Vec::new();
    for (nodes, fanout, loss, failed, points) in [
        (30.0, 3.0, 0.0, 0.0, &[(0, ".0312"), (1, ".1263"), (2, ".3932"), (5, ".9831")][..]),
        (30.0, 3.0, 0.1, 0.1, &[(1, ".0981"), (2, ".2682"), (5, ".9335"), (8, ".9981")]),
        (1_000.0, 3.0, 0.0, 0.0, &[(1, ".0045"), (5, ".6437"), (8, ".9939"), (10, ".9997")]),
        (1_000.0, 4.0, 0.05, 0.02, &[(1, ".0064"), (2, ".0397"), (5, ".9169"), (8, ".9997")]),
    ] {
        for (time, published) in points {
            let ours = model::serf(nodes, fanout, loss, failed, f64::from(*time));
            let name = format!(
                "formula, n = {nodes}, fanout {fanout}, loss {loss}, failed {failed}, t = {time}"
            );
            // .03125 was published as .0312.
            let half_up = if *time == 0 { ours - 1e-6 } else { ours };
            cells.push(Cell { ours, ..Cell::formula(name, published, half_up) });
        }
    }
    let k = retransmit_limit(4, NODES as usize) as usize;
    let config = Config { loss: Loss::Blind, k, ..push(3) };
    let world = effort.world(NODES, Order::Snapshot);
    let found = runs::<Rumor>(&world, &config, Until::Silence, effort.runs(500), effort.jobs);
    for time in [1, 2, 3, 4, 5, 6, 8, 10] {
        let share = mean(found.iter().map(|run| run.known_after(time) as f64 / f64::from(NODES)));
        let curve = model::serf(f64::from(NODES), 3.0, 0.0, 0.0, time as f64);
        let name = format!("simulated beside the formula, n = 1000, fanout 3, t = {time}");
        cells.push(Cell::modelled(name, curve, share, Tolerance::Share(0.1)).compared());
    }
    cells
}
