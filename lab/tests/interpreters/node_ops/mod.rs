//! A node under arbitrary operations: whatever its peers claim and however its clock runs, it
//! keeps its promises, and once they are honest again, all agree.

mod checks;
mod epilogue;
mod ops;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use rumormill::cluster::{Name, Nodes, Topology};
use rumormill::id::{Generation, NodeId, Origin};
use rumormill::maelstrom::message::Named;
use rumormill::maelstrom::parse::Refusal;
use rumormill::protocols::rumormill::config::Config;
use rumormill::protocols::rumormill::message::{Ack, Gossip, Have};
use rumormill::protocols::rumormill::stats::Stats;
use rumormill::service::{Reply, Request};
use rumormill::set::{Ranges, VersionSet};
use rumormill::time::Instant;
use rumormill::value::Value;

use super::{Body, Message, Node};
use ops::{GENERATION, Id, Op, Pause, Start, all_names};

/// Entries that a node says to hold.
type Claim = (Origin, Range<u64>);

/// Longer inputs are cut off: what they find, shorter ones find as well.
const OPS_MAX: usize = 400;

/// After a timeout, the next deadline may lie in the past this often in a row.
const ROUNDS_MAX: usize = 4;

/// The clock stops short of the end of time.
const LATEST: Instant = Instant::from_micros(1 << 60);

/// How often what happened: a run in which nothing did proves nothing.
pub(crate) type Tally = BTreeMap<&'static str, u64>;

/// Runs the operations that `data` stands for.
///
/// # Panics
/// If the node breaks a promise.
pub(crate) fn run(data: &[u8]) -> Tally {
    Unstructured::new(data).arbitrary::<Plan>().map_or_else(|_| Tally::new(), |plan| plan.run())
}

/// A beginning, and what happens then. For people: what some bytes stand for.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    start: Start,
    ops: Vec<Op>,
}

impl<'a> Arbitrary<'a> for Plan {
    /// All bytes become operations: a derived `Vec` would stop after two on average.
    fn arbitrary(bytes: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        let start = bytes.arbitrary()?;
        let mut ops = Vec::new();
        while !bytes.is_empty() && ops.len() < OPS_MAX {
            ops.push(bytes.arbitrary()?);
        }
        Ok(Self { start, ops })
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:?}", self.start)?;
        self.ops.iter().try_for_each(|op| writeln!(f, "{op:?}"))
    }
}

impl Plan {
    fn run(&self) -> Tally {
        let mut bench = Bench::new(&self.start);
        for op in &self.ops {
            bench.apply(op);
        }
        bench.count("runs", 1);
        bench.count("operations", self.ops.len() as u64);
        bench.finish()
    }
}

/// The node, and what its promises are judged by.
struct Bench {
    now: Instant,
    node: Node,
    me: Name,
    config: Config,
    next_msg_id: i64,
    /// Broadcasts not yet answered, and values that were acknowledged.
    pending: BTreeMap<i64, Value>,
    acknowledged: BTreeSet<Value>,
    topology: Option<Arc<Topology>>,
    /// The entries that went to each peer.
    sent: BTreeMap<Name, Vec<Gossip>>,
    answers: u64,
    /// Everything that each life of each peer ever gave evidence of.
    evidence: BTreeMap<(Name, Generation), Vec<Claim>>,
    /// The entries that each peer was known to hold after the last operation, and in which life.
    known: BTreeMap<NodeId, (Option<Generation>, VersionSet)>,
    tally: Tally,
}

impl Bench {
    fn new(start: &Start) -> Self {
        let config = start.config();
        let names = start.names();
        let mut bench = Self {
            now: Instant::from_micros(1_000_000),
            node: Node::new(config.clone(), 1, GENERATION),
            me: Name::clone(&names[0]),
            config,
            next_msg_id: 1,
            pending: BTreeMap::new(),
            acknowledged: BTreeSet::new(),
            topology: None,
            sent: BTreeMap::new(),
            answers: 0,
            evidence: BTreeMap::new(),
            known: BTreeMap::new(),
            tally: Tally::new(),
        };
        if start.is_set_up() {
            bench.init(Name::clone(&names[0]), names);
            bench.set_topology(&start.edges);
        }
        bench
    }

    fn count(&mut self, what: &'static str, by: u64) {
        *self.tally.entry(what).or_default() += by;
    }

