//! Film: everything that a picture of one run shows, moment by moment.

use rumormill::id::NodeId;
use rumormill::protocol::Protocol;
use rumormill::wire::Wire;
use rumormill_sim::{Bare, Flight, Nanos, Sim};

/// The record of one run. Times are in nanoseconds since the injection.
#[derive(Clone, Debug, Default)]
pub struct Film {
    /// When a node came to hold the rumour, or lost it with its memory.
    pub holds: Vec<(Nanos, NodeId, bool)>,
    /// When a node died, or came back.
    pub ups: Vec<(Nanos, NodeId, bool)>,
    /// The ways of messages, in the order of sending; the first ones, if there are too many.
    pub flights: Vec<Flight>,
    /// Messages sent, also those whose ways were not recorded.
    pub messages: u64,
    /// The end of the run.
    pub end: Nanos,
    /// The run was broken off, because a limit was reached.
    pub is_cut_short: bool,
}

/// The most that a recorded run may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Events: messages handed over, timers run.
    pub events: u64,
    /// Messages sent.
    pub messages: u64,
    /// Messages whose ways are recorded.
    pub flights: usize,
}

impl Film {
    /// Takes what the simulation itself knows.
    pub(super) fn finish<P: Protocol<Message: Wire>>(
        mut self,
        sim: &Sim<Bare<P>>,
        injection: Nanos,
        messages: u64,
    ) -> Self {
        let since = |at: Nanos| at.saturating_sub(injection);
        let flights = sim.medium().flights().iter();
        self.flights = flights
            .map(|flight| Flight {
                sent: since(flight.sent),
                ended: flight.ended.map(since),
                ..*flight
            })
            .collect();
        self.messages = messages;
        self.end = since(sim.now());
        self.is_cut_short = sim.broken_off().is_some();
        self
    }
}
