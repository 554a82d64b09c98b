//! The literature's pictures, drawn from our state machines: residue against traffic, S-curves, the cost
//! of digests, staleness, detection times.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use rand::SeedableRng as _;
use rumormill::cluster::{Cluster, Graph, Name, Nodes};
use rumormill::config::Choice as _;
use rumormill::id::{EntryId, Generation, NodeId, Origin};
use rumormill::protocol::{Effects, Entry, Protocol as _, Rng};
use rumormill::protocols::anti_entropy::{AntiEntropy, Config, Digest, Message};
use rumormill::protocols::rumor::{self, Interest, Loss, Mode};
use rumormill::protocols::scuttlebutt;
use rumormill::time::Instant;
use rumormill::value::Value;
use rumormill::wire::Wire as _;

use super::check::Effort;
use super::demers::{paper, spread};
use super::dissemination::staleness;
use super::membership::seconds_to_fail;
use super::swim::median_seconds_to_death;
use crate::draw::axis::Axis;
use crate::draw::chart::{Chart, Series, Style};
use crate::spread::chart;
use crate::spread::cycles::Order;
use crate::spread::subject::{Conditions, Subject};

/// A picture of the document.
#[derive(Debug)]
pub struct Picture {
    /// Name of the file, without its ending.
    pub name: &'static str,
    /// The sentence below it.
    pub caption: &'static str,
    /// The SVG.
    pub svg: String,
}

const SECOND: Duration = Duration::from_secs(1);

/// Runs per point, as a share of those of the tables.
const RUNS: u64 = 200;

/// All of them.
///
/// # Errors
/// If a protocol does not take its settings.
pub fn draw(effort: &Effort) -> Result<Vec<Picture>> {
    Ok(vec![
        Picture {
            name: "residue",
            caption: "Residue against traffic, 1,000 sites, k = 1 to 5 from left to right: what only \
                pushes lies near e^-m, with one connection per cycle near e^-1.58m, and pull below both (Demers 1987).",
            svg: residue(effort),
        },
        Picture {
            name: "s-curves",
            caption: "One rumour among 1,000 nodes in synchronous cycles.",
            svg: s_curves(effort)?,
        },
        Picture {
            name: "digests",
            caption: "Bytes of one push-pull exchange between two nodes that hold 10,000 entries of 25 \
                origins, as JSON, until both hold everything; the entries that were missing included. Those are a \
                second old, the others an hour.",
            svg: digests(effort.seed),
        },
        Picture {
            name: "staleness",
            caption: "Scuttlebutt with 128 participants under the paper's load, twice as high from 25 to \
                75 s: deltas that a node lacks of an owner.",
            svg: staleness_over_time(effort),
        },
        Picture {
            name: "detection",
            caption: "Seconds until a crashed member is noticed. Heartbeats: van Renesse's recurrence, \
                250 bytes per second for all members together. SWIM: our state machine, median.",
            svg: detection(effort),
        },
    ])
}

fn residue(effort: &Effort) -> String {
    let effort = Effort { divisor: effort.divisor * (2_000 / RUNS), ..*effort };
    let push = rumor::Config { mode: Mode::Push, ..paper() };
    let blind = rumor::Config { loss: Loss::Blind, interest: Interest::Coin, ..push.clone() };
    let pull = rumor::Config { mode: Mode::Pull, ..paper() };
    let both = rumor::Config { mode: Mode::PushPull, ..paper() };
    let limited = rumor::Config { connection_limit: 1, ..push.clone() };
    let measured = [
        ("push, feedback, counter", push),
        ("push, blind, coin", blind),
        ("push, one connection per cycle", limited),
        ("pull, feedback, counter", pull),
        ("push-pull, feedback, counter", both),
    ];
    let traffic = || (0..=90).map(|tenths| f64::from(tenths) / 10.0);
    let mut series: Vec<Series> = measured
        .into_iter()
        .map(|(name, config)| {
            let points = (1..=5).map(|k| {
                let found = spread(&effort, &rumor::Config { k, ..config.clone() });
                (found.traffic.mean, found.residue.mean)
            });
            // A residue of nothing has no place on a logarithmic axis.
            Series::new(name, Style::Dots, points.filter(|(_, residue)| *residue > 0.0))
        })
        .collect();
    let power = |name: &str, factor: f64| {
        Series::new(name, Style::Model, traffic().map(|m| (m, (-factor * m).exp())))
    };
    series.push(power("model: e^-m", 1.0));
    series.push(power("model with one connection: e^-1.58m", 1.582));
    let chart = Chart {
        title: "Sites that a rumour leaves out".to_owned(),
        x: Axis::to(8.0, "traffic m: copies per site"),
        y: Axis::decades(1e-5, 1.0, "residue s: share of the sites"),
        series,
    };
    chart.draw()
}

fn s_curves(effort: &Effort) -> Result<String> {
    let conditions = Conditions {
        world: effort.world(1_000, Order::Snapshot),
        surroundings: None,
        runs: effort.runs(RUNS),
        jobs: effort.jobs,
        until: None,
        warm_up: None,
        flags: Vec::new(),
    };
    let subjects = [
        "rumor --mode=push --interest=forever",
        "rumor --mode=pull --interest=forever",
        "rumor --mode=push-pull --interest=forever",
        "rumor --mode=push",
        "median-counter",
        "anti-entropy",
    ];
    let found: Result<Vec<_>> =
        subjects.iter().map(|words| Subject::parse(words, &conditions)?.run(&conditions)).collect();
    Ok(chart::svg(&found?))
}

