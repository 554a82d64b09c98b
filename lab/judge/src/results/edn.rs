//! `results.edn`: written with Maelstrom's key paths, and read back, Maelstrom's own too.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};

use super::{MaelstromResults, Results};
use crate::checker::Validity;
use crate::checker::availability::Availability;
use crate::checker::exceptions::Exceptions;
use crate::checker::net::{ClassCounts, MessageCounts, Net};
use crate::checker::quantile::Quantiles;
use crate::checker::set_full::{OpSummary, Stale};
use crate::checker::stats::{Counts, Stats};
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
        let verdict = entries.pop();
        let lab = serde_json::to_value(&self.rumormill)?;
        entries.push((Edn::key("rumormill"), lab.into()));
        entries.extend(verdict);
        Ok(Edn::Map(entries).pretty())
    }
}

impl MaelstromResults {
    /// A map with Maelstrom's keys; `:valid?` is the last.
    #[must_use]
    pub fn to_edn(&self) -> Edn {
        Edn::map([
            ("stats", stats_to_edn(&self.stats)),
            ("availability", {
                let Availability { valid, ok_fraction } = self.availability;
                Edn::map([("valid?", valid.into()), ("ok-fraction", ok_fraction.into())])
            }),
            ("exceptions", exceptions_to_edn(&self.exceptions)),
            ("net", net_to_edn(&self.net)),
            ("workload", workload_to_edn(&self.workload)),
            ("valid?", self.valid.into()),
        ])
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

fn stats_to_edn(stats: &Stats) -> Edn {
    let counts = |counts: &Counts| {
        vec![
            ("valid?", counts.valid.into()),
            ("count", counts.count.into()),
            ("ok-count", counts.ok_count.into()),
            ("fail-count", counts.fail_count.into()),
            ("info-count", counts.info_count.into()),
        ]
    };
    let by_f = stats.by_f.iter().map(|(f, by_f)| (f.as_str(), Edn::map(counts(by_f))));
    let mut entries = counts(&stats.total);
    entries.push(("by-f", Edn::map(by_f)));
    Edn::map(entries)
}

fn net_to_edn(net: &Net) -> Edn {
    let counts = |counts: MessageCounts| {
        vec![
            ("send-count", counts.send_count.into()),
            ("recv-count", counts.recv_count.into()),
            ("msg-count", counts.msg_count.into()),
        ]
    };
    let class = |class: ClassCounts| {
        let mut entries = counts(class.counts);
        entries.extend(class.msgs_per_op.map(|ratio| ("msgs-per-op", ratio.into())));
        Edn::map(entries)
    };
    Edn::map([
        ("all", class(net.all)),
        ("clients", Edn::map(counts(net.clients))),
        ("servers", class(net.servers)),
        ("valid?", net.valid.into()),
    ])
}

fn workload_to_edn(workload: &WorkloadResults) -> Edn {
    let workload = match workload {
        WorkloadResults::Set(set) => set,
        WorkloadResults::Other(edn) => return edn.clone(),
    };
    let all = |values: &[u64]| Edn::vector(values.iter().copied());
    let mut entries = vec![
        ("worst-stale", Edn::Vector(workload.worst_stale.iter().map(stale_to_edn).collect())),
        ("duplicated-count", workload.duplicated_count.into()),
        ("valid?", workload.valid.into()),
        ("lost-count", workload.lost_count.into()),
        ("lost", all(&workload.lost)),
        ("stable-count", workload.stable_count.into()),
        ("stale-count", workload.stale_count.into()),
        ("stale", all(&workload.stale)),
        ("never-read-count", workload.never_read_count.into()),
        ("attempt-count", workload.attempt_count.into()),
        ("never-read", all(&workload.never_read)),
        ("duplicated", Edn::Map(Vec::new())),
    ];
    let latencies = [
        ("stable-latencies", workload.stable_latencies),
        ("lost-latencies", workload.lost_latencies),
    ];
    for (name, quantiles) in latencies {
        entries.extend(quantiles.map(|quantiles| (name, quantiles_to_edn(quantiles))));
    }
    Edn::map(entries)
}

fn quantiles_to_edn(quantiles: Quantiles<u64>) -> Edn {
    let number = |q: f64| if q.fract() == 0.0 { Edn::Int(q as i64) } else { Edn::Float(q) };
    Edn::Map(quantiles.points().map(|(q, value)| (number(q), value.into())).into())
}

fn stale_to_edn(stale: &Stale) -> Edn {
    Edn::map([
        ("element", stale.element.into()),
        ("outcome", Edn::key("stable")),
        ("stable-latency", stale.stable_latency.into()),
        ("lost-latency", Edn::Nil),
        ("known", stale.known.as_ref().map_or(Edn::Nil, op_to_edn)),
        ("last-absent", stale.last_absent.as_ref().map_or(Edn::Nil, op_to_edn)),
    ])
}

fn op_to_edn(op: &OpSummary) -> Edn {
    Edn::map([
        ("index", (op.index as u64).into()),
        ("time", op.time.into()),
        ("type", Edn::key(&*op.kind)),
        ("process", op.process.into()),
        ("f", Edn::key(&*op.f)),
        ("value", op.value.into()),
    ])
}

fn exceptions_to_edn(exceptions: &Exceptions) -> Edn {
    let mut entries = vec![("valid?", exceptions.valid.into())];
    if !exceptions.exceptions.is_empty() {
        let list = exceptions.exceptions.iter().map(|exception| {
            Edn::map([
                ("count", exception.count.into()),
                ("class", exception.class.as_str().into()),
                ("example", op_to_edn(&exception.example)),
            ])
        });
        entries.push(("exceptions", Edn::Vector(list.collect())));
    }
    Edn::map(entries)
}

/// The parts of the results that we have, too.
const KNOWN: [&str; 5] = ["net", "workload", "stats", "availability", "exceptions"];

fn others_of(edn: &Edn) -> BTreeMap<String, Validity> {
    let of_part = |(key, part): &(Edn, Edn)| {
        let name = key.as_str().filter(|name| !KNOWN.contains(name))?;
        let valid = part.at(&["valid?"]).and_then(Validity::of_edn)?;
        (valid != Validity::Valid).then(|| (name.to_owned(), valid))
    };
    edn.entries().unwrap_or_default().iter().filter_map(of_part).collect()
}