    fn apply(&mut self, op: &Op) {
        match op {
            Op::Init { me, nodes } => {
                self.init(me.name(), nodes.iter().map(|id| id.name()).collect());
            }
            Op::Topology { edges } => self.set_topology(edges),
            Op::Broadcast(datum) => {
                let (message, msg_id) = (datum.value(), self.next_msg_id());
                self.pending.insert(msg_id, message.clone());
                let request = Request::Broadcast { message };
                self.deliver("c1".into(), Body::Request { request, msg_id });
            }
            Op::Read => self.read(),
            Op::Gossip { from, gossip } => {
                let nodes = self.node.nodes().map_or(0, |nodes| nodes.len());
                self.gossip(&from.name(), Named::new(gossip.message(nodes), all_names()));
            }
            Op::Answer { from, but, all } => self.answer(*from, *but, *all),
            Op::Line(line) => match self.node.parse_line(line) {
                Ok(message) => self.node.handle_message(self.now, message),
                Err(refusal) => self.node.handle_refusal(self.now, refusal),
            },
            Op::StrayReply { from, in_reply_to } => {
                // The parser lets none through; the simulator might.
                let (reply, in_reply_to) = (Reply::BroadcastOk, *in_reply_to);
                let body = Body::Reply { reply, in_reply_to };
                let message = Message { src: from.name(), dest: Name::clone(&self.me), body };
                self.node.handle_message(self.now, message);
            }
            Op::Wait(pause) => self.wait(*pause),
            Op::Timeout => self.timeout(),
            Op::EndOfInput => self.node.handle_end_of_input(self.now),
        }
        self.collect();
        self.check();
    }

    fn next_msg_id(&mut self) -> i64 {
        self.next_msg_id += 1;
        self.next_msg_id
    }

    fn init(&mut self, node_id: Name, node_ids: Vec<Name>) {
        let was_set_up = self.node.nodes().is_some();
        let msg_id = self.next_msg_id();
        self.deliver(
            "c1".into(),
            Body::Init {
                node_id: Name::clone(&node_id),
                node_ids: Arc::new(node_ids.into()),
                msg_id,
            },
        );
        if !was_set_up && self.node.nodes().is_some() {
            self.me = node_id;
        }
        self.collect();
    }

    fn set_topology(&mut self, edges: &[(Id, Id)]) {
        let mut topology: BTreeMap<Name, Vec<Name>> = BTreeMap::new();
        for (from, to) in edges {
            topology.entry(from.name()).or_default().push(to.name());
        }
        let topology = Arc::new(topology.into());
        let (msg_id, refused) = (self.next_msg_id(), self.node.refused());
        self.deliver("c1".into(), Body::Topology { topology: Arc::clone(&topology), msg_id });
        if self.node.refused() == refused {
            self.topology = Some(topology);
            self.count("topologies", 1);
        }
        self.collect();
    }

    fn read(&mut self) {
        let msg_id = self.next_msg_id();
        self.deliver("c1".into(), Body::Request { request: Request::Read, msg_id });
    }

    /// All that comes in is what can be written as a line and is taken by the parser. Returns what
    /// the node was handed.
    fn deliver(&mut self, src: Name, body: Body) -> Option<Message> {
        let message = Message { src, dest: Name::clone(&self.me), body };
        let mut line = Vec::new();
        message.write_line(&mut line);
        match self.node.parse_line(&line) {
            Ok(parsed) => {
                // Numbers of nodes may differ: they are those of another list. The names do not.
                let mut again = Vec::new();
                parsed.write_line(&mut again);
                assert_eq!(again, line, "{parsed:?} {message:?}");
                assert!(matches!(parsed.body, Body::Peer(_)) || parsed == message);
                self.node.handle_message(self.now, parsed.clone());
                Some(parsed)
            }
            Err(refusal) => {
                self.count("refused by the parser", 1);
                self.node.handle_refusal(self.now, refusal);
                None
            }
        }
    }

    fn gossip(&mut self, from: &Name, named: Named<Gossip>) {
        let refused = self.node.refused();
        let has_stranger = self.node.nodes().is_none_or(|nodes| names_stranger(&named, nodes));
        let taken = self.deliver(Name::clone(from), Body::Peer(named));
        let Some(Body::Peer(named)) = taken.map(|message| message.body) else {
            self.count("gossip refused", 1);
            assert!(self.node.refused() > refused);
            return;
        };
        assert!(!has_stranger, "{named:?} names a node that is not in the cluster");
        if self.node.refused() > refused {
            self.count("gossip refused", 1);
            return;
        }
        self.count("gossip taken", 1);
        let gossip = named.message();
        let of_life = self.evidence.entry((Name::clone(from), gossip.generation)).or_default();
        for entries in &*gossip.entries {
            let end = entries.first + entries.values.len() as u64;
            of_life.push((entries.origin, entries.first..end));
        }
        for Have { origin, ranges } in &gossip.have {
            of_life.extend(ranges.iter().map(|range| (*origin, range)));
        }
        // An ack of a message is evidence for its entries.
        let acks = gossip.ack.iter().filter(|ack| ack.generation == GENERATION);
        for ack in acks {
            let sent = self.sent.get(from).map_or(&[][..], Vec::as_slice);
            let acked = sent.iter().filter(|sent| ack.numbers.contains(sent.number));
            for entries in acked.flat_map(|sent| &*sent.entries) {
                let end = entries.first + entries.values.len() as u64;
                of_life.push((entries.origin, entries.first..end));
            }
        }
        self.check_taken(from, gossip);
    }

