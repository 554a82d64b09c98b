//! The nemesis of nodes: kills and pauses, one stream of them, as Jepsen's `nemesis.combined` has it.
//!
//! With one kind enabled, fault and recovery alternate. With both, each action belongs to either kind by
//! the toss of a coin, and each kind keeps its own place: pause, kill, resume, start is possible.

use rumormill_sim::dice::Dice;

use crate::settings::NodeNemesis;

/// An action on nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// SIGKILL.
    Kill,
    /// A process for every node that has none.
    Start,
    /// SIGSTOP.
    Pause,
    /// SIGCONT, for every node.
    Resume,
}

impl Action {
    /// Jepsen's name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Start => "start",
            Self::Pause => "pause",
            Self::Resume => "resume",
        }
    }
}

/// Nodes that a fault hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// A random number of random nodes, at least one.
    Some,
    /// One.
    One,
    /// Less than a third: none, of three nodes.
    MinorityThird,
    /// Less than a half, or just a half.
    Minority,
    /// More than a half.
    Majority,
    /// Every node.
    All,
}

impl Target {
    const ANY: [Self; 6] =
        [Self::Some, Self::One, Self::MinorityThird, Self::Minority, Self::Majority, Self::All];

    /// Jepsen's keyword.
    pub(crate) const fn keyword(self) -> &'static str {
        match self {
            Self::Some => "nil",
            Self::One => ":one",
            Self::MinorityThird => ":minority-third",
            Self::Minority => ":minority",
            Self::Majority => ":majority",
            Self::All => ":all",
        }
    }

    /// One of them, each as likely.
    pub(crate) fn draw(dice: &mut Dice) -> Self {
        Self::ANY[dice.index(Self::ANY.len())]
    }

    /// The nodes, of so many, in ascending order.
    pub(crate) fn nodes(self, nodes: usize, dice: &mut Dice) -> Vec<usize> {
        let count = match self {
            Self::Some => 1 + dice.index(nodes),
            Self::One => 1,
            Self::MinorityThird => nodes.saturating_sub(1) / 3,
            Self::Minority => nodes / 2,
            Self::Majority => nodes / 2 + 1,
            Self::All => nodes,
        };
        let mut order: Vec<usize> = (0..nodes).collect();
        dice.shuffle(&mut order);
        order.truncate(count);
        order.sort_unstable();
        order
    }
}

/// The stream of actions.
#[derive(Debug)]
pub(super) struct Stops {
    nemesis: NodeNemesis,
    /// The next action of each kind is the recovery.
    is_killed: bool,
    is_paused: bool,
    coin: Dice,
}

impl Stops {
    pub(super) fn new(nemesis: NodeNemesis, seed: u64) -> Self {
        let coin = Dice::new(seed, "nemesis kinds");
        Self { nemesis, is_killed: false, is_paused: false, coin }
    }

    /// The next action.
    pub(super) fn next(&mut self) -> Action {
        let kills = match (self.nemesis.kill, self.nemesis.pause) {
            (true, true) => self.coin.coin(),
            (kills, _) => kills,
        };
        let place = if kills { &mut self.is_killed } else { &mut self.is_paused };
        *place = !*place;
        match (kills, *place) {
            (true, true) => Action::Kill,
            (true, false) => Action::Start,
            (false, true) => Action::Pause,
            (false, false) => Action::Resume,
        }
    }

    /// The actions that end all faults, in order.
    pub(super) fn last(&self) -> impl DoubleEndedIterator<Item = Action> + use<> {
        let NodeNemesis { kill, pause, .. } = self.nemesis;
        [(pause, Action::Resume), (kill, Action::Start)]
            .into_iter()
            .filter(|(is_on, _)| *is_on)
            .map(|(_, action)| action)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn actions(kill: bool, pause: bool, seed: u64) -> Vec<Action> {
        let mut stops = Stops::new(NodeNemesis { interval_ms: 1, kill, pause }, seed);
        (0..40).map(|_| stops.next()).collect()
    }

    #[test]
    fn one_kind_alternates_fault_and_recovery() {
        let kills = actions(true, false, 1);
        assert_eq!(kills[..4], [Action::Kill, Action::Start, Action::Kill, Action::Start]);
        let pauses = actions(false, true, 1);
        assert_eq!(pauses[..3], [Action::Pause, Action::Resume, Action::Pause]);
    }

    #[test]
    fn of_both_kinds_each_keeps_its_own_place() {
        let both = actions(true, true, 1);
        let of = |kinds: [Action; 2]| -> Vec<Action> {
            both.iter().copied().filter(|action| kinds.contains(action)).collect()
        };
        for kinds in [[Action::Kill, Action::Start], [Action::Pause, Action::Resume]] {
            let own = of(kinds);
            assert!(own.len() > 10, "{both:?}");
            assert!(own.iter().enumerate().all(|(i, action)| *action == kinds[i % 2]), "{own:?}");
        }
        // They mix: a kind may act again before the other one.
        assert!(both.windows(2).any(|pair| pair == [Action::Pause, Action::Kill]), "{both:?}");
    }

    #[test]
    fn targets_have_the_sizes_of_jepsen() {
        let mut dice = Dice::new(1, "targets");
        let mut size = |target: Target, nodes| target.nodes(nodes, &mut dice).len();
        // One node, three, four, five and twenty-five.
        let sizes = [
            (Target::One, [1, 1, 1, 1, 1]),
            (Target::MinorityThird, [0, 0, 1, 1, 8]),
            (Target::Minority, [0, 1, 2, 2, 12]),
            (Target::Majority, [1, 2, 3, 3, 13]),
            (Target::All, [1, 3, 4, 5, 25]),
        ];
        for (target, expected) in sizes {
            assert_eq!([1, 3, 4, 5, 25].map(|nodes| size(target, nodes)), expected, "{target:?}");
        }
        let some: Vec<usize> = (0..300).map(|_| size(Target::Some, 5)).collect();
        for count in 1..=5 {
            let share = some.iter().filter(|size| **size == count).count();
            assert!((40..80).contains(&share), "{count}: {share} of 300");
        }
        assert!(!some.contains(&0));
    }

    #[test]
    fn every_target_and_every_node_is_as_likely_as_any_other() {
        let mut dice = Dice::new(2, "targets");
        let mut targets = std::collections::BTreeMap::new();
        let mut hits = [0; 5];
        for _ in 0..6_000 {
            *targets.entry(Target::draw(&mut dice).keyword()).or_insert(0) += 1;
            hits[Target::One.nodes(5, &mut dice)[0]] += 1;
        }
        assert_eq!(targets.len(), 6);
        assert!(targets.values().all(|count| (900..1_100).contains(count)), "{targets:?}");
        assert!(hits.iter().all(|count| (1_100..1_300).contains(count)), "{hits:?}");
    }
}
