use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::cluster::{Name, Nodes};
use crate::effects::Entry;
use crate::id::{EntryId, Generation, NodeId, Origin};
use crate::maelstrom::message::{Body, Named};
use crate::set::Ranges;
use crate::value::Value;
use crate::wire::{Fields, Wire as _};

message! {
    /// One of each.
    enum Sample: "sample" {
        /// Everything.
        Full = "full" {
            /// Entries.
            entries: Vec<Entry>,
            /// Ranges by origin.
            held: BTreeMap<Origin, Ranges>,
            /// A node, if any.
            node: Option<NodeId>,
            /// Names of entries, with a number.
            ids: Vec<(EntryId, u32)>,
            /// A set.
            set: BTreeSet<u64>,
        },
        /// Nothing.
        Bare = "bare" {},
    }
}

fn nodes() -> Arc<Nodes> {
    Arc::new(["n0", "n\"1"].map(Name::from).to_vec().into())
}

fn id(node: u32, sequence: u64) -> EntryId {
    EntryId { origin: Origin { node: NodeId(node), generation: Generation(7) }, sequence }
}

fn full() -> Sample {
    let entry = |node, sequence, value| Entry { id: id(node, sequence), value };
    Sample::Full {
        entries: vec![
            entry(1, 4, Value::Int(-3)),
            entry(1, 5, Value::Json("{\"a\":[null,1.50]}".into())),
            entry(1, 7, Value::Int(8)),
            entry(0, 8, Value::Int(9)),
        ],
        held: BTreeMap::from([(id(0, 0).origin, [0..3, 5..6].into_iter().collect())]),
        node: Some(NodeId(1)),
        ids: vec![(id(0, 1), 2)],
        set: BTreeSet::from([3, 1]),
    }
}

fn json(message: &Sample) -> String {
    let mut json = Vec::new();
    Body::Peer(Named::new(message.clone(), &nodes())).write_json(&mut json);
    String::from_utf8(json).unwrap()
}

fn parse(body: &str) -> Result<Sample, String> {
    let line = format!("{{\"body\":{body}}}");
    let (fields, read) = Fields::read(&line);
    read.unwrap();
    Sample::decode(&fields, &nodes())
}

#[test]
fn a_message_is_written_in_runs_and_read_back() {
    let text = json(&full());
    let entries =
        r#""entries":[["n\"1",7,4,[-3,{"a":[null,1.50]}]],["n\"1",7,7,[8]],["n0",7,8,[9]]]"#;
    assert!(text.starts_with(r#"{"type":"sample","v":1,"kind":"full","#), "{text}");
    assert!(text.contains(entries), "{text}");
    assert!(text.contains(r#""held":[[["n0",7],[0,3,5,6]]]"#), "{text}");
    assert_eq!(parse(&text), Ok(full()));
    assert_eq!(json(&Sample::Bare {}), r#"{"type":"sample","v":1,"kind":"bare"}"#);
    assert_eq!(parse(r#"{"kind":"bare"}"#), Ok(Sample::Bare {}));
}

#[test]
fn the_values_of_a_message_are_found() {
    let mut values = Vec::new();
    full().values(&mut |value| values.push(value.clone()));
    assert_eq!(values.len(), 4);
    assert_eq!(values[3], Value::Int(9));
}

#[test]
fn a_field_that_is_wrong_is_named() {
    let good = json(&full());
    for (from, to, problem) in [
        ("\"full\"", "\"half\"", "field `kind`: expected full, bare, got \"half\""),
        ("[0,3,5,6]", "[0,3,5]", "field `held`: expected [start, end, …], ascending, got [0"),
        ("[0,3,5,6]", "[3,0]", "field `held`: expected [start, end, …], ascending, got [3"),
        ("[1,3]", "[1,-3]", "field `set`: expected an integer from 0 to 18446744073709551615"),
        ("\"node\":\"n\\\"1\"", "\"node\":\"n9\"", "field `node`: n9 is not in the cluster"),
        ("\"node\":\"n\\\"1\"", "\"x\":1", "field `node` is missing"),
        (",7,4,[", ",7,18446744073709551615,[", "field `entries`: expected [node, generation"),
        ("[\"n0\",7,8,[9]]", "[\"n0\",7,8]", "field `entries`: expected [node, generation"),
    ] {
        let bad = good.replacen(from, to, 1);
        assert_ne!(bad, good, "{from}");
        let got = parse(&bad).unwrap_err();
        assert!(got.starts_with(problem), "{to}: {got}");
    }
}
