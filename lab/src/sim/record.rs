//! Records of simulated nodes, as `--record` makes them of real ones.

use std::fs::{self, File};
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use rumormill::cluster::Name;
use rumormill::id::NodeId;
use rumormill::maelstrom::message::{Body, Message, Named};
use rumormill::maelstrom::record::{Header, Writer};
use rumormill::maelstrom::stdio::{self, Recorder as _};
use rumormill::protocol::Protocol;
use rumormill::time::Instant;
use rumormill::wire::Wire;
use rumormill_sim::{Host, Input, NodeFault, NodeFaultKind, Observer, Sim};

use super::Node;

/// Writes `NODE.record` for each node of ours. A node that is restarted goes on in its file.
#[derive(Debug)]
pub struct Records {
    paths: Vec<PathBuf>,
    writers: Vec<Option<Writer<File>>>,
    error: Option<io::Error>,
}

impl Records {
    /// Records into a directory, which is made if need be.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn create(dir: &Path, nodes: &[Name]) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        let paths = nodes.iter().map(|name| dir.join(format!("{name}.record")));
        Ok(Self::at(paths.collect()))
    }

    /// Records into a file per node.
    #[must_use]
    pub fn at(paths: Vec<PathBuf>) -> Self {
        Self { writers: paths.iter().map(|_| None).collect(), paths, error: None }
    }

    /// Writes out what is left.
    ///
    /// # Errors
    /// If a file could not be made.
    pub fn finish(mut self) -> io::Result<()> {
        self.writers.clear();
        self.error.map_or(Ok(()), Err)
    }

    fn writer<P: Protocol<Message: Wire>>(
        &mut self,
        node: NodeId,
        host: &Host<Node<P>>,
    ) -> Option<&mut Writer<File>> {
        let number = node.0 as usize;
        if self.writers[number].is_none() && self.error.is_none() {
            match File::create(&self.paths[number]) {
                Ok(file) => self.writers[number] = Some(Writer::new(file, &header(host))),
                Err(error) => self.error = Some(error),
            }
        }
        self.writers[number].as_mut()
    }

    /// Writes what a node sent.
    fn sent<P: Protocol<Message: Wire>>(
        &mut self,
        node: NodeId,
        host: &Host<Node<P>>,
        message: &Message<P::Message>,
    ) {
        if let Some(writer) = self.writer(node, host) {
            writer.sent(message);
        }
    }
}

fn header<P: Protocol<Message: Wire>>(host: &Host<Node<P>>) -> Header {
    let node = host.process();
    let workload = node.server().service().workload().to_string();
    let has_journal = node.disk_counts().is_some();
    Header {
        workload,
        has_journal,
        ..Header::new::<P>(node.config(), node.seed(), host.generation())
    }
}

/// A message between nodes with their names; none before the node knows them.
fn named<P: Protocol<Message: Wire>>(
    host: &Host<Node<P>>,
    (from, to): (NodeId, NodeId),
    message: &P::Message,
) -> Option<Message<P::Message>> {
    let nodes = host.process().server().nodes()?;
    let [src, dest] = [from, to].map(|node| Name::clone(nodes.name(node)));
    Some(Message { src, dest, body: Body::Peer(Named::new(message.clone(), nodes)) })
}

fn parts<P: Protocol<Message: Wire>, M>(
    sim: &Sim<Node<P>, M>,
    node: NodeId,
) -> (&Host<Node<P>>, Instant) {
    let host = &sim.hosts()[node.0 as usize];
    (host, host.clock(sim.now()))
}

impl<P: Protocol<Message: Wire>, M> Observer<Node<P>, M> for Records {
    fn receiving(&mut self, sim: &Sim<Node<P>, M>, node: NodeId, input: &Input<Node<P>>) {
        let (host, now) = parts(sim, node);
        let Some(writer) = self.writer(node, host) else { return };
        match input {
            Input::Request(message) => writer.message(now, message),
            Input::Message { from, message } => {
                if let Some(message) = named(host, (*from, node), message) {
                    writer.message(now, &message);
                }
            }
        }
    }

    fn waking(&mut self, sim: &Sim<Node<P>, M>, node: NodeId) {
        let (host, now) = parts(sim, node);
        if let Some(writer) = self.writer(node, host) {
            let sync = host.process().syncs_at(now);
            writer.input(now, &sync.map_or(stdio::Input::Timeout, stdio::Input::Synced));
        }
    }

    fn replied(&mut self, sim: &Sim<Node<P>, M>, node: NodeId, reply: &Message<P::Message>) {
        self.sent(node, parts(sim, node).0, reply);
    }

    fn sent(&mut self, sim: &Sim<Node<P>, M>, from: NodeId, to: NodeId, message: &P::Message) {
        let (host, _) = parts(sim, from);
        if let Some(message) = named(host, (from, to), message) {
            self.sent(from, host, &message);
        }
    }

    /// What comes from a journal does so in the event of `init`, which is answered later.
    fn handled(&mut self, sim: &Sim<Node<P>, M>, node: NodeId) -> ControlFlow<String> {
        let (host, now) = parts(sim, node);
        if host.process().has_just_opened()
            && let Some(writer) = self.writer(node, host)
        {
            writer.input(now, &stdio::Input::Opened(host.process().server().generation()));
            host.process().restored(|run| writer.input(now, &stdio::Input::Restored(run)));
        }
        ControlFlow::Continue(())
    }

    fn fault(&mut self, sim: &Sim<Node<P>, M>, fault: &NodeFault) {
        if let (NodeFaultKind::Restart { .. }, Some(writer)) =
            (&fault.kind, &mut self.writers[fault.node.0 as usize])
        {
            writer.begin(&header(parts(sim, fault.node).0));
        }
    }
}
