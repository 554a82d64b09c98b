//! Messages per node while there is load.

use rumormill::cluster::Nodes;
use rumormill_judge::message::events::{EventSink, PacketEvent};
use rumormill_judge::message::packet::{Packet, Peer};
use rumormill_judge::settings::Settings;
use rumormill_sim::{MS, Nanos};

/// Counts each node's messages to and from other nodes in the main phase.
#[derive(Debug)]
pub struct Load {
    zero: Option<Nanos>,
    length: Nanos,
    /// By node: messages sent, and messages received.
    per_node: Vec<(u64, u64)>,
}

impl Load {
    /// Nothing counted yet.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        let length = settings.time_limit_ms.saturating_mul(MS);
        Self { zero: None, length, per_node: vec![(0, 0); settings.nodes.len()] }
    }

    /// Messages per second that the mean node sent. It received as many.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.sent() as f64 / self.per_node.len().max(1) as f64 / self.seconds()
    }

    /// Of the node that sent and received most: how many it sent, and how many it received, per
    /// second.
    #[must_use]
    pub fn busiest(&self) -> (f64, f64) {
        let (sent, received) = self.most();
        (sent as f64 / self.seconds(), received as f64 / self.seconds())
    }

    /// The share of all messages that it had part in.
    #[must_use]
    pub fn busiest_share(&self) -> f64 {
        let (sent, received) = self.most();
        (sent + received) as f64 / self.sent().max(1) as f64
    }

    fn most(&self) -> (u64, u64) {
        let nodes = self.per_node.iter().copied();
        nodes.max_by_key(|(sent, received)| sent + received).unwrap_or_default()
    }

    fn sent(&self) -> u64 {
        self.per_node.iter().map(|(sent, _)| sent).sum()
    }

    fn seconds(&self) -> f64 {
        self.length as f64 / 1e9
    }
}

impl EventSink for Load {
    fn zero(&mut self, now: Nanos) {
        self.zero = Some(now);
    }

    fn packet(&mut self, now: Nanos, event: PacketEvent, packet: &Packet, _: &Nodes) {
        let in_time = self.zero.is_some_and(|zero| now.saturating_sub(zero) <= self.length);
        if !in_time || packet.is_client {
            return;
        }
        let (end, is_sent) = match event {
            PacketEvent::Sent => (packet.src, true),
            PacketEvent::Received => (packet.dest, false),
            PacketEvent::Dropped(_) => return,
        };
        let Peer::Node(node) = end else { return };
        if let Some((sent, received)) = self.per_node.get_mut(node as usize) {
            *(if is_sent { sent } else { received }) += 1;
        }
    }
}
