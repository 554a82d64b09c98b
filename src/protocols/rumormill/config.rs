//! The settings of the protocol, each with the reason for its default.

use std::time::Duration;

#[cfg(feature = "mutations")]
use super::mutation::Mutation;
use super::route::Route;
use crate::config::show_time;

crate::settings! {
    /// A node's settings. All nodes of a cluster are expected to run with the same ones.
    pub struct Config {
        /// The rule for disseminating a new entry.
        route: Route as Choice = Route::Auto,
            "--route", "to which peers a new entry goes at once (see below)";
        /// Time from the submission of a value to its delivery at the last node, while nothing fails.
        /// The part that the network's delays leave is spent on batching, so that fewer messages are
        /// sent. Default 300 ms: still immediate to a person, and a ninth of the messages of direct
        /// mail at 100 ms per hop.
        latency_budget: Duration as Delay = Duration::from_millis(300),
            "--latency-budget", "time for an entry to reach the last node (see below)";
        /// Longest wait of a new entry for others to share its message, in place of what the budget
        /// leaves.
        window: Option<Duration> as OptionalDelay = None,
            "--window", "batching window of a new entry, instead of the budget";
        /// Round-trip time to assume before the first measurement. Default 200 ms: a slow wide-area
        /// network. Too high, and the first values travel faster than they need to.
        rtt_initial: Duration as Delay = Duration::from_millis(200),
            "--rtt-initial", "round trip to assume until it is measured";
        /// Max ack delay: an ack waits this long for a batch that goes to that peer anyway. Default 1 s:
        /// at two values per second and node (Maelstrom's `--rate 100` with 25 nodes) most acks then cost
        /// no message. A lost message is noticed sooner, by the gap in the numbers.
        ack_delay: Duration as Delay = Duration::from_secs(1),
            "--ack-delay", "how long an ack waits for entries to go along with";
        /// Shortest time between two digests. Default 2 s: ten round trips of a slow network, so
        /// digests follow what happened and never race it.
        sync_interval: Duration as Interval = Duration::from_secs(2),
            "--sync-interval", "shortest time between two digests";
        /// Longest time between two digests, when all agree. Default 30 s: at rest a node then sends
        /// less than one message in 10 s, and a node that lost its memory is found within a minute.
        sync_interval_max: Duration as Interval = Duration::from_secs(30),
            "--sync-interval-max", "longest time between two digests, when all agree";
        /// Retransmission timeout before the first round-trip measurement. Default 300 ms: half as much
        /// again as the round trip assumed. RFC 6298 has 1 s, for networks where a needless repeat does
        /// harm; here it costs a few messages once, and a partition may be there from the start.
        retry_initial: Duration as Interval = Duration::from_millis(300),
            "--retry-initial", "wait for an ack before the round trip is known";
        /// Shortest time between two probes of a peer that does not answer. Default 100 ms.
        probe_min: Duration as Interval = Duration::from_millis(100),
            "--probe-min", "shortest time between two probes of a suspected peer";
        /// Longest time between two probes. Default 10 s: below that, the interval is a fixed part of
        /// the time that the peer has been suspected, so that the number of probes grows with its logarithm.
        probe_max: Duration as Interval = Duration::from_secs(10),
            "--probe-max", "longest time between two probes of a suspected peer";
        /// Most entries in one message. Default 5,000: some 50 kB of integers, a few hundred
        /// microseconds to parse, so a peer that catches up is not blocked by a single line.
        batch_entries_max: usize as Count = 5_000,
            "--batch-entries-max", "most values in one message";
        /// Most bytes of values in one message, unless a single value is larger. Default 1 MiB.
        batch_bytes_max: usize as Count = 1 << 20,
            "--batch-bytes-max", "most bytes of values in one message (if several)";
    }
    bug["mutations"] mutation: Mutation;
    check intervals
    "
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
"
}

/// Intervals are not above their maxima.
fn intervals(config: &Config) -> Result<(), String> {
    for (name, min, max) in [
        ("--sync-interval", config.sync_interval, config.sync_interval_max),
        ("--probe-min", config.probe_min, config.probe_max),
    ] {
        if min > max {
            let (min, max) = (show_time(min), show_time(max));
            return Err(format!("{name} of {min} is above its maximum of {max}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings as _;

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
