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
    /// The faults among these words, which are the last of them; empty if there are none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub faults: String,
    /// Local time of the start.
    pub started: String,
    /// Where its files are.
    pub store: Option<String>,
}

/// Characters of a node's command line that a title has.
const TITLE_CHARS: usize = 48;

/// Arguments that the lab adds to its own node's.
const RECORD: &str = "--record";
const DATA_DIR: &str = "--data-dir=";

impl RunInfo {
    /// The run in a line: the node without its path, then the shape.
    #[must_use]
    pub fn title(&self) -> String {
        let parts = [self.short_node(), self.shape.clone()];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(": ")
    }

    /// The shape without the faults.
    #[must_use]
    pub fn workload(&self) -> &str {
        let shape = self.shape.strip_suffix(&self.faults).unwrap_or(&self.shape);
        shape.strip_suffix(", ").unwrap_or(shape)
    }

    /// The node's command line, without its path and what the lab adds for its own sake, and not too
    /// long.
    #[must_use]
    pub fn short_node(&self) -> String {
        let (bin, args) = self.node.split_once(' ').unwrap_or((&self.node, ""));
        let bin = bin.trim_matches('\'').rsplit('/').next().unwrap_or_default();
        let is_own = |arg: &&str| *arg == RECORD || arg.starts_with(DATA_DIR);
        let args = args.split(' ').filter(|arg| !is_own(arg));
        let node = args.fold(bin.to_owned(), |node, arg| node + " " + arg);
        let mut short: String = node.trim().chars().take(TITLE_CHARS).collect();
        if short.len() < node.trim().len() {
            short.push('…');
        }
        short
    }
}

/// [`RunInfo::program`] of runs of real processes.
pub const PROCESSES: &str = "test";
/// The same in runs of the real Maelstrom.
pub const MAELSTROM: &str = "maelstrom";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workload_is_the_shape_without_its_faults() {
        let info = |shape: &str, faults: &str| RunInfo {
            node: "/usr/bin/node --fast --record --data-dir=/tmp/data".to_owned(),
            shape: shape.to_owned(),
            faults: faults.to_owned(),
            ..RunInfo::default()
        };
        let with = info("3 nodes, 20 s, loss 0.1", "loss 0.1");
        assert_eq!((with.workload(), &*with.short_node()), ("3 nodes, 20 s", "node --fast"));
        assert_eq!(with.title(), "node --fast: 3 nodes, 20 s, loss 0.1");
        assert_eq!(info("3 nodes, 20 s", "").workload(), "3 nodes, 20 s");
    }
}
