//! Values that nodes were sent and never returned: the first thing to look at when they lack them.

use rumormill::value::Value;

use crate::checker::missing::{NodeMissing, SentInVain};
use crate::outcome::Outcome;
use crate::settings::Settings;
use crate::trace::{Unreturned, ValueTrace, Via};

/// Adds to what a node lacks how it was sent it.
pub(super) fn note(
    missing: &mut NodeMissing,
    trace: &ValueTrace,
    settings: &Settings,
    outcome: &Outcome,
) {
    let Some(node) = settings.nodes.iter().position(|name| **name == missing.node) else { return };
    let name = |node: u32| settings.nodes.get(node as usize).map(ToString::to_string);
    // Nodes are numbered with 32 bits.
    let sent = |value: &u64| {
        let is_it = |traced: &&crate::trace::TracedValue| matches!(traced.value, Value::Int(int) if u64::try_from(int) == Ok(*value));
        let Unreturned { at, via, .. } =
            *trace.values.iter().find(is_it)?.unreturned_by(node as u32)?;
        let from = match via {
            Via::Message { from, .. } => name(from),
            Via::Client(_) | Via::Read => None,
        };
        Some(SentInVain { value: *value, from, at_ms: outcome.relative_ms(at) })
    };
    missing.sent = missing.missing.iter().filter_map(sent).collect();
}
