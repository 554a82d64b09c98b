//! Demers et al. 1987: Tables 1 to 5, the residue, and the endless epidemics.

use rumormill::gossip::Switch;
use rumormill::id::NodeId;
use rumormill::protocols::rumor::{Config, Interest, Judge, Loss, Message, Mode, Rumor};

use super::check::{Cell, Effort, Tolerance};
use crate::parallel::in_parallel;
use crate::spread::cycles::{Cycles, Observer, Order};
use crate::spread::model;
use crate::spread::rumour::{Mean, Run, Until, mean, period, runs};

/// Sites of Tables 1 to 3.
const SITES: u32 = 1_000;

/// The paper's synchronous cycles: knowledge is judged at the start of a cycle, and nothing else runs.
pub(super) fn paper() -> Config {
    Config { judge: Judge::Start, backup: 0, ..Config::default() }
}

pub(super) struct Figures {
    pub(super) residue: Mean,
    pub(super) traffic: Mean,
    mean_arrival: Mean,
    last: Mean,
}

fn figures(runs: &[Run], nodes: u32) -> Figures {
    Figures {
        residue: mean(runs.iter().map(|run| run.residue(nodes))),
        traffic: mean(runs.iter().map(|run| run.copies as f64 / f64::from(nodes))),
        mean_arrival: mean(runs.iter().map(Run::mean_arrival)),
        last: mean(runs.iter().map(Run::last)),
    }
}

pub(super) fn spread(effort: &Effort, config: &Config) -> Figures {
    let world = effort.world(SITES, Order::Snapshot);
    let count = effort.runs(2_000);
    figures(&runs::<Rumor>(&world, config, Until::Silence, count, effort.jobs), SITES)
}

