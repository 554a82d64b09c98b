//! The network between the nodes: latency, queues, and what stands in a message's way.
//!
//! A chain of rules ([`rule::Rule`]), each in its own file. When a message is *sent*, all dice are
//! rolled, whether a rule needs them or not: latency (unless it is constant), loss, duplication,
//! reordering. When its receiver *takes* it, the partitions and cuts of that moment decide whether it
//! gets through.
//!
//! With head-of-line delivery (`head_of_line.rs`) a node takes one message after another.
//! Without, every message is taken when it is due.
//!
//! The delay of the rules (slow nodes, reordering) passes before a message comes to the queue of
//! its receiver: otherwise one slow node would slow down every node to which it sends.
//!
//! No clock, no I/O: a simulation drives it in virtual time, a harness of real processes in real
//! time. Its owner may set alarms in its timer queue, so that one queue orders everything.

mod conditions;
mod counts;
pub mod cut;
pub mod duplicate;
mod head_of_line;
pub mod latency;
pub mod loss;
pub mod partition;
pub mod reorder;
pub mod rule;
pub mod slow;
mod stopped;

use std::collections::{BTreeMap, VecDeque};

use crate::dice::Dice;
use crate::time::{MS, Nanos};
use crate::timer_queue::TimerQueue;
pub use conditions::{Conditions, Rules};
pub use counts::{DropCause, FaultCounts};
use head_of_line::{Queue, Waiting};
use latency::{Latency, LatencyRule};
use stopped::Stopped;

/// The parameters of a network.
#[derive(Clone, Debug, Default)]
pub struct NetworkConfig {
    /// Number of nodes.
    pub nodes: u32,
    /// From which all dice are derived.
    pub seed: u64,
    /// Latency of the messages between nodes.
    pub latency: Latency,
    /// A node takes one message after another, as under Maelstrom.
    pub head_of_line: bool,
    /// The rules.
    pub rules: Rules,
}

/// The way of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way {
    /// Sender; `None` for a client.
    pub from: Option<u32>,
    /// Receiver.
    pub to: u32,
    /// No latency and none of the rules that act when a message is sent.
    pub is_exempt: bool,
    /// Counted by [`Network::queued_values`].
    pub has_values: bool,
}

impl Way {
    /// The way from one node to another.
    #[must_use]
    pub const fn between(from: u32, to: u32) -> Self {
        Self { from: Some(from), to, is_exempt: false, has_values: true }
    }

    /// The way from a client to a node.
    #[must_use]
    pub const fn from_client(to: u32) -> Self {
        Self { from: None, to, is_exempt: true, has_values: true }
    }
}

/// A message that a network can carry: it knows its way.
pub trait Routed {
    /// Its way, always the same.
    fn way(&self) -> Way;
}

/// The end of a message's way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival<M> {
    /// The message.
    pub message: M,
    /// Why it did not arrive, if it did not.
    pub dropped: Option<DropCause>,
}

/// A timer that was due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due<A> {
    /// Messages went on: poll for arrivals.
    Messages,
    /// An alarm of the owner.
    Alarm(A),
}

/// A message on its way, by its place.
type MessageId = u32;

/// A message that the rules delayed.
#[derive(Clone, Copy, Debug)]
struct Delayed {
    id: MessageId,
    to: u32,
    /// The latency that is left after the delay.
    latency: Nanos,
}

#[derive(Clone, Debug)]
enum Timer<A> {
    /// This message is due.
    Message(MessageId),
    /// The message that this node's consumer has in hand is due.
    Queue(u32),
    /// A message that the rules delayed comes to the queue of its receiver.
    Delayed,
    Alarm(A),
}

/// The messages that wait for a node.
#[derive(Clone, Debug, Default)]
struct Inbox {
    /// With head-of-line delivery; otherwise empty.
    queue: Queue,
    /// Number of messages, which are timers without head-of-line delivery.
    length: usize,
    /// The node is marked down.
    is_bounded: bool,
    /// Nothing is taken from it.
    is_halted: bool,
}

