//! The latency budget: how a new value travels so that messages are fewest within the budget.
//!
//! With n nodes, one-way delay d, B values per second in all and b = B/n per node, and a bound L
//! on the time until the last node holds a value (docs/PROTOCOL.md derives the costs):
//!
//! * **direct**, window W = L - d: n(n-1) / (1/b + W) messages per second;
//! * **hub**, leaves at once, window P = L - 2d at the hub: B(n-1)/n + (n-1) / (1/B + P);
//! * **hub with a pulse** every P, leaves arriving just before it:
//!   (n-1) (1 - e^(-bP) + 1 - e^(-BP)) / P.
//!
//! In a tree of hubs as many messages go down, and more go up: what comes from a leaf makes two
//! hops, and a hub has something to send up more often than a leaf.

use std::time::Duration;

use crate::config::Choice as _;
use crate::protocols::rumormill::ablation::Rule;
use crate::protocols::rumormill::config::Config;
use crate::protocols::rumormill::rate_meter::RateMeter;
use crate::protocols::rumormill::route::Route;
use crate::time::Instant;

/// Least margin before a beat: 25 processes on two cores were seen to be up to 10 ms late.
const MARGIN_MIN: Duration = Duration::from_millis(10);

/// Margin as a multiple of the variation of the round trip. An exponential excess of 6 ms on average
/// and 30 at most on each delay makes a variation of 6: four of it cover the largest excess.
const MARGIN_FACTOR: u32 = 4;

/// Largest margin, as a fraction of the round trip: more would take too much of the period.
const MARGIN_MAX: u32 = 4;

/// Margin before the variation is measured, as a fraction of the round trip: generous.
const MARGIN_UNMEASURED: u32 = 8;

/// The time by which an entry is to arrive before a beat: one that misses it waits a whole period.
/// `variation` is that of the round trip, once measured.
pub(crate) fn margin(round_trip: Duration, variation: Option<Duration>) -> Duration {
    if !Rule::MeasuredMargin.applies() {
        return MARGIN_MIN;
    }
    let spread = match variation {
        Some(variation) => variation * MARGIN_FACTOR,
        None => round_trip / MARGIN_UNMEASURED,
    };
    spread.min(round_trip / MARGIN_MAX).max(MARGIN_MIN)
}

/// Measurements and timers are no better than this part (a twentieth). A budget this close to what the network
/// needs is taken as met, since a window of a few milliseconds saves a third of the messages; and a period is kept
/// until the new one differs by more.
const TOLERANCE: u32 = 20;

/// Largest cluster in which `auto` uses direct mail. In a larger one every node would keep a link to
/// every other node, and a value would be as many messages at once: 200 processes that did so were
/// too much for two cores.
const DIRECT_MAX: u32 = 256;

/// A plan is only dropped for one that is cheaper by this factor, so that noise in the
/// measurements does not make nodes change back and forth.
const HYSTERESIS: f64 = 0.9;

fn hysteresis() -> f64 {
    if Rule::PlanHysteresis.applies() { HYSTERESIS } else { 1.0 }
}

/// The way of new entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// To every neighbour at most `window` later, and by them to theirs.
    Flood {
        /// Longest wait of an entry for others to share its message, at each hop.
        window: Duration,
    },
    /// From the origin to all nodes.
    Direct {
        /// Longest wait of an entry for others to share its message.
        window: Duration,
    },
    /// Up a tree to its root and down again.
    Tree {
        /// Longest wait of an entry at the root: its window, or the period of its pulse.
        period: Duration,
        /// True if the root sends at fixed intervals and the others arrive just before its beat.
        pulse: bool,
    },
}

/// The replan of a plan is at most this often: planning costs more than a message.
const REPLAN_INTERVAL: Duration = Duration::from_millis(250);

/// Chooses how new entries travel, and keeps to it while nothing has changed much.
#[derive(Clone, Debug)]
pub(crate) struct Planner {
    route: Route,
    /// The latency budget.
    pub(crate) budget: Duration,
    window: Option<Duration>,
    /// New values, wherever they were submitted.
    rate: RateMeter,
    plan: Option<Plan>,
    replanned_at: Option<Instant>,
    budget_missed: bool,
}

