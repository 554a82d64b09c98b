//! Deliveries: when each node came to hold each value. Observations, not estimates.
//!
//! A source is a way to see it: probe reads, the messages between processes, or
//! the inside of simulated nodes. Checkers turn them into figures.

use roaring::RoaringTreemap;
use rumormill_sim::Nanos;

/// Deliveries of one value as one source saw them. Times are relative, like the history's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ValueSpread {
    /// Time at which its broadcast was invoked.
    pub invoked: Nanos,
    /// Time of its acknowledgement, if there was one.
    pub acked: Option<Nanos>,
    /// Nodes seen to hold it.
    pub holders: u32,
    /// Time at which the latest of them was first seen to hold it.
    pub last_held: Nanos,
}

impl ValueSpread {
    /// From the acknowledgement until the last node held it; `None` unless all `nodes` do. Zero
    /// if all held it before the acknowledgement.
    #[must_use]
    pub fn since_ack(&self, nodes: usize) -> Option<Nanos> {
        let acked = self.acked?;
        (self.holders as usize == nodes).then(|| self.last_held.saturating_sub(acked))
    }

    /// From the invocation until the last node held it; `None` unless all `nodes` do.
    #[must_use]
    pub fn since_invoke(&self, nodes: usize) -> Option<Nanos> {
        (self.holders as usize == nodes).then(|| self.last_held.saturating_sub(self.invoked))
    }
}

/// Deliveries of all values as one source saw them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Convergence {
    /// Number of nodes, but for those that died for good.
    pub nodes: usize,
    /// By value: they are 0, 1, 2, …
    pub values: Vec<ValueSpread>,
}

/// Pairs of a node and a value, as bits. Those of a value stand together: at any time a few values are on
/// their way to many nodes.
#[derive(Clone, Debug)]
pub struct NodeValues {
    words_per_value: usize,
    bits: Vec<u64>,
}

impl NodeValues {
    /// None, of so many nodes.
    #[must_use]
    pub const fn new(nodes: usize) -> Self {
        Self { words_per_value: nodes.div_ceil(64), bits: Vec::new() }
    }

    /// Adds a pair; false if it is there already.
    pub fn insert(&mut self, node: usize, value: usize) -> bool {
        let place = value * self.words_per_value + node / 64;
        if self.bits.len() <= place {
            self.bits.resize((value + 1) * self.words_per_value, 0);
        }
        let (word, bit) = (&mut self.bits[place], 1 << (node % 64));
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }

    /// True if the pair is there.
    #[must_use]
    pub fn contains(&self, node: usize, value: usize) -> bool {
        let word = self.bits.get(value * self.words_per_value + node / 64);
        word.is_some_and(|word| word >> (node % 64) & 1 == 1)
    }

    /// Takes out the pairs of a node, and calls `each` with their values.
    pub fn forget(&mut self, node: usize, mut each: impl FnMut(usize)) {
        let bit = 1 << (node % 64);
        let words = self.bits.iter_mut().skip(node / 64).step_by(self.words_per_value.max(1));
        for (value, word) in words.enumerate().filter(|(_, word)| **word & bit != 0) {
            *word &= !bit;
            each(value);
        }
    }
}

/// Collects what one source sees.
#[derive(Debug)]
pub struct Collector {
    /// The values that nodes were seen to hold.
    held: NodeValues,
    /// The values that they held in a life that is over.
    held_before: NodeValues,
    values: Vec<ValueSpread>,
    /// The source has said something.
    pub used: bool,
}

impl Collector {
    /// Nothing was seen of so many nodes so far.
    pub fn new(nodes: usize) -> Self {
        let none = NodeValues::new(nodes);
        Self { held_before: none.clone(), held: none, values: Vec::new(), used: false }
    }

    /// How many values were handed to clients.
    pub fn count(&self) -> u64 {
        self.values.len() as u64
    }

    /// The next value, counting from 0, was handed to a client.
    pub fn invoked(&mut self, time: Nanos) {
        self.values.push(ValueSpread { invoked: time, ..ValueSpread::default() });
    }

    /// The value was handed to a client.
    pub fn knows(&self, value: u64) -> bool {
        value < self.values.len() as u64
    }

    /// The broadcast of a value was acknowledged.
    pub fn acked(&mut self, value: u64, time: Nanos) {
        if let Some(spread) = self.values.get_mut(value as usize) {
            spread.acked = Some(time);
        }
    }

    /// A node holds a value; false if that was known. Anything that was never broadcast is ignored.
    pub fn holds(&mut self, node: usize, value: u64, time: Nanos) -> bool {
        let Ok(index) = usize::try_from(value) else { return false };
        let Some(spread) = self.values.get_mut(index) else { return false };
        let is_new = self.held.insert(node, index);
        if is_new {
            spread.holders += 1;
            // This time is not about values that it held once and has to be told again.
            if !self.held_before.contains(node, index) {
                spread.last_held = time;
            }
        }
        is_new
    }

    /// The acknowledged values that a node does not hold.
    pub fn lacking(&self, node: usize) -> Vec<u64> {
        let is_acked = |index: &usize| self.values[*index].acked.is_some();
        let lacks = |index: &usize| !self.held.contains(node, *index);
        let lacking = (0..self.values.len()).filter(is_acked).filter(lacks);
        lacking.map(|index| index as u64).collect()
    }

    /// A node has lost its memory.
    pub fn forget(&mut self, node: usize) {
        let Self { held, held_before, values, .. } = self;
        held.forget(node, |index| {
            values[index].holders -= 1;
            held_before.insert(node, index);
        });
    }

    /// Takes out the acknowledged values that no node holds, if nodes have died: they were lost with
    /// their holders, and are not owed any more.
    pub fn take_lost_with_holders(&mut self, nodes_died: bool) -> RoaringTreemap {
        let mut lost_with_holders = RoaringTreemap::new();
        for (value, spread) in (0..).zip(&mut self.values).filter(|_| nodes_died) {
            if spread.holders == 0 && spread.acked.take().is_some() {
                lost_with_holders.insert(value);
            }
        }
        lost_with_holders
    }

    /// The values that nodes hold.
    pub const fn held(&self) -> &NodeValues {
        &self.held
    }

    /// Ends the collection, with this number of nodes left.
    pub fn into_convergence(self, nodes: usize) -> Convergence {
        Convergence { nodes, values: self.values }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_node_decides() {
        let mut collector = Collector::new(3);
        collector.invoked(10);
        collector.invoked(11);
        collector.holds(0, 0, 12);
        collector.acked(0, 20);
        collector.holds(1, 0, 30);
        collector.holds(1, 0, 31);
        collector.holds(2, 0, 45);
        collector.holds(2, 1, 46);
        collector.holds(2, 2, 47);
        let values = collector.into_convergence(3).values;
        assert_eq!(values[0].holders, 3);
        assert_eq!((values[0].since_ack(3), values[0].since_invoke(3)), (Some(25), Some(35)));
        assert_eq!((values[1].holders, values[1].since_invoke(3)), (1, None));
        assert_eq!(values.len(), 2);
    }
}
