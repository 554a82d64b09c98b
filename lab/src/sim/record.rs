//! Records of simulated nodes, as `--record` makes them of real ones.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rumormill::cluster::Name;
use rumormill::id::Generation;
use rumormill::maelstrom::record::{Header, Writer};
use rumormill::maelstrom::stdio::{Input, Recorder as _};
use rumormill::protocols::rumormill::Rumormill;

use super::faults::{NodeFault, NodeFaultKind};
use super::node::{NodeKind, SimNode};
use super::observer::{Observer, World};
use crate::node::Message;

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
        let paths = nodes.iter().map(|name| dir.join(format!("{name}.record"))).collect();
        Ok(Self { paths, writers: nodes.iter().map(|_| None).collect(), error: None })
    }

    /// Writes out what is left.
    ///
    /// # Errors
    /// If a file could not be made.
    pub fn finish(mut self) -> io::Result<()> {
        self.writers.clear();
        self.error.map_or(Ok(()), Err)
    }

    fn writer(&mut self, world: &World<'_>, node: usize) -> Option<&mut Writer<File>> {
        if self.writers[node].is_none() && self.error.is_none() {
            let header = header(&world.nodes[node])?;
            match File::create(&self.paths[node]) {
                Ok(file) => self.writers[node] = Some(Writer::new(file, &header)),
                Err(error) => self.error = Some(error),
            }
        }
        self.writers[node].as_mut()
    }
}

fn header(node: &SimNode) -> Option<Header> {
    let generation = Generation(node.generation());
    node.node()?;
    match node.kind() {
        NodeKind::Rumormill(config) => {
            Some(Header::new::<Rumormill>(config, node.seed(), generation))
        }
        NodeKind::Other(_) => None,
    }
}

impl Observer for Records {
    fn receiving(&mut self, world: &World<'_>, node: usize, message: &Message) {
        let now = world.nodes[node].clock(world.now);
        if let Some(writer) = self.writer(world, node) {
            writer.message(now, message);
        }
    }

    fn waking(&mut self, world: &World<'_>, node: usize) {
        let now = world.nodes[node].clock(world.now);
        if let Some(writer) = self.writer(world, node) {
            writer.input(now, &Input::Timeout);
        }
    }

    fn sent(&mut self, world: &World<'_>, node: usize, message: &Message) {
        if let Some(writer) = self.writer(world, node) {
            writer.sent(message);
        }
    }

    fn fault(&mut self, world: &World<'_>, fault: &NodeFault) {
        if let (NodeFaultKind::Restart { .. }, Some(header), Some(writer)) =
            (&fault.kind, header(&world.nodes[fault.node]), &mut self.writers[fault.node])
        {
            writer.begin(&header);
        }
    }
}
