//! Convergence while the network is torn: within each connected part, and after each heal.
//!
//! Two nodes are linked if messages get through both ways; a part is what hangs together by links.
//!
//! - A value is *owed* to the nodes that are in the part of the node that acknowledged it, at that
//!   time and ever since. Those that are cut off before they have it are owed it no longer.
//! - When parts grow together, each node of the new part is owed what it lacks of the acknowledged
//!   values that somebody there holds, for as long as somebody who holds it is in its part.

use std::collections::{BTreeMap, BTreeSet};

use crate::convergence::{Collector, has_bit, set_bit};
use crate::history::Nanos;

/// What was seen of both. Times are relative, like the history's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartConvergence {
    /// From the acknowledgement until the last node of the part had it, per value that was owed to
    /// anyone; `None` if somebody never had it.
    pub since_ack: Vec<Option<Nanos>>,
    /// Values owed to nobody: acknowledged by a node that was alone, or cut off at once.
    pub excused: u64,
    /// The heals at which somebody lacked something.
    pub heals: Vec<Heal>,
}

/// What came of a heal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heal {
    /// When it was.
    pub at: Nanos,
    /// How many values nodes lacked, all nodes together.
    pub owed: u64,
    /// How long until the last node had the last of them; `None` if it never did.
    pub took: Option<Nanos>,
}

/// A value that not everybody in its part has.
#[derive(Debug)]
struct Open {
    origin: u32,
    acked: Nanos,
    waiting: BTreeSet<u32>,
    /// When the latest of them came to have it.
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

/// Watches it.
#[derive(Debug)]
pub(crate) struct PartWatch {
    /// By node: its part.
    parts: Vec<u32>,
    /// The acknowledged values, as bits.
    acked: Vec<u64>,
    open: BTreeMap<u64, Open>,
    heals: Vec<OpenHeal>,
    done: PartConvergence,
}

impl PartWatch {
    pub(crate) fn new(nodes: usize) -> Self {
        Self {
            parts: vec![0; nodes],
            acked: Vec::new(),
            open: BTreeMap::new(),
            heals: Vec::new(),
            done: PartConvergence::default(),
        }
    }

    /// A node has acknowledged a value.
    pub(crate) fn acked(&mut self, value: u64, origin: u32, time: Nanos, held: &Collector) {
        let Ok(index) = usize::try_from(value) else { return };
        if !set_bit(&mut self.acked, index) {
            return;
        }
        let part = self.parts[origin as usize];
        let mates = (0..).zip(&self.parts).filter(|(_, p)| **p == part).map(|(node, _)| node);
        let mates: Vec<u32> = mates.filter(|node| *node != origin).collect();
        if mates.is_empty() {
            self.done.excused += 1;
            return;
        }
        let lacks = |node: &u32| !has_bit(held.held(*node as usize), index);
        let waiting: BTreeSet<u32> = mates.into_iter().filter(lacks).collect();
        if waiting.is_empty() {
            self.done.since_ack.push(Some(0));
        } else {
            self.open.insert(value, Open { origin, acked: time, waiting, last: None });
        }
    }

    /// A node has come to hold a value.
    pub(crate) fn held(&mut self, node: usize, value: u64, time: Nanos) {
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
        let mut settled = false;
        for heal in &mut self.heals {
            if heal.waiting.remove(&(node, value)) {
                heal.last = time;
                settled |= heal.waiting.is_empty();
            }
        }
        if settled {
            self.close_heals();
        }
    }

    /// Who is connected to whom has changed, or not.
    pub(crate) fn connect(&mut self, time: Nanos, parts: Vec<u32>, held: &Collector) {
        if parts == self.parts {
            return;
        }
        let grown = grown_parts(&self.parts, &parts);
        self.parts = parts;
        self.excuse_values();
        let present = self.present(held);
        let parts = &self.parts;
        for heal in &mut self.heals {
            heal.waiting.retain(|(node, value)| {
                let here = present.get(&parts[*node as usize]);
                here.is_some_and(|words| has_bit(words, *value as usize))
            });
        }
        self.close_heals();
        let mut waiting = BTreeSet::new();
        for (node, part) in (0_u32..).zip(&self.parts) {
            let Some(here) = present.get(part).filter(|_| grown.contains(part)) else { continue };
            let holds = held.held(node as usize);
            let lacking = ones(here).filter(|index| !has_bit(holds, *index));
            waiting.extend(lacking.map(|index| (node, index as u64)));
        }
        if !waiting.is_empty() {
            let owed = waiting.len() as u64;
            self.heals.push(OpenHeal { at: time, owed, waiting, last: time });
        }
    }

