use std::cell::RefCell;
use std::sync::Arc;

use rumormill::cluster::{Name, Nodes};
use rumormill::id::{Generation, NodeId, Origin};
use rumormill::maelstrom::message::Named;
use rumormill::protocols::rumormill::message::{Entries, Gossip};
use rumormill::value::Value;
use rumormill_sim::Nanos;
use rumormill_sim::dice::Dice;
use serde_json::{Value as Json, json};

use super::*;
use crate::history::ReadSet;

/// Nodes that flood along a ring: a message a hop, made up by the test.
struct Ring<'b> {
    tracer: Tracer,
    nodes: u32,
    now: Nanos,
    id: u64,
    /// The body of a message that takes a value from a node to another, after so many hops.
    body: &'b dyn Fn(&Hop) -> Json,
}

struct Hop {
    value: u64,
    from: u32,
    hops: u32,
    /// Number of the message in the run.
    id: u64,
    now: Nanos,
}

impl<'b> Ring<'b> {
    fn new(nodes: u32, values_at: &[&str], body: &'b dyn Fn(&Hop) -> Json) -> Self {
        let names: Vec<Name> = (0..nodes).map(|i| format!("n{i}").into()).collect();
        let values_at: Vec<ValuesAt> = values_at.iter().map(|path| path.parse().unwrap()).collect();
        Self { tracer: Tracer::new(&names, &values_at), nodes, now: 1_000, id: 0, body }
    }

    /// A message with that body, at once.
    fn send(&mut self, from: u32, to: u32, body: &Json) {
        self.now += 100;
        self.id += 1;
        let kind = body["type"].as_str().unwrap();
        let carried = self.tracer.sent(from, kind, &body.to_string());
        self.now += 10;
        self.tracer.received((from, to), &carried, self.now, self.id);
    }

    /// A client broadcasts the next value at a node.
    fn broadcast(&mut self, node: u32) -> u64 {
        self.now += 1_000;
        let value = self.tracer.values.len() as u64;
        let number = self.tracer.invoked(&Value::Int(value as i64), self.now);
        self.tracer.taken(node, number, self.now, 0);
        self.tracer.acked(node, number, self.now + 1);
        value
    }

    /// It goes round the ring.
    fn flood(&mut self, origin: u32) {
        let value = self.broadcast(origin);
        for hops in 0..self.nodes - 1 {
            let from = (origin + hops) % self.nodes;
            let hop = Hop { value, from, hops, id: self.id, now: self.now };
            let body = (self.body)(&hop);
            self.send(from, (from + 1) % self.nodes, &body);
        }
    }

    fn run(mut self, values: u64) -> Self {
        let mut dice = Dice::new(7, "origins");
        for _ in 0..values {
            let origin = dice.index(self.nodes as usize) as u32;
            self.flood(origin);
        }
        self
    }

    fn read(&mut self, node: u32, values: &[u64]) {
        self.now += 100;
        let set = ReadSet { ints: values.iter().copied().collect(), ..ReadSet::default() };
        self.tracer.read(node, self.now, self.now + 1, &set);
    }

    fn source(&self) -> Source {
        self.tracer.trace().source
    }
}

fn holders(tracer: &Tracer, value: usize) -> Vec<u32> {
    tracer.trace().values[value].holds.iter().map(|hold| hold.node).collect()
}

#[test]
fn values_are_told_from_hops_counters_names_and_times() {
    let body = |hop: &Hop| {
        json!({
            "type": "g", "msg_id": hop.id, "data": {"items": [{"v": hop.value}]}, "hops": hop.hops,
            "seq": hop.id, "half": hop.id / 8, "from": hop.from, "at": hop.now, "version": 1, "count": 1,
        })
    };
    for nodes in [2, 3, 5, 25] {
        let ring = Ring::new(nodes, &[], &body).run(60);
        let found = Source::Learned("data.items[*].v of type g".to_owned());
        assert_eq!(ring.source(), found, "{nodes} nodes");
        let trace = ring.tracer.trace();
        assert!(trace.values.iter().all(|value| value.holds.len() == nodes as usize));
        assert_eq!((trace.entries.sent, trace.entries.repeated), (60 * u64::from(nodes - 1), 0));
    }
}

