//! The table.

use super::figure::{Figure, Needs, POINTS, Worse};
use super::unit::Unit;
use crate::checker::missing::Missing;
use crate::checker::quantile::Quantiles;
use crate::results::{LabResults, MaelstromResults};

/// All figures, in the order in which they are listed: those of the parts, then the workloads' own.
pub static FIGURES: &[Figure] = &join::<{ POINTS.len() * DISTRIBUTIONS.len() + SCALARS.len() }>();

/// Distributions of times, each as its points in ms: prefix of their names and one that was given up,
/// label, requirement, place in the results, and how it is read from Maelstrom's part or the lab's.
macro_rules! distributions {
    ($($prefix:literal $(was $old:literal)?, $label:literal, $needs:ident, $path:literal,
       |$m:pat_param, $l:pat_param| $read:expr;)*) => {
        [$({
            const READ: fn(&MaelstromResults, &LabResults) -> Option<Quantiles<f64>> =
                |$m, $l| $read;
            distributions!(@ $prefix [$($old)?], $label, $needs, $path, [
                "min" min "/0", "median" p50 "/0.5", "p95" p95 "/0.95", "p99" p99 "/0.99",
                "max" max "/1"
            ])
        }),*]
    };
    (@ $prefix:literal $old:tt, $label:literal, $needs:ident, $path:literal,
     [$($point:literal $field:ident $key:literal),*]) => {
        [$(Figure {
            name: concat!($prefix, $point),
            aliases: distributions!(@was $old $point),
            label: $label,
            point: $point,
            unit: Unit::Time,
            worse: Worse::Higher,
            needs: Needs::$needs,
            path: concat!($path, $key),
            read: |results| Some(READ(&results.maelstrom, &results.rumormill)?.$field),
        }),*]
    };
    (@was [] $point:literal) => { &[] };
    (@was [$old:literal] $point:literal) => { &[concat!($old, $point)] };
}

const DISTRIBUTIONS: [[Figure; POINTS.len()]; 8] = distributions! {
    "", "stable latency", Nothing,
        "/workload/stable-latencies", |m, _| m.workload.set()?.stable_latencies.map(in_ms);
    "lost-latency-", "lost latency", Nothing,
        "/workload/lost-latencies", |m, _| m.workload.set()?.lost_latencies.map(in_ms);
    // From the acknowledgement until the last node holds a value.
    "convergence-", "delivery time at the last node", Deliveries,
        "/rumormill/convergence/message-flow/since-ack",
        |_, l| l.convergence.best()?.since_ack.map(with_never);
    // The delivery time among the nodes that were connected to the origin all the time.
    "component-" was "part-", "delivery time within the component", Disconnection,
        "/rumormill/components/since-ack",
        |_, l| Some(l.components.as_ref()?.since_ack.map_or(AT_ONCE, with_never));
    // From a heal until every node holds what was acknowledged before it.
    "heal-", "heal time", Disconnection, "/rumormill/components/since-heal",
        |_, l| Some(l.components.as_ref()?.since_heal.map_or(AT_ONCE, with_never));
    "client-latency-", "client latency", History,
        "/rumormill/client-latency/all", |_, l| l.client_latency.get("all").copied();
    "broadcast-latency-", "client latency of broadcast", History,
        "/rumormill/client-latency/broadcast", |_, l| l.client_latency.get("broadcast").copied();
    "read-latency-", "client latency of read", History,
        "/rumormill/client-latency/read", |_, l| l.client_latency.get("read").copied();
};

/// Times of a run in which nothing was owed.
const AT_ONCE: Quantiles<f64> = Quantiles { min: 0.0, p50: 0.0, p95: 0.0, p99: 0.0, max: 0.0 };

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
    let (first, then) = (DISTRIBUTIONS.as_flattened(), &SCALARS);
    let mut all = [SCALARS[0]; N];
    let mut at = 0;
    while at < N {
        all[at] = if at < first.len() { first[at] } else { then[at - first.len()] };
        at += 1;
    }
    all
}

/// Latencies of whole milliseconds as numbers.
fn in_ms(latencies: Quantiles<u64>) -> Quantiles<f64> {
    latencies.map(|ms| ms as f64)
}

/// Times of which some never came, as numbers: those are infinite.
fn with_never(times: Quantiles<Option<f64>>) -> Quantiles<f64> {
    times.map(|ms| ms.unwrap_or(f64::INFINITY))
}
