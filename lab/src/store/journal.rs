//! All messages of a run, from `messages.jsonl`, with what they tell of values; and from
//! `history.edn` when the network was partitioned.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use rumormill_judge::results::Results;
use rumormill_judge::trace::own::Facts;
use rumormill_judge::trace::{Carried, TracedValue, ValueTrace, ValuesAt};
use rumormill_sim::Nanos;

use super::message_line::MessageLine;
use super::partition::{self, Cut};
use super::reader::Reader;

/// A message's way through the network.
#[derive(Clone, Debug)]
pub struct Message {
    /// Its number in the run.
    pub id: u64,
    /// Sender.
    pub src: String,
    /// Addressee.
    pub dest: String,
    /// The sender's number, if it is a node.
    pub from: Option<u32>,
    /// The addressee's number, if it is a node.
    pub to: Option<u32>,
    /// When it entered the network, by the driver's clock.
    pub sent: Nanos,
    /// When it was handed over; more than once if it was duplicated.
    pub received: Vec<Nanos>,
    /// When and why it was dropped, if it was.
    pub dropped: Option<(Nanos, String)>,
    /// The length of its body as JSON, in bytes.
    pub bytes: usize,
    /// Its `type`; empty if it has none.
    pub kind: String,
    /// Its number as a request.
    pub msg_id: Option<i64>,
    /// The number of the request that it answers.
    pub in_reply_to: Option<i64>,
    /// If it is of our own protocols.
    pub own: Option<Facts>,
    /// The numbers of the values in it, as far as they are recognised.
    pub values: Vec<u32>,
}

impl Message {
    /// True if it is from a node to another one.
    #[must_use]
    pub const fn is_between_nodes(&self) -> bool {
        self.from.is_some() && self.to.is_some()
    }
}

/// A time in which the nemesis cut the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// When it began, by the driver's clock.
    pub start: Nanos,
    /// When it was healed.
    pub end: Option<Nanos>,
    /// Which nodes are with which: those that reach each other, perhaps through others. One group if
    /// each node still reaches some, as in a ring of majorities; none if the history does not list it.
    pub groups: Vec<Vec<String>>,
}

impl Partition {
    /// The nodes of each group; of a large group, which is the largest, only how many.
    #[must_use]
    pub fn words(&self) -> String {
        const MANY: usize = 6;
        let largest = (0..).zip(&self.groups).max_by_key(|(_, group)| group.len());
        let counted = largest.filter(|(_, group)| group.len() > MANY).map(|(at, _)| at);
        let group = |(at, nodes): (usize, &Vec<String>)| match counted == Some(at) {
            true => format!("{} others", nodes.len()),
            false => nodes.join(" "),
        };
        match &*self.groups {
            [] => String::new(),
            [_] => "each node reaches some of the others".to_owned(),
            groups => (0..).zip(groups).map(group).collect::<Vec<_>>().join(" | "),
        }
    }
}

/// Everything that was sent in a run.
#[derive(Clone, Debug, Default)]
pub struct Journal {
    /// When the history's clock began.
    pub zero: Nanos,
    /// The nodes, by number.
    pub nodes: Vec<String>,
    /// Nodes that did not live to the end: nothing is owed to them.
    pub dead: BTreeSet<String>,
    /// In the order of sending.
    pub messages: Vec<Message>,
    /// In order.
    pub partitions: Vec<Partition>,
    /// The time of the last event.
    pub end: Nanos,
    /// The holders of each value, and the evidence.
    pub trace: ValueTrace,
}

impl Journal {
    /// Reads the journal of a run's directory. Without `values_at`, what the run was told counts.
    ///
    /// # Errors
    /// If there is none, or it is not one.
    pub fn load(dir: &Path, values_at: &[ValuesAt]) -> Result<Self> {
        let path = dir.join("messages.jsonl");
        let file = File::open(&path).with_context(|| {
            format!("cannot read {} (only runs of the lab have it)", path.display())
        })?;
        // Without results, or a history, there is less to tell, and that is all.
        let results = results_of(dir);
        let told = values_at_of(dir);
        let values_at = if values_at.is_empty() { &told } else { values_at };
        let mut journal = Self::read(BufReader::new(file), values_at, results.as_ref())
            .with_context(|| format!("{} is damaged", path.display()))?;
        if let Ok(history) = File::open(dir.join("history.edn")) {
            journal.read_partitions(BufReader::new(history));
        }
        Ok(journal)
    }

