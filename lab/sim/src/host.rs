//! A process and what the simulation does to it: its clock, pauses, crashes.

use std::collections::VecDeque;

use rumormill::id::Generation;
use rumormill::time::Instant;

use crate::process::{Input, Process};
use crate::time::Nanos;

/// One node of a simulation.
#[derive(Debug)]
pub struct Host<P: Process> {
    process: P,
    generation: u64,
    is_up: bool,
    /// Present while time stands still for the node.
    pub(crate) pause: Option<Box<Pause<P>>>,
    /// Present while its disk is full: until when.
    pub(crate) disk_full_until: Option<Nanos>,
    /// How far its clock is ahead of the simulation's (behind, if negative).
    clock_offset: i64,
    /// The wake-up that counts, by the simulation's clock; [`Nanos::MAX`] for none.
    pub(crate) wake_at: Nanos,
}

/// A node that is paused.
#[derive(Debug)]
pub(crate) struct Pause<P: Process> {
    pub(crate) until: Nanos,
    /// Arrivals meanwhile.
    pub(crate) backlog: VecDeque<Input<P>>,
}

impl<P: Process> Host<P> {
    pub(crate) const fn new(process: P) -> Self {
        Self {
            process,
            generation: 1,
            is_up: true,
            pause: None,
            disk_full_until: None,
            clock_offset: 0,
            wake_at: Nanos::MAX,
        }
    }

    /// The process. While the node is down, it is the one that is gone.
    #[must_use]
    pub const fn process(&self) -> &P {
        &self.process
    }

    pub(crate) const fn process_mut(&mut self) -> &mut P {
        &mut self.process
    }

    /// False from a crash to the restart.
    #[must_use]
    pub const fn is_up(&self) -> bool {
        self.is_up
    }

    /// True while time stands still for it.
    #[must_use]
    pub const fn is_paused(&self) -> bool {
        self.pause.is_some()
    }

    /// The present generation, from 1.
    #[must_use]
    pub const fn generation(&self) -> Generation {
        Generation(self.generation)
    }

    /// The time that the node's own clock shows at `now`.
    #[must_use]
    pub const fn clock(&self, now: Nanos) -> Instant {
        Instant::from_micros(now.saturating_add_signed(self.clock_offset) / 1_000)
    }

    /// A clock does not jump to before its own beginning: it would stand still there.
    pub(crate) fn jump_clock(&mut self, now: Nanos, by: i64) {
        let earliest = i64::try_from(now).unwrap_or(i64::MAX).saturating_neg();
        self.clock_offset = self.clock_offset.saturating_add(by).max(earliest);
    }

    /// Lets the clock begin at zero.
    pub(crate) fn reset_clock(&mut self, now: Nanos) {
        self.clock_offset = i64::try_from(now).unwrap_or(i64::MAX).saturating_neg();
    }

    pub(crate) fn crash(&mut self) {
        self.process.on_crash();
        self.is_up = false;
        self.pause = None;
        self.wake_at = Nanos::MAX;
    }

    pub(crate) const fn come_back(&mut self) {
        self.generation += 1;
        self.is_up = true;
    }

    /// When the process wants to be woken, by the simulation's clock; [`Nanos::MAX`] for never.
    pub(crate) fn next_timeout(&self) -> Nanos {
        self.process.next_timeout().map_or(Nanos::MAX, |at| {
            let at = at.as_micros().saturating_mul(1_000);
            // A clock that was set back comes to the same instant again, later.
            at.saturating_add_signed(self.clock_offset.saturating_neg()).min(Nanos::MAX - 1)
        })
    }
}
