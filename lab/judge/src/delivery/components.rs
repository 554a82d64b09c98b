//! Convergence while the network is partitioned: within each connected component, and after each
//! heal.
//!
//! Two nodes are linked if messages get through both ways; components are those of this graph.
//!
//! - A value is *owed* to the nodes that are in the component of the node that acknowledged it, at
//!   that time and ever since. A node that is disconnected before it holds the value is owed it no
//!   longer.
//! - When components merge, each node of the new one is owed what it lacks of the acknowledged
//!   values held there, for as long as a holder is in its component.

use std::collections::{BTreeMap, BTreeSet};

use roaring::RoaringTreemap;
use rumormill_sim::Nanos;

use crate::delivery::convergence::Collector;

/// Observations of both. Times are relative, like the history's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ComponentConvergence {
    /// Delivery time within the component, per value that was owed to a node; `None` if a node
    /// never held it.
    pub since_ack: Vec<Option<Nanos>>,
    /// Values owed to no node: acknowledged by a node that was alone, or disconnected at once.
    pub excused: u64,
    /// The heals at which some node lacked a value.
    pub heals: Vec<Heal>,
}

/// A heal and what followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heal {
    /// Time of the heal.
    pub at: Nanos,
    /// Values that nodes lacked, all nodes together.
    pub owed: u64,
    /// Heal time: until the last node held the last of them; `None` if it never did.
    pub took: Option<Nanos>,
}

/// A value that not all nodes of its component hold.
#[derive(Debug)]
struct Open {
    origin: u32,
    acked: Nanos,
    waiting: BTreeSet<u32>,
    /// When the latest of them came to hold it.
    last: Option<Nanos>,
}

#[derive(Debug)]
struct OpenHeal {
    at: Nanos,
    owed: u64,
    /// Node and value.
    waiting: BTreeSet<(u32, u64)>,
    last: Nanos,
}

/// Observes connectivity and deliveries during a run, and collects the times.
#[derive(Debug)]
pub struct ComponentWatch {
    /// By node: its component.
    components: Vec<u32>,
    acked: RoaringTreemap,
    open: BTreeMap<u64, Open>,
    heals: Vec<OpenHeal>,
    done: ComponentConvergence,
}

impl ComponentWatch {
    /// Nothing was seen of so many nodes so far.
    pub fn new(nodes: usize) -> Self {
        Self {
            components: vec![0; nodes],
            acked: RoaringTreemap::new(),
            open: BTreeMap::new(),
            heals: Vec::new(),
            done: ComponentConvergence::default(),
        }
    }

    /// A node has acknowledged a value.
    pub fn acked(&mut self, value: u64, origin: u32, time: Nanos, held: &Collector) {
        let Ok(index) = usize::try_from(value) else { return };
        if !self.acked.insert(value) {
            return;
        }
        let own = self.components[origin as usize];
        let mates = (0..).zip(&self.components).filter(|(_, one)| **one == own);
        let mates = mates.map(|(node, _)| node);
        let mates: Vec<u32> = mates.filter(|node| *node != origin).collect();
        if mates.is_empty() {
            self.done.excused += 1;
            return;
        }
        let lacks = |node: &u32| !held.held().contains(*node as usize, index);
        let waiting: BTreeSet<u32> = mates.into_iter().filter(lacks).collect();
        if waiting.is_empty() {
            self.done.since_ack.push(Some(0));
        } else {
            self.open.insert(value, Open { origin, acked: time, waiting, last: None });
        }
    }

    /// A node has come to hold a value.
    pub fn held(&mut self, node: usize, value: u64, time: Nanos) {
        // Nodes are numbered with 32 bits.
        let node = node as u32;
        if let Some(open) = self.open.get_mut(&value)
            && open.waiting.remove(&node)
        {
            open.last = Some(time);
            if open.waiting.is_empty() {
                self.done.since_ack.push(Some(time.saturating_sub(open.acked)));
                self.open.remove(&value);
            }
        }
        let mut is_healed = false;
        for heal in &mut self.heals {
            if heal.waiting.remove(&(node, value)) {
                heal.last = time;
                is_healed |= heal.waiting.is_empty();
            }
        }
        if is_healed {
            self.close_heals();
        }
    }

    /// Takes in the components as they are now, changed or not.
    pub fn connect(&mut self, time: Nanos, components: Vec<u32>, held: &Collector) {
        if components == self.components {
            return;
        }
        let merged = merged(&self.components, &components);
        self.components = components;
        self.excuse_values();
        let present = self.present(held);
        let components = &self.components;
        for heal in &mut self.heals {
            heal.waiting.retain(|(node, value)| {
                let here = present.get(&components[*node as usize]);
                here.is_some_and(|values| values.contains(*value))
            });
        }
        self.close_heals();
        let mut waiting = BTreeSet::new();
        for (node, one) in (0_u32..).zip(&self.components) {
            let Some(here) = present.get(one).filter(|_| merged.contains(one)) else { continue };
            let holds = |value: &u64| held.held().contains(node as usize, *value as usize);
            let lacking = here.iter().filter(|value| !holds(value));
            waiting.extend(lacking.map(|value| (node, value)));
        }
        if !waiting.is_empty() {
            let owed = waiting.len() as u64;
            self.heals.push(OpenHeal { at: time, owed, waiting, last: time });
        }
    }

