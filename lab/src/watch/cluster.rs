//! State of the cluster so far, as messages and history show it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use roaring::RoaringBitmap;
use rumormill::value::Value;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::edn::Edn;
use crate::gossip::OwnGossip;
use crate::history::Nanos;
use crate::store::MessageLine;

/// A node, as far as its messages show it.
#[derive(Clone, Debug, Default)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// The values it is known to hold, by number.
    held: RoaringBitmap,
    /// Messages from other nodes that are on their way to it.
    pub coming: u64,
    /// Messages to other nodes that it has sent.
    pub sent: u64,
    /// Messages to it that were dropped.
    pub dropped: u64,
    /// Number of nodes from which it does not receive.
    pub unreachable: usize,
}

/// A partition of the network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Partition {
    /// Its number, from 1.
    pub number: usize,
    /// Begin, by the history's clock.
    pub since: Nanos,
    /// Connected components. A single one if every node can still reach every other, through others.
    pub components: Vec<Vec<String>>,
}

/// A message on its way to a node.
#[derive(Clone, Debug)]
struct Flight {
    to: usize,
    /// It is from a node.
    is_between: bool,
    /// The numbers of the values in it.
    values: Vec<u32>,
}

/// The cluster.
#[derive(Clone, Debug, Default)]
pub struct Cluster {
    /// The nodes, in the order in which they were named at the start.
    pub nodes: Vec<Node>,
    /// By name, its place among the nodes.
    places: HashMap<String, usize>,
    /// Begin of the history's clock, by the driver's.
    zero: Option<Nanos>,
    /// The time of the last event, by the driver's clock.
    pub now: Nanos,
    /// The numbers of the values that clients handed in.
    values: HashMap<Value, u32>,
    /// Messages to nodes on their way.
    flying: HashMap<u64, Flight>,
    /// Messages so far, those of clients too.
    pub messages: u64,
    /// Messages between nodes so far.
    pub between_nodes: u64,
    /// Dropped messages by cause.
    pub dropped: BTreeMap<String, u64>,
    /// Nodes have been seen to speak our gossip, which tells what they hold. What others hold is
    /// seen when they are read.
    pub speaks_gossip: bool,
    /// Operations begun, and those that ended as `ok` or otherwise.
    pub operations: (u64, u64, u64),
    /// The cut that is there now.
    pub partition: Option<Partition>,
    /// Cuts so far.
    partitions: usize,
    /// The time of the history's last line, by its own clock.
    history_time: Nanos,
}

/// Length of the beginning of a history line that has all but its value, in bytes.
const HEAD_BYTES: usize = 200;

/// The fields of a body that show which values a node holds. In messages of other nodes they may mean
/// anything: fields that do not look like this are ignored.
#[derive(Deserialize)]
struct Body<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    node_ids: Option<Vec<String>>,
    #[serde(borrow)]
    message: Option<&'a RawValue>,
    #[serde(borrow)]
    messages: Option<&'a RawValue>,
    #[serde(borrow)]
    values: Option<&'a RawValue>,
}

impl Cluster {
    /// Takes in a line of `messages.jsonl`. What is none is left out.
    pub fn message_line(&mut self, text: &str) {
        let Ok(line) = serde_json::from_str::<MessageLine<'_>>(text) else { return };
        self.now = line.t;
        match line.e {
            "zero" => self.zero = Some(line.t),
            "send" => self.sent(&line),
            "recv" => {
                if let Some(flight) = self.land(line.id) {
                    self.nodes[flight.to].held.extend(flight.values);
                }
            }
            "drop" => {
                if let Some(flight) = self.land(line.id) {
                    self.nodes[flight.to].dropped += 1;
                }
                *self.dropped.entry(line.cause.unwrap_or_default()).or_default() += 1;
            }
            _ => {}
        }
    }

