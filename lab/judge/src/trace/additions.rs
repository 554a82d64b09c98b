//! Additions to a counter, by the entries that nodes of ours make of them.
//!
//! The same delta comes again and again, so a value does not tell which addition an entry is. Its name
//! does: a node numbers the entries of a generation as they are handed to it.

use rumormill::id::{EntryId, Generation};

/// The additions that were handed to each node, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Additions {
    /// By node: each of its generations.
    nodes: Vec<Vec<Life>>,
}

#[derive(Clone, Debug, Default)]
struct Life {
    /// Known with the first entry that is seen of it.
    generation: Option<Generation>,
    numbers: Vec<u32>,
}

impl Additions {
    pub(super) fn new(nodes: usize) -> Self {
        Self { nodes: vec![vec![Life::default()]; nodes] }
    }

    /// A node is handed an addition of this number.
    pub(super) fn handed(&mut self, node: u32, number: u32) {
        if let Some(life) = self.nodes.get_mut(node as usize).and_then(|lives| lives.last_mut()) {
            life.numbers.push(number);
        }
    }

    /// A node begins another generation.
    pub(super) fn begin(&mut self, node: u32) {
        if let Some(lives) = self.nodes.get_mut(node as usize) {
            lives.push(Life::default());
        }
    }

    /// The number of the addition that an entry is.
    pub(super) fn of(&mut self, entry: EntryId) -> Option<u32> {
        let lives = self.nodes.get_mut(entry.origin.node.0 as usize)?;
        let generation = Some(entry.origin.generation);
        let known = lives.iter().position(|life| life.generation == generation);
        // A generation is first seen in messages of the node itself, which is in its last one.
        let at = known.or_else(|| lives.len().checked_sub(1))?;
        let life = lives.get_mut(at).filter(|life| known.is_some() || life.generation.is_none())?;
        life.generation = generation;
        life.numbers.get(usize::try_from(entry.sequence).ok()?).copied()
    }
}

#[cfg(test)]
mod tests {
    use rumormill::id::{NodeId, Origin};

    use super::*;

    fn entry(node: u32, generation: u64, sequence: u64) -> EntryId {
        let origin = Origin { node: NodeId(node), generation: Generation(generation) };
        EntryId { origin, sequence }
    }

    #[test]
    fn an_entry_is_the_addition_of_its_place_in_its_generation() {
        let mut additions = Additions::new(2);
        for (node, number) in [(0, 0), (1, 1), (0, 2)] {
            additions.handed(node, number);
        }
        assert_eq!(additions.of(entry(0, 77, 1)), Some(2));
        assert_eq!(additions.of(entry(1, 5, 0)), Some(1));
        assert_eq!(additions.of(entry(1, 5, 1)), None, "it was not handed in");
        assert_eq!(additions.of(entry(2, 5, 0)), None, "there is no such node");
        // The node forgets, and counts anew.
        additions.begin(0);
        additions.handed(0, 3);
        assert_eq!(additions.of(entry(0, 99, 0)), Some(3));
        assert_eq!(additions.of(entry(0, 77, 0)), Some(0), "the old generation is still known");
        assert_eq!(additions.of(entry(0, 50, 0)), None, "and no other one");
    }
}