/// The network. `M` is what it carries, `A` an alarm of its owner.
#[derive(Clone, Debug)]
pub struct Network<M, A = ()> {
    timers: TimerQueue<Timer<A>>,
    latency: LatencyRule,
    copy_latency: LatencyRule,
    conditions: Conditions,
    head_of_line: bool,
    /// By node.
    inboxes: Vec<Inbox>,
    /// By node.
    stopped: Vec<Stopped>,
    /// Messages on their way; places that are free are in `free`.
    transits: Vec<Option<M>>,
    free: Vec<MessageId>,
    /// By when they go on, and the order of sending.
    delayed: BTreeMap<(Nanos, u64), Delayed>,
    sent: u64,
    queued: u64,
    queued_values: u64,
    arrivals: VecDeque<Arrival<M>>,
}

impl<M, A> Network<M, A> {
    /// A network without messages.
    #[must_use]
    pub fn new(config: NetworkConfig) -> Self {
        let NetworkConfig { nodes, seed, latency, head_of_line, rules } = config;
        Self {
            timers: TimerQueue::default(),
            latency: LatencyRule::new(latency, Dice::new(seed, "latency")),
            copy_latency: LatencyRule::new(latency, Dice::new(seed, "copy latency")),
            conditions: Conditions::new(nodes, seed, rules),
            head_of_line,
            inboxes: vec![Inbox::default(); nodes as usize],
            stopped: vec![Stopped::default(); nodes as usize],
            transits: Vec::new(),
            free: Vec::new(),
            delayed: BTreeMap::new(),
            sent: 0,
            queued: 0,
            queued_values: 0,
            arrivals: VecDeque::new(),
        }
    }

    /// Messages on their way.
    #[must_use]
    pub const fn queued(&self) -> u64 {
        self.queued
    }

    /// Messages on their way that may carry values.
    #[must_use]
    pub const fn queued_values(&self) -> u64 {
        self.queued_values
    }

    /// Partitions, faults, and which nodes are there.
    #[must_use]
    pub const fn conditions(&self) -> &Conditions {
        &self.conditions
    }

    /// Partitions, faults, and which nodes are there.
    pub const fn conditions_mut(&mut self) -> &mut Conditions {
        &mut self.conditions
    }

    /// Changes the mean latency from now on.
    pub const fn set_latency(&mut self, mean_ms: u64) {
        self.latency.set_mean_ms(mean_ms);
        self.copy_latency.set_mean_ms(mean_ms);
        self.conditions.counts_mut().latency_changed += 1;
    }

    /// Sets an alarm. Alarms and messages of one instant are due in the order in which they were
    /// set and sent.
    pub fn set_alarm(&mut self, at: Nanos, alarm: A) {
        self.timers.add(at, Timer::Alarm(alarm));
    }

    /// Removes all timers: nothing happens any more.
    pub fn clear_timers(&mut self) {
        self.timers.clear();
    }

    /// When the next timer is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Nanos> {
        self.timers.next_time()
    }

    /// The next message that has arrived, or was lost.
    pub fn poll_arrival(&mut self) -> Option<Arrival<M>> {
        self.arrivals.pop_front()
    }
}

impl<M: Clone + Routed, A> Network<M, A> {
    /// Sends a message. From a client it takes no time, but has to queue.
    pub fn send(&mut self, now: Nanos, message: M) {
        let way = message.way();
        let Some(from) = way.from.filter(|_| !way.is_exempt) else {
            self.admit(now, now, 0, message);
            return;
        };
        let latency_ms = self.latency.draw_ms();
        let copy_latency_ms = self.copy_latency.draw_ms();
        let fate = self.conditions.on_send(now, from, way.to);
        if let dropped @ Some(_) = fate.dropped {
            self.arrivals.push_back(Arrival { message, dropped });
            return;
        }
        let goes_on = now.saturating_add(fate.delay);
        if fate.is_duplicated {
            let latency = copy_latency_ms.saturating_mul(MS);
            self.admit(now, goes_on, latency, message.clone());
        }
        self.admit(now, goes_on, latency_ms.saturating_mul(MS), message);
    }

    /// Takes the next timer that is due, and lets messages go on if it is theirs.
    pub fn handle_due(&mut self, now: Nanos) -> Option<(Nanos, Due<A>)> {
        let (due, timer) = self.timers.pop_due(now)?;
        match timer {
            Timer::Alarm(alarm) => return Some((due, Due::Alarm(alarm))),
            Timer::Message(id) => self.become_due(now, due, id),
            Timer::Queue(node) => self.wake(now, node),
            Timer::Delayed => {
                while let Some(first) = self.delayed.first_entry().filter(|e| e.key().0 <= now) {
                    let Delayed { id, to, latency } = first.remove();
                    self.enqueue(now, id, to, latency);
                }
            }
        }
        Some((due, Due::Messages))
    }