    fn answer(&mut self, from: Id, but: u8, all: bool) {
        let sent = self.sent.get(&from.name()).map_or(&[][..], Vec::as_slice);
        let got = &sent[..sent.len().saturating_sub(usize::from(but % 4))];
        let (Some(last), Some(nodes)) = (got.last(), self.node.nodes()) else { return };
        let nodes = Arc::clone(nodes);
        let numbers = std::iter::once(0..last.number + 1).collect();
        let ack = Some(Ack { generation: GENERATION, numbers, held_us: 0 });
        let mut held: BTreeMap<Origin, Ranges> = BTreeMap::new();
        for entries in got.iter().flat_map(|gossip| &*gossip.entries) {
            let end = entries.first + entries.values.len() as u64;
            held.entry(entries.origin).or_default().insert(entries.first..end);
        }
        let have = held.into_iter().map(|(origin, ranges)| Have { origin, ranges }).collect();
        self.answers += 1;
        let number = 16 + self.answers;
        let generation = Generation(1);
        let gossip = Gossip { generation, number, ack, have, is_digest: all, ..Gossip::default() };
        self.count("answers", 1);
        self.gossip(&from.name(), Named::new(gossip, &nodes));
    }

    fn wait(&mut self, pause: Pause) {
        let pause = match pause {
            Pause::Micros(micros) => Duration::from_micros(micros.into()),
            Pause::Millis(millis) => Duration::from_millis((millis % 2_000).into()),
            Pause::Seconds(seconds) => Duration::from_secs(seconds.into()),
            Pause::Days(days) => Duration::from_secs(86_400 * u64::from(days)),
            Pause::Back(millis) => {
                let micros = self.now.as_micros().saturating_sub(1_000 * u64::from(millis));
                self.now = Instant::from_micros(micros);
                return;
            }
        };
        self.now = self.now.after(pause).min(LATEST);
    }

    fn timeout(&mut self) {
        let Some(at) = self.node.poll_timeout() else {
            assert!(self.node.nodes().is_none(), "a node that was set up sleeps for ever");
            return;
        };
        self.now = self.now.max(at);
        let mut rounds = 0;
        while self.node.poll_timeout().is_some_and(|at| at <= self.now) {
            rounds += 1;
            assert!(rounds <= ROUNDS_MAX, "the same deadline again and again");
            self.node.handle_timeout(self.now);
            self.collect();
        }
        self.count("timeouts", 1);
    }

    /// The end of the operations, and the return to an honest world.
    fn finish(mut self) -> Tally {
        self.read();
        self.collect();
        self.node.handle_refusal(self.now, Refusal::new(None, "the end", ""));
        self.collect();
        let stats = self.node.protocol().map_or_else(Stats::default, |node| *node.stats());
        self.count("entries received", stats.entries_received);
        self.count("duplicates", stats.duplicates_received);
        self.count("retries", stats.retries);
        self.count("suspicions", stats.suspicions);
        self.count("probes", stats.probes);
        self.count("repairs", stats.repairs);
        self.count("restarts seen", stats.restarts_seen);
        self.count("digests sent", stats.digests_sent);
        self.return_to_honesty()
    }
}

/// True if the message names a node that the list lacks.
fn names_stranger(named: &Named<Gossip>, list: &Nodes) -> bool {
    let Gossip { entries: values, have, offer: place, .. } = named.message();
    let origins = values.iter().map(|entries| entries.origin);
    let mut origins = origins.chain(have.iter().map(|have| have.origin)).map(|origin| origin.node);
    // Origins are numbers on the wire, and the nodes of an offer are names.
    let place = place.iter().flat_map(|place| place.parent.into_iter().chain([place.root]));
    let mut place = place.map(|node| named.nodes().name(node));
    origins.any(|node| node.0 >= list.len()) || place.any(|name| list.id(name).is_none())
}
