//! The results of a run: Maelstrom's figures under its own names, ours under `rumormill`.
//!
//! One type is written as `results.json` and `results.edn`, shown on the screen, and held against
//! limits.

mod conduct;
mod crash;
mod edn;
mod held;
mod in_vain;
mod maelstrom;
mod outage;
mod run_info;
mod scheduling_delay;
mod suspicion;
mod traffic;
mod verdict;

use std::collections::BTreeMap;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::checker::availability::{self, Availability};
use crate::checker::components::{self, Components};
use crate::checker::convergence::{self, Spread};
use crate::checker::counter::Counter;
use crate::checker::exceptions::{self, Exceptions};
use crate::checker::missing::Missing;
use crate::checker::net::{self, Net};
use crate::checker::quantile::{Quantiles, millis};
use crate::checker::reads::Reads;
use crate::checker::stats::{self, Stats};
use crate::checker::{Validity, invocation_count, latency};
use crate::history::Op;
use crate::outcome::counts::ClassCount;
use crate::outcome::{Notice, Outcome, RecoveryReport};
use crate::settings::{Availability as RequiredAvailability, Settings};
use crate::trace::Source;
use crate::workload::{BROADCAST, Spreads, Workload, WorkloadResults};
pub use conduct::{
    ErrorReplies, NodeErrors, RefusedRead, ignored_validity, ignored_words, slowest,
};
pub use crash::{CrashReport, LastWords};
pub use held::held;
use held::reads_of;
pub use outage::Outage;
pub use run_info::{MAELSTROM, PROCESSES, RunInfo};
pub use scheduling_delay::DelayFigures;
pub use suspicion::{FalseSuspicions, LongestSuspicion};
pub use traffic::{Link, Traffic};
pub use verdict::Verdict;

/// All results of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// Maelstrom's part, under its own keys.
    #[serde(flatten)]
    pub maelstrom: MaelstromResults,
    /// The lab's part.
    pub rumormill: LabResults,
}

/// The figures that Maelstrom reports.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MaelstromResults {
    /// The verdict. In our own results it is also false if a node lacks an acknowledged value.
    #[serde(rename = "valid?")]
    pub valid: Validity,
    /// Message counts.
    #[serde(default)]
    pub net: Net,
    /// The figures of the workload's checker.
    #[serde(default)]
    pub workload: WorkloadResults,
    /// Completions by kind.
    #[serde(default)]
    pub stats: Stats,
    /// Share of operations that succeeded.
    #[serde(default)]
    pub availability: Availability,
    /// Operations with a reply of the wrong shape.
    #[serde(default)]
    pub exceptions: Exceptions,
    /// Verdicts, other than true, of checkers that only Maelstrom has: of `perf` without gnuplot.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub others: BTreeMap<String, Validity>,
}

