//! What must hold after every operation.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use rumormill::cluster::Name;
use rumormill::id::Origin;
use rumormill::maelstrom::parse::parse_line;
use rumormill::protocols::rumormill::message::{Gossip, Have};
use rumormill::set::{Ranges, VersionSet};
use rumormill::value::Value;
use rumormill_lab::node::{Body, Message};

use super::{BOOT_ID, Bench};

impl Bench {
    /// Takes what the node sends, and checks it.
    pub(super) fn collect(&mut self) {
        // One message per entry and peer, if it comes to the worst, and what is owed to clients.
        let peers = self.node.cluster().map_or(0, |cluster| u64::from(cluster.len()));
        let mut most = (self.node.store().held().count() + 2) * peers + 4;
        while let Some(message) = self.node.poll_transmit() {
            assert!(most > 0, "a stream of messages without an end");
            most -= 1;
            match message.body.clone() {
                Body::Gossip(gossip) => self.check_gossip(&message, gossip),
                Body::BroadcastOk { in_reply_to } => {
                    let value = self.pending.remove(&in_reply_to);
                    self.acknowledged.extend(value);
                }
                Body::ReadOk { messages, .. } => self.check_read(&messages),
                _ => {}
            }
        }
        while let Some(line) = self.node.poll_log() {
            assert!(!line.contains('\n'));
        }
    }

    fn check_read(&mut self, messages: &str) {
        let read: Vec<Value> = serde_json::from_str(&format!("[{messages}]")).expect("JSON");
        let distinct: BTreeSet<&Value> = read.iter().collect();
        assert_eq!(distinct.len(), read.len(), "a value comes twice in {messages}");
        assert_eq!(read.len(), self.node.store().value_count());
        let lost = self.acknowledged.iter().find(|value| !distinct.contains(value));
        assert_eq!(lost, None, "acknowledged, and not in {messages}");
        self.count("reads", 1);
    }

    fn check_gossip(&mut self, message: &Message, gossip: Gossip) {
        let cluster = self.node.cluster().expect("gossip before init");
        let dest = cluster.id(&message.dest).expect("gossip to a stranger");
        assert!(dest != cluster.me() && message.src == self.me, "{message:?}");
        let mut line = Vec::new();
        message.write_line(&mut line);
        assert_eq!(parse_line(&line).as_ref(), Ok(message));
        let sent = self.sent.entry(Name::clone(&message.dest)).or_default();
        assert_eq!(gossip.number, sent.len() as u64, "messages of a link are numbered");
        assert_eq!(gossip.generation, BOOT_ID);
        let mut count = 0;
        let held = named(&self.node, self.node.store().held());
        for entries in &gossip.values {
            count += entries.values.len();
            let range = entries.first..entries.first + entries.values.len() as u64;
            let is_held = held.get(&entries.origin).is_some_and(|held| held.contains_range(&range));
            assert!(!range.is_empty() && is_held, "{entries:?}");
        }
        assert!(count <= self.config.batch_entries_max, "{count} entries");
        for Have { origin, ranges } in &gossip.have {
            assert_eq!(held.get(origin), Some(ranges), "evidence is all that is held");
        }
        assert!(!gossip.all || gossip.have.len() == held.len(), "a digest leaves nothing out");
        sent.push(gossip);
        self.count("gossip sent", 1);
    }

    /// What the message says is known from now on, if it is of the life that counts.
    pub(super) fn check_taken(&self, from: &str, gossip: &Gossip) {
        let peer = self.node.cluster().and_then(|cluster| cluster.id(from)).expect("a peer");
        let (_, link) = self.node.links().find(|(id, _)| *id == peer).expect("a link");
        if link.generation() != Some(gossip.generation) {
            return;
        }
        let known = named(&self.node, link.known());
        let says = |origin: &Origin, range: &Range<u64>| {
            let is_known = known.get(origin).is_some_and(|known| known.contains_range(range));
            assert!(is_known, "{from} says that it holds {origin:?} {range:?}");
        };
        for entries in &gossip.values {
            let end = entries.first + entries.values.len() as u64;
            says(&entries.origin, &(entries.first..end));
        }
        for Have { origin, ranges } in &gossip.have {
            ranges.iter().for_each(|range| says(origin, &range));
        }
    }

    /// The invariants of every link, and of the store.
    pub(super) fn check(&mut self) {
        let held = self.node.store().held();
        for value in &self.acknowledged {
            assert!(self.node.store().contains_value(value), "{value} was acknowledged");
        }
        let mut known_now = BTreeMap::new();
        for (peer, link) in self.node.links() {
            let cluster = self.node.cluster().expect("links come after init");
            assert_ne!(peer, cluster.me());
            let in_flight = link.in_flight();
            assert!(link.queue().is_subset(held), "what is queued is held");
            assert!(in_flight.is_subset(held), "what is in flight is held");
            let rest = in_flight.difference(link.known());
            assert_eq!(rest, in_flight, "what is confirmed is no longer in flight");
            self.check_evidence(cluster.name(peer), link.generation(), link.known());
            if let Some((generation, before)) = self.known.get(&peer)
                && *generation == link.generation()
            {
                assert!(before.is_subset(link.known()), "what is known is forgotten");
            }
            known_now.insert(peer, (link.generation(), link.known().clone()));
        }
        self.known = known_now;
    }

    /// Nothing is known but what that life of that peer gave evidence of.
    fn check_evidence(&self, peer: &Name, generation: Option<u64>, known: &VersionSet) {
        let life = generation.map(|generation| (Name::clone(peer), generation));
        let given = life.and_then(|life| self.evidence.get(&life)).map_or(&[][..], Vec::as_slice);
        for (origin, ranges) in &named(&self.node, known) {
            let mut given: Vec<_> = given.iter().filter(|(of, _)| of == origin).collect();
            given.sort_by_key(|(_, range)| range.start);
            for range in ranges.iter() {
                let mut covered = range.start;
                for (_, evidence) in &given {
                    if evidence.start <= covered {
                        covered = covered.max(evidence.end);
                    }
                }
                assert!(covered >= range.end, "{peer} is thought to hold {origin:?} {range:?}");
            }
        }
    }
}

/// The set with the origins' names, which mean the same to everybody.
pub(super) fn named(
    node: &rumormill_lab::node::Node,
    held: &VersionSet,
) -> BTreeMap<Origin, Ranges> {
    held.iter().map(|(id, ranges)| (node.store().origin(id).clone(), ranges.clone())).collect()
}
