//! A run as the surroundings of simulated nodes, of any protocol.

use std::sync::Arc;

use rumormill::id::NodeId;
use rumormill::maelstrom::message;
use rumormill::protocol::{Entry, Protocol};
use rumormill::service::AnyService;
use rumormill::wire::Wire;
use rumormill_sim::server::Maelstrom;
use rumormill_sim::{Input, Medium, Nanos, NodeFault, NodeFaultKind};

use super::Run;
use crate::message::events::EventSink;
use crate::message::packet::{ClientMessage, Delivery, Packet, Payload, Peer};

/// A simulated node of the protocol `P`.
type Node<P> = Maelstrom<P, AnyService>;

impl<P: Protocol<Message: Wire>, S: EventSink> Medium<Node<P>> for Run<S> {
    fn on_send(&mut self, now: Nanos, from: NodeId, to: NodeId, message: Arc<P::Message>) {
        self.handle_peer(now, from, to, message);
    }

    fn on_reply(&mut self, now: Nanos, from: NodeId, reply: message::Message<P::Message>) {
        if let Some(reply) = reply.for_protocol() {
            self.handle_message(now, from.0 as usize, reply);
        }
    }

    fn on_deliver(&mut self, now: Nanos, node: NodeId, entry: &Entry) {
        self.on_delivered(now, node, entry);
    }

    fn on_fault(&mut self, now: Nanos, fault: &NodeFault) {
        let node = fault.node.0 as usize;
        match fault.kind {
            NodeFaultKind::Pause(_) => self.node_paused(now, node, true),
            NodeFaultKind::Resume => self.node_paused(now, node, false),
            NodeFaultKind::FillDisk(_) => self.disk_filled(),
            NodeFaultKind::FreeDisk => {}
            NodeFaultKind::ClockJump(_) => self.clock_jumped(),
            NodeFaultKind::Crash { .. } => self.node_down(now, node),
            NodeFaultKind::Restart { topology } => self.node_up(now, node, topology),
        }
    }

    fn poll_input(&mut self, now: Nanos) -> Option<(NodeId, Input<Node<P>>)> {
        loop {
            let Delivery { node, packet } = self.poll_delivery()?;
            // Checked with the settings: there are far fewer than 2^32 nodes.
            if let Some(input) = self.input::<P>(now, NodeId(node as u32), packet) {
                return Some((NodeId(node as u32), input));
            }
        }
    }

    fn poll_timeout(&self) -> Option<Nanos> {
        self.poll_timeout()
    }

    fn handle_timeout(&mut self, now: Nanos) {
        self.handle_timeout(now);
    }
}

impl<S: EventSink> Run<S> {
    /// A message as its addressee gets it.
    fn input<P>(&mut self, now: Nanos, node: NodeId, packet: Packet) -> Option<Input<Node<P>>>
    where
        P: Protocol<Message: Wire>,
    {
        match (packet.src, packet.body) {
            (Peer::Node(from), Payload::Peer(object)) => {
                // All nodes are of one protocol.
                let message = object.into_any().downcast::<P::Message>().ok()?;
                Some(Input::Message { from: NodeId(from), message })
            }
            (_, body) => {
                if let Payload::Operation(asked) = &body {
                    self.on_request_delivered(node, &asked.0);
                }
                match (Packet { body, ..packet }).into_message(self.nodes())? {
                    ClientMessage::Taken(message) => {
                        message.for_protocol().map(|message| Input::Request(Box::new(message)))
                    }
                    ClientMessage::Refused(refusal) => {
                        self.handle_message(now, node.0 as usize, refusal);
                        None
                    }
                }
            }
        }
    }
}
