//! The surroundings of the processes: what carries their messages, and what clients do.

use std::collections::VecDeque;
use std::sync::Arc;

use rumormill::id::NodeId;
use rumormill::protocol::Entry;

use crate::fault::{NodeFault, NodeFaultKind};
use crate::flight::{Flight, Flights};
use crate::network::{Arrival, Due, FaultCounts, Network, NetworkConfig, Routed, Way};
use crate::process::{Input, Process};
use crate::time::Nanos;

/// The surroundings of the processes of a simulation: a network, and perhaps clients.
///
/// A state machine like the processes: after every call the simulation polls its inputs for them.
pub trait Medium<P: Process> {
    /// A process sent a message to another.
    fn on_send(&mut self, now: Nanos, from: NodeId, to: NodeId, message: Arc<P::Message>);

    /// A process replied to a client.
    fn on_reply(&mut self, now: Nanos, from: NodeId, reply: P::Reply);

    /// A process has delivered an entry.
    fn on_deliver(&mut self, now: Nanos, node: NodeId, entry: &Entry) {
        let _ = (now, node, entry);
    }

    /// A fault struck a node.
    fn on_fault(&mut self, now: Nanos, fault: &NodeFault);

    /// The next input of a process, now.
    fn poll_input(&mut self, now: Nanos) -> Option<(NodeId, Input<P>)>;

    /// When to call [`Medium::handle_timeout`].
    fn poll_timeout(&self) -> Option<Nanos>;

    /// The instant of [`Medium::poll_timeout`] has come.
    fn handle_timeout(&mut self, now: Nanos);
}

/// A network, and clients that submit what they are told to. It has no opinion on replies.
#[derive(Debug)]
pub struct Plain<P: Process> {
    network: PlainNetwork<P>,
    requests: VecDeque<(NodeId, P::Request)>,
    sent: u64,
    dropped: u64,
    flights: Option<Flights>,
}

/// The network of [`Plain`]: messages, and requests.
pub type PlainNetwork<P> =
    Network<Numbered<<P as Process>::Message>, (NodeId, <P as Process>::Request)>;

/// A message on its way.
#[derive(Debug)]
pub struct Numbered<M> {
    /// From where to where.
    pub way: Way,
    /// Its number in the order of sending.
    pub number: u64,
    /// The message, which others may be sent as well.
    pub message: Arc<M>,
}

impl<M> Clone for Numbered<M> {
    fn clone(&self) -> Self {
        Self { message: Arc::clone(&self.message), ..*self }
    }
}

impl<M> Routed for Numbered<M> {
    fn way(&self) -> Way {
        self.way
    }
}

impl<P: Process> Plain<P> {
    /// A network without messages.
    #[must_use]
    pub fn new(config: NetworkConfig) -> Self {
        let network = Network::new(config);
        Self { network, requests: VecDeque::new(), sent: 0, dropped: 0, flights: None }
    }

    /// Lets a client make a request at that time.
    pub fn request(&mut self, at: Nanos, node: NodeId, request: P::Request) {
        self.network.set_alarm(at, (node, request));
    }

    /// The network: partitions, faults, messages on their way.
    #[must_use]
    pub const fn network(&self) -> &PlainNetwork<P> {
        &self.network
    }

    /// The network, to change its conditions.
    pub const fn network_mut(&mut self) -> &mut PlainNetwork<P> {
        &mut self.network
    }

    /// Messages between nodes sent so far.
    #[must_use]
    pub const fn sent(&self) -> u64 {
        self.sent
    }

    /// Messages lost so far.
    #[must_use]
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Records the ways of the next `max` messages.
    pub fn record_flights(&mut self, max: usize) {
        self.flights = Some(Flights::new(self.sent, max));
    }

    /// The ways of messages since the recording began, in the order of sending.
    #[must_use]
    pub fn flights(&self) -> &[Flight] {
        self.flights.as_ref().map_or(&[], Flights::list)
    }
}

impl<P: Process> Medium<P> for Plain<P> {
    fn on_send(&mut self, now: Nanos, from: NodeId, to: NodeId, message: Arc<P::Message>) {
        let number = self.sent;
        self.sent += 1;
        let has_values = P::has_values(&message);
        if let Some(flights) = &mut self.flights {
            let flight = Flight { from, to, sent: now, ended: None, dropped: None, has_values };
            flights.on_send(flight);
        }
        let way = Way { has_values, ..Way::between(from.0, to.0) };
        self.network.send(now, Numbered { way, number, message });
    }

    fn on_reply(&mut self, _: Nanos, _: NodeId, _: P::Reply) {}

    fn on_fault(&mut self, _: Nanos, fault: &NodeFault) {
        on_fault(&mut self.network, fault);
    }

    fn poll_input(&mut self, now: Nanos) -> Option<(NodeId, Input<P>)> {
        if let Some((node, request)) = self.requests.pop_front() {
            return Some((node, Input::Request(Box::new(request))));
        }
        while let Some(Arrival { message, dropped }) = self.network.poll_arrival() {
            let Numbered { way, number, message } = message;
            if let Some(flights) = &mut self.flights {
                flights.on_end(number, now, dropped);
            }
            match way.from {
                Some(from) if dropped.is_none() => {
                    let from = NodeId(from);
                    return Some((NodeId(way.to), Input::Message { from, message }));
                }
                _ => self.dropped += 1,
            }
        }
        None
    }

    fn poll_timeout(&self) -> Option<Nanos> {
        self.network.poll_timeout()
    }

    fn handle_timeout(&mut self, now: Nanos) {
        while let Some((_, due)) = self.network.handle_due(now) {
            if let Due::Alarm(request) = due {
                self.requests.push_back(request);
            }
        }
    }
}

/// Tells a network that a fault has struck a node, and counts it.
pub fn on_fault<M, A>(network: &mut Network<M, A>, fault: &NodeFault) {
    let (node, conditions) = (fault.node.0 as usize, network.conditions_mut());
    let mut count = |add: fn(&mut FaultCounts)| add(conditions.counts_mut());
    match fault.kind {
        NodeFaultKind::Pause(_) => {
            count(|counts| counts.paused += 1);
            conditions.set_paused(node, true);
        }
        NodeFaultKind::Resume => conditions.set_paused(node, false),
        NodeFaultKind::FreeDisk => {}
        NodeFaultKind::FillDisk(_) => count(|counts| counts.disk_filled += 1),
        NodeFaultKind::ClockJump(_) => count(|counts| counts.clock_jumped += 1),
        NodeFaultKind::Crash { .. } => {
            count(|counts| counts.crashed += 1);
            conditions.set_paused(node, false);
            conditions.set_down(node, true);
        }
        NodeFaultKind::Restart { .. } => {
            count(|counts| counts.restarted += 1);
            conditions.set_down(node, false);
        }
    }
}
