//! SWIM, Lifeguard and memberlist.

use std::time::Duration;

use rumormill::gossip::Switch;
use rumormill::id::NodeId;
use rumormill::protocols::swim::{
    Config, Kind, Liveness, Message, ProbeOrder, Swim, push_pull_scale, retransmit_limit,
    suspicion_timeout, suspicion_timeout_of,
};
use rumormill_sim::{Bare, Sim};

use super::check::{Cell, Effort, Tolerance};
use crate::parallel::in_parallel;
use crate::spread::asynchronous::{run_for, running};
use crate::spread::cycles::{Blind, Cycles, Observer, Order, World};
use crate::spread::model;
use crate::spread::rumour::{Mean, mean};

const SECOND: Duration = Duration::from_secs(1);

/// Counts pings by target, and all messages of probes.
struct Pings {
    pinged: Vec<bool>,
    messages: u64,
}

impl Observer<Message> for Pings {
    fn on_send(&mut self, _: NodeId, to: NodeId, message: &Message) {
        if message.kind == Kind::Ping {
            self.pinged[to.0 as usize] = true;
        }
        self.messages += u64::from(matches!(message.kind, Kind::Ping | Kind::Ack));
    }

    fn on_deliver(&mut self, _: NodeId, _: NodeId) {}
}

/// Periods from a random moment to the first ping of a node, for every node and every period, and messages
/// per member and period.
fn periods_to_first_ping(effort: &Effort, nodes: u32, periods: usize) -> (Mean, Mean) {
    let config = Config { probe_order: ProbeOrder::Random, ..Config::default() };
    let world = effort.world(nodes, Order::Snapshot);
    let mut cycles = Cycles::<Swim>::new(&world, &config, config.period);
    // They meet first.
    (0..60).for_each(|_| cycles.run_cycle(&mut Blind));
    let mut pinged_in: Vec<Vec<bool>> = Vec::new();
    let mut messages = Vec::new();
    for _ in 0..periods {
        let mut pings = Pings { pinged: vec![false; nodes as usize], messages: 0 };
        cycles.run_cycle(&mut pings);
        messages.push(pings.messages as f64 / f64::from(nodes));
        pinged_in.push(pings.pinged);
    }
    let mut waits = Vec::new();
    for node in 0..nodes as usize {
        let mut next: Option<u32> = None;
        for pinged in pinged_in.iter().rev() {
            next = if pinged[node] { Some(1) } else { next.map(|wait| wait + 1) };
            waits.extend(next.map(f64::from));
        }
    }
    let Mean { mean: waited, deviation, .. } = mean(waits.into_iter());
    // Neighbouring periods wait for the same ping: one independent sample per ping.
    let count = u64::from(nodes) * periods as u64 / 3;
    (Mean { mean: waited, deviation, count }, mean(messages.into_iter()))
}

pub(super) fn first_detection(effort: &Effort) -> Vec<Cell> {
    let e = std::f64::consts::E;
    let mut cells = vec![Cell::formula("large n: e/(e-1)", "1.582", e / (e - 1.0))];
    for (nodes, published, periods) in
        [(8, "1.515", 20_000), (55, "1.573", 8_000), (220, "1.580", 1_000)]
    {
        let (waited, messages) =
            periods_to_first_ping(effort, nodes, effort.runs(periods) as usize);
        let name = format!("n = {nodes}: periods until a failed member is first probed");
        let cell = Cell::published(name, published, waited, Tolerance::Share(0.005));
        cells.push(cell.with_model(model::first_detection(f64::from(nodes))));
        let name = format!("n = {nodes}: pings and acks sent per member and period");
        cells.push(Cell::published(name, "2.0", messages, Tolerance::Share(0.01)));
    }
    cells
}

/// Members that know each other, in asynchronous time. No message is lost so far.
fn members(world: &World, config: &Config) -> Sim<Bare<Swim>> {
    running(world, config, 1, SECOND * 60)
}

pub(super) fn false_detection(effort: &Effort) -> Vec<Cell> {
    let mut cells = Vec::new();
    for (delivery, k, published, probes) in [
        (0.99, 0, "3.1e-2", 200_000),
        (0.99, 1, "1.24e-3", 600_000),
        (0.95, 0, ".154", 50_000),
        (0.95, 1, ".0286", 100_000),
        (0.95, 3, "9.8e-4", 600_000),
        (0.90, 0, ".30", 50_000),
        (0.90, 1, ".103", 50_000),
        (0.90, 3, ".0122", 100_000),
    ] {
        // Suspicion keeps members that are taken for failed in the group.
        let config =
            Config { probe_order: ProbeOrder::Random, k, suspicion_mult: 10, ..Config::default() };
        let nodes = 50;
        let jobs = 10;
        let seconds = effort.runs(probes) / (u64::from(nodes) * jobs);
        let counts = in_parallel(jobs, effort.jobs, |run| {
            let world = World { run, loss: 1.0 - delivery, ..effort.world(nodes, Order::Snapshot) };
            let mut sim = members(&world, &config);
            let count = |sim: &Sim<Bare<Swim>>| {
                let counters = sim.protocols().map(Swim::counters);
                counters.fold((0, 0), |(all, failed), counters| {
                    (all + counters.probes, failed + counters.failed_probes)
                })
            };
            let now = sim.now();
            sim.medium_mut().network_mut().conditions_mut().start_faults(now);
            run_for(&mut sim, SECOND * 3);
            let before = count(&sim);
            run_for(&mut sim, SECOND * seconds.max(5) as u32);
            let after = count(&sim);
            (after.0 - before.0, after.1 - before.1)
        });
        let (all, failed) =
            counts.iter().fold((0, 0), |sum, count| (sum.0 + count.0, sum.1 + count.1));
        let share = failed as f64 / all as f64;
        let e = std::f64::consts::E;
        let per_detection = e / (e - 1.0);
        let deviation = (share * (1.0 - share)).sqrt() * per_detection;
        let ours = Mean { mean: share * per_detection, deviation, count: all };
        let name = format!("message delivery {delivery}, k = {k}");
        let cell = Cell::published(name, published, ours, Tolerance::Share(0.05));
        cells.push(cell.with_model(model::false_detection(delivery, k as i32)));
    }
    cells
}

