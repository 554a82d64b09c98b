//! The settings of the protocol, each with the reason for its default.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::route::Route;
use crate::config::{Flag, Setting, Settings, show_time};

/// A node's settings. All nodes of a cluster are expected to run with the same ones.
///
/// Written to records with times in microseconds; what an older record lacks has its default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The rule for disseminating a new entry.
    pub route: Route,
    /// Time from the submission of a value to its delivery at the last node, while nothing fails.
    /// The part that the network's delays leave is spent on batching, so that fewer messages are
    /// sent. Default 300 ms: still immediate to a person, and a ninth of the messages of direct
    /// mail at 100 ms per hop.
    #[serde(rename = "latency_budget_us", with = "micros")]
    pub latency_budget: Duration,
    /// Longest wait of a new entry for others to share its message, in place of what the budget
    /// leaves.
    #[serde(rename = "window_us", with = "optional_micros")]
    pub window: Option<Duration>,
    /// Round-trip time to assume before the first measurement. Default 200 ms: a slow wide-area
    /// network. Too high, and the first values travel faster than they need to.
    #[serde(rename = "rtt_initial_us", with = "micros")]
    pub rtt_initial: Duration,
    /// Max ack delay: an ack waits this long for a batch that goes to that peer anyway. Default 1 s:
    /// at two values per second and node (Maelstrom's `--rate 100` with 25 nodes) most acks then cost
    /// no message. A lost message is noticed sooner, by the gap in the numbers.
    #[serde(rename = "ack_delay_us", with = "micros")]
    pub ack_delay: Duration,
    /// Shortest time between two digests. Default 2 s: ten round trips of a slow network, so
    /// digests follow what happened and never race it.
    #[serde(rename = "sync_interval_us", with = "micros")]
    pub sync_interval: Duration,
    /// Longest time between two digests, when all agree. Default 30 s: at rest a node then sends
    /// less than one message in 10 s, and a node that lost its memory is found within a minute.
    #[serde(rename = "sync_interval_max_us", with = "micros")]
    pub sync_interval_max: Duration,
    /// Retransmission timeout before the first round-trip measurement. Default 300 ms: half as much
    /// again as the round trip assumed. RFC 6298 has 1 s, for networks where a needless repeat does
    /// harm; here it costs a few messages once, and a partition may be there from the start.
    #[serde(rename = "retry_initial_us", with = "micros")]
    pub retry_initial: Duration,
    /// Shortest time between two probes of a peer that does not answer. Default 100 ms.
    #[serde(rename = "probe_min_us", with = "micros")]
    pub probe_min: Duration,
    /// Longest time between two probes. Default 10 s: below that, the interval is a sixteenth of
    /// the time that the peer has been suspected, so after a heal no peer waits longer than 6 % of
    /// the outage, at the cost of few messages (their number grows with its logarithm).
    #[serde(rename = "probe_max_us", with = "micros")]
    pub probe_max: Duration,
    /// Most entries in one message. Default 5,000: some 50 kB of integers, a few hundred
    /// microseconds to parse, so a peer that catches up is not blocked by a single line.
    pub batch_entries_max: usize,
    /// Most bytes of values in one message, unless a single value is larger. Default 1 MiB.
    pub batch_bytes_max: usize,
    /// A bug on purpose.
    #[cfg(feature = "mutations")]
    #[serde(skip)]
    pub mutation: Option<super::mutation::Mutation>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            route: Route::Auto,
            latency_budget: Duration::from_millis(300),
            window: None,
            rtt_initial: Duration::from_millis(200),
            ack_delay: Duration::from_secs(1),
            sync_interval: Duration::from_secs(2),
            sync_interval_max: Duration::from_secs(30),
            retry_initial: Duration::from_millis(300),
            probe_min: Duration::from_millis(100),
            probe_max: Duration::from_secs(10),
            batch_entries_max: 5_000,
            batch_bytes_max: 1 << 20,
            #[cfg(feature = "mutations")]
            mutation: None,
        }
    }
}