#[test]
fn counters_of_nodes_that_hide_their_values_are_not_taken_for_values() {
    let body =
        |hop: &Hop| json!({"type": "g", "data": format!("v{}", hop.value), "seq": hop.id / 9});
    let Source::Reads(why) = Ring::new(5, &[], &body).run(60).source() else { panic!() };
    assert!(why.contains("seq of type g, but it cannot be told whether they are values"), "{why}");
}

#[test]
fn a_few_numbers_prove_nothing_unless_their_field_has_a_usual_name() {
    let odd = |hop: &Hop| json!({"type": "g", "x": hop.value});
    assert!(matches!(Ring::new(5, &[], &odd).run(3).source(), Source::Reads(_)));
    assert!(matches!(Ring::new(5, &[], &odd).run(20).source(), Source::Learned(_)));
    let usual = |hop: &Hop| json!({"type": "g", "message": hop.value});
    assert!(matches!(Ring::new(5, &[], &usual).run(3).source(), Source::Learned(_)));
}

#[test]
fn two_places_that_need_each_other_are_both_found_and_acknowledgements_are_not() {
    // Every second hop is another kind of message.
    let body = |hop: &Hop| match hop.hops % 2 {
        0 => json!({"type": "push", "items": [hop.value]}),
        _ => json!({"type": "pull", "of": {"n0": {(hop.value.to_string()): true}}}),
    };
    let mut ring = Ring::new(5, &[], &body).run(40);
    for value in 0..40 {
        ring.send(1, 0, &json!({"type": "push_ok", "messages": [value]}));
    }
    let found = "items[*] of type push, of.*{keys} of type pull";
    assert_eq!(ring.source(), Source::Learned(found.to_owned()));
    assert_eq!(ring.tracer.trace().entries.sent, 40 * 4);
}

#[test]
fn a_place_that_the_user_names_counts_alone() {
    let body = |hop: &Hop| json!({"type": "g", "message": hop.value, "x": [hop.hops]});
    let ring = Ring::new(3, &["body.x[*]"], &body).run(10);
    assert_eq!(ring.source(), Source::Given("x[*] of type g".to_owned()));
    let nowhere = Ring::new(3, &["y"], &body).run(10).source();
    assert!(nowhere.why_not().unwrap().starts_with("nothing that clients broadcast stands where"));
}

#[test]
fn reads_outweigh_messages_and_a_later_message_counts_again() {
    let body = |hop: &Hop| json!({"type": "g", "message": hop.value});
    let mut ring = Ring::new(3, &[], &body).run(8);
    let received = ring.now;
    let but_7: Vec<u64> = (0..7).collect();
    ring.read(1, &but_7);
    let trace = ring.tracer.trace();
    assert!(trace.values[7].hold(1).is_none());
    let sent = trace.values[7].unreturned_by(1).unwrap();
    assert!(sent.at <= received && matches!(sent.via, Via::Message { .. } | Via::Client(_)));
    assert_eq!(holders(&ring.tracer, 6).len(), 3);

    ring.send(0, 1, &json!({"type": "g", "message": 7}));
    let again = ring.now;
    ring.read(1, &(0..8).collect::<Vec<_>>());
    let trace = ring.tracer.trace();
    assert_eq!(trace.values[7].hold(1).unwrap().at, again);
    assert!(trace.values[7].unreturned.is_empty());
}

#[test]
fn a_read_shows_what_no_message_did() {
    let body = |hop: &Hop| json!({"type": "g", "message": hop.value});
    let mut ring = Ring::new(3, &[], &body).run(8);
    let value = ring.broadcast(0);
    ring.read(2, &[value]);
    let trace = ring.tracer.trace();
    assert_eq!(trace.values[8].hold(2).map(|hold| hold.via), Some(Via::Read));
    // That read lacks all others, which proves that they are lost.
    assert!(trace.values[0].hold(2).is_none());
}

