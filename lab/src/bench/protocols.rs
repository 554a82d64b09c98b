//! The protocols of the family under the broadcast workload: cost and latency without faults, and
//! what each kind of fault leaves out.

use anyhow::{Result, anyhow};
use clap::ValueEnum;
use rumormill::protocols::{Name, Options, Promise};
use rumormill_judge::figures::{Figure, Unit, select};
use rumormill_judge::format::table::markdown;
use rumormill_judge::results::Results;
use rumormill_judge::settings::faults::FaultSettings;
use rumormill_judge::settings::{Nemesis, Recovery, Settings};
use rumormill_sim::network::latency::Latency;

use super::load::Load;
use crate::sim::{NodeKind, simulate};

/// Figures of the run without faults.
const COLUMNS: [&Figure; 5] =
    select(["msgs-per-op", "bytes-per-op", "convergence-median", "convergence-max", "redundancy"]);

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Fault {
    /// One message in a hundred is lost.
    #[value(name = "loss-1")]
    Loss1,
    /// One in ten.
    #[value(name = "loss-10")]
    Loss10,
    /// The network is partitioned at random, every five seconds on average.
    Partitions,
    /// The first node dies for good, half-way.
    Killed,
    /// Three nodes in ten die for good, half-way.
    Crashed,
}

impl Fault {
    /// The head of its column.
    const fn head(self) -> &'static str {
        match self {
            Self::Loss1 => "1 % loss",
            Self::Loss10 => "10 % loss",
            Self::Partitions => "partitions",
            Self::Killed => "n0 dies",
            Self::Crashed => "30 % die",
        }
    }

    /// Adds it to the settings.
    fn add_to(self, settings: &mut Settings) -> Result<()> {
        let half_ms = settings.time_limit_ms / 2;
        let die = |nodes: usize| {
            let crash = |i: usize| format!("{{ node = 'n{i}', at-ms = {half_ms} }}");
            let all: Vec<String> = (0..nodes).map(crash).collect();
            FaultSettings::from_toml(&format!("crash = [{}]", all.join(", ")))
        };
        match self {
            Self::Loss1 => settings.faults.loss = 0.01,
            Self::Loss10 => settings.faults.loss = 0.1,
            Self::Partitions => settings.nemesis = Some(Nemesis { interval_ms: 5_000 }),
            Self::Killed => settings.faults = die(1)?,
            Self::Crashed => settings.faults = die(settings.nodes.len() * 3 / 10)?,
        }
        Ok(())
    }
}

/// The workload of all protocols.
#[derive(Clone, Copy, Debug)]
pub struct Workload {
    /// Number of nodes.
    pub nodes: usize,
    /// Operations per second.
    pub rate: f64,
    /// Length of the main phase.
    pub time_limit_ms: u64,
    /// Time to repair in after it.
    pub recovery_ms: u64,
    /// The seed.
    pub seed: u64,
}

impl Workload {
    /// A grid at 100 ms per hop.
    fn settings(&self) -> Settings {
        Settings {
            rate: self.rate,
            time_limit_ms: self.time_limit_ms,
            latency: Latency { mean_ms: 100, ..Latency::default() },
            recovery: Recovery { wait_ms: self.recovery_ms, quiet_ms: None },
            seed: self.seed,
            ..Settings::with_nodes(self.nodes)
        }
    }
}

/// A protocol and its runs.
#[derive(Debug)]
pub struct Row {
    protocol: Name,
    calm: Results,
    busiest_share: f64,
    faulty: Vec<Results>,
}

/// The protocols that spread entries.
pub fn spreading() -> impl Iterator<Item = Name> {
    Name::ALL.into_iter().filter(|protocol| protocol.promise() != Promise::Aggregates)
}

/// Runs a protocol with its default settings, without faults and with each. `done` is told which run is
/// over.
///
/// # Errors
/// If a run comes to no end.
pub fn measure(
    protocol: Name,
    workload: &Workload,
    faults: &[Fault],
    done: &dyn Fn(&str),
) -> Result<Row> {
    let (calm, load) = run(protocol, &workload.settings())?;
    done("without faults");
    let mut faulty = Vec::new();
    for fault in faults {
        let mut settings = workload.settings();
        fault.add_to(&mut settings)?;
        faulty.push(run(protocol, &settings)?.0);
        done(fault.head());
    }
    Ok(Row { protocol, calm, busiest_share: load.busiest_share(), faulty })
}

fn run(protocol: Name, settings: &Settings) -> Result<(Results, Load)> {
    let kind = NodeKind::of(Options::of(protocol)).map_err(|why| anyhow!(why))?;
    let simulated = simulate(settings, &kind, Load::new(settings))?;
    let results = simulated.results(settings)?.map_err(|why| anyhow!("{protocol}: {why}"))?;
    Ok((results, simulated.sink))
}

impl Row {
    /// True if the protocol kept its promise.
    #[must_use]
    pub fn keeps_promise(&self) -> bool {
        let missing = |results: &Results| results.rumormill.missing.missing_count;
        match self.protocol.promise() {
            Promise::Repairs => {
                [&self.calm].into_iter().chain(&self.faulty).all(|r| missing(r) == 0)
            }
            Promise::Delivers => missing(&self.calm) == 0,
            Promise::Most | Promise::Aggregates => true,
        }
    }

