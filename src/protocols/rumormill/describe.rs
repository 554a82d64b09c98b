//! The state of a node in words, for debugging.

use std::fmt;
use std::time::Duration;

use super::Rumormill;
use super::link::Link;
use super::push::Plan;
use crate::cluster::Nodes;
use crate::id::NodeId;
use crate::set::{Ranges, VersionSet};
use crate::time::Instant;

/// Most origins that are listed; of more, only the number is given.
const ORIGINS_LISTED: usize = 30;

/// Ranges of an origin that are listed.
const RANGES_LISTED: usize = 8;

/// A node's state at some instant.
pub(super) struct Description<'a> {
    pub(super) node: &'a Rumormill,
    pub(super) now: Instant,
    pub(super) nodes: &'a Nodes,
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Flood { window } => write!(f, "to every neighbour, window {}", span(window)),
            Self::Direct { window } => write!(f, "direct mail to all, window {}", span(window)),
            Self::Tree { period, pulse } => {
                let pace = if pulse { "a beat every" } else { "window at the root" };
                write!(f, "up a tree and down again, {pace} {}", span(period))
            }
        }
    }
}

impl Description<'_> {
    /// Writes it.
    pub(super) fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let now = self.now;
        let held = self.node.replica.held();
        writeln!(f, "  holds {} entries:", held.count())?;
        writeln!(f, "    {}", self.entries_in_words(held))?;
        self.write_plan(f)?;
        if let Some(at) = self.node.anti_entropy.at() {
            writeln!(f, "  next digest {}", when(at, now))?;
        }
        for (peer, link) in self.node.peers.iter() {
            self.write_link(f, peer, link)?;
        }
        self.write_counts(f)
    }

    fn write_plan(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cluster = &self.node.cluster;
        let names = |peers: Vec<NodeId>| {
            let names: Vec<&str> = peers.into_iter().map(|peer| &**self.nodes.name(peer)).collect();
            if names.is_empty() { "none".to_owned() } else { names.join(", ") }
        };
        let origin = if cluster.has_topology() { "" } else { " (no topology yet)" };
        writeln!(f, "  neighbours: {}{origin}", names(cluster.neighbours(cluster.me()).to_vec()))?;
        let Some(plan) = self.node.push.plan() else {
            return writeln!(f, "  no plan yet: there was no new value");
        };
        write!(f, "  plan: {plan}")?;
        if matches!(plan, Plan::Tree { .. }) {
            match self.node.repair.tree().parent() {
                Some(parent) => write!(f, "; parent {}", self.nodes.name(parent))?,
                None => f.write_str("; this node is the root")?,
            }
        }
        writeln!(f)?;
        let extra: Vec<NodeId> = self.node.repair.tree().extra_children().collect();
        if !extra.is_empty() {
            writeln!(f, "    stands in as the parent of {}", names(extra))?;
        }
        if let Some(round_trip) = self.node.peers.rtt().round_trip() {
            writeln!(f, "  round trip of the typical link {}", span(round_trip))?;
        }
        Ok(())
    }

    fn write_link(&self, f: &mut fmt::Formatter<'_>, peer: NodeId, link: &Link) -> fmt::Result {
        let (held, now) = (self.node.replica.held(), self.now);
        write!(f, "  {}: ", self.nodes.name(peer))?;
        match link.suspected_since() {
            Some(since) => write!(f, "SUSPECTED since {}", when(since, now))?,
            None if link.generation().is_none() => f.write_str("never heard of")?,
            None => f.write_str("heard of")?,
        }
        if link.suspected_since().is_none() && link.liveness.pto_count() > 0 {
            write!(f, ", timeouts in a row: {}", link.liveness.pto_count())?;
        }
        match link.rtt().smoothed() {
            Some(smoothed) => {
                let jittery = if link.rtt().is_jittery() { ", which varies widely" } else { "" };
                write!(f, ", round trip {}{jittery}", span(smoothed))?;
            }
            None => f.write_str(", round trip not measured")?,
        }
        let lacks = held.difference(link.known());
        if lacks.is_empty() {
            writeln!(f, "; is known to hold all that is held here")?;
        } else {
            let known = link.known().count();
            writeln!(f, "; is known to hold {known} entries, and not")?;
            writeln!(f, "    {}", self.entries_in_words(&lacks))?;
        }
        let beyond = link.known().difference(held);
        if !beyond.is_empty() {
            writeln!(f, "    holds what is not held here: {}", self.entries_in_words(&beyond))?;
        }
        if !link.queue().is_empty() {
            writeln!(f, "    waiting to be sent: {}", self.entries_in_words(link.queue()))?;
        }
        for batch in link.sent.batches() {
            let (sent, lost) = (when(batch.sent_at, now), when(batch.deadline, now));
            let entries = self.entries_in_words(batch.entries());
            writeln!(
                f,
                "    in flight: message {} of {sent}, lost {lost}: {entries}",
                batch.number
            )?;
        }
        let timers: Vec<String> = link
            .timers()
            .into_iter()
            .filter_map(|(what, at)| Some(format!("{what} {}", when(at?, now))))
            .collect();
        if !timers.is_empty() {
            writeln!(f, "    timers: {}", timers.join(", "))?;
        }
        Ok(())
    }

    /// `n0 0-4 7, n1 0`: of each origin the sequence numbers, both ends included.
    fn entries_in_words(&self, entries: &VersionSet) -> String {
        let all = entries.iter().count();
        if all == 0 {
            return "nothing".to_owned();
        }
        let mut parts: Vec<String> = entries
            .iter()
            .take(ORIGINS_LISTED)
            .map(|(origin, ranges)| {
                format!(
                    "{} {}",
                    self.nodes.name(self.node.replica.origin(origin).node),
                    in_words(&ranges)
                )
            })
            .collect();
        if all > ORIGINS_LISTED {
            parts.push(format!("and of {} more nodes", all - ORIGINS_LISTED));
        }
        parts.join(", ")
    }

    fn write_counts(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.node.stats.in_words();
        let counts = if counts.is_empty() { "nothing".to_owned() } else { counts.join(", ") };
        writeln!(f, "  so far: {counts}")
    }
}

fn in_words(ranges: &Ranges) -> String {
    let mut parts: Vec<String> = ranges
        .iter()
        .take(RANGES_LISTED)
        .map(|range| match range.end - range.start {
            1 => range.start.to_string(),
            _ => format!("{}-{}", range.start, range.end - 1),
        })
        .collect();
    let all = ranges.iter().count();
    if all > RANGES_LISTED {
        parts.push(format!("and {} more ranges", all - RANGES_LISTED));
    }
    parts.join(" ")
}

/// A time seen from now.
fn when(at: Instant, now: Instant) -> String {
    if at == Instant::MAX {
        "never".to_owned()
    } else if at > now {
        format!("in {}", span(at.since(now)))
    } else if at == now {
        "now".to_owned()
    } else {
        format!("{} ago", span(now.since(at)))
    }
}

fn span(time: Duration) -> String {
    if time < Duration::from_secs(10) {
        format!("{} ms", time.as_micros() as f64 / 1e3)
    } else {
        format!("{:.3} s", time.as_secs_f64())
    }
}
