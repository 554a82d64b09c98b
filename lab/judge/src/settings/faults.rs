//! Faults beyond Maelstrom's partitions: what may happen to messages between nodes.
//!
//! They act from the start of the main phase to its end, when everything heals; only slow nodes
//! are slow all the time. Clients are never affected.

mod settings;
mod text;
mod words;

use std::collections::BTreeMap;

use rumormill::cluster::Name;
use rumormill_sim::network::Rules;
use rumormill_sim::network::cut::{self, Cuts};
use rumormill_sim::network::slow;
use rumormill_sim::{MS, Nanos};

pub use settings::{
    ClockJump, Crash, Cut, DISK_SYNC_MS, FaultSettings, LatencyChange, Slow, Spell,
};
pub use text::Isolation;

impl FaultSettings {
    /// The rules of the network between these nodes.
    #[must_use]
    pub fn rules(&self, nodes: &[Name]) -> Rules {
        let ids: BTreeMap<&Name, u32> = nodes.iter().zip(0..).collect();
        let slow = |wanted: fn(&Slow) -> bool| {
            let slow = self.slow.iter().filter(|slow| wanted(slow));
            slow.filter_map(|slow| Some((*ids.get(&slow.node)?, slow.extra_ms))).collect()
        };
        Rules {
            loss: self.loss,
            duplicate: self.duplicate,
            reorder: self.reorder,
            reorder_max_ms: self.reorder_max_ms,
            slow: slow::Slow { from_ms: slow(|_| true), to_ms: slow(|slow| !slow.one_way) },
            cuts: Cuts(self.cut.iter().map(|cut| cut.rule(nodes)).collect()),
        }
    }
}

impl Cut {
    fn rule(&self, nodes: &[Name]) -> cut::Cut {
        let sides = nodes.iter().map(|node| {
            let (in_a, in_b) = (self.a.contains(node), self.b.contains(node));
            (
                if self.a.is_empty() { !in_b } else { in_a },
                if self.b.is_empty() { !in_a } else { in_b },
            )
        });
        let nanos = |ms: u64| ms.saturating_mul(MS);
        cut::Cut {
            sides: sides.collect(),
            is_one_way: self.one_way,
            from: nanos(self.from_ms),
            until: self.until_ms.map_or(Nanos::MAX, nanos),
            flap: self.flap_ms.map(nanos),
        }
    }
}

#[cfg(test)]
mod tests {
    use rumormill_sim::network::{Network, NetworkConfig};

    use super::*;
    use crate::settings::Settings;

    /// Which of three nodes do not hear each other at this time, as `sender>receiver`.
    fn blocked(toml: &str, at_ms: u64) -> String {
        let nodes = Settings::numbered_nodes(3);
        let settings = FaultSettings::from_toml(toml).unwrap();
        settings.check(&nodes).unwrap();
        let rules = settings.rules(&nodes);
        let config = NetworkConfig { nodes: 3, rules, ..NetworkConfig::default() };
        let mut network: Network<()> = Network::new(config);
        network.conditions_mut().start_faults(1_000 * MS);
        let mut pairs = Vec::new();
        for (from, to) in (0..3).flat_map(|from| (0..3).map(move |to| (from, to))) {
            if from != to && !network.conditions().connects((1_000 + at_ms) * MS, from, to) {
                pairs.push(format!("{from}>{to}"));
            }
        }
        pairs.join(" ")
    }

    #[test]
    fn a_node_alone() {
        assert_eq!(blocked("[[cut]]\na = ['n1']", 0), "0>1 1>0 1>2 2>1");
    }

    #[test]
    fn one_way_only() {
        assert_eq!(blocked("[[cut]]\na = ['n1']\none-way = true", 0), "1>0 1>2");
        assert_eq!(blocked("[[cut]]\nb = ['n1']\none-way = true", 0), "0>1 2>1");
        assert_eq!(blocked("[[cut]]\na = ['n0']\nb = ['n2']\none-way = true", 0), "0>2");
    }

    #[test]
    fn a_hears_b_and_b_hears_c_but_a_does_not_hear_c() {
        assert_eq!(blocked("[[cut]]\na = ['n0']\nb = ['n2']", 0), "0>2 2>0");
    }

    #[test]
    fn cuts_have_their_times_and_flap() {
        let toml = "[[cut]]\na = ['n0']\nb = ['n1']\nfrom-ms = 100\nuntil-ms = 400\nflap-ms = 50";
        let cut: Vec<u64> =
            (0..500).step_by(50).filter(|ms| !blocked(toml, *ms).is_empty()).collect();
        assert_eq!(cut, [100, 200, 300]);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let nodes = Settings::numbered_nodes(3);
        let refusal = |toml: &str| match FaultSettings::from_toml(toml) {
            Ok(settings) => settings.check(&nodes).unwrap_err().to_string(),
            Err(error) => error.to_string(),
        };
        assert!(refusal("loss = 1.5").contains("loss: 1.5"));
        assert!(refusal("[[cut]]\na = ['n7']").contains("\"n7\""));
        assert!(refusal("[[slow]]\nnode = 'x'\nextra-ms = 1").contains("\"x\""));
        assert!(refusal("[[cut]]\na = ['n1']\nflap-ms = 0").contains("flap"));
        assert!(refusal("[[cut]]\nb = []").contains("no node"));
        assert!(refusal("los = 0.5").contains("los"));
    }
}
