//! A line of `messages.jsonl`, as it is read again; `sink.rs` writes them.

use rumormill_sim::Nanos;
use serde::Deserialize;
use serde_json::value::RawValue;

/// The content of a line. Those of kind `zero` only say where the history's clock begins.
#[derive(Deserialize)]
pub(crate) struct MessageLine<'a> {
    pub(crate) t: Nanos,
    /// `zero`, `send`, `recv` or `drop`.
    pub(crate) e: &'a str,
    #[serde(default)]
    pub(crate) id: u64,
    #[serde(default)]
    pub(crate) src: String,
    #[serde(default)]
    pub(crate) dest: String,
    #[serde(borrow)]
    pub(crate) body: Option<&'a RawValue>,
    /// Why a message was dropped.
    pub(crate) cause: Option<String>,
}
