//! The pacer: when entries leave along the tree, so that one message carries as many as the latency
//! budget allows.
//!
//! A root may send at fixed intervals, its *pulse*. It tells its children the period and the phase of
//! the last beat, and they theirs. No clock is shared: all times are durations. A node then sends up
//! so as to arrive just before a beat.

use std::time::Duration;

use super::planner::Plan;
use crate::id::NodeId;
use crate::protocols::rumormill::ablation::Rule;
use crate::protocols::rumormill::message::Pulse;
use crate::time::Instant;

/// A new phase of the pulse weighs one eighth, as a new round trip does (RFC 6298).
const SMOOTHING: u64 = 8;

/// The slack of a root shrinks by this fraction with each flush: one slow message is forgotten after
/// some hundred.
const SLACK_DECAY: u32 = 64;

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
    /// How long before a beat the highest nodes arrive.
    pub(crate) margin: Duration,
}

impl Beat {
    /// The same pulse, heard once more. Each message is off by as much as its delay differs from the
    /// usual one, so the phase is smoothed; a phase that is far off is another pulse.
    fn merge(self, heard: Self) -> Self {
        let next = next_beat(self.at, self.period, heard.at);
        let last = next.before(self.period);
        let nearest = if next.since(heard.at) < heard.at.since(last) { next } else { last };
        let off = nearest.as_micros().abs_diff(heard.at.as_micros());
        if Duration::from_micros(off) > self.period / 4 {
            return heard;
        }
        let smoothing = if Rule::SmoothedPhase.applies() { SMOOTHING } else { 1 };
        let step = Duration::from_micros(off / smoothing);
        let at = if heard.at > nearest { nearest.after(step) } else { nearest.before(step) };
        Self { at, ..heard }
    }
}

/// The deadlines of the tree.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pacer {
    beat: Option<Beat>,
    /// As a root: when the children are sent to next, or, with a pulse, some flush.
    down_at: Option<Instant>,
    /// As a root with a pulse: the beat that the children are told is this much before the flush.
    slack: Duration,
    /// The slack at the last flush: that of the beat which the late entries were sent for.
    slack_told: Duration,
}

impl Pacer {
    /// The parent is another one: its pulse is not known yet.
    pub(crate) fn forget_beat(&mut self) {
        self.beat = None;
    }

