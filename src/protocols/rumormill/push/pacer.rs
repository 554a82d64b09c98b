//! The pacer: when entries leave along the tree, so that one message carries as many as the latency
//! budget allows.
//!
//! A root may send in a fixed rhythm, its *pulse*. It tells its children the period and the phase of
//! the last beat, and they theirs. No clock is shared: all times are durations. A node then sends up
//! so as to arrive just before a beat.

use std::time::Duration;

use super::planner::{MARGIN, Plan};
use crate::id::NodeId;
use crate::protocols::rumormill::message::Pulse;
use crate::time::Instant;

/// The pulse of the root as heard from the parent.
#[derive(Clone, Copy, Debug)]
struct Beat {
    /// A beat of the root, by this node's clock.
    at: Instant,
    period: Duration,
    /// One-way delay from the root to here.
    distance: Duration,
}

/// A node's place in the tree, as far as the pacer needs it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Position {
    pub(crate) parent: Option<NodeId>,
    /// Hops from the root in the preferred tree.
    pub(crate) depth: u32,
    /// Height of the preferred tree.
    pub(crate) height: u32,
}

/// The deadlines of the tree.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pacer {
    beat: Option<Beat>,
    /// As a root: when the children are sent to next, or, with a pulse, some beat.
    down_at: Option<Instant>,
}

impl Pacer {
    /// The parent is another one: its pulse is not known yet.
    pub(crate) fn forget_beat(&mut self) {
        self.beat = None;
    }

    /// A message of the parent, `hop` away, carries its pulse, or none.
    pub(crate) fn on_pulse(&mut self, now: Instant, hop: Duration, pulse: Option<Pulse>) {
        self.beat = pulse.filter(|pulse| pulse.period_us > 0).map(|pulse| Beat {
            at: now.before(Duration::from_micros(pulse.age_us) + hop),
            period: Duration::from_micros(pulse.period_us),
            distance: Duration::from_micros(pulse.distance_us) + hop,
        });
    }

    /// When an entry that came from `from` leaves for `peer`.
    pub(crate) fn deadline(
        &mut self,
        now: Instant,
        plan: Option<Plan>,
        position: Position,
        peer: NodeId,
        from: Option<NodeId>,
    ) -> Instant {
        let Some(Plan::Tree { period, pulse }) = plan else { return now };
        if position.parent == Some(peer) {
            return self.before_next_beat(now, position);
        }
        match position.parent {
            // What comes down goes on down.
            Some(parent) if from == Some(parent) => now,
            // Siblings are served by the root's next beat: until then there is time.
            Some(_) => now.after(self.beat.map_or(period, |beat| beat.period)),
            None => {
                let next = match self.down_at {
                    Some(at) if at > now => at,
                    Some(at) if pulse => next_beat(at, period, now),
                    // The first beat is now: all others follow from it.
                    None if pulse => now,
                    _ => now.after(period),
                };
                self.down_at = Some(next);
                next
            }
        }
    }

    /// When to send up so as to arrive just before the root's next beat; at once without a pulse.
    fn before_next_beat(&self, now: Instant, Position { depth, height, .. }: Position) -> Instant {
        let Some(beat) = self.beat else { return now };
        let early = beat.distance + MARGIN * depth / height.max(1);
        next_beat(beat.at, beat.period, now.after(early)).before(early)
    }

    /// The pulse to tell a child, if there is one.
    pub(crate) fn pulse(
        &self,
        now: Instant,
        plan: Option<Plan>,
        position: Position,
    ) -> Option<Pulse> {
        let Some(Plan::Tree { period, pulse: true }) = plan else { return None };
        let (at, period, distance) = match (position.parent, self.beat) {
            (Some(_), Some(beat)) => (beat.at, beat.period, beat.distance),
            (Some(_), None) => return None,
            (None, _) => (self.down_at?, period, Duration::ZERO),
        };
        let last = next_beat(at, period, now).before(period);
        let micros = |duration: Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        Some(Pulse {
            period_us: micros(period),
            age_us: micros(now.since(last)),
            distance_us: micros(distance),
        })
    }

    /// Longest wait of an entry at the root of a tree; zero without a tree.
    pub(crate) fn period(&self, plan: Option<Plan>) -> Duration {
        match (self.beat, plan) {
            (Some(beat), _) => beat.period,
            (None, Some(Plan::Tree { period, .. })) => period,
            _ => Duration::ZERO,
        }
    }

    /// Longest wait of an entry, here or at a peer, before it is sent.
    pub(crate) fn longest_wait(&self, plan: Option<Plan>) -> Duration {
        match plan {
            Some(Plan::Flood { window } | Plan::Direct { window }) => window,
            _ => self.period(plan),
        }
    }
}

