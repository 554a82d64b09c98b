//! The table.

use super::figure::{Figure, Needs, POINTS, Worse};
use super::unit::Unit;
use crate::checker::missing::Missing;
use crate::checker::quantile::Quantiles;
use crate::results::{LabResults, MaelstromResults, Results};

/// All figures, in the order in which they are listed: those of the parts, then the workloads' own.
pub static FIGURES: &[Figure] = &join::<{ (PARTS.len() - 1) * POINTS.len() + SCALARS.len() }>();

const PARTS: [&[Figure]; 9] =
    [&STABLE, &LOST, &DELIVERY, &COMPONENT, &HEAL, &CLIENT, &BROADCAST, &READ, &SCALARS];

/// The points of a distribution, in ms: prefix of their names and one that was given up, label,
/// requirement, place in the results, and how it is read from them.
macro_rules! distribution {
    ($prefix:literal $(was $old:literal)?, $label:literal, $needs:ident, $path:literal,
     $read:expr) => {
        [
            distribution!(@ $prefix $(was $old)?, "min" min "/0", $label, $needs, $path, $read),
            distribution!(@ $prefix $(was $old)?, "median" p50 "/0.5", $label, $needs, $path, $read),
            distribution!(@ $prefix $(was $old)?, "p95" p95 "/0.95", $label, $needs, $path, $read),
            distribution!(@ $prefix $(was $old)?, "p99" p99 "/0.99", $label, $needs, $path, $read),
            distribution!(@ $prefix $(was $old)?, "max" max "/1", $label, $needs, $path, $read),
        ]
    };
    (@ $prefix:literal $(was $old:literal)?, $point:literal $field:ident $key:literal,
     $label:literal, $needs:ident, $path:literal, $read:expr) => {
        Figure {
            name: concat!($prefix, $point),
            aliases: &[$(concat!($old, $point))?],
            label: $label,
            point: $point,
            unit: Unit::Time,
            worse: Worse::Higher,
            needs: Needs::$needs,
            path: concat!($path, $key),
            read: |results| {
                let read: fn(&Results) -> Option<Quantiles<f64>> = $read;
                read(results).map(|all| all.$field)
            },
        }
    };
}

const STABLE: [Figure; 5] =
    distribution!("", "stable latency", Nothing, "/workload/stable-latencies", |r| r
        .maelstrom
        .workload
        .set()?
        .stable_latencies
        .map(|all| all.map(|ms| ms as f64)));

const LOST: [Figure; 5] =
    distribution!("lost-latency-", "lost latency", Nothing, "/workload/lost-latencies", |r| r
        .maelstrom
        .workload
        .set()?
        .lost_latencies
        .map(|all| all.map(|ms| ms as f64)));

/// From the acknowledgement until the last node holds a value.
const DELIVERY: [Figure; 5] = distribution!(
    "convergence-",
    "delivery time at the last node",
    Deliveries,
    "/rumormill/convergence/message-flow/since-ack",
    |r| r.rumormill.convergence.best()?.since_ack.map(with_never)
);

/// The delivery time among the nodes that were connected to the origin all the time.
const COMPONENT: [Figure; 5] = distribution!(
    "component-" was "part-", "delivery time within the component", Disconnection,
    "/rumormill/components/since-ack",
    |r| Some(r.rumormill.components.as_ref()?.since_ack.map_or(AT_ONCE, with_never))
);

/// From a heal until every node holds what was acknowledged before it.
const HEAL: [Figure; 5] =
    distribution!("heal-", "heal time", Disconnection, "/rumormill/components/since-heal", |r| {
        Some(r.rumormill.components.as_ref()?.since_heal.map_or(AT_ONCE, with_never))
    });

/// Times of a run in which nothing was owed.
const AT_ONCE: Quantiles<f64> = Quantiles { min: 0.0, p50: 0.0, p95: 0.0, p99: 0.0, max: 0.0 };

