//! Messages in and out: from lines to packets, through the network, to nodes and clients.

use std::sync::Arc;

use rumormill::cluster::{Name, Nodes};
use rumormill::id::NodeId;
use rumormill::value::Value;
use rumormill_sim::Nanos;
use rumormill_sim::dice::Fingerprint;
use rumormill_sim::network::{Arrival, DropCause};

use super::Run;
use super::sent::Sent;
use super::timer::Timer;
use crate::format::envelope::{Envelope, body_type};
use crate::format::text::quote;
use crate::history::OpValue;
use crate::message::Message;
use crate::message::events::{EventSink, PacketEvent};
use crate::message::packet::{Delivery, Packet, Payload, Peer, PeerMessage};
use crate::outcome::NoticeKind;
use crate::run::client::{Ask, parse_id};
use crate::run::entries::EntryWatch;
use crate::run::reply::Request;
use crate::workload::Spreads;

/// The nodes by name and by number.
#[derive(Debug)]
pub(super) struct Directory {
    nodes: Arc<Nodes>,
    /// By node: its name is like that of a client.
    are_clients: Vec<bool>,
}

impl Directory {
    pub(super) fn new(nodes: &Arc<Nodes>) -> Self {
        let are_clients = nodes.names().iter().map(|name| name.starts_with('c')).collect();
        Self { nodes: Arc::clone(nodes), are_clients }
    }

    pub(super) fn node_ids(&self) -> std::ops::Range<u32> {
        0..self.nodes.len()
    }

    /// True if Maelstrom counts it as a client.
    fn is_client(&self, peer: Peer) -> bool {
        match peer {
            Peer::Node(node) => self.are_clients[node as usize],
            Peer::Client(_) | Peer::Probe(_) => true,
            Peer::Service(_) => false,
        }
    }
}

/// The lab's view of a body.
#[derive(Clone, Debug)]
pub(super) struct Content {
    body: Payload,
    kind: u16,
    bytes: u32,
    carries_values: bool,
}

/// The lab's view of a message of a simulated node.
#[derive(Clone, Copy, Debug)]
pub(super) struct Written {
    kind: u16,
    bytes: u32,
    /// Checksum of its body as JSON.
    sum: u64,
    carries_values: bool,
    /// Values in it that clients have broadcast.
    entries: u64,
}

impl<S: EventSink> Run<S> {
    pub(super) fn accept_line(&mut self, now: Nanos, node: usize, line: &[u8]) {
        let envelope = match Envelope::parse(line) {
            Ok(envelope) => envelope,
            Err(why) => {
                self.reports[node].errors.bad_lines += 1;
                let text = format!("{} wrote a line that {why}: {}", self.name(node), quote(line));
                self.refuse(now, node, NoticeKind::BadLine, &why, text);
                return;
            }
        };
        if let Some(trailing) = &envelope.trailing {
            let trailing = quote(trailing.as_bytes());
            let text = format!("{} wrote more after a message: {trailing}", self.name(node));
            self.notices.add(now, Some(node), NoticeKind::TrailingText, "", text);
        }
        let sent = Sent::Line(line, &envelope);
        let Some((src, dest)) = self.find_ends(now, node, sent) else { return };
        let content = match (src, dest) {
            (Peer::Node(from), Peer::Node(_)) => self.between_content(from, envelope.body),
            _ => self.text_content(envelope.body),
        };
        self.accept(now, node, (src, dest), content);
    }

    pub(super) fn accept_message(&mut self, now: Nanos, node: usize, message: Message) {
        let Some((src, dest)) = self.find_ends(now, node, Sent::Message(&message)) else { return };
        let kind = message.body.kind();
        let content = self.own_content(kind, Payload::Typed(Arc::new(message.body)));
        self.accept(now, node, (src, dest), content);
    }

