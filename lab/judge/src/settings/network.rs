//! The network that settings describe.

use rumormill_sim::network::NetworkConfig;

use super::Settings;

impl Settings {
    /// The parameters of the network between the nodes.
    #[must_use]
    pub fn network(&self) -> NetworkConfig {
        NetworkConfig {
            // Checked with the settings: there are far fewer than 2^32 nodes.
            nodes: self.nodes.len() as u32,
            seed: self.seed,
            latency: self.latency,
            head_of_line: self.compat.head_of_line,
            rules: self.faults.rules(&self.nodes),
        }
    }
}
