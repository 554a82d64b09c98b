//! Writes what happens to `history.edn` and `messages.jsonl`, as it happens.

use std::io::{self, Write};
use std::path::Path;

use rumormill::cluster::Nodes;
use rumormill_judge::format::edn::{Edn, quote};
use rumormill_judge::history::{Action, Op, OpError, OpValue, Process, ReadSet};
use rumormill_judge::message::events::{EventSink, PacketEvent};
use rumormill_judge::message::packet::Packet;
use rumormill_sim::Nanos;

use super::background::BackgroundFile;

/// The two files. The first error is kept for [`FileSink::finish`]; after it, nothing is written.
#[derive(Debug)]
pub struct FileSink {
    history: BackgroundFile,
    messages: BackgroundFile,
    line: Vec<u8>,
    error: Option<io::Error>,
}

impl FileSink {
    pub(super) fn create(dir: &Path) -> io::Result<Self> {
        Ok(Self {
            history: BackgroundFile::create(&dir.join("history.edn"))?,
            messages: BackgroundFile::create(&dir.join("messages.jsonl"))?,
            line: Vec::new(),
            error: None,
        })
    }

    /// Writes out what is buffered.
    ///
    /// # Errors
    /// The first error met since the files were made.
    pub fn finish(self) -> io::Result<()> {
        let (history, messages) = (self.history.finish(), self.messages.finish());
        // First the errors of the writing: they are the cause of any that this side met.
        history?;
        messages?;
        self.error.map_or(Ok(()), Err)
    }

    /// Writes one line to one of the files.
    fn put(
        &mut self,
        file: impl FnOnce(&mut Self) -> &mut BackgroundFile,
        build: impl FnOnce(&mut Vec<u8>) -> io::Result<()>,
    ) {
        if self.error.is_some() {
            return;
        }
        let mut line = std::mem::take(&mut self.line);
        line.clear();
        let result = build(&mut line).and_then(|()| {
            line.push(b'\n');
            file(self).write_all(&line)
        });
        self.line = line;
        self.error = result.err();
    }
}

impl EventSink for FileSink {
    fn zero(&mut self, now: Nanos) {
        self.put(|sink| &mut sink.messages, |line| write!(line, "{{\"t\":{now},\"e\":\"zero\"}}"));
    }

    fn op(&mut self, op: &Op, read_text: Option<&str>) {
        self.put(|sink| &mut sink.history, |line| write_op(line, op, read_text));
    }

    fn packet(&mut self, now: Nanos, event: PacketEvent, packet: &Packet, nodes: &Nodes) {
        self.put(|sink| &mut sink.messages, |line| write_event(line, now, event, packet, nodes));
    }
}

fn write_event(
    line: &mut Vec<u8>,
    now: Nanos,
    event: PacketEvent,
    packet: &Packet,
    nodes: &Nodes,
) -> io::Result<()> {
    let name = match event {
        PacketEvent::Sent => "send",
        PacketEvent::Received => "recv",
        PacketEvent::Dropped(_) => "drop",
    };
    write!(line, "{{\"t\":{now},\"e\":\"{name}\",\"id\":{},\"src\":", packet.id)?;
    serde_json::to_writer(&mut *line, &*packet.src.name(nodes))?;
    line.extend_from_slice(b",\"dest\":");
    serde_json::to_writer(&mut *line, &*packet.dest.name(nodes))?;
    match event {
        PacketEvent::Sent => {
            line.extend_from_slice(b",\"body\":");
            packet.body.write_json(nodes, line);
        }
        PacketEvent::Received => {}
        PacketEvent::Dropped(cause) => write!(line, ",\"cause\":\"{}\"", cause.name())?,
    }
    line.push(b'}');
    Ok(())
}

/// One operation as Maelstrom's `history.edn` has it.
pub(super) fn write_op(line: &mut Vec<u8>, op: &Op, read_text: Option<&str>) -> io::Result<()> {
    let Op { index, time, kind, .. } = op;
    write!(line, "{{:index {index}, :time {time}, :type :{}, :process ", kind.name())?;
    match op.process {
        Process::Client(process) => write!(line, "{process}, :f ")?,
        Process::Nemesis => line.extend_from_slice(b":nemesis, :f "),
    }
    match &op.action {
        Action::Nemesis { name, value_edn } => write!(line, ":{name}, :value {value_edn}")?,
        Action::Client { f, value } => {
            write!(line, ":{f}, :value ")?;
            match value {
                OpValue::Nil => line.extend_from_slice(b"nil"),
                OpValue::Int(int) => write!(line, "{int}")?,
                OpValue::Set(set) => write_read(line, set, read_text)?,
                OpValue::Edn(edn) => write!(line, "{edn}")?,
            }
        }
    }
    if op.is_final {
        line.extend_from_slice(b", :final? true");
    }
    match &op.error {
        None => {}
        Some(OpError::Timeout) => line.extend_from_slice(b", :error :net-timeout"),
        Some(OpError::Reply { name, text }) => {
            let text = text.as_deref().map_or_else(|| "nil".to_owned(), quote);
            write!(line, ", :error [:{name} {text}]")?;
        }
        Some(OpError::Exception(why)) => {
            let error = quote(&format!("indeterminate: {why}"));
            write!(line, ", :exception {{:message {}}}, :error {error}", quote(why))?;
        }
    }
    line.push(b'}');
    Ok(())
}

fn write_read(line: &mut Vec<u8>, set: &ReadSet, read_text: Option<&str>) -> io::Result<()> {
    line.push(b'[');
    match read_text {
        Some(text) if is_integers(text) => write_integers(line, text),
        Some(text) => {
            let items: Vec<serde_json::Value> = serde_json::from_str(&format!("[{text}]"))?;
            write_spaced(line, items.into_iter().map(Edn::from))?;
        }
        None => write_spaced(line, &set.ints)?,
    }
    line.push(b']');
    Ok(())
}

/// Without a way out of the loop, it takes many bytes at a time; reads are long.
fn every(text: &str, is_right: impl Fn(u8) -> bool) -> bool {
    text.bytes().fold(true, |all, byte| all & is_right(byte))
}

fn is_integers(text: &str) -> bool {
    every(text, |byte| matches!(byte, b'0'..=b'9' | b',' | b'-' | b' ' | b'\t' | b'\r' | b'\n'))
}

/// Integers with commas between them, as EDN.
fn write_integers(line: &mut Vec<u8>, text: &str) {
    let spaced = |byte| if byte == b',' { b' ' } else { byte };
    if every(text, |byte| !byte.is_ascii_whitespace()) {
        line.extend(text.bytes().map(spaced));
    } else {
        line.extend(text.bytes().filter(|byte| !byte.is_ascii_whitespace()).map(spaced));
    }
}

fn write_spaced<T: std::fmt::Display>(
    line: &mut Vec<u8>,
    items: impl IntoIterator<Item = T>,
) -> io::Result<()> {
    for (i, item) in items.into_iter().enumerate() {
        write!(line, "{}{item}", if i > 0 { " " } else { "" })?;
    }
    Ok(())
}
