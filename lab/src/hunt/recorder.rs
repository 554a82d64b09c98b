//! Keeps what happens in a case in the files that runs have: `messages.jsonl` for `lab explain`,
//! and a record of each node for `lab replay`.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use rumormill::maelstrom::record::{Header, Writer};
use rumormill::maelstrom::stdio::{Input, Recorder as _};
use rumormill::time::Instant;

use crate::history::{Action, Nanos, Op, OpKind, Process};
use crate::journal::{DropCause, EventSink as _};
use crate::network::packet::Packet;
use crate::node::Message;
use crate::store::{FileSink, Store};

/// Where it is kept.
#[derive(Debug)]
pub struct Recorder {
    store: Store,
    sink: FileSink,
    /// By node.
    records: BTreeMap<usize, Writer<File>>,
    /// The first record that could not be made.
    error: Option<(PathBuf, std::io::Error)>,
    actions: usize,
}

impl Recorder {
    /// Keeps it in the directory of a run.
    ///
    /// # Errors
    /// If the files cannot be made.
    pub fn create(store: Store) -> Result<Self> {
        let mut sink = store.sink()?;
        sink.zero(0);
        Ok(Self { store, sink, records: BTreeMap::new(), error: None, actions: 0 })
    }

    /// Writes out what is left.
    ///
    /// # Errors
    /// If anything could not be written.
    pub fn finish(self) -> Result<Store> {
        if let Some((path, error)) = self.error {
            return Err(error).with_context(|| format!("cannot write {}", path.display()));
        }
        drop(self.records);
        self.sink.finish().context("cannot write what happened")?;
        Ok(self.store)
    }

    /// A life of a node begins.
    pub(super) fn booted(&mut self, index: usize, name: &str, header: &Header) {
        if let Some(writer) = self.records.get_mut(&index) {
            writer.begin(header);
            return;
        }
        let path = self.store.node_log(name).with_extension("record");
        match File::create(&path) {
            Ok(file) => drop(self.records.insert(index, Writer::new(file, header))),
            Err(error) => drop(self.error.get_or_insert((path, error))),
        }
    }

    /// A node is about to handle a message.
    pub(super) fn handles(&mut self, index: usize, clock: Instant, message: &Message) {
        if let Some(record) = self.records.get_mut(&index) {
            record.message(clock, message);
        }
    }

    /// A node is about to handle its timer.
    pub(super) fn wakes(&mut self, index: usize, clock: Instant) {
        if let Some(record) = self.records.get_mut(&index) {
            record.input(clock, &Input::Timeout);
        }
    }

    /// A node has sent a message.
    pub(super) fn says(&mut self, index: usize, message: &Message) {
        if let Some(record) = self.records.get_mut(&index) {
            record.sent(message);
        }
    }

    /// A message between nodes is on its way.
    pub(super) fn sent(&mut self, now: Nanos, packet: &Packet) {
        self.sink.sent(now, packet);
    }

    /// It has arrived.
    pub(super) fn received(&mut self, now: Nanos, packet: &Packet) {
        self.sink.received(now, packet);
    }

    /// It never will.
    pub(super) fn dropped(&mut self, now: Nanos, packet: &Packet, cause: DropCause) {
        self.sink.dropped(now, packet, cause);
    }

    /// A message from or to a client, which takes no time.
    pub(super) fn client(&mut self, now: Nanos, packet: &Packet) {
        self.sink.sent(now, packet);
        self.sink.received(now, packet);
    }

    /// The cluster is partitioned in two, or whole again.
    pub(super) fn partitioned(&mut self, now: Nanos, partitioned: bool) {
        let (name, value_edn) = if partitioned {
            ("start-partition", "[:isolated {}]")
        } else {
            ("stop-partition", "nil")
        };
        let action = Action::Nemesis { name: name.into(), value_edn: value_edn.into() };
        let op = Op {
            index: self.actions,
            time: now,
            kind: OpKind::Info,
            process: Process::Nemesis,
            action,
            is_final: false,
            error: None,
        };
        self.actions += 1;
        self.sink.op(&op, None);
    }
}
