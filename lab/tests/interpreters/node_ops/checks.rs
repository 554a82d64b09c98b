//! Conditions that hold after every operation.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use rumormill::cluster::Name;
use rumormill::id::{Generation, Origin};
use rumormill::protocols::rumormill::Rumormill;
use rumormill::protocols::rumormill::message::{Gossip, Have};
use rumormill::protocols::rumormill::replica::Replica;
use rumormill::service::Reply;
use rumormill::set::{Ranges, VersionSet};
use rumormill::value::Value;

use super::{Bench, Body, GENERATION, Message, Node};

impl Bench {
    /// Takes what the node sends, and checks it.
    pub(super) fn collect(&mut self) {
        // One message per entry and peer, if it comes to the worst, and what is owed to clients.
        let peers = self.node.nodes().map_or(0, |nodes| u64::from(nodes.len()));
        let held = self.node.protocol().map_or(0, |node| node.replica().held().count());
        let mut most = (held + 2) * peers + 4;
        while let Some(message) = self.node.poll_transmit() {
            assert!(most > 0, "a stream of messages without an end");
            most -= 1;
            match message.body.clone() {
                Body::Peer(named) => self.check_gossip(&message, named.into_message()),
                Body::Reply { reply: Reply::BroadcastOk, in_reply_to } => {
                    let value = self.pending.remove(&in_reply_to);
                    self.acknowledged.extend(value);
                }
                Body::Reply { reply: Reply::ReadOk { messages }, .. } => {
                    self.check_read(&messages);
                }
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
        assert_eq!(read.len(), self.node.service().value_count());
        let lost = self.acknowledged.iter().find(|value| !distinct.contains(value));
        assert_eq!(lost, None, "acknowledged, and not in {messages}");
        self.count("reads", 1);
    }

    fn check_gossip(&mut self, message: &Message, gossip: Gossip) {
        let nodes = self.node.nodes().expect("gossip before init");
        assert!(nodes.id(&message.dest).is_some(), "gossip to a stranger");
        assert!(message.dest != self.me && message.src == self.me, "{message:?}");
        let mut line = Vec::new();
        message.write_line(&mut line);
        assert_eq!(self.node.parse_line(&line).as_ref(), Ok(message));
        let sent = self.sent.entry(Name::clone(&message.dest)).or_default();
        assert_eq!(gossip.number, sent.len() as u64, "messages of a link are numbered");
        assert_eq!(gossip.generation, GENERATION);
        let mut count = 0;
        let held = held_by(&self.node);
        for entries in &*gossip.entries {
            count += entries.values.len();
            let range = entries.first..entries.first + entries.values.len() as u64;
            let is_held = held.get(&entries.origin).is_some_and(|held| held.contains_range(&range));
            assert!(!range.is_empty() && is_held, "{entries:?}");
        }
        assert!(count <= self.config.batch_entries_max, "{count} entries");
        for Have { origin, ranges } in &gossip.have {
            assert_eq!(held.get(origin), Some(ranges), "evidence is all that is held");
        }
        assert!(
            !gossip.is_digest || gossip.have.len() == held.len(),
            "a digest leaves nothing out"
        );
        let protocol = self.node.protocol().expect("it has sent a message");
        let checksum = protocol.replica().checksum();
        assert!(gossip.checksum.is_none_or(|sent| sent == checksum), "a checksum is of all");
        sent.push(gossip);
        self.count("gossip sent", 1);
    }

    /// The message's claims are known from now on, if it is of the life that counts.
    pub(super) fn check_taken(&self, from: &str, gossip: &Gossip) {
        let peer = self.node.nodes().and_then(|nodes| nodes.id(from)).expect("a peer");
        let node = self.node.protocol().expect("a peer, so init has come");
        let (_, link) = node.links().find(|(id, _)| *id == peer).expect("a link");
        if link.generation() != Some(gossip.generation) {
            return;
        }
        let known = named(node.replica(), link.known());
        let says = |origin: &Origin, range: &Range<u64>| {
            let is_known = known.get(origin).is_some_and(|known| known.contains_range(range));
            assert!(is_known, "{from} says that it holds {origin:?} {range:?}");
        };
        for entries in &*gossip.entries {
            let end = entries.first + entries.values.len() as u64;
            says(&entries.origin, &(entries.first..end));
        }
        for Have { origin, ranges } in &gossip.have {
            ranges.iter().for_each(|range| says(origin, &range));
        }
    }

    /// The invariants of every link, and of the store.
    pub(super) fn check(&mut self) {
        for value in &self.acknowledged {
            assert!(self.node.service().contains(value), "{value} was acknowledged");
        }
        let Some(node) = self.node.protocol() else { return };
        let (replica, nodes) = (node.replica(), self.node.nodes().expect("init has come"));
        let held = replica.held();
        self.check_values(replica);
        let mut known_now = BTreeMap::new();
        for (peer, link) in node.links() {
            assert_ne!(*nodes.name(peer), self.me);
            let in_flight = link.in_flight();
            assert!(link.queue().is_subset(held), "what is queued is held");
            assert!(in_flight.is_subset(held), "what is in flight is held");
            let rest = in_flight.difference(link.known());
            assert_eq!(rest, in_flight, "what is confirmed is no longer in flight");
            self.check_evidence(nodes.name(peer), link.generation(), &named(replica, link.known()));
            if let Some((generation, before)) = self.known.get(&peer)
                && *generation == link.generation()
            {
                assert!(before.is_subset(link.known()), "what is known is forgotten");
            }
            known_now.insert(peer, (link.generation(), link.known().clone()));
        }
        self.known = known_now;
    }

    /// Clients read the values of the entries held, and nothing else.
    fn check_values(&self, replica: &Replica) {
        let ranges = replica.held().ranges();
        let values: BTreeSet<&Value> =
            ranges.flat_map(|(id, range)| replica.values(id, &range)).collect();
        assert_eq!(values.len(), self.node.service().value_count());
        assert!(values.into_iter().all(|value| self.node.service().contains(value)));
    }

    /// Nothing is known but what that life of that peer gave evidence of.
    fn check_evidence(
        &self,
        peer: &Name,
        generation: Option<Generation>,
        known: &BTreeMap<Origin, Ranges>,
    ) {
        let life = generation.map(|generation| (Name::clone(peer), generation));
        let given = life.and_then(|life| self.evidence.get(&life)).map_or(&[][..], Vec::as_slice);
        for (origin, ranges) in known {
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

/// The set by origins, whose numbers differ from node to node: those of names do not.
fn named(replica: &Replica, set: &VersionSet) -> BTreeMap<Origin, Ranges> {
    set.iter().map(|(id, ranges)| (replica.origin(id), ranges.into_owned())).collect()
}

/// All that the node holds.
pub(super) fn held_by(node: &Node) -> BTreeMap<Origin, Ranges> {
    let replica = node.protocol().map(Rumormill::replica);
    replica.map(|replica| named(replica, replica.held())).unwrap_or_default()
}
