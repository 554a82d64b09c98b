//! The phi detector and van Renesse's heartbeats.

use std::time::Duration;

use rumormill::gossip::phi::normal;
use rumormill::id::NodeId;
use rumormill::protocol::{Effects, Protocol as _};
use rumormill::protocols::heartbeat::phi::{self, PhiGossip};
use rumormill::protocols::heartbeat::{self, HeartbeatGossip};
use rumormill_sim::dice::Dice;

use super::check::{Cell, Effort, Tolerance};
use crate::parallel::in_parallel;
use crate::spread::asynchronous::{run_for, running};
use crate::spread::cycles::{Order, World};
use crate::spread::model::HeartbeatSpread;
use crate::spread::rumour::{Mean, mean};

/// Means of the interval from the last heartbeat to the verdict, with two nodes.
fn means_to_failure(effort: &Effort, config: &phi::Config) -> Mean {
    let found = in_parallel(effort.runs(100), effort.jobs, |run| {
        let world = World { run, ..effort.world(2, Order::Snapshot) };
        // Long enough to drive the first guess out of the window.
        let mut sim = running::<PhiGossip>(&world, config, 1, config.period * 1_200);
        let (watcher, victim, step) = (NodeId(0), NodeId(1), Duration::from_millis(1));
        let before = sim.protocol(watcher).heartbeat(victim);
        while sim.protocol(watcher).heartbeat(victim) == before {
            run_for(&mut sim, step);
        }
        let last = sim.clock(watcher);
        sim.crash(victim, &mut ());
        while sim.protocol(watcher).is_alive(victim, sim.clock(watcher)) {
            run_for(&mut sim, step);
        }
        sim.clock(watcher).since(last).as_secs_f64() / config.period.as_secs_f64()
    });
    mean(found.into_iter())
}

pub(super) fn phi(effort: &Effort) -> Vec<Cell> {
    let ln10 = std::f64::consts::LN_10;
    let mut cells = vec![Cell::formula("φ = 8: t / mean = 8 ln 10", "18.42", 8.0 * ln10)];
    for threshold in [1, 5, 8] {
        let config = phi::Config { threshold, ..phi::Config::default() };
        let ours = means_to_failure(effort, &config);
        let model = threshold as f64 * ln10;
        let name = format!("φ = {threshold}: intervals from the last heartbeat to the verdict");
        let cell = Cell::modelled(name, model, ours, Tolerance::Share(0.01));
        let published = (threshold == 8).then(|| "18.42".to_owned());
        cells.push(Cell { published, ..cell });
    }
    for (phi_value, deviations, published) in
        [(1, 1.281_552, "0.1"), (2, 2.326_348, "0.01"), (3, 3.090_232, "0.001")]
    {
        let ours = 10_f64.powf(-normal(deviations, 0.0, 1.0));
        let name = format!("φ = {phi_value}, normal tail: probability of a mistake");
        cells.push(Cell::formula(name, published, ours));
    }
    cells
}

/// Rounds, in each of which one random member of `nodes` gossips, until all live ones know a heartbeat.
/// One member has crashed.
fn rounds_to_all(effort: &Effort, nodes: u32, run: u64) -> f64 {
    let config = heartbeat::Config {
        fail_after: Duration::from_secs(1_000_000_000),
        // One seed: with several, groups could form that never hear of each other.
        seeds: 1,
        seed_every: 0,
        ..heartbeat::Config::default()
    };
    let world = World { run, ..effort.world(nodes, Order::Snapshot) };
    let warm = running::<HeartbeatGossip>(&world, &config, 1, config.period * 60);
    let mut members: Vec<HeartbeatGossip> = warm.protocols().cloned().collect();
    let mut dice = Dice::numbered(effort.seed, "rounds", run);
    let mut now = warm.clock(NodeId(0));
    let mut out = Effects::default();
    let dead = nodes - 1;
    // Member 0 has just raised its counter.
    let mut gossip = |members: &mut [HeartbeatGossip], node: u32, is_round: bool| {
        now = now.after(config.period * 2);
        members[node as usize].on_timeout(now, &mut out);
        for (to, message) in out.drain_sends().collect::<Vec<_>>() {
            if is_round && to.0 != dead {
                let mut answers = Effects::default();
                members[to.0 as usize].on_message(now, NodeId(node), message, &mut answers);
            }
        }
    };
    gossip(&mut members, 0, false);
    let target = members[0].own_heartbeat();
    let mut rounds = 0;
    loop {
        let knows = |member: &HeartbeatGossip| {
            member.heartbeat(NodeId(0)).is_some_and(|known| known >= target)
        };
        if members[1..dead as usize].iter().all(knows) {
            return f64::from(rounds);
        }
        rounds += 1;
        let node = dice.index(nodes as usize) as u32;
        // The crashed member's turn passes.
        if node != dead {
            gossip(&mut members, node, true);
        }
    }
}

/// T_fail by the paper's recurrence: T_gossip = 8n/B seconds with B = 250 bytes per second, shared by n
/// members.
pub(super) fn seconds_to_fail(nodes: usize, mistake: f64) -> f64 {
    HeartbeatSpread::new(nodes, 1, 1.0).rounds_until(mistake) as f64 * 8.0 / 250.0
}

pub(super) fn heartbeat(effort: &Effort) -> Vec<Cell> {
    let mut cells = Vec::new();
    for (nodes, seconds) in [
        (10, ["5.3", "7.9", "10.4"]),
        (20, ["11.9", "16.8", "21.5"]),
        (50, ["34.1", "46.0", "57.7"]),
        (100, ["74.9", "98.5", "121.7"]),
        (200, ["163", "210", "256"]),
    ] {
        for (mistake, recomputed) in [1e-3, 1e-6, 1e-9].into_iter().zip(seconds) {
            let ours = Mean { mean: seconds_to_fail(nodes, mistake), deviation: 0.0, count: 0 };
            let name = format!("recurrence: T_fail, n = {nodes}, mistakes {mistake:e}, s");
            let recomputed = format!("{recomputed} (recomputed; the paper has the graph)");
            cells.push(Cell::published(name, &recomputed, ours, Tolerance::Share(0.005)));
        }
    }
    for nodes in [10_u32, 50] {
        let count = effort.runs(1_000);
        let found = in_parallel(count, effort.jobs, |run| rounds_to_all(effort, nodes, run));
        let (n, live) = (f64::from(nodes), nodes - 1);
        let expected = |k: u32| {
            let k = f64::from(k);
            1.0 / (k / n * ((n - 1.0 - k) / (n - 1.0)))
        };
        let model: f64 = (1..live).map(expected).sum();
        let name = format!("n = {nodes}, one crashed: mean rounds until all know a heartbeat");
        let ours = mean(found.into_iter());
        cells.push(Cell::modelled(name, model, ours, Tolerance::Share(0.01)));
    }
    cells
}
