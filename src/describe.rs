//! A node's state in words, for people who look for the cause of something.

use std::fmt::{self, Write as _};
use std::time::Duration;

use crate::cluster::PeerId;
use crate::held::{Held, Ranges};
use crate::link::Link;
use crate::node::{Membership, Node};
use crate::plan::Plan;
use crate::store::Store;
use crate::time::Instant;

/// Origins listed one by one; of more, only the number is told.
const ORIGINS_LISTED: usize = 30;

/// Ranges of an origin that are listed.
const RANGES_LISTED: usize = 8;

/// A node as it is at some time: [`fmt::Display`] tells it in words.
#[derive(Clone, Copy, Debug)]
pub struct Description<'a> {
    node: &'a Node,
    now: Instant,
}

impl Node {
    /// The node's state in words. Times to come and past are told relative to `now`.
    #[must_use]
    pub const fn describe(&self, now: Instant) -> Description<'_> {
        Description { node: self, now }
    }
}

impl fmt::Display for Description<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { node, now } = *self;
        let generation = node.boot_id();
        let Some(membership) = &node.membership else {
            return writeln!(f, "at {now}: not initialised, generation {generation}");
        };
        let Membership { cluster, me, next_sequence, .. } = membership;
        let nodes = cluster.len();
        writeln!(f, "{me} at {now}: one of {nodes} nodes, generation {generation}")?;
        let store = node.store();
        let (values, entries) = (store.value_count(), store.held().count());
        writeln!(f, "  has made {next_sequence} entries, holds {values} values in {entries}:")?;
        writeln!(f, "    {}", entries_in_words(store, store.held()))?;
        self.write_plan(f, membership)?;
        if let Some(at) = node.sync.at() {
            writeln!(f, "  next digest {}", when(at, now))?;
        }
        for (peer, link) in node.links() {
            self.write_link(f, membership, peer, link)?;
        }
        self.write_counts(f)
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Flood { window } => write!(f, "to every neighbour, window {}", span(window)),
            Self::Direct { window } => write!(f, "to everyone, window {}", span(window)),
            Self::Tree { period, pulse } => {
                let rhythm = if pulse { "a beat every" } else { "window at the root" };
                write!(f, "up a tree and down again, {rhythm} {}", span(period))
            }
        }
    }
}