    /// A message of a simulated node to another.
    pub(super) fn accept_peer(
        &mut self,
        now: Nanos,
        (from, to): (NodeId, NodeId),
        message: Arc<dyn PeerMessage>,
    ) {
        let written = match &self.last_written {
            Some((last, written)) if Arc::ptr_eq(last, &message) => *written,
            _ => self.write_peer(&message),
        };
        let Written { kind, bytes, sum, carries_values, entries } = written;
        self.fingerprint.add(sum);
        let content = Content { body: Payload::Peer(message), kind, bytes, carries_values };
        let packet = self.packet(Peer::Node(from.0), Peer::Node(to.0), content);
        if !packet.is_client {
            self.entries.sent(entries);
        }
        self.send(now, packet, Some(from.0 as usize));
    }

    /// Writes a message of a simulated node, once for all peers that it is sent to.
    fn write_peer(&mut self, message: &Arc<dyn PeerMessage>) -> Written {
        self.scratch.clear();
        message.write_json(&self.directory.nodes, &mut self.scratch);
        let mut sum = Fingerprint::default();
        sum.add_bytes(&self.scratch);
        let mut carries_values = false;
        message.values(&mut |_| carries_values = true);
        let written = Written {
            kind: self.journal.kind_id(message.kind()),
            bytes: u32::try_from(self.scratch.len()).unwrap_or(u32::MAX),
            sum: sum.value(),
            carries_values,
            entries: EntryWatch::known(&**message, &self.gossiped),
        };
        if Arc::strong_count(message) > 1 {
            self.last_written = Some((Arc::clone(message), written));
        }
        written
    }

    pub(super) fn text_content(&mut self, body: &str) -> Content {
        Content {
            kind: self.journal.kind_id(&body_type(body)),
            bytes: u32::try_from(body.len()).unwrap_or(u32::MAX),
            carries_values: true,
            body: Payload::Text(body.into()),
        }
    }

    /// A process sends another one a message.
    fn between_content(&mut self, from: u32, body: &str) -> Content {
        let kind = body_type(body);
        let carried = self.tracer.sent(from, &kind, body);
        Content {
            kind: self.journal.kind_id(&kind),
            bytes: u32::try_from(body.len()).unwrap_or(u32::MAX),
            carries_values: carried.may_bring_values(),
            body: Payload::Between(Arc::new((body.into(), carried))),
        }
    }

    /// A message of a client of the lab's, or of a simulated node.
    fn own_content(&mut self, kind: &str, body: Payload) -> Content {
        self.scratch.clear();
        body.write_json(&self.directory.nodes, &mut self.scratch);
        self.fingerprint.add_bytes(&self.scratch);
        Content {
            kind: self.journal.kind_id(kind),
            bytes: u32::try_from(self.scratch.len()).unwrap_or(u32::MAX),
            carries_values: true,
            body,
        }
    }

    pub(super) fn name(&self, node: usize) -> Name {
        self.settings.nodes[node].clone()
    }

    /// Both ends of a message, if it may be sent; otherwise says why not.
    fn find_ends(&mut self, now: Nanos, node: usize, sent: Sent<'_>) -> Option<(Peer, Peer)> {
        let ends = sent.ends();
        let Some((src, src_open)) = self.find(ends.0) else {
            self.refuse_unknown(now, node, "from", ends.0, &sent.quoted());
            return None;
        };
        let Some((dest, dest_open)) = self.find(ends.1) else {
            self.refuse_unknown(now, node, "to", ends.1, &sent.quoted());
            return None;
        };
        if !src_open || !dest_open {
            let closed = if dest_open { src } else { dest };
            if let Peer::Client(client) = closed {
                self.refuse_late(now, node, client, sent);
            }
            return None;
        }
        if src != Peer::Node(node as u32) {
            self.reports[node].errors.false_names += 1;
            let text = format!("{} speaks as {}: {}", self.name(node), ends.0, sent.quoted());
            self.notices.add(now, Some(node), NoticeKind::FalseName, "", text);
        }
        Some((src, dest))
    }

