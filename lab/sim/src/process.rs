//! The interface between a process and what hosts it.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

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

    /// The process's disk, if it has one, is full from now on, or has space again.
    fn set_disk_full(&mut self, is_full: bool) {
        let _ = is_full;
    }

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
        /// The message, which other processes may have been sent as well.
        message: Arc<P::Message>,
    },
    /// A request of a client. They are rare and large.
    Request(Box<P::Request>),
}

/// Everything that a call to a process has caused. One for all processes of a simulation.
///
/// Entries are delivered before anything is sent.
#[derive(Debug)]
pub struct Outbox<P: Process> {
    /// Entries delivered, those submitted here included, and messages to other processes.
    pub effects: Box<Effects<P::Message>>,
    /// Replies to clients, each with the number of messages to processes that were sent before it.
    replies: VecDeque<(usize, Box<P::Reply>)>,
    /// Number of messages to processes that were taken since there were none.
    taken: usize,
}

/// Something that a process sends.
#[derive(Debug)]
pub enum Output<P: Process> {
    /// A message to another process.
    Message(NodeId, Arc<P::Message>),
    /// A reply to a client.
    Reply(Box<P::Reply>),
}

impl<P: Process> Outbox<P> {
    /// Sends a reply to a client.
    pub fn reply(&mut self, reply: P::Reply) {
        self.replies.push_back((self.effects.send_count(), Box::new(reply)));
    }

    /// Sends a reply to a client before all messages to processes.
    pub fn reply_first(&mut self, reply: P::Reply) {
        self.replies.push_back((0, Box::new(reply)));
    }

    /// Takes the next thing that is sent. To be called until there is none.
    pub fn pop_output(&mut self) -> Option<Output<P>> {
        if self.replies.front().is_some_and(|(before, _)| *before <= self.taken) {
            return self.replies.pop_front().map(|(_, reply)| Output::Reply(reply));
        }
        let Some((to, message)) = self.effects.pop_send() else {
            self.taken = 0;
            return None;
        };
        self.taken += 1;
        Some(Output::Message(to, message))
    }
}

impl<P: Process> Default for Outbox<P> {
    fn default() -> Self {
        Self { effects: Box::default(), replies: VecDeque::new(), taken: 0 }
    }
}
