//! The table.

use super::{Figure, Needs, Unit, Worse, with_never};
use crate::checker::missing::Missing;
use crate::checker::quantile::Quantiles;
use crate::results::Results;

/// All figures, in the order in which they are listed.
pub static FIGURES: &[Figure] = &join::<{ count(&PARTS) }>(&PARTS);

const PARTS: [&[Figure]; 12] = [
    &STABLE,
    &LOST_LATENCY,
    &DELIVERY,
    &COMPONENT,
    &HEAL,
    &CLIENT,
    &BROADCAST,
    &READ,
    &MESSAGES,
    &VALUES,
    &OPERATIONS,
    &MACHINE,
];

/// The five points of a distribution, in ms. Names are a prefix and the point; `$old` are prefixes
/// that were given up.
macro_rules! distribution {
    ($prefix:literal $(, was $old:literal)?; $label:literal, $needs:expr, [$($key:literal),+],
     $read:expr) => {
        [
            distribution!(@ $prefix $(, $old)?, "min", [], $label, $needs, [$($key),+, "0"],
                          |results| $read(results).map(|all: Quantiles<f64>| all.min)),
            distribution!(@ $prefix $(, $old)?, "median", ["p50"], $label, $needs,
                          [$($key),+, "0.5"], |results| $read(results).map(|all| all.p50)),
            distribution!(@ $prefix $(, $old)?, "p95", [], $label, $needs, [$($key),+, "0.95"],
                          |results| $read(results).map(|all| all.p95)),
            distribution!(@ $prefix $(, $old)?, "p99", [], $label, $needs, [$($key),+, "0.99"],
                          |results| $read(results).map(|all| all.p99)),
            distribution!(@ $prefix $(, $old)?, "max", [], $label, $needs, [$($key),+, "1"],
                          |results| $read(results).map(|all| all.max)),
        ]
    };
    (@ $prefix:literal, $old:literal, $point:literal, [$($same:literal)?], $label:literal,
     $needs:expr, [$($key:literal),+], $read:expr) => {
        distribution!(@@ $prefix, $point, [$(concat!($prefix, $same), concat!($old, $same),)?
                      concat!($old, $point)], $label, $needs, [$($key),+], $read)
    };
    (@ $prefix:literal, $point:literal, [$($same:literal)?], $label:literal, $needs:expr,
     [$($key:literal),+], $read:expr) => {
        distribution!(@@ $prefix, $point, [$(concat!($prefix, $same))?], $label, $needs,
                      [$($key),+], $read)
    };
    (@@ $prefix:literal, $point:literal, [$($alias:expr),*], $label:literal, $needs:expr,
     [$($key:literal),+], $read:expr) => {
        Figure {
            name: concat!($prefix, $point),
            aliases: &[$($alias),*],
            label: $label,
            point: $point,
            unit: Unit::Time,
            worse: Worse::Higher,
            needs: $needs,
            path: &[$($key),+],
            read: $read,
        }
    };
}

const STABLE: [Figure; 5] = distribution!(
    "";
    "stable latency", Needs::Nothing, ["workload", "stable-latencies"],
    |r: &Results| r.maelstrom.workload.stable_latencies.map(|all| all.map(|ms| ms as f64))
);

const LOST_LATENCY: [Figure; 5] = distribution!(
    "lost-latency-";
    "lost latency", Needs::Nothing, ["workload", "lost-latencies"],
    |r: &Results| r.maelstrom.workload.lost_latencies.map(|all| all.map(|ms| ms as f64))
);

/// From the acknowledgement until the last node holds a value.
const DELIVERY: [Figure; 5] = distribution!(
    "convergence-";
    "delivery time at the last node", Needs::Deliveries,
    ["rumormill", "convergence", "message-flow", "since-ack"],
    |r: &Results| r.rumormill.convergence.best()?.since_ack.map(with_never)
);

/// The same among the nodes that were connected to the origin all the time.
const COMPONENT: [Figure; 5] = distribution!(
    "component-", was "part-";
    "delivery time within the component", Needs::Disconnection,
    ["rumormill", "components", "since-ack"],
    |r: &Results| Some(r.rumormill.components.as_ref()?.since_ack.map_or(AT_ONCE, with_never))
);

