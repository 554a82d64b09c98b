//! Reads `messages.jsonl`, and from `history.edn` when the network was cut.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use rumormill::protocols::flood::Push;
use rumormill::value::Value;
use rumormill::wire::Wire;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::edn::Edn;
use crate::envelope::body_type;
use crate::gossip::{self, OwnGossip};
use crate::history::Nanos;
use crate::store::MessageLine;

/// What a message says, as far as values go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A client hands in a value, or a node that speaks like a client tells one to another.
    Broadcast(Value),
    /// A node has taken the value of the request that this answers.
    BroadcastOk,
    /// Our gossip.
    Gossip(Gossip),
    /// A node that floods sends a value to another.
    Push(Value),
    /// Anything else, by its type.
    Other(String),
}

impl Content {
    /// The `type` on the wire.
    #[must_use]
    pub fn kind(&self) -> &str {
        match self {
            Self::Broadcast(_) => "broadcast",
            Self::BroadcastOk => "broadcast_ok",
            Self::Gossip(_) => gossip::KIND,
            Self::Push(_) => <Push as Wire>::TYPE,
            Self::Other(kind) => kind,
        }
    }

    /// The values that can be seen in it.
    #[must_use]
    pub fn values(&self) -> &[Value] {
        match self {
            Self::Broadcast(value) | Self::Push(value) => std::slice::from_ref(value),
            Self::Gossip(gossip) => &gossip.values,
            Self::BroadcastOk | Self::Other(_) => &[],
        }
    }
}

/// Our gossip.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gossip {
    /// Its number on its link.
    pub number: u64,
    /// The values it carries.
    pub values: Vec<Value>,
    /// It is a digest: sent to compare, to repair or to probe.
    pub is_digest: bool,
}

/// A message's way through the network.
#[derive(Clone, Debug)]
pub struct Message {
    /// Its number in the run.
    pub id: u64,
    /// Sender.
    pub src: String,
    /// Addressee.
    pub dest: String,
    /// When it entered the network, by the driver's clock.
    pub sent: Nanos,
    /// When it was handed over; more than once if it was duplicated.
    pub received: Vec<Nanos>,
    /// When and why it was dropped, if it was.
    pub dropped: Option<(Nanos, String)>,
    /// The length of its body as JSON, in bytes.
    pub bytes: usize,
    /// Its number as a request.
    pub msg_id: Option<i64>,
    /// The number of the request that it answers.
    pub in_reply_to: Option<i64>,
    /// What it says.
    pub content: Content,
}

/// A time in which the nemesis cut the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// When it began, by the driver's clock.
    pub start: Nanos,
    /// When it was healed.
    pub end: Option<Nanos>,
}

/// Everything that was sent in a run.
#[derive(Clone, Debug, Default)]
pub struct Journal {
    /// When the history's clock began.
    pub zero: Nanos,
    /// The nodes.
    pub nodes: Vec<String>,
    /// In the order of sending.
    pub messages: Vec<Message>,
    /// In order.
    pub partitions: Vec<Partition>,
    /// The time of the last event.
    pub end: Nanos,
}

/// As much of a body as matters here, as JSON: other nodes' fields may have any form.
#[derive(Deserialize)]
struct Body<'a> {
    #[serde(rename = "type")]
    kind: String,
    #[serde(borrow)]
    message: Option<&'a RawValue>,
    #[serde(borrow)]
    msg_id: Option<&'a RawValue>,
    #[serde(borrow)]
    in_reply_to: Option<&'a RawValue>,
    #[serde(borrow)]
    node_ids: Option<&'a RawValue>,
}

impl Gossip {
    fn of(gossip: OwnGossip<'_>) -> Self {
        Self {
            number: gossip.number,
            values: gossip.values().collect(),
            is_digest: gossip.is_digest,
        }
    }
}

/// A field as a type; `None` if it is not there or has another form.
fn as_a<T: DeserializeOwned>(field: Option<&RawValue>) -> Option<T> {
    serde_json::from_str(field?.get()).ok()
}

impl Journal {
    /// Reads the journal of a run's directory.
    ///
    /// # Errors
    /// If there is none, or it is not one.
    pub fn load(dir: &Path) -> Result<Self> {
        let path = dir.join("messages.jsonl");
        let file = File::open(&path).with_context(|| {
            format!("cannot read {} (only runs of the lab have it)", path.display())
        })?;
        let mut journal = Self::read(BufReader::new(file))
            .with_context(|| format!("{} is damaged", path.display()))?;
        // Without it, partitions are not told, and that is all.
        if let Ok(history) = File::open(dir.join("history.edn")) {
            journal.note_partitions(BufReader::new(history));
        }
        Ok(journal)
    }