    /// A message is on its way, unless the queue of its receiver is full.
    fn admit(&mut self, now: Nanos, goes_on: Nanos, latency: Nanos, message: M) {
        let Way { to, has_values, .. } = message.way();
        if self.is_full(to) {
            self.conditions.counts_mut().overflowed += 1;
            self.arrivals.push_back(Arrival { message, dropped: Some(DropCause::Full) });
            return;
        }
        self.queued += 1;
        self.queued_values += u64::from(has_values);
        let id = self.insert(message);
        if goes_on == now {
            self.enqueue(now, id, to, latency);
        } else {
            let key = (goes_on, self.next_number());
            self.delayed.insert(key, Delayed { id, to, latency });
            self.timers.add(goes_on, Timer::Delayed);
        }
    }

    /// Without head-of-line delivery, a message is due.
    fn become_due(&mut self, now: Nanos, due: Nanos, id: MessageId) {
        let Some(to) = self.transits[id as usize].as_ref().map(|message| message.way().to) else {
            return;
        };
        let inbox = &mut self.inboxes[to as usize];
        if inbox.is_halted {
            self.stopped[to as usize].held.push(Waiting { due, number: 0, id });
        } else {
            inbox.length -= 1;
            let dropped = self.fate_at_arrival(now, id, to);
            self.arrive(id, dropped);
        }
    }

    /// A message is in the queue of its receiver.
    fn enqueue(&mut self, now: Nanos, id: MessageId, to: u32, latency: Nanos) {
        let due = now.saturating_add(latency);
        self.inboxes[to as usize].length += 1;
        if self.head_of_line {
            let number = self.next_number();
            self.inboxes[to as usize].queue.push(Waiting { due, number, id });
            self.take(now, to);
        } else {
            self.timers.add(due, Timer::Message(id));
        }
    }

    /// A node's consumer hands over what it slept for, and takes the next messages.
    fn wake(&mut self, now: Nanos, node: u32) {
        let in_hand = self.inboxes[node as usize].queue.in_hand.take_if(|(until, _)| *until <= now);
        if let Some((_, Waiting { id, .. })) = in_hand {
            let is_down = self.conditions.is_down(node);
            self.conditions.counts_mut().unheard += u64::from(is_down);
            self.arrive(id, is_down.then_some(DropCause::Down));
        }
        self.take(now, node);
    }

    /// An idle consumer takes messages until it has to sleep.
    fn take(&mut self, now: Nanos, node: u32) {
        while let inbox = &mut self.inboxes[node as usize]
            && !inbox.is_halted
            && let Some(waiting) = inbox.queue.take()
        {
            inbox.length -= 1;
            let dropped = self.fate_at_arrival(now, waiting.id, node);
            let sleep = head_of_line::sleep(now, waiting.due);
            if dropped.is_none() && sleep > 0 {
                self.inboxes[node as usize].queue.in_hand = Some((now + sleep, waiting));
                self.timers.add(now + sleep, Timer::Queue(node));
            } else {
                self.arrive(waiting.id, dropped);
            }
        }
    }

    /// The cause why a message does not reach its receiver, which takes it now.
    fn fate_at_arrival(&mut self, now: Nanos, id: MessageId, to: u32) -> Option<DropCause> {
        let message = &self.transits[id as usize];
        self.conditions.on_arrival(now, to, || message.as_ref()?.way().from)
    }

    /// The way of a message ends.
    fn arrive(&mut self, id: MessageId, dropped: Option<DropCause>) {
        let Some(message) = self.transits[id as usize].take() else { return };
        self.free.push(id);
        self.queued -= 1;
        self.queued_values -= u64::from(message.way().has_values);
        self.arrivals.push_back(Arrival { message, dropped });
    }

    fn insert(&mut self, message: M) -> MessageId {
        if let Some(id) = self.free.pop() {
            self.transits[id as usize] = Some(message);
            return id;
        }
        // More than 2^32 messages on their way do not fit into memory.
        let id = self.transits.len() as MessageId;
        self.transits.push(Some(message));
        id
    }

    const fn next_number(&mut self) -> u64 {
        let number = self.sent;
        self.sent += 1;
        number
    }
}

#[cfg(test)]
mod tests;
