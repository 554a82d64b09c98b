//! The results of Maelstrom's checkers of workloads.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::checker::Validity;
use crate::checker::set_full::SetFull;
use crate::format::edn::Edn;

/// The findings of a workload's checker, with Maelstrom's keys.
#[derive(Clone, Debug, PartialEq)]
pub enum WorkloadResults {
    /// Of a set that is added to and read.
    Set(Box<SetFull>),
    /// Of any other workload: a map with the key `:valid?`.
    Other(Edn),
}

impl WorkloadResults {
    /// The verdict.
    #[must_use]
    pub fn valid(&self) -> Validity {
        match self {
            Self::Set(set) => set.valid,
            Self::Other(edn) => edn.at(&["valid?"]).and_then(Validity::of_edn).unwrap_or_default(),
        }
    }

    /// The figures of a set, if the workload is one.
    #[must_use]
    pub fn set(&self) -> Option<&SetFull> {
        match self {
            Self::Set(set) => Some(set),
            Self::Other(_) => None,
        }
    }

    /// The same, mutably.
    pub fn set_mut(&mut self) -> Option<&mut SetFull> {
        match self {
            Self::Set(set) => Some(set),
            Self::Other(_) => None,
        }
    }

    /// A part of the results of a workload that is no set, by its key.
    #[must_use]
    pub fn figure(&self, key: &str) -> Option<&Edn> {
        match self {
            Self::Set(_) => None,
            Self::Other(edn) => edn.at(&[key]),
        }
    }

    /// A count of a workload that is no set, by its key: a number, or the length of a list.
    #[must_use]
    pub fn count(&self, key: &str) -> Option<f64> {
        let found = self.figure(key)?;
        found.as_f64().or_else(|| Some(found.items()?.len() as f64))
    }
}

impl Default for WorkloadResults {
    fn default() -> Self {
        Self::Set(Box::default())
    }
}

impl Serialize for WorkloadResults {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Set(set) => set.serialize(serializer),
            Self::Other(edn) => edn.to_json().serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for WorkloadResults {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = serde_json::Value::deserialize(deserializer)?;
        if json.get("attempt-count").is_none() {
            return Ok(Self::Other(json.into()));
        }
        serde_json::from_value(json).map(Self::Set).map_err(de::Error::custom)
    }
}
