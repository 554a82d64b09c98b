//! Flights: a record of the messages between nodes, for pictures of them.

use rumormill::id::NodeId;

use crate::network::DropCause;
use crate::time::Nanos;

/// The way of one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flight {
    /// Sender.
    pub from: NodeId,
    /// Receiver.
    pub to: NodeId,
    /// When it was sent.
    pub sent: Nanos,
    /// When it arrived or was dropped; `None` while it is on its way.
    pub ended: Option<Nanos>,
    /// Why it did not arrive.
    pub dropped: Option<DropCause>,
    /// It may carry values.
    pub has_values: bool,
}

/// The first flights since the recording began, at most so many.
#[derive(Clone, Debug)]
pub(crate) struct Flights {
    /// Number of the first message recorded, by the order of sending.
    first: u64,
    list: Vec<Flight>,
    max: usize,
}

impl Flights {
    pub(crate) const fn new(first: u64, max: usize) -> Self {
        Self { first, list: Vec::new(), max }
    }

    pub(crate) fn on_send(&mut self, flight: Flight) {
        if self.list.len() < self.max {
            self.list.push(flight);
        }
    }

    /// Messages sent before the recording, or beyond its room, are none of it.
    pub(crate) fn on_end(&mut self, number: u64, now: Nanos, dropped: Option<DropCause>) {
        let place = number.checked_sub(self.first).and_then(|place| usize::try_from(place).ok());
        if let Some(flight) = place.and_then(|place| self.list.get_mut(place)) {
            flight.ended = Some(now);
            flight.dropped = dropped;
        }
    }

    pub(crate) fn list(&self) -> &[Flight] {
        &self.list
    }
}