    fn sent(&mut self, line: &MessageLine<'_>) {
        let body = line.body.and_then(|raw| serde_json::from_str::<Body<'_>>(raw.get()).ok());
        if let Some(names) = body.as_ref().and_then(|body| body.node_ids.as_ref())
            && self.nodes.is_empty()
        {
            self.name_nodes(names);
        }
        self.messages += 1;
        let (from, to) = (self.place(&line.src), self.place(&line.dest));
        if let (Some(from), Some(to)) = (from, to) {
            self.between_nodes += 1;
            self.nodes[from].sent += 1;
            self.nodes[to].coming += 1;
        }
        let text = line.body.map(RawValue::get).unwrap_or_default();
        let values = body.map(|body| self.values_of(&body, text, from.is_some()));
        let values = values.unwrap_or_default();
        match (from, to) {
            (from, Some(to)) => {
                let flight = Flight { to, is_between: from.is_some(), values };
                self.flying.insert(line.id, flight);
            }
            // What a node tells a client, it holds.
            (Some(from), None) => self.nodes[from].held.extend(values),
            (None, None) => {}
        }
    }

    fn name_nodes(&mut self, names: &[String]) {
        self.places = names.iter().cloned().zip(0..).collect();
        let node = |name: &String| Node { name: name.clone(), ..Node::default() };
        self.nodes = names.iter().map(node).collect();
    }

    /// The numbers of the values in a body. They are numbered when clients hand them in: what is
    /// no such value is none.
    fn values_of(&mut self, body: &Body<'_>, text: &str, is_from_node: bool) -> Vec<u32> {
        if !is_from_node {
            let value = body.message.filter(|_| body.kind == "broadcast").map(Value::from_raw);
            return value
                .and_then(Result::ok)
                .map(|value| self.number(value))
                .into_iter()
                .collect();
        }
        let known = |raw: &&RawValue| self.values.get(&Value::from_raw(raw).ok()?).copied();
        let many = |raws: &[&RawValue]| raws.iter().filter_map(known).collect();
        if let Some(gossip) = OwnGossip::of(body.kind, text)
            && gossip.has_values()
        {
            let known = |value: Value| self.values.get(&value).copied();
            let numbers = gossip.values().filter_map(known).collect();
            self.speaks_gossip = true;
            return numbers;
        }
        // Replies to reads are long, and tell nothing new of those whose gossip tells all.
        if body.kind == "read_ok" && self.speaks_gossip {
            return Vec::new();
        }
        match (body.message, body.messages.or(body.values)) {
            (Some(one), _) => many(&[one]),
            (None, Some(list)) => serde_json::from_str::<Vec<&RawValue>>(list.get())
                .map(|raws| many(&raws))
                .unwrap_or_default(),
            (None, None) => Vec::new(),
        }
    }

    fn number(&mut self, value: Value) -> u32 {
        let next = u32::try_from(self.values.len()).unwrap_or(u32::MAX);
        *self.values.entry(value).or_insert(next)
    }

    /// A message is on its way no more.
    fn land(&mut self, id: u64) -> Option<Flight> {
        let flight = self.flying.remove(&id)?;
        self.nodes[flight.to].coming -= u64::from(flight.is_between);
        Some(flight)
    }

    fn place(&self, name: &str) -> Option<usize> {
        self.places.get(name).copied()
    }

    /// Takes in a line of `history.edn`. What is none is left out.
    pub fn history_line(&mut self, text: &str) {
        // The lines of clients are many, and reads are long: what is asked for is at the front.
        let head = text.get(..HEAD_BYTES).unwrap_or(text);
        self.history_time = history_time(head).unwrap_or(self.history_time);
        if !head.contains(":process :nemesis") {
            let (begun, ok, not_ok) = &mut self.operations;
            let is_of = |kind: &str| head.contains(&format!(":type :{kind}"));
            *begun += u64::from(is_of("invoke"));
            *ok += u64::from(is_of("ok"));
            *not_ok += u64::from(is_of("fail") || is_of("info"));
            return;
        }
        let Ok(op) = Edn::parse(text) else { return };
        let since = op.at(&["time"]).and_then(Edn::as_u64).unwrap_or_default();
        // The nemesis writes a line before it acts, and one after it, which has the nodes from which
        // each node does not receive.
        match op.at(&["f"]).and_then(Edn::as_str) {
            Some("start-partition") => {
                let items = op.at(&["value"]).and_then(Edn::items).unwrap_or_default();
                if let Some(deaf) = items.iter().find_map(Edn::entries) {
                    self.cut(since, deaf);
                }
            }
            Some("stop-partition") => {
                self.partition = None;
                self.nodes.iter_mut().for_each(|node| node.unreachable = 0);
            }
            _ => {}
        }
    }

    fn cut(&mut self, since: Nanos, deaf: &[(Edn, Edn)]) {
        let mut apart: BTreeSet<(usize, usize)> = BTreeSet::new();
        for (node, others) in deaf {
            let Some(node) = node.as_str().and_then(|name| self.place(name)) else { continue };
            let others = others.items().unwrap_or_default().iter().filter_map(Edn::as_str);
            let others: Vec<usize> = others.filter_map(|name| self.place(name)).collect();
            self.nodes[node].unreachable = others.len();
            apart.extend(others.into_iter().flat_map(|other| [(node, other), (other, node)]));
        }
        self.partitions += 1;
        let components = self.components(&apart);
        self.partition = Some(Partition { number: self.partitions, since, components });
    }

    /// Connected components: nodes that reach each other, directly or through others.
    fn components(&self, apart: &BTreeSet<(usize, usize)>) -> Vec<Vec<String>> {
        let mut left: BTreeSet<usize> = (0..self.nodes.len()).collect();
        let mut components = Vec::new();
        while let Some(first) = left.pop_first() {
            let (mut component, mut next) = (BTreeSet::from([first]), vec![first]);
            while let Some(node) = next.pop() {
                let near: Vec<usize> =
                    left.iter().copied().filter(|other| !apart.contains(&(node, *other))).collect();
                near.iter().for_each(|other| {
                    left.remove(other);
                });
                component.extend(&near);
                next.extend(near);
            }
            components
                .push(component.into_iter().map(|node| self.nodes[node].name.clone()).collect());
        }
        components
    }

    /// The time of a line of `messages.jsonl`, if it is one.
    #[must_use]
    pub fn time_of_message(text: &str) -> Option<Nanos> {
        serde_json::from_str::<MessageLine<'_>>(text).ok().map(|line| line.t)
    }

    /// True if the history has been taken in for longer than the messages.
    #[must_use]
    pub fn is_history_ahead(&self) -> bool {
        self.zero.is_none_or(|zero| zero.saturating_add(self.history_time) >= self.now)
    }

    /// Number of values that clients have broadcast.
    #[must_use]
    pub fn value_count(&self) -> u64 {
        self.values.len() as u64
    }

    /// Number of values that every node holds.
    #[must_use]
    pub fn on_all(&self) -> u64 {
        let mut nodes = self.nodes.iter();
        let Some(first) = nodes.next() else { return 0 };
        nodes.fold(first.held.clone(), |all, node| all & &node.held).len()
    }

    /// Messages between nodes that are on their way.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.nodes.iter().map(|node| node.coming).sum()
    }

    /// The history's clock in seconds.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.now.saturating_sub(self.zero.unwrap_or(self.now)) as f64 / 1e9
    }
}

impl Node {
    /// Number of values it is known to hold.
    #[must_use]
    pub fn held(&self) -> u64 {
        self.held.len()
    }
}

/// The number behind `:time` in the beginning of a line.
fn history_time(head: &str) -> Option<Nanos> {
    let (_, rest) = head.split_once(":time ")?;
    rest.split(|char: char| !char.is_ascii_digit()).next()?.parse().ok()
}
