//! A scene played: everything the page draws, as JSON.

use rumormill::id::NodeId;
use rumormill_judge::topology;
use rumormill_sim::Nanos;
use rumormill_sim::network::DropCause;
use serde_json::{Value, json};

use super::scene::Scene;
use crate::draw::layout;
use crate::spread::film::{Film, Limits};
use crate::spread::subject::Found;
use crate::spread::surroundings::Partition;

/// A second of work at most, but for `rumormill`, whose events take the longest.
const LIMITS: Limits = Limits { events: 200_000, messages: 250_000, flights: 30_000 };

/// A picture is so much wider than high.
const ASPECT: f64 = 1.4;

/// More links are not drawn: they would be a smear.
const MAX_LINKS: usize = 1_500;

/// Plays a scene.
///
/// # Errors
/// Settings of a protocol that contradict each other.
pub(crate) fn play(scene: &Scene) -> Result<Value, String> {
    let conditions = scene.conditions();
    let mut runs = Vec::new();
    for (subject, words) in scene.subjects()?.iter().zip(&scene.protocols) {
        let played = subject.film(&conditions, LIMITS);
        let (found, film) = played.map_err(|error| error.to_string())?;
        runs.push(run(words, &found, &film));
    }
    let places = layout::places(scene.topology, scene.nodes as usize, ASPECT);
    let places: Vec<[f64; 2]> = places.into_iter().map(|(x, y)| [round(x), round(y)]).collect();
    Ok(json!({
        "command": scene.command(),
        "nodes": scene.nodes,
        "topology": scene.topology.to_string(),
        "latency_ms": scene.surroundings.latency.mean_ms,
        "places": places,
        "links": links(scene),
        "partition_ms": scene.surroundings.partition.map(partition),
        "runs": runs,
    }))
}

fn partition(partition: Partition) -> [f64; 2] {
    [partition.from, partition.until].map(|time| time.as_secs_f64() * 1e3)
}

/// Four digits are enough for a picture.
fn round(number: f64) -> f64 {
    (number * 1e4).round() / 1e4
}

fn links(scene: &Scene) -> Vec<[u32; 2]> {
    let graph = topology::graph(scene.topology, scene.nodes);
    let of = |node: u32| {
        let later = graph.neighbours(NodeId(node)).iter().filter(move |other| other.0 > node);
        later.map(move |other| [node, other.0])
    };
    let links: Vec<_> = (0..scene.nodes).flat_map(of).collect();
    if links.len() > MAX_LINKS { Vec::new() } else { links }
}

fn run(words: &str, found: &Found, film: &Film) -> Value {
    let (unit, times) = found.clock.unwrap_or_default();
    let unit_ms = unit.as_secs_f64() * 1e3;
    let reached = times.map(|time| (time.count > 0).then_some(time.mean));
    let model: Vec<[f64; 2]> = (0_u32..)
        .zip(&found.model)
        .map(|(at, known)| [f64::from(at) * unit_ms, round(*known)])
        .collect();
    let event = |(at, node, is): &(Nanos, NodeId, bool)| json!([ms(*at), node.0, u8::from(*is)]);
    let flights = film.flights.iter().map(|flight| {
        let fate = match flight.dropped {
            None => 0,
            Some(DropCause::Loss) => 1,
            Some(DropCause::Cut | DropCause::Partition) => 2,
            Some(DropCause::Down | DropCause::Full) => 3,
        };
        let ended = flight.ended.map(ms);
        json!([
            flight.from.0,
            flight.to.0,
            ms(flight.sent),
            ended,
            u8::from(flight.has_values),
            fate
        ])
    });
    json!({
        "protocol": words,
        "all_flags": found.words,
        "time": found.time,
        "unit_ms": unit_ms,
        "reached_after_ms": reached,
        "messages_per_node": found.messages.mean,
        "copies_per_node": found.traffic.mean,
        "redundancy": found.redundancy.mean,
        "reached": 1.0 - found.residue.mean,
        "end_ms": ms(film.end),
        "is_cut_short": film.is_cut_short,
        "holds": film.holds.iter().map(event).collect::<Vec<_>>(),
        "ups": film.ups.iter().map(event).collect::<Vec<_>>(),
        "flights": flights.collect::<Vec<_>>(),
        "messages": film.messages,
        "model": model,
    })
}

/// Milliseconds, to the microsecond.
fn ms(nanos: Nanos) -> f64 {
    (nanos / 1_000) as f64 / 1e3
}
