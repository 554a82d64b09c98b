//! A message for a program.

use serde::Serialize;

use crate::store::journal::{Journal, Message};

/// A message, with times in ms of the history's clock.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Row {
    /// Its number in the run.
    pub message: u64,
    /// Sender.
    pub from: String,
    /// Addressee.
    pub to: String,
    /// Its `type`.
    pub kind: String,
    /// The values in it, as JSON text.
    pub values: Vec<String>,
    /// When it was sent.
    pub sent_ms: f64,
    /// When it was handed over; several times if it was duplicated.
    pub received_ms: Vec<f64>,
    /// Why it was dropped, if it was.
    pub dropped_by: Option<String>,
}

impl Row {
    /// A message of a run.
    #[must_use]
    pub fn of(journal: &Journal, message: &Message) -> Self {
        let text = |value: &u32| journal.trace.values[*value as usize].value.to_string();
        Self {
            message: message.id,
            from: message.src.clone(),
            to: message.dest.clone(),
            kind: message.kind.clone(),
            values: message.values.iter().map(text).collect(),
            sent_ms: journal.millis(message.sent),
            received_ms: message.received.iter().map(|at| journal.millis(*at)).collect(),
            dropped_by: message.dropped.as_ref().map(|(_, cause)| cause.clone()),
        }
    }
}
