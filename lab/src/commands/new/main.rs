//! A Maelstrom node for the broadcast workload. It works while no message is lost.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, Write};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

const TICK: Duration = Duration::from_millis(100);

#[derive(Default)]
struct Node {
    name: String,
    neighbours: Vec<String>,
    values: BTreeSet<i64>,
    /// Values sent to a neighbour that has not acknowledged them.
    unacked: BTreeMap<String, BTreeSet<i64>>,
}

impl Node {
    fn send(&self, dest: &str, body: &Value) {
        let mut out = std::io::stdout().lock();
        let message = json!({ "src": self.name, "dest": dest, "body": body });
        writeln!(out, "{message}").expect("stdout is open");
    }

    fn reply(&self, request: &Value, mut body: Value) {
        body["in_reply_to"] = request["body"]["msg_id"].clone();
        self.send(text(&request["src"]), &body);
    }

    fn on_message(&mut self, message: &Value) {
        let body = &message["body"];
        match text(&body["type"]) {
            // Requests of clients.
            "init" => {
                text(&body["node_id"]).clone_into(&mut self.name);
                self.neighbours = names(&body["node_ids"]);
                self.neighbours.retain(|node| *node != self.name);
                self.reply(message, json!({ "type": "init_ok" }));
            }
            "topology" => {
                self.neighbours = names(&body["topology"][&self.name]);
                self.reply(message, json!({ "type": "topology_ok" }));
            }
            "broadcast" => {
                self.learn(number(&body["message"]), None);
                self.reply(message, json!({ "type": "broadcast_ok" }));
            }
            "read" => {
                self.reply(message, json!({ "type": "read_ok", "messages": self.values }));
            }
            // Messages of other nodes.
            "gossip" => {
                let (value, sender) = (number(&body["value"]), text(&message["src"]));
                self.learn(value, Some(sender));
                self.send(sender, &json!({ "type": "gossip_ok", "value": value }));
            }
            "gossip_ok" => {
                if let Some(values) = self.unacked.get_mut(text(&message["src"])) {
                    values.remove(&number(&body["value"]));
                }
            }
            other => eprintln!("a message of type {other:?}, which this node does not know"),
        }
    }

    /// Keeps a value and passes it on, the first time that it comes.
    fn learn(&mut self, value: i64, sender: Option<&str>) {
        if !self.values.insert(value) {
            return;
        }
        for neighbour in self.neighbours.clone() {
            if Some(&*neighbour) != sender {
                self.send(&neighbour, &json!({ "type": "gossip", "value": value }));
                self.unacked.entry(neighbour).or_default().insert(value);
            }
        }
    }

    /// Runs every [`TICK`].
    fn on_tick(&mut self) {
        // Your part: whatever is in self.unacked may have been lost. Send it again.
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn number(value: &Value) -> i64 {
    value.as_i64().expect("an integer")
}

fn names(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(|name| text(name).to_owned()).collect()
}

fn main() {
    let (to, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if to.send(line).is_err() {
                return;
            }
        }
    });
    let mut node = Node::default();
    let mut next_tick = Instant::now() + TICK;
    loop {
        match lines.recv_timeout(next_tick.saturating_duration_since(Instant::now())) {
            Ok(line) => node.on_message(&serde_json::from_str(&line).expect("JSON")),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        if Instant::now() >= next_tick {
            next_tick += TICK;
            node.on_tick();
        }
    }
}
