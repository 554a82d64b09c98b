//! The network between the nodes of a run: that of the simulator, with the lab's packets.

pub mod faults;
pub mod packet;

use rumormill_sim::network::NetworkConfig;

use crate::settings::Settings;

/// The parameters of the network of a run.
pub(crate) fn config(settings: &Settings) -> NetworkConfig {
    NetworkConfig {
        // Checked with the settings: there are far fewer than 2^32 nodes.
        nodes: settings.nodes.len() as u32,
        seed: settings.seed,
        latency: settings.latency,
        head_of_line: settings.compat.head_of_line,
        rules: settings.faults.rules(&settings.nodes),
    }
}