const CLIENT: [Figure; 5] = distribution!(
    "client-latency-",
    "client latency",
    History,
    "/rumormill/client-latency/all",
    |r| r.rumormill.client_latency.get("all").copied()
);

const BROADCAST: [Figure; 5] = distribution!(
    "broadcast-latency-",
    "client latency of broadcast",
    History,
    "/rumormill/client-latency/broadcast",
    |r| r.rumormill.client_latency.get("broadcast").copied()
);

const READ: [Figure; 5] = distribution!(
    "read-latency-",
    "client latency of read",
    History,
    "/rumormill/client-latency/read",
    |r| r.rumormill.client_latency.get("read").copied()
);

/// Figures that are a single number: name and names that were given up, label, unit, requirement,
/// place in the results, and how it is read from Maelstrom's part or the lab's.
macro_rules! scalars {
    ($($name:literal $(was $old:literal)*, $label:literal, $unit:ident, $worse:ident, $needs:ident,
       $path:literal, |$m:pat_param, $l:pat_param| $read:expr;)*) => {
        [$(Figure {
            name: $name,
            aliases: &[$($old),*],
            label: $label,
            point: "",
            unit: Unit::$unit,
            worse: Worse::$worse,
            needs: Needs::$needs,
            path: $path,
            read: |results| {
                let read: fn(&MaelstromResults, &LabResults) -> Option<f64> = |$m, $l| $read;
                read(&results.maelstrom, &results.rumormill)
            },
        }),*]
    };
}

