use jiff::civil::date;
use jiff::tz::{Offset, TimeZone};
use rumormill::cluster::Nodes;
use rumormill_judge::checker::script::history;
use rumormill_judge::history::{Action, Op, OpError, OpKind, OpValue, Process, READ, ReadSet};
use rumormill_judge::message::events::{EventSink as _, PacketEvent};
use rumormill_judge::message::packet::{Packet, Payload, Peer};
use rumormill_judge::verdict::sample;
use rumormill_sim::network::DropCause;

use super::sink::write_op;
use super::*;

fn start() -> Zoned {
    let zone = TimeZone::fixed(Offset::from_hours(2).unwrap());
    date(2025, 11, 21).at(9, 6, 0, 42_000_000).to_zoned(zone).unwrap()
}

#[test]
fn directories_and_links_have_maelstroms_names() {
    let base = tempfile::tempdir().unwrap();
    let first = Store::create(base.path(), "broadcast", &start()).unwrap();
    let name = "20251121T090600.042+0200";
    assert_eq!(first.dir(), base.path().join("broadcast").join(name));
    assert_eq!(first.node_log("n0"), first.dir().join("node-logs/n0.log"));
    assert_eq!(first.node_log("../n0"), first.dir().join("node-logs/.._n0.log"));
    assert!(first.dir().join("node-logs").is_dir());
    first.publish().unwrap();

    let second = Store::create(base.path(), "broadcast", &start()).unwrap();
    assert!(second.dir().ends_with("20251121T090600.043+0200"), "{second:?}");
    second.publish().unwrap();
    let points_to = |link: &str| fs::read_link(base.path().join(link)).unwrap();
    let below = Path::new("broadcast/20251121T090600.043+0200");
    assert_eq!(points_to("current"), below);
    assert_eq!(points_to("latest"), below);
    assert_eq!(points_to("broadcast/latest"), Path::new("20251121T090600.043+0200"));
    assert!(base.path().join("latest/node-logs").is_dir());
    assert!(base.path().join("broadcast/latest/node-logs").is_dir());
}

#[test]
fn results_are_written_in_both_forms_and_nothing_else_is_left() {
    let base = tempfile::tempdir().unwrap();
    let store = Store::create(base.path(), "broadcast", &start()).unwrap();
    let results = sample::results();
    store.write_results(&results).unwrap();
    let read = |name: &str| fs::read_to_string(store.dir().join(name)).unwrap();
    assert_eq!(serde_json::from_str::<Results>(&read("results.json")).unwrap(), results);
    assert!(read("results.edn").contains(":msgs-per-op 11.608248"));
    assert_eq!(fs::read_dir(store.dir()).unwrap().count(), 3);
}

#[test]
fn a_store_that_cannot_be_made_is_an_error_with_its_path() {
    let base = tempfile::tempdir().unwrap();
    let file = base.path().join("store");
    fs::write(&file, "").unwrap();
    let error = Store::create(&file, "broadcast", &start()).unwrap_err().to_string();
    assert!(error.contains("store/broadcast cannot be made"), "{error}");
}

fn line_of(op: &Op, read_text: Option<&str>) -> String {
    let mut line = Vec::new();
    write_op(&mut line, op, read_text).unwrap();
    let line = String::from_utf8(line).unwrap();
    rumormill_judge::format::edn::Edn::parse(&line).unwrap();
    line
}

#[test]
fn operations_have_maelstroms_form() {
    let ops =
        history("i2 add7@1.5, ok2 add7@2, i1 read!@3, ok1 read[0 7]!@4, i2 add8@5, info2 add8@6");
    assert_eq!(
        line_of(&ops[0], None),
        "{:index 0, :time 1500000, :type :invoke, :process 2, :f :broadcast, :value 7}"
    );
    assert_eq!(
        line_of(&ops[2], None),
        "{:index 2, :time 3000000, :type :invoke, :process 1, :f :read, :value nil, :final? true}"
    );
    assert!(line_of(&ops[3], Some("7,0, 0")).contains(":value [7 0 0], :final? true}"));
    assert!(line_of(&ops[3], None).contains(":value [0 7], :final? true}"));
    assert!(line_of(&ops[5], None).ends_with(":value 8, :error :net-timeout}"));
}

