//! Keeps what happens in a case in the files that runs have: `messages.jsonl` for `lab explain`,
//! and a record of each node for `lab replay`.

use anyhow::{Context as _, Result};
use rumormill::cluster::Name;
use rumormill_judge::history::Op;
use rumormill_judge::message::events::EventSink as _;
use rumormill_sim::Nanos;

use crate::sim::Records;
use crate::store::{FileSink, Store};

/// Where it is kept.
#[derive(Debug)]
pub struct Recorder {
    pub(super) messages: Messages,
    pub(super) records: Records,
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
}

/// The file of messages.
#[derive(Debug)]
pub(super) struct Messages {
    store: Store,
    pub(super) sink: FileSink,
    actions: usize,
}

impl Messages {
    /// The cluster is partitioned in two, or whole again.
    pub(super) fn partitioned(&mut self, now: Nanos, partitioned: bool) {
        let (name, value_edn) = if partitioned {
            ("start-partition", "[:isolated {}]")
        } else {
            ("stop-partition", "nil")
        };
        self.sink.op(&Op::nemesis(self.actions, now, name, value_edn), None);
        self.actions += 1;
    }
}
