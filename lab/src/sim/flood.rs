//! The simulated flood: the simplest node that passes the workload on a good network, and only
//! there. The same node as `examples/flood.rs`, without its JSON.

use std::sync::Arc;

use roaring::RoaringTreemap;
use rumormill::message::{Body, Message, Name};
use rumormill::read_text::ReadText;
use rumormill::value::Value;

/// A node that tells each neighbour but the sender, once, and waits for nobody's answer.
#[derive(Debug, Default)]
pub struct FloodNode {
    neighbours: Vec<Name>,
    seen: RoaringTreemap,
    read_text: Arc<ReadText>,
    outbox: Vec<Said>,
}

/// What a flooding node says.
#[derive(Debug)]
pub(super) enum Said {
    /// An answer to a client.
    Answer(Message),
    /// A value, to a neighbour.
    News(Name, u64),
}

impl FloodNode {
    /// A client asks for something.
    pub fn handle_message(&mut self, message: Message) {
        let Message { src, dest, body } = message;
        let answer = match body {
            Body::Init { msg_id, .. } => Body::InitOk { in_reply_to: msg_id },
            Body::Topology { topology, msg_id } => {
                let neighbours = topology.neighbours().get(&dest);
                self.neighbours = neighbours.cloned().unwrap_or_default();
                Body::TopologyOk { in_reply_to: msg_id }
            }
            Body::Broadcast { message, msg_id } => {
                if let Value::Int(int) = message
                    && let Ok(value) = u64::try_from(int)
                {
                    self.handle_news(&src, value);
                }
                Body::BroadcastOk { in_reply_to: msg_id }
            }
            Body::Read { msg_id } => {
                Body::ReadOk { in_reply_to: msg_id, messages: Arc::clone(&self.read_text) }
            }
            _ => return,
        };
        self.outbox.push(Said::Answer(Message { src: dest, dest: src, body: answer }));
    }

    /// Somebody tells a value.
    pub fn handle_news(&mut self, src: &Name, value: u64) {
        if !self.seen.insert(value) {
            return;
        }
        Arc::make_mut(&mut self.read_text).push(&Value::Int(value.cast_signed()));
        for neighbour in self.neighbours.iter().filter(|neighbour| *neighbour != src) {
            self.outbox.push(Said::News(neighbour.clone(), value));
        }
    }

    /// What it says, in order.
    pub(super) fn take_said(&mut self) -> Vec<Said> {
        std::mem::take(&mut self.outbox)
    }

    /// The values it holds, as JSON texts joined by commas, in order of arrival.
    pub(super) fn read_text(&self) -> Arc<ReadText> {
        Arc::clone(&self.read_text)
    }
}
