//! Watching a simulation from inside, event by event.

use std::ops::ControlFlow;

use crate::node::Message;

use super::faults::NodeFault;
use super::node::SimNode;
use crate::history::Nanos;
use crate::network::Network;
use crate::outcome::Phase;

/// What an observer sees of a simulation.
#[derive(Clone, Copy, Debug)]
pub struct World<'a> {
    /// Virtual time since the start, by the simulation's clock.
    pub now: Nanos,
    /// All nodes, in order.
    pub nodes: &'a [SimNode],
    /// Where the run is.
    pub phase: Phase,
    pub(super) network: &'a Network,
}

impl World<'_> {
    /// True if what `sender` sends would reach `receiver` if it arrived now: no partition or cut
    /// stands between them, and both are up and not paused. Loss at random does not count.
    #[must_use]
    pub fn hears(&self, receiver: usize, sender: usize) -> bool {
        self.network.connects(self.now, sender as u32, receiver as u32)
    }

    /// By node: the number of its connected component. Two nodes are linked if messages get through
    /// both ways. A node that is down or paused is alone.
    #[must_use]
    pub fn components(&self) -> Vec<u32> {
        self.network.components(self.now)
    }

    /// Messages on their way.
    #[must_use]
    pub const fn in_flight(&self) -> u64 {
        self.network.queued()
    }
}

/// Watches a simulation. All methods do nothing unless they are written.
pub trait Observer {
    /// A node of ours is about to handle a message.
    fn receiving(&mut self, world: &World<'_>, node: usize, message: &Message) {
        let _ = (world, node, message);
    }

    /// A node is about to handle its timer.
    fn waking(&mut self, world: &World<'_>, node: usize) {
        let _ = (world, node);
    }

    /// A node of ours sent a message, to a peer or a client. The node's other messages of the same
    /// event may follow.
    fn sent(&mut self, world: &World<'_>, node: usize, message: &Message) {
        let _ = (world, node, message);
    }

    /// Something happened to a node.
    fn fault(&mut self, world: &World<'_>, fault: &NodeFault) {
        let _ = (world, fault);
    }

    /// A node has handled a message or a timer, and all that it sent was taken. A break ends the
    /// run: it says why.
    fn handled(&mut self, world: &World<'_>, node: usize) -> ControlFlow<String> {
        let _ = (world, node);
        ControlFlow::Continue(())
    }
}

/// Watches nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nobody;

impl Observer for Nobody {}

impl<O: Observer + ?Sized> Observer for &mut O {
    fn receiving(&mut self, world: &World<'_>, node: usize, message: &Message) {
        (**self).receiving(world, node, message);
    }
    fn waking(&mut self, world: &World<'_>, node: usize) {
        (**self).waking(world, node);
    }
    fn sent(&mut self, world: &World<'_>, node: usize, message: &Message) {
        (**self).sent(world, node, message);
    }
    fn fault(&mut self, world: &World<'_>, fault: &NodeFault) {
        (**self).fault(world, fault);
    }
    fn handled(&mut self, world: &World<'_>, node: usize) -> ControlFlow<String> {
        (**self).handled(world, node)
    }
}

/// Watches if there is somebody to watch.
impl<O: Observer> Observer for Option<O> {
    fn receiving(&mut self, world: &World<'_>, node: usize, message: &Message) {
        if let Some(observer) = self {
            observer.receiving(world, node, message);
        }
    }
    fn waking(&mut self, world: &World<'_>, node: usize) {
        if let Some(observer) = self {
            observer.waking(world, node);
        }
    }
    fn sent(&mut self, world: &World<'_>, node: usize, message: &Message) {
        if let Some(observer) = self {
            observer.sent(world, node, message);
        }
    }
    fn fault(&mut self, world: &World<'_>, fault: &NodeFault) {
        if let Some(observer) = self {
            observer.fault(world, fault);
        }
    }
    fn handled(&mut self, world: &World<'_>, node: usize) -> ControlFlow<String> {
        match self {
            Some(observer) => observer.handled(world, node),
            None => ControlFlow::Continue(()),
        }
    }
}
