//! A node with a journal, as a process: killed, started again, and kept from its files.

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use support::{End, Process, assert_replays};

/// A directory of this test, which is empty at first.
struct Data(PathBuf);

impl Data {
    fn new(test: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("journal-{test}"));
        let _ = fs::remove_dir_all(&path);
        Self(path)
    }

    fn flag(&self) -> String {
        format!("--data-dir={}", self.0.display())
    }

    fn segment(&self) -> PathBuf {
        self.0.join("n0/00000001.segment")
    }

    fn start(&self, args: &[&str]) -> Process {
        Process::start(&[&[&*self.flag()], args].concat())
    }

    fn started(&self) -> Process {
        let mut node = self.start(&[]);
        node.init();
        node
    }

    /// The end of a node that cannot open its journal.
    fn refused(&self, args: &[&str], init: &Value) -> End {
        let mut node = self.start(args);
        node.send(init);
        let end = node.end();
        assert_eq!((end.status.code(), &*end.lines), (Some(1), &[][..]), "{}", end.log);
        end
    }
}

fn init() -> Value {
    json!({"type": "init", "node_id": "n0", "node_ids": ["n0"], "msg_id": 1})
}

fn broadcast(node: &mut Process, value: u32) {
    node.send(&json!({"type": "broadcast", "message": value, "msg_id": 2}));
    assert_eq!(node.body(), json!({"type": "broadcast_ok", "in_reply_to": 2}));
}

fn read(node: &mut Process) -> Vec<u64> {
    node.send(&json!({"type": "read", "msg_id": 3}));
    let body = node.body();
    let messages = body["messages"].as_array().unwrap();
    messages.iter().map(|value| value.as_u64().unwrap()).collect()
}

#[test]
fn acknowledged_values_survive_any_number_of_kills_in_generations_that_grow() {
    let data = Data::new("kills");
    let mut last = 0;
    for life in 0..5 {
        let mut node = data.started();
        assert_eq!(read(&mut node), (0..2 * life).collect::<Vec<_>>());
        broadcast(&mut node, 2 * life as u32);
        broadcast(&mut node, 2 * life as u32 + 1);
        let line =
            node.kill_once_logged(&format!("journal of n0: {} entries, generation ", 2 * life));
        let generation: u64 = line.trim().rsplit(' ').next().unwrap().parse().unwrap();
        assert!(generation > last, "{line}");
        last = generation;
    }
}

#[test]
fn a_node_that_ends_with_its_input_has_replied_to_all_of_it() {
    let data = Data::new("end");
    let mut node = data.started();
    (0..50).for_each(|value| {
        node.send(&json!({"type": "broadcast", "message": value, "msg_id": 2}));
    });
    let end = node.end();
    assert_eq!((end.status.code(), end.lines.len()), (Some(0), 50));
    assert_eq!(read(&mut data.started()).len(), 50);
}

#[test]
fn a_write_that_was_not_completed_is_cut_off_and_reported() {
    let data = Data::new("torn");
    let mut node = data.started();
    broadcast(&mut node, 7);
    node.kill();
    let bytes = fs::read(data.segment()).unwrap();
    fs::write(data.segment(), [&bytes[..], &bytes[..20]].concat()).unwrap();
    let mut node = data.started();
    assert_eq!(read(&mut node), [7]);
    let log = node.end().log;
    let note = format!(
        "segment: the last write was not completed: 20 bytes cut off at byte {}",
        bytes.len()
    );
    assert!(log.contains(&note), "{log}");
}

#[test]
fn a_damaged_journal_is_an_error_that_names_the_place_and_can_be_repaired() {
    let data = Data::new("damaged");
    let mut node = data.started();
    (1..=3).for_each(|value| broadcast(&mut node, value));
    node.kill();
    let mut bytes = fs::read(data.segment()).unwrap();
    bytes[20] ^= 1;
    fs::write(data.segment(), &bytes).unwrap();
    let log = data.refused(&[], &init()).log;
    assert!(log.contains("00000001.segment is damaged at byte 0: "), "{log}");
    let mut node = data.start(&["--repair"]);
    node.init();
    assert_eq!(read(&mut node), [1, 2, 3]);
    node.kill_once_logged("repaired: at byte 0");
    assert_eq!(read(&mut data.started()), [1, 2, 3]);
    assert_eq!(fs::read(data.0.join("n0/00000001.damaged")).unwrap(), bytes);
}

#[test]
fn a_directory_that_is_no_place_for_a_journal_is_an_error_before_anything_is_acknowledged() {
    let data = Data::new("places");
    let mut node = data.started();
    broadcast(&mut node, 1);
    let log = data.refused(&[], &init()).log;
    assert!(log.contains("n0 is in use by another process"), "{log}");
    node.kill();

    fs::rename(data.0.join("n0"), data.0.join("n1")).unwrap();
    let named = json!({"type": "init", "node_id": "n1", "node_ids": ["n0", "n1"], "msg_id": 1});
    let log = data.refused(&[], &named).log;
    assert!(log.contains("00000001.segment is of node n0, and this is node n1"), "{log}");
    fs::rename(data.0.join("n1"), data.0.join("n0")).unwrap();

    fs::write(data.0.join("n2"), "a file").unwrap();
    let taken = json!({"type": "init", "node_id": "n2", "node_ids": ["n2"], "msg_id": 1});
    let log = data.refused(&[], &taken).log;
    assert!(log.contains("cannot make") && log.contains("n2"), "{log}");

    let file = data.segment().display().to_string();
    let end = Process::start(&["--data-dir", &file]).end();
    assert_eq!(end.status.code(), Some(1));
    assert!(end.log.contains(&format!("cannot make {file}: ")), "{}", end.log);
}

#[test]
fn entries_of_a_node_that_is_not_in_the_cluster_are_not_passed_over() {
    let data = Data::new("cluster");
    let mut node = data.start(&["--protocol=flood"]);
    node.send(&json!({"type": "init", "node_id": "n0", "node_ids": ["n0", "n1"], "msg_id": 1}));
    assert_eq!(node.body()["type"], "init_ok");
    let push = json!({"type": "flood", "v": 1, "entry": ["n1", 1, 0], "message": 5});
    node.write(format!("{}\n", json!({"src": "n1", "dest": "n0", "body": push})).as_bytes());
    assert_eq!(read(&mut node), [5]);
    node.kill();
    let log = data.refused(&["--protocol=flood"], &init()).log;
    assert!(log.contains("it has entries of n1, which is not in the cluster"), "{log}");
}

#[test]
fn the_record_of_a_node_with_a_journal_replays() {
    let data = Data::new("record");
    let record = data.0.with_extension("record");
    let args = [format!("--record={}", record.display())];
    for life in 0..2 {
        let mut node = data.start(&[&args[0]]);
        node.init();
        (0..200).for_each(|value| node.assert_serves(&json!(life * 200 + value)));
        node.end();
        let records = assert_replays(&fs::read(&record).unwrap());
        assert!(records.lives[0].header.has_journal);
    }
}
