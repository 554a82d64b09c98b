//! Reads records back, from whatever they stand in.

use std::fmt;
use std::io::BufRead;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::{FORMAT, Header, write_output};
use crate::cluster::Name;
use crate::id::Generation;
use crate::journal::{Offset, Run};
use crate::maelstrom::message::Message;
use crate::maelstrom::parse::Refusal;
use crate::maelstrom::server::Server;
use crate::protocol::Protocol;
use crate::service::Service;
use crate::time::Instant;
use crate::value::Value;
use crate::wire::Wire;

/// How the first line of a record begins.
const HEADER_START: &[u8] = b"{\"rumormill_record\":";

/// How the line of an input begins.
const INPUT_START: &[u8] = b"{\"t\":";

/// How lines of a record begin; nothing else on a node's stderr does.
const STARTS: [&[u8]; 5] = [HEADER_START, INPUT_START, b"{\"out\":", b"{\"ok\":", b"{\"long\":"];

/// True if the line is part of a record, and not meant for people.
#[must_use]
pub fn is_record_line(line: &[u8]) -> bool {
    STARTS.iter().any(|start| line.starts_with(start))
}

/// The records of a file: one for each life of the node that wrote it.
#[derive(Clone, Debug, Default)]
pub struct Records {
    /// In the order in which they were written.
    pub lives: Vec<Record>,
    /// Lines in between that are not part of a record.
    pub other_lines: u64,
    /// The last line was cut short and is left out.
    pub is_cut: bool,
}

/// The record of one generation of a node.
#[derive(Clone, Debug)]
pub struct Record {
    /// The input of the node's construction.
    pub header: Header,
    /// Its inputs and outputs, each with its line's number in the file.
    pub events: Vec<(u64, Event)>,
}

/// One line of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A message came.
    Message(Instant, String),
    /// A line came that is no message.
    BadLine(Instant, Vec<u8>),
    /// A line came that was too long to be looked at; what is said about it.
    TooLong(Instant, String),
    /// The journal was opened for this generation.
    Opened(Instant, Generation),
    /// Entries came from it.
    Restored(Instant, Run),
    /// Everything before this place in the journal was on disk.
    Synced(Instant, Offset),
    /// The journal could not be written.
    DiskFailure(Instant, String),
    /// The node's deadline had come.
    Timeout(Instant),
    /// There was no more input.
    End(Instant),
    /// The node sent something.
    Output(Output),
}

impl Event {
    /// When it happened; what a node does, it does when the input comes.
    #[must_use]
    pub const fn time(&self) -> Option<Instant> {
        match self {
            Self::Message(at, _)
            | Self::BadLine(at, _)
            | Self::TooLong(at, _)
            | Self::Opened(at, _)
            | Self::Restored(at, _)
            | Self::Synced(at, _)
            | Self::DiskFailure(at, _)
            | Self::Timeout(at)
            | Self::End(at) => Some(*at),
            Self::Output(_) => None,
        }
    }

    /// Does to a node what the driver did. An output does nothing. Poll everything afterwards.
    ///
    /// # Errors
    /// If the message is none to this version, or what was none is one now; nothing is done then.
    pub fn feed<P: Protocol<Message: Wire>, S: Service>(
        &self,
        node: &mut Server<P, S>,
    ) -> Result<(), String> {
        match self {
            Self::Message(now, text) => match node.parse_line(text.as_bytes()) {
                Ok(message) => node.handle_message(*now, message),
                Err(refusal) => return Err(format!("refused now: {}", refusal.text)),
            },
            Self::BadLine(now, line) => match node.parse_line(line) {
                Ok(_) => return Err("it was refused, and is taken now".to_owned()),
                Err(refusal) => node.handle_refusal(*now, refusal),
            },
            Self::TooLong(now, text) => {
                node.handle_refusal(
                    *now,
                    Refusal { reply: None, mismatch: None, text: text.clone() },
                );
            }
            Self::Opened(now, generation) => {
                // The driver opens the journal because of this.
                let _ = node.poll_open();
                node.handle_opened(*now, *generation);
            }
            Self::Restored(now, run) => node.handle_restored(*now, run.clone())?,
            Self::Synced(now, upto) => node.handle_synced(*now, *upto),
            Self::DiskFailure(now, reason) => node.handle_disk_failure(*now, reason),
            Self::Timeout(now) => node.handle_timeout(*now),
            Self::End(now) => node.handle_end_of_input(*now),
            Self::Output(_) => {}
        }
        Ok(())
    }
}

/// A sent message as the record has it: its line, which may be short for the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output(String);

impl Output {
    /// The record of this message, as it would be.
    #[must_use]
    pub fn of<M: Wire>(message: &Message<M>) -> Self {
        let (mut line, mut record) = (Vec::new(), Vec::new());
        message.write_line(&mut line);
        write_output(&mut record, message, &line);
        record.push(b'}');
        Self(String::from_utf8_lossy(&record).into_owned())
    }
}

impl fmt::Display for Output {
    /// The message, or what is left of it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inside = ["{\"out\":", "{\"long\":"].iter().find_map(|key| self.0.strip_prefix(key));
        f.write_str(inside.and_then(|text| text.strip_suffix('}')).unwrap_or(&self.0))
    }
}

