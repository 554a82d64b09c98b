//! `results.edn`: written with Maelstrom's key paths, and read back, Maelstrom's own too.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};

use super::{MaelstromResults, Results};
use crate::checker::Validity;
use crate::checker::availability::Availability;
use crate::checker::exceptions::{Exception, Exceptions};
use crate::checker::net::{ClassCounts, MessageCounts, Net};
use crate::checker::quantile::Quantiles;
use crate::checker::set_full::{OpSummary, Outcome, SetFull, Stale};
use crate::checker::stats::{Counts, Stats};
use crate::edn::Edn;
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
        let valid = edn
            .at(&["valid?"])
            .and_then(Validity::of_edn)
            .context("there is no :valid? in it: these are not the results of a run")?;
        Ok(Self {
            valid,
            net: net_of(&edn),
            workload: workload_of(&edn),
            stats: stats_of(&edn),
            availability: Availability {
                valid: validity_at(&edn, &["availability", "valid?"]),
                ok_fraction: f32_at(&edn, &["availability", "ok-fraction"]).unwrap_or_default(),
            },
            exceptions: exceptions_of(&edn),
            others: others_of(&edn),
        })
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

fn validity_at(edn: &Edn, path: &[&str]) -> Validity {
    edn.at(path).and_then(Validity::of_edn).unwrap_or_default()
}

fn count_at(edn: &Edn, path: &[&str]) -> u64 {
    edn.at(path).and_then(Edn::as_u64).unwrap_or_default()
}

fn f32_at(edn: &Edn, path: &[&str]) -> Option<f32> {
    edn.at(path).and_then(Edn::as_f64).map(|number| number as f32)
}

fn values_at(edn: &Edn, path: &[&str]) -> Vec<u64> {
    let items = edn.at(path).and_then(Edn::items).unwrap_or_default();
    items.iter().filter_map(Edn::as_u64).collect()
}

fn net_of(edn: &Edn) -> Net {
    let counts = |class: &str| MessageCounts {
        send_count: count_at(edn, &["net", class, "send-count"]),
        recv_count: count_at(edn, &["net", class, "recv-count"]),
        msg_count: count_at(edn, &["net", class, "msg-count"]),
    };
    let class = |class: &str| ClassCounts {
        counts: counts(class),
        msgs_per_op: f32_at(edn, &["net", class, "msgs-per-op"]),
    };
    Net {
        all: class("all"),
        clients: counts("clients"),
        servers: class("servers"),
        valid: validity_at(edn, &["net", "valid?"]),
    }
}

/// A workload that is no set has none of its keys.
fn workload_of(edn: &Edn) -> WorkloadResults {
    if let Some(part) = edn.at(&["workload"])
        && part.at(&["attempt-count"]).is_none()
    {
        return WorkloadResults::Other(part.clone());
    }
    let count = |name: &str| count_at(edn, &["workload", name]);
    let values = |name: &str| values_at(edn, &["workload", name]);
    let worst_stale = edn.at(&["workload", "worst-stale"]).and_then(Edn::items);
    WorkloadResults::Set(Box::new(SetFull {
        valid: validity_at(edn, &["workload", "valid?"]),
        attempt_count: count("attempt-count"),
        stable_count: count("stable-count"),
        stale_count: count("stale-count"),
        lost_count: count("lost-count"),
        never_read_count: count("never-read-count"),
        duplicated_count: count("duplicated-count"),
        lost: values("lost"),
        never_read: values("never-read"),
        stale: values("stale"),
        worst_stale: worst_stale.unwrap_or_default().iter().map(stale_of).collect(),
        stable_latencies: edn.at(&["workload", "stable-latencies"]).and_then(quantiles_of),
        lost_latencies: edn.at(&["workload", "lost-latencies"]).and_then(quantiles_of),
    }))
}

/// Quantiles by their numbers, in whatever order the map has them.
fn quantiles_of(edn: &Edn) -> Option<Quantiles<u64>> {
    let at = |q: f64| {
        let mut entries = edn.entries()?.iter();
        entries.find(|(key, _)| key.as_f64() == Some(q)).and_then(|(_, value)| value.as_u64())
    };
    Some(Quantiles { min: at(0.0)?, p50: at(0.5)?, p95: at(0.95)?, p99: at(0.99)?, max: at(1.0)? })
}

fn stale_of(edn: &Edn) -> Stale {
    Stale {
        element: count_at(edn, &["element"]),
        outcome: Outcome::Stable,
        stable_latency: count_at(edn, &["stable-latency"]),
        known: edn.at(&["known"]).and_then(op_of),
        last_absent: edn.at(&["last-absent"]).and_then(op_of),
    }
}

fn op_of(edn: &Edn) -> Option<OpSummary> {
    let text = |name: &str| Some(edn.at(&[name])?.as_str()?.to_owned());
    Some(OpSummary {
        index: count_at(edn, &["index"]) as usize,
        time: count_at(edn, &["time"]),
        kind: text("type")?,
        process: count_at(edn, &["process"]),
        f: text("f")?,
        value: edn.at(&["value"]).and_then(Edn::as_u64),
    })
}

fn stats_of(edn: &Edn) -> Stats {
    let counts = |edn: &Edn| Counts {
        valid: validity_at(edn, &["valid?"]),
        count: count_at(edn, &["count"]),
        ok_count: count_at(edn, &["ok-count"]),
        fail_count: count_at(edn, &["fail-count"]),
        info_count: count_at(edn, &["info-count"]),
    };
    let by_f = edn.at(&["stats", "by-f"]).and_then(Edn::entries).unwrap_or_default();
    let by_f: BTreeMap<String, Counts> =
        by_f.iter().filter_map(|(f, edn)| Some((f.as_str()?.to_owned(), counts(edn)))).collect();
    Stats { total: edn.at(&["stats"]).map(counts).unwrap_or_default(), by_f }
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

fn exceptions_of(edn: &Edn) -> Exceptions {
    let list = edn.at(&["exceptions", "exceptions"]).and_then(Edn::items).unwrap_or_default();
    let exception = |edn: &Edn| {
        Some(Exception {
            class: edn.at(&["class"])?.as_str()?.to_owned(),
            count: count_at(edn, &["count"]),
            example: edn.at(&["example"]).and_then(op_of)?,
        })
    };
    Exceptions {
        valid: validity_at(edn, &["exceptions", "valid?"]),
        exceptions: list.iter().filter_map(exception).collect(),
    }
}