    fn cells(&self, faults: &[Fault]) -> Vec<String> {
        let Self { protocol, calm, busiest_share, faulty } = self;
        let promise = match protocol.promise() {
            Promise::Repairs => "repairs",
            Promise::Delivers => "delivers",
            Promise::Most => "most",
            Promise::Aggregates => "aggregates",
        };
        let mut cells = vec![format!("`{protocol}`"), promise.to_owned()];
        let shown = |figure: &Figure, results: &Results| {
            figure.read(results).map_or_else(|| "–".to_owned(), |value| figure.unit.bare(value))
        };
        cells.extend(COLUMNS.iter().map(|figure| shown(figure, calm)));
        cells.push(Unit::Share.show(*busiest_share));
        cells.push(lost(calm));
        cells.extend(faulty.iter().map(lost));
        if let Some(at) = faults.iter().position(|fault| *fault == Fault::Partitions) {
            let heal = const { rumormill_judge::figures::figure("heal-max") };
            cells.push(shown(heal, &faulty[at]));
        }
        cells
    }
}

/// The share of acknowledged values that some live node lacks in the end, and of their copies.
fn lost(results: &Results) -> String {
    let missing = &results.rumormill.missing;
    if missing.missing_count == 0 {
        return "0".to_owned();
    }
    let live: Vec<u64> = missing.nodes.iter().filter_map(|node| node.missing_count).collect();
    let owed = missing.acknowledged_count.saturating_sub(missing.lost_with_holders_count).max(1);
    let copies = owed * live.len().max(1) as u64;
    let percent = |part: u64, all: u64| {
        let percent = part as f64 * 100.0 / all as f64;
        if percent < 10.0 { format!("{percent:.2} %") } else { format!("{percent:.0} %") }
    };
    format!("{} ({})", percent(missing.missing_count, owed), percent(live.iter().sum(), copies))
}

/// The table in Markdown.
#[must_use]
pub fn table(rows: &[Row], faults: &[Fault]) -> String {
    let mut head = vec!["protocol".to_owned(), "promise".to_owned()];
    head.extend(COLUMNS.iter().map(|figure| figure.head()));
    head.push("busiest node has part in".to_owned());
    head.push("lost without faults".to_owned());
    head.extend(faults.iter().map(|fault| fault.head().to_owned()));
    if faults.contains(&Fault::Partitions) {
        head.push("heal time, max, ms".to_owned());
    }
    markdown(head, rows.iter().map(|row| row.cells(faults)))
}

/// Protocols of the short table: one of each kind.
const SHORT: [Name; 9] = [
    Name::Rumormill,
    Name::DirectMail,
    Name::Flood,
    Name::TreeNak,
    Name::Rumor,
    Name::AntiEntropy,
    Name::Scuttlebutt,
    Name::Plumtree,
    Name::Swim,
];

/// The table of the README: some protocols, some columns. `None` if a protocol or a fault of it was not
/// measured.
#[must_use]
pub fn short_table(rows: &[Row], faults: &[Fault]) -> Option<String> {
    let at = |fault| faults.iter().position(|other| *other == fault);
    let (loss, partitions) = (at(Fault::Loss10)?, at(Fault::Partitions)?);
    let head = [
        "protocol",
        "messages/op",
        "bytes/op",
        "last node, median, ms",
        "max, ms",
        "lost: 10 % loss",
        "partitions",
    ];
    let row = |name: &Name| {
        let row = rows.iter().find(|row| row.protocol == *name)?;
        let cells = row.cells(&[]);
        let lost = [lost(&row.faulty[loss]), lost(&row.faulty[partitions])];
        Some([&cells[..1], &cells[2..6], &lost].concat())
    };
    let rows: Option<Vec<Vec<String>>> = SHORT.iter().map(row).collect();
    Some(markdown(head.map(str::to_owned).to_vec(), rows?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Workload =
        Workload { nodes: 9, rate: 20.0, time_limit_ms: 3_000, recovery_ms: 60_000, seed: 1 };

    #[test]
    fn direct_mail_costs_n_minus_1_and_loses_what_is_lost() {
        let row = measure(Name::DirectMail, &SMALL, &[Fault::Loss10], &|_| {}).unwrap();
        assert!(row.keeps_promise());
        let cells = row.cells(&[Fault::Loss10]);
        assert_eq!((&*cells[0], &*cells[1], &*cells[8]), ("`direct-mail`", "delivers", "0"));
        // One copy in ten, and with eight of them more than half of the values.
        let copies = cells[9].split(['(', ' ']).nth(3).unwrap().parse::<f64>().unwrap();
        assert!((4.0..16.0).contains(&copies), "{}", cells[9]);
    }

    #[test]
    fn a_protocol_that_promises_repair_is_held_to_it_with_every_fault() {
        let row = measure(Name::Scuttlebutt, &SMALL, Fault::value_variants(), &|_| {}).unwrap();
        assert!(row.keeps_promise());
        let text = table(&[row], Fault::value_variants());
        assert_eq!(text.lines().count(), 3);
        assert!(text.contains("heal time"), "{text}");
    }

    #[test]
    fn the_central_server_has_part_in_every_message() {
        let row = measure(Name::Central, &SMALL, &[Fault::Killed], &|_| {}).unwrap();
        assert!(row.busiest_share > 0.999 && row.calm.rumormill.missing.missing_count == 0);
        assert!(row.faulty[0].rumormill.missing.missing_count > 0);
    }
}
