//! The partitions of `--nemesis partition`: which nodes do not receive from which.

use std::fmt::Write as _;

use rumormill::cluster::Name;

use super::DropCause;
use super::rule::{Crossing, Rule, Verdict};
use crate::dice::Dice;

/// Beyond this many nodes a ring is dealt, not grown: growing it takes cubic time.
const MAX_GROWN_RING: usize = 300;

/// Beyond this many pairs, the history names the kind instead of listing them all.
const MAX_LISTED_PAIRS: usize = 1_000_000;

/// Keeps the groups of a partition apart, if there is one.
impl Rule for Option<Partition> {
    fn on_arrival(&self, crossing: &Crossing) -> Verdict {
        match self {
            Some(partition) if partition.blocks(crossing.from, crossing.to) => {
                Verdict::Drop(DropCause::Partition)
            }
            _ => Verdict::Pass,
        }
    }
}

/// Kinds of partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A random node, and the rest.
    One,
    /// A random half, rounded down, and the rest.
    Majority,
    /// A random third, less than a third, and the rest. No node at all, of three.
    MinorityThird,
    /// Every node receives from a majority, no two from the same one.
    MajoritiesRing,
}

impl Kind {
    const ALL: [Self; 4] = [Self::One, Self::Majority, Self::MinorityThird, Self::MajoritiesRing];

    /// One of them, each as likely.
    #[must_use]
    pub fn draw(dice: &mut Dice) -> Self {
        Self::ALL[dice.index(Self::ALL.len())]
    }

    /// Jepsen's keyword.
    #[must_use]
    pub const fn keyword(self) -> &'static str {
        match self {
            Self::One => ":one",
            Self::Majority => ":majority",
            Self::MinorityThird => ":minority-third",
            Self::MajoritiesRing => ":majorities-ring",
        }
    }
}

/// A partition of nodes that are known by their positions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Partition {
    /// Two groups; by node, whether it is in the first. They do not hear each other.
    Groups(Vec<bool>),
    /// By receiver: the nodes it receives from, itself included, ascending.
    Hears(Vec<Vec<u32>>),
}

impl Partition {
    /// A random partition of this kind.
    #[must_use]
    pub fn draw(kind: Kind, nodes: usize, dice: &mut Dice) -> Self {
        let size = match kind {
            Kind::One => 1,
            Kind::Majority => nodes / 2,
            Kind::MinorityThird => nodes.saturating_sub(1) / 3,
            Kind::MajoritiesRing => return Self::Hears(ring(nodes, dice)),
        };
        let mut order: Vec<usize> = (0..nodes).collect();
        dice.shuffle(&mut order);
        let mut groups = vec![false; nodes];
        for node in &order[..size.min(nodes)] {
            groups[*node] = true;
        }
        Self::Groups(groups)
    }

    /// True if `receiver` does not hear `sender`.
    #[must_use]
    pub fn blocks(&self, sender: u32, receiver: u32) -> bool {
        let (from, to) = (sender as usize, receiver as usize);
        match self {
            // A participant in no group, or beyond the list, is no node, and never cut off.
            Self::Groups(groups) => {
                groups.get(from).zip(groups.get(to)).is_some_and(|(from, to)| from != to)
            }
            Self::Hears(hears) => {
                let heard = hears.get(to).filter(|_| from < hears.len());
                heard.is_some_and(|heard| heard.binary_search(&sender).is_err())
            }
        }
    }

    /// As Jepsen's history has it: every receiver with the senders it does not hear.
    #[must_use]
    pub fn to_edn(&self, kind: Kind, nodes: &[Name]) -> String {
        if nodes.len() * nodes.len() > MAX_LISTED_PAIRS {
            return format!("[:isolated {}]", kind.keyword());
        }
        let ids = 0..u32::try_from(nodes.len()).unwrap_or(u32::MAX);
        let mut out = String::from("[:isolated {");
        for to in ids.clone() {
            if to > 0 {
                out.push_str(", ");
            }
            // Writing to a String cannot fail.
            let _ = write!(out, "{:?} #{{", &*nodes[to as usize]);
            let mut first = true;
            for from in ids.clone().filter(|from| self.blocks(*from, to)) {
                let _ = write!(out, "{}{:?}", if first { "" } else { " " }, &*nodes[from as usize]);
                first = false;
            }
            out.push('}');
        }
        out.push_str("}]");
        out
    }
}

/// By receiver: the nodes it receives from, a majority for every node, no two the same.
fn ring(nodes: usize, dice: &mut Dice) -> Vec<Vec<u32>> {
    let majority = nodes / 2 + 1;
    let mut hears = if nodes > 5 && nodes <= MAX_GROWN_RING {
        grown_ring(nodes, majority, dice)
    } else {
        dealt_ring(nodes, majority, dice)
    };
    for heard in &mut hears {
        heard.sort_unstable();
    }
    hears
}

