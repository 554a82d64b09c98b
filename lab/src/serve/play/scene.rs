//! A scene: what is played, read from the query of an address and held to its bounds.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use rumormill::config::{parse_time, show_time};
use rumormill_judge::format::text::shell_word;
use rumormill_judge::topology::{self, Topology};
use rumormill_sim::network::latency::{Distribution, Latency};

use crate::spread::cycles::{Order, World};
use crate::spread::subject::{Conditions, Subject, is_flag};
use crate::spread::surroundings::{Partition, Surroundings};

/// Nodes: more are too small to see, and their messages too many.
const NODES: RangeInclusive<u32> = 2..=400;
const FANOUT: RangeInclusive<u32> = 1..=50;
const LATENCY_MS: RangeInclusive<u64> = 1..=10_000;
const LOSS: RangeInclusive<f64> = 0.0..=0.95;
const MAX_TIME: Duration = Duration::from_secs(600);
const MAX_CRASHES: usize = 8;
/// Bytes of the flags of a protocol.
const MAX_FLAGS: usize = 200;
/// The greatest number of a protocol's flag.
const MAX_NUMBER: u64 = 1_000;

/// The settings of a page.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    /// Command lines of one protocol or two.
    pub protocols: Vec<String>,
    /// Number of nodes.
    pub nodes: u32,
    /// The neighbours that nodes are told.
    pub topology: Topology,
    /// Probability that a message is lost.
    pub loss: f64,
    /// Latency, crashes, partition.
    pub surroundings: Surroundings,
    /// Flags for each protocol that has them.
    flags: Vec<(String, String)>,
    /// Seed of everything.
    pub seed: u64,
}

/// The names of settings in a query.
const NAMES: [&str; 15] = [
    "protocol",
    "flags",
    "versus",
    "versus-flags",
    "nodes",
    "topology",
    "fanout",
    "interval",
    "latency",
    "spread",
    "loss",
    "crash",
    "partition",
    "seed",
    "pin",
];

impl Scene {
    /// Reads the settings. Those that are not there, or empty, have their defaults.
    ///
    /// # Errors
    /// The setting, what was expected, and what came.
    pub(crate) fn parse(query: &[(String, String)]) -> Result<Self, String> {
        if let Some((name, _)) = query.iter().find(|(name, _)| !NAMES.contains(&&**name)) {
            return Err(format!("no setting {name:?}: one of {}", NAMES.join(", ")));
        }
        let all = |name: &'static str| {
            let values = query.iter().filter(move |(key, value)| key == name && !value.is_empty());
            values.map(|(_, value)| &**value)
        };
        let get = |name| all(name).next();
        let nodes = number("nodes", get("nodes"), 64, &NODES)?;
        let topology = read("topology", get("topology"))?.unwrap_or_default();
        check_topology(topology)?;
        let mut flags = Vec::new();
        if let Some(fanout) = get("fanout") {
            let fanout = number("fanout", Some(fanout), 1, &FANOUT)?;
            flags.push(("--fanout".to_owned(), fanout.to_string()));
        }
        if let Some(interval) = get("interval") {
            let interval = time("interval", interval)?;
            if interval.is_zero() {
                return Err("interval: expected a time above 0".to_owned());
            }
            flags.push(("--period".to_owned(), show_time(interval)));
        }
        let surroundings = Surroundings {
            latency: Latency {
                mean_ms: number("latency", get("latency"), 20, &LATENCY_MS)?,
                distribution: read::<Distribution>("spread", get("spread"))?.unwrap_or_default(),
            },
            partition: read::<Partition>("partition", get("partition"))?,
            crashes: all("crash").map(|text| parse("crash", text)).collect::<Result<_, _>>()?,
        };
        check_times(&surroundings)?;
        surroundings.check(nodes).map_err(|problem| format!("crash: {problem}"))?;
        let mut protocols = vec![words(get("protocol").unwrap_or("rumor"), get("flags"))?];
        if let Some(versus) = get("versus") {
            protocols.push(words(versus, get("versus-flags"))?);
        }
        let scene = Self {
            protocols,
            nodes,
            topology,
            loss: number("loss", get("loss"), 0.0, &LOSS)?,
            surroundings,
            flags,
            seed: read("seed", get("seed"))?.unwrap_or(1),
        };
        scene.subjects()?;
        Ok(scene)
    }

    /// The conditions that all protocols share: those of `lab spread` with one run.
    pub(crate) fn conditions(&self) -> Conditions {
        let graph = Arc::new(topology::graph(self.topology, self.nodes));
        let order = Order::Snapshot;
        Conditions {
            world: World { graph, order, loss: self.loss, seed: self.seed, run: 0 },
            surroundings: Some(self.surroundings.clone()),
            runs: 1,
            jobs: 1,
            until: None,
            warm_up: None,
            flags: self.flags.clone(),
        }
    }

    /// The protocols with all their flags.
    ///
    /// # Errors
    /// A protocol or a flag that does not exist, or a value that it does not take.
    pub(crate) fn subjects(&self) -> Result<Vec<Subject>, String> {
        let conditions = self.conditions();
        let subject = |words: &String| Subject::parse(words, &conditions);
        self.protocols
            .iter()
            .map(subject)
            .collect::<Result<_, _>>()
            .map_err(|error| error.to_string())
    }

    /// The command that prints the same figures.
    pub(crate) fn command(&self) -> String {
        let mut line = "lab spread".to_owned();
        for words in &self.protocols {
            line += &format!(" {}", shell_word(words));
        }
        let Surroundings { latency, partition, crashes } = &self.surroundings;
        line += &format!(" --nodes {} --topology {}", self.nodes, self.topology);
        line += &format!(" --latency {}ms", latency.mean_ms);
        if latency.distribution != Distribution::Constant {
            line += &format!(" --latency-dist {}", latency.distribution);
        }
        if self.loss > 0.0 {
            line += &format!(" --loss {}", self.loss);
        }
        for crash in crashes {
            line += &format!(" --crash {crash}");
        }
        if let Some(partition) = partition {
            line += &format!(" --partition {partition}");
        }
        line += &format!(" --runs 1 --seed {}", self.seed);
        if !self.flags.is_empty() {
            line += " --";
        }
        for (name, value) in &self.flags {
            line += &format!(" {name} {value}");
        }
        line
    }
}

