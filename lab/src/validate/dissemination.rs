//! Trees, deltas and connections: Plumtree, scuttlebutt, CockroachDB's gossip, SRM.

use std::sync::Arc;
use std::time::Duration;

use rumormill::cluster::Graph;
use rumormill::effects::Entry;
use rumormill::id::NodeId;
use rumormill::protocol::Protocol;
use rumormill::protocols::high_water::{self, HighWater};
use rumormill::protocols::plumtree::{self, Plumtree};
use rumormill::protocols::scuttlebutt::{self, Scuttlebutt};
use rumormill::protocols::tree_nak::{self, TreeNak};
use rumormill::value::Value;
use rumormill::wire::Wire;
use rumormill_sim::dice::Dice;
use rumormill_sim::{Bare, MS, Nanos, Observer, Sim};

use super::check::{Cell, Effort, Tolerance};
use crate::parallel::in_parallel;
use crate::spread::asynchronous::{run_for, running};
use crate::spread::cycles::{Order, World};
use crate::spread::rumour::{Mean, mean};
use crate::steps::steps_from;

const SECOND: Duration = Duration::from_secs(1);

/// Copies of values sent, and entries delivered to other nodes.
#[derive(Default)]
struct Payloads {
    copies: u64,
    delivered: u64,
}

impl<P: Protocol<Message: Wire>> Observer<Bare<P>> for Payloads {
    fn sent(&mut self, _: &Sim<Bare<P>>, _: NodeId, _: NodeId, message: &P::Message) {
        message.values(&mut |_| self.copies += 1);
    }

    fn delivered(&mut self, _: &Sim<Bare<P>>, node: NodeId, entry: &Entry) {
        self.delivered += u64::from(entry.id.origin.node != node);
    }
}

pub(super) fn plumtree(effort: &Effort) -> Vec<Cell> {
    const NODES: u32 = 1_000;
    const MEASURED: u64 = 20;
    let config = plumtree::Config { threshold: 3, ..plumtree::Config::default() };
    let found = in_parallel((5 / effort.divisor).max(1), effort.jobs, |run| {
        let world = World { run, ..effort.world(NODES, Order::Snapshot) };
        let mut sim = running::<Plumtree>(&world, &config, 20, SECOND * 30);
        let mut broadcast = |count: u64| {
            let mut payloads = Payloads::default();
            for _ in 0..count {
                sim.request(NodeId(0), Value::Int(1), &mut payloads);
                sim.run_until(sim.now() + 2_000 * MS, &mut payloads);
            }
            payloads
        };
        let first = broadcast(1);
        broadcast(50);
        (first, broadcast(MEASURED))
    });
    let others = f64::from(NODES - 1);
    let redundancy = |copies: f64| copies / others - 1.0;
    let first = mean(found.iter().map(|(first, _)| redundancy(first.copies as f64)));
    let per_broadcast = |count: u64| count as f64 / MEASURED as f64;
    let copies = mean(found.iter().map(|(_, tree)| per_broadcast(tree.copies)));
    let reached = mean(found.iter().map(|(_, tree)| per_broadcast(tree.delivered) / others));
    let rmr =
        Mean { mean: redundancy(copies.mean), deviation: copies.deviation / others, ..copies };
    let share = Tolerance::Share(0.01);
    vec![
        Cell::published("eager, first broadcast: redundancy", "3", first, Tolerance::Absolute(0.0)),
        Cell {
            published: Some("0".to_owned()),
            ..Cell::modelled("tree: redundancy", 0.0, rmr, Tolerance::Absolute(0.01))
        },
        Cell::modelled("tree: payloads per broadcast, n - 1", others, copies, share),
        Cell::modelled("tree: share of the nodes reached", 1.0, reached, Tolerance::Share(1e-9)),
    ]
}

