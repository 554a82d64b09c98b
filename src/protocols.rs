//! The protocols: one protocol, one file, its paper in the first line.
//!
//! A new protocol is a file and a line in the list below: its name in code, its type, what it
//! promises, and a summary.

pub mod anti_entropy;
pub mod averaging;
pub mod cassandra;
pub mod central;
pub mod direct_mail;
pub mod eager;
pub mod extrema;
pub mod flood;
pub mod heartbeat;
pub mod high_water;
pub mod median_counter;
pub mod plumtree;
pub mod push_sum;
pub mod random;
pub mod rumor;
pub mod rumormill;
pub mod scuttlebutt;
pub mod swim;
#[cfg(test)]
pub(crate) mod testing;
pub mod tree_ack;
pub mod tree_nak;

use std::fmt;
use std::str::FromStr;

use crate::args::{self, Family, Member};
use crate::family::{ProtocolName, Visitor};
use crate::protocol::Protocol;
use crate::wire::Wire;

/// The promise of a protocol, with its default settings: the lab's tests hold it to that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Promise {
    /// Every entry reaches all nodes while nothing is lost and no node fails; nothing is repaired
    /// after a partition.
    Delivers,
    /// Every entry that a live node holds reaches all nodes once the network works again.
    Repairs,
    /// An entry reaches all nodes but for a residue that is small and not zero.
    Most,
    /// Entries do not spread: the nodes compute something of them together.
    Aggregates,
}

/// Lists the protocols: variant, type, promise, summary.
macro_rules! protocols {
    ($($variant:ident: $protocol:ty, $promise:ident, $summary:literal;)*) => {
        /// The name of a protocol.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Name {
            $(#[doc = $summary] $variant),*
        }

        impl Name {
            /// All protocols.
            pub const ALL: [Self; [$(Self::$variant),*].len()] = [$(Self::$variant),*];

            /// The name on the command line and on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => <$protocol as Protocol>::Message::TYPE),*
                }
            }

            /// Its promise.
            #[must_use]
            pub const fn promise(self) -> Promise {
                match self {
                    $(Self::$variant => Promise::$promise),*
                }
            }

            /// The protocol in a line, for the help.
            #[must_use]
            pub const fn summary(self) -> &'static str {
                match self {
                    $(Self::$variant => $summary),*
                }
            }
        }

        /// The protocols as a command line names them.
        #[must_use]
        pub fn family() -> Family<Name> {
            let members = [
                $(Member::new::<<$protocol as Protocol>::Config>(Name::$variant, $summary)),*
            ];
            members.into_iter().collect()
        }

        impl ProtocolName for Name {
            fn visit<V: Visitor>(self, visitor: V) -> V::Output {
                match self {
                    $(Self::$variant => visitor.visit::<$protocol>()),*
                }
            }
        }
    };
}

protocols! {
    Rumormill: rumormill::Rumormill, Repairs, "batched gossip through hubs or along the topology, with repair";
    DirectMail: direct_mail::DirectMail, Delivers, "each value from its origin to all nodes; no repair";
    Central: central::Central, Delivers, "each value through one server, the first node; no repair";
    Eager: eager::Eager, Delivers, "each value from every node to every node; no repair";
    Flood: flood::Flood, Delivers, "each value at once to every neighbour; no repair";
    TreeAck: tree_ack::TreeAck, Repairs, "along a spanning tree, repaired by aggregated acks";
    TreeNak: tree_nak::TreeNak, Repairs, "along a spanning tree, repaired by naks with suppression (SRM)";
    Random: random::Random, Repairs, "every period to some random nodes, over and over or once";
    Rumor: rumor::Rumor, Most, "push, pull or both until interest is lost: rumour mongering (Demers 1987)";
    MedianCounter: median_counter::MedianCounter, Most, "rumours that age and stop by themselves (Karp 2000)";
    AntiEntropy: anti_entropy::AntiEntropy, Repairs, "every period the difference with a random node, by any digest";
    Scuttlebutt: scuttlebutt::Scuttlebutt, Repairs, "every period the difference with a random node, bounded in size";
    Cassandra: cassandra::Cassandra, Repairs, "every second the difference with a live node, and with seeds";
    HighWater: high_water::HighWater, Repairs, "at once over bounded connections, by stamps per originator";
    Plumtree: plumtree::Plumtree, Delivers, "along a tree that builds and heals itself, over partial views";
    Heartbeat: heartbeat::HeartbeatGossip, Repairs, "membership by heartbeat counters (van Renesse 1998)";
    Phi: heartbeat::phi::PhiGossip, Repairs, "the same with the phi accrual failure detector (Hayashibara 2004)";
    Swim: swim::Swim, Most, "membership by probes, suspicion and piggyback (Das 2002, Lifeguard)";
    PushSum: push_sum::PushSum, Aggregates, "average, sum or count by splitting shares (Kempe 2003)";
    Averaging: averaging::Averaging, Aggregates, "average by push-pull exchange (Jelasity 2005)";
    Extrema: extrema::Extrema, Aggregates, "least and greatest integer, and a leader, by push-pull";
}

/// The options of a node with their protocol.
pub type Options = args::Options<Name>;

/// Ours.
impl Default for Name {
    fn default() -> Self {
        Self::Rumormill
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Name {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|name| name.as_str() == text).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|name| name.as_str()).collect();
            format!("one of {}", names.join(", "))
        })
    }
}
