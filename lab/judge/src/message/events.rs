//! The events of a run, as they happen: for files, and for screens.

use rumormill::cluster::Nodes;
use rumormill_sim::Nanos;
use rumormill_sim::network::DropCause;

use super::packet::Packet;
use crate::history::Op;

/// An event on the way of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PacketEvent {
    /// It entered the network.
    Sent,
    /// It was handed to its addressee.
    Received,
    /// It will never arrive.
    Dropped(DropCause),
}

impl PacketEvent {
    /// The end of a message's way.
    #[must_use]
    pub fn at_end(dropped: Option<DropCause>) -> Self {
        dropped.map_or(Self::Received, Self::Dropped)
    }
}

/// Receives everything that happens, as it happens. All times are the driver's, so that `init`
/// has one too; [`EventSink::zero`] says where the history's clock begins.
///
/// Probes are not reported. Names of nodes in messages are their places in `nodes`.
pub trait EventSink {
    /// The history's relative time 0 is `now`.
    fn zero(&mut self, now: Nanos) {
        let _ = now;
    }
    /// A line of the history (its time is relative). `read_text` is the inside of the JSON array
    /// a read returned, without its brackets.
    fn op(&mut self, op: &Op, read_text: Option<&str>) {
        let _ = (op, read_text);
    }
    /// A message entered the network, or left it.
    fn packet(&mut self, now: Nanos, event: PacketEvent, packet: &Packet, nodes: &Nodes) {
        let _ = (now, event, packet, nodes);
    }
}

/// Ignores everything.
#[derive(Clone, Copy, Debug, Default)]
pub struct NullSink;

impl EventSink for NullSink {}

/// Without a sink nothing is kept.
impl<S: EventSink> EventSink for Option<S> {
    fn zero(&mut self, now: Nanos) {
        self.iter_mut().for_each(|sink| sink.zero(now));
    }
    fn op(&mut self, op: &Op, read_text: Option<&str>) {
        self.iter_mut().for_each(|sink| sink.op(op, read_text));
    }
    fn packet(&mut self, now: Nanos, event: PacketEvent, packet: &Packet, nodes: &Nodes) {
        self.iter_mut().for_each(|sink| sink.packet(now, event, packet, nodes));
    }
}
