//! The part of a server that deals with its journal, without any I/O.
//!
//! `init` tells the node its name, and with it which journal is its own: the host opens it, hands over
//! the generation and the entries of earlier ones, and the node joins. From then on the host takes
//! batches to write, and says how far they are on disk.

use std::sync::Arc;
use std::time::Duration;

use super::super::gate::Gate;
use super::super::message::{Body, ErrorCode, Message};
use super::state::State;
use super::{Outgoing, Server};
use crate::cluster::{Name, Nodes};
use crate::id::{EntryId, Generation, NodeId, Origin};
use crate::journal::{Batch, Offset, Run};
use crate::protocol::{Entry, Protocol};
use crate::service::Service;
use crate::time::Instant;
use crate::wire::Wire;

/// A node that has come back with entries begins by itself after this time, unless it has been told its
/// neighbours: Maelstrom does not do so after a kill, and a cluster that was killed as a whole would
/// wait for its first word. Peers that were killed with it have this long to be started; with more, less
/// is left of the 10 s before the final reads.
const RESUME: Duration = Duration::from_secs(1);

/// An accepted `init`.
#[derive(Clone, Debug)]
pub(super) struct Joining {
    pub(super) client: Name,
    pub(super) me: NodeId,
    pub(super) nodes: Arc<Nodes>,
    pub(super) msg_id: i64,
}

/// The entries that a node owes its journal.
#[derive(Clone, Debug, Default)]
pub(super) struct Durability {
    /// The `init` that waits for the journal to be opened.
    joining: Option<Joining>,
    /// The host has been asked to open it.
    is_opening: bool,
    /// Entries that the host has not taken.
    runs: Vec<Run>,
    /// The place behind everything that it has.
    taken: Offset,
    /// The reason why the journal cannot be written now.
    failure: Option<String>,
}

impl Durability {
    pub(super) fn on_init(&mut self, joining: Joining) {
        if self.joining.is_none() {
            self.joining = Some(joining);
        }
    }

    /// Appends an entry that is new at this node.
    pub(super) fn append<M>(&mut self, entry: &Entry, nodes: &Nodes, gate: &mut Gate<M>) {
        gate.on_append();
        let Entry { id, value } = entry;
        let node = nodes.name(id.origin.node);
        match self.runs.last_mut() {
            Some(run)
                if run.end() == u128::from(id.sequence)
                    && run.generation == id.origin.generation
                    && run.node == *node =>
            {
                run.values.push(value.clone());
            }
            _ => self.runs.push(Run {
                node: Name::clone(node),
                generation: id.origin.generation,
                first: id.sequence,
                values: vec![value.clone()],
            }),
        }
    }
}

impl<P: Protocol<Message: Wire>, S: Service> Server<P, S> {
    /// The same node, with a journal. To be called before any input.
    #[must_use]
    pub fn with_journal(self) -> Self {
        Self { durability: Some(Box::default()), ..self }
    }

    /// The name of the node whose journal is to be opened: once, after `init`. The host calls
    /// [`Server::handle_opened`] then, before it hands over anything else.
    #[must_use]
    pub fn poll_open(&mut self) -> Option<Name> {
        let durability = self.durability.as_mut().filter(|durability| !durability.is_opening)?;
        let Joining { me, nodes, .. } = durability.joining.as_ref()?;
        durability.is_opening = true;
        Some(Name::clone(nodes.name(*me)))
    }

    /// The journal is open, for this generation of the node, which is on disk with the first sync.
    pub fn handle_opened(&mut self, now: Instant, generation: Generation) {
        let Some(joining) = self.durability.as_mut().and_then(|d| d.joining.take()) else { return };
        self.generation = generation;
        self.outbox.on_append();
        self.join(now, joining);
    }

    /// Entries come from the journal: all of them right after it was opened, and each once.
    ///
    /// # Errors
    /// If they are of a node that is not in the cluster: the node must not go on without them.
    pub fn handle_restored(&mut self, now: Instant, run: Run) -> Result<(), String> {
        let State::Member(member) = &mut self.state else { return Ok(()) };
        let Run { node, generation, first, values } = run;
        let node = member.nodes.id(&node).ok_or_else(|| {
            format!("it has entries of {node}, which is not in the cluster of this node")
        })?;
        let origin = Origin { node, generation };
        for (sequence, value) in (first..=u64::MAX).zip(values) {
            let entry = Entry { id: EntryId { origin, sequence }, value };
            self.service.on_deliver(&entry);
            member.protocol.on_restore(entry);
        }
        let resume_at = now.after(RESUME);
        member.is_restored = true;
        member.begin_at = Some(member.begin_at.map_or(resume_at, |at| at.min(resume_at)));
        Ok(())
    }

    /// The entries new since the last call, to be written to the journal with one sync.
    #[must_use]
    pub fn poll_append(&mut self) -> Option<Batch> {
        let upto = self.outbox.appended();
        let durability = self.durability.as_mut().filter(|durability| durability.taken < upto)?;
        durability.taken = upto;
        Some(Batch { runs: std::mem::take(&mut durability.runs), upto })
    }

    /// Everything before this place is on disk. Poll everything afterwards.
    pub fn handle_synced(&mut self, _now: Instant, upto: Offset) {
        self.outbox.on_sync(upto);
        if self.durability.as_mut().and_then(|durability| durability.failure.take()).is_some() {
            self.log.push_back("the journal can be written again".to_owned());
        }
    }

    /// The journal cannot be written for now; the host goes on trying. Until it succeeds, requests are
    /// refused, messages of peers are not taken, and none leaves. Poll everything afterwards.
    pub fn handle_disk_failure(&mut self, _now: Instant, reason: &str) {
        let Some(durability) = &mut self.durability else { return };
        if durability.failure.as_deref() != Some(reason) {
            let text = "until it can be, requests are refused";
            self.log.push_back(format!("the journal cannot be written: {reason}; {text}"));
            durability.failure = Some(reason.to_owned());
        }
    }

    /// Number of messages that wait for the disk, or for the host to take them.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.outbox.len()
    }

    /// True from a failure of the disk to the next sync.
    #[must_use]
    pub fn is_disk_failing(&self) -> bool {
        self.durability.as_ref().is_some_and(|durability| durability.failure.is_some())
    }

    /// Refuses a request, at once and without a line of log: there may be any number of them.
    pub(super) fn refuse_without_disk(&mut self, client: &Name, in_reply_to: i64) {
        let (State::Member(member), Some(durability)) = (&self.state, &self.durability) else {
            return;
        };
        let Some(reason) = &durability.failure else { return };
        self.refused += 1;
        self.outbox.push_free(Outgoing::Client(Message {
            src: Name::clone(member.nodes.name(member.me)),
            dest: Name::clone(client),
            body: Body::Error {
                in_reply_to,
                code: ErrorCode::TemporarilyUnavailable,
                text: format!("the journal cannot be written: {reason}"),
            },
        }));
    }
}