    /// The owner of this name, and whether messages to and from it are still possible.
    fn find(&self, name: &str) -> Option<(Peer, bool)> {
        if let Some(NodeId(node)) = self.nodes().id(name) {
            return Some((Peer::Node(node), true));
        }
        if let Some(service) = Self::find_service(name) {
            return Some((service, true));
        }
        if let Some(id) = parse_id('c', name) {
            return Some((Peer::Client(id), self.clients.is_open(id)?));
        }
        let probe = parse_id('p', name).filter(|id| self.watch.is_used(*id))?;
        Some((Peer::Probe(probe), true))
    }

    fn refuse_unknown(
        &mut self,
        now: Nanos,
        node: usize,
        direction: &str,
        name: &str,
        quoted: &str,
    ) {
        self.reports[node].errors.unknown_names += 1;
        let sender = self.name(node);
        let text = format!(
            "{sender} sent a message {direction} {name:?}, which is no name of a node, client or \
             service: {quoted}"
        );
        self.refuse(now, node, NoticeKind::UnknownName, name, text);
    }

    /// The reason for which Maelstrom would ignore a node's output from then on.
    pub(super) fn refuse(
        &mut self,
        now: Nanos,
        node: usize,
        kind: NoticeKind,
        class: &str,
        text: String,
    ) {
        if self.settings.strict {
            self.crash(now, text);
            return;
        }
        let report = &mut self.reports[node];
        report.ignored_since.get_or_insert(now);
        report.refused.get_or_insert_with(|| text.clone());
        self.notices.add(now, Some(node), kind, class, text);
        if self.settings.compat.mute {
            self.reports[node].muted = true;
            let text = format!("{}'s output is ignored from now on", self.name(node));
            self.notices.add(now, Some(node), NoticeKind::Muted, "", text);
        }
    }

    fn accept(&mut self, now: Nanos, node: usize, (src, dest): (Peer, Peer), content: Content) {
        let packet = self.packet(src, dest, content);
        self.send(now, packet, Some(node));
    }

    pub(super) fn packet(&mut self, src: Peer, dest: Peer, content: Content) -> Packet {
        let id = self.next_id;
        self.next_id += 1;
        let Content { body, kind, bytes, carries_values } = content;
        let is_client = self.directory.is_client(src) || self.directory.is_client(dest);
        let link = if is_client { u32::MAX } else { self.journal.link_id(src, dest) };
        Packet { id, src, dest, is_client, body, kind, link, bytes, carries_values }
    }

    /// Makes a request with a client.
    pub(super) fn request(&mut self, now: Nanos, client: u32, node: u32, ask: Ask) {
        let request = ask.request();
        let deadline = now.saturating_add(self.timeout(request));
        let begun = self.clients.request(client, request, deadline);
        if begun.needs_timer {
            self.network.set_alarm(deadline, Timer::Client(client));
        }
        let packet = self.request_packet(Peer::Client(client), node, ask, begun.msg_id);
        self.send(now, packet, None);
        for packet in begun.unread {
            self.record_packet(now, PacketEvent::Received, &packet);
        }
    }

    pub(super) fn request_packet(&mut self, src: Peer, node: u32, ask: Ask, msg_id: i64) -> Packet {
        let request = ask.request();
        let body = self.requests.body(ask, msg_id, node);
        let content = match (request, &self.topology_content) {
            // Large, and the same for all nodes.
            (Request::Topology, Some(content)) => content.clone(),
            _ => self.own_content(request.kind(), body),
        };
        if request == Request::Topology {
            self.topology_content.get_or_insert_with(|| content.clone());
        }
        self.packet(src, Peer::Node(node), content)
    }

    /// Sends a message; `sender` is the node that wrote it, whatever it says.
    pub(super) fn send(&mut self, now: Nanos, packet: Packet, sender: Option<usize>) {
        match packet.dest {
            // Probes stand outside the network and all counts.
            Peer::Probe(probe) => self.probe_answered(now, probe, &packet.body),
            Peer::Client(client) => {
                self.record_packet(now, PacketEvent::Sent, &packet);
                self.offer(now, client, packet, sender);
            }
            Peer::Service(service) => {
                self.record_packet(now, PacketEvent::Sent, &packet);
                self.send_to_service(now, service, packet, sender);
            }
            Peer::Node(_) => {
                self.record_packet(now, PacketEvent::Sent, &packet);
                if packet.carries_values && !packet.is_client {
                    self.watch.on_values(now);
                }
                self.network.send(now, packet);
                self.handle_arrivals(now);
            }
        }
    }

