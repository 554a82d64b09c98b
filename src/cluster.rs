//! Who is in the cluster, and who is whose neighbour.

use std::collections::{BTreeMap, BTreeSet};

use crate::message::Name;

/// A node's place in `init`'s list of nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(pub u32);

/// Children per node of the tree that stands in until a topology is named.
const FALLBACK_ARITY: u32 = 4;

/// The nodes of the cluster, as `init` and `topology` name them.
#[derive(Clone, Debug)]
pub struct Cluster {
    me: PeerId,
    names: Vec<Name>,
    ids: BTreeMap<Name, PeerId>,
    neighbours: Option<Vec<Vec<PeerId>>>,
}

impl Cluster {
    /// The cluster of `init`.
    ///
    /// # Errors
    /// If a node is listed twice, or this node is not listed.
    pub fn new(node_id: &Name, node_ids: &[Name]) -> Result<Self, String> {
        let mut ids = BTreeMap::new();
        for (name, index) in node_ids.iter().zip(0..) {
            if ids.insert(Name::clone(name), PeerId(index)).is_some() {
                return Err(format!("node_ids: {name} is listed twice"));
            }
        }
        let Some(&me) = ids.get(node_id) else {
            return Err(format!("node_id: {node_id} is not one of node_ids"));
        };
        Ok(Self { me, names: node_ids.to_vec(), ids, neighbours: None })
    }

    /// This node.
    #[must_use]
    pub const fn me(&self) -> PeerId {
        self.me
    }

    /// How many nodes there are, this one included.
    #[must_use]
    pub fn len(&self) -> u32 {
        u32::try_from(self.names.len()).unwrap_or(u32::MAX)
    }

    /// Never: a cluster has at least this node.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// All nodes but this one.
    pub fn others(&self) -> impl Iterator<Item = PeerId> + use<> {
        let me = self.me;
        (0..self.len()).map(PeerId).filter(move |&id| id != me)
    }

    /// A node's name.
    #[must_use]
    pub fn name(&self, id: PeerId) -> &Name {
        &self.names[id.0 as usize]
    }

    /// The node of that name, if it is in the cluster.
    #[must_use]
    pub fn id(&self, name: &str) -> Option<PeerId> {
        self.ids.get(name).copied()
    }

    /// True once a topology was named.
    #[must_use]
    pub const fn has_topology(&self) -> bool {
        self.neighbours.is_some()
    }

    /// Takes in a topology. Links are used both ways, whichever end names them: a one-way map
    /// need not even be strongly connected.
    ///
    /// # Errors
    /// If it names a node that is not in the cluster; nothing is changed then.
    pub fn set_topology(&mut self, topology: &BTreeMap<Name, Vec<Name>>) -> Result<(), String> {
        let known = |name: &Name| {
            self.id(name).ok_or_else(|| format!("topology: {name} is not in the cluster"))
        };
        let mut sets = vec![BTreeSet::new(); self.names.len()];
        for (name, listed) in topology {
            let node = known(name)?;
            for other in listed {
                let other = known(other)?;
                if other != node {
                    sets[node.0 as usize].insert(other);
                    sets[other.0 as usize].insert(node);
                }
            }
        }
        self.neighbours = Some(sets.into_iter().map(|set| set.into_iter().collect()).collect());
        Ok(())
    }

    /// A node's neighbours, ascending. Until a topology is named, those in a tree over the node
    /// list, which every node computes alike.
    #[must_use]
    pub fn neighbours(&self, node: PeerId) -> Vec<PeerId> {
        match &self.neighbours {
            Some(neighbours) => neighbours[node.0 as usize].clone(),
            None => {
                let parent = node.0.checked_sub(1).map(|above| above / FALLBACK_ARITY);
                let children = (1..=FALLBACK_ARITY).map(|i| node.0 * FALLBACK_ARITY + i);
                parent.into_iter().chain(children.filter(|&c| c < self.len())).map(PeerId).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[&str]) -> Vec<Name> {
        list.iter().map(|&name| name.into()).collect()
    }

    #[test]
    fn links_are_used_both_ways() {
        let mut cluster = Cluster::new(&"b".into(), &names(&["a", "b", "c"])).unwrap();
        let topology = BTreeMap::from([("a".into(), names(&["b", "a"])), ("b".into(), vec![])]);
        cluster.set_topology(&topology).unwrap();
        assert_eq!(cluster.neighbours(cluster.me()), [PeerId(0)]);
        assert_eq!(cluster.neighbours(PeerId(2)), []);
    }

    #[test]
    fn without_a_topology_a_tree_connects_all() {
        let list: Vec<Name> = (0..9).map(|i| format!("n{i}").into()).collect();
        let cluster = Cluster::new(&list[1], &list).unwrap();
        assert_eq!(cluster.neighbours(PeerId(1)), [0, 5, 6, 7, 8].map(PeerId));
        assert_eq!(cluster.neighbours(PeerId(8)), [PeerId(1)]);
    }

    #[test]
    fn strangers_are_refused_by_name() {
        let list = names(&["a", "b"]);
        assert!(Cluster::new(&"x".into(), &list).unwrap_err().contains("node_id: x"));
        assert!(Cluster::new(&"a".into(), &names(&["a", "a"])).unwrap_err().contains("twice"));
        let mut cluster = Cluster::new(&"a".into(), &list).unwrap();
        let topology = BTreeMap::from([("a".into(), names(&["z"]))]);
        assert!(cluster.set_topology(&topology).unwrap_err().contains("z is not in the cluster"));
        assert!(!cluster.has_topology());
    }
}
