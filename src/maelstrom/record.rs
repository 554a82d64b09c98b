//! The flight recorder: everything that went into a node and came out of it, one JSON line each.
//!
//! A record begins with a line that names the protocol, its settings, the seed and the generation ([`Header`]);
//! then every call made on the node follows in order, each with its instant, and every line that
//! the node sent:
//!
//! ```json
//! {"rumormill_record":6,"version":"0.1.0","protocol":"rumormill","seed":7,"generation":1,"config":{}}
//! {"t":1034,"in":{"src":"c1","dest":"n0","body":{"type":"read","msg_id":2}}}
//! {"out":{"src":"n0","dest":"c1","body":{"type":"read_ok","messages":[],"in_reply_to":2}}}
//! {"t":1100,"in":{"src":"c1","dest":"n0","body":{"type":"broadcast","message":5,"msg_id":3}}}
//! {"ok":3,"to":"c1"}
//! {"t":1200,"bad":"a line that is no message"}
//! {"t":2000,"on":"timeout"}
//! {"t":9000,"on":"end"}
//! ```
//!
//! The record of a node with a journal also has what came from there: its generation and its entries at
//! the start, and how far what the node appended is on disk, or why it cannot be written.
//!
//! ```json
//! {"t":9,"opened":7}
//! {"t":9,"restored":["n0",6,0,[1,2,3]]}
//! {"t":1250,"synced":4}
//! {"t":1300,"disk":"No space left on device"}
//! ```
//!
//! `ok` is short for a `broadcast_ok`: there are so many that their full text would slow the node
//! down. Long messages are shortened, too (`long`), to what it takes to recognise them.
//!
//! `t` is in microseconds since the node's start. A node is a pure state machine, so its record
//! is all it takes to see it run again, byte for byte. Other lines may stand in between, as on
//! stderr, and the last line may be cut short: [`Records`] reads past both.

mod read;

use std::io::{self, Write};

use serde::{Deserialize, Serialize};

use super::message::{Body, Message};
use super::server::Server;
use super::stdio::{Input, Recorder};
use crate::cluster::Name;
use crate::id::Generation;
use crate::protocol::Protocol;
use crate::service::{AnyService, ReadText, Reply, Workload};
use crate::time::Instant;
use crate::wire::Wire;

pub use read::{Event, Output, ReadError, Record, Records, is_record_line};

/// The version of the format.
pub const FORMAT: u32 = 6;

/// A reply to a read with more text than this is recorded without it: replies to reads would
/// otherwise be nearly all of a record, and most of its cost.
const LONG_READ_BYTES: usize = 256;

/// Any other line longer than this is recorded as its beginning, length and checksum.
const LONG_BYTES: usize = 4 << 10;

/// How much is kept of such a line.
const KEPT_BYTES: usize = 256;

/// Lines are written in batches of about this size; sooner when the node has nothing to do.
const BUFFER_BYTES: usize = 256 << 10;

/// The input of a node's construction: the first line of its record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The format's version.
    #[serde(rename = "rumormill_record")]
    pub format: u32,
    /// The node's version.
    pub version: String,
    /// The protocol.
    pub protocol: String,
    /// The workload that the node serves.
    #[serde(default = "broadcast", skip_serializing_if = "is_broadcast")]
    pub workload: String,
    /// The seed of all its random choices.
    pub seed: u64,
    /// Its generation.
    pub generation: u64,
    /// Only what clients are told is recorded, and not what peers are: a case for a test.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub replies_only: bool,
    /// The node has a journal.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub has_journal: bool,
    /// The protocol's settings. Those that are absent have their defaults.
    pub config: serde_json::Value,
}

impl Header {
    /// The header of a node of this version.
    #[must_use]
    pub fn new<P: Protocol<Message: Wire>>(
        config: &P::Config,
        seed: u64,
        generation: Generation,
    ) -> Self {
        Self {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            protocol: P::Message::TYPE.to_owned(),
            workload: broadcast(),
            seed,
            generation: generation.0,
            replies_only: false,
            has_journal: false,
            // Cannot fail: settings have string keys.
            config: serde_json::to_value(config).unwrap_or_default(),
        }
    }

    /// The node at the beginning of its record, with these settings.
    #[must_use]
    pub fn node<P: Protocol<Message: Wire>>(&self, config: P::Config) -> Server<P, AnyService> {
        let service = AnyService::new(self.workload.parse().unwrap_or_default());
        let server = Server::new(config, self.seed, Generation(self.generation));
        let server = server.with_service(service);
        if self.has_journal { server.with_journal() } else { server }
    }

