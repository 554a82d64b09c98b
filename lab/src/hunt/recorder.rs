//! Keeps what happens in a case in the files that runs have: `messages.jsonl` for `lab explain`,
//! and a record of each node for `lab replay`.

use anyhow::{Context as _, Result};
use rumormill::cluster::{Name, Nodes};
use rumormill_judge::history::{Action, Op, OpKind, Process};
use rumormill_judge::message::events::EventSink as _;
use rumormill_judge::message::packet::Packet;
use rumormill_sim::Nanos;
use rumormill_sim::network::DropCause;

use crate::sim::Records;
use crate::store::{FileSink, Store};

/// Where it is kept.
#[derive(Debug)]
pub struct Recorder {
    messages: Messages,
    records: Records,
}

impl Recorder {
    /// Keeps it in the directory of a run of these nodes.
    ///
    /// # Errors
    /// If the files cannot be made.
    pub fn create(store: Store, nodes: &[Name]) -> Result<Self> {
        let mut sink = store.sink()?;
        sink.zero(0);
        let paths = nodes.iter().map(|name| store.node_log(name).with_extension("record"));
        let records = Records::at(paths.collect());
        Ok(Self { messages: Messages { store, sink, actions: 0 }, records })
    }

    /// Writes out what is left.
    ///
    /// # Errors
    /// If anything could not be written.
    pub fn finish(self) -> Result<Store> {
        self.records.finish().context("cannot record")?;
        self.messages.sink.finish().context("cannot write what happened")?;
        Ok(self.messages.store)
    }

    pub(super) fn into_parts(self) -> (Messages, Records) {
        (self.messages, self.records)
    }

    pub(super) const fn of_parts(messages: Messages, records: Records) -> Self {
        Self { messages, records }
    }
}

/// The file of messages.
#[derive(Debug)]
pub(super) struct Messages {
    store: Store,
    sink: FileSink,
    actions: usize,
}

impl Messages {
    /// A message between nodes is on its way.
    pub(super) fn sent(&mut self, now: Nanos, packet: &Packet, nodes: &Nodes) {
        self.sink.sent(now, packet, nodes);
    }

    /// It has arrived, or never will.
    pub(super) fn arrived(
        &mut self,
        now: Nanos,
        packet: &Packet,
        nodes: &Nodes,
        dropped: Option<DropCause>,
    ) {
        match dropped {
            None => self.sink.received(now, packet, nodes),
            Some(cause) => self.sink.dropped(now, packet, nodes, cause),
        }
    }

    /// A message from or to a client, which takes no time.
    pub(super) fn client(&mut self, now: Nanos, packet: &Packet, nodes: &Nodes) {
        self.sink.sent(now, packet, nodes);
        self.sink.received(now, packet, nodes);
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