/// A label and its figure.
type Figure = (&'static str, fn(&Staleness) -> f64);

/// Staleness of a cluster under the load of the scuttlebutt paper.
pub(super) struct Staleness {
    /// Deltas lacking per node and owner, second by second.
    pub(super) lacking: Vec<f64>,
    /// Most seconds for which a node lacked a delta, over the whole run.
    max_s: f64,
}

pub(super) fn staleness(world: &World, config: &scuttlebutt::Config) -> Staleness {
    let nodes = world.nodes();
    let mut sim = running::<Scuttlebutt>(world, config, 20, SECOND * 5);
    let mut dice = Dice::numbered(world.seed, "updates", world.run);
    // By owner: when its versions were made.
    let mut made: Vec<Vec<u32>> = vec![Vec::new(); nodes as usize];
    let mut found = Staleness { max_s: 0.0, lacking: Vec::new() };
    for second in 0..120_u32 {
        let each = if (25..75).contains(&second) { 2 } else { 1 };
        for _ in 0..each * nodes {
            let owner = dice.below(nodes.into()) as u32;
            made[owner as usize].push(second);
            sim.request(NodeId(owner), Value::Int(1), &mut ());
        }
        run_for(&mut sim, SECOND);
        let (mut lacking, mut oldest) = (0, second + 1);
        for node in sim.protocols() {
            for (owner, versions) in (0..nodes).zip(&made) {
                let held = node.version(NodeId(owner)) as usize;
                lacking += versions.len() - held;
                oldest = oldest.min(versions.get(held).copied().unwrap_or(second + 1));
            }
        }
        let lacking = lacking as f64 / f64::from(nodes).powi(2);
        found.max_s = found.max_s.max(f64::from(second + 1 - oldest));
        found.lacking.push(lacking);
    }
    found
}

pub(super) fn scuttlebutt(effort: &Effort) -> Vec<Cell> {
    let mut cells = Vec::new();
    let orders = [scuttlebutt::Order::Depth, scuttlebutt::Order::Breadth];
    let found = orders.map(|order| {
        let config = scuttlebutt::Config { order, ..scuttlebutt::Config::default() };
        in_parallel((10 / effort.divisor).max(1), effort.jobs, |run| {
            staleness(&World { run, ..effort.world(128, Order::Snapshot) }, &config)
        })
    });
    let figures: [Figure; 3] = [
        ("longest time for which a node lacked a delta, s", |run| run.max_s),
        ("deltas lacking per node and owner at 75 s", |run| run.lacking[74]),
        ("deltas lacking per node and owner at 120 s", |run| run.lacking[119]),
    ];
    for (name, figure) in figures {
        let [depth, breadth] = [0, 1].map(|at| mean(found[at].iter().map(figure)));
        for (order, of) in [("depth", depth), ("breadth", breadth)] {
            cells.push(Cell::shown(format!("{order}: {name}"), of));
        }
        let ratio = Mean { mean: breadth.mean / depth.mean, ..depth };
        cells.push(Cell::between(format!("breadth / depth: {name}"), 1.0, f64::INFINITY, ratio));
    }
    cells
}

/// The longest of the shortest ways between two nodes, in connections; `None` if there is none.
fn diameter(sim: &Sim<Bare<HighWater>>) -> Option<u64> {
    let links: Vec<Vec<usize>> = sim
        .protocols()
        .map(|node| node.connections().map(|(peer, _)| peer.0 as usize).collect())
        .collect();
    let eccentricity = |from: usize| {
        let steps = steps_from(from, links.len(), |node| links[node].iter().copied());
        steps.into_iter().collect::<Option<Vec<u64>>>()?.into_iter().max()
    };
    (0..links.len()).map(eccentricity).collect::<Option<Vec<u64>>>()?.into_iter().max()
}

pub(super) fn cockroach(effort: &Effort) -> Vec<Cell> {
    let config = high_water::Config::default();
    let mut cells = Vec::new();
    for (nodes, bound, runs) in [(24, 3, 20), (100, 5, 10), (400, 8, 3)] {
        let runs = (runs / effort.divisor).max(1);
        let found = in_parallel(runs, effort.jobs, |run| {
            let world = World { run, ..effort.world(nodes, Order::Snapshot) };
            let sim = running::<HighWater>(&world, &config, 20, SECOND * 40);
            let most = |is_outgoing: bool| {
                let count = |node: &HighWater| {
                    node.connections().filter(|(_, outgoing)| *outgoing == is_outgoing).count()
                };
                sim.protocols().map(count).max().unwrap_or(0) as f64
            };
            (most(true), most(false), diameter(&sim).map_or(f64::INFINITY, |hops| hops as f64))
        });
        let bound = f64::from(bound);
        let name = |figure: &str| format!("n = {nodes}: {figure}");
        let outgoing = mean(found.iter().map(|found| found.0));
        let incoming = mean(found.iter().map(|found| found.1));
        let hops = mean(found.iter().map(|found| found.2));
        cells.push(Cell::between(
            name("most outgoing connections of a node"),
            1.0,
            bound,
            outgoing,
        ));
        cells.push(Cell::between(
            name("most incoming connections of a node"),
            1.0,
            bound,
            incoming,
        ));
        cells.push(Cell::between(name("hops between the two most distant nodes"), 1.0, 5.0, hops));
    }
    cells
}

/// Requests multicast by the nodes that lack an entry.
#[derive(Default)]
struct Naks(u64);

impl Observer<Bare<TreeNak>> for Naks {
    fn sent(
        &mut self,
        _: &Sim<Bare<TreeNak>>,
        from: NodeId,
        _: NodeId,
        message: &tree_nak::Message,
    ) {
        // Others forward it.
        self.0 += u64::from(
            matches!(message, tree_nak::Message::Nak { requester, .. } if *requester == from),
        );
    }
}

/// Requests for one entry that so many nodes lack, all at one distance from its source.
fn requests(effort: &Effort, losers: u32, c2: usize, run: u64) -> f64 {
    const LATENCY: Nanos = 20 * MS;
    // The hub, the source, and the losers.
    let spokes = (1..losers + 2).map(|node| (NodeId(0), NodeId(node)));
    let graph = Arc::new(Graph::new(losers + 2, spokes));
    let world = World { graph, loss: 1.0, run, ..effort.world(1, Order::Snapshot) };
    let config = tree_nak::Config { c2, ..tree_nak::Config::default() };
    // Distances are measured first.
    let mut sim = running::<TreeNak>(&world, &config, 20, SECOND * 5);
    // The copy reaches the hub, and is lost on its way to all others.
    sim.request(NodeId(1), Value::Int(1), &mut ());
    let hub_has_it = sim.now() + LATENCY;
    sim.run_until(hub_has_it - 1, &mut ());
    sim.medium_mut().network_mut().conditions_mut().start_faults(hub_has_it - 1);
    sim.run_until(hub_has_it, &mut ());
    sim.medium_mut().network_mut().conditions_mut().stop_faults();
    let mut naks = Naks::default();
    sim.run_until(hub_has_it + 20_000 * MS, &mut naks);
    naks.0 as f64
}

pub(super) fn srm(effort: &Effort) -> Vec<Cell> {
    let mut cells = Vec::new();
    for (losers, c2, published) in
        [(10, 2, "6.0"), (10, 10, "1.97"), (100, 2, "51"), (100, 10, "11.0"), (100, 100, "2.0")]
    {
        let found =
            in_parallel(effort.runs(400), effort.jobs, |run| requests(effort, losers, c2, run));
        let ours = mean(found.into_iter());
        let model = 1.0 + f64::from(losers - 1) / c2 as f64;
        let name = format!("G = {losers}, C2 = {c2}: requests for a loss");
        let cell = Cell::recomputed(name, published, ours, Tolerance::Share(0.03));
        cells.push(cell.with_model(model));
    }
    cells
}
