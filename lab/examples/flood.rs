//! The simplest node that passes the broadcast workload on a good network, and only there.
//!
//! A value that is new goes once to every neighbour but the one it came from, and nobody
//! acknowledges anything: what a partition swallows is lost for good. The lab is calibrated with
//! it, and it is the node that must *fail* when there are partitions.

use std::collections::BTreeSet;
use std::io::{self, BufRead, BufReader, BufWriter, Write};

use serde_json::{Value, json};

#[derive(Default)]
struct Flood {
    id: Value,
    neighbours: Vec<Value>,
    values: BTreeSet<i64>,
}

impl Flood {
    /// Takes one message and writes what it causes.
    fn handle(&mut self, message: &Value, out: &mut impl Write) -> io::Result<()> {
        let (src, body) = (&message["src"], &message["body"]);
        let msg_id = &body["msg_id"];
        match body["type"].as_str() {
            Some("init") => {
                self.id = body["node_id"].clone();
                self.send(out, src, &json!({"type": "init_ok", "in_reply_to": msg_id}))
            }
            Some("topology") => {
                let mine = self.id.as_str().unwrap_or_default();
                self.neighbours = body["topology"][mine].as_array().cloned().unwrap_or_default();
                self.send(out, src, &json!({"type": "topology_ok", "in_reply_to": msg_id}))
            }
            Some("broadcast") => {
                if body["message"].as_i64().is_some_and(|value| self.values.insert(value)) {
                    let news = json!({"type": "broadcast", "message": body["message"]});
                    for neighbour in self.neighbours.iter().filter(|&neighbour| neighbour != src) {
                        self.send(out, neighbour, &news)?;
                    }
                }
                // Only clients number their broadcasts and want an answer.
                if msg_id.is_null() {
                    return Ok(());
                }
                self.send(out, src, &json!({"type": "broadcast_ok", "in_reply_to": msg_id}))
            }
            Some("read") => {
                let values = &self.values;
                let reply = json!({"type": "read_ok", "messages": values, "in_reply_to": msg_id});
                self.send(out, src, &reply)
            }
            _ => Ok(()),
        }
    }

    fn send(&self, out: &mut impl Write, dest: &Value, body: &Value) -> io::Result<()> {
        writeln!(out, r#"{{"src":{},"dest":{dest},"body":{body}}}"#, self.id)
    }
}

fn main() -> io::Result<()> {
    let mut input = BufReader::new(io::stdin());
    let mut out = BufWriter::new(io::stdout());
    let mut node = Flood::default();
    let mut line = String::new();
    while input.read_line(&mut line)? > 0 {
        node.handle(&serde_json::from_str(&line)?, &mut out)?;
        line.clear();
        // One flush for all that has arrived, not one per line.
        if !input.buffer().contains(&b'\n') {
            out.flush()?;
        }
    }
    Ok(())
}
