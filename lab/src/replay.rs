//! Replays the record of a node: the same calls on the same state machine, in the same order, must
//! give the same messages to the byte. Where they do not, something in the node depends on more
//! than its inputs, the record was changed, or the node was.

pub mod case;
mod condition;
pub mod files;

use std::fmt;
use std::sync::Arc;

use rumormill::cluster::Nodes;
use rumormill::maelstrom::record::{Event, Output, Record};
use rumormill::protocols::rumormill::Rumormill;
use rumormill::protocols::rumormill::config::Config;
use rumormill::time::Instant;
use rumormill_judge::message::{Body, Message};

use crate::node::Node;
pub use condition::{Condition, Until};

/// A record on its way through a node.
#[derive(Debug)]
pub struct Replay<'r> {
    record: &'r Record,
    config: Config,
    node: Node,
    /// Place of the next event.
    next: usize,
    now: Instant,
    /// Inputs fed.
    inputs: u64,
    /// Outputs compared.
    outputs: u64,
}

/// An input and what it gave rise to.
#[derive(Clone, Debug)]
pub struct Turn<'r> {
    /// The input's line in the file.
    pub line: u64,
    /// The input.
    pub input: &'r Event,
    /// The cluster's nodes, once the node knows them.
    pub nodes: Option<Arc<Nodes>>,
    /// The messages of the node.
    pub sent: Vec<Message>,
    /// Its log lines.
    pub diagnostics: Vec<String>,
}

/// Where record and replay part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Divergence {
    /// The line in the file.
    pub line: u64,
    /// The input after which they part, in words.
    pub input: String,
    /// The record's line.
    pub recorded: String,
    /// The replay's line.
    pub replayed: String,
    /// The node's state before that input, in words.
    pub state_before: String,
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "line {}: record and replay part after\n  {}", self.line, self.input)?;
        writeln!(f, "  recorded: {}\n  replayed: {}", self.recorded, self.replayed)?;
        if let Some(at) = first_difference(&self.recorded, &self.replayed) {
            writeln!(f, "  they are the same up to character {at}")?;
        }
        write!(f, "the state before:\n{}", self.state_before)
    }
}

/// How many characters two texts have in common, if there are any.
fn first_difference(a: &str, b: &str) -> Option<usize> {
    let same = a.chars().zip(b.chars()).take_while(|(a, b)| a == b).count();
    (same > 0).then_some(same)
}

impl<'r> Replay<'r> {
    /// A node at the beginning of its record.
    ///
    /// # Errors
    /// If the record is one of another protocol, or has settings that this version lacks.
    pub fn new(record: &'r Record) -> Result<Self, String> {
        Ok(Self::with_config(record, record.header.config::<Rumormill>()?))
    }

    fn with_config(record: &'r Record, config: Config) -> Self {
        let node = record.header.node(config.clone());
        Self { record, config, node, next: 0, now: Instant::ZERO, inputs: 0, outputs: 0 }
    }

    /// The time of the last input.
    #[must_use]
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// How many inputs were fed, and how many outputs were compared.
    #[must_use]
    pub const fn counts(&self) -> (u64, u64) {
        (self.inputs, self.outputs)
    }

    /// The next input and its line in the file.
    #[must_use]
    pub fn peek(&self) -> Option<(u64, &'r Event)> {
        self.record.events.get(self.next).map(|(line, event)| (*line, event))
    }

    /// The state in words.
    #[must_use]
    pub fn state(&self) -> String {
        self.node.describe(self.now).to_string()
    }

