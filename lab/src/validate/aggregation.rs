//! Averaging (Jelasity et al. 2005) and push-sum (Kempe et al. 2003).

use rumormill::gossip::fixed_point::UNITS;
use rumormill::id::NodeId;
use rumormill::protocol::Protocol;
use rumormill::protocols::averaging::{self, Averaging};
use rumormill::protocols::push_sum::{self, PushSum, WEIGHT};

use super::check::{Cell, Effort, Tolerance};
use crate::parallel::in_parallel;
use crate::spread::cycles::{Blind, Cycles, Order, World};
use crate::spread::model;
use crate::spread::rumour::{mean, period};

/// A cluster in which node i has the number i.
fn cluster<P: Protocol>(world: &World, config: &P::Config) -> Cycles<P> {
    let mut cycles = Cycles::new(world, config, period(config).unwrap_or_default());
    for node in 0..world.nodes() {
        cycles.submit(NodeId(node), 0, i64::from(node), &mut Blind);
    }
    cycles
}

/// The factor by which `spread` shrinks in a cycle, and the change of `mass`, per run.
///
/// The papers' factor is an expectation over one cycle, so it is the plain mean over the cycles of a run.
/// (A geometric mean would be about a run's product of factors, whose expected logarithm is smaller.)
fn factors<P: Protocol>(
    effort: &Effort,
    world: &World,
    config: &P::Config,
    cycles: u32,
    spread: impl Fn(&[P]) -> f64 + Sync,
    mass: impl Fn(&[P]) -> i128 + Sync,
) -> Vec<(f64, f64)>
where
    P::Config: Sync,
{
    in_parallel(effort.runs(400), effort.jobs, |run| {
        let mut nodes = cluster::<P>(&World { run, ..world.clone() }, config);
        let mass_before = mass(nodes.nodes());
        let mut before = spread(nodes.nodes());
        let factors = (0..cycles).map(|_| {
            nodes.run_cycle(&mut Blind);
            let after = spread(nodes.nodes());
            after / std::mem::replace(&mut before, after)
        });
        let factor = factors.sum::<f64>() / f64::from(cycles);
        (factor, (mass(nodes.nodes()) - mass_before) as f64)
    })
}

pub(super) fn averaging(effort: &Effort) -> Vec<Cell> {
    let mut cells = vec![Cell::formula("large n: 1/(2√e)", ".3033", 0.5 / 1.0_f64.exp().sqrt())];
    for (nodes, published) in [(100, None), (1_000, Some(".3022 ± .0011 (PeerSim, 50 seeds)"))] {
        let world = effort.world(nodes, Order::Immediate);
        let variance = |nodes: &[Averaging]| {
            let n = nodes.len() as f64;
            let mean = nodes.iter().map(|node| node.number() as f64).sum::<f64>() / n;
            nodes.iter().map(|node| (node.number() as f64 - mean).powi(2)).sum::<f64>() / n
        };
        let mass =
            |nodes: &[Averaging]| nodes.iter().map(|node| i128::from(node.number())).sum::<i128>();
        let config = averaging::Config::default();
        let found = factors::<Averaging>(effort, &world, &config, 15, variance, mass);
        let factor = mean(found.iter().map(|(factor, _)| *factor));
        let model = model::averaging(f64::from(nodes));
        let name = format!("{nodes} nodes: factor of the variance per cycle, mean of 15 cycles");
        let cell = Cell::modelled(name, model, factor, Tolerance::Share(0.005));
        cells.push(Cell { published: published.map(str::to_owned), ..cell });
        let drift = mean(found.iter().map(|(_, drift)| *drift));
        let name = format!("{nodes} nodes: change of the sum, in units of 1/{UNITS}");
        cells.push(Cell::modelled(name, 0.0, drift, Tolerance::Absolute(0.0)));
    }
    cells
}

pub(super) fn push_sum(effort: &Effort) -> Vec<Cell> {
    let mut cells = Vec::new();
    for nodes in [10_u32, 1_000] {
        let n = f64::from(nodes);
        let average = (n - 1.0) / 2.0 * UNITS as f64;
        let potential = |nodes: &[PushSum]| {
            let distance = |node: &PushSum| {
                let share = node.share();
                share.sum as f64 - share.weight as f64 / WEIGHT as f64 * average
            };
            nodes.iter().map(|node| distance(node).powi(2)).sum::<f64>()
        };
        let mass = |nodes: &[PushSum]| {
            let weights: i128 = nodes.iter().map(|node| i128::from(node.share().weight)).sum();
            let sums: i128 = nodes.iter().map(|node| i128::from(node.share().sum)).sum();
            weights + sums
        };
        let world = effort.world(nodes, Order::Snapshot);
        let config = push_sum::Config::default();
        // The factor is an expectation: it is measured over one round, and averaged.
        let found = factors::<PushSum>(effort, &world, &config, 1, potential, mass);
        let factor = mean(found.iter().map(|(factor, _)| *factor));
        // Without calls to itself; the paper's bound is 1/2 - 1/(2n).
        let others = n - 1.0;
        let model = 0.5 - 0.5 / others - 0.25 * (n - 2.0) / others.powi(2);
        let name = format!("{nodes} nodes: factor of the potential in a round");
        let cell = Cell::modelled(name, model, factor, Tolerance::Share(0.005));
        let paper = format!("{:.4} (1/2 - 1/(2n))", 0.5 - 0.5 / n);
        cells.push(Cell { published: Some(paper), ..cell });
        let drift = mean(found.iter().map(|(_, drift)| *drift));
        let name = format!("{nodes} nodes: change of Σs + Σw, in their units");
        cells.push(Cell::modelled(name, 0.0, drift, Tolerance::Absolute(0.0)));
    }
    cells
}
