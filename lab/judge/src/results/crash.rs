//! How a run ended that came to no proper end.

use serde::{Deserialize, Serialize};

use crate::checker::quantile::millis;
use crate::format::text::{printable, quote};
use crate::outcome::{Outcome, Phase, State};

/// The driver's knowledge of the node that ended a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LastWords {
    /// Its name.
    pub node: String,
    /// `exited with status 1`, `was killed by SIGSEGV`.
    pub status: String,
    /// The end of what it wrote to stderr.
    pub lines: Vec<String>,
    /// The last message that was written to its stdin.
    pub last_message: Option<Vec<u8>>,
}

/// The end of a run that crashed or was interrupted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct CrashReport {
    /// Why, in a sentence.
    pub why: String,
    /// A signal asked the lab to stop: nothing is known against the nodes.
    #[serde(rename = "interrupted?")]
    pub interrupted: bool,
    /// When, in ms of the history's clock; during `init`, which is before it, since the start.
    pub at_ms: f64,
    /// In which phase.
    pub phase: String,
    /// The node that ended the run, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// How that node's process ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// The last lines that it wrote to stderr, escapes in place of control characters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub last_lines: Vec<String>,
    /// The last message that was written to its stdin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_message: Option<String>,
}

impl CrashReport {
    /// The end of a run; `None` if it came to its proper end.
    #[must_use]
    pub fn of(outcome: &Outcome, words: Option<&LastWords>, interrupted: bool) -> Option<Self> {
        let State::Crashed(why) = &outcome.state else { return None };
        let before = outcome.phases.iter().rev().find(|(phase, _)| *phase != Phase::Done);
        let phase = before.map_or(Phase::Init, |(phase, _)| *phase);
        let began = outcome.phases.first().map_or(0, |(_, time)| *time);
        let zero = if phase == Phase::Init { began } else { outcome.zero };
        Some(Self {
            why: printable(why),
            interrupted,
            at_ms: millis(outcome.end.saturating_sub(zero)),
            phase: phase.name().to_owned(),
            node: words.map(|words| words.node.clone()),
            status: words.map(|words| words.status.clone()),
            last_lines: words.map_or_else(Vec::new, |words| {
                words.lines.iter().map(|line| quote(line.as_bytes())).collect()
            }),
            last_message: words
                .and_then(|words| words.last_message.as_ref())
                .map(|line| quote(line)),
        })
    }

    /// One line for lists and headlines.
    #[must_use]
    pub fn sentence(&self) -> String {
        let mut text = self.why.clone();
        // Any other sentence begins with a node's name.
        if self.interrupted
            && let Some(first) = text.get(..1).map(str::to_uppercase)
        {
            text.replace_range(..1, &first);
        }
        text
    }
}
