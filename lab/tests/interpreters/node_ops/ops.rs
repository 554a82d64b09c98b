//! Operations on a node, as they come out of arbitrary bytes.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use rumormill::cluster::{Name, Nodes};
use rumormill::config::Choice as _;
use rumormill::id::{self, NodeId, Origin};
use rumormill::protocols::rumormill::config::Config;
use rumormill::protocols::rumormill::message::{
    Ack, Entries, Forward, Gossip, Have, Pulse, TreeOffer,
};
use rumormill::protocols::rumormill::route::Route;
use rumormill::value::Value;

/// The generation of the node under test.
pub(crate) const GENERATION: id::Generation = id::Generation(7);

/// All names there are: those of nodes, and at the end two that no cluster has.
const NAMES: [&str; 6] = ["n0", "n1", "n2", "n3", "c1", ""];

/// The names as a node list. Gossip that is written with it may name nodes that the reader does
/// not have in its own.
pub(crate) fn all_names() -> &'static Arc<Nodes> {
    static NODES: OnceLock<Arc<Nodes>> = OnceLock::new();
    NODES.get_or_init(|| Arc::new(NAMES.map(Name::from).to_vec().into()))
}

/// How the run begins.
#[derive(Arbitrary, Clone, Debug)]
pub(crate) struct Start {
    nodes: u8,
    set_up: u8,
    pub(crate) edges: Vec<(Id, Id)>,
    settings: u8,
    budget: u8,
}

impl Start {
    /// The cluster's nodes; the first is the one under test.
    pub(crate) fn names(&self) -> Vec<Name> {
        let nodes = [4, 3, 2, 3, 1][usize::from(self.nodes) % 5];
        (0..nodes).map(|i| Id(i).name()).collect()
    }

    /// True if `init` and `topology` have come already.
    pub(crate) fn is_set_up(&self) -> bool {
        !self.set_up.is_multiple_of(8)
    }

    /// Default settings, but for the limits that a short run would never reach.
    pub(crate) fn config(&self) -> Config {
        let mut config = Config::default();
        let route = usize::from(self.settings / 16) % Route::ALL.len();
        config.route = Route::ALL[route];
        config.latency_budget = Duration::from_millis(u64::from(self.budget) * 8);
        if self.settings & 1 == 1 {
            config.batch_entries_max = 2;
        }
        if self.settings & 2 == 2 {
            config.batch_bytes_max = 20;
        }
        if self.settings & 4 == 4 {
            config.ack_delay = Duration::ZERO;
        }
        if self.settings & 8 == 8 {
            config.window = Some(Duration::ZERO);
        }
        config
    }
}

/// One thing that happens to the node.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    /// A client (or a confused node) sends a set-up message.
    Init {
        me: Id,
        nodes: Vec<Id>,
    },
    Topology {
        edges: Vec<(Id, Id)>,
    },
    Broadcast(Datum),
    Read,
    /// A peer says anything at all.
    Gossip {
        from: Id,
        gossip: WildGossip,
    },
    /// A peer says truly what it got of all that was sent to it: all but the newest few messages.
    Answer {
        from: Id,
        but: u8,
        all: bool,
    },
    /// A line that is no message.
    Line(Vec<u8>),
    /// A node replies to a request that was never sent.
    StrayReply {
        from: Id,
        in_reply_to: i64,
    },
    /// Time goes by; what is due in between is late.
    Wait(Pause),
    /// The next deadline comes.
    Timeout,
    EndOfInput,
}

impl<'a> Arbitrary<'a> for Op {
    /// Derived, all would be equally frequent, and most runs spent on set-up messages.
    fn arbitrary(bytes: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        Ok(match bytes.arbitrary::<u8>()? % 32 {
            0 => Self::Init { me: bytes.arbitrary()?, nodes: bytes.arbitrary()? },
            1 => Self::Topology { edges: bytes.arbitrary()? },
            2 => Self::Line(bytes.arbitrary()?),
            3 => Self::StrayReply { from: bytes.arbitrary()?, in_reply_to: bytes.arbitrary()? },
            4 => Self::EndOfInput,
            5 => Self::Read,
            6..10 => Self::Wait(bytes.arbitrary()?),
            10..15 => Self::Broadcast(bytes.arbitrary()?),
            15..20 => Self::Answer {
                from: bytes.arbitrary()?,
                but: bytes.arbitrary()?,
                all: bytes.arbitrary()?,
            },
            20..26 => Self::Timeout,
            _ => Self::Gossip { from: bytes.arbitrary()?, gossip: bytes.arbitrary()? },
        })
    }
}

/// A name in the network: of a node, of this node, or of none in the cluster.
#[derive(Arbitrary, Clone, Copy)]
pub(crate) struct Id(u8);

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.name())
    }
}

impl Id {
    pub(crate) fn name(self) -> Name {
        Name::clone(all_names().name(self.node()))
    }

    /// Its number in [`all_names`].
    fn node(self) -> NodeId {
        NodeId(match self.0 % 32 {
            30 => 4,
            31 => 5,
            node => u32::from(node % 4),
        })
    }

    /// Its number in [`all_names`]: three times out of four that of a node in a cluster of `nodes`.
    /// Gossip that names a stranger is refused as a whole, and must not be the rule.
    fn node_among(self, nodes: u32) -> NodeId {
        let NodeId(node) = self.node();
        NodeId(if self.0 % 32 < 24 { node % nodes.max(1) } else { node })
    }
}

