//! The surroundings of a rumour in asynchronous time: latency, a partition, crashes.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use derive_more::Display;
use rumormill::config::{parse_time, show_time};
use rumormill::id::NodeId;
use rumormill_sim::Nanos;
use rumormill_sim::dice::Dice;
use rumormill_sim::network::cut::{Cut, Cuts};
use rumormill_sim::network::latency::Latency;

/// The network and its faults. Times count from the injection of the rumour.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// Latency of messages.
    pub latency: Latency,
    /// The time in which the lower half of the nodes and the upper one do not reach each other.
    pub partition: Option<Partition>,
    /// Nodes that die.
    pub crashes: Vec<Crash>,
}

/// A partition of the nodes into two halves, by their numbers.
#[derive(Clone, Copy, Debug, Display, PartialEq, Eq)]
#[display("{}..{}", show_time(*from), show_time(*until))]
pub struct Partition {
    /// Its beginning.
    pub from: Duration,
    /// Its end.
    pub until: Duration,
}

/// The death of one node or several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crash {
    /// The nodes that die.
    pub victims: Victims,
    /// When.
    pub at: Duration,
    /// How long they are down; `None` for good. They come back without memory.
    pub down: Option<Duration>,
}

/// The nodes that die.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Victims {
    /// A node.
    Node(u32),
    /// This many nodes, drawn from all but those named and the origin of the rumour.
    Random(u32),
}

impl FromStr for Partition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let times = text.split_once("..").and_then(|(from, until)| {
            let (from, until) = (parse_time(from)?, parse_time(until)?);
            (from < until).then_some(Self { from, until })
        });
        times.ok_or_else(|| "expected two times, such as 100ms..500ms".to_owned())
    }
}

impl FromStr for Crash {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = || {
            let (victims, times) = text.split_once('@')?;
            let victims = match victims.strip_prefix('n') {
                Some(node) => Victims::Node(node.parse().ok()?),
                None => Victims::Random(victims.parse().ok()?),
            };
            let (at, down) = match times.split_once('+') {
                Some((at, down)) => (at, Some(parse_time(down)?)),
                None => (times, None),
            };
            Some(Self { victims, at: parse_time(at)?, down })
        };
        read().ok_or_else(|| {
            "expected nodes and times, such as n3@200ms (for good) or 5@200ms+1s (5 at random)"
                .to_owned()
        })
    }
}

impl fmt::Display for Crash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.victims {
            Victims::Node(node) => write!(f, "n{node}@{}", show_time(self.at))?,
            Victims::Random(count) => write!(f, "{count}@{}", show_time(self.at))?,
        }
        self.down.map_or(Ok(()), |down| write!(f, "+{}", show_time(down)))
    }
}

impl Surroundings {
    /// Constant latency, no faults.
    #[must_use]
    pub fn of_latency(mean_ms: u64) -> Self {
        let latency = Latency { mean_ms, ..Latency::default() };
        Self { latency, ..Self::default() }
    }

    /// Refuses crashes of nodes that do not exist.
    ///
    /// # Errors
    /// The node or the number, and what was expected.
    pub fn check(&self, nodes: u32) -> Result<(), String> {
        let mut random = 0_u32;
        let mut named = Vec::new();
        for crash in &self.crashes {
            match crash.victims {
                Victims::Node(node) if node >= nodes => {
                    return Err(format!("there is no node n{node} among {nodes}"));
                }
                Victims::Node(node) => named.push(node),
                Victims::Random(count) => random = random.saturating_add(count),
            }
        }
        named.push(0);
        named.sort_unstable();
        named.dedup();
        let left = nodes.saturating_sub(named.len() as u32);
        if random > left {
            return Err(format!("{random} nodes cannot crash at random: only {left} may"));
        }
        Ok(())
    }

    /// The crashes, node by node. Each random victim is another.
    pub(super) fn crashes(&self, nodes: u32, seed: u64) -> Vec<(NodeId, Crash)> {
        let named = |node| self.crashes.iter().any(|crash| crash.victims == Victims::Node(node));
        let mut others: Vec<u32> = (1..nodes).filter(|node| !named(*node)).collect();
        Dice::new(seed, "crashes").shuffle(&mut others);
        let mut others = others.into_iter();
        let mut crashes = Vec::new();
        for crash in &self.crashes {
            match crash.victims {
                Victims::Node(node) => crashes.push((NodeId(node), *crash)),
                Victims::Random(count) => {
                    let victims = others.by_ref().take(count as usize);
                    crashes.extend(victims.map(|node| (NodeId(node), *crash)));
                }
            }
        }
        crashes
    }

    /// The cuts of links, for a rumour that is injected then.
    pub(super) fn cuts(&self, nodes: u32, injection: Nanos) -> Cuts {
        let cut = |partition: Partition| Cut {
            sides: (0..nodes).map(|node| (node < nodes / 2, node >= nodes / 2)).collect(),
            is_one_way: false,
            from: injection.saturating_add(nanos(partition.from)),
            until: injection.saturating_add(nanos(partition.until)),
            flap: None,
        };
        Cuts(self.partition.map(cut).into_iter().collect())
    }
}

/// A length of virtual time; at most 584 years.
#[must_use]
pub fn nanos(time: Duration) -> Nanos {
    Nanos::try_from(time.as_nanos()).unwrap_or(Nanos::MAX)
}
