//! The nodes of a cluster in order, as `init` lists them.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::graph::Graph;
use crate::id::NodeId;

/// A node's or client's name in the network, such as `n0` or `c12`.
pub type Name = Arc<str>;

/// Children per node of the tree that connects the nodes until `topology` arrives.
const FALLBACK_ARITY: u32 = 4;

/// The list of nodes.
///
/// Its index, its fallback graph and its JSON are computed once, at first use, and shared: the simulator
/// gives one list to all of its nodes, and 10,000 tables of 10,000 names would be too many.
pub struct Nodes {
    names: Vec<Name>,
    /// Only ever asked for a key; or the reason why the list is invalid.
    ids: OnceLock<Result<HashMap<Name, NodeId>, String>>,
    fallback: OnceLock<Arc<Graph>>,
    json: OnceLock<Box<RawValue>>,
}

impl Nodes {
    /// The names, in order.
    #[must_use]
    pub fn names(&self) -> &[Name] {
        &self.names
    }

    /// Number of nodes.
    #[must_use]
    pub fn len(&self) -> u32 {
        u32::try_from(self.names.len()).unwrap_or(u32::MAX)
    }

    /// True if the list is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The position of every node by its name.
    ///
    /// # Errors
    /// If a node is listed twice.
    pub fn ids(&self) -> Result<&HashMap<Name, NodeId>, &String> {
        let find = || {
            let mut ids = HashMap::with_capacity(self.names.len());
            for (name, index) in self.names.iter().zip(0..) {
                if ids.insert(Name::clone(name), NodeId(index)).is_some() {
                    return Err(format!("node_ids: {name} is listed twice"));
                }
            }
            Ok(ids)
        };
        self.ids.get_or_init(find).as_ref()
    }

    /// The name of a node of this list.
    #[must_use]
    pub fn name(&self, id: NodeId) -> &Name {
        &self.names[id.0 as usize]
    }

    /// The node of that name, if the list has it.
    #[must_use]
    pub fn id(&self, name: &str) -> Option<NodeId> {
        self.ids().ok()?.get(name).copied()
    }

    /// The graph until `topology` arrives: a tree over the list, the same at every node.
    #[must_use]
    pub fn fallback(&self) -> &Arc<Graph> {
        self.fallback.get_or_init(|| {
            let links = (1..self.len()).map(|i| (NodeId((i - 1) / FALLBACK_ARITY), NodeId(i)));
            Arc::new(Graph::new(self.len(), links))
        })
    }
}

impl From<Vec<Name>> for Nodes {
    fn from(names: Vec<Name>) -> Self {
        Self { names, ids: OnceLock::new(), fallback: OnceLock::new(), json: OnceLock::new() }
    }
}

impl PartialEq for Nodes {
    fn eq(&self, other: &Self) -> bool {
        self.names == other.names
    }
}

impl Eq for Nodes {}

/// The names only.
impl fmt::Debug for Nodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.names.fmt(f)
    }
}

impl Serialize for Nodes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Names are texts, which are always JSON.
        let json = || serde_json::value::to_raw_value(&self.names).unwrap_or_default();
        self.json.get_or_init(json).serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_listed_twice_is_refused() {
        let list =
            |names: &[&str]| Nodes::from(names.iter().map(|&n| n.into()).collect::<Vec<_>>());
        assert_eq!(list(&["a", "b"]).id("b"), Some(NodeId(1)));
        assert_eq!(list(&["a", "b"]).id("c"), None);
        assert!(list(&["a", "a"]).ids().unwrap_err().contains("a is listed twice"));
    }

    #[test]
    fn without_a_topology_a_tree_connects_all() {
        let list: Vec<Name> = (0..9).map(|i| format!("n{i}").into()).collect();
        let nodes = Nodes::from(list);
        assert_eq!(nodes.fallback().neighbours(NodeId(1)), [0, 5, 6, 7, 8].map(NodeId));
        assert_eq!(nodes.fallback().neighbours(NodeId(8)), [NodeId(1)]);
    }
}