/// The figures that the lab adds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct LabResults {
    /// The lab's version.
    pub version: String,
    /// The run, and how to run it again.
    pub run: RunInfo,
    /// From which all dice were derived; Maelstrom has none.
    pub seed: Option<u64>,
    /// The workload.
    #[serde(default = "broadcast")]
    pub workload: String,
    /// Number of nodes.
    pub node_count: u64,
    /// How the run ended, if it crashed or was interrupted. All figures are of what there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crash: Option<CrashReport>,
    /// Valid, and within all limits.
    #[serde(rename = "passed?")]
    pub passed: bool,
    /// The verdict of Maelstrom's own checkers; unknown at best if Maelstrom would have ignored a
    /// node's output.
    #[serde(rename = "maelstrom-valid?")]
    pub maelstrom_valid: Validity,
    /// Where the run was told that values stand in messages between nodes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values_at: Vec<String>,
    /// Each limit, and what was found.
    pub limits: Vec<Verdict>,
    /// Client operations of all kinds.
    pub operation_count: u64,
    /// Broadcasts among them.
    pub broadcast_count: u64,
    /// Share of operations that succeeded, in double precision.
    pub ok_fraction: f64,
    /// Operations that were open at a node when it died: they end as `:info`. They are left out
    /// where the share is held against what `--availability` asks for.
    #[serde(default, alias = "abandoned-count")]
    pub indeterminate_count: u64,
    /// The values that each node lacks at the end, if the workload is a set.
    pub missing: Missing,
    /// The nodes' sums at the end, if the workload is a counter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counter: Option<Counter>,
    /// Values that reads returned beyond the set.
    pub reads: Reads,
    /// Time until the last node held each value.
    pub convergence: Convergence,
    /// Delivery times within connected components, and heal times, if nodes were disconnected.
    #[serde(default, alias = "parts", skip_serializing_if = "Option::is_none")]
    pub components: Option<Components>,
    /// How long clients waited, in ms, by kind of operation and for `all`.
    pub client_latency: BTreeMap<String, Quantiles<f64>>,
    /// Messages and bytes between nodes.
    pub traffic: Traffic,
    /// When each phase began, in ms since the driver's start.
    pub phases: Vec<PhaseStart>,
    /// Length of the whole run in ms.
    pub duration_ms: f64,
    /// The wait before the final reads.
    pub recovery: Option<Recovery>,
    /// False suspicions of peers. Only a simulation sees them.
    #[serde(default, alias = "wrong-silences", skip_serializing_if = "Option::is_none")]
    pub false_suspicions: Option<FalseSuspicions>,
    /// Scheduling delay of the lab itself; unknown for Maelstrom.
    #[serde(default, alias = "lateness")]
    pub scheduling_delay: Option<DelayFigures>,
    /// Times in which nodes were down or paused, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outages: Vec<Outage>,
    /// Errors in the nodes' output, by node.
    #[serde(alias = "troubles")]
    pub node_errors: Vec<NodeErrors>,
    /// Lines for which Maelstrom would have ignored a node's output from then on; of a run of
    /// Maelstrom's, how often it did. None if that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bad_line_count: Option<u64>,
    /// Errors that nodes answered with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub error_replies: Vec<ErrorReplies>,
    /// Nodes that refused their final read, or answered it badly.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused_reads: Vec<RefusedRead>,
    /// How long each node took to answer clients, in ms from the delivery of a request to its
    /// first reply. Empty if nodes were simulated.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub service_times: BTreeMap<String, Quantiles<f64>>,
    /// How many things a person should have seen.
    pub notice_count: u64,
    /// The first of them.
    pub notices: Vec<String>,
    /// Hash of all events: the same for the same run.
    pub fingerprint: String,
}

/// The workload of results from when there was only one.
fn broadcast() -> String {
    BROADCAST.name.to_owned()
}

/// Time until the last node held each value, by what observed it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Convergence {
    /// From the messages themselves, if values can be seen in them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_flow: Option<Spread>,
    /// It was not seen in messages, but inside of simulated nodes.
    #[serde(default, rename = "exact?")]
    pub exact: bool,
    /// Where values were seen in messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen_in: Option<String>,
    /// Why they were not, and what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unseen: Option<String>,
    /// From probe reads, with their interval as error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probes: Option<Spread>,
}

impl Convergence {
    /// The more exact of the two.
    #[must_use]
    pub fn best(&self) -> Option<&Spread> {
        self.message_flow.as_ref().or(self.probes.as_ref())
    }
}

/// When a phase began.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PhaseStart {
    /// Its name.
    pub phase: String,
    /// In ms since the driver's start.
    pub start_ms: f64,
}

/// The wait before the final reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Recovery {
    /// How long it was.
    pub waited_ms: f64,
    /// It ended early because the cluster was quiet.
    #[serde(rename = "quiet?")]
    pub quiet: bool,
    /// Messages per node in 10 s, between nodes, in the second half of the wait.
    #[serde(default, alias = "rest-msgs", skip_serializing_if = "Option::is_none")]
    pub quiescent_msgs: Option<f64>,
}

impl Recovery {
    fn of(report: &RecoveryReport, nodes: usize) -> Self {
        let quiescent_msgs = report
            .quiescent
            .filter(|(_, length)| *length > 0)
            .map(|(count, length)| count as f64 / nodes as f64 / (length as f64 / 1e10));
        Self { waited_ms: millis(report.waited), quiet: report.quiet, quiescent_msgs }
    }
}

