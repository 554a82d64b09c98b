use super::cluster::{Cluster, Partition};
use super::screen::{Frame, draw, line};

const INIT: &str = r#"{"t":5,"e":"send","id":0,"src":"c0","dest":"n0","body":{"type":"init","node_id":"n0","node_ids":["n0","n1","n2"],"msg_id":1}}"#;

fn messages(cluster: &mut Cluster, lines: &[&str]) {
    lines.iter().for_each(|line| cluster.message_line(line));
}

/// A value is broadcast at `n0` and is on its way to the others.
fn started() -> Cluster {
    let mut cluster = Cluster::new(&[]);
    let lines = [
        INIT,
        r#"{"t":10,"e":"zero"}"#,
        r#"{"t":11,"e":"send","id":1,"src":"c1","dest":"n0","body":{"type":"broadcast","message":7,"msg_id":1}}"#,
        r#"{"t":12,"e":"recv","id":1,"src":"c1","dest":"n0"}"#,
        r#"{"t":13,"e":"send","id":2,"src":"n0","dest":"n1","body":{"type":"rumormill","v":4,"id":[1,0],"entries":[0,1,0,7]}}"#,
        r#"{"t":13,"e":"send","id":3,"src":"n0","dest":"n2","body":{"type":"rumormill","v":4,"id":[1,0],"entries":[0,1,0,7]}}"#,
    ];
    messages(&mut cluster, &lines);
    cluster
}

/// The values of each node, and how many all of them hold.
fn held(cluster: &mut Cluster) -> (Vec<u64>, usize) {
    let trace = cluster.trace();
    let nodes = cluster.nodes.len();
    let on_all = trace.values.iter().filter(|value| value.holds.len() == nodes).count();
    (cluster.nodes.iter().map(|node| node.held).collect(), on_all)
}

#[test]
fn what_has_arrived_is_held_and_the_rest_is_on_its_way() {
    let mut cluster = started();
    assert_eq!((held(&mut cluster), cluster.in_flight()), ((vec![1, 0, 0], 0), 2));
    messages(
        &mut cluster,
        &[
            r#"{"t":20,"e":"recv","id":2,"src":"n0","dest":"n1"}"#,
            r#"{"t":21,"e":"drop","id":3,"src":"n0","dest":"n2","cause":"partition"}"#,
            r#"{"t":21,"e":"recv","id":2,"src":"n0","dest":"n1"}"#,
            "damaged",
            r#"{"t":22,"e":"se"#,
        ],
    );
    assert_eq!((held(&mut cluster), cluster.in_flight()), ((vec![1, 1, 0], 0), 0));
    assert_eq!(cluster.dropped.get("partition"), Some(&1));
    assert_eq!((cluster.messages, cluster.between_nodes), (4, 2));
    let line = line(&mut cluster);
    assert!(line.contains("1 values, 0 on all 3 nodes") && line.contains("n2 lacks 1"), "{line}");
}

#[test]
fn others_show_what_they_hold_in_their_own_words_or_when_read() {
    let mut cluster = Cluster::new(&[]);
    let lines = [
        INIT,
        r#"{"t":11,"e":"send","id":1,"src":"c1","dest":"n0","body":{"type":"broadcast","message":7,"msg_id":1}}"#,
        r#"{"t":12,"e":"recv","id":1,"src":"c1","dest":"n0"}"#,
        r#"{"t":13,"e":"send","id":2,"src":"n0","dest":"n1","body":{"type":"broadcast","message":7}}"#,
        r#"{"t":14,"e":"recv","id":2,"src":"n0","dest":"n1"}"#,
        r#"{"t":15,"e":"send","id":3,"src":"n0","dest":"n1","body":{"type":"sync","messages":{"a":1},"message":[]}}"#,
        r#"{"t":16,"e":"send","id":4,"src":"c1","dest":"n2","body":{"type":"read","msg_id":3}}"#,
        r#"{"t":16,"e":"recv","id":4,"src":"c1","dest":"n2"}"#,
        r#"{"t":17,"e":"send","id":5,"src":"n2","dest":"c1","body":{"type":"read_ok","messages":[7,9,"x"],"in_reply_to":3}}"#,
    ];
    messages(&mut cluster, &lines);
    // 9 and "x" were never handed in: no reason to believe in them.
    assert_eq!(held(&mut cluster), (vec![1, 1, 1], 1));
    let lines = draw(&mut cluster, &frame(100, 24));
    assert!(lines.iter().any(|line| line.starts_with("node holds ")), "{lines:#?}");
}