    /// Nodes that are disconnected from where a value was acknowledged are owed it no longer.
    fn excuse_values(&mut self) {
        let (components, done) = (&self.components, &mut self.done);
        self.open.retain(|_, open| {
            let own = components[open.origin as usize];
            open.waiting.retain(|node| components[*node as usize] == own);
            if !open.waiting.is_empty() {
                return true;
            }
            match open.last {
                Some(last) => done.since_ack.push(Some(last.saturating_sub(open.acked))),
                None => done.excused += 1,
            }
            false
        });
    }

    /// By component: the acknowledged values that a node there holds.
    fn present(&self, held: &Collector) -> BTreeMap<u32, RoaringTreemap> {
        let mut present: BTreeMap<u32, RoaringTreemap> = BTreeMap::new();
        for (node, component) in self.components.iter().enumerate() {
            let holds = |value: &u64| held.held().contains(node, *value as usize);
            present.entry(*component).or_default().extend(self.acked.iter().filter(holds));
        }
        present
    }

    fn close_heals(&mut self) {
        let done = &mut self.done.heals;
        self.heals.retain(|heal| {
            if heal.waiting.is_empty() {
                let took = Some(heal.last.saturating_sub(heal.at));
                done.push(Heal { at: heal.at, owed: heal.owed, took });
            }
            !heal.waiting.is_empty()
        });
    }

    /// Ends the run: what is still owed will never come.
    pub fn into_convergence(mut self) -> ComponentConvergence {
        self.done.since_ack.extend(self.open.values().map(|_| None));
        let never = self.heals.iter().map(|h| Heal { at: h.at, owed: h.owed, took: None });
        self.done.heals.extend(never);
        self.done.heals.sort_by_key(|heal| heal.at);
        self.done
    }
}

/// The components of now that consist of nodes from several components of before.
fn merged(before: &[u32], now: &[u32]) -> BTreeSet<u32> {
    let mut first: BTreeMap<u32, u32> = BTreeMap::new();
    let pairs = before.iter().zip(now);
    pairs.filter(|(b, n)| first.entry(**n).or_insert(**b) != *b).map(|(_, n)| *n).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three nodes; node 2 comes and goes.
    struct Bench {
        held: Collector,
        watch: ComponentWatch,
    }

    impl Bench {
        fn new(values: usize) -> Self {
            let mut held = Collector::new(3);
            (0..values).for_each(|_| held.invoked(0));
            Self { held, watch: ComponentWatch::new(3) }
        }

        fn holds(&mut self, node: usize, value: u64, time: Nanos) {
            self.held.holds(node, value, time);
            self.watch.held(node, value, time);
        }

        fn ack(&mut self, value: u64, origin: u32, time: Nanos) {
            self.holds(origin as usize, value, time);
            self.watch.acked(value, origin, time, &self.held);
        }

        fn connect(&mut self, time: Nanos, components: [u32; 3]) {
            self.watch.connect(time, components.to_vec(), &self.held);
        }
    }

    #[test]
    fn watch_without_a_cut_has_one_component() {
        let mut bench = Bench::new(2);
        bench.ack(0, 0, 10);
        bench.holds(1, 0, 15);
        bench.holds(2, 0, 22);
        bench.ack(1, 1, 30);
        let found = bench.watch.into_convergence();
        assert_eq!(found.since_ack, [Some(12), None]);
        assert_eq!((found.excused, found.heals.len()), (0, 0));
    }

    #[test]
    fn disconnected_node_is_owed_nothing_until_the_heal() {
        let mut bench = Bench::new(4);
        bench.ack(0, 0, 10);
        bench.holds(1, 0, 15);
        // Cut off before it had value 0.
        bench.connect(20, [0, 0, 1]);
        bench.ack(1, 0, 30);
        bench.holds(1, 1, 38);
        bench.ack(2, 2, 40);
        bench.connect(50, [0, 0, 0]);
        for (node, value, time) in [(2, 0, 55), (2, 1, 58), (0, 2, 60), (1, 2, 71)] {
            bench.holds(node, value, time);
        }
        let found = bench.watch.into_convergence();
        assert_eq!(found.since_ack, [Some(5), Some(8)]);
        assert_eq!(found.excused, 1, "value 2: its node was alone");
        assert_eq!(found.heals, [Heal { at: 50, owed: 4, took: Some(21) }]);
    }

    #[test]
    fn a_heal_that_does_not_last_owes_only_what_is_in_reach() {
        let mut bench = Bench::new(1);
        bench.connect(0, [0, 0, 1]);
        bench.ack(0, 0, 10);
        bench.holds(1, 0, 12);
        bench.connect(20, [0, 0, 0]);
        bench.connect(21, [0, 0, 1]);
        bench.connect(30, [0, 0, 0]);
        let found = bench.watch.into_convergence();
        let healed = Heal { at: 20, owed: 1, took: Some(0) };
        assert_eq!(found.heals, [healed, Heal { at: 30, owed: 1, took: None }]);
    }

    #[test]
    fn a_node_that_lost_its_memory_is_owed_everything() {
        let mut bench = Bench::new(1);
        bench.ack(0, 0, 10);
        bench.holds(1, 0, 12);
        bench.holds(2, 0, 13);
        bench.held.forget(2);
        bench.connect(20, [0, 0, 1]);
        bench.connect(30, [0, 0, 0]);
        bench.holds(2, 0, 37);
        let found = bench.watch.into_convergence();
        assert_eq!(found.since_ack, [Some(3)]);
        assert_eq!(found.heals, [Heal { at: 30, owed: 1, took: Some(7) }]);
    }
}
