//! The figures that a limit can be about: names, units, and where they stand in the results.

use std::fmt;

use crate::checker::missing::Missing;
use crate::checker::quantile::Quantiles;
use crate::results::Results;

/// What a figure is measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Milliseconds.
    Time,
    /// Bytes.
    Bytes,
    /// A number.
    Number,
}

impl Unit {
    /// Suffixes and what they multiply by. Longer ones come before those they end with.
    const fn suffixes(self) -> &'static [(&'static str, f64)] {
        match self {
            Self::Time => &[("ms", 1.0), ("us", 0.001), ("µs", 0.001), ("s", 1_000.0)],
            Self::Bytes => &[("kB", 1e3), ("MB", 1e6), ("GB", 1e9), ("B", 1.0)],
            Self::Number => &[("%", 0.01)],
        }
    }

    /// Reads a bound; one without a suffix is in ms or bytes.
    pub(super) fn parse(self, text: &str) -> Option<f64> {
        let (digits, factor) = self
            .suffixes()
            .iter()
            .find_map(|(suffix, factor)| Some((text.strip_suffix(suffix)?.trim_end(), *factor)))
            .unwrap_or((text, 1.0));
        let starts_well = digits.starts_with(|char: char| char.is_ascii_digit() || char == '.');
        digits.parse::<f64>().ok().filter(|_| starts_well).map(|number| number * factor)
    }

    /// What a bound looks like, for errors.
    pub(super) const fn expected(self) -> &'static str {
        match self {
            Self::Time => "a time like 400ms or 1.5s",
            Self::Bytes => "a number of bytes like 500 or 2kB",
            Self::Number => "a number",
        }
    }

    /// A value for people.
    #[must_use]
    pub fn show(self, value: f64) -> String {
        if value.is_infinite() {
            return "never".to_owned();
        }
        let number = shortest(value);
        match self {
            Self::Time => format!("{number} ms"),
            Self::Bytes => format!("{number} B"),
            Self::Number => number,
        }
    }
}

/// At most four decimals, no trailing zeros.
fn shortest(value: f64) -> String {
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A point of a distribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// 50 %
    Median,
    /// 95 %
    P95,
    /// 99 %
    P99,
    /// All
    Max,
}

const POINTS: [(&str, Point); 5] = [
    ("median", Point::Median),
    ("p50", Point::Median),
    ("p95", Point::P95),
    ("p99", Point::P99),
    ("max", Point::Max),
];

impl Point {
    fn of<T: Copy>(self, quantiles: Quantiles<T>) -> T {
        match self {
            Self::Median => quantiles.p50,
            Self::P95 => quantiles.p95,
            Self::P99 => quantiles.p99,
            Self::Max => quantiles.max,
        }
    }
}

/// A distribution that has points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Maelstrom's stable latency.
    Stable,
    /// From acknowledgement to the last node.
    Convergence,
    /// From acknowledgement to the last node of the connected part.
    Part,
    /// From a heal until everybody had everything.
    Heal,
    /// Clients' waits, by the name they have in the results.
    Client(&'static str),
}

const FAMILIES: [(&str, Family); 7] = [
    ("", Family::Stable),
    ("convergence-", Family::Convergence),
    ("part-", Family::Part),
    ("heal-", Family::Heal),
    ("client-latency-", Family::Client("all")),
    ("broadcast-latency-", Family::Client("broadcast")),
    ("read-latency-", Family::Client("read")),
];

impl Family {
    fn read(self, results: &Results, point: Point) -> Option<f64> {
        let lab = &results.rumormill;
        match self {
            Self::Stable => {
                results.maelstrom.workload.stable_latencies.map(|all| point.of(all) as f64)
            }
            // A value that never reached all nodes took forever.
            Self::Convergence => lab
                .convergence
                .best()
                .and_then(|spread| spread.since_ack)
                .map(|all| point.of(all).unwrap_or(f64::INFINITY)),
            // Where nobody was owed anything, nobody had to wait.
            Self::Part => lab.parts.as_ref().map(|parts| {
                parts.since_ack.map_or(0.0, |all| point.of(all).unwrap_or(f64::INFINITY))
            }),
            Self::Heal => lab.parts.as_ref().map(|parts| {
                parts.since_heal.map_or(0.0, |all| point.of(all).unwrap_or(f64::INFINITY))
            }),
            Self::Client(f) => lab.client_latency.get(f).map(|all| point.of(*all)),
        }
    }
}

/// Another name of `availability`.
const OK_FRACTION: &str = "ok-fraction";

/// The figure that needs a look into the nodes.
const WRONG_SILENCE: &str = "wrong-silence";

/// The figure that only Maelstrom's log has.
const BAD_LINES: &str = "bad-lines";

type Reader = fn(&Results) -> Option<f64>;