fn check_topology(topology: Topology) -> Result<(), String> {
    match topology {
        Topology::Tree(branching) if !(1..=50).contains(&branching) => {
            Err(format!("topology: expected a tree of 1 to 50 children, got {branching}"))
        }
        _ => Ok(()),
    }
}

fn check_times(surroundings: &Surroundings) -> Result<(), String> {
    let Surroundings { partition, crashes, .. } = surroundings;
    if crashes.len() > MAX_CRASHES {
        return Err(format!("crash: expected at most {MAX_CRASHES}, got {}", crashes.len()));
    }
    let crashes = crashes.iter().flat_map(|crash| [crash.at, crash.down.unwrap_or_default()]);
    let mut times = crashes.chain(partition.map(|partition| partition.until));
    times.find(|time| *time > MAX_TIME).map_or(Ok(()), |time| Err(too_long("a fault", time)))
}

fn too_long(name: &str, time: Duration) -> String {
    let (max, time) = (show_time(MAX_TIME), show_time(time));
    format!("{name}: expected a time of at most {max}, got {time}")
}

/// A protocol's name and flags, with bounds on all that grows.
fn words(name: &str, flags: Option<&str>) -> Result<String, String> {
    let flags = flags.unwrap_or_default();
    if name.split_whitespace().count() != 1 {
        return Err(format!("protocol: expected a name, got {name:?}"));
    }
    if flags.len() > MAX_FLAGS {
        return Err(format!("flags: expected at most {MAX_FLAGS} bytes, got {}", flags.len()));
    }
    for word in flags.split([' ', '=']) {
        if word.starts_with("--") && !is_flag(word) {
            return Err(format!("flags: no protocol has the flag {word}"));
        }
        if word.parse::<u64>().is_ok_and(|number| number > MAX_NUMBER) {
            return Err(format!("flags: expected numbers up to {MAX_NUMBER}, got {word}"));
        }
        if let Some(long) = parse_time(word).filter(|time| *time > MAX_TIME) {
            return Err(too_long("flags", long));
        }
    }
    Ok(format!("{name} {flags}").trim_end().to_owned())
}

fn time(name: &str, text: &str) -> Result<Duration, String> {
    let time = parse_time(text)
        .ok_or_else(|| format!("{name}: expected a time such as 200ms or 1.5s, got {text:?}"))?;
    if time > MAX_TIME { Err(too_long(name, time)) } else { Ok(time) }
}

fn parse<T: FromStr<Err: Display>>(name: &str, text: &str) -> Result<T, String> {
    text.parse().map_err(|problem| format!("{name}: {problem}, got {text:?}"))
}

fn read<T: FromStr<Err: Display>>(name: &str, text: Option<&str>) -> Result<Option<T>, String> {
    text.map(|text| parse(name, text)).transpose()
}

fn number<T: FromStr + PartialOrd + Display>(
    name: &str,
    text: Option<&str>,
    default: T,
    bounds: &RangeInclusive<T>,
) -> Result<T, String> {
    let Some(text) = text else { return Ok(default) };
    let number = text.parse().ok().filter(|number| bounds.contains(number));
    let (least, most) = (bounds.start(), bounds.end());
    number.ok_or_else(|| format!("{name}: expected a number from {least} to {most}, got {text:?}"))
}