impl Results {
    /// Checks a run for what there is. It was held against no limit yet: see
    /// [`judge`](crate::verdict::judge).
    #[must_use]
    pub fn of(settings: &Settings, outcome: &Outcome, notices: &[Notice], run: RunInfo) -> Self {
        let mut maelstrom = MaelstromResults::of(settings, outcome);
        let mut lab = LabResults::of(settings, outcome, notices, run);
        let heard = ignored_validity(&lab.node_errors);
        lab.maelstrom_valid = Validity::compose([maelstrom.valid, heard]);
        maelstrom.valid = Validity::compose([
            maelstrom.owed_validity(settings, outcome),
            lab.held_validity(),
            heard,
        ]);
        let mut results = Self { maelstrom, rumormill: lab };
        results.set_limits(Vec::new());
        results
    }

    /// If the run crashed or was interrupted, nothing of it is valid.
    #[must_use]
    pub fn crashed(mut self, crash: Option<&CrashReport>) -> Self {
        let Some(crash) = crash else { return self };
        self.rumormill.crash = Some(crash.clone());
        self.rumormill.maelstrom_valid = Validity::Unknown;
        self.maelstrom.valid = Validity::Unknown;
        self.rumormill.passed = false;
        self
    }

    /// The verdicts of the limits, in place of those before.
    pub fn set_limits(&mut self, verdicts: Vec<Verdict>) {
        self.rumormill.passed = self.maelstrom.valid == Validity::Valid
            && verdicts.iter().all(|verdict| verdict.passed);
        self.rumormill.limits = verdicts;
    }

    /// The verdict, limits included.
    #[must_use]
    pub fn verdict(&self) -> Validity {
        let limits = self.rumormill.limits.iter().map(|limit| Validity::from_bool(limit.passed));
        Validity::compose(limits.chain([self.maelstrom.valid]))
    }

    /// The worst scheduling delay of the lab, in ms, if it spoils the figures of real processes.
    #[must_use]
    pub fn spoiling_delay_ms(&self) -> Option<f64> {
        let of_processes = self.rumormill.run.program == PROCESSES;
        let delay = self.rumormill.scheduling_delay;
        Some(delay.filter(|delay| of_processes && delay.spoils_figures())?.max_ms)
    }

    /// Exit status: 0 passed, 1 failed, 2 unknown.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        self.verdict().exit_code()
    }

    /// The text of `results.json`.
    ///
    /// # Errors
    /// None that could happen: all keys are strings.
    pub fn to_json(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
}

impl MaelstromResults {
    fn of(settings: &Settings, outcome: &Outcome) -> Self {
        let counts = &outcome.counts;
        let counts = [counts.all, counts.clients, counts.servers];
        Self::check(settings.workload, &outcome.history, counts, settings.availability)
    }

    /// Checks a history, given the counts of all messages, the clients' and the servers'.
    #[must_use]
    pub fn check(
        workload: &Workload,
        history: &[Op],
        [all, clients, servers]: [ClassCount; 3],
        availability: Option<RequiredAvailability>,
    ) -> Self {
        let mut results = Self {
            valid: Validity::Valid,
            net: net::check(all, clients, servers, invocation_count(history)),
            workload: (workload.check)(history),
            stats: stats::check(history),
            availability: availability::check(history, availability),
            exceptions: exceptions::check(history),
            others: BTreeMap::new(),
        };
        results.valid = results.composed();
        results
    }

    /// The verdict that follows from those of the checkers.
    #[must_use]
    pub fn composed(&self) -> Validity {
        self.composed_with(self.workload.valid(), self.availability.valid)
    }

    fn composed_with(&self, workload: Validity, availability: Validity) -> Validity {
        let own =
            [self.net.valid, workload, self.stats.total.valid, availability, self.exceptions.valid];
        Validity::compose(own.into_iter().chain(self.others.values().copied()))
    }