/// Seconds from a crash to the first declaration of death by a healthy member.
fn seconds_to_death(effort: &Effort, config: &Config, nodes: u32, trials: u64) -> Vec<f64> {
    let mut found = in_parallel(effort.runs(trials), effort.jobs, |run| {
        let world = World { run, ..effort.world(nodes, Order::Snapshot) };
        let mut sim = members(&world, config);
        let victim = NodeId(run as u32 * 37 % nodes);
        let crashed = sim.now();
        sim.crash(victim, &mut ());
        let is_dead = |node: &Swim| {
            node.status(victim).is_some_and(|status| status.liveness == Liveness::Dead)
        };
        while !sim.protocols().any(is_dead) {
            run_for(&mut sim, Duration::from_millis(20));
        }
        (sim.now() - crashed) as f64 / 1e9
    });
    found.sort_by(f64::total_cmp);
    found
}

/// The median, with the standard error of a median as that of a mean.
fn median(sorted: &[f64]) -> Mean {
    let Mean { deviation, count, .. } = mean(sorted.iter().copied());
    let middle = sorted.len() / 2;
    let mean = if sorted.len().is_multiple_of(2) {
        f64::midpoint(sorted[middle - 1], sorted[middle])
    } else {
        sorted[middle]
    };
    Mean { mean, deviation: deviation * 1.25, count }
}

/// The median of the seconds from a crash to the first declaration of death.
pub(super) fn median_seconds_to_death(
    effort: &Effort,
    config: &Config,
    nodes: u32,
    trials: u64,
) -> f64 {
    median(&seconds_to_death(effort, config, nodes, trials)).mean
}

pub(super) fn lifeguard(effort: &Effort) -> Vec<Cell> {
    let timeout = |alpha: u32| suspicion_timeout(alpha, 128, SECOND).as_secs_f64();
    let mut cells = Vec::new();
    for (lifeguard, alpha, words, published) in [
        (Switch::Off, 5, "SWIM, α = 5", "12.44"),
        (Switch::On, 5, "Lifeguard, α = 5, β = 6", "12.45"),
        (Switch::On, 4, "Lifeguard, α = 4, β = 6", "10.34 (83.12 % of 12.44)"),
    ] {
        let config = Config { suspicion_mult: alpha, lifeguard, ..Config::default() };
        let found = seconds_to_death(effort, &config, 128, 100);
        let name = format!("{words}: median seconds to the first detection");
        let cell = Cell::published(name, published, median(&found), Tolerance::Absolute(0.2));
        // The first probe comes after about one period, and fails at the end of the next.
        cells.push(cell.with_model(timeout(alpha as u32) + 1.9));
    }
    cells
}

pub(super) fn memberlist(_: &Effort) -> Vec<Cell> {
    let mut cells = Vec::new();
    for (nodes, published) in
        [(5, "1"), (10, "1"), (50, "1.698"), (100, "2"), (500, "2.698"), (1_000, "3")]
    {
        let seconds = suspicion_timeout(3, nodes, SECOND).as_secs_f64() / 3.0;
        cells.push(Cell::formula(
            format!("suspicion timeout / 3, n = {nodes}, s"),
            published,
            seconds,
        ));
    }
    for (mult, nodes, published) in
        [(3, 0, "0"), (3, 1, "3"), (3, 99, "6"), (4, 10, "8"), (4, 100, "12"), (4, 1_000, "16")]
    {
        let limit = f64::from(retransmit_limit(mult, nodes));
        cells.push(Cell::formula(
            format!("retransmit limit, mult {mult}, n = {nodes}"),
            published,
            limit,
        ));
    }
    for (nodes, published) in [(32, "1"), (33, "2"), (64, "2"), (65, "3"), (128, "3")] {
        let scale = f64::from(push_pull_scale(nodes));
        cells.push(Cell::formula(format!("push/pull scale, n = {nodes}"), published, scale));
    }
    for (confirmations, published) in [(0, "30"), (1, "16"), (2, "7.81"), (3, "2")] {
        let seconds = suspicion_timeout_of(confirmations, 3, SECOND * 2, SECOND * 30).as_secs_f64();
        let name =
            format!("suspicion left after {confirmations} confirmations (2 to 30 s, K = 3), s");
        cells.push(Cell::formula(name, published, seconds));
    }
    cells
}
