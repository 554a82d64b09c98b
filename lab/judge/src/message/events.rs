//! The events of a run, as they happen: for files, and for screens.

use rumormill::cluster::Nodes;
use rumormill_sim::Nanos;
use rumormill_sim::network::DropCause;

use super::packet::Packet;
use crate::history::Op;

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
    /// A message entered the network.
    fn sent(&mut self, now: Nanos, packet: &Packet, nodes: &Nodes) {
        let _ = (now, packet, nodes);
    }
    /// A message was handed to its addressee.
    fn received(&mut self, now: Nanos, packet: &Packet, nodes: &Nodes) {
        let _ = (now, packet, nodes);
    }
    /// A message will never arrive.
    fn dropped(&mut self, now: Nanos, packet: &Packet, nodes: &Nodes, cause: DropCause) {
        let _ = (now, packet, nodes, cause);
    }
}

/// Ignores everything.
#[derive(Clone, Copy, Debug, Default)]
pub struct NullSink;

impl EventSink for NullSink {}

impl<S: EventSink + ?Sized> EventSink for Box<S> {
    fn zero(&mut self, now: Nanos) {
        (**self).zero(now);
    }
    fn op(&mut self, op: &Op, read_text: Option<&str>) {
        (**self).op(op, read_text);
    }
    fn sent(&mut self, now: Nanos, packet: &Packet, nodes: &Nodes) {
        (**self).sent(now, packet, nodes);
    }
    fn received(&mut self, now: Nanos, packet: &Packet, nodes: &Nodes) {
        (**self).received(now, packet, nodes);
    }
    fn dropped(&mut self, now: Nanos, packet: &Packet, nodes: &Nodes, cause: DropCause) {
        (**self).dropped(now, packet, nodes, cause);
    }
}

/// Without a sink nothing is kept.
impl<S: EventSink> EventSink for Option<S> {
    fn zero(&mut self, now: Nanos) {
        self.iter_mut().for_each(|sink| sink.zero(now));
    }
    fn op(&mut self, op: &Op, read_text: Option<&str>) {
        self.iter_mut().for_each(|sink| sink.op(op, read_text));
    }
    fn sent(&mut self, now: Nanos, packet: &Packet, nodes: &Nodes) {
        self.iter_mut().for_each(|sink| sink.sent(now, packet, nodes));
    }
    fn received(&mut self, now: Nanos, packet: &Packet, nodes: &Nodes) {
        self.iter_mut().for_each(|sink| sink.received(now, packet, nodes));
    }
    fn dropped(&mut self, now: Nanos, packet: &Packet, nodes: &Nodes, cause: DropCause) {
        self.iter_mut().for_each(|sink| sink.dropped(now, packet, nodes, cause));
    }
}