#[test]
fn values_of_other_types_stay_readable() {
    let ops = history("i1 read@3, ok1 read[]@4");
    let line = line_of(&ops[1], Some(r#"1,"a\/\"b",null,{"k":[1.5]}"#));
    assert!(line.contains(r#":value [1 "a/\"b" nil {:k [1.5]}]}"#), "{line}");
    assert!(line_of(&ops[1], Some("")).contains(":value []}"));
}

#[test]
fn errors_and_nemesis_have_maelstroms_form() {
    let mut ops = history("i1 read@3, fail1 read@4");
    let mut with_error = |error| {
        ops[1].error = Some(error);
        line_of(&ops[1], None)
    };
    let name = "temporarily-unavailable".to_owned();
    let line = with_error(OpError::Reply { name: name.clone(), text: None });
    assert!(line.ends_with(":value nil, :error [:temporarily-unavailable nil]}"), "{line}");
    let line = with_error(OpError::Reply { name, text: Some("busy \"now\"".to_owned()) });
    assert!(line.ends_with(r#":error [:temporarily-unavailable "busy \"now\""]}"#), "{line}");
    let line = with_error(OpError::Exception("no type".to_owned()));
    assert!(
        line.ends_with(":exception {:message \"no type\"}, :error \"indeterminate: no type\"}")
    );
    let nemesis = Op {
        index: 3,
        time: 9,
        kind: OpKind::Info,
        process: Process::Nemesis,
        action: Action::Nemesis {
            name: "start-partition".to_owned(),
            value_edn: "[:isolated {\"n0\" #{\"n1\"}}]".to_owned(),
        },
        is_final: false,
        error: None,
    };
    assert_eq!(
        line_of(&nemesis, None),
        "{:index 3, :time 9, :type :info, :process :nemesis, :f :start-partition, \
         :value [:isolated {\"n0\" #{\"n1\"}}]}"
    );
}

fn nodes() -> Nodes {
    vec!["n0".into(), "n\"1".into()].into()
}

fn packet() -> Packet {
    let body = Payload::Text(r#"{"type":"rumormill"}"#.into());
    Packet::uncounted(5, (Peer::Node(0), Peer::Node(1)), body)
}

#[test]
fn the_sink_streams_history_and_messages() {
    let base = tempfile::tempdir().unwrap();
    let store = Store::create(base.path(), "broadcast", &start()).unwrap();
    let mut sink = store.sink().unwrap();
    sink.zero(1);
    sink.packet(2, PacketEvent::Sent, &packet(), &nodes());
    sink.packet(3, PacketEvent::Received, &packet(), &nodes());
    sink.packet(4, PacketEvent::Dropped(DropCause::Partition), &packet(), &nodes());
    let set = ReadSet::default();
    let mut op = history("i0 read@0").remove(0);
    op.action = Action::Client { f: READ, value: OpValue::Set(set) };
    sink.op(&op, None);
    sink.finish().unwrap();
    let read = |name: &str| fs::read_to_string(store.dir().join(name)).unwrap();
    assert_eq!(
        read("messages.jsonl").lines().collect::<Vec<_>>(),
        [
            r#"{"t":1,"e":"zero"}"#,
            r#"{"t":2,"e":"send","id":5,"src":"n0","dest":"n\"1","body":{"type":"rumormill"}}"#,
            r#"{"t":3,"e":"recv","id":5,"src":"n0","dest":"n\"1"}"#,
            r#"{"t":4,"e":"drop","id":5,"src":"n0","dest":"n\"1","cause":"partition"}"#,
        ]
    );
    for line in read("messages.jsonl").lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
    assert_eq!(read("history.edn").lines().count(), 1);
}
