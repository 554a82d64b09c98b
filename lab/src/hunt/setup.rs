//! The settings of the nodes of a case, and what follows from them for bounds.

use std::time::Duration;

use rumormill::journal::OpenOptions;
use rumormill::protocols::rumormill::config::Config;

use super::bound::longest_wait;
use super::case::Case;

/// The settings of the nodes of a case.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Of the protocol.
    pub config: Config,
    /// The same, of nodes that have settings of their own.
    pub other: Option<Config>,
    /// Of the journals, if the nodes have any.
    pub journal: OpenOptions,
}

impl Setup {
    /// The settings of a case.
    #[must_use]
    pub fn of(case: &Case) -> Self {
        Self {
            config: case.config.clone(),
            other: case.other.as_ref().map(|other| other.config.clone()),
            journal: case.journal_options(),
        }
    }

    /// The settings that bounds are derived from: of every interval the longest that a node has.
    #[must_use]
    pub fn slowest(&self) -> Config {
        let config = self.config.clone();
        let Some(other) = &self.other else { return config };
        Config {
            latency_budget: config.latency_budget.max(other.latency_budget),
            // A node without a window waits as its budget says.
            window: match (config.window, other.window) {
                (None, None) => None,
                _ => Some(longest_wait(&config).max(longest_wait(other))),
            },
            ack_delay: config.ack_delay.max(other.ack_delay),
            sync_interval: config.sync_interval.max(other.sync_interval),
            sync_interval_max: config.sync_interval_max.max(other.sync_interval_max),
            retry_initial: config.retry_initial.max(other.retry_initial),
            probe_min: config.probe_min.max(other.probe_min),
            probe_max: config.probe_max.max(other.probe_max),
            ..config
        }
    }

    /// The intervals at rest.
    pub(super) fn at_rest(&self) -> AtRest {
        let digest = |config: &Config| config.sync_interval_max.max(config.sync_interval);
        let nodes = || std::iter::once(&self.config).chain(&self.other);
        AtRest {
            digest: nodes().map(digest).min().unwrap_or_default(),
            probe: nodes().map(|config| config.probe_max).min().unwrap_or_default(),
        }
    }
}

/// Changes the nodes' settings beyond what a case can say.
pub type Tweak<'a> = &'a (dyn Fn(&mut Setup) + Sync);

/// Intervals of a node at rest, of the node where each is shortest.
#[derive(Clone, Copy, Debug)]
pub(super) struct AtRest {
    /// From a digest to the next.
    pub(super) digest: Duration,
    /// From a probe of a dead peer to the next.
    pub(super) probe: Duration,
}

#[cfg(test)]
mod tests {
    use super::super::case::OtherNodes;
    use super::*;

    #[test]
    fn bounds_are_those_of_the_slowest_node_and_rest_that_of_the_fastest() {
        let mut case = Case::new(1, 3);
        case.config.latency_budget = Duration::from_millis(100);
        let config = Config {
            window: Some(Duration::from_millis(500)),
            sync_interval: Duration::from_millis(50),
            sync_interval_max: Duration::from_millis(60),
            ..Config::default()
        };
        case.other = Some(OtherNodes { nodes: vec!["n1".into()], config });
        let setup = Setup::of(&case);
        let slowest = setup.slowest();
        assert_eq!(longest_wait(&slowest), Duration::from_millis(500));
        assert_eq!(slowest.sync_interval_max, setup.config.sync_interval_max);
        assert_eq!(setup.at_rest().digest, Duration::from_millis(60));
        case.other = None;
        assert_eq!(Setup::of(&case).slowest().window, None);
    }
}