#[test]
fn a_value_that_a_node_was_sent_and_never_returned_is_lacking() {
    let mut cluster = started();
    messages(
        &mut cluster,
        &[
            r#"{"t":20000010,"e":"recv","id":2,"src":"n0","dest":"n1"}"#,
            r#"{"t":30000010,"e":"send","id":7,"src":"c1","dest":"n1","body":{"type":"read","msg_id":3}}"#,
            r#"{"t":30000010,"e":"recv","id":7,"src":"c1","dest":"n1"}"#,
            r#"{"t":30000011,"e":"send","id":8,"src":"n1","dest":"c1","body":{"type":"read_ok","messages":[],"in_reply_to":3}}"#,
        ],
    );
    assert_eq!(held(&mut cluster), (vec![1, 0, 0], 0));
    let lines = draw(&mut cluster, &frame(100, 24));
    assert_eq!(lines[3], "  n1 was sent 7 (by n0 at 20 ms) and never returned it");
}

#[test]
fn partitions_come_and_go_with_the_history() {
    let mut cluster = started();
    for line in [
        "{:index 0, :time 5, :type :info, :process :nemesis, :f :start-partition, :value :one}",
        "{:index 1, :time 6, :type :info, :process :nemesis, :f :start-partition, :value [:isolated \
         {\"n0\" #{\"n2\"}, \"n1\" #{\"n2\"}, \"n2\" #{\"n0\" \"n1\"}}]}",
        "{:index 2, :time 7, :type :invoke, :process 1, :f :read, :value nil}",
        "{:index 3, :time 8, :type :ok, :process 1, :f :read, :value [1 2 3]}",
        "{:index 4, :time 8, :type :info, :process 2, :f :read, :value nil, :error :net-timeout}",
        "nonsense",
    ] {
        cluster.history_line(line);
    }
    let components = vec![vec!["n0".to_owned(), "n1".to_owned()], vec!["n2".to_owned()]];
    assert_eq!(cluster.partition, Some(Partition { number: 1, since: 6, components }));
    assert_eq!(cluster.operations, (1, 1, 1));
    let line = line(&mut cluster);
    assert!(line.contains("partition 1 since 0.0 s: n2 | n0 n1"), "{line}");
    cluster.history_line(
        "{:index 5, :time 9, :type :info, :process :nemesis, :f :stop-partition, :value :network-healed}",
    );
    assert_eq!(cluster.partition, None);
}

fn frame(width: usize, height: usize) -> Frame {
    Frame {
        store: "store/latest".to_owned(),
        state: "over".to_owned(),
        width,
        height,
        ..Frame::default()
    }
}

#[test]
fn the_picture_fits_any_terminal() {
    let mut many = Cluster::new(&[]);
    let names: Vec<String> = (0..150).map(|i| format!("\"n{i}\"")).collect();
    let init = INIT.replace(r#""n0","n1","n2""#, &names.join(","));
    many.message_line(&init);
    many.message_line(r#"{"t":11,"e":"send","id":1,"src":"c1","dest":"n7","body":{"type":"broadcast","message":7,"msg_id":1}}"#);
    many.message_line(r#"{"t":12,"e":"recv","id":1,"src":"c1","dest":"n7"}"#);
    for cluster in [&mut Cluster::new(&[]), &mut started(), &mut many] {
        for (width, height) in [(1, 1), (20, 3), (80, 24), (200, 300), (80, usize::MAX)] {
            for colour in [false, true] {
                let lines = draw(
                    cluster,
                    &Frame { style: crate::screen::Style { colour }, ..frame(width, height) },
                );
                assert!(lines.len() <= height && !lines.is_empty());
                for line in lines {
                    let codes = ["\x1b[1m", "\x1b[2m", "\x1b[33m", "\x1b[0m"];
                    let plain =
                        codes.iter().fold(line.clone(), |text, code| text.replace(code, ""));
                    let length = plain.chars().count();
                    assert!(length <= width, "{length} > {width}: {line:?}");
                }
            }
        }
    }
    let lines = draw(&mut many, &frame(80, 24));
    assert_eq!(lines.len(), 24);
    assert!(
        lines.last().is_some_and(|line| line.starts_with("and 134 more nodes: 133 of them lack")),
        "{lines:#?}"
    );
    assert_eq!(draw(&mut many, &frame(80, usize::MAX)).len(), 157);
}

#[test]
fn when_a_run_is_over_nothing_is_on_its_way_any_more() {
    let words =
        |is_over: bool| draw(&mut started(), &Frame { is_over, ..frame(80, 24) })[1].clone();
    assert!(words(false).ends_with("1 still on their way"), "{}", words(false));
    assert!(words(true).ends_with("1 missing on some node"), "{}", words(true));
}
