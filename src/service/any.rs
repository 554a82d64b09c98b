//! The service that the command line names.

use std::fmt;
use std::str::FromStr;

use super::{
    Broadcast, Echo, GCounter, GSet, PnCounter, Refusal, Reply, Request, Service, UniqueIds,
};
use crate::effects::Entry;
use crate::id::Origin;
use crate::value::Value;

/// Lists the services: variant, type, name, summary.
macro_rules! services {
    ($($variant:ident: $service:ty, $name:literal, $summary:literal;)*) => {
        /// The name of a workload that a node serves.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Workload {
            $(#[doc = $summary] $variant),*
        }

        impl Workload {
            /// All of them.
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$variant),*];

            /// The name, on the command line and in records.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name),*
                }
            }

            /// The purpose of the service, in one line.
            #[must_use]
            pub const fn summary(self) -> &'static str {
                match self {
                    $(Self::$variant => $summary),*
                }
            }
        }

        /// The service of any workload.
        #[derive(Clone, Debug)]
        pub enum AnyService {
            $(#[doc = $summary] $variant($service)),*
        }

        impl AnyService {
            /// The service of a workload, in its first state.
            #[must_use]
            pub fn new(workload: Workload) -> Self {
                match workload {
                    $(Workload::$variant => Self::$variant(<$service>::default())),*
                }
            }

            /// The workload that it serves.
            #[must_use]
            pub const fn workload(&self) -> Workload {
                match self {
                    $(Self::$variant(_) => Workload::$variant),*
                }
            }
        }

        impl Service for AnyService {
            fn on_request(
                &mut self,
                origin: Origin,
                request: Request,
                submit: &mut Vec<Value>,
            ) -> Result<Reply, Refusal> {
                match self {
                    $(Self::$variant(service) => service.on_request(origin, request, submit)),*
                }
            }

            fn on_deliver(&mut self, entry: &Entry) {
                match self {
                    $(Self::$variant(service) => service.on_deliver(entry)),*
                }
            }

            fn has_topology(&self) -> bool {
                self.workload() == Workload::Broadcast
            }
        }
    };
}

services! {
    Broadcast: Broadcast, "broadcast", "values that are to reach every node";
    Echo: Echo, "echo", "every text comes back";
    UniqueIds: UniqueIds, "unique-ids", "every id is generated once in the cluster";
    GSet: GSet, "g-set", "a set that only grows";
    GCounter: GCounter, "g-counter", "a counter that only grows";
    PnCounter: PnCounter, "pn-counter", "a counter that grows and shrinks";
}

impl AnyService {
    /// True if the service is a set that holds the value.
    #[must_use]
    pub fn contains(&self, value: &Value) -> bool {
        match self {
            Self::Broadcast(service) => service.contains(value),
            Self::GSet(service) => service.elements().contains(value),
            _ => false,
        }
    }
}

/// Broadcast.
impl Default for Workload {
    fn default() -> Self {
        Self::Broadcast
    }
}

/// That of broadcast.
impl Default for AnyService {
    fn default() -> Self {
        Self::new(Workload::default())
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Workload {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|name| name.as_str() == text).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|name| name.as_str()).collect();
            format!("one of {}", names.join(", "))
        })
    }
}