/// A number, mostly small, sometimes at the very end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Number(u64);

impl<'a> Arbitrary<'a> for Number {
    fn arbitrary(bytes: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        Ok(Self(match bytes.arbitrary::<u8>()? {
            byte @ 0..16 => u64::MAX - u64::from(byte),
            16..24 => bytes.arbitrary()?,
            byte => u64::from(byte % 12),
        }))
    }
}

/// A life of a node.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub(crate) enum Generation {
    Small(bool),
    Mine,
    Any(u32),
}

impl Generation {
    fn get(self) -> id::Generation {
        match self {
            Self::Small(late) => id::Generation(1 + u64::from(late)),
            Self::Mine => GENERATION,
            Self::Any(generation) => id::Generation(generation.into()),
        }
    }
}

/// A value to broadcast.
#[derive(Arbitrary, Clone, Debug)]
pub(crate) enum Datum {
    Small(u8),
    Int(i64),
    Text(String),
    Null,
}

impl Datum {
    pub(crate) fn value(&self) -> Value {
        match self {
            Self::Small(int) => Value::Int(i64::from(*int)),
            Self::Int(int) => Value::Int(*int),
            Self::Text(text) => {
                let json = serde_json::Value::from(text.as_str()).to_string();
                serde_json::from_str(&json).expect("a JSON string is a value")
            }
            Self::Null => Value::Json("null".into()),
        }
    }
}

/// How long nothing happens.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub(crate) enum Pause {
    Micros(u8),
    Millis(u16),
    Seconds(u8),
    /// The clock jumps.
    Days(u16),
    /// It is set back a little: no driver does so, and a node shall live all the same.
    Back(u8),
}

/// Gossip of which nothing need be true.
#[derive(Arbitrary, Clone, Debug)]
pub(crate) struct WildGossip {
    generation: Generation,
    number: Number,
    ack: Option<(Generation, Number, u8, WildMicros)>,
    values: Vec<WildEntries>,
    have: Vec<WildHave>,
    all: bool,
    relay: Option<bool>,
    pulse: Option<(WildMicros, WildMicros, WildMicros)>,
    ask: bool,
    is_paced: bool,
    is_lossy: bool,
    place: Option<(Option<Id>, Id, u8, WildMicros)>,
    checksum: Option<(u64, u64)>,
}

/// A time that a peer states.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum WildMicros {
    Millis(u8),
    Number(Number),
}

impl WildMicros {
    fn get(self) -> u64 {
        match self {
            Self::Millis(millis) => 1_000 * u64::from(millis),
            Self::Number(number) => number.0,
        }
    }
}

#[derive(Arbitrary, Clone, Debug)]
struct WildEntries {
    node: Id,
    generation: Generation,
    first: Number,
    values: Vec<Datum>,
}

#[derive(Arbitrary, Clone, Debug)]
struct WildHave {
    node: Id,
    generation: Generation,
    ranges: Vec<(Number, Number)>,
}

impl WildGossip {
    /// The message to a node in a cluster of `nodes`, as far as one of this content can be written
    /// down at all, in the numbers of [`all_names`].
    pub(crate) fn message(&self, nodes: u32) -> Gossip {
        let values = self.values.iter().map(|entries| Entries {
            origin: Origin {
                node: entries.node.node_among(nodes),
                generation: entries.generation.get(),
            },
            first: entries.first.0,
            values: entries.values.iter().map(Datum::value).collect(),
        });
        let have: BTreeMap<Origin, Have> = self
            .have
            .iter()
            .map(|have| {
                let node = have.node.node_among(nodes);
                let origin = Origin { node, generation: have.generation.get() };
                let ranges = have.ranges.iter().map(|(a, b)| a.0..b.0);
                (origin, Have { origin, ranges: ranges.collect() })
            })
            .collect();
        Gossip {
            generation: self.generation.get(),
            number: self.number.0.min(u64::MAX - 1),
            ack: self.ack.map(|(generation, number, count, held_us)| {
                let end = number.0.saturating_add(1).max(1);
                let numbers = end.saturating_sub(u64::from(count) + 1)..end;
                let numbers = std::iter::once(numbers).collect();
                Ack { generation: generation.get(), numbers, held_us: held_us.get() }
            }),
            entries: values.filter(|entries| !entries.values.is_empty()).collect::<Vec<_>>().into(),
            have: have.into_values().collect(),
            checksum: self.checksum,
            is_digest: self.all,
            forward: match self.relay {
                None => Forward::No,
                Some(true) => Forward::Tree,
                Some(false) => Forward::Flood,
            },
            is_paced: self.is_paced,
            is_lossy: self.is_lossy,
            pulse: self.pulse.map(|(period, age, distance)| Pulse {
                period_us: period.get(),
                age_us: age.get(),
                distance_us: distance.get(),
            }),
            is_probe: self.ask,
            offer: self.place.map(|(parent, root, depth, age)| TreeOffer {
                parent: parent.map(|parent| parent.node_among(nodes)),
                root: root.node_among(nodes),
                depth: depth.into(),
                age_us: age.get(),
            }),
        }
    }
}