impl Settings for Config {
    const FLAGS: &'static [Flag<Self>] = &[
        Flag {
            name: "--route",
            help: "to which peers a new entry goes at once (see below)",
            setting: Setting::Choice {
                placeholder: "ROUTE",
                names: || Route::ALL.map(Route::name).to_vec(),
                set: |config, text| text.parse().map(|route| config.route = route).ok(),
                show: |config| config.route.name(),
            },
        },
        Flag {
            name: "--latency-budget",
            help: "time for an entry to reach the last node (see below)",
            setting: Setting::Delay(|config| &mut config.latency_budget),
        },
        Flag {
            name: "--window",
            help: "batching window of a new entry, instead of the budget",
            setting: Setting::OptionalDelay(|config| &mut config.window),
        },
        Flag {
            name: "--rtt-initial",
            help: "round trip to assume until it is measured",
            setting: Setting::Delay(|config| &mut config.rtt_initial),
        },
        Flag {
            name: "--ack-delay",
            help: "how long an ack waits for entries to go along with",
            setting: Setting::Delay(|config| &mut config.ack_delay),
        },
        Flag {
            name: "--sync-interval",
            help: "shortest time between two digests",
            setting: Setting::Interval(|config| &mut config.sync_interval),
        },
        Flag {
            name: "--sync-interval-max",
            help: "longest time between two digests, when all agree",
            setting: Setting::Interval(|config| &mut config.sync_interval_max),
        },
        Flag {
            name: "--retry-initial",
            help: "wait for an ack before the round trip is known",
            setting: Setting::Interval(|config| &mut config.retry_initial),
        },
        Flag {
            name: "--probe-min",
            help: "shortest time between two probes of a suspected peer",
            setting: Setting::Interval(|config| &mut config.probe_min),
        },
        Flag {
            name: "--probe-max",
            help: "longest time between two probes of a suspected peer",
            setting: Setting::Interval(|config| &mut config.probe_max),
        },
        Flag {
            name: "--batch-entries-max",
            help: "most values in one message",
            setting: Setting::Count(|config| &mut config.batch_entries_max),
        },
        Flag {
            name: "--batch-bytes-max",
            help: "most bytes of values in one message (if several)",
            setting: Setting::Count(|config| &mut config.batch_bytes_max),
        },
    ];

    const EXPLANATION: &'static str = "
ROUTE is one of
  auto      direct or hub, whichever needs fewer messages within the budget; in clusters of more
            than 256 nodes always hub
  topology  only along the links of the topology
  tree      along a spanning tree of the topology of least height
  hub       to the hub, which batches and sends to all; a suspected hub is replaced
  direct    from the origin to all nodes (direct mail)
Whatever the route, neighbours in the topology compare what they hold and repair it.

The latency budget is what a value may take from its acknowledgement to the last node while the
network works: the node measures the round trip and spends the rest on batching. No bound holds
while messages are lost, reordered or partitioned; what is lost is repaired when it is noticed.
A budget that the network cannot meet is logged once, and the fastest route is used.
";

    fn check(&self) -> Result<(), String> {
        for (name, min, max) in [
            ("--sync-interval", self.sync_interval, self.sync_interval_max),
            ("--probe-min", self.probe_min, self.probe_max),
        ] {
            if min > max {
                let (min, max) = (show_time(min), show_time(max));
                return Err(format!("{name} of {min} is above its maximum of {max}"));
            }
        }
        Ok(())
    }
}

/// Times as whole microseconds: all that the node ever counts in.
mod micros {
    use std::time::Duration;

    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    pub(super) fn count(time: Duration) -> u64 {
        u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
    }

    pub(super) fn serialize<S: Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
        count(*time).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        u64::deserialize(from).map(Duration::from_micros)
    }
}

/// The same for a time that there need not be.
mod optional_micros {
    use std::time::Duration;

    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    pub(super) fn serialize<S: Serializer>(
        time: &Option<Duration>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        time.map(super::micros::count).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<u64>::deserialize(from)?.map(Duration::from_micros))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_in_microseconds_and_read_back() {
        for window in [None, Some(Duration::from_millis(70))] {
            let config =
                Config { window, ack_delay: Duration::from_micros(5), ..Config::default() };
            let text = serde_json::to_string(&config).unwrap();
            assert!(text.contains(r#""ack_delay_us":5,"#), "{text}");
            assert_eq!(serde_json::from_str::<Config>(&text).unwrap(), config);
        }
    }

    #[test]
    fn an_interval_above_its_maximum_is_refused() {
        let check = |probe_min, sync_interval| {
            Config { probe_min, sync_interval, ..Config::default() }.check()
        };
        let most = Config::default();
        assert_eq!(check(most.probe_max, most.sync_interval_max), Ok(()));
        let more = Duration::from_micros(1);
        assert!(check(most.probe_max + more, more).unwrap_err().contains("--probe-min"));
        assert!(
            check(more, most.sync_interval_max + more).unwrap_err().contains("--sync-interval")
        );
    }
}
