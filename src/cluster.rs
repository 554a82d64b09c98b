//! Who is in the cluster, and who is whose neighbour.

use std::sync::Arc;

use crate::graph::{Graph, Topology};
use crate::message::Name;
use crate::roster::Roster;
use crate::route::Layout;

/// A node's place in `init`'s list of nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(pub u32);

/// The nodes of the cluster, as `init` and `topology` name them.
#[derive(Clone, Debug)]
pub struct Cluster {
    me: PeerId,
    roster: Arc<Roster>,
    topology: Option<Arc<Graph>>,
}

impl Cluster {
    /// The cluster of `init`.
    ///
    /// # Errors
    /// If a node is listed twice, or this node is not listed.
    pub fn new(node_id: &Name, node_ids: &Arc<Roster>) -> Result<Self, String> {
        let Some(&me) = node_ids.ids()?.get(node_id) else {
            return Err(format!("node_id: {node_id} is not one of node_ids"));
        };
        Ok(Self { me, roster: Arc::clone(node_ids), topology: None })
    }

    /// This node.
    #[must_use]
    pub const fn me(&self) -> PeerId {
        self.me
    }

    /// How many nodes there are, this one included.
    #[must_use]
    pub fn len(&self) -> u32 {
        self.roster.len()
    }

    /// Never: a cluster has at least this node.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.roster.is_empty()
    }

    /// All nodes but this one.
    pub fn others(&self) -> impl Iterator<Item = PeerId> + use<> {
        let me = self.me;
        (0..self.len()).map(PeerId).filter(move |&id| id != me)
    }

    /// A node's name.
    #[must_use]
    pub fn name(&self, id: PeerId) -> &Name {
        &self.roster.names()[id.0 as usize]
    }

    /// The node of that name, if it is in the cluster.
    #[must_use]
    pub fn id(&self, name: &str) -> Option<PeerId> {
        self.roster.ids().ok()?.get(name).copied()
    }

    /// True once a topology was named.
    #[must_use]
    pub const fn has_topology(&self) -> bool {
        self.topology.is_some()
    }

    /// Takes in a topology.
    ///
    /// # Errors
    /// If it names a node that is not in the cluster; nothing is changed then.
    pub fn set_topology(&mut self, topology: &Topology) -> Result<(), String> {
        self.topology = Some(topology.graph(&self.roster)?);
        Ok(())
    }

    /// Who is linked to whom. Until a topology is named, a tree over the node list, which every
    /// node computes alike.
    #[must_use]
    pub fn graph(&self) -> &Graph {
        self.topology.as_ref().unwrap_or_else(|| self.roster.fallback())
    }

    /// A node's neighbours, ascending.
    #[must_use]
    pub fn neighbours(&self, node: PeerId) -> &[PeerId] {
        self.graph().neighbours(node)
    }

    /// The spanning tree of least height of the links.
    #[must_use]
    pub fn spanning_tree(&self) -> Arc<Layout> {
        self.graph().spanning_tree()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::collections::BTreeMap;

    fn names(list: &[&str]) -> Vec<Name> {
        list.iter().map(|&name| name.into()).collect()
    }

    fn roster(list: &[&str]) -> Arc<Roster> {
        Arc::new(names(list).into())
    }

    #[test]
    fn links_are_used_both_ways() {
        let mut cluster = Cluster::new(&"b".into(), &roster(&["a", "b", "c"])).unwrap();
        let topology = BTreeMap::from([("a".into(), names(&["b", "a"])), ("b".into(), vec![])]);
        cluster.set_topology(&topology.into()).unwrap();
        assert_eq!(cluster.neighbours(cluster.me()), [PeerId(0)]);
        assert_eq!(cluster.neighbours(PeerId(2)), []);
    }

    #[test]
    fn without_a_topology_a_tree_connects_all() {
        let list: Vec<Name> = (0..9).map(|i| format!("n{i}").into()).collect();
        let cluster = Cluster::new(&"n1".into(), &Arc::new(list.into())).unwrap();
        assert_eq!(cluster.neighbours(PeerId(1)), [0, 5, 6, 7, 8].map(PeerId));
        assert_eq!(cluster.neighbours(PeerId(8)), [PeerId(1)]);
    }

    #[test]
    fn strangers_are_refused_by_name() {
        let list = roster(&["a", "b"]);
        assert!(Cluster::new(&"x".into(), &list).unwrap_err().contains("node_id: x"));
        assert!(Cluster::new(&"a".into(), &roster(&["a", "a"])).unwrap_err().contains("twice"));
        let mut cluster = Cluster::new(&"a".into(), &list).unwrap();
        let topology = BTreeMap::from([("a".into(), names(&["z"]))]);
        assert!(
            cluster.set_topology(&topology.into()).unwrap_err().contains("z is not in the cluster")
        );
        assert!(!cluster.has_topology());
    }
}