/// In a random ring, every node receives from a window of neighbours around itself.
fn dealt_ring(nodes: usize, majority: usize, dice: &mut Dice) -> Vec<Vec<u32>> {
    let mut order: Vec<u32> = (0..nodes as u32).collect();
    dice.shuffle(&mut order);
    let mut hears = vec![Vec::new(); nodes];
    for start in 0..nodes {
        let window = (start..start + majority).map(|i| order[i % nodes]);
        let owner = order[(start + majority / 2) % nodes];
        hears[owner as usize] = window.collect();
    }
    hears
}

/// Joins a least connected node with a least connected other until all hear a majority.
fn grown_ring(nodes: usize, majority: usize, dice: &mut Dice) -> Vec<Vec<u32>> {
    let mut joined = vec![vec![false; nodes]; nodes];
    for (i, row) in joined.iter_mut().enumerate() {
        row[i] = true;
    }
    let mut degree = vec![1_usize; nodes];
    let mut order: Vec<usize> = (0..nodes).collect();
    loop {
        // A fresh order each time makes the choice among equals random.
        dice.shuffle(&mut order);
        let Some(&a) = order.iter().min_by_key(|i| degree[**i]) else { break };
        if degree[a] >= majority {
            break;
        }
        let others = order.iter().filter(|j| !joined[a][**j]);
        let Some(&b) = others.min_by_key(|j| degree[**j]) else { break };
        joined[a][b] = true;
        joined[b][a] = true;
        degree[a] += 1;
        degree[b] += 1;
    }
    let heard = |row: &Vec<bool>| (0..nodes as u32).filter(|j| row[*j as usize]).collect();
    joined.iter().map(heard).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocked(partition: &Partition, nodes: u32) -> Vec<(u32, u32)> {
        let pairs = (0..nodes).flat_map(|from| (0..nodes).map(move |to| (from, to)));
        pairs.filter(|(from, to)| partition.blocks(*from, *to)).collect()
    }

    #[test]
    fn groups_have_the_sizes_and_block_both_ways() {
        let sizes = [
            (Kind::One, 5, 1),
            (Kind::Majority, 5, 2),
            (Kind::Majority, 6, 3),
            (Kind::MinorityThird, 3, 0),
            (Kind::MinorityThird, 4, 1),
            (Kind::MinorityThird, 25, 8),
        ];
        for (kind, nodes, size) in sizes {
            let partition = Partition::draw(kind, nodes, &mut Dice::new(1, "kinds"));
            let pairs = blocked(&partition, nodes as u32);
            assert_eq!(pairs.len(), 2 * size * (nodes - size), "{kind:?} {nodes}");
            assert!(pairs.iter().all(|(from, to)| partition.blocks(*to, *from)));
        }
    }

    #[test]
    fn in_a_ring_every_node_hears_a_majority() {
        for nodes in [3_usize, 4, 5, 6, 7, 25, 400] {
            for seed in 0..5 {
                let partition =
                    Partition::draw(Kind::MajoritiesRing, nodes, &mut Dice::new(seed, "ring"));
                let Partition::Hears(hears) = &partition else { panic!("not a ring") };
                let mut distinct = hears.clone();
                distinct.sort();
                distinct.dedup();
                for (node, heard) in hears.iter().enumerate() {
                    assert!(heard.len() > nodes / 2, "{nodes}: {heard:?}");
                    assert!(!partition.blocks(node as u32, node as u32));
                }
                assert!(nodes <= 4 || distinct.len() > nodes / 2, "{nodes}: {distinct:?}");
                assert!(!blocked(&partition, nodes as u32).is_empty());
            }
        }
    }

    #[test]
    fn rings_of_three_are_one_way_and_larger_ones_mutual() {
        let draw = |n| Partition::draw(Kind::MajoritiesRing, n, &mut Dice::new(7, "ring"));
        let three = blocked(&draw(3), 3);
        assert_eq!(three.len(), 3);
        assert!(three.iter().all(|(from, to)| !three.contains(&(*to, *from))), "{three:?}");
        for nodes in [5, 9, 25] {
            let pairs = blocked(&draw(nodes), nodes as u32);
            assert!(pairs.iter().all(|(from, to)| pairs.contains(&(*to, *from))), "{nodes}");
        }
        assert!(blocked(&draw(2), 2).is_empty());
        assert!(blocked(&draw(1), 1).is_empty());
    }

    #[test]
    fn the_history_lists_receivers_with_those_they_do_not_hear() {
        let partition = Partition::Groups(vec![true, false, false]);
        let edn = partition.to_edn(Kind::One, &["n0", "n1", "n2"].map(Name::from));
        assert_eq!(edn, r#"[:isolated {"n0" #{"n1" "n2"}, "n1" #{"n0"}, "n2" #{"n0"}}]"#);
    }
}