    /// Nodes that are cut off from where a value was acknowledged are owed it no longer.
    fn excuse_values(&mut self) {
        let (parts, done) = (&self.parts, &mut self.done);
        self.open.retain(|_, open| {
            let part = parts[open.origin as usize];
            open.waiting.retain(|node| parts[*node as usize] == part);
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

    /// By part: the acknowledged values that somebody there holds, as bits.
    fn present(&self, held: &Collector) -> BTreeMap<u32, Vec<u64>> {
        let mut present: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
        for (node, part) in self.parts.iter().enumerate() {
            let here = present.entry(*part).or_insert_with(|| vec![0; self.acked.len()]);
            for ((word, held), acked) in here.iter_mut().zip(held.held(node)).zip(&self.acked) {
                *word |= held & acked;
            }
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

    /// The run is over: what is still owed will never come.
    pub(crate) fn into_convergence(mut self) -> PartConvergence {
        self.done.since_ack.extend(self.open.values().map(|_| None));
        let never = self.heals.iter().map(|h| Heal { at: h.at, owed: h.owed, took: None });
        self.done.heals.extend(never);
        self.done.heals.sort_by_key(|heal| heal.at);
        self.done
    }
}

/// The parts of now that consist of nodes from several parts of before.
fn grown_parts(before: &[u32], now: &[u32]) -> BTreeSet<u32> {
    let mut first: BTreeMap<u32, u32> = BTreeMap::new();
    let pairs = before.iter().zip(now);
    pairs.filter(|(b, n)| first.entry(**n).or_insert(**b) != *b).map(|(_, n)| *n).collect()
}

/// The positions of the bits that are set.
fn ones(words: &[u64]) -> impl Iterator<Item = usize> + '_ {
    words.iter().enumerate().flat_map(|(i, word)| {
        (0..64).filter(move |bit| word >> bit & 1 == 1).map(move |bit| i * 64 + bit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three nodes; node 2 comes and goes.
    struct Bench {
        held: Collector,
        watch: PartWatch,
    }

    impl Bench {
        fn new(values: usize) -> Self {
            let mut held = Collector::new(3);
            (0..values).for_each(|_| held.invoked(0));
            Self { held, watch: PartWatch::new(3) }
        }

        fn holds(&mut self, node: usize, value: u64, time: Nanos) {
            self.held.holds(node, value, time);
            self.watch.held(node, value, time);
        }

        fn ack(&mut self, value: u64, origin: u32, time: Nanos) {
            self.holds(origin as usize, value, time);
            self.watch.acked(value, origin, time, &self.held);
        }

        fn parts(&mut self, time: Nanos, parts: [u32; 3]) {
            self.watch.connect(time, parts.to_vec(), &self.held);
        }
    }

    #[test]
    fn without_a_cut_all_nodes_are_one_part() {
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
    fn who_is_cut_off_is_owed_nothing_until_the_heal() {
        let mut bench = Bench::new(4);
        bench.ack(0, 0, 10);
        bench.holds(1, 0, 15);
        // Cut off before it had value 0.
        bench.parts(20, [0, 0, 1]);
        bench.ack(1, 0, 30);
        bench.holds(1, 1, 38);
        bench.ack(2, 2, 40);
        bench.parts(50, [0, 0, 0]);
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
        bench.parts(0, [0, 0, 1]);
        bench.ack(0, 0, 10);
        bench.holds(1, 0, 12);
        bench.parts(20, [0, 0, 0]);
        bench.parts(21, [0, 0, 1]);
        bench.parts(30, [0, 0, 0]);
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
        bench.parts(20, [0, 0, 1]);
        bench.parts(30, [0, 0, 0]);
        bench.holds(2, 0, 37);
        let found = bench.watch.into_convergence();
        assert_eq!(found.since_ack, [Some(3)]);
        assert_eq!(found.heals, [Heal { at: 30, owed: 1, took: Some(7) }]);
    }
}