/// Why a file is no record.
#[derive(Debug)]
pub struct ReadError {
    /// The line, from 1; 0 if it is about the whole file.
    pub line: u64,
    /// The fault.
    pub problem: String,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.problem),
            line => write!(f, "line {line}: {}", self.problem),
        }
    }
}

impl std::error::Error for ReadError {}

impl Records {
    /// Reads a file to its end, past everything that is not part of a record.
    ///
    /// # Errors
    /// If it cannot be read, has no record in it, is of another format, or is damaged anywhere
    /// but at its end.
    pub fn read(mut file: impl BufRead) -> Result<Self, ReadError> {
        let mut records = Self::default();
        let mut line = Vec::new();
        let mut number = 0;
        loop {
            line.clear();
            number += 1;
            let problem = |problem: String| ReadError { line: number, problem };
            if file.read_until(b'\n', &mut line).map_err(|error| problem(error.to_string()))? == 0 {
                break;
            }
            let is_whole = line.ends_with(b"\n");
            match records.take_line(number, line.trim_ascii_end()) {
                Err(_) if !is_whole => records.is_cut = true,
                taken => taken.map_err(problem)?,
            }
        }
        if records.lives.is_empty() {
            let problem = "there is no record in it (was the node run with --record?)".to_owned();
            return Err(ReadError { line: 0, problem });
        }
        Ok(records)
    }

    fn take_line(&mut self, number: u64, line: &[u8]) -> Result<(), String> {
        if line.starts_with(HEADER_START) {
            let problem = |error| format!("no header of a record: {error}");
            // First, because headers of other formats have other keys.
            let Format { format } = serde_json::from_slice(line).map_err(problem)?;
            if format != FORMAT {
                return Err(format!("a record of format {format}, and this reads {FORMAT}"));
            }
            let header: Header = serde_json::from_slice(line).map_err(problem)?;
            self.lives.push(Record { header, events: Vec::new() });
        } else if is_record_line(line) {
            let event = event(line)?;
            let life = self.lives.last_mut().ok_or("the record's header is missing")?;
            life.events.push((number, event));
        } else {
            self.other_lines += 1;
        }
        Ok(())
    }
}

/// The key that headers of all formats have.
#[derive(Deserialize)]
struct Format {
    #[serde(rename = "rumormill_record")]
    format: u32,
}

/// All keys that an input's line may have.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InputLine<'a> {
    t: u64,
    #[serde(rename = "in", borrow)]
    message: Option<&'a RawValue>,
    bad: Option<String>,
    bytes: Option<Vec<u8>>,
    refused: Option<String>,
    opened: Option<u64>,
    restored: Option<(Name, u64, u64, Vec<Value>)>,
    synced: Option<u64>,
    disk: Option<String>,
    on: Option<&'a str>,
}

/// All keys that an output's line may have. What they say is compared as text.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OutputLine {
    out: Option<IgnoredAny>,
    long: Option<IgnoredAny>,
    ok: Option<IgnoredAny>,
    to: Option<IgnoredAny>,
}

fn event(line: &[u8]) -> Result<Event, String> {
    let damaged = |error: serde_json::Error| format!("damaged: {error}");
    if !line.starts_with(INPUT_START) {
        let output: OutputLine = serde_json::from_slice(line).map_err(damaged)?;
        let OutputLine { out, long, ok, to } = output;
        return match (out, long, ok, to) {
            (Some(_), None, None, None)
            | (None, Some(_), None, None)
            | (None, None, Some(_), Some(_)) => {
                // It is JSON, and JSON is UTF-8.
                Ok(Event::Output(Output(String::from_utf8_lossy(line).into_owned())))
            }
            _ => Err("damaged: not exactly one output".to_owned()),
        };
    }
    let input: InputLine<'_> = serde_json::from_slice(line).map_err(damaged)?;
    let now = Instant::from_micros(input.t);
    let InputLine { t: _, message, bad, bytes, refused, opened, restored, synced, disk, on } =
        input;
    let on = match on {
        None => None,
        Some("timeout") => Some(Event::Timeout(now)),
        Some("end") => Some(Event::End(now)),
        Some(_) => return Err("damaged: `on` is neither timeout nor end".to_owned()),
    };
    let run = |(node, generation, first, values)| Run {
        node,
        generation: Generation(generation),
        first,
        values,
    };
    let events = [
        message.map(|raw| Event::Message(now, raw.get().to_owned())),
        bad.map(|bad| Event::BadLine(now, bad.into_bytes())),
        bytes.map(|bytes| Event::BadLine(now, bytes)),
        refused.map(|text| Event::TooLong(now, text)),
        opened.map(|generation| Event::Opened(now, Generation(generation))),
        restored.map(|row| Event::Restored(now, run(row))),
        synced.map(|upto| Event::Synced(now, Offset(upto))),
        disk.map(|reason| Event::DiskFailure(now, reason)),
        on,
    ];
    let mut given = events.into_iter().flatten();
    match (given.next(), given.next()) {
        (Some(event), None) => Ok(event),
        _ => Err("damaged: not exactly one input".to_owned()),
    }
}