    /// A message of the parent, `hop` away, carries its pulse, or none.
    pub(crate) fn on_pulse(&mut self, now: Instant, hop: Duration, pulse: Option<Pulse>) {
        let heard = pulse.filter(|pulse| pulse.period_us > 0).map(|pulse| Beat {
            at: now.before(Duration::from_micros(pulse.age_us) + hop),
            period: Duration::from_micros(pulse.period_us),
            distance: Duration::from_micros(pulse.distance_us) + hop,
        });
        self.beat = match (self.beat, heard) {
            (Some(known), Some(heard)) if known.period == heard.period => Some(known.merge(heard)),
            _ => heard,
        };
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
            // Entries that come down go on down.
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
                if self.down_at.is_some_and(|at| at < next) {
                    self.slack -= self.slack / SLACK_DECAY;
                    self.slack_told = self.slack;
                }
                self.down_at = Some(next);
                next
            }
        }
    }

    /// Entries of a child arrived that were sent for a beat. If they have just missed it, they get a
    /// flush of their own, which late entries share: returns its time. And the children are told an
    /// earlier beat from now on, for so many messages at once take longer than the delays measured.
    pub(crate) fn on_paced_entry(
        &mut self,
        now: Instant,
        plan: Option<Plan>,
        position: Position,
    ) -> Option<Instant> {
        let Some(Plan::Tree { period, pulse: true }) = plan else { return None };
        let at = self.down_at.filter(|_| position.parent.is_none())?;
        let last = next_beat(at, period, now).before(period);
        let late = now.since(last);
        // Entries that arrive later than that were sent for the next beat.
        if late >= period / 4 || !Rule::LateFlush.applies() {
            return None;
        }
        if Rule::Slack.applies() {
            self.slack = self.slack.max((self.slack_told + late).min(period / 4));
        }
        Some(now.max(last.after(position.margin)))
    }

    /// True if the pulse of the root is known.
    pub(crate) const fn has_beat(&self) -> bool {
        self.beat.is_some()
    }

    /// Time between the beat that the children are told and the flush, to be taken from the period.
    pub(crate) const fn slack(&self) -> Duration {
        self.slack
    }

    /// When to send up so as to arrive just before the root's next beat; at once without a pulse.
    fn before_next_beat(&self, now: Instant, position: Position) -> Instant {
        let Some(beat) = self.beat else { return now };
        let Position { depth, height, margin, .. } = position;
        let early = beat.distance + margin * depth / height.max(1);
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
            (None, _) => (self.down_at?.before(self.slack), period, Duration::ZERO),
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

    const MARGIN: Duration = Duration::from_millis(10);
    const ROOT: Position = Position { parent: None, depth: 0, height: 1, margin: MARGIN };
    const LEAF: Position = Position { parent: Some(NodeId(0)), depth: 1, ..ROOT };

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
        assert_eq!([10, 60, 110, 130, 350].map(&mut down), [110, 110, 210, 210, 450].map(at));
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
    fn entries_that_missed_their_beat_get_one_of_their_own() {
        let mut pacer = Pacer::default();
        let (root, plan) = (Position { margin: ms(20), ..ROOT }, tree(400, true));
        pacer.deadline(at(1_010), plan, root, NodeId(1), None);
        // Flushes at 1010, 1410, 1810: late entries share one at 1430.
        let late = [1_411, 1_425, 1_440].map(|now| pacer.on_paced_entry(at(now), plan, root));
        assert_eq!(late, [1_430, 1_430, 1_440].map(|ms| Some(at(ms))));
        // Entries a quarter of the period late were sent for the next beat.
        assert_eq!(pacer.on_paced_entry(at(1_510), plan, root), None);
        // From now on the children are told a beat that is earlier by the 30 ms.
        assert_eq!(
            (pacer.slack(), pacer.pulse(at(1_450), plan, root).unwrap().age_us),
            (ms(30), 70_000)
        );
        // Without late entries that shrinks.
        pacer.deadline(at(1_450), plan, root, NodeId(1), None);
        assert!(pacer.slack() < ms(30));
        // No other node flushes for late entries.
        assert_eq!(pacer.on_paced_entry(at(1_811), plan, LEAF), None);
        assert_eq!(pacer.on_paced_entry(at(1_811), tree(400, false), root), None);
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
        // An entry too late for a beat goes for the one after it.
        assert_eq!(up(&mut pacer, 1_279), at(1_880 - 100).before(MARGIN));
        assert_eq!(pacer.period(tree(7, true)), ms(500));
        pacer.forget_beat();
        assert_eq!((up(&mut pacer, 1_300), pacer.period(tree(7, true))), (at(1_300), ms(7)));
    }

    #[test]
    fn one_slow_message_hardly_moves_the_beat_and_another_pulse_replaces_it() {
        let mut pacer = Pacer::default();
        let hear = |pacer: &mut Pacer, now, period_us| {
            let pulse = Pulse { period_us, age_us: 0, distance_us: 0 };
            pacer.on_pulse(at(now), ms(100), Some(pulse));
            pacer.deadline(at(now), tree(500, true), LEAF, NodeId(0), None)
        };
        // Beats at 900, 1400, …; the leaf sends 110 ms before.
        assert_eq!(hear(&mut pacer, 1_000, 500_000), at(1_290));
        // 24 ms late: the beat moves by 3.
        assert_eq!(hear(&mut pacer, 1_524, 500_000), at(1_793));
        // 16 ms before the beat that is expected now: it moves back by 2.
        assert_eq!(hear(&mut pacer, 1_987, 500_000), at(2_291));
        // Half a period off, or of another period: another pulse.
        assert_eq!(hear(&mut pacer, 2_751, 500_000), at(3_041));
        assert_eq!(hear(&mut pacer, 3_000, 400_000), at(3_190));
    }

    #[test]
    fn what_comes_down_goes_on_down_and_what_comes_from_the_side_waits_a_period() {
        let mut pacer = Pacer::default();
        let inner = Position { height: 2, ..LEAF };
        let mut send = |from| pacer.deadline(at(50), tree(300, false), inner, NodeId(9), from);
        assert_eq!(send(Some(NodeId(0))), at(50));
        assert_eq!(send(Some(NodeId(8))), at(350));
        assert_eq!(send(None), at(350));
    }

    #[test]
    fn a_pulse_is_passed_on_with_the_distance_so_far() {
        let mut pacer = Pacer::default();
        let inner = Position { height: 2, ..LEAF };
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

    #[test]
    fn the_next_beat_is_the_first_one_after_now() {
        let next = |now| next_beat(at(210), ms(100), at(now));
        assert_eq!([0, 9, 10, 11, 209, 210].map(next), [10, 10, 110, 110, 210, 310].map(at));
        assert_eq!(next_beat(at(5), ms(0), at(5)), at(5).after(Duration::from_micros(1)));
    }

    #[test]
    fn the_slack_shrinks_once_per_flush_and_never_exceeds_a_quarter_of_the_period() {
        let mut pacer = Pacer::default();
        let plan = tree(400, true);
        let mut slack = |now, late: Option<u64>| {
            let now = at(now);
            for peer in [1, 2].map(NodeId) {
                pacer.deadline(now, plan, ROOT, peer, None);
            }
            late.map(|now| pacer.on_paced_entry(at(now), plan, ROOT));
            pacer.slack().as_micros()
        };
        // Flushes at 1000, 1400, 1800, …
        assert_eq!(slack(1_000, None), 0);
        assert_eq!(slack(1_100, Some(1_464)), 64_000);
        assert_eq!(slack(1_500, None), 63_000);
        // Late by 30 ms for a beat that was told 63 ms early; less late than that tells nothing new.
        assert_eq!(slack(1_700, Some(1_830)), 93_000);
        assert_eq!(slack(1_750, Some(1_820)), 93_000);
        assert_eq!(slack(1_760, Some(1_890)), 100_000);
    }

    #[test]
    fn the_deeper_a_node_the_earlier_it_sends() {
        let early = |depth, height| {
            let mut pacer = Pacer::default();
            let pulse = Pulse { period_us: 500_000, age_us: 0, distance_us: 40_000 };
            assert!(!pacer.has_beat());
            pacer.on_pulse(at(1_000), ms(60), Some(pulse));
            assert!(pacer.has_beat());
            let position = Position { depth, height, margin: ms(30), ..LEAF };
            let sent = pacer.deadline(at(1_000), tree(500, true), position, NodeId(0), None);
            // The root beats at 1440, 100 ms from here.
            at(1_440 - 100).since(sent)
        };
        assert_eq!(
            [(0, 3), (1, 3), (2, 3), (3, 3)].map(|(d, h)| early(d, h)),
            [0, 10, 20, 30].map(ms)
        );
        assert_eq!(early(1, 0), ms(30));
    }

    #[test]
    fn a_pulse_of_another_period_or_a_quarter_off_is_another_one() {
        // Beats at 1000, 1400, …; what is heard after that, and a later beat as it is then known.
        let beat = |heard, period_us| {
            let mut pacer = Pacer::default();
            let pulse = |period_us| Some(Pulse { period_us, age_us: 0, distance_us: 0 });
            pacer.on_pulse(at(1_000), ms(0), pulse(400_000));
            pacer.on_pulse(at(heard), ms(0), pulse(period_us));
            let position = Position { margin: ms(0), ..LEAF };
            pacer.deadline(at(2_000), tree(400, true), position, NodeId(0), None)
        };
        assert_eq!((beat(1_480, 400_000), beat(1_320, 400_000)), (at(2_210), at(2_190)));
        assert_eq!(
            (beat(1_500, 400_000), beat(1_504, 400_000)),
            (at(2_212).after(ms(1) / 2), at(2_304))
        );
        assert_eq!(beat(1_408, 300_000), at(2_008));
    }
}
