//! The times at which nodes held values, once the run is over and it is known where values stand in messages.

use super::Run;
use crate::trace::{Event, ValueTrace};

impl<S> Run<S> {
    /// Goes through all that was seen of processes again, for the figures.
    pub(super) fn finish_spread(&mut self) -> ValueTrace {
        let zero = self.zero;
        let time = |at: u64| at.saturating_sub(zero);
        let Self { tracer, gossiped, components, .. } = self;
        let trace = tracer.replay(|event| match event {
            Event::Held { node, value, at } => {
                if gossiped.holds(node as usize, u64::from(value), time(at))
                    && let Some(components) = components
                {
                    components.held(node as usize, u64::from(value), time(at));
                }
            }
            Event::Acked { node, value, at } => {
                gossiped.acked(u64::from(value), time(at));
                if let Some(components) = components {
                    components.acked(u64::from(value), node, time(at), gossiped);
                }
            }
            Event::Forgot { node } => gossiped.forget(node as usize),
            Event::Connected { at, components: now } => {
                if let Some(components) = components {
                    components.connect(time(at), now.to_vec(), gossiped);
                }
            }
        });
        gossiped.used = trace.source.is_messages();
        trace
    }
}