const SCALARS: [Figure; 28] = scalars! {
    "msgs-per-op", "messages per operation", Number, Higher, Nothing,
        "/net/servers/msgs-per-op", |m, _| m.net.servers.msgs_per_op.map(f64::from);
    "msgs-per-op-all", "messages per operation, clients' too", Number, Higher, Nothing,
        "/net/all/msgs-per-op", |m, _| m.net.all.msgs_per_op.map(f64::from);
    "msgs-per-broadcast", "messages per broadcast", Number, Higher, History,
        "/rumormill/traffic/msgs-per-broadcast", |_, l| l.traffic.msgs_per_broadcast;
    "bytes-per-op", "bytes per operation", Bytes, Higher, Lab,
        "/rumormill/traffic/bytes-per-op", |_, l| l.traffic.bytes_per_op;
    "bytes-per-broadcast", "bytes per broadcast", Bytes, Higher, Lab,
        "/rumormill/traffic/bytes-per-broadcast", |_, l| l.traffic.bytes_per_broadcast;
    "server-bytes", "bytes between nodes", Bytes, Higher, Lab,
        "/rumormill/traffic/server-bytes", |_, l| l.traffic.server_bytes.map(|bytes| bytes as f64);
    // Messages without a value for each message with one.
    "ack-share" was "evidence-share", "ack share", Share, Higher, Gossip,
        "/rumormill/traffic/ack-share", |_, l| l.traffic.ack_share;
    // Entries received by a node that held them, of all entries sent.
    "redundancy" was "duplicate-entries", "redundancy", Share, Higher, Values,
        "/rumormill/traffic/entries", |_, l| l.traffic.redundancy();
    "quiescent-msgs" was "rest-msgs", "quiescent messages per node in 10 s", Number, Higher, Lab,
        "/rumormill/recovery/quiescent-msgs", |_, l| l.recovery?.quiescent_msgs;
    "lost", "lost values", Number, Higher, Nothing,
        "/workload/lost-count", |m, _| Some(m.workload.set()?.lost_count as f64);
    "stale", "stale values", Number, Higher, Nothing,
        "/workload/stale-count", |m, _| Some(m.workload.set()?.stale_count as f64);
    "never-read", "values never read", Number, Higher, Nothing,
        "/workload/never-read-count", |m, _| Some(m.workload.set()?.never_read_count as f64);
    "missing", "missing at the end", Number, Higher, FinalReads,
        "/rumormill/missing/missing-count", |_, l| Some(final_reads(l)?.known_missing()? as f64);
    "unread-nodes", "nodes without a final read", Number, Higher, FinalReads,
        "/rumormill/missing/unread", |_, l| Some(final_reads(l)?.unread.len() as f64);
    "lost-with-holders", "lost with their holders", Number, Higher, FinalReads,
        "/rumormill/missing/lost-with-holders-count",
        |_, l| Some(final_reads(l)?.lost_with_holders_count as f64);
    "unconverged", "values not on every node", Number, Higher, Deliveries,
        "/rumormill/convergence/message-flow/incomplete-count",
        |_, l| Some(l.convergence.best()?.incomplete_count as f64);
    "wrong-nodes", "nodes with a wrong sum at the end", Number, Higher, FinalReads,
        "/rumormill/counter/wrong-count", |_, l| Some(l.counter.as_ref()?.wrong_count as f64);
    "off-by", "greatest error of a sum at the end", Number, Higher, FinalReads,
        "/rumormill/counter/worst-off-by", |_, l| Some(l.counter.as_ref()?.worst_off_by as f64);
    "duplicates", "duplicates in reads", Number, Higher, History,
        "/rumormill/reads/duplicate-count", |_, l| Some(l.reads.duplicate_count as f64);
    "phantoms", "values in reads never broadcast", Number, Higher, History,
        "/rumormill/reads/phantom-count", |_, l| Some(l.reads.phantom_count as f64);
    // Lines for which Maelstrom would ignore a node's output from then on.
    "bad-lines", "lines that Maelstrom would refuse", Number, Higher, MaelstromLog,
        "/rumormill/bad-line-count", |_, l| Some(l.bad_line_count? as f64);
    "availability" was "ok-fraction", "availability", Share, Lower, Nothing,
        "/rumormill/ok-fraction", |_, l| Some(l.ok_fraction);
    "indeterminate", "indeterminate at a crash", Number, Higher, Lab,
        "/rumormill/indeterminate-count", |_, l| Some(l.indeterminate_count as f64);
    "false-suspicion" was "wrong-silence", "longest false suspicion", Time, Higher, Simulation,
        "/rumormill/false-suspicions/longest-ms",
        |_, l| Some(l.false_suspicions.as_ref()?.longest_ms);
    "scheduling-delay-p99" was "lateness-p99", "scheduling delay of the lab, p99", Time, Higher, Lab,
        "/rumormill/scheduling-delay/p99-ms", |_, l| Some(l.scheduling_delay?.p99_ms);
    "scheduling-delay-max" was "lateness-max", "scheduling delay of the lab, max", Time, Higher, Lab,
        "/rumormill/scheduling-delay/max-ms", |_, l| Some(l.scheduling_delay?.max_ms);
    "echo-errors", "echoes that are wrong or missing", Number, Higher, Nothing,
        "/workload/errors", |m, l| m.workload.count("errors").filter(|_| l.workload == "echo");
    "duplicated-ids", "ids given out more than once", Number, Higher, Nothing,
        "/workload/duplicated-count",
        |m, l| m.workload.count("duplicated-count").filter(|_| l.workload == "unique-ids");
};

/// Missing values at the end; none if it is not known which node answered which read.
fn final_reads(lab: &LabResults) -> Option<&Missing> {
    Some(&lab.missing).filter(|missing| !missing.nodes.is_empty())
}

const fn join<const N: usize>() -> [Figure; N] {
    let mut all = [PARTS[0][0]; N];
    let (mut next, mut part) = (0, 0);
    while part < PARTS.len() {
        let mut at = 0;
        while at < PARTS[part].len() {
            all[next] = PARTS[part][at];
            (at, next) = (at + 1, next + 1);
        }
        part += 1;
    }
    all
}

/// Times of which some never came, as numbers: those are infinite.
fn with_never(times: Quantiles<Option<f64>>) -> Quantiles<f64> {
    times.map(|ms| ms.unwrap_or(f64::INFINITY))
}