/// Figures that are one number.
const SCALARS: [(&str, Unit, Reader); 22] = [
    ("msgs-per-op", Unit::Number, |r| r.maelstrom.net.servers.msgs_per_op.map(f64::from)),
    ("msgs-per-op-all", Unit::Number, |r| r.maelstrom.net.all.msgs_per_op.map(f64::from)),
    ("msgs-per-broadcast", Unit::Number, |r| r.rumormill.traffic.msgs_per_broadcast),
    ("bytes-per-op", Unit::Bytes, |r| r.rumormill.traffic.bytes_per_op),
    ("bytes-per-broadcast", Unit::Bytes, |r| r.rumormill.traffic.bytes_per_broadcast),
    ("server-bytes", Unit::Bytes, |r| r.rumormill.traffic.server_bytes.map(|bytes| bytes as f64)),
    ("evidence-share", Unit::Number, |r| r.rumormill.traffic.evidence_share),
    ("lost", Unit::Number, |r| Some(r.maelstrom.workload.lost_count as f64)),
    ("stale", Unit::Number, |r| Some(r.maelstrom.workload.stale_count as f64)),
    ("never-read", Unit::Number, |r| Some(r.maelstrom.workload.never_read_count as f64)),
    ("missing", Unit::Number, |r| final_reads(r)?.known_missing().map(|count| count as f64)),
    ("unread-nodes", Unit::Number, |r| final_reads(r).map(|missing| missing.unread.len() as f64)),
    ("availability", Unit::Number, |r| Some(r.rumormill.ok_fraction)),
    ("duplicates", Unit::Number, |r| Some(r.rumormill.reads.duplicate_count as f64)),
    ("duplicate-entries", Unit::Number, |r| r.rumormill.traffic.repeated_share()),
    (BAD_LINES, Unit::Number, |r| r.rumormill.bad_line_count.map(|count| count as f64)),
    ("phantoms", Unit::Number, |r| Some(r.rumormill.reads.phantom_count as f64)),
    ("unconverged", Unit::Number, |r| {
        r.rumormill.convergence.best().map(|spread| spread.incomplete_count as f64)
    }),
    ("rest-msgs", Unit::Number, |r| r.rumormill.recovery.and_then(|recovery| recovery.rest_msgs)),
    (WRONG_SILENCE, Unit::Time, |r| {
        r.rumormill.wrong_silences.as_ref().map(|silences| silences.longest_ms)
    }),
    ("lateness-p99", Unit::Time, |r| r.rumormill.lateness.map(|late| late.p99_ms)),
    ("lateness-max", Unit::Time, |r| r.rumormill.lateness.map(|late| late.max_ms)),
];

/// What the nodes lacked at the end, if it is known which node answered which read.
fn final_reads(results: &Results) -> Option<&Missing> {
    Some(&results.rumormill.missing).filter(|missing| !missing.nodes.is_empty())
}

/// A figure that a limit can be about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Figure {
    /// A point of a distribution.
    Point(Family, Point),
    /// One number, by its place in the table.
    Scalar(usize),
}

impl Figure {
    /// Finds a figure by any of its names.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let name = if name == OK_FRACTION { "availability" } else { name };
        if let Some(at) = SCALARS.iter().position(|(scalar, ..)| *scalar == name) {
            return Some(Self::Scalar(at));
        }
        FAMILIES.iter().find_map(|(prefix, family)| {
            let rest = name.strip_prefix(prefix)?;
            let (_, point) = POINTS.iter().find(|(suffix, _)| *suffix == rest)?;
            Some(Self::Point(*family, *point))
        })
    }

    /// What it is measured in.
    #[must_use]
    pub fn unit(self) -> Unit {
        match self {
            Self::Point(..) => Unit::Time,
            Self::Scalar(at) => SCALARS[at].1,
        }
    }

    /// True if only `lab sim` can tell it.
    #[must_use]
    pub fn is_simulated_only(self) -> bool {
        matches!(self, Self::Scalar(at) if SCALARS[at].0 == WRONG_SILENCE)
    }

    /// True if a lab that is late makes it longer.
    #[must_use]
    pub const fn is_measured_time(self) -> bool {
        matches!(self, Self::Point(..))
    }

    /// True if Maelstrom's results do not have it, but its log may.
    #[must_use]
    pub fn is_in_log(self) -> bool {
        matches!(self, Self::Scalar(at) if SCALARS[at].0 == BAD_LINES)
    }

    /// Its value in a run, if the run has it; infinite times are possible.
    #[must_use]
    pub fn read(self, results: &Results) -> Option<f64> {
        match self {
            Self::Point(family, point) => family.read(results, point),
            Self::Scalar(at) => SCALARS[at].2(results),
        }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scalar(at) => f.write_str(SCALARS[*at].0),
            Self::Point(family, point) => {
                let prefix = FAMILIES.iter().find(|(_, one)| one == family).map(|(name, _)| *name);
                let suffix = POINTS.iter().find(|(_, one)| one == point).map(|(name, _)| *name);
                write!(f, "{}{}", prefix.unwrap_or_default(), suffix.unwrap_or_default())
            }
        }
    }
}

/// All names that a limit may begin with.
#[must_use]
pub fn names() -> Vec<String> {
    let points = FAMILIES
        .iter()
        .flat_map(|(prefix, _)| POINTS.iter().map(move |(suffix, _)| format!("{prefix}{suffix}")));
    let scalars = SCALARS.iter().map(|(name, ..)| (*name).to_owned());
    scalars.chain([OK_FRACTION.to_owned()]).chain(points).collect()
}
