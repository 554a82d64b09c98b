//! Cases beside the usual: one seed in nine has one thing that no usual cluster has.

use rumormill::cluster::Name;
use rumormill::protocols::rumormill::config::Config;
use rumormill::protocols::rumormill::route::Route;
use rumormill_judge::settings::faults::{ClockJump, Crash, Slow, Spell};
use rumormill_judge::topology::Topology;
use rumormill_sim::dice::Dice;

use super::case::{Case, OtherNodes};
use super::choice::{draw_config, pick, pick_event, pick_name, some};

/// Names that are allowed and seldom met; a number follows.
const NAMES: [&str; 7] = ["n 0", "\u{e9}\u{1f41d}", "\"\\", "a\nb", "N", "-1e", "'"];

/// Lengths of large values, in characters.
const LENGTHS: [usize; 3] = [1_000, 20_000, 200_000];

/// The thing that is unusual.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unusual {
    /// More than 40 nodes.
    Large,
    /// More than 1,024 nodes: hubs below hubs.
    Huge,
    /// Pauses of minutes.
    LongPauses,
    /// Many crashes.
    Storm,
    /// Values of many kilobytes.
    LargeValues,
    /// Names with blanks, quotes, line ends.
    OddNames,
    /// The way there takes longer than the way back.
    OneWayDelays,
    /// Clocks that go back.
    BackwardJumps,
    /// Some nodes have settings of their own.
    MixedSettings,
}

impl Unusual {
    /// Drawn with dice of its own: the other seeds mean what they meant before.
    pub(super) fn draw(seed: u64) -> Option<Self> {
        match Dice::new(seed, "hunt unusual").below(2_000) {
            0 => Some(Self::Huge),
            1..20 => Some(Self::Large),
            20..45 => Some(Self::LongPauses),
            45..75 => Some(Self::Storm),
            75..95 => Some(Self::LargeValues),
            95..120 => Some(Self::OddNames),
            120..150 => Some(Self::OneWayDelays),
            150..190 => Some(Self::BackwardJumps),
            190..230 => Some(Self::MixedSettings),
            _ => None,
        }
    }

    /// The case to begin with, in place of one of `nodes` nodes.
    pub(super) fn begin(this: Option<Self>, seed: u64, nodes: usize) -> Case {
        let mut dice = Dice::new(seed, "hunt unusual nodes");
        match this {
            Some(Self::Large) => Case::new(seed, 41 + dice.index(40)),
            Some(Self::Huge) => Case::new(seed, 1_025 + dice.index(75)),
            Some(Self::OddNames) => {
                let mut case = Case::new(seed, nodes);
                let odd = |at: usize| format!("{}{at}", pick(&mut dice, &NAMES));
                case.nodes = (0..nodes).map(odd).map(Name::from).collect();
                case
            }
            _ => Case::new(seed, nodes),
        }
    }

    /// Changes a case that is drawn but for its operations.
    pub(super) fn change(self, case: &mut Case) {
        let mut dice = Dice::new(case.seed, "hunt unusual faults");
        let dice = &mut dice;
        match self {
            Self::Huge => {
                // All nodes to all nodes would be a million messages for each value.
                case.config.route = pick(dice, &[Route::Auto, Route::Hub, Route::Tree]);
                case.topology = pick(dice, &[Topology::Grid, Topology::Tree(4)]);
            }
            Self::LongPauses => {
                case.main_ms = 60_000 + dice.below(60_000);
                for _ in 0..=dice.index(2) {
                    case.faults.pause.push(Spell {
                        node: pick_name(dice, &case.nodes),
                        at_ms: dice.below(5_000),
                        for_ms: 60_000 + dice.below(120_000),
                    });
                }
            }
            Self::Storm => {
                for _ in 0..10 + dice.index(30) {
                    let (node, at_ms) = pick_event(dice, case);
                    let down_ms = Some(pick(dice, &[0, 1, 20, 200]));
                    let forget_topology = dice.chance(0.2);
                    case.faults.crash.push(Crash { node, at_ms, down_ms, forget_topology });
                }
                case.need_digests();
            }
            Self::OneWayDelays => {
                let count = 1 + dice.index(case.nodes.len());
                for node in some(dice, &case.nodes, count) {
                    let extra_ms = pick(dice, &[10, 100, 500]);
                    case.faults.slow.push(Slow { node, extra_ms, one_way: true });
                }
            }
            Self::BackwardJumps => {
                for _ in 0..=dice.index(3) {
                    let (node, at_ms) = pick_event(dice, case);
                    let by_ms = pick(dice, &[-1, -100, -1_000, -20_000]);
                    case.faults.clock_jump.push(ClockJump { node, at_ms, by_ms });
                }
            }
            Self::MixedSettings => {
                let count = 1 + dice.index(case.nodes.len());
                let config = Config { route: case.config.route, ..draw_config(dice) };
                case.other = Some(OtherNodes { nodes: some(dice, &case.nodes, count), config });
            }
            Self::Large | Self::LargeValues | Self::OddNames => {}
        }
    }

    /// Changes the operations of a case.
    pub(super) fn change_ops(self, case: &mut Case) {
        let mut dice = Dice::new(case.seed, "hunt unusual values");
        match self {
            Self::Huge => case.op.truncate(15),
            Self::LargeValues => {
                for (number, op) in case.op.iter_mut().enumerate() {
                    if op.broadcast.is_some() && dice.coin() {
                        let length = pick(&mut dice, &LENGTHS);
                        op.broadcast = Some(format!("\"{}{number}\"", "x".repeat(length)));
                    }
                }
            }
            _ => {}
        }
    }
}
