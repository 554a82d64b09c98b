use rumormill::value::Value;

use super::life::{Cause, Life};
use super::summary::summary;
use super::words;
use crate::store::journal::{Journal, Partition};

/// Value 5 goes from n0 to n1 and n2; n2 gets it late, after a copy that a partition dropped, and
/// once more; n3 never does. Times are in ms from the history's zero.
fn journal() -> Journal {
    let mut text = String::new();
    let init = r#"{"type":"init","node_id":"n0","node_ids":["n0","n1","n2","n3"],"msg_id":1}"#;
    let gossip = |n: u64, all: bool| {
        let all = if all { r#","flags":"d""# } else { "" };
        format!(r#"{{"type":"rumormill","v":4,"id":[1,{n}],"entries":[0,1,0,[4,5]]{all}}}"#)
    };
    let mut event = |t: u64, rest: String| text += &format!("{{\"t\":{},{rest}}}\n", t * 1_000_000);
    let send = |id: u64, src: &str, dest: &str, body: &str| {
        format!(r#""e":"send","id":{id},"src":"{src}","dest":"{dest}","body":{body}"#)
    };
    let recv = |id: u64| format!(r#""e":"recv","id":{id},"src":"","dest":"""#);
    event(1, send(0, "c0", "n0", init));
    event(10, r#""e":"zero""#.to_owned());
    event(12, send(9, "c2", "n0", r#"{"type":"broadcast","message":4,"msg_id":1}"#));
    event(20, send(1, "c1", "n0", r#"{"type":"broadcast","message":5,"msg_id":9}"#));
    event(20, recv(1));
    event(21, send(2, "n0", "c1", r#"{"type":"broadcast_ok","in_reply_to":9}"#));
    event(21, recv(2));
    event(50, send(3, "n0", "n1", &gossip(0, false)));
    event(50, send(4, "n0", "n2", &gossip(0, false)));
    event(60, recv(3));
    event(60, r#""e":"drop","id":4,"src":"n0","dest":"n2","cause":"partition""#.to_owned());
    event(1_000, send(5, "n1", "n2", &gossip(0, true)));
    event(1_010, recv(5));
    event(1_020, send(6, "n0", "n2", &gossip(1, false)));
    event(1_030, recv(6));
    let mut journal = Journal::read(text.as_bytes(), &[], None).unwrap();
    journal.partitions.push(Partition {
        start: 55_000_000,
        end: Some(900_000_000),
        groups: Vec::new(),
    });
    journal
}

fn life(journal: &Journal) -> Life {
    // The value 4 is the first.
    assert_eq!(journal.trace.values[1].value, Value::Int(5));
    Life::of(journal, 1, &journal.copies()[1]).unwrap()
}

#[test]
fn a_value_is_followed_from_hop_to_hop() {
    let journal = journal();
    let life = life(&journal);
    assert_eq!((&*life.client, &*life.origin), ("c1", "n0"));
    assert_eq!((life.broadcast_ms, life.acked_ms), (Some(10.0), Some(11.0)));
    let holders: Vec<(&str, f64)> = life.holders.iter().map(|h| (&*h.node, h.held_ms)).collect();
    assert_eq!(holders, [("n0", 10.0), ("n1", 50.0), ("n2", 1_000.0)]);
    assert_eq!((&*life.missing, life.took_ms), (&["n3".to_owned()][..], None));
    assert_eq!(life.redundant, 1);
    assert_eq!(life.dropped[0].dropped_by.as_deref(), Some("partition 1"));

    let causes: Vec<Cause> = life.holders.iter().map(|holder| holder.cause).collect();
    assert_eq!(causes, [Cause::Origin, Cause::Window, Cause::Partition]);
    let n2 = life.holder_of("n2").unwrap();
    assert_eq!((n2.waited_ms, n2.dropped_before), (940.0, 1));
    let copy = n2.by.as_ref().unwrap();
    assert_eq!((copy.batch, copy.digest, &*copy.from), (2, true, "n1"));
    let way: Vec<&str> = life.way_to_last().iter().map(|holder| &*holder.node).collect();
    assert_eq!(way, ["n0", "n1", "n2"]);
}

#[test]
fn the_tree_says_what_happened() {
    let journal = journal();
    let life = life(&journal);
    let tree = words::tree(&life);
    for part in [
        "value 5, broadcast by c1 at n0",
        "  └─ n1  50.0 ms  sent 40.0 ms (waited 30.0 ms), 10.0 ms on the way, one of 2 in message 3",
        "     └─ n2  1000.0 ms",
        "with a digest, after 1 dropped",
        "  n3 never held it; 1 redundant copies",
        "  no message to n3 is seen to have had it",
        "dropped: n0 to n2, sent 40.0 ms: partition 1",
        "last: n2; most of the time: an earlier copy was dropped by a partition: n1 to n2, 950.0 ms",
    ] {
        assert!(tree.contains(part), "{part}\n{tree}");
    }
    let table = words::table(&[&life]);
    assert!(table.contains("n3         no message to n3 is seen to have had it"), "{table}");
    let line = words::message(&journal, &journal.messages[5]);
    assert!(line.contains("n0 -> n2  rumormill 0: 2 values  [4]  dropped: partition"), "{line}");
}

#[test]
fn the_summary_names_the_source_the_slowest_and_the_lost() {
    let journal = journal();
    let text = summary(&journal, &[life(&journal)], "store/latest");
    for part in [
        "1 value on 4 nodes, 4 messages between nodes",
        "deliveries  seen in rumormill messages",
        "lost        1 of 1 acknowledged",
        "5: no message to n3 is seen to have had it",
        "lab explain store/latest --lost",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

/// Nodes that are read by clients, and whose messages show nothing.
fn opaque(reads: &[(&str, &str)]) -> Journal {
    let mut lines = vec![
        r#"{"t":1,"e":"send","id":0,"src":"c0","dest":"n0","body":{"type":"init","node_ids":["n0","n1"],"msg_id":1}}"#.to_owned(),
        r#"{"t":2,"e":"send","id":1,"src":"c1","dest":"n0","body":{"type":"broadcast","message":5,"msg_id":1}}"#.to_owned(),
        r#"{"t":3,"e":"recv","id":1,"src":"c1","dest":"n0"}"#.to_owned(),
        r#"{"t":4,"e":"send","id":2,"src":"n0","dest":"c1","body":{"type":"broadcast_ok","in_reply_to":1}}"#.to_owned(),
        r#"{"t":5,"e":"recv","id":2,"src":"n0","dest":"c1"}"#.to_owned(),
        r#"{"t":6,"e":"send","id":3,"src":"n0","dest":"n1","body":{"type":"x","data":"?"}}"#.to_owned(),
    ];
    for (at, (node, list)) in (10..).step_by(10).zip(reads) {
        lines.push(format!(
            r#"{{"t":{at},"e":"send","id":{at},"src":"c2","dest":"{node}","body":{{"type":"read","msg_id":{at}}}}}"#
        ));
        lines
            .push(format!(r#"{{"t":{},"e":"recv","id":{at},"src":"c2","dest":"{node}"}}"#, at + 1));
        lines.push(format!(
            r#"{{"t":{},"e":"send","id":{},"src":"{node}","dest":"c2","body":{{"type":"read_ok","messages":{list},"in_reply_to":{at}}}}}"#,
            at + 2, at + 5
        ));
    }
    Journal::read((lines.join("\n") + "\n").as_bytes(), &[], None).unwrap()
}

#[test]
fn reads_alone_tell_what_is_lost_and_what_is_not_known() {
    let lost = opaque(&[("n1", "[]")]);
    let life = Life::of(&lost, 0, &lost.copies()[0]).unwrap();
    assert_eq!((life.missing, life.unread), (vec!["n1".to_owned()], vec![]));
    let unread = opaque(&[]);
    let life = Life::of(&unread, 0, &unread.copies()[0]).unwrap();
    assert_eq!((&life.missing[..], &life.unread[..]), (&[][..], &["n1".to_owned()][..]));
    assert!(words::tree(&life).contains("not known of n1: no read of them came later"));
    let word = opaque(&[("n1", "\"none\"")]);
    let life = Life::of(&word, 0, &word.copies()[0]).unwrap();
    assert_eq!((life.missing.len(), life.unread.len()), (0, 1), "a word is no list");
    let late = opaque(&[("n1", "[]"), ("n1", "[5]")]);
    let life = Life::of(&late, 0, &late.copies()[0]).unwrap();
    assert_eq!((life.missing.len(), life.holders[1].cause), (0, Cause::Unseen));
    assert!(words::tree(&life).contains("a read returned it; what brought it is not seen"));
    let text = summary(&late, &[life], "x");
    assert!(text.contains("seen in reads of clients only: no value"), "{text}");
}

#[test]
fn a_journal_cut_short_is_read_and_damage_is_named() {
    let good = "{\"t\":1,\"e\":\"send\",\"id\":0,\"src\":\"c0\",\"dest\":\"n0\",\"body\":\
                {\"type\":\"init\",\"node_id\":\"n0\",\"node_ids\":[\"n0\"],\"msg_id\":1}}\n";
    assert_eq!(
        Journal::read(format!("{good}{{\"t\":").as_bytes(), &[], None).unwrap().messages.len(),
        1
    );
    let error = Journal::read(format!("{good}{{\"t\":\n").as_bytes(), &[], None).unwrap_err();
    assert!(format!("{error:#}").starts_with("line 2"), "{error:#}");
    assert!(Journal::read(&b""[..], &[], None).is_err());
}

#[test]
fn another_nodes_gossip_is_not_taken_for_rumormills() {
    let line = |t: u64, src: &str, dest: &str, body: &str| {
        format!(
            "{{\"t\":{t},\"e\":\"send\",\"id\":{t},\"src\":\"{src}\",\"dest\":\"{dest}\",\
             \"body\":{body}}}\n"
        )
    };
    let text = [
        line(0, "c0", "n0", r#"{"type":"init","node_id":"n0","node_ids":["n0","n1"],"msg_id":1}"#),
        line(1, "n0", "n1", r#"{"type":"rumormill","message":5}"#),
        line(2, "n0", "n1", r#"{"type":"rumormill","v":4,"id":[1,2],"entries":[5]}"#),
        line(3, "n0", "n1", r#"{"type":"rumormill","id":"a","msg_id":7}"#),
        line(4, "n0", "n1", r#"{"type":"rumormill","v":4,"id":[1,2]}"#),
    ];
    let journal = Journal::read(text.concat().as_bytes(), &[], None).unwrap();
    let own: Vec<bool> = journal.messages.iter().map(|message| message.own.is_some()).collect();
    assert_eq!(own, [false, false, false, false, true]);
    // Fields of a form that Rumormill does not know do not hide the others.
    assert_eq!(journal.messages[3].msg_id, Some(7));
}

#[test]
fn additions_to_a_counter_of_another_node_have_no_values() {
    let text = r#"{"t":0,"e":"send","id":0,"src":"c0","dest":"n0","body":{"type":"init","node_id":"n0","node_ids":["n0"],"msg_id":1}}
{"t":1,"e":"send","id":1,"src":"c1","dest":"n0","body":{"type":"add","delta":3,"msg_id":1}}
{"t":2,"e":"recv","id":1,"src":"c1","dest":"n0"}
"#;
    let journal = Journal::read(text.as_bytes(), &[], None).unwrap();
    assert!(journal.copies().is_empty());
    assert!(words::message(&journal, &journal.messages[1]).contains("add"));
}
