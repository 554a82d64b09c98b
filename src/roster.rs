//! The nodes of a cluster in order, as `init` lists them.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use serde::{Serialize, Serializer};

use crate::cluster::PeerId;
use crate::graph::Graph;
use crate::message::Name;

/// Children per node of the tree that stands in until a topology is named.
const FALLBACK_ARITY: u32 = 4;

/// A list of nodes.
///
/// What follows from it is worked out once, by whoever first needs it: the simulator hands one list
/// to all of its nodes, and ten thousand tables of ten thousand names would be too many.
pub struct Roster {
    names: Vec<Name>,
    /// Only ever asked for a key. Or why there is none.
    ids: OnceLock<Result<HashMap<Name, PeerId>, String>>,
    fallback: OnceLock<Arc<Graph>>,
}

impl Roster {
    /// The names, in order.
    #[must_use]
    pub fn names(&self) -> &[Name] {
        &self.names
    }

    /// How many nodes there are.
    #[must_use]
    pub fn len(&self) -> u32 {
        u32::try_from(self.names.len()).unwrap_or(u32::MAX)
    }

    /// True if no node is listed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Every node by its name.
    ///
    /// # Errors
    /// If a node is listed twice.
    pub fn ids(&self) -> Result<&HashMap<Name, PeerId>, &String> {
        let find = || {
            let mut ids = HashMap::with_capacity(self.names.len());
            for (name, index) in self.names.iter().zip(0..) {
                if ids.insert(Name::clone(name), PeerId(index)).is_some() {
                    return Err(format!("node_ids: {name} is listed twice"));
                }
            }
            Ok(ids)
        };
        self.ids.get_or_init(find).as_ref()
    }

    /// Who is linked to whom until a topology is named: a tree over the list.
    #[must_use]
    pub fn fallback(&self) -> &Arc<Graph> {
        self.fallback.get_or_init(|| {
            let links = (1..self.len()).map(|i| (PeerId((i - 1) / FALLBACK_ARITY), PeerId(i)));
            Arc::new(Graph::new(self.len(), links))
        })
    }
}

impl From<Vec<Name>> for Roster {
    fn from(names: Vec<Name>) -> Self {
        Self { names, ids: OnceLock::new(), fallback: OnceLock::new() }
    }
}

impl PartialEq for Roster {
    fn eq(&self, other: &Self) -> bool {
        self.names == other.names
    }
}

impl Eq for Roster {}

/// Without what follows from the names.
impl fmt::Debug for Roster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.names.fmt(f)
    }
}

impl Serialize for Roster {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.names.serialize(serializer)
    }
}