#[test]
fn a_node_that_forgets_holds_nothing_and_what_it_gets_again_is_not_redundant() {
    let body = |hop: &Hop| json!({"type": "g", "message": hop.value});
    let mut ring = Ring::new(3, &[], &body).run(8);
    let first = ring.tracer.trace().values[3].hold(1).unwrap().at;
    ring.tracer.forgot(1);
    assert!(!holders(&ring.tracer, 3).contains(&1));
    ring.read(1, &[]);
    assert!(ring.tracer.trace().values[3].unreturned.is_empty(), "it was held before");
    ring.send(0, 1, &json!({"type": "g", "message": 3}));
    let trace = ring.tracer.trace();
    assert_eq!(trace.values[3].hold(1).unwrap().at, first, "the first time counts");
    assert_eq!(trace.entries.repeated, 0);
    ring.send(0, 1, &json!({"type": "g", "message": 3}));
    assert_eq!(ring.tracer.trace().entries.repeated, 1);
}

#[test]
fn events_are_replayed_in_order() {
    let body = |hop: &Hop| json!({"type": "g", "message": hop.value});
    let mut ring = Ring::new(2, &[], &body);
    ring.tracer.connected(1, vec![0, 1]);
    ring.flood(0);
    ring.tracer.forgot(1);
    let mut events = Vec::new();
    ring.tracer.replay(|event| {
        events.push(match event {
            Event::Held { node, .. } => format!("n{node} holds"),
            Event::Acked { node, .. } => format!("n{node} acks"),
            Event::Forgot { node } => format!("n{node} forgets"),
            Event::Connected { components, .. } => format!("{components:?}"),
        });
    });
    assert_eq!(events, ["[0, 1]", "n0 holds", "n0 acks", "n1 holds", "n1 forgets"]);
}

#[test]
fn a_place_that_holds_other_things_as_well_holds_no_values() {
    let other = |value: u64| if value.is_multiple_of(2) { value } else { value + 1_000_000 };
    let body = |hop: &Hop| json!({"type": "g", "x": other(hop.value)});
    assert!(matches!(Ring::new(5, &[], &body).run(60).source(), Source::Reads(_)));
}

#[test]
fn a_read_says_nothing_of_messages_that_came_after_it_began() {
    let body = |hop: &Hop| json!({"type": "g", "message": hop.value});
    let mut ring = Ring::new(3, &[], &body).run(8);
    let value = ring.broadcast(0);
    let begun = ring.now;
    ring.send(0, 1, &json!({"type": "g", "message": value}));
    let set = ReadSet { ints: (0..8).collect(), ..ReadSet::default() };
    ring.tracer.read(1, begun, ring.now + 1, &set);
    assert!(ring.tracer.trace().values[8].hold(1).is_some());
    ring.tracer.read(1, ring.now + 1, ring.now + 2, &set);
    assert!(ring.tracer.trace().values[8].hold(1).is_none());
}

#[test]
fn a_value_that_comes_back_to_its_origin_or_by_another_place_is_redundant() {
    let body = |hop: &Hop| json!({"type": "g", "message": hop.value});
    let mut ring = Ring::new(3, &[], &body).run(8);
    let value = ring.broadcast(0);
    let repeated = |ring: &Ring<'_>| ring.tracer.trace().entries.repeated;
    ring.send(0, 1, &json!({"type": "g", "message": value}));
    assert_eq!(repeated(&ring), 0);
    ring.send(1, 0, &json!({"type": "g", "message": value}));
    assert_eq!(repeated(&ring), 1);
    // This place brings n2 the value first, so it counts.
    ring.send(0, 2, &json!({"type": "h", "message": value}));
    ring.send(0, 1, &json!({"type": "h", "message": value}));
    assert_eq!(repeated(&ring), 2);
}

