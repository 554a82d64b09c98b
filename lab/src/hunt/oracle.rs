//! The entries that every node really holds, in numbers that all of them share.
//!
//! Each node numbers the origins it hears of as they come. To compare what two nodes hold, or
//! what one says of the other, the origins get numbers of the hunter's own here. After every event of a
//! node its store is compared with the last one seen.

use std::borrow::Cow;
use std::collections::BTreeMap;

use rumormill::id::{Generation, Origin};
use rumormill::protocols::rumormill::message::{Entries, Gossip, Have};
use rumormill::set::{OriginId, Ranges, VersionSet};
use rumormill::value::Value;

use super::violation::{Kind, Violation, broken};
use crate::node::{Inspect as _, SimServer};

/// All lives of all nodes.
#[derive(Debug, Default)]
pub(super) struct Oracle {
    numbers: BTreeMap<Origin, OriginId>,
    origins: Vec<Origin>,
    /// By origin: the values of its entries, as the node that made them has them.
    values: Vec<Vec<Value>>,
    /// By node, oldest first.
    lives: Vec<Vec<Life>>,
}

/// One life of a node.
#[derive(Debug)]
pub(super) struct Life {
    pub(super) generation: Generation,
    /// Entries that it holds, or held when it ended. Nothing is ever taken out.
    pub(super) held: VersionSet,
    /// The same, by the node's numbers of origins.
    seen: VersionSet,
    /// Those numbers in the hunter's.
    numbers: Vec<OriginId>,
}

impl Oracle {
    pub(super) fn new(nodes: usize) -> Self {
        Self { lives: (0..nodes).map(|_| Vec::new()).collect(), ..Self::default() }
    }

    /// A node begins a life.
    pub(super) fn begin(&mut self, node: usize, generation: Generation) {
        let (held, seen) = (VersionSet::new(), VersionSet::new());
        let life = Life { generation, held, seen, numbers: Vec::new() };
        self.lives[node].push(life);
    }

    /// The life a node is in, or was in last.
    pub(super) fn life(&self, node: usize) -> Option<&Life> {
        self.lives[node].last()
    }

    /// The entries that a node held in one of its lives, if it had that life.
    fn held_in(&self, node: usize, generation: Generation) -> Option<&VersionSet> {
        self.lives[node]
            .iter()
            .rev()
            .find(|life| life.generation == generation)
            .map(|life| &life.held)
    }

    /// Takes in what has changed in a node's store; true if anything has.
    pub(super) fn update(&mut self, index: usize, node: &SimServer) -> bool {
        let store = node.replica();
        let Some(life) = self.lives[index].last_mut() else { return false };
        // A journal knows better than the client that began the life.
        life.generation = node.generation();
        for origin in store.origins().names().skip(life.numbers.len()) {
            let next = OriginId(self.origins.len() as u32);
            let number = *self.numbers.entry(origin).or_insert(next);
            if number == next {
                self.origins.push(origin);
                self.values.push(Vec::new());
            }
            life.numbers.push(number);
        }
        // A store forgets nothing, so as many entries are the same ones.
        if store.held().count() == life.seen.count() {
            return false;
        }
        let new = store.held().difference(&life.seen);
        for (local, held) in new.iter() {
            let number = life.numbers[local.0 as usize];
            life.held.insert_all(number, &held);
            let origin = store.origin(local);
            let is_own = origin.node.0 as usize == index && origin.generation == node.generation();
            if is_own {
                let known = &mut self.values[number.0 as usize];
                let fresh = known.len() as u64..held.end();
                known.extend_from_slice(store.values(local, &fresh));
            }
        }
        life.seen.union_with(&new);
        true
    }

    /// Checks what a node has from its journal: all that it had vouched for, and nothing but what some
    /// node has made. Its generation is a new one: if an earlier life had the same, nothing of that
    /// is left anywhere, and its names are free again.
    pub(super) fn check_restored(
        &mut self,
        node: &SimServer,
        vouched: &VersionSet,
    ) -> Result<(), Violation> {
        let store = node.replica();
        let mut held = VersionSet::new();
        for (local, ranges) in store.held().iter() {
            let origin = store.origin(local);
            let is_own = Some(origin.node) == node.id() && origin.generation == node.generation();
            if is_own {
                broken!(
                    Kind::Generation,
                    "begins {}, of which it has entries",
                    origin_name(origin)
                );
            }
            let number = self.numbers.get(&origin).copied();
            let is_made = number.is_some_and(|number| {
                held.insert_all(number, &ranges);
                let made = &self.values[number.0 as usize];
                ranges.iter().all(|range| {
                    made.get(range.start as usize..range.end as usize)
                        == Some(store.values(local, &range))
                })
            });
            if !is_made {
                broken!(Kind::Restored, "has entries of {} that are not so", origin_name(origin));
            }
        }
        let lost = vouched.difference(&held);
        if !lost.is_empty() {
            broken!(Kind::Restored, "came back without {}", self.words(&lost));
        }
        let own = node.id().map(|node_id| Origin { node: node_id, generation: node.generation() });
        if let Some(number) = own.and_then(|own| self.numbers.get(&own)) {
            self.values[number.0 as usize].clear();
        }
        Ok(())
    }

