//! The verdict of a limit.

use serde::{Deserialize, Serialize};

/// A limit held against a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Verdict {
    /// The limit, as text that can be parsed again.
    pub limit: String,
    /// The figure, as text; `no such figure in this run` if there is none.
    pub found: String,
    /// The figure in its unit; none if the run does not have it, or it is infinite.
    pub value: Option<f64>,
    /// True if the figure is within the limit, or is not judged.
    pub passed: bool,
    /// False if the run is of a kind that cannot have the figure, such as false suspicions of
    /// processes.
    #[serde(default = "yes")]
    pub judged: bool,
}

const fn yes() -> bool {
    true
}
