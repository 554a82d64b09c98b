//! Observers made of others: none, one that may be missing, two at once.

use std::ops::ControlFlow;

use rumormill::id::NodeId;
use rumormill::protocol::Entry;

use crate::fault::NodeFault;
use crate::process::{Input, Process};
use crate::sim::{Observer, Sim};

/// Watches nothing.
impl<P: Process, M> Observer<P, M> for () {}

/// Watches with both, the first before the second.
impl<P: Process, M, A: Observer<P, M>, B: Observer<P, M>> Observer<P, M> for (A, B) {
    fn receiving(&mut self, sim: &Sim<P, M>, node: NodeId, input: &Input<P>) {
        self.0.receiving(sim, node, input);
        self.1.receiving(sim, node, input);
    }
    fn waking(&mut self, sim: &Sim<P, M>, node: NodeId) {
        self.0.waking(sim, node);
        self.1.waking(sim, node);
    }
    fn delivered(&mut self, sim: &Sim<P, M>, node: NodeId, entry: &Entry) {
        self.0.delivered(sim, node, entry);
        self.1.delivered(sim, node, entry);
    }
    fn replied(&mut self, sim: &Sim<P, M>, node: NodeId, reply: &P::Reply) {
        self.0.replied(sim, node, reply);
        self.1.replied(sim, node, reply);
    }
    fn sent(&mut self, sim: &Sim<P, M>, from: NodeId, to: NodeId, message: &P::Message) {
        self.0.sent(sim, from, to, message);
        self.1.sent(sim, from, to, message);
    }
    fn fault(&mut self, sim: &Sim<P, M>, fault: &NodeFault) {
        self.0.fault(sim, fault);
        self.1.fault(sim, fault);
    }
    fn handled(&mut self, sim: &Sim<P, M>, node: NodeId) -> ControlFlow<String> {
        let first = self.0.handled(sim, node);
        let second = self.1.handled(sim, node);
        if first.is_break() { first } else { second }
    }
}

/// Watches if it is there.
impl<P: Process, M, O: Observer<P, M>> Observer<P, M> for Option<O> {
    fn receiving(&mut self, sim: &Sim<P, M>, node: NodeId, input: &Input<P>) {
        self.iter_mut().for_each(|observer| observer.receiving(sim, node, input));
    }
    fn waking(&mut self, sim: &Sim<P, M>, node: NodeId) {
        self.iter_mut().for_each(|observer| observer.waking(sim, node));
    }
    fn delivered(&mut self, sim: &Sim<P, M>, node: NodeId, entry: &Entry) {
        self.iter_mut().for_each(|observer| observer.delivered(sim, node, entry));
    }
    fn replied(&mut self, sim: &Sim<P, M>, node: NodeId, reply: &P::Reply) {
        self.iter_mut().for_each(|observer| observer.replied(sim, node, reply));
    }
    fn sent(&mut self, sim: &Sim<P, M>, from: NodeId, to: NodeId, message: &P::Message) {
        self.iter_mut().for_each(|observer| observer.sent(sim, from, to, message));
    }
    fn fault(&mut self, sim: &Sim<P, M>, fault: &NodeFault) {
        self.iter_mut().for_each(|observer| observer.fault(sim, fault));
    }
    fn handled(&mut self, sim: &Sim<P, M>, node: NodeId) -> ControlFlow<String> {
        self.as_mut().map_or(ControlFlow::Continue(()), |observer| observer.handled(sim, node))
    }
}

impl<P: Process, M, O: Observer<P, M>> Observer<P, M> for &mut O {
    fn receiving(&mut self, sim: &Sim<P, M>, node: NodeId, input: &Input<P>) {
        (**self).receiving(sim, node, input);
    }
    fn waking(&mut self, sim: &Sim<P, M>, node: NodeId) {
        (**self).waking(sim, node);
    }
    fn delivered(&mut self, sim: &Sim<P, M>, node: NodeId, entry: &Entry) {
        (**self).delivered(sim, node, entry);
    }
    fn replied(&mut self, sim: &Sim<P, M>, node: NodeId, reply: &P::Reply) {
        (**self).replied(sim, node, reply);
    }
    fn sent(&mut self, sim: &Sim<P, M>, from: NodeId, to: NodeId, message: &P::Message) {
        (**self).sent(sim, from, to, message);
    }
    fn fault(&mut self, sim: &Sim<P, M>, fault: &NodeFault) {
        (**self).fault(sim, fault);
    }
    fn handled(&mut self, sim: &Sim<P, M>, node: NodeId) -> ControlFlow<String> {
        (**self).handled(sim, node)
    }
}