    /// Adds to `vouched` what a message says that its sender holds.
    pub(super) fn add_vouched(&self, gossip: &Gossip, vouched: &mut VersionSet) {
        for Have { origin, ranges } in &gossip.have {
            if let Some(number) = self.numbers.get(origin) {
                vouched.insert_all(*number, ranges);
            }
        }
        for Entries { origin, first, values } in &*gossip.entries {
            if let Some(number) = self.numbers.get(origin) {
                vouched.insert(*number, *first..first.saturating_add(values.len() as u64));
            }
        }
    }

    /// Sum of entries, as their makers have them.
    pub(super) fn sum(&self, held: &VersionSet) -> i128 {
        let entries = held.ranges().flat_map(|(number, range)| {
            &self.values[number.0 as usize][range.start as usize..range.end as usize]
        });
        let delta = |value: &Value| match value {
            Value::Int(int) => i128::from(*int),
            Value::Json(_) => 0,
        };
        entries.map(delta).sum()
    }

    /// Checks that an entry sent is what its maker made, and that the sender holds it.
    pub(super) fn check_entries(&self, sender: usize, entries: &Entries) -> Result<(), Violation> {
        let count = entries.values.len() as u64;
        let range = entries.first..entries.first.saturating_add(count);
        let made = self.numbers.get(&entries.origin).and_then(|number| {
            let held = &self.lives[sender].last()?.held;
            held.contains_range(*number, &range).then_some(())?;
            self.values[number.0 as usize].get(range.start as usize..range.end as usize)
        });
        if made == Some(&entries.values) && count > 0 {
            return Ok(());
        }
        let origin = origin_name(entries.origin);
        broken!(Kind::Evidence, "sends entries {range:?} of {origin}, which are not so")
    }

    /// Checks that evidence sent is all that the sender holds of the origin, and no more. If the message
    /// has `waited` for the disk, the sender may have come to hold more since.
    pub(super) fn check_have(
        &self,
        sender: usize,
        have: &Have,
        waited: bool,
    ) -> Result<(), Violation> {
        let held = self
            .numbers
            .get(&have.origin)
            .and_then(|number| self.lives[sender].last()?.held.get(*number));
        let held = held.as_deref();
        let is_held = |held: &Ranges| have.ranges.iter().all(|range| held.contains_range(&range));
        if held == Some(&have.ranges) || (waited && held.is_some_and(is_held)) {
            return Ok(());
        }
        broken!(
            Kind::Evidence,
            "claims to hold {:?} of {}, and holds {:?}",
            have.ranges.iter().collect::<Vec<_>>(),
            origin_name(have.origin),
            held.map(|held| held.iter().collect::<Vec<_>>())
        )
    }

    /// Invariant 2: what `node` takes `peer` to hold, `peer` holds, or held in that life.
    pub(super) fn check_known(
        &self,
        node: usize,
        peer: usize,
        generation: Option<Generation>,
        known: &VersionSet,
    ) -> Result<(), Violation> {
        if known.is_empty() {
            return Ok(());
        }
        let really = generation.and_then(|generation| self.held_in(peer, generation));
        for (local, ranges) in known.iter() {
            // Numbered: the node knows the origin, and its store was taken in just before.
            let number = self.lives[node]
                .last()
                .and_then(|life| life.numbers.get(local.0 as usize).copied());
            let is_so = number.zip(really).is_some_and(|(number, really)| {
                ranges.iter().all(|range| really.contains_range(number, &range))
            });
            if !is_so {
                broken!(
                    Kind::Known,
                    "takes a peer to hold {:?} of {}, which it never held in its life {generation:?}",
                    ranges.iter().collect::<Vec<_>>(),
                    number.map_or_else(|| "?".to_owned(), |number| self.origin_name(number)),
                );
            }
        }
        Ok(())
    }

    /// Entries that a node names by its own numbers, in those of all.
    pub(super) fn translate(&self, node: usize, held: &VersionSet) -> VersionSet {
        let mut shared = VersionSet::new();
        for (local, ranges) in held.iter() {
            let life = self.lives[node].last();
            if let Some(number) = life.and_then(|life| life.numbers.get(local.0 as usize)) {
                shared.insert_all(*number, &ranges);
            }
        }
        shared
    }

    /// Such as `n1/2`: the second life of n1.
    pub(super) fn origin_name(&self, number: OriginId) -> String {
        origin_name(self.origins[number.0 as usize])
    }

    /// Entries in words.
    pub(super) fn words(&self, held: &VersionSet) -> String {
        let list = |(number, ranges): (OriginId, Cow<'_, Ranges>)| {
            let ranges: Vec<String> = ranges.iter().map(|range| format!("{range:?}")).collect();
            format!("{} {}", self.origin_name(number), ranges.join(" "))
        };
        held.iter().map(list).collect::<Vec<_>>().join(", ")
    }
}

/// Such as `n1/2`: the second generation of n1.
fn origin_name(Origin { node, generation }: Origin) -> String {
    format!("n{}/{generation}", node.0)
}