    /// Feeds the next input and compares what the node sends; `None` at the end of the record.
    ///
    /// # Errors
    /// Where the node does anything else than recorded. Go no further then.
    pub fn step(&mut self) -> Result<Option<Turn<'r>>, Box<Divergence>> {
        let start = self.next;
        self.advance().map_err(|parting| {
            let mut before = Self::with_config(self.record, self.config.clone());
            // It went well the first time, and nothing here depends on anything else.
            while before.next < start && before.advance().is_ok() {}
            Box::new(Divergence {
                line: parting.line,
                input: self.record.events.get(start).map(|(_, e)| describe(e)).unwrap_or_default(),
                recorded: parting.recorded,
                replayed: parting.replayed,
                state_before: before.node.describe(before.now).to_string(),
            })
        })
    }

    fn advance(&mut self) -> Result<Option<Turn<'r>>, Parting> {
        let Some((line, input)) = self.peek() else { return Ok(None) };
        let parting = |recorded: String, replayed: String| Parting { line, recorded, replayed };
        if let Event::Output(output) = input {
            return Err(parting(output.to_string(), "nothing is sent before any input".into()));
        }
        self.now = input.time().unwrap_or(self.now);
        let replies_only = self.record.header.replies_only;
        if matches!(input, Event::Timeout(_)) && !replies_only {
            let deadline = self.node.poll_timeout();
            if deadline.is_none_or(|at| at > self.now) {
                let due = deadline.map_or_else(|| "none".to_owned(), |at| at.to_string());
                let recorded = format!("a deadline that has come at {}", self.now);
                return Err(parting(recorded, format!("the next deadline is {due}")));
            }
        }
        self.next += 1;
        self.inputs += 1;
        input.feed(&mut self.node).map_err(|why| parting(describe(input), why))?;
        let (sent, diagnostics) = take_all(&mut self.node);
        let is_recorded =
            |message: &&Message| !replies_only || !matches!(message.body, Body::Peer(_));
        self.compare(line, sent.iter().filter(is_recorded))?;
        let nodes = self.node.nodes().cloned();
        Ok(Some(Turn { line, input, nodes, sent, diagnostics }))
    }

    /// Compares what was sent with what the record has up to the next input.
    fn compare<'m>(
        &mut self,
        line: u64,
        sent: impl Iterator<Item = &'m Message>,
    ) -> Result<(), Parting> {
        let mut line = line;
        for output in sent.map(Output::of) {
            match self.record.events.get(self.next) {
                Some((at, Event::Output(recorded))) => {
                    line = *at;
                    self.next += 1;
                    self.outputs += 1;
                    if *recorded != output {
                        let (recorded, replayed) = (recorded.to_string(), output.to_string());
                        return Err(Parting { line, recorded, replayed });
                    }
                }
                Some((_, input)) => {
                    let recorded = format!("nothing more, then {}", describe(input));
                    return Err(Parting { line, recorded, replayed: output.to_string() });
                }
                // The record was cut short in the middle of an answer.
                None => return Ok(()),
            }
        }
        if let Some((line, Event::Output(recorded))) = self.record.events.get(self.next) {
            let (line, recorded) = (*line, recorded.to_string());
            return Err(Parting { line, recorded, replayed: "nothing more".to_owned() });
        }
        Ok(())
    }
}

/// A divergence without its surroundings.
struct Parting {
    line: u64,
    recorded: String,
    replayed: String,
}

/// Everything that a node has to say after an input.
fn take_all(node: &mut Node) -> (Vec<Message>, Vec<String>) {
    let messages = std::iter::from_fn(|| node.poll_transmit()).collect();
    (messages, std::iter::from_fn(|| node.poll_log()).collect())
}

/// An event in one line.
#[must_use]
pub fn describe(event: &Event) -> String {
    match event {
        Event::Message(at, text) => format!("{at} < {text}"),
        Event::BadLine(at, line) => format!("{at} < {:?}", String::from_utf8_lossy(line)),
        Event::TooLong(at, text) => format!("{at} < {text:?}"),
        Event::Opened(at, generation) => {
            format!("{at} the journal was opened for generation {generation}")
        }
        Event::Restored(at, run) => {
            let (node, count) = (&run.node, run.values.len());
            format!("{at} {count} entries of {node} came from the journal")
        }
        Event::Synced(at, upto) => format!("{at} the journal is on disk up to {}", upto.0),
        Event::DiskFailure(at, reason) => format!("{at} the journal cannot be written: {reason}"),
        Event::Timeout(at) => format!("{at} the deadline has come"),
        Event::End(at) => format!("{at} the end of the input"),
        Event::Output(output) => format!("> {output}"),
    }
}

#[cfg(test)]
mod tests;