    /// The settings of the protocol.
    ///
    /// # Errors
    /// If the record is one of another protocol, or names a setting that it does not have.
    pub fn config<P: Protocol<Message: Wire>>(&self) -> Result<P::Config, String> {
        if self.protocol != P::Message::TYPE {
            let (theirs, ours) = (&self.protocol, P::Message::TYPE);
            return Err(format!("a record of protocol {theirs}, not of {ours}"));
        }
        self.workload
            .parse::<Workload>()
            .map_err(|names| format!("workload: expected {names}, got {:?}", self.workload))?;
        P::Config::deserialize(&self.config).map_err(|error| format!("settings: {error}"))
    }
}

fn broadcast() -> String {
    Workload::Broadcast.to_string()
}

fn is_broadcast(workload: &str) -> bool {
    workload == Workload::Broadcast.as_str()
}

/// Writes a record.
///
/// Only whole lines are handed on. If they cannot be written, recording ends, since a record with
/// gaps is of no use. The node is told once and goes on.
#[derive(Debug)]
pub struct Writer<W: Write> {
    output: Option<W>,
    buffer: Vec<u8>,
    /// Why recording has ended, until the node is told.
    failure: Option<io::Error>,
}

impl<W: Write> Writer<W> {
    /// Begins a record.
    pub fn new(output: W, header: &Header) -> Self {
        let buffer = Vec::with_capacity(BUFFER_BYTES);
        let mut writer = Self { output: Some(output), buffer, failure: None };
        writer.begin(header);
        writer
    }

    /// Begins the record of another life in the same place.
    pub fn begin(&mut self, header: &Header) {
        self.json(header);
        self.buffer.push(b'\n');
        self.write_out();
    }

    /// A message is about to be handed to the node, by a driver that has no lines.
    pub fn message<M: Wire>(&mut self, now: Instant, message: &Message<M>) {
        self.time(now, "in");
        message.write_line(&mut self.buffer);
        self.end_line_after_newline();
    }

    /// The node has sent a message, by a driver that has no lines.
    pub fn sent<M: Wire>(&mut self, message: &Message<M>) {
        let mut line = Vec::new();
        message.write_line(&mut line);
        self.output(message, &line);
    }

    fn time(&mut self, now: Instant, key: &str) {
        self.buffer.extend_from_slice(b"{\"t\":");
        self.json(&now.as_micros());
        self.buffer.extend_from_slice(b",\"");
        self.buffer.extend_from_slice(key.as_bytes());
        self.buffer.extend_from_slice(b"\":");
    }

    fn json(&mut self, value: &(impl Serialize + ?Sized)) {
        put(&mut self.buffer, value);
    }

    /// Ends a line whose content brought a newline along.
    fn end_line_after_newline(&mut self) {
        self.buffer.pop();
        self.end_line();
    }

    fn end_line(&mut self) {
        self.buffer.extend_from_slice(b"}\n");
        if self.buffer.len() >= BUFFER_BYTES {
            self.write_out();
        }
    }

    fn write_out(&mut self) {
        if let Some(output) = &mut self.output
            && let Err(error) = output.write_all(&self.buffer).and_then(|()| output.flush())
        {
            (self.output, self.failure) = (None, Some(error));
        }
        self.buffer.clear();
        self.buffer.shrink_to(2 * BUFFER_BYTES);
    }
}

impl<W: Write> Recorder for Writer<W> {
    fn input(&mut self, now: Instant, input: &Input<'_>) {
        match *input {
            Input::Message(line) => {
                self.time(now, "in");
                self.buffer.extend_from_slice(line.trim_ascii());
            }
            Input::BadLine(line) => match std::str::from_utf8(line) {
                Ok(text) => {
                    self.time(now, "bad");
                    self.json(text);
                }
                Err(_) => {
                    self.time(now, "bytes");
                    self.json(line);
                }
            },
            Input::TooLong(refusal) => {
                self.time(now, "refused");
                self.json(&refusal.text);
            }
            Input::Opened(generation) => {
                self.time(now, "opened");
                self.json(&generation.0);
            }
            Input::Restored(run) => {
                self.time(now, "restored");
                self.json(&(&run.node, run.generation.0, run.first, &run.values));
            }
            Input::Synced(upto) => {
                self.time(now, "synced");
                self.json(&upto.0);
            }
            Input::DiskFailure(reason) => {
                self.time(now, "disk");
                self.json(reason);
            }
            Input::Timeout => {
                self.time(now, "on");
                self.json("timeout");
            }
            Input::End => {
                self.time(now, "on");
                self.json("end");
            }
        }
        self.end_line();
    }