    /// The verdict, but for what died with nodes: values that only they held, and operations that
    /// were open at them.
    fn owed_validity(&self, settings: &Settings, outcome: &Outcome) -> Validity {
        let lost = self.workload.set().map_or(&[][..], |set| &set.lost);
        let died_with_holders =
            !lost.is_empty() && lost.iter().all(|value| outcome.lost_with_holders.contains(*value));
        // Additions to a counter that died with their holders make every sum wrong.
        let is_counter = settings.workload.spreads == Spreads::Deltas;
        let is_excused = died_with_holders || is_counter && !outcome.lost_with_holders.is_empty();
        let workload = if is_excused { Validity::Valid } else { self.workload.valid() };
        let answered = availability::answered_fraction(&outcome.history, outcome.indeterminate);
        self.composed_with(workload, availability::verdict(answered, settings.availability))
    }
}

impl LabResults {
    /// The verdict on what each node holds at the end.
    #[must_use]
    pub fn held_validity(&self) -> Validity {
        self.counter.as_ref().map_or(self.missing.valid, |counter| counter.valid)
    }

    fn of(settings: &Settings, outcome: &Outcome, notices: &[Notice], run: RunInfo) -> Self {
        let history = &outcome.history;
        let names = || settings.nodes.iter().map(|name| &**name);
        let living = names().zip(&outcome.nodes).filter(|(_, report)| !report.is_dead);
        let finals = living.map(|(name, report)| (name, report.final_read.as_ref()));
        let operations = invocation_count(history) as u64;
        let broadcasts = traffic::broadcast_count(history);
        let (mut missing, mut counter) =
            held(settings.workload, history, finals, &outcome.lost_with_holders);
        if let Some(counter) = &mut counter {
            counter.record_lacking(history, |node| {
                let place = settings.nodes.iter().position(|name| **name == *node)?;
                outcome.nodes[place].lacking.as_deref()
            });
        }
        if let Some(trace) = &outcome.trace {
            missing.nodes.iter_mut().for_each(|node| in_vain::note(node, trace, settings, outcome));
        }
        let source = outcome.trace.as_ref().map(|trace| &trace.source);
        let node_errors: Vec<NodeErrors> = names()
            .zip(&outcome.nodes)
            .filter_map(|(name, report)| NodeErrors::of(name, report, outcome))
            .collect();
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            run,
            seed: Some(settings.seed),
            workload: settings.workload.name.to_owned(),
            node_count: settings.nodes.len() as u64,
            operation_count: operations,
            broadcast_count: broadcasts,
            ok_fraction: availability::ok_fraction(history),
            indeterminate_count: outcome.indeterminate,
            values_at: settings.values_at.iter().map(ToString::to_string).collect(),
            missing,
            counter,
            reads: reads_of(settings.workload, history),
            convergence: Convergence {
                message_flow: outcome.gossiped.as_ref().map(convergence::check),
                probes: outcome.probed.as_ref().map(convergence::check),
                exact: outcome.exact,
                seen_in: source.filter(|source| source.is_messages()).map(Source::words),
                unseen: source
                    .filter(|_| settings.workload.spreads == Spreads::Elements)
                    .and_then(Source::why_not),
            },
            components: outcome.components.as_ref().map(components::check),
            client_latency: latency::check(history),
            traffic: Traffic::of(outcome, operations, broadcasts),
            phases: outcome
                .phases
                .iter()
                .map(|(phase, start)| PhaseStart {
                    phase: phase.name().to_owned(),
                    start_ms: millis(*start),
                })
                .collect(),
            duration_ms: millis(outcome.end),
            recovery: outcome.recovery.map(|report| Recovery::of(&report, settings.nodes.len())),
            false_suspicions: outcome
                .suspicions
                .map(|report| FalseSuspicions::of(&report, outcome.zero, settings)),
            scheduling_delay: Some(DelayFigures::of(&outcome.scheduling_delay)),
            outages: Outage::all(settings, outcome),
            bad_line_count: Some(node_errors.iter().map(NodeErrors::refused_lines).sum()),
            node_errors,
            error_replies: ErrorReplies::of(history),
            refused_reads: names()
                .zip(&outcome.nodes)
                .filter_map(|(name, report)| RefusedRead::of(name, report))
                .collect(),
            service_times: conduct::service_times(settings, outcome),
            notice_count: notices.len() as u64,
            notices: conduct::notice_lines(outcome, notices),
            fingerprint: format!("{:016x}", outcome.fingerprint),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests;