/// The first beat after `now` of the pulse that has a beat at `beat`.
fn next_beat(beat: Instant, period: Duration, now: Instant) -> Instant {
    let (beat, now) = (beat.as_micros(), now.as_micros());
    let period = u64::try_from(period.as_micros()).unwrap_or(u64::MAX).max(1);
    let phase = beat % period;
    let next = (now.saturating_sub(phase) / period).saturating_add(1).saturating_mul(period);
    Instant::from_micros(if now < phase { phase } else { next.saturating_add(phase) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: Position = Position { parent: None, depth: 0, height: 1 };
    const LEAF: Position = Position { parent: Some(NodeId(0)), depth: 1, height: 1 };

    fn at(ms: u64) -> Instant {
        Instant::from_micros(ms * 1_000)
    }

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn tree(period: u64, pulse: bool) -> Option<Plan> {
        Some(Plan::Tree { period: ms(period), pulse })
    }

    #[test]
    fn a_root_without_a_pulse_opens_a_window_with_the_first_entry() {
        let mut pacer = Pacer::default();
        let mut down = |now| pacer.deadline(at(now), tree(100, false), ROOT, NodeId(1), None);
        assert_eq!([10, 60, 110, 130].map(&mut down), [110, 110, 210, 210].map(at));
    }

    #[test]
    fn a_root_with_a_pulse_keeps_its_beat() {
        let mut pacer = Pacer::default();
        let mut down = |now| pacer.deadline(at(now), tree(100, true), ROOT, NodeId(1), None);
        assert_eq!([10, 20, 330].map(&mut down), [10, 110, 410].map(at));
        let pulse = pacer.pulse(at(440), tree(100, true), ROOT).unwrap();
        assert_eq!((pulse.period_us, pulse.age_us, pulse.distance_us), (100_000, 30_000, 0));
    }

    #[test]
    fn a_leaf_arrives_a_margin_before_the_beat() {
        let mut pacer = Pacer::default();
        let up = |pacer: &mut Pacer, now| {
            pacer.deadline(at(now), tree(500, true), LEAF, NodeId(0), None)
        };
        assert_eq!(up(&mut pacer, 300), at(300), "no pulse is known yet");
        // The root beat 20 ms before it sent; the message took 100 ms: a beat at 880.
        let pulse = Pulse { period_us: 500_000, age_us: 20_000, distance_us: 0 };
        pacer.on_pulse(at(1_000), ms(100), Some(pulse));
        assert_eq!(up(&mut pacer, 1_050), at(1_380 - 100).before(MARGIN));
        // What comes too late for a beat goes for the one after it.
        assert_eq!(up(&mut pacer, 1_279), at(1_880 - 100).before(MARGIN));
        assert_eq!(pacer.period(tree(7, true)), ms(500));
        pacer.forget_beat();
        assert_eq!((up(&mut pacer, 1_300), pacer.period(tree(7, true))), (at(1_300), ms(7)));
    }

    #[test]
    fn what_comes_down_goes_on_down_and_what_comes_from_the_side_waits_a_period() {
        let mut pacer = Pacer::default();
        let inner = Position { parent: Some(NodeId(0)), depth: 1, height: 2 };
        let mut send = |from| pacer.deadline(at(50), tree(300, false), inner, NodeId(9), from);
        assert_eq!(send(Some(NodeId(0))), at(50));
        assert_eq!(send(Some(NodeId(8))), at(350));
        assert_eq!(send(None), at(350));
    }

    #[test]
    fn a_pulse_is_passed_on_with_the_distance_so_far() {
        let mut pacer = Pacer::default();
        let inner = Position { parent: Some(NodeId(0)), depth: 1, height: 2 };
        assert_eq!(pacer.pulse(at(0), tree(300, true), inner), None);
        let pulse = Pulse { period_us: 500_000, age_us: 0, distance_us: 40_000 };
        pacer.on_pulse(at(1_000), ms(60), Some(pulse));
        let passed = pacer.pulse(at(1_010), tree(300, true), inner).unwrap();
        assert_eq!((passed.period_us, passed.age_us), (500_000, 70_000));
        assert_eq!(passed.distance_us, 100_000);
        pacer.on_pulse(at(1_020), ms(60), Some(Pulse { period_us: 0, ..pulse }));
        assert_eq!(pacer.pulse(at(1_020), tree(300, true), inner), None);
    }

    #[test]
    fn entries_wait_for_the_window_without_a_tree() {
        let pacer = Pacer::default();
        assert_eq!(pacer.longest_wait(Some(Plan::Direct { window: ms(30) })), ms(30));
        assert_eq!(pacer.longest_wait(tree(70, false)), ms(70));
        assert_eq!((pacer.period(None), pacer.longest_wait(None)), (ms(0), ms(0)));
    }
}
