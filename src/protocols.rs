//! The protocols: one protocol, one file, its paper in the first line.
//!
//! A new protocol is a file and a line in the list below.

pub mod central;
pub mod direct_mail;
pub mod eager;
pub mod flood;
pub mod rumormill;
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