    /// Reads the lines of a `messages.jsonl`. A last line that was cut short is left out.
    ///
    /// # Errors
    /// If one of the others is not one.
    pub fn read(
        mut file: impl BufRead,
        values_at: &[ValuesAt],
        results: Option<&Results>,
    ) -> Result<Self> {
        let mut journal = Self::default();
        let mut reader = Reader::new(values_at);
        let mut carried: Vec<Carried> = Vec::new();
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
            if let Some(mut sent) = reader.take(&line) {
                places.insert(line.id, journal.messages.len());
                carried.push(std::mem::take(&mut sent.carried));
                journal.messages.push(Message {
                    id: line.id,
                    src: line.src,
                    dest: line.dest,
                    from: sent.from,
                    to: sent.to,
                    sent: line.t,
                    received: Vec::new(),
                    dropped: None,
                    bytes: line.body.map_or(0, |body| body.get().len()),
                    kind: sent.kind,
                    msg_id: sent.msg_id,
                    in_reply_to: sent.in_reply_to,
                    own: carried.last().and_then(|carried| carried.own),
                    values: sent.handed_in.into_iter().collect(),
                });
            } else if let Some(at) = places.get(&line.id) {
                let message = &mut journal.messages[*at];
                match line.e {
                    "recv" => message.received.push(line.t),
                    "drop" => message.dropped = Some((line.t, line.cause.unwrap_or_default())),
                    _ => {}
                }
            }
        }
        ensure!(!reader.nodes.is_empty(), "no node was initialised");
        journal.finish(reader, &carried, results);
        Ok(journal)
    }

    fn finish(&mut self, mut reader: Reader, carried: &[Carried], results: Option<&Results>) {
        let missing = results.map(|results| &results.rumormill.missing.nodes);
        // Nodes that no client read at the end were read outside of the messages.
        for node in missing.into_iter().flatten() {
            if let Some(number) = reader.tracer.node(&node.node) {
                node.missing.iter().for_each(|value| reader.tracer.lacks(number, *value));
            }
        }
        if let Some(missing) = missing.filter(|missing| !missing.is_empty()) {
            let is_dead = |name: &&String| !missing.iter().any(|node| node.node == **name);
            self.dead = reader.nodes.iter().filter(is_dead).cloned().collect();
        }
        self.trace = reader.tracer.trace();
        let count = self.trace.values.len();
        for (message, carried) in self.messages.iter_mut().zip(carried) {
            if message.is_between_nodes() {
                message.values = self.trace.values_of(carried);
            }
            // Additions to a counter are not traced unless nodes tell of them.
            message.values.retain(|value| (*value as usize) < count);
        }
        self.zero = reader.zero.unwrap_or_default();
        self.end = reader.now;
        self.nodes = reader.nodes;
    }

    /// The partitions, from the lines of the nemesis.
    fn read_partitions(&mut self, history: impl BufRead) {
        for line in history.lines().map_while(Result::ok) {
            let Some((time, cut)) = partition::read(&line) else { continue };
            let time = self.zero.saturating_add(time);
            self.heal(time);
            let nodes = &self.nodes;
            let partition =
                |cut: Cut| Partition { start: time, end: None, groups: cut.groups(nodes) };
            self.partitions.extend(cut.map(partition));
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

    /// By value: the messages that carry it, in order of sending.
    #[must_use]
    pub fn copies(&self) -> Vec<Vec<usize>> {
        let mut copies = vec![Vec::new(); self.trace.values.len()];
        for (at, message) in self.messages.iter().enumerate() {
            for value in &message.values {
                copies[*value as usize].push(at);
            }
        }
        copies
    }

    /// The place in [`messages`](Self::messages) of each message, by its number in the run.
    #[must_use]
    pub fn places(&self) -> BTreeMap<u64, usize> {
        self.messages.iter().enumerate().map(|(at, message)| (message.id, at)).collect()
    }

    /// True if the node lived to the end.
    #[must_use]
    pub fn lives(&self, node: u32) -> bool {
        self.nodes.get(node as usize).is_some_and(|name| !self.dead.contains(name))
    }

    /// Nodes that live and are not seen to hold a value.
    pub fn lacking<'j>(&'j self, value: &'j TracedValue) -> impl Iterator<Item = u32> + 'j {
        let nodes = 0..self.nodes.len() as u32;
        let held: BTreeSet<u32> = value.holds.iter().map(|hold| hold.node).collect();
        nodes.filter(move |node| self.lives(*node) && !held.contains(node))
    }

    /// From the acknowledgement, or else the broadcast, until the last living node held a value,
    /// in ms; `None` if one never did.
    #[must_use]
    pub fn took_ms(&self, value: &TracedValue) -> Option<f64> {
        if self.lacking(value).next().is_some() {
            return None;
        }
        let last = value.holds.iter().rfind(|hold| self.lives(hold.node))?;
        Some(last.at.saturating_sub(value.start()?) as f64 / 1e6)
    }
}

/// The results in a run's directory, if there are any.
fn results_of(dir: &Path) -> Option<Results> {
    serde_json::from_str(&fs::read_to_string(dir.join("results.json")).ok()?).ok()
}

/// The places of values that a run was told of, once it has results.
#[must_use]
pub fn values_at_of(dir: &Path) -> Vec<ValuesAt> {
    let results = results_of(dir);
    let paths = results.iter().flat_map(|results| &results.rumormill.values_at);
    paths.filter_map(|path| path.parse().ok()).collect()
}
