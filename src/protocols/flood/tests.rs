use rand::SeedableRng as _;

use super::*;
use crate::maelstrom::message::{Body, Message, Named};
use crate::maelstrom::parse::{Refusal, parse_line};
use crate::protocols::testing::entry;

/// Node 0 of a star of four, of which it is the centre.
fn flood() -> Flood {
    let graph = Graph::new(4, [1, 2, 3].map(|leaf| (NodeId(0), NodeId(leaf))));
    let cluster = Cluster::new(NodeId(0), Arc::new(graph));
    Flood::new(cluster, Generation(1), &Config {}, Rng::seed_from_u64(1), Instant::ZERO)
}

/// The receivers, and the number of entries delivered. All messages must carry the entry.
fn drain(out: &mut Effects<Push>, expected: &Entry) -> (Vec<u32>, usize) {
    let sends: Vec<(NodeId, Push)> = out.drain_sends().collect();
    assert!(sends.iter().all(|(_, push)| push.entry() == expected), "{sends:?}");
    let delivered: Vec<Entry> = out.drain_deliveries().collect();
    assert!(delivered.iter().all(|entry| entry == expected), "{delivered:?}");
    (sends.iter().map(|(to, _)| to.0).collect(), delivered.len())
}

#[test]
fn an_entry_submitted_here_goes_to_every_neighbour_and_is_not_delivered_again() {
    let (mut flood, mut out, own) = (flood(), Effects::default(), entry(0, 0));
    flood.on_submit(Instant::ZERO, own.clone(), &mut out);
    assert_eq!(drain(&mut out, &own), (vec![1, 2, 3], 0));
    // It comes back round a circle.
    flood.on_message(Instant::ZERO, NodeId(2), Push(own.clone()), &mut out);
    assert_eq!(drain(&mut out, &own), (vec![], 0));
}

#[test]
fn an_entry_of_a_peer_is_delivered_once_and_goes_to_every_neighbour_but_the_sender() {
    let (mut flood, mut out, theirs) = (flood(), Effects::default(), entry(3, 0));
    flood.on_message(Instant::ZERO, NodeId(2), Push(theirs.clone()), &mut out);
    assert_eq!(drain(&mut out, &theirs), (vec![1, 3], 1));
    for copy_of in [2, 3, 1] {
        flood.on_message(Instant::ZERO, NodeId(copy_of), Push(theirs.clone()), &mut out);
        assert_eq!(drain(&mut out, &theirs), (vec![], 0));
    }
    // The same value in another entry is another entry.
    let other = entry(3, 1);
    flood.on_message(Instant::ZERO, NodeId(3), Push(other.clone()), &mut out);
    assert_eq!(drain(&mut out, &other), (vec![1, 2], 1));
    assert_eq!(flood.next_timeout(), None);
}

#[test]
fn a_copy_is_recognised_however_many_entries_came_between() {
    let (mut flood, mut out) = (flood(), Effects::default());
    let entries: Vec<Entry> = (0..3 * seen::RECENT as u64).map(|i| entry(3, i)).collect();
    for is_new in [true, false] {
        for theirs in &entries {
            flood.on_message(Instant::ZERO, NodeId(2), Push(theirs.clone()), &mut out);
            let expected = if is_new { (vec![1, 3], 1) } else { (vec![], 0) };
            assert_eq!(drain(&mut out, theirs), expected);
        }
    }
}

#[test]
fn the_topology_decides_which_nodes_are_neighbours() {
    let (mut flood, mut out, own) = (flood(), Effects::default(), entry(0, 0));
    let graph = Arc::new(Graph::new(4, [(NodeId(0), NodeId(3))]));
    flood.on_topology(Instant::ZERO, graph, &mut out);
    flood.on_submit(Instant::ZERO, own.clone(), &mut out);
    assert_eq!(drain(&mut out, &own), (vec![3], 0));
}

fn nodes() -> Arc<Nodes> {
    Arc::new(["n0", "n\"1"].map(crate::cluster::Name::from).to_vec().into())
}

fn parse(body: &str) -> Result<Message<Push>, Refusal> {
    let line = format!(r#"{{"src":"n0","dest":"n0","body":{body}}}"#);
    parse_line::<Push>(line.as_bytes(), Some(&nodes()))
}

#[test]
fn a_push_is_written_and_read_back() {
    for (id, value) in [
        (entry(1, u64::MAX).id, Value::Int(-3)),
        (entry(0, 0).id, Value::Json("{\"a\":[null,1.50]}".into())),
    ] {
        let body = Body::Peer(Named::new(Push(Entry { id, value }), &nodes()));
        let mut json = Vec::new();
        body.write_json(&mut json);
        let json = String::from_utf8(json).unwrap();
        assert!(json.starts_with(r#"{"type":"flood","v":1,"entry":["n"#), "{json}");
        assert_eq!(parse(&json).unwrap().body, body, "{json}");
    }
}

#[test]
fn a_push_that_names_no_entry_of_the_cluster_is_refused() {
    for (fields, problem) in [
        (r#""message":5"#, "field `entry` is missing"),
        (r#""entry":["n0",1,0]"#, "field `message` is missing"),
        (r#""entry":["n0",1],"message":5"#, "field `entry`: expected [node, generation, seq"),
        (r#""entry":["n0",1,-1],"message":5"#, "field `entry`: expected"),
        (r#""entry":["n9",1,0],"message":5"#, "field `entry`: n9 is not in the cluster"),
    ] {
        let refusal = parse(&format!(r#"{{"type":"flood","v":1,{fields}}}"#)).unwrap_err();
        assert!(refusal.text.starts_with(problem), "{fields}: {}", refusal.text);
        assert_eq!(refusal.reply, None);
    }
}
