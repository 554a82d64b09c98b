//! A run as the surroundings of simulated nodes.

use rumormill::id::NodeId;
use rumormill::maelstrom::message::Named;
use rumormill::protocol::Entry;
use rumormill::protocols::rumormill::message::Gossip;
use rumormill_sim::{Input, Medium, NodeFault, NodeFaultKind, Process};

use super::{AnyNode, Node};
use crate::history::Nanos;
use crate::journal::EventSink;
use crate::network::packet::{ClientMessage, Payload, Peer, PeerMessage};
use crate::node::Message;
use crate::outcome::Delivery;
use crate::run::Run;

/// The parts that do not depend on the type of the nodes.
macro_rules! medium {
    ($node:ty) => {
        fn on_deliver(&mut self, now: Nanos, node: NodeId, entry: &Entry) {
            self.note_delivered(now, node, entry);
        }

        fn on_fault(&mut self, now: Nanos, fault: &NodeFault) {
            let node = fault.node.0 as usize;
            match fault.kind {
                NodeFaultKind::Pause(_) => self.node_paused(now, node, true),
                NodeFaultKind::Resume => self.node_paused(now, node, false),
                NodeFaultKind::ClockJump(_) => self.clock_jumped(),
                NodeFaultKind::Crash { .. } => self.node_down(now, node),
                NodeFaultKind::Restart { topology } => self.node_up(now, node, topology),
            }
        }

        fn poll_input(&mut self, now: Nanos) -> Option<(NodeId, Input<$node>)> {
            loop {
                let Delivery { node, packet } = self.poll_delivery()?;
                // Checked with the settings: there are far fewer than 2^32 nodes.
                let node = NodeId(node as u32);
                let from = packet.src.peer;
                if let Payload::Operation(asked) = &packet.body {
                    self.note_handed(node, &asked.0);
                }
                let input = match packet.body {
                    Payload::Peer(message) => peer_input::<$node>(from, message),
                    _ => match packet.into_message() {
                        Some(ClientMessage::Taken(message)) => Some(Input::Request(message)),
                        Some(ClientMessage::Refused(refusal)) => {
                            self.handle_message(now, node.0 as usize, refusal);
                            None
                        }
                        None => None,
                    },
                };
                if let Some(input) = input {
                    return Some((node, input));
                }
            }
        }

        fn poll_timeout(&self) -> Option<Nanos> {
            self.poll_timeout()
        }

        fn handle_timeout(&mut self, now: Nanos) {
            self.handle_timeout(now);
        }
    };
}

impl<S: EventSink> Medium<Node> for Run<S> {
    fn on_send(&mut self, now: Nanos, from: NodeId, to: NodeId, message: Gossip) {
        let named = Named::new(message, self.nodes());
        self.handle_peer(now, from, to, Box::new(named));
    }

    fn on_reply(&mut self, now: Nanos, from: NodeId, reply: Message) {
        self.handle_message(now, from.0 as usize, reply);
    }

    medium!(Node);
}

impl<S: EventSink> Medium<AnyNode> for Run<S> {
    fn on_send(&mut self, now: Nanos, from: NodeId, to: NodeId, message: Box<dyn PeerMessage>) {
        self.handle_peer(now, from, to, message);
    }

    fn on_reply(&mut self, now: Nanos, from: NodeId, reply: Message) {
        self.handle_message(now, from.0 as usize, reply);
    }

    medium!(AnyNode);
}

/// Nodes that know what an object is that a peer has sent.
trait Addressee: Process {
    fn message(object: Box<dyn PeerMessage>) -> Option<Self::Message>;
}

impl Addressee for Node {
    fn message(object: Box<dyn PeerMessage>) -> Option<Gossip> {
        let named = object.into_any().downcast::<Named<Gossip>>().ok()?;
        Some(named.into_message())
    }
}

impl Addressee for AnyNode {
    fn message(object: Box<dyn PeerMessage>) -> Option<Box<dyn PeerMessage>> {
        Some(object)
    }
}

fn peer_input<N: Addressee>(from: Peer, object: Box<dyn PeerMessage>) -> Option<Input<N>> {
    let Peer::Node(from) = from else { return None };
    Some(Input::Message { from: NodeId(from), message: N::message(object)? })
}