    fn output<M: Wire>(&mut self, message: &Message<M>, line: &[u8]) {
        write_output(&mut self.buffer, message, line);
        self.end_line();
    }

    fn flush(&mut self) -> io::Result<()> {
        self.write_out();
        self.failure.take().map_or(Ok(()), Err)
    }
}

impl<W: Write> Drop for Writer<W> {
    /// A node that panics leaves a record of what it panicked on.
    fn drop(&mut self) {
        self.write_out();
    }
}

fn put(out: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    // Cannot fail: a Vec takes every write, and all keys are strings.
    let _ = serde_json::to_writer(out, value);
}

/// Appends what the record has of a sent message, without the brace at its end.
fn write_output<M: Wire>(out: &mut Vec<u8>, message: &Message<M>, line: &[u8]) {
    match &message.body {
        Body::Reply { reply: Reply::BroadcastOk, in_reply_to } => {
            out.extend_from_slice(b"{\"ok\":");
            put(out, in_reply_to);
            out.extend_from_slice(b",\"to\":");
            put(out, &message.dest);
        }
        Body::Reply { reply, in_reply_to }
            if let Some((_, list)) = reply.list()
                && list.len() > LONG_READ_BYTES =>
        {
            out.extend_from_slice(b"{\"long\":");
            put(out, &LongRead::new(message, *in_reply_to, list));
        }
        _ if line.len() > LONG_BYTES => {
            out.extend_from_slice(b"{\"long\":");
            put(out, &Long::of(line));
        }
        _ => {
            out.extend_from_slice(b"{\"out\":");
            out.extend_from_slice(line.strip_suffix(b"\n").unwrap_or(line));
        }
    }
}

/// The part kept of a long `read_ok`.
#[derive(Serialize)]
struct LongRead<'a> {
    src: &'a Name,
    dest: &'a Name,
    #[serde(rename = "type")]
    kind: &'static str,
    in_reply_to: i64,
    /// How many values it has.
    count: u64,
    /// Their checksum.
    sum: String,
}

impl<'a> LongRead<'a> {
    fn new<M: Wire>(message: &'a Message<M>, in_reply_to: i64, messages: &ReadText) -> Self {
        Self {
            src: &message.src,
            dest: &message.dest,
            kind: message.body.kind(),
            in_reply_to,
            count: messages.count(),
            sum: format!("{:016x}", messages.sum()),
        }
    }
}

/// The part kept of any other long line.
#[derive(Serialize)]
struct Long {
    /// Its length, newline included.
    bytes: usize,
    /// See [`checksum`].
    sum: String,
    /// How it begins.
    start: String,
}

impl Long {
    fn of(line: &[u8]) -> Self {
        let start = String::from_utf8_lossy(&line[..line.len().min(KEPT_BYTES)]).into_owned();
        Self { bytes: line.len(), sum: format!("{:016x}", checksum(line)), start }
    }
}

/// Tells texts apart that differ by mistake, not by malice. Eight independent lanes, each a
/// multiplication of halves as in XXH3, which compilers turn into vector instructions: this must
/// run at the speed of memory, or it would slow down replies to reads.
#[inline(never)] // Where it is inlined, it was seen not to be vectorised, and three times as slow.
fn checksum(bytes: &[u8]) -> u64 {
    const LANES: usize = 8;
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut sums = [0_u64; LANES];
    // They change from block to block, so that blocks in another order have another sum.
    let mut keys: [u64; LANES] = std::array::from_fn(|i| FACTOR.wrapping_mul(2 * i as u64 + 1));
    let (blocks, rest) = bytes.as_chunks::<{ 8 * LANES }>();
    for block in blocks {
        let (words, _) = block.as_chunks::<8>();
        for i in 0..LANES {
            let word = u64::from_le_bytes(words[i]);
            let mixed = word ^ keys[i];
            let product = (mixed & u64::from(u32::MAX)).wrapping_mul(mixed >> 32);
            sums[i] = sums[i].wrapping_add(product).wrapping_add(word);
            keys[i] = keys[i].wrapping_add(FACTOR);
        }
    }
    let mix = |sum: u64, word: u64| (sum.rotate_left(23) ^ word).wrapping_mul(FACTOR);
    let tail = rest.iter().fold(bytes.len() as u64, |sum, &byte| mix(sum, u64::from(byte)));
    sums.into_iter().fold(tail, mix)
}

#[cfg(test)]
mod tests;
