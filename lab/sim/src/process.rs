//! The interface between a process and what hosts it.

use std::fmt;

use rumormill::id::{Generation, NodeId};
use rumormill::protocol::Effects;
use rumormill::time::Instant;

/// A process of the cluster: a state machine without clock or I/O.
///
/// After every call the host takes everything out of the outbox and asks
/// [`Process::next_timeout`] again. Times are those of the node's own clock.
pub trait Process: Sized + fmt::Debug {
    /// A message between processes.
    type Message: Clone + fmt::Debug;
    /// A request of a client.
    type Request: fmt::Debug;
    /// A reply to a client.
    type Reply: fmt::Debug;

    /// True if the message may carry values of clients.
    fn has_values(message: &Self::Message) -> bool {
        let _ = message;
        true
    }

    /// The simulation begins.
    fn on_start(&mut self, now: Instant, out: &mut Outbox<Self>) {
        let _ = (now, out);
    }

    /// A message of another process arrived.
    fn on_message(
        &mut self,
        now: Instant,
        from: NodeId,
        message: Self::Message,
        out: &mut Outbox<Self>,
    );

    /// A request of a client arrived.
    fn on_request(&mut self, now: Instant, request: Self::Request, out: &mut Outbox<Self>);

    /// The instant of [`Process::next_timeout`] has come.
    fn on_timeout(&mut self, now: Instant, out: &mut Outbox<Self>);

    /// When to call [`Process::on_timeout`]. `None`: only after another input.
    fn next_timeout(&self) -> Option<Instant>;

    /// The process is killed, whatever it is doing. What it has on disk is all that is left.
    fn on_crash(&mut self) {}

    /// The process starts again in a later generation, its memory gone. `topology`: it is told the
    /// topology again, if it is not a client that tells it.
    fn restart(
        &mut self,
        now: Instant,
        generation: Generation,
        topology: bool,
        out: &mut Outbox<Self>,
    );
}

/// Something that comes to a process.
#[derive(Clone, Debug)]
pub enum Input<P: Process> {
    /// A message of another process.
    Message {
        /// Sender.
        from: NodeId,
        /// The message.
        message: P::Message,
    },
    /// A request of a client.
    Request(P::Request),
}

/// Everything that a call to a process has caused. One for all processes of a simulation.
///
/// Entries are delivered before anything is sent.
#[derive(Debug)]
pub struct Outbox<P: Process> {
    /// Entries delivered, those submitted here included, and messages to other processes.
    pub effects: Effects<P::Message>,
    /// Replies to clients, each with the number of messages to processes that were sent before it.
    replies: Vec<(usize, P::Reply)>,
}

/// Something that a process sends.
#[derive(Debug)]
pub enum Output<P: Process> {
    /// A message to another process.
    Message(NodeId, P::Message),
    /// A reply to a client.
    Reply(P::Reply),
}

impl<P: Process> Outbox<P> {
    /// Sends a reply to a client.
    pub fn reply(&mut self, reply: P::Reply) {
        self.replies.push((self.effects.send_count(), reply));
    }

    /// Takes all that is sent, in order.
    pub fn drain_outputs(&mut self) -> impl Iterator<Item = Output<P>> + '_ {
        let mut sends = self.effects.drain_sends().enumerate().peekable();
        let mut replies = self.replies.drain(..).peekable();
        std::iter::from_fn(move || {
            let next = sends.peek().map_or(usize::MAX, |(number, _)| *number);
            if let Some((_, reply)) = replies.next_if(|(before, _)| *before <= next) {
                return Some(Output::Reply(reply));
            }
            sends.next().map(|(_, (to, message))| Output::Message(to, message))
        })
    }
}

impl<P: Process> Default for Outbox<P> {
    fn default() -> Self {
        Self { effects: Effects::default(), replies: Vec::new() }
    }
}
