//! The life of a test as a state machine: no clock, no I/O.

use rumormill::message::Message;

use crate::history::Nanos;
use crate::journal::EventSink;
use crate::outcome::{Delivery, Notice, Outcome, Progress, State};
use crate::settings::Settings;

/// One run. Drive it so:
///
/// 1. [`start`](Self::start) once all nodes can be written to.
/// 2. Whenever a node writes something, dies, or [`poll_timeout`](Self::poll_timeout)'s instant
///    has come, call the `handle_` method for it, then poll until nothing comes any more:
///    [`poll_delivery`](Self::poll_delivery) (write it at once), [`poll_notice`](Self::poll_notice),
///    [`state`](Self::state), [`poll_timeout`](Self::poll_timeout).
/// 3. When the state is no longer [`State::Running`], [`into_outcome`](Self::into_outcome).
///
/// `now` is in nanoseconds since an origin of the driver's choice and must never decrease.
#[derive(Debug)]
pub struct Run<S> {
    sink: S,
}

impl<S: EventSink> Run<S> {
    /// A run that has not begun.
    ///
    /// # Errors
    /// If the settings make no sense ([`Settings::check`]).
    pub fn new(settings: &Settings, sink: S) -> anyhow::Result<Self>;

    /// Sends `init` to all nodes.
    pub fn start(&mut self, now: Nanos);

    /// A node wrote a line to stdout (with or without its newline).
    pub fn handle_line(&mut self, now: Nanos, node: usize, line: &[u8]);

    /// A simulated node sent a message.
    pub fn handle_message(&mut self, now: Nanos, node: usize, message: Message);

    /// A node's process is gone, which ends the run: `why` is its exit status, in words.
    pub fn handle_exit(&mut self, now: Nanos, node: usize, why: &str);

    /// The run cannot go on for a reason of the driver's (interrupted by the user, for example).
    pub fn abort(&mut self, now: Nanos, why: &str);

    /// The instant of [`poll_timeout`](Self::poll_timeout) has come.
    pub fn handle_timeout(&mut self, now: Nanos);

    /// The next message to be handed to a node, now.
    pub fn poll_delivery(&mut self) -> Option<Delivery>;

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called; `None` if never.
    pub fn poll_timeout(&self) -> Option<Nanos>;

    /// The next thing a person should see.
    pub fn poll_notice(&mut self) -> Option<Notice>;

    /// How the run stands.
    pub fn state(&self) -> &State;

    /// Figures for a progress line; cheap.
    pub fn progress(&self) -> Progress;

    /// Ends the run and hands everything out.
    pub fn into_outcome(self, now: Nanos) -> (Outcome, S);
}