    /// The network's counts of messages.
    pub(super) fn handle_arrivals(&mut self, now: Nanos) {
        while let Some(arrival) = self.network.poll_arrival() {
            let Arrival { message: packet, dropped, .. } = arrival;
            if packet.carries_values && !packet.is_client {
                self.watch.on_values(now);
            }
            match dropped {
                None => self.deliver(now, packet),
                Some(cause) => self.record_packet(now, PacketEvent::Dropped(cause), &packet),
            }
        }
    }

    /// Hands a message over. A paused node finds it when it goes on.
    fn deliver(&mut self, now: Nanos, packet: Packet) {
        let Peer::Node(node) = packet.dest else {
            return self.record_packet(now, PacketEvent::Received, &packet);
        };
        let node = node as usize;
        if let Peer::Client(client) = packet.src {
            self.clients.delivered(client, now);
        }
        if self.network.conditions().is_paused(node as u32) {
            self.waiting[node].push(packet.clone());
        } else {
            self.receive(now, node, &packet);
        }
        self.fill_pipe(node, &packet);
        self.deliveries.push_back(Delivery { node, packet });
    }

    /// A node that was paused goes on, and receives the messages that came meanwhile.
    pub(super) fn receive_waiting(&mut self, now: Nanos, node: usize) {
        for packet in std::mem::take(&mut self.waiting[node]) {
            self.receive(now, node, &packet);
        }
    }

    /// A node has died; the messages that waited for it are lost.
    pub(super) fn drop_waiting(&mut self, now: Nanos, node: usize) {
        for packet in std::mem::take(&mut self.waiting[node]) {
            self.record_packet(now, PacketEvent::Dropped(DropCause::Down), &packet);
        }
    }

    /// A node receives a message.
    fn receive(&mut self, now: Nanos, node: usize, packet: &Packet) {
        self.record_packet(now, PacketEvent::Received, packet);
        if self.exact {
            // The driver sees into its nodes.
            if let Payload::Peer(message) = &packet.body
                && !packet.is_client
            {
                self.entries.received(node, &**message, &self.gossiped);
            }
        } else if let (Payload::Between(text), Peer::Node(from)) = (&packet.body, packet.src) {
            // Nodes are numbered with 32 bits.
            self.tracer.received((from, node as u32), &text.1, now, packet.id);
        } else if let Payload::Operation(asked) = &packet.body
            && let (Some(number), OpValue::Int(int)) = (asked.0.number, &asked.0.argument)
        {
            // More than 2^32 additions do not fit into memory.
            let value = match self.settings.workload.spreads {
                Spreads::Deltas => number as u32,
                _ => self.tracer.invoked(&Value::Int(*int), now),
            };
            self.tracer.taken(node as u32, value, now, packet.id);
        }
    }

    /// Hands a probe's request over, past the network.
    pub(super) fn deliver_probe(&mut self, node: usize, packet: Packet) {
        self.deliveries.push_back(Delivery { node, packet });
    }

    /// Counts, keeps and hashes an event on the way of a message.
    pub(super) fn record_packet(&mut self, now: Nanos, event: PacketEvent, packet: &Packet) {
        self.journal.note(event, packet);
        self.sink.packet(now, event, packet, &self.directory.nodes);
        let what = match event {
            PacketEvent::Sent => 1,
            PacketEvent::Received => 2,
            PacketEvent::Dropped(_) => 3,
        };
        self.fingerprint.add(what ^ now.rotate_left(8));
        self.fingerprint.add(packet.id ^ u64::from(packet.bytes).rotate_left(32));
    }
}
