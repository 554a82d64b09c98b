//! The session with a peer: which of its generations is the present one.
//!
//! A peer that restarts begins a new generation (SWIM's incarnation, Scuttlebutt's generation).
//! Its acks and digests are evidence of that generation only. The network may deliver messages of
//! an earlier generation late, even those of a generation that was never heard while it lasted.

use std::collections::BTreeSet;

use crate::id::Generation;

/// The generation of a message, compared with the present one of the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Incarnation {
    /// The same.
    Same,
    /// A generation not heard before: the peer restarted, or this is its first message.
    Newer,
    /// A straggler from an earlier generation: its acks are void.
    Older,
}

/// The generations of a peer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Session {
    generation: Option<Generation>,
    past: BTreeSet<Generation>,
    /// Number of this node's first message after it heard the present generation.
    first_number: u64,
}

impl Session {
    /// The present generation, once the peer was heard.
    pub(crate) const fn generation(&self) -> Option<Generation> {
        self.generation
    }

    /// Takes in the generation of a message. `acked` is the number of this node's message that it
    /// acknowledges, and `next_number` that of this node's next message.
    ///
    /// A generation that was taken for past is alive after all if it acknowledges a message that
    /// was sent since the present one was heard.
    pub(crate) fn on_generation(
        &mut self,
        generation: Generation,
        acked: Option<u64>,
        next_number: u64,
    ) -> Incarnation {
        if self.generation == Some(generation) {
            return Incarnation::Same;
        }
        let is_alive = acked.is_some_and(|number| number >= self.first_number);
        if self.past.contains(&generation) && !is_alive {
            return Incarnation::Older;
        }
        self.past.remove(&generation);
        if let Some(previous) = self.generation.replace(generation) {
            self.past.insert(previous);
        }
        self.first_number = next_number;
        Incarnation::Newer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_message_of_an_unheard_generation_does_not_hide_the_living_one() {
        let mut session = Session::default();
        let (first, second) = (Generation(1), Generation(2));
        assert_eq!(session.on_generation(second, None, 0), Incarnation::Newer);
        assert_eq!(session.on_generation(first, None, 0), Incarnation::Newer);
        assert_eq!(session.on_generation(second, None, 0), Incarnation::Older);
        // Message 0 was sent since; the second generation acknowledges it.
        assert_eq!(session.on_generation(second, Some(0), 1), Incarnation::Newer);
        assert_eq!(session.on_generation(first, None, 1), Incarnation::Older);
        assert_eq!(session.on_generation(first, Some(0), 1), Incarnation::Older);
        assert_eq!(session.generation(), Some(second));
    }
}