/// From a heal until every node holds what was acknowledged before it.
const HEAL: [Figure; 5] = distribution!(
    "heal-";
    "heal time", Needs::Disconnection, ["rumormill", "components", "since-heal"],
    |r: &Results| Some(r.rumormill.components.as_ref()?.since_heal.map_or(AT_ONCE, with_never))
);

/// Times of a run in which nothing was owed.
const AT_ONCE: Quantiles<f64> = Quantiles { min: 0.0, p50: 0.0, p95: 0.0, p99: 0.0, max: 0.0 };

const CLIENT: [Figure; 5] = distribution!(
    "client-latency-";
    "client latency", Needs::History, ["rumormill", "client-latency", "all"],
    |r: &Results| r.rumormill.client_latency.get("all").copied()
);

const BROADCAST: [Figure; 5] = distribution!(
    "broadcast-latency-";
    "client latency of broadcast", Needs::History, ["rumormill", "client-latency", "broadcast"],
    |r: &Results| r.rumormill.client_latency.get("broadcast").copied()
);

const READ: [Figure; 5] = distribution!(
    "read-latency-";
    "client latency of read", Needs::History, ["rumormill", "client-latency", "read"],
    |r: &Results| r.rumormill.client_latency.get("read").copied()
);

const MESSAGES: [Figure; 9] = [
    Figure::new(
        ("msgs-per-op", "messages per operation"),
        Unit::Number,
        Needs::Nothing,
        &["net", "servers", "msgs-per-op"],
        |r| r.maelstrom.net.servers.msgs_per_op.map(f64::from),
    ),
    Figure::new(
        ("msgs-per-op-all", "messages per operation, clients' too"),
        Unit::Number,
        Needs::Nothing,
        &["net", "all", "msgs-per-op"],
        |r| r.maelstrom.net.all.msgs_per_op.map(f64::from),
    ),
    Figure::new(
        ("msgs-per-broadcast", "messages per broadcast"),
        Unit::Number,
        Needs::History,
        &["rumormill", "traffic", "msgs-per-broadcast"],
        |r| r.rumormill.traffic.msgs_per_broadcast,
    ),
    Figure::new(
        ("bytes-per-op", "bytes per operation"),
        Unit::Bytes,
        Needs::Lab,
        &["rumormill", "traffic", "bytes-per-op"],
        |r| r.rumormill.traffic.bytes_per_op,
    ),
    Figure::new(
        ("bytes-per-broadcast", "bytes per broadcast"),
        Unit::Bytes,
        Needs::Lab,
        &["rumormill", "traffic", "bytes-per-broadcast"],
        |r| r.rumormill.traffic.bytes_per_broadcast,
    ),
    Figure::new(
        ("server-bytes", "bytes between nodes"),
        Unit::Bytes,
        Needs::Lab,
        &["rumormill", "traffic", "server-bytes"],
        |r| r.rumormill.traffic.server_bytes.map(|bytes| bytes as f64),
    ),
    // Messages without a value for each message with one.
    Figure::new(
        ("ack-share", "ack share"),
        Unit::Share,
        Needs::Gossip,
        &["rumormill", "traffic", "ack-share"],
        |r| r.rumormill.traffic.ack_share,
    )
    .also(&["evidence-share"]),
    // Entries received by a node that held them, of all entries sent.
    Figure::new(
        ("redundancy", "redundancy"),
        Unit::Share,
        Needs::Gossip,
        &["rumormill", "traffic", "entries"],
        |r| r.rumormill.traffic.redundancy(),
    )
    .also(&["duplicate-entries"]),
    Figure::new(
        ("quiescent-msgs", "quiescent messages per node in 10 s"),
        Unit::Number,
        Needs::Lab,
        &["rumormill", "recovery", "quiescent-msgs"],
        |r| r.rumormill.recovery.and_then(|recovery| recovery.quiescent_msgs),
    )
    .also(&["rest-msgs"]),
];

