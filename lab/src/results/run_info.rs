//! The run, and how to run it again.

use serde::{Deserialize, Serialize};

/// The run, and how to run it again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct RunInfo {
    /// The command that ran it: `test`, `sim`.
    pub program: String,
    /// The command line that repeats it, with its seed.
    pub command: String,
    /// The node: its binary and arguments.
    pub node: String,
    /// The shape of the run in a few words, such as `25 nodes, latency 100 ms, rate 100, 20 s`.
    pub shape: String,
    /// Local time of the start.
    pub started: String,
    /// Where its files are.
    pub store: Option<String>,
}

/// Characters of a node's command line that a title has.
const TITLE_CHARS: usize = 48;

impl RunInfo {
    /// The run in a line: the node without its path, then the shape.
    #[must_use]
    pub fn title(&self) -> String {
        let (bin, args) = self.node.split_once(' ').unwrap_or((&self.node, ""));
        let bin = bin.trim_matches('\'').rsplit('/').next().unwrap_or_default();
        let node = format!("{bin} {args}");
        let mut short: String = node.trim().chars().take(TITLE_CHARS).collect();
        if short.len() < node.trim().len() {
            short.push('…');
        }
        let parts = [short, self.shape.clone()];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(": ")
    }
}

/// [`RunInfo::program`] of runs of real processes.
pub const PROCESSES: &str = "test";
/// The same in runs of the real Maelstrom.
pub const MAELSTROM: &str = "maelstrom";
