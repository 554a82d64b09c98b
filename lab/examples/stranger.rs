//! A flood node with one mistake, which its first argument names: what other people's first nodes
//! do, for tests of what the lab says about it. Without an argument it makes none.

use std::collections::BTreeSet;
use std::io::{self, BufRead as _, Write as _};
use std::time::Duration;

use serde_json::{Value, json};

/// Requests that the node survives if it is to crash.
const LIFE: u32 = 10;

#[derive(Default)]
struct Stranger {
    mistake: String,
    id: Value,
    neighbours: Vec<Value>,
    values: BTreeSet<i64>,
    handled: u32,
}

impl Stranger {
    fn is(&self, mistake: &str) -> bool {
        self.mistake == mistake
    }

    /// Writes a line, or what the node takes for one.
    fn put(&self, text: &str) {
        let end = if self.is("no-newline") { "" } else { "\n" };
        let text = if self.is("silent") { String::new() } else { format!("{text}{end}") };
        let mut out = io::stdout();
        // The lab has gone: so will the node.
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }

    fn send(&self, dest: &Value, body: &Value) {
        let src = if self.is("false-name") { &json!("n0") } else { &self.id };
        self.put(&json!({"src": src, "dest": dest, "body": body}).to_string());
    }

    fn reply(&self, message: &Value, mut body: Value) {
        let number = &message["body"]["msg_id"];
        if self.is("text-id") {
            body["in_reply_to"] = number.to_string().into();
        } else if !self.is("no-id") {
            body["in_reply_to"] = number.clone();
        }
        self.send(&message["src"], &body);
        if self.is("twice") {
            self.send(&message["src"], &body);
        }
    }

    /// The answer to a read, with what is wrong with it.
    fn read(&self) -> Value {
        let mut list: Vec<Value> = self.values.iter().map(|value| json!(value)).collect();
        match &*self.mistake {
            "null" if list.is_empty() => return json!({"type": "read_ok", "messages": null}),
            "word" => return json!({"type": "read_ok", "messages": "none"}),
            "refuse-reads" => {
                return json!({"type": "error", "code": 11, "text": "the list is locked"});
            }
            "negative" => list.push(json!(-7)),
            "text" => list.push(json!("0")),
            _ => {}
        }
        json!({"type": "read_ok", "messages": list})
    }

    fn learn(&mut self, message: &Value) {
        let value = &message["body"]["message"];
        let is_from_node = message["src"].as_str().is_some_and(|src| src.starts_with('n'));
        let is_third = value.as_i64().is_some_and(|value| value % 3 == 0);
        if self.is("drop") && self.id == "n1" && is_from_node && is_third {
            return;
        }
        if !self.values.insert(value.as_i64().unwrap_or_default()) {
            return;
        }
        for neighbour in self.neighbours.iter().filter(|&other| *other != message["src"]) {
            self.send(neighbour, &json!({"type": "rumormill", "message": value}));
        }
    }

    fn handle(&mut self, message: &Value) {
        self.handled += 1;
        if self.is("slow") {
            std::thread::sleep(Duration::from_millis(20));
        }
        if self.is("crash") && self.handled == LIFE && self.id == "n1" {
            eprintln!("about to fail: \u{1b}[31mred\u{1b}[0m");
            std::process::exit(3);
        }
        let body = &message["body"];
        match body["type"].as_str() {
            Some("init") => {
                self.id = body["node_id"].clone();
                self.reply(message, json!({"type": "init_ok"}));
            }
            Some("topology") => {
                let mine = self.id.as_str().unwrap_or_default();
                self.neighbours = body["topology"][mine].as_array().cloned().unwrap_or_default();
                self.reply(message, json!({"type": "topology_ok"}));
            }
            Some("read") => self.reply(message, self.read()),
            Some("broadcast") if self.is("refuse") => {
                let text = "no handler for broadcast";
                self.reply(message, json!({"type": "error", "code": 10, "text": text}));
            }
            Some("broadcast") => {
                self.reply(message, json!({"type": "broadcast_ok"}));
                self.learn(message);
            }
            _ => self.learn(message),
        }
    }
}

fn main() -> io::Result<()> {
    let mistake = std::env::args().nth(1).unwrap_or_default();
    let mut node = Stranger { mistake, ..Stranger::default() };
    match &*node.mistake {
        "banner" => node.put("the node is up"),
        "mark" => print!("\u{feff}"),
        _ => {}
    }
    for line in io::stdin().lock().lines() {
        node.handle(&serde_json::from_str(&line?)?);
    }
    Ok(())
}
