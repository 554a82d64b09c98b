//! The journal: what was sent, received and dropped, counted as Maelstrom counts it and finer.

use std::collections::BTreeMap;

use rumormill::cluster::Name;
use rumormill_sim::network::DropCause;

use crate::message::events::PacketEvent;
use crate::message::packet::{Packet, Peer};
use crate::outcome::counts::{ClassCount, Counts, FlowCount};

/// Distinct message types counted by name; a node that invents more shares one row.
const MAX_KINDS: usize = 1_000;

/// Counts while the run goes on; numbers instead of names.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    all: ClassCount,
    clients: ClassCount,
    servers: ClassCount,
    server_bytes: u64,
    valueless: u64,
    kind_ids: BTreeMap<Box<str>, u16>,
    /// The number that was asked for last: one message is mostly like the one before.
    last_kind: u16,
    kinds: Vec<(Box<str>, FlowCount)>,
    /// By sender: its receivers, ascending, and the number of the link to each.
    link_ids: Vec<Vec<(u32, u32)>>,
    links: Vec<((u32, u32), FlowCount)>,
    dropped: BTreeMap<DropCause, u64>,
}

impl Journal {
    /// The number of a `type`.
    pub(crate) fn kind_id(&mut self, kind: &str) -> u16 {
        let last = self.kinds.get(usize::from(self.last_kind));
        if last.is_none_or(|(last, _)| **last != *kind) {
            self.last_kind = self.find_kind(kind);
        }
        self.last_kind
    }

    fn find_kind(&mut self, kind: &str) -> u16 {
        if let Some(id) = self.kind_ids.get(kind) {
            return *id;
        }
        let kind: Box<str> = if self.kinds.len() < MAX_KINDS { kind.into() } else { "…".into() };
        if let Some(id) = self.kind_ids.get(&kind) {
            return *id;
        }
        // Fits: there are at most MAX_KINDS + 1.
        let id = u16::try_from(self.kinds.len()).unwrap_or(u16::MAX);
        self.kinds.push((kind.clone(), FlowCount::default()));
        self.kind_ids.insert(kind, id);
        id
    }

    /// The number of the link between two peers; of none, if it is not one between servers.
    pub(crate) fn link_id(&mut self, src: Peer, dest: Peer) -> u32 {
        let (Peer::Node(src), Peer::Node(dest)) = (src, dest) else { return u32::MAX };
        if self.link_ids.len() <= src as usize {
            self.link_ids.resize_with(src as usize + 1, Vec::new);
        }
        let ids = &mut self.link_ids[src as usize];
        match ids.binary_search_by_key(&dest, |(dest, _)| *dest) {
            Ok(at) => ids[at].1,
            Err(at) => {
                // More links than that do not fit into memory.
                let id = self.links.len() as u32;
                ids.insert(at, (dest, id));
                self.links.push(((src, dest), FlowCount::default()));
                id
            }
        }
    }

    /// Messages so far.
    pub(crate) const fn messages(&self) -> u64 {
        self.all.send
    }

    /// Messages between servers so far.
    pub(crate) const fn server_messages(&self) -> u64 {
        self.servers.send
    }

    pub(crate) fn note(&mut self, event: PacketEvent, packet: &Packet) {
        match event {
            PacketEvent::Sent => self.sent(packet),
            PacketEvent::Received => self.received(packet),
            PacketEvent::Dropped(cause) => *self.dropped.entry(cause).or_default() += 1,
        }
    }

    fn sent(&mut self, packet: &Packet) {
        let bytes = u64::from(packet.bytes);
        self.all.send += 1;
        if packet.is_client {
            self.clients.send += 1;
        } else {
            self.servers.send += 1;
            self.server_bytes += bytes;
            self.valueless += u64::from(!packet.carries_values);
        }
        if let Some((_, flow)) = self.kinds.get_mut(usize::from(packet.kind)) {
            flow.send += 1;
            flow.bytes += bytes;
        }
        if let Some((_, flow)) = self.links.get_mut(packet.link as usize) {
            flow.send += 1;
            flow.bytes += bytes;
        }
    }

    fn received(&mut self, packet: &Packet) {
        self.all.recv += 1;
        let class = if packet.is_client { &mut self.clients } else { &mut self.servers };
        class.recv += 1;
        if let Some((_, flow)) = self.kinds.get_mut(usize::from(packet.kind)) {
            flow.recv += 1;
        }
        if let Some((_, flow)) = self.links.get_mut(packet.link as usize) {
            flow.recv += 1;
        }
    }

    /// The counts with names instead of numbers.
    pub(crate) fn into_counts(self, nodes: &[Name]) -> Counts {
        // A message has one send event, so distinct messages and sends are the same number.
        let class = |count: ClassCount| ClassCount { msg: count.send, ..count };
        let name = |node: u32| nodes[node as usize].clone();
        let links = self.links.iter().map(|((src, dest), flow)| ((name(*src), name(*dest)), *flow));
        Counts {
            all: class(self.all),
            clients: class(self.clients),
            servers: class(self.servers),
            server_bytes: self.server_bytes,
            valueless: self.valueless,
            types: self.kinds.iter().map(|(kind, flow)| (kind.to_string(), *flow)).collect(),
            links: links.collect(),
            dropped: self.dropped,
        }
    }
}