impl Planner {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            route: config.route,
            budget: config.latency_budget,
            window: config.window,
            rate: RateMeter::default(),
            plan: None,
            replanned_at: None,
            budget_missed: false,
        }
    }

    /// The present plan, once there was an entry.
    pub(crate) const fn plan(&self) -> Option<Plan> {
        self.plan
    }

    /// True if new entries go along a tree.
    pub(crate) const fn is_tree(&self) -> bool {
        matches!(self.plan, Some(Plan::Tree { .. }))
    }

    /// The tree is another one: the next entry makes a new plan.
    pub(crate) fn forget(&mut self) {
        self.plan = None;
        self.replanned_at = None;
    }

    /// New values.
    pub(crate) fn on_values(&mut self, now: Instant, count: u64) {
        self.rate.record(now, count);
    }

    /// Values per second in the whole cluster, once measured.
    pub(crate) fn rate(&mut self, now: Instant) -> Option<f64> {
        self.rate.per_second(now)
    }

    /// True if the plan is to be looked over.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.plan.is_none() || self.replanned_at.is_none_or(|at| now.since(at) >= REPLAN_INTERVAL)
    }

    /// Looks the plan over. Returns a line for people the first time that the budget cannot be met by the
    /// round trip as measured.
    pub(crate) fn replan(
        &mut self,
        now: Instant,
        input: &PlannerInput,
        is_measured: bool,
    ) -> Option<String> {
        let (plan, in_time) = self.choose(input);
        self.replanned_at = Some(now);
        self.plan = Some(plan);
        if in_time || !is_measured || self.budget_missed {
            return None;
        }
        self.budget_missed = true;
        let Self { budget, route, .. } = self;
        Some(format!(
            "the latency budget of {budget:?} cannot be met by route {} with a round trip of \
             {:?}: sending {plan}",
            route.as_str(),
            input.round_trip
        ))
    }

    /// The plan of the route, and whether it keeps the budget.
    fn choose(&self, input: &PlannerInput) -> (Plan, bool) {
        let waiting = |window| match self.route {
            Route::Topology => Plan::Flood { window },
            Route::Direct => Plan::Direct { window },
            Route::Auto | Route::Hub | Route::Tree => Plan::Tree { period: window, pulse: false },
        };
        if let Some(window) = self.window {
            return (waiting(window), true);
        }
        let within_budget = match self.route {
            Route::Auto => return (input.cheapest(self.plan), input.can_be_met()),
            Route::Direct => self.budget.checked_sub(input.round_trip / 2).map(waiting),
            Route::Topology | Route::Hub | Route::Tree => input.tree(self.plan),
        };
        (within_budget.unwrap_or_else(|| waiting(Duration::ZERO)), within_budget.is_some())
    }
}

/// The input of a plan.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlannerInput {
    pub(crate) nodes: u32,
    pub(crate) budget: Duration,
    /// As measured, or as is to be assumed.
    pub(crate) round_trip: Duration,
    /// Subtracted from the period of a pulse.
    pub(crate) margin: Duration,
    /// Values per second in the whole cluster, if it is known yet.
    pub(crate) load: Option<f64>,
    /// Hops from the root of the tree to the farthest node.
    pub(crate) height: u32,
    /// In a tree of hubs, those below the root. A spanning tree is taken for a star: what it costs
    /// is only asked to choose between its window and its pulse.
    pub(crate) hubs: u32,
}

impl PlannerInput {
    /// The time that is left for waiting on the way up a tree and down again, if any.
    pub(crate) fn period(&self) -> Option<Duration> {
        let way = self.round_trip * self.height;
        let applies = Rule::BudgetTolerance.applies();
        let tolerance = if applies { self.budget / TOLERANCE } else { Duration::ZERO };
        let left = (self.budget + tolerance).checked_sub(way)?;
        Some(left.saturating_sub(tolerance).max(left.min(tolerance))).filter(|p| !p.is_zero())
    }