#[test]
fn counters_that_run_alike_in_all_nodes_are_not_taken_for_values() {
    let counters = RefCell::new([0_u64; 25]);
    let count = |hop: &Hop| {
        let count = &mut counters.borrow_mut()[hop.from as usize];
        *count += 1;
        *count - 1
    };
    let hidden =
        |hop: &Hop| json!({"type": "g", "data": format!("v{}", hop.value), "seq": count(hop)});
    assert!(matches!(Ring::new(25, &[], &hidden).run(60).source(), Source::Reads(_)));
    counters.replace([0; 25]);
    let shown = |hop: &Hop| json!({"type": "g", "v": hop.value, "seq": count(hop)});
    let found = Source::Learned("v of type g".to_owned());
    assert_eq!(Ring::new(25, &[], &shown).run(60).source(), found);
    // A number goes round like a value, but it begins at a node that did not have it.
    let none = |_: &Hop| json!({});
    let mut ring = Ring::new(25, &[], &none);
    for _ in 0..60 {
        let seq = ring.broadcast(3);
        for hop in 0..24 {
            let from = (7 + hop) % 25;
            ring.send(from, (from + 1) % 25, &json!({"type": "g", "seq": seq}));
        }
    }
    assert!(matches!(ring.source(), Source::Reads(_)));
}

#[test]
fn a_place_that_brings_next_to_nothing_new_is_left_out() {
    let body = |hop: &Hop| json!({"type": "g", "v": hop.value});
    let mut ring = Ring::new(5, &[], &body).run(60);
    for x in 0..60 {
        ring.send(0, 1, &json!({"type": "noise", "x": x}));
    }
    let value = ring.broadcast(0);
    ring.send(0, 1, &json!({"type": "noise", "x": value}));
    ring.send(0, 1, &json!({"type": "g", "v": value}));
    assert_eq!(ring.source(), Source::Learned("v of type g".to_owned()));
}

#[test]
fn the_elements_of_a_tuple_are_told_apart() {
    let tuple = |hop: &Hop| json!({"type": "g", "p": [hop.hops, hop.value, "x"]});
    let ring = Ring::new(5, &[], &tuple).run(60);
    assert_eq!(ring.source(), Source::Learned("p[1] of type g".to_owned()));
    assert_eq!(ring.tracer.trace().entries.sent, 60 * 4);
    // A list that happens to begin with two elements is a list all the same.
    let list = |hop: &Hop| match hop.value {
        0 => json!({"type": "g", "p": [0, 0]}),
        value => json!({"type": "g", "p": [value]}),
    };
    let ring = Ring::new(5, &[], &list).run(60);
    assert_eq!(ring.source(), Source::Learned("p[*] of type g".to_owned()));
}

#[test]
fn additions_are_seen_in_our_own_messages_and_in_no_others() {
    let origin = Origin { node: NodeId(0), generation: Generation(7) };
    let names = ["n0", "n1"].map(Name::from).to_vec();
    let nodes = Arc::new(Nodes::from(names.clone()));
    let entries = [Entries { origin, first: 0, values: [Value::Int(5)].into() }].into();
    let own = Gossip { generation: Generation(7), entries, ..Gossip::default() };
    let mut own_body = Vec::new();
    Named::new(own, &nodes).write_json(&mut own_body);
    let own_body = String::from_utf8(own_body).unwrap();
    let foreign = json!({"type": "gossip", "deltas": [5]}).to_string();
    for (kind, body, seen) in [("rumormill", own_body, 1), ("gossip", foreign, 0)] {
        let mut tracer = Tracer::new(&names, &[]);
        let number = tracer.added(100);
        tracer.taken(0, number, 110, 1);
        let carried = tracer.sent(0, kind, &body);
        tracer.received((0, 1), &carried, 200, 2);
        let trace = tracer.trace();
        assert_eq!(trace.values.len(), seen, "{kind}: {body}");
        assert_eq!(trace.source.is_messages(), seen == 1);
        assert!(trace.values.iter().all(|value| value.holds.len() == 2));
    }
}