    /// Reads the lines of a `messages.jsonl`. A last line that was cut short is left out.
    ///
    /// # Errors
    /// If one of the others is not one.
    pub fn read(mut file: impl BufRead) -> Result<Self> {
        let mut journal = Self::default();
        // By message number: where it is in the list.
        let mut places: HashMap<u64, usize> = HashMap::new();
        let mut text = String::new();
        for number in 1_u64.. {
            text.clear();
            if file.read_line(&mut text)? == 0 {
                break;
            }
            let line = match serde_json::from_str::<MessageLine<'_>>(&text) {
                Ok(line) => line,
                Err(_) if !text.ends_with('\n') => break,
                Err(error) => return Err(error).with_context(|| format!("line {number}")),
            };
            journal.end = line.t;
            match (line.e, line.body) {
                ("zero", _) => journal.zero = line.t,
                ("send", Some(body)) => {
                    places.insert(line.id, journal.messages.len());
                    let (content, msg_id, in_reply_to) = journal.content(body);
                    journal.messages.push(Message {
                        id: line.id,
                        src: line.src,
                        dest: line.dest,
                        sent: line.t,
                        received: Vec::new(),
                        dropped: None,
                        bytes: body.get().len(),
                        msg_id,
                        in_reply_to,
                        content,
                    });
                }
                (event, _) => {
                    let place = places.get(&line.id).copied();
                    let Some(message) = place.and_then(|at| journal.messages.get_mut(at)) else {
                        continue;
                    };
                    match event {
                        "recv" => message.received.push(line.t),
                        "drop" => {
                            message.dropped = Some((line.t, line.cause.unwrap_or_default()));
                        }
                        _ => {}
                    }
                }
            }
        }
        ensure!(!journal.nodes.is_empty(), "no node was initialised");
        Ok(journal)
    }

    /// What a body says, its number as a request, and the number of the request it answers.
    fn content(&mut self, body: &RawValue) -> (Content, Option<i64>, Option<i64>) {
        let text = body.get();
        let Ok(body) = serde_json::from_str::<Body<'_>>(text) else {
            return (Content::Other(body_type(text).into_owned()), None, None);
        };
        let ids = (as_a(body.msg_id), as_a(body.in_reply_to));
        let value = body.message.and_then(|raw| Value::from_raw(raw).ok());
        let content = match (&*body.kind, value, OwnGossip::of(&body.kind, text)) {
            (_, _, Some(gossip)) => Content::Gossip(Gossip::of(gossip)),
            ("broadcast", Some(value), _) => Content::Broadcast(value),
            ("broadcast_ok", ..) => Content::BroadcastOk,
            (<Push as Wire>::TYPE, Some(value), _) => Content::Push(value),
            _ => {
                if let Some(nodes) = as_a(body.node_ids) {
                    self.nodes = nodes;
                }
                Content::Other(body.kind)
            }
        };
        (content, ids.0, ids.1)
    }

    /// Takes in from a history when the network was cut and healed.
    fn note_partitions(&mut self, history: impl BufRead) {
        let lines = history.lines().map_while(Result::ok);
        for line in lines.filter(|line| line.contains(":process :nemesis")) {
            let Ok(op) = Edn::parse(&line) else { continue };
            let (f, time) = (op.at(&["f"]).and_then(Edn::as_str), op.at(&["time"]));
            let Some(time) = time.and_then(Edn::as_u64) else { continue };
            let time = self.zero.saturating_add(time);
            // The nemesis writes a line before it acts, with the kind of partition, and one after
            // it, which has the nodes from which each node does not receive.
            let is_done = op.at(&["value"]).is_some_and(|value| value.items().is_some());
            match f {
                Some("start-partition") if is_done => {
                    self.heal(time);
                    self.partitions.push(Partition { start: time, end: None });
                }
                Some("stop-partition") => self.heal(time),
                _ => {}
            }
        }
    }

    fn heal(&mut self, time: Nanos) {
        if let Some(partition) = self.partitions.last_mut() {
            partition.end.get_or_insert(time);
        }
    }

    /// The number of the partition, from 1, in which this time was.
    #[must_use]
    pub fn partition_at(&self, time: Nanos) -> Option<(usize, &Partition)> {
        let is_in = |partition: &Partition| {
            partition.start <= time && partition.end.is_none_or(|end| time <= end)
        };
        (1..).zip(&self.partitions).filter(|(_, partition)| is_in(partition)).last()
    }

    /// The history's time in ms.
    #[must_use]
    pub fn millis(&self, time: Nanos) -> f64 {
        let micros = (i128::from(time) - i128::from(self.zero)) / 1_000;
        micros as f64 / 1e3
    }

    /// Which messages carry each value, in order of sending.
    #[must_use]
    pub fn copies(&self) -> BTreeMap<&Value, Vec<usize>> {
        let mut copies: BTreeMap<&Value, Vec<usize>> = BTreeMap::new();
        for (at, message) in self.messages.iter().enumerate() {
            for value in message.content.values() {
                copies.entry(value).or_default().push(at);
            }
        }
        copies
    }
}