const VALUES: [Figure; 9] = [
    Figure::new(
        ("lost", "lost values"),
        Unit::Number,
        Needs::Nothing,
        &["workload", "lost-count"],
        |r| Some(r.maelstrom.workload.lost_count as f64),
    ),
    Figure::new(
        ("stale", "stale values"),
        Unit::Number,
        Needs::Nothing,
        &["workload", "stale-count"],
        |r| Some(r.maelstrom.workload.stale_count as f64),
    ),
    Figure::new(
        ("never-read", "values never read"),
        Unit::Number,
        Needs::Nothing,
        &["workload", "never-read-count"],
        |r| Some(r.maelstrom.workload.never_read_count as f64),
    ),
    Figure::new(
        ("missing", "missing at the end"),
        Unit::Number,
        Needs::FinalReads,
        &["rumormill", "missing", "missing-count"],
        |r| final_reads(r).map(|missing| missing.missing_count as f64),
    ),
    Figure::new(
        ("unread-nodes", "nodes without a final read"),
        Unit::Number,
        Needs::FinalReads,
        &["rumormill", "missing", "unread"],
        |r| final_reads(r).map(|missing| missing.unread.len() as f64),
    ),
    Figure::new(
        ("lost-with-holders", "lost with their holders"),
        Unit::Number,
        Needs::FinalReads,
        &["rumormill", "missing", "lost-with-holders-count"],
        |r| final_reads(r).map(|missing| missing.lost_with_holders_count as f64),
    ),
    Figure::new(
        ("unconverged", "values not on every node"),
        Unit::Number,
        Needs::Deliveries,
        &["rumormill", "convergence", "message-flow", "incomplete-count"],
        |r| r.rumormill.convergence.best().map(|spread| spread.incomplete_count as f64),
    ),
    Figure::new(
        ("duplicates", "duplicates in reads"),
        Unit::Number,
        Needs::History,
        &["rumormill", "reads", "duplicate-count"],
        |r| Some(r.rumormill.reads.duplicate_count as f64),
    ),
    Figure::new(
        ("phantoms", "values in reads never broadcast"),
        Unit::Number,
        Needs::History,
        &["rumormill", "reads", "phantom-count"],
        |r| Some(r.rumormill.reads.phantom_count as f64),
    ),
];

const OPERATIONS: [Figure; 2] = [
    Figure {
        worse: Worse::Lower,
        ..Figure::new(
            ("availability", "availability"),
            Unit::Share,
            Needs::Nothing,
            &["rumormill", "ok-fraction"],
            |r| Some(r.rumormill.ok_fraction),
        )
        .also(&["ok-fraction"])
    },
    Figure::new(
        ("indeterminate", "indeterminate at a crash"),
        Unit::Number,
        Needs::Lab,
        &["rumormill", "indeterminate-count"],
        |r| Some(r.rumormill.indeterminate_count as f64),
    ),
];

const MACHINE: [Figure; 3] = [
    Figure::new(
        ("false-suspicion", "longest false suspicion"),
        Unit::Time,
        Needs::Simulation,
        &["rumormill", "false-suspicions", "longest-ms"],
        |r| r.rumormill.false_suspicions.as_ref().map(|suspicions| suspicions.longest_ms),
    )
    .also(&["wrong-silence"]),
    Figure::new(
        ("scheduling-delay-p99", "scheduling delay of the lab, p99"),
        Unit::Time,
        Needs::Lab,
        &["rumormill", "scheduling-delay", "p99-ms"],
        |r| r.rumormill.scheduling_delay.map(|delay| delay.p99_ms),
    )
    .also(&["lateness-p99"]),
    Figure::new(
        ("scheduling-delay-max", "scheduling delay of the lab, max"),
        Unit::Time,
        Needs::Lab,
        &["rumormill", "scheduling-delay", "max-ms"],
        |r| r.rumormill.scheduling_delay.map(|delay| delay.max_ms),
    )
    .also(&["lateness-max"]),
];

/// Missing values at the end; none if it is not known which node answered which read.
fn final_reads(results: &Results) -> Option<&Missing> {
    Some(&results.rumormill.missing).filter(|missing| !missing.nodes.is_empty())
}

const fn count(parts: &[&[Figure]]) -> usize {
    let (mut sum, mut at) = (0, 0);
    while at < parts.len() {
        sum += parts[at].len();
        at += 1;
    }
    sum
}

/// The parts as one array: constants cannot be collected.
const fn join<const N: usize>(parts: &[&[Figure]]) -> [Figure; N] {
    let mut all = [parts[0][0]; N];
    let (mut part, mut at, mut next) = (0, 0, 0);
    while part < parts.len() {
        if at == parts[part].len() {
            (part, at) = (part + 1, 0);
        } else {
            all[next] = parts[part][at];
            (at, next) = (at + 1, next + 1);
        }
    }
    all
}
