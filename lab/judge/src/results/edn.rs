//! `results.edn`: written with Maelstrom's key paths, and read back, Maelstrom's own too.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};

use super::{MaelstromResults, Results};
use crate::checker::Validity;
use crate::format::edn::Edn;
use crate::workload::WorkloadResults;

impl Results {
    /// The text of `results.edn`.
    ///
    /// # Errors
    /// None that could happen: all keys are strings.
    pub fn to_edn(&self) -> Result<String> {
        let Edn::Map(mut entries) = self.maelstrom.to_edn() else {
            bail!("results are a map");
        };
        let lab = serde_json::to_value(&self.rumormill)?;
        entries.insert(entries.len() - 1, (Edn::key("rumormill"), lab.into()));
        Ok(Edn::Map(entries).pretty())
    }
}

impl MaelstromResults {
    /// A map with Maelstrom's keys; `:valid?` is the last.
    #[must_use]
    pub fn to_edn(&self) -> Edn {
        // Results serialise.
        let json = serde_json::to_value(self).unwrap_or_default();
        let part = |name: &'static str| match (&self.workload, name) {
            (WorkloadResults::Other(edn), "workload") => (name, edn.clone()),
            _ => (name, as_maelstrom(json[name].clone().into())),
        };
        let parts = PARTS.map(part);
        Edn::map(parts.into_iter().chain([("valid?", self.valid.into())]))
    }

    /// Reads what this lab or Maelstrom wrote. What is not there has its default, except the
    /// verdict.
    ///
    /// # Errors
    /// If the text is not EDN, or not the results of a run.
    pub fn from_edn(text: &str) -> Result<Self> {
        let edn = Edn::parse(text)?;
        edn.at(&["valid?"])
            .and_then(Validity::of_edn)
            .context("there is no :valid? in it: these are not the results of a run")?;
        let mut results: Self = serde_json::from_value(edn.to_json())?;
        // JSON has no keywords.
        if let (WorkloadResults::Other(other), Some(part)) =
            (&mut results.workload, edn.at(&["workload"]))
        {
            other.clone_from(part);
        }
        results.others = others_of(&edn);
        Ok(results)
    }
}

/// Entries of Maelstrom's that are constants here: the key beside which they stand, their own key, the
/// value.
const ALWAYS: [(&str, &str, Edn); 3] = [
    ("process", "value", Edn::Nil),
    ("stable-latency", "lost-latency", Edn::Nil),
    ("duplicated-count", "duplicated", Edn::Map(Vec::new())),
];

/// Results with Maelstrom's types: JSON has no keywords and no floats of 32 bits.
fn as_maelstrom(results: Edn) -> Edn {
    let entry = |(key, value): (Edn, Edn)| {
        let value = match (key.as_str(), value) {
            (Some("type" | "f" | "outcome" | "valid?"), Edn::Str(word)) => Edn::Key(word),
            (Some("ok-fraction" | "msgs-per-op"), Edn::Float(ratio)) => Edn::Float32(ratio as f32),
            (_, value) => as_maelstrom(value),
        };
        (key, value)
    };
    match results {
        Edn::Map(entries) => {
            let mut entries: Vec<_> = entries.into_iter().map(entry).collect();
            for (beside, key, value) in ALWAYS {
                let has = |name: &str| entries.iter().any(|(key, _)| key.as_str() == Some(name));
                if has(beside) && !has(key) {
                    entries.push((Edn::key(key), value));
                }
            }
            Edn::Map(entries)
        }
        Edn::Vector(items) => Edn::Vector(items.into_iter().map(as_maelstrom).collect()),
        other => other,
    }
}

/// The parts of the results that we have, too.
const PARTS: [&str; 5] = ["stats", "availability", "exceptions", "net", "workload"];

fn others_of(edn: &Edn) -> BTreeMap<String, Validity> {
    let of_part = |(key, part): &(Edn, Edn)| {
        let name = key.as_str().filter(|name| !PARTS.contains(name))?;
        let valid = part.at(&["valid?"]).and_then(Validity::of_edn)?;
        (valid != Validity::Valid).then(|| (name.to_owned(), valid))
    };
    edn.entries().unwrap_or_default().iter().filter_map(of_part).collect()
}