/// A row of Tables 1 to 3: k, s, m, t_ave, t_last.
type Row = (usize, [&'static str; 4]);

fn table(effort: &Effort, config: &Config, rows: &[Row], has_plain_mean: bool) -> Vec<Cell> {
    let mut cells = Vec::new();
    for (k, [s, m, t_ave, t_last]) in rows {
        let found = spread(effort, &Config { k: *k, ..config.clone() });
        // One site in a million is a handful of events even in 2,000 runs.
        let tolerance = match (*k, found.residue.mean) {
            (_, rare) if rare < 1e-4 => Tolerance::Rare(4.0, SITES),
            (5, _) => Tolerance::Share(0.08),
            _ => Tolerance::Share(0.03),
        };
        let name = |figure: &str| format!("k = {k}: {figure}");
        cells.push(Cell::published(name("residue s"), s, found.residue, tolerance));
        cells.push(Cell::published(name("traffic m"), m, found.traffic, Tolerance::Share(0.03)));
        cells.push(if has_plain_mean {
            Cell::published(name("t_ave"), t_ave, found.mean_arrival, Tolerance::Share(0.03))
        } else {
            Cell::not_reproducible(name("t_ave"), t_ave, found.mean_arrival)
        });
        cells.push(Cell::published(name("t_last"), t_last, found.last, Tolerance::Share(0.03)));
    }
    cells
}

pub(super) fn table_1(effort: &Effort) -> Vec<Cell> {
    let rows: [Row; 5] = [
        (1, [".18", "1.7", "11.0", "16.8"]),
        (2, [".037", "3.3", "12.1", "16.9"]),
        (3, [".011", "4.5", "12.5", "17.4"]),
        (4, [".0036", "5.6", "12.7", "17.5"]),
        (5, [".0012", "6.7", "12.8", "17.7"]),
    ];
    table(effort, &Config { mode: Mode::Push, ..paper() }, &rows, false)
}

pub(super) fn table_2(effort: &Effort) -> Vec<Cell> {
    let rows: [Row; 5] = [
        (1, [".96", ".04", "19", "38"]),
        (2, [".20", "1.6", "17", "33"]),
        (3, [".060", "2.8", "15", "32"]),
        (4, [".021", "3.9", "14.1", "32"]),
        (5, [".008", "4.9", "13.8", "32"]),
    ];
    let config =
        Config { mode: Mode::Push, loss: Loss::Blind, interest: Interest::Coin, ..paper() };
    table(effort, &config, &rows, false)
}

pub(super) fn table_3(effort: &Effort) -> Vec<Cell> {
    let rows: [Row; 3] = [
        (1, ["3.1e-2", "2.7", "9.97", "17.6"]),
        (2, ["5.8e-4", "4.5", "10.07", "15.4"]),
        (3, ["4.0e-6", "6.1", "10.08", "14.0"]),
    ];
    table(effort, &Config { mode: Mode::Pull, ..paper() }, &rows, true)
}

/// Sites of the Xerox network, and those on the far side of the transatlantic link.
const CIN_SITES: u32 = 300;
const CIN_FAR: u32 = 44;

#[derive(Default)]
struct Cut {
    /// Contacts that were accepted, across the cut and in all.
    crossing: u64,
    contacts: u64,
    /// Sites that got the update across the cut.
    updates: u64,
    learned: Vec<u32>,
}

const fn crosses(from: NodeId, to: NodeId) -> bool {
    (from.0 < CIN_FAR) != (to.0 < CIN_FAR)
}

impl Observer<Message> for Cut {
    fn on_send(&mut self, from: NodeId, to: NodeId, message: &Message) {
        if matches!(message, Message::Contact { .. }) {
            self.contacts += 1;
            self.crossing += u64::from(crosses(from, to));
        }
    }

    fn on_deliver(&mut self, from: NodeId, node: NodeId) {
        self.updates += u64::from(crosses(from, node));
        if let Some(last) = self.learned.last_mut() {
            *last += 1;
        }
    }
}

fn anti_entropy_over_cut(effort: &Effort, config: &Config) -> Vec<Cut> {
    let world = effort.world(CIN_SITES, Order::Snapshot);
    in_parallel(effort.runs(2_000), effort.jobs, |run| {
        let world = crate::spread::cycles::World { run, ..world.clone() };
        let period = period(config).unwrap_or_default();
        let mut cycles = Cycles::<Rumor>::new(&world, config, period);
        let mut cut = Cut { learned: vec![1], ..Cut::default() };
        // The update starts anywhere.
        let origin =
            rumormill_sim::dice::Dice::numbered(world.seed, "origin", run).index(300) as u32;
        cycles.submit(NodeId(origin), 0, 1, &mut cut);
        while cut.learned.iter().sum::<u32>() < CIN_SITES && cycles.cycle() < 1_000 {
            cut.learned.push(0);
            cycles.run_cycle(&mut cut);
        }
        cut
    })
}

pub(super) fn tables_4_and_5(effort: &Effort) -> Vec<Cell> {
    let forever = Config { interest: Interest::Forever, ..paper() };
    let limited = Config { connection_limit: 1, ..forever.clone() };
    let mut cells = Vec::new();
    let (n, far) = (f64::from(CIN_SITES), f64::from(CIN_FAR));
    let per_cycle = 2.0 * far * (n - far) / (n - 1.0);
    let per_run = 2.0 * far * (n - far) / n;
    let accepted = 1.0 - (-1.0_f64).exp();
    for (table, config, [t_last, t_ave, compare, update, links, link_updates], share) in [
        ("Table 4", &forever, ["7.8", "5.3", "75.7", "74.4", "5.9", "5.8"], 1.0),
        ("Table 5", &limited, ["11.0", "7.0", "47.5", "75.2", "3.7", "5.8"], accepted),
    ] {
        let cuts = anti_entropy_over_cut(effort, config);
        let as_run = |cut: &Cut| Run { learned: cut.learned.clone(), ..Run::default() };
        let per = |cut: &Cut, count: u64| count as f64 / (cut.learned.len() as f64 - 1.0);
        let name = |figure: &str| format!("{table}, uniform: {figure}");
        let last = mean(cuts.iter().map(|cut| as_run(cut).last()));
        let ave = mean(cuts.iter().map(|cut| as_run(cut).mean_arrival()));
        let crossing = mean(cuts.iter().map(|cut| per(cut, cut.crossing)));
        let updates = mean(cuts.iter().map(|cut| cut.updates as f64));
        let two = Tolerance::Share(0.02);
        cells.push(Cell::published(name("t_last"), t_last, last, two));
        cells.push(Cell::published(name("t_ave"), t_ave, ave, two));
        let cell = Cell::published(name("comparisons per cycle, Bushey"), compare, crossing, two);
        cells.push(cell.with_model(per_cycle * share));
        let cell = Cell::published(name("updates per run, Bushey"), update, updates, two);
        cells.push(cell.with_model(per_run));
        let contacts = mean(cuts.iter().map(|cut| per(cut, cut.contacts) / n));
        let name_of_share = name("contacts served per site and cycle");
        cells.push(Cell::modelled(name_of_share, share, contacts, Tolerance::Share(0.01)));
        let no = Mean { mean: f64::NAN, ..Mean::default() };
        cells.push(Cell::not_reproducible(name("comparisons, average link"), links, no));
        cells.push(Cell::not_reproducible(name("updates, average link"), link_updates, no));
    }
    cells
}

pub(super) fn residue(effort: &Effort) -> Vec<Cell> {
    let config = Config { mode: Mode::Push, reset: Switch::Off, judge: Judge::Now, ..paper() };
    let published = [Some("20 %"), Some("6 %"), None, None, None];
    let mut cells = Vec::new();
    for (k, published) in (1..).zip(published) {
        let found = spread(effort, &Config { k, ..config.clone() });
        let root = model::residue(k as f64);
        let tolerance = Tolerance::Share(if k < 4 { 0.02 } else { 0.04 });
        let cell = Cell::modelled(format!("k = {k}: residue s"), root, found.residue, tolerance);
        cells.push(Cell { published: published.map(str::to_owned), ..cell });
    }
    // s = e^-m in the variant that Table 1 does not have.
    for k in 1..=3 {
        let limited = Config { connection_limit: 1, k, mode: Mode::Push, ..paper() };
        let found = spread(effort, &limited);
        let exponent = -found.residue.mean.ln() / found.traffic.mean;
        let ours = Mean { mean: exponent, deviation: 0.0, count: found.residue.count };
        let name = format!("k = {k}, one incoming contact per cycle: -ln s / m");
        cells.push(Cell::between(name, 1.0, 1.582, ours));
    }
    cells
}

pub(super) fn cycles(effort: &Effort) -> Vec<Cell> {
    let mut cells = Vec::new();
    for (mode, name, recomputed) in [
        (Mode::Push, "push", [("12.32", "6.69"), ("18.05", "10.06"), ("23.98", "13.39")]),
        (Mode::Pull, "pull", [("9.63", "6.57"), ("13.73", "10.02"), ("17.48", "13.41")]),
        (Mode::PushPull, "push-pull", [("6.51", "4.26"), ("9.11", "6.40"), ("11.57", "8.51")]),
    ] {
        let config = Config { mode, interest: Interest::Forever, ..paper() };
        for (nodes, (last, ave)) in [100, 1_000, 10_000].into_iter().zip(recomputed) {
            let world = effort.world(nodes, Order::Snapshot);
            let count = effort.runs(if nodes < 10_000 { 2_000 } else { 200 });
            let until = Until::Everywhere(1_000);
            let found = figures(&runs::<Rumor>(&world, &config, until, count, effort.jobs), nodes);
            // The recomputed means are over all nodes, the origin at 0 included.
            let share = 1.0 - 1.0 / f64::from(nodes);
            let Mean { mean, deviation, count } = found.mean_arrival;
            let over_all = Mean { mean: mean * share, deviation, count };
            let name = |figure: &str| format!("{name}, {nodes} nodes: {figure}");
            let tolerance = Tolerance::Share(0.01);
            let cell = Cell::recomputed(name("last"), last, found.last, tolerance);
            cells.push(match mode {
                Mode::Push => cell.with_model(f64::from(nodes).log2() + f64::from(nodes).ln()),
                _ => cell,
            });
            cells.push(Cell::recomputed(name("mean"), ave, over_all, tolerance));
            if (mode, nodes) == (Mode::Push, SITES) {
                cells.push(Cell::between(name("bounds"), 14.79, 19.67, found.last));
            }
        }
    }
    cells
}