    /// True if some plan keeps the budget.
    pub(crate) fn can_be_met(&self) -> bool {
        let directly = self.nodes <= DIRECT_MAX && self.budget >= self.round_trip / 2;
        directly || self.period().is_some()
    }

    /// The cheapest plan of `direct` and `hub` within the budget; `direct` without a window, the
    /// fastest there is, if none is. In a large cluster always the hub; if that is late anyway,
    /// it waits as long as a message takes, for then several values share one.
    pub(crate) fn cheapest(&self, current: Option<Plan>) -> Plan {
        if self.nodes > DIRECT_MAX {
            let late = Plan::Tree { period: self.round_trip / 2, pulse: false };
            return self.tree(current).unwrap_or(late);
        }
        let window = self.budget.saturating_sub(self.round_trip / 2);
        let direct = Plan::Direct { window };
        let Some(hub) = self.tree(current) else { return direct };
        let mut direct_cost = self.direct_cost(window);
        if let Plan::Tree { period, .. } = hub {
            let mut hub_cost = self.window_cost(period).min(self.pulse_cost(period));
            match current {
                Some(Plan::Direct { .. }) => direct_cost *= hysteresis(),
                Some(_) => hub_cost *= hysteresis(),
                None => {}
            }
            if direct_cost <= hub_cost {
                return direct;
            }
        }
        hub
    }

    /// The plan for sending along a tree, if the budget allows for the way there and back.
    pub(crate) fn tree(&self, current: Option<Plan>) -> Option<Plan> {
        let window = self.period()?;
        let beat = window.saturating_sub(self.margin);
        let (mut window_cost, mut pulse_cost) = (self.window_cost(window), self.pulse_cost(beat));
        if let Some(Plan::Tree { pulse, .. }) = current {
            *(if pulse { &mut pulse_cost } else { &mut window_cost }) *= hysteresis();
        }
        let pulse = pulse_cost < window_cost;
        let period = if pulse { beat } else { window };
        match current {
            Some(old @ Plan::Tree { period: old_period, pulse: old_pulse })
                if Rule::PeriodTolerance.applies()
                    && old_pulse == pulse
                    && period.abs_diff(old_period) <= old_period / TOLERANCE =>
            {
                Some(old)
            }
            _ => Some(Plan::Tree { period, pulse }),
        }
    }

    /// Values per second in all, and per node. Before it is known: two per second and node, the
    /// middle of what Maelstrom's challenges ask for.
    fn rates(&self) -> (f64, f64) {
        let nodes = f64::from(self.nodes.max(1));
        let all = self.load.unwrap_or(2.0 * nodes).max(0.001);
        (all, all / nodes)
    }

    fn direct_cost(&self, window: Duration) -> f64 {
        let (_, own) = self.rates();
        let nodes = f64::from(self.nodes);
        nodes * (nodes - 1.0) / (1.0 / own + window.as_secs_f64())
    }

    fn window_cost(&self, period: Duration) -> f64 {
        let (all, _) = self.rates();
        let nodes = f64::from(self.nodes);
        let second_hops = f64::from(if self.hubs > 0 { self.nodes - 1 - self.hubs } else { 0 });
        let up = all * (nodes - 1.0 + second_hops) / nodes;
        up + (nodes - 1.0) / (1.0 / all + period.as_secs_f64())
    }

    fn pulse_cost(&self, period: Duration) -> f64 {
        let (all, own) = self.rates();
        let period = period.as_secs_f64();
        if period <= 0.0 {
            return f64::INFINITY;
        }
        let beats = |rate: f64| 1.0 - (-rate * period).exp();
        let (below, hubs) = (f64::from(self.nodes) - 1.0, f64::from(self.hubs));
        let leaves = below - hubs;
        let per_hub = own * (1.0 + leaves / hubs.max(1.0));
        let up = leaves * beats(own) + hubs * beats(per_hub);
        (up + below * beats(all)) / period
    }
}

#[cfg(test)]
mod tests;
