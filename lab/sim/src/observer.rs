//! Observers made of others: none, one that may be missing, two at once.

use std::iter::once;
use std::ops::ControlFlow;

use rumormill::id::NodeId;
use rumormill::protocol::Entry;

use crate::fault::NodeFault;
use crate::process::{Input, Process};
use crate::sim::{Observer, Sim};

/// Watches nothing.
impl<P: Process, M> Observer<P, M> for () {}

/// An observer that hands on all it sees to those that the iterators have, in this order.
macro_rules! hand_on {
    ($(#[$doc:meta])* <$($other:ident),+> $type:ty, |$self:ident| $($others:expr),+) => {
        $(#[$doc])*
        impl<P: Process, M, $($other: Observer<P, M>),+> Observer<P, M> for $type {
            fn receiving(&mut $self, sim: &Sim<P, M>, node: NodeId, input: &Input<P>) {
                $($others.for_each(|other| other.receiving(sim, node, input));)+
            }
            fn waking(&mut $self, sim: &Sim<P, M>, node: NodeId) {
                $($others.for_each(|other| other.waking(sim, node));)+
            }
            fn delivered(&mut $self, sim: &Sim<P, M>, node: NodeId, entry: &Entry) {
                $($others.for_each(|other| other.delivered(sim, node, entry));)+
            }
            fn replied(&mut $self, sim: &Sim<P, M>, node: NodeId, reply: &P::Reply) {
                $($others.for_each(|other| other.replied(sim, node, reply));)+
            }
            fn sent(&mut $self, sim: &Sim<P, M>, from: NodeId, to: NodeId, message: &P::Message) {
                $($others.for_each(|other| other.sent(sim, from, to, message));)+
            }
            fn fault(&mut $self, sim: &Sim<P, M>, fault: &NodeFault) {
                $($others.for_each(|other| other.fault(sim, fault));)+
            }
            /// The first break counts; all see the event.
            fn handled(&mut $self, sim: &Sim<P, M>, node: NodeId) -> ControlFlow<String> {
                let mut flow = ControlFlow::Continue(());
                $($others.for_each(|other| {
                    let next = other.handled(sim, node);
                    if flow.is_continue() {
                        flow = next;
                    }
                });)+
                flow
            }
        }
    };
}

hand_on!(
    /// Watches with both, the first before the second.
    <A, B> (A, B), |self| once(&mut self.0), once(&mut self.1)
);

hand_on!(
    /// Watches if it is there.
    <O> Option<O>, |self| self.iter_mut()
);

hand_on!(<O> &mut O, |self| once(&mut **self));
