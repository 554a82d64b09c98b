//! State of the cluster so far, as messages and history show it.

use std::collections::{BTreeMap, HashMap};

use rumormill_judge::trace::{ValueTrace, ValuesAt};
use rumormill_sim::Nanos;

use crate::store::{MessageLine, Reader, partition};

/// A node, as far as its messages show it.
#[derive(Clone, Debug, Default)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// Number of values it holds, and of those that it was sent and never returned.
    pub held: u64,
    /// See `held`.
    pub unreturned: u64,
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

/// The cluster.
#[derive(Debug)]
pub struct Cluster {
    /// The nodes, in the order in which they were named at the start.
    pub nodes: Vec<Node>,
    /// The values in the messages.
    reader: Reader,
    /// Messages between nodes that are on their way: to which node.
    coming: HashMap<u64, usize>,
    /// Messages so far, those of clients too.
    pub messages: u64,
    /// Messages between nodes so far.
    pub between_nodes: u64,
    /// Dropped messages by cause.
    pub dropped: BTreeMap<String, u64>,
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

impl Cluster {
    /// A cluster of which nothing is known. `values_at` says where values stand in messages; if it
    /// is empty, it is found out.
    #[must_use]
    pub fn new(values_at: &[ValuesAt]) -> Self {
        Self {
            nodes: Vec::new(),
            reader: Reader::new(values_at),
            coming: HashMap::new(),
            messages: 0,
            between_nodes: 0,
            dropped: BTreeMap::new(),
            operations: (0, 0, 0),
            partition: None,
            partitions: 0,
            history_time: 0,
        }
    }

    /// Takes in a line of `messages.jsonl`. What is none is left out.
    pub fn message_line(&mut self, text: &str) {
        let Ok(line) = serde_json::from_str::<MessageLine<'_>>(text) else { return };
        if let Some(sent) = self.reader.take(&line) {
            if self.nodes.len() < self.reader.nodes.len() {
                self.name_nodes();
            }
            self.messages += 1;
            if let (Some(from), Some(to)) = (sent.from, sent.to) {
                self.between_nodes += 1;
                self.nodes[from as usize].sent += 1;
                self.nodes[to as usize].coming += 1;
                self.coming.insert(line.id, to as usize);
            }
        } else if matches!(line.e, "recv" | "drop") {
            let is_dropped = line.e == "drop";
            if let Some(to) = self.coming.remove(&line.id) {
                self.nodes[to].coming -= 1;
                self.nodes[to].dropped += u64::from(is_dropped);
            }
            if is_dropped {
                *self.dropped.entry(line.cause.unwrap_or_default()).or_default() += 1;
            }
        }
    }

    fn name_nodes(&mut self) {
        let names = &self.reader.nodes;
        let node = |name: &String| Node { name: name.clone(), ..Node::default() };
        self.nodes = names.iter().map(node).collect();
    }

    /// The holders of each value by now. Nodes are counted anew by it.
    pub fn trace(&mut self) -> ValueTrace {
        let trace = self.reader.tracer.trace();
        for node in &mut self.nodes {
            (node.held, node.unreturned) = (0, 0);
        }
        for value in &trace.values {
            for hold in &value.holds {
                self.nodes[hold.node as usize].held += 1;
            }
            for sent in &value.unreturned {
                self.nodes[sent.node as usize].unreturned += 1;
            }
        }
        trace
    }

    /// The time of the last event, by the driver's clock.
    #[must_use]
    pub const fn now(&self) -> Nanos {
        self.reader.now
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
        match partition::read(text) {
            Some((since, Some(cut))) => {
                for node in &mut self.nodes {
                    node.unreachable = cut.senders_to(&node.name).len();
                }
                self.partitions += 1;
                let components = cut.groups(&self.reader.nodes);
                self.partition = Some(Partition { number: self.partitions, since, components });
            }
            Some((_, None)) => {
                self.partition = None;
                self.nodes.iter_mut().for_each(|node| node.unreachable = 0);
            }
            None => {}
        }
    }

    /// The time of a line of `messages.jsonl`, if it is one.
    #[must_use]
    pub fn time_of_message(text: &str) -> Option<Nanos> {
        serde_json::from_str::<MessageLine<'_>>(text).ok().map(|line| line.t)
    }

    /// True if the history has been taken in for longer than the messages.
    #[must_use]
    pub fn is_history_ahead(&self) -> bool {
        let zero = self.reader.zero;
        zero.is_none_or(|zero| zero.saturating_add(self.history_time) >= self.reader.now)
    }

    /// Messages between nodes that are on their way.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.nodes.iter().map(|node| node.coming).sum()
    }

    /// A time on the history's clock, in ms.
    #[must_use]
    pub fn millis(&self, time: Nanos) -> f64 {
        time.saturating_sub(self.reader.zero.unwrap_or(time)) as f64 / 1e6
    }

    /// The history's clock in seconds.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.millis(self.reader.now) / 1e3
    }
}

/// The number behind `:time` in the beginning of a line.
fn history_time(head: &str) -> Option<Nanos> {
    let (_, rest) = head.split_once(":time ")?;
    rest.split(|char: char| !char.is_ascii_digit()).next()?.parse().ok()
}