/// Origins, and entries of each, that both nodes hold.
const ORIGINS: u32 = 25;
const COMMON: u64 = 400;

/// Bytes of an exchange between two nodes, of which each lacks half of `difference`: new entries.
fn exchange(digest: Digest, difference: u64, seed: u64) -> u64 {
    let names: Vec<Name> = (0..ORIGINS).map(|node| Name::from(&*format!("n{node}"))).collect();
    let nodes = Nodes::from(names);
    let graph = Arc::new(Graph::new(ORIGINS, []));
    let config = Config { digest, ..Config::default() };
    let mut pair = [0, 1].map(|node| {
        let (me, rng) = (NodeId(node), Rng::seed_from_u64(seed + u64::from(node)));
        let cluster = Cluster::new(me, Arc::clone(&graph));
        AntiEntropy::new(cluster, Generation(1), &config, rng, Instant::ZERO)
    });
    let (mut bytes, mut out) = (0, Effects::default());
    let now = Instant::ZERO.after(SECOND * 3_600);
    let common = u64::from(ORIGINS) * COMMON;
    for number in 0..common + difference {
        let origin = Origin {
            node: NodeId((number % u64::from(ORIGINS)) as u32),
            generation: Generation(1),
        };
        let id = EntryId { origin, sequence: number / u64::from(ORIGINS) };
        let entry = Entry { id, value: Value::Int(number as i64) };
        for (node, held) in pair.iter_mut().enumerate() {
            if number < common {
                held.on_restore(entry.clone());
            } else if number % 2 == node as u64 {
                held.on_submit(now.before(SECOND), entry.clone(), &mut out);
            }
        }
    }
    pair[0].on_timeout(now, &mut out);
    // Whatever node it was sent to, the other of the two receives it.
    let mut queue: VecDeque<(usize, Message)> =
        out.drain_sends().map(|(_, message)| (1, message)).collect();
    while let Some((to, message)) = queue.pop_front() {
        let mut body = Vec::new();
        message.encode(&nodes, &mut body);
        bytes += body.len() as u64;
        pair[to].on_message(now, NodeId(1 - to as u32), message, &mut out);
        queue.extend(out.drain_sends().map(|(_, message)| (1 - to, message)));
    }
    bytes
}

fn digests(seed: u64) -> String {
    let differences = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000];
    let series = Digest::ALL.iter().map(|digest| {
        let of = |difference: u64| (difference as f64, exchange(*digest, difference, seed) as f64);
        Series::new(digest.as_str(), Style::Dots, differences.into_iter().map(of))
    });
    let chart = Chart {
        title: "Bytes until two nodes agree".to_owned(),
        x: Axis::decades(1.0, 2_000.0, "entries that one of the two lacks"),
        y: Axis::decades(100.0, 2e6, "bytes of all messages"),
        series: series.collect(),
    };
    chart.draw()
}

fn staleness_over_time(effort: &Effort) -> String {
    let orders = [
        ("depth: the owners with most to tell first", scuttlebutt::Order::Depth),
        ("breadth: something of every owner", scuttlebutt::Order::Breadth),
    ];
    let found = orders.map(|(name, order)| {
        let config = scuttlebutt::Config { order, ..scuttlebutt::Config::default() };
        (name, staleness(&effort.world(128, Order::Snapshot), &config).lacking)
    });
    let most = found.iter().flat_map(|(_, lacking)| lacking.iter().copied()).fold(1.0, f64::max);
    let series = found.into_iter().map(|(name, lacking)| {
        Series::new(name, Style::Line, (1_u32..).map(f64::from).zip(lacking))
    });
    let chart = Chart {
        title: "Staleness of scuttlebutt under overload".to_owned(),
        x: Axis::to(120.0, "seconds of the load"),
        y: Axis::to(most * 1.05, "deltas lacking per node and owner"),
        series: series.collect(),
    };
    chart.draw()
}

fn detection(effort: &Effort) -> String {
    let sizes = [8_u32, 16, 32, 64, 128, 256];
    let mut series: Vec<Series> = [1e-3, 1e-6, 1e-9]
        .into_iter()
        .map(|mistake| {
            let name = format!("heartbeats, mistakes with probability {mistake:e}");
            let points =
                sizes.map(|nodes| (f64::from(nodes), seconds_to_fail(nodes as usize, mistake)));
            Series::new(name, Style::Line, points)
        })
        .collect();
    let swim = sizes[..5].iter().map(|&nodes| {
        let config = rumormill::protocols::swim::Config::default();
        (f64::from(nodes), median_seconds_to_death(effort, &config, nodes, 40))
    });
    series.push(Series::new("SWIM, default settings, measured", Style::Dots, swim));
    let chart = Chart {
        title: "Time to notice a crash".to_owned(),
        x: Axis::decades(8.0, 256.0, "members"),
        y: Axis::decades(1.0, 1_000.0, "seconds"),
        series,
    };
    chart.draw()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_of_ranges_costs_less_than_everything_and_more_with_the_difference() {
        let ranges = [1, 100].map(|difference| exchange(Digest::Ranges, difference, 1));
        assert!(ranges[0] < ranges[1], "{ranges:?}");
        assert!(exchange(Digest::Full, 1, 1) > 10 * ranges[0], "{ranges:?}");
    }
}
