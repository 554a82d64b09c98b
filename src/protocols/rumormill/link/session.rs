//! The session with a peer: which of its generations is the present one.
//!
//! A peer that restarts begins a new generation (SWIM's incarnation, Scuttlebutt's generation).
//! Its acks and digests are evidence of that generation only. The network may deliver messages of
//! an earlier generation late, even those of a generation that was never heard while it lasted.
//!
//! Generations are times, so a larger one is a newer one. A clock that was set back between two
//! starts breaks that order; then the *challenge* decides. A message of a generation that seems
//! older is acked to that generation once. A dead generation never answers. A living one finds its
//! message acked, and its next message acks the challenge: that ack proves that it is alive.

use std::time::Duration;

use crate::id::Generation;
use crate::protocols::rumormill::message::Ack;
use crate::time::Instant;

/// The generation of a message, compared with the present one of the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Incarnation {
    /// There is none yet: this is the peer's first message.
    First,
    /// The same.
    Same,
    /// The peer restarted.
    Newer,
    /// A straggler from an earlier generation, as it seems: its acks are void.
    Older,
}

/// A message whose generation seems older: it is acked to that generation.
#[derive(Clone, Copy, Debug)]
struct Challenge {
    generation: Generation,
    number: u64,
    at: Instant,
}

/// The generations of a peer.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Session {
    generation: Option<Generation>,
    /// Number of this node's first message after it heard the present generation.
    first_number: u64,
    challenge: Option<Challenge>,
}

impl Session {
    /// The present generation, once the peer was heard.
    pub(crate) const fn generation(&self) -> Option<Generation> {
        self.generation
    }

    /// Takes in the generation and the number of a message. `acked` is the number of this node's
    /// message that it acknowledges, and `next_number` that of this node's next message.
    ///
    /// A generation that seems older is alive if it acknowledges a message that was sent since the
    /// present one was heard.
    pub(crate) fn on_message(
        &mut self,
        now: Instant,
        generation: Generation,
        number: u64,
        acked: Option<u64>,
        next_number: u64,
    ) -> Incarnation {
        let is_alive = || acked.is_some_and(|number| number >= self.first_number);
        let incarnation = match self.generation {
            None => Incarnation::First,
            Some(present) if present == generation => return Incarnation::Same,
            Some(present) if generation < present && !is_alive() => {
                self.challenge = Some(Challenge { generation, number, at: now });
                return Incarnation::Older;
            }
            Some(_) => Incarnation::Newer,
        };
        *self = Self { generation: Some(generation), first_number: next_number, challenge: None };
        incarnation
    }

    /// The ack of a challenge, to be sent in place of the ordinary one.
    pub(crate) fn challenge(&self, now: Instant) -> Option<Ack> {
        let Challenge { generation, number, at } = self.challenge?;
        let held: Duration = now.since(at);
        let held_us = u64::try_from(held.as_micros()).unwrap_or(u64::MAX);
        let numbers = std::iter::once(number..number.saturating_add(1)).collect();
        Some(Ack { generation, numbers, held_us })
    }

    /// A message was sent: it carried the challenge.
    pub(crate) const fn on_sent(&mut self) {
        self.challenge = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Instant = Instant::ZERO;

    fn hear(session: &mut Session, generation: u64, acked: Option<u64>, next: u64) -> Incarnation {
        session.on_message(NOW, Generation(generation), 7, acked, next)
    }

    #[test]
    fn a_late_message_of_an_unheard_generation_does_not_hide_the_living_one() {
        let mut session = Session::default();
        assert_eq!(hear(&mut session, 2, None, 0), Incarnation::First);
        assert_eq!(hear(&mut session, 1, None, 0), Incarnation::Older);
        assert_eq!(hear(&mut session, 2, None, 0), Incarnation::Same);
        assert_eq!(hear(&mut session, 3, None, 0), Incarnation::Newer);
        assert_eq!(session.generation(), Some(Generation(3)));
    }

    #[test]
    fn a_living_generation_that_seems_older_answers_the_challenge() {
        let mut session = Session::default();
        hear(&mut session, 9, None, 4);
        assert_eq!(hear(&mut session, 2, None, 4), Incarnation::Older);
        let ack = session.challenge(NOW.after(Duration::from_millis(5))).unwrap();
        assert_eq!((ack.generation, ack.largest(), ack.held_us), (Generation(2), Some(7), 5_000));
        session.on_sent();
        assert_eq!(session.challenge(NOW), None);
        // An ack of a message before the present generation proves nothing.
        assert_eq!(hear(&mut session, 2, Some(3), 5), Incarnation::Older);
        assert_eq!(hear(&mut session, 2, Some(4), 5), Incarnation::Newer);
        assert_eq!((session.generation(), session.challenge(NOW)), (Some(Generation(2)), None));
    }
}
