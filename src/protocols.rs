//! The protocols: one protocol, one file, its paper in the first line.
//!
//! A new protocol is a file and a line in the list below.

pub mod averaging;
pub mod central;
pub mod direct_mail;
pub mod eager;
pub mod extrema;
pub mod flood;
pub mod heartbeat;
pub mod median_counter;
pub mod phi;
pub mod push_sum;
pub mod rumor;
pub mod rumormill;
pub mod swim;
#[cfg(test)]
pub(crate) mod testing;

use std::fmt;
use std::str::FromStr;

use crate::protocol::Protocol;
use crate::wire::Wire as _;

/// Lists the protocols: variant, type, summary.
macro_rules! protocols {
    ($($variant:ident: $protocol:ty, $summary:literal;)*) => {
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

            /// The protocol in a line, for the help.
            #[must_use]
            pub const fn summary(self) -> &'static str {
                match self {
                    $(Self::$variant => $summary),*
                }
            }
        }

        /// Calls the visitor with the protocol of that name.
        pub fn visit<V: Visitor>(name: Name, visitor: V) -> V::Output {
            match name {
                $(Name::$variant => visitor.visit::<$protocol>()),*
            }
        }
    };
}

protocols! {
    Rumormill: rumormill::Rumormill, "batched gossip through hubs or along the topology, with repair";
    DirectMail: direct_mail::DirectMail, "each value from its origin to all nodes; no repair";
    Central: central::Central, "each value through one server, the first node; no repair";
    Eager: eager::Eager, "each value from every node to every node; no repair";
    Flood: flood::Flood, "each value at once to every neighbour; no repair";
    Rumor: rumor::Rumor, "push, pull or both until interest is lost: rumour mongering (Demers 1987)";
    MedianCounter: median_counter::MedianCounter, "rumours that age and stop by themselves (Karp 2000)";
    Heartbeat: heartbeat::HeartbeatGossip, "membership by heartbeat counters (van Renesse 1998)";
    Phi: phi::PhiGossip, "the same with the phi accrual failure detector (Hayashibara 2004)";
    Swim: swim::Swim, "membership by probes, suspicion and piggyback (Das 2002, Lifeguard)";
    PushSum: push_sum::PushSum, "average, sum or count by splitting shares (Kempe 2003)";
    Averaging: averaging::Averaging, "average by push-pull exchange (Jelasity 2005)";
    Extrema: extrema::Extrema, "least and greatest integer, and a leader, by push-pull";
}

/// Ours.
impl Default for Name {
    fn default() -> Self {
        Self::Rumormill
    }
}

/// Code for any protocol: a generic closure.
pub trait Visitor {
    /// The result.
    type Output;

    /// Runs for the protocol `P`.
    fn visit<P: Protocol>(self) -> Self::Output;
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