impl Description<'_> {
    fn write_plan(&self, f: &mut fmt::Formatter<'_>, membership: &Membership) -> fmt::Result {
        let cluster = &membership.cluster;
        let names = |peers: Vec<PeerId>| {
            let names: Vec<&str> = peers.into_iter().map(|peer| &**cluster.name(peer)).collect();
            if names.is_empty() { "nobody".to_owned() } else { names.join(", ") }
        };
        let origin = if cluster.has_topology() { "" } else { " (no topology yet)" };
        writeln!(f, "  neighbours: {}{origin}", names(cluster.neighbours(cluster.me()).to_vec()))?;
        let Some(plan) = self.node.plan() else {
            return writeln!(f, "  no plan yet: there was no new value");
        };
        write!(f, "  plan: {plan}")?;
        if matches!(plan, Plan::Tree { .. }) {
            match self.node.overlay.parent() {
                Some(parent) => write!(f, "; parent {}", cluster.name(parent))?,
                None => f.write_str("; this node is the root")?,
            }
        }
        writeln!(f)?;
        let adopted: Vec<PeerId> = self.node.overlay.adopted().collect();
        if !adopted.is_empty() {
            writeln!(f, "    stands in as the parent of {}", names(adopted))?;
        }
        if let Some(round_trip) = self.node.delays.round_trip() {
            writeln!(f, "  round trip of the typical link {}", span(round_trip))?;
        }
        Ok(())
    }

    fn write_link(
        &self,
        f: &mut fmt::Formatter<'_>,
        membership: &Membership,
        peer: PeerId,
        link: &Link,
    ) -> fmt::Result {
        let (store, now) = (self.node.store(), self.now);
        write!(f, "  {}: ", membership.cluster.name(peer))?;
        match link.silent_since() {
            Some(since) => write!(f, "SILENT since {}", when(since, now))?,
            None if link.generation().is_none() => f.write_str("never heard of")?,
            None => f.write_str("heard of")?,
        }
        if link.silent_since().is_none() && link.unanswered() > 0 {
            write!(f, ", messages in a row unanswered: {}", link.unanswered())?;
        }
        match link.rtt().smoothed() {
            Some(smoothed) => {
                let jittery = if link.rtt().is_jittery() { ", which varies widely" } else { "" };
                write!(f, ", round trip {}{jittery}", span(smoothed))?;
            }
            None => f.write_str(", round trip not measured")?,
        }
        let lacks = store.held().difference(link.known());
        if lacks.is_empty() {
            writeln!(f, "; is known to hold all that is held here")?;
        } else {
            let known = link.known().count();
            writeln!(f, "; is known to hold {known} entries, and not")?;
            writeln!(f, "    {}", entries_in_words(store, &lacks))?;
        }
        let beyond = link.known().difference(store.held());
        if !beyond.is_empty() {
            writeln!(f, "    holds what is not held here: {}", entries_in_words(store, &beyond))?;
        }
        if !link.queue().is_empty() {
            writeln!(f, "    waiting to be sent: {}", entries_in_words(store, link.queue()))?;
        }
        for batch in link.batches() {
            let (sent, lost) = (when(batch.sent_at, now), when(batch.deadline, now));
            let entries = entries_in_words(store, &batch.entries);
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

    fn write_counts(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stats = self.node.stats();
        let mut line = String::new();
        for (count, what) in [
            (stats.gossip_sent, "gossip messages sent"),
            (stats.evidence_only_sent, "without entries"),
            (stats.digests_sent, "digests"),
            (stats.entries_sent, "entries sent"),
            (stats.entries_received, "received"),
            (stats.duplicates_received, "received again"),
            (stats.retries, "retries"),
            (stats.silences, "silences"),
            (stats.probes, "probes"),
            (stats.repairs, "repairs"),
            (stats.restarts_seen, "restarts seen"),
            (stats.refused, "lines refused"),
        ] {
            if count > 0 {
                let comma = if line.is_empty() { "" } else { ", " };
                write!(line, "{comma}{count} {what}")?;
            }
        }
        writeln!(f, "  so far: {}", if line.is_empty() { "nothing" } else { &line })
    }
}

/// `n0 0-4 7, n1 0`: of each origin the sequence numbers, both ends included.
fn entries_in_words(store: &Store, entries: &Held) -> String {
    let all = entries.iter().count();
    if all == 0 {
        return "nothing".to_owned();
    }
    let mut parts: Vec<String> = entries
        .iter()
        .take(ORIGINS_LISTED)
        .map(|(origin, ranges)| format!("{} {}", store.origin(origin).node, in_words(ranges)))
        .collect();
    if all > ORIGINS_LISTED {
        parts.push(format!("and of {} more nodes", all - ORIGINS_LISTED));
    }
    parts.join(", ")
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use crate::config::Config;
    use crate::message::{Body, Gossip, Have, Message, Name, Origin, Relay};
    use crate::route::Route;
    use crate::value::Value;

    fn client(body: Body) -> Message {
        Message { src: "c1".into(), dest: "n0".into(), body }
    }

    #[test]
    fn a_node_before_init_has_little_to_tell() {
        let node = Node::new(Config::default(), 1, 9);
        let words = node.describe(Instant::from_micros(1_500)).to_string();
        assert_eq!(words, "at 0.001500s: not initialised, generation 9\n");
    }

    #[test]
    fn everything_that_matters_is_told() {
        let config = Config { route: Route::Direct, ..Config::default() };
        let mut node = Node::new(config, 1, 9);
        let node_ids = Arc::new(["n0", "n1"].map(Name::from).to_vec().into());
        let now = Instant::from_micros(1_000_000);
        let init = Body::Init { node_id: "n0".into(), node_ids, msg_id: 1 };
        node.handle_message(now, client(init));
        for value in [42, 43] {
            let message = Value::Int(value);
            node.handle_message(now, client(Body::Broadcast { message, msg_id: 2 }));
        }
        node.handle_timeout(now);
        let words = node.describe(now).to_string();
        assert!(
            words.contains("has made 2 entries, holds 2 values in 2:\n    n0 0-1\n"),
            "{words}"
        );
        assert!(words.contains("waiting to be sent: n0 0-1"), "{words}");
        assert!(words.contains("n1: never heard of, round trip not measured"), "{words}");

        let flushed = node.poll_timeout().unwrap();
        node.handle_timeout(flushed);
        let words = node.describe(flushed).to_string();
        assert!(words.contains("in flight: message 0 of now, lost in"), "{words}");

        let origin = Origin { node: "n1".into(), generation: 5 };
        let have = vec![Have { origin, ranges: std::iter::once(0..7).collect() }];
        let gossip = Gossip {
            generation: 5,
            number: 0,
            echo: None,
            values: Vec::new(),
            have,
            all: false,
            ask: false,
            relay: Relay::Keep,
            pulse: None,
            place: None,
        };
        let body = Body::Gossip(gossip);
        node.handle_message(flushed, Message { src: "n1".into(), dest: "n0".into(), body });
        let words = node.describe(flushed).to_string();
        assert!(words.contains("n1: heard of"), "{words}");
        assert!(words.contains("holds what is not held here: n1 0-6"), "{words}");
        let mut later = flushed.after(Duration::from_secs(60));
        node.handle_timeout(later);
        let words = node.describe(later).to_string();
        assert!(words.contains("n1: heard of") && words.contains("unanswered: 1"), "{words}");
        while node.stats().silences == 0 {
            later = node.poll_timeout().unwrap();
            node.handle_timeout(later);
        }
        let words = node.describe(later).to_string();
        assert!(words.contains("n1: SILENT since"), "{words}");
    }
}
