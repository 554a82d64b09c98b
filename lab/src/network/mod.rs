//! The network between the nodes: a queue per node, latency, and what stands in a message's way.
//!
//! A chain of rules. When a message is *sent*, all dice are rolled, whether a rule needs them or
//! not: latency, loss, duplication, reordering. When it is *taken* from the queue of its
//! receiver, the partitions and cuts of that moment decide whether it gets through.
//!
//! With head-of-line delivery a node's queue has one consumer, as in Maelstrom. It takes the
//! earliest message at once and sleeps until that is due, or up to 1 ms less; everything else
//! waits, also what is due earlier. Without, every message is taken when it is due.
//!
//! What faults add to a message's latency (slow nodes, reordering) passes before it comes to that
//! queue: otherwise one slow node would slow down every node to which it sends.

pub mod faults;
mod latency;
pub mod packet;
pub(crate) mod partition;

use std::cmp::Ordering;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};

use crate::generator::MS;
use crate::history::Nanos;
use crate::journal::DropCause;
use crate::random::Dice;
use crate::settings::Settings;
use crate::timer_queue::{Timer, TimerQueue};
use faults::{FaultCounts, Faults};
use latency::LatencyRule;
use packet::{Packet, Peer};
use partition::Partition;

/// How a message's way ended.
#[derive(Debug)]
pub(crate) enum Arrival {
    /// Handed to its receiver.
    Received(Packet),
    /// Lost.
    Dropped(Packet, DropCause),
}

#[derive(Debug)]
struct Waiting {
    due: Nanos,
    sequence: u64,
    packet: Packet,
}

/// A message that a fault keeps from the queue of its receiver.
#[derive(Debug)]
struct HeldUp {
    node: u32,
    /// What is left of its way after that.
    latency: Nanos,
    packet: Packet,
}

/// The queue of one node.
#[derive(Debug, Default)]
struct Queue {
    waiting: BinaryHeap<Waiting>,
    /// Taken by the consumer, which sleeps until it is due.
    in_hand: Option<Packet>,
}

#[derive(Debug)]
pub(crate) struct Network {
    head_of_line: bool,
    queues: Vec<Queue>,
    latency: LatencyRule,
    copy_latency: LatencyRule,
    faults: Faults,
    partition: Option<Partition>,
    /// By when they are let go, and the order of sending.
    held_up: BTreeMap<(Nanos, u64), HeldUp>,
    sequence: u64,
    queued: u64,
    queued_values: u64,
    arrivals: VecDeque<Arrival>,
}

impl Network {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            head_of_line: settings.compat.head_of_line,
            queues: settings.nodes.iter().map(|_| Queue::default()).collect(),
            latency: LatencyRule::new(settings.latency, Dice::new(settings.seed, "latency")),
            copy_latency: LatencyRule::new(
                settings.latency,
                Dice::new(settings.seed, "copy latency"),
            ),
            faults: Faults::new(&settings.faults, &settings.nodes, settings.seed),
            partition: None,
            held_up: BTreeMap::new(),
            sequence: 0,
            queued: 0,
            queued_values: 0,
            arrivals: VecDeque::new(),
        }
    }

    /// Messages on their way.
    pub(crate) const fn queued(&self) -> u64 {
        self.queued
    }

    /// Messages on their way that may carry values.
    pub(crate) const fn queued_values(&self) -> u64 {
        self.queued_values
    }

    /// Cuts the network, or heals it.
    pub(crate) fn set_partition(&mut self, partition: Option<Partition>) {
        self.partition = partition;
    }

    /// The faults of the settings begin.
    pub(crate) const fn start_faults(&mut self, now: Nanos) {
        self.faults.start(now);
    }

    /// The faults of the settings are over.
    pub(crate) const fn stop_faults(&mut self) {
        self.faults.stop();
    }

    /// What the faults really did.
    pub(crate) const fn fault_counts(&self) -> FaultCounts {
        self.faults.counts()
    }

    pub(crate) const fn fault_counts_mut(&mut self) -> &mut FaultCounts {
        self.faults.counts_mut()
    }

    /// The node's process is gone, or a new one is there. Messages to a node that is down are
    /// dropped, those of clients too.
    pub(crate) fn set_down(&mut self, node: usize, down: bool) {
        self.faults.set_down(node, down);
    }

    /// Pauses or resumes a node. Messages reach it all the same: the driver makes them wait.
    pub(crate) fn set_paused(&mut self, node: usize, paused: bool) {
        self.faults.set_paused(node, paused);
    }

    pub(crate) fn is_down(&self, node: u32) -> bool {
        self.faults.is_down(node)
    }

    /// From now on messages take longer, or less long.
    pub(crate) const fn set_latency(&mut self, mean_ms: u64) {
        self.latency.set_mean_ms(mean_ms);
        self.copy_latency.set_mean_ms(mean_ms);
        self.faults.counts_mut().latency_changed += 1;
    }

    /// Every change of the latency, by time from the start of the main phase, and the new mean.
    pub(crate) fn latency_changes(&self) -> impl Iterator<Item = (Nanos, u64)> + '_ {
        self.faults.latency_changes()
    }

    /// When a cut begins or ends next.
    pub(crate) fn next_change(&self, now: Nanos) -> Option<Nanos> {
        self.faults.next_change(now)
    }

    /// True if a message between these nodes gets through now. Loss at random does not count.
    pub(crate) fn connects(&self, now: Nanos, sender: u32, receiver: u32) -> bool {
        let parted = self.partition.as_ref().is_some_and(|p| p.blocks(sender, receiver));
        !parted && self.faults.connects(now, sender, receiver)
    }

    /// By node: the number of its connected component. Two nodes are linked if messages get
    /// through both ways.
    pub(crate) fn components(&self, now: Nanos) -> Vec<u32> {
        let nodes = self.queues.len();
        let mut components = vec![0; nodes];
        let mut rest: Vec<u32> = (0..nodes as u32).rev().collect();
        let mut frontier = Vec::new();
        for component in 0.. {
            let Some(first) = rest.pop() else { break };
            frontier.push(first);
            while let Some(node) = frontier.pop() {
                components[node as usize] = component;
                rest.retain(|other| {
                    let linked =
                        self.connects(now, node, *other) && self.connects(now, *other, node);
                    if linked {
                        frontier.push(*other);
                    }
                    !linked
                });
            }
        }
        components
    }

    /// The next message that has arrived, or was lost.
    pub(crate) fn poll(&mut self) -> Option<Arrival> {
        self.arrivals.pop_front()
    }

    /// Sends a message to a node. From a client it takes no time, but has to queue.
    pub(crate) fn send(
        &mut self,
        now: Nanos,
        node: u32,
        packet: Packet,
        timer_queue: &mut TimerQueue,
    ) {
        if packet.is_client() {
            self.count(&packet);
            self.enqueue(now, node, now, packet, timer_queue);
            return;
        }
        let latency_ms = self.latency.draw_ms();
        let copy_latency_ms = self.copy_latency.draw_ms();
        let fate = self.faults.roll(&packet);
        if fate.lost {
            self.arrivals.push_back(Arrival::Dropped(packet, DropCause::Loss));
            return;
        }
        let until = now.saturating_add(fate.extra_ms.saturating_mul(MS));
        let copy = fate.duplicated.then(|| (copy_latency_ms, packet.clone()));
        for (latency_ms, packet) in copy.into_iter().chain([(latency_ms, packet)]) {
            self.count(&packet);
            let latency = latency_ms.saturating_mul(MS);
            if until == now {
                self.enqueue(now, node, now.saturating_add(latency), packet, timer_queue);
            } else {
                let key = (until, self.next_sequence());
                self.held_up.insert(key, HeldUp { node, latency, packet });
                timer_queue.add(until, Timer::HeldUp);
            }
        }
    }

    /// What was held up until now goes on.
    pub(crate) fn let_go(&mut self, now: Nanos, timer_queue: &mut TimerQueue) {
        while let Some(first) = self.held_up.first_entry().filter(|first| first.key().0 <= now) {
            let HeldUp { node, latency, packet } = first.remove();
            self.enqueue(now, node, now.saturating_add(latency), packet, timer_queue);
        }
    }

    /// A message is on its way.
    fn count(&mut self, packet: &Packet) {
        self.queued += 1;
        self.queued_values += u64::from(packet.carries_values);
    }

    const fn next_sequence(&mut self) -> u64 {
        let sequence = self.sequence;
        self.sequence += 1;
        sequence
    }

    fn enqueue(
        &mut self,
        now: Nanos,
        node: u32,
        due: Nanos,
        packet: Packet,
        timer_queue: &mut TimerQueue,
    ) {
        let sequence = self.next_sequence();
        let waiting = Waiting { due, sequence, packet };
        self.queues[node as usize].waiting.push(waiting);
        if self.head_of_line {
            self.take(now, node, timer_queue);
        } else {
            timer_queue.add(due, Timer::Queue(node));
        }
    }

    /// What this node's consumer slept for is due.
    pub(crate) fn wake(&mut self, now: Nanos, node: u32, timer_queue: &mut TimerQueue) {
        if self.head_of_line {
            if let Some(packet) = self.queues[node as usize].in_hand.take() {
                let arrival = if self.faults.is_down(node) {
                    self.faults.counts_mut().unheard += 1;
                    Arrival::Dropped(packet, DropCause::Down)
                } else {
                    Arrival::Received(packet)
                };
                self.arrive(arrival);
            }
            self.take(now, node, timer_queue);
            return;
        }
        while let Some(next) = self.queues[node as usize].waiting.peek()
            && next.due <= now
            && let Some(next) = self.queues[node as usize].waiting.pop()
        {
            let arrival = match self.obstacle(now, &next.packet) {
                Some(cause) => Arrival::Dropped(next.packet, cause),
                None => Arrival::Received(next.packet),
            };
            self.arrive(arrival);
        }
    }

    /// An idle consumer takes messages until it has to sleep.
    fn take(&mut self, now: Nanos, node: u32, timer_queue: &mut TimerQueue) {
        while self.queues[node as usize].in_hand.is_none() {
            let Some(next) = self.queues[node as usize].waiting.pop() else { return };
            if let Some(cause) = self.obstacle(now, &next.packet) {
                self.arrive(Arrival::Dropped(next.packet, cause));
                continue;
            }
            // Maelstrom's consumer looks at its clock a moment after the sender did. The rest is
            // then cut to whole milliseconds, so an idle consumer sleeps 1 ms less than was drawn.
            let sleep_ms = next.due.saturating_sub(now + 1) / MS;
            if sleep_ms == 0 {
                self.arrive(Arrival::Received(next.packet));
                continue;
            }
            self.queues[node as usize].in_hand = Some(next.packet);
            timer_queue.add(now + sleep_ms * MS, Timer::Queue(node));
        }
    }

    fn arrive(&mut self, arrival: Arrival) {
        let (Arrival::Received(packet) | Arrival::Dropped(packet, _)) = &arrival;
        self.queued -= 1;
        self.queued_values -= u64::from(packet.carries_values);
        self.arrivals.push_back(arrival);
    }

    /// What keeps this message from its receiver now. Clients are only kept from nodes that are
    /// down.
    fn obstacle(&mut self, now: Nanos, packet: &Packet) -> Option<DropCause> {
        let Peer::Node(dest) = packet.dest.peer else { return None };
        if self.faults.is_down(dest) {
            self.faults.counts_mut().unheard += 1;
            return Some(DropCause::Down);
        }
        let Peer::Node(src) = packet.src.peer else { return None };
        if self.partition.as_ref().is_some_and(|partition| partition.blocks(src, dest)) {
            return Some(DropCause::Partition);
        }
        let cut = self.faults.cuts(now, src, dest);
        self.faults.counts_mut().cut += u64::from(cut);
        cut.then_some(DropCause::Cut)
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Waiting {}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The earliest is the greatest: a [`BinaryHeap`] hands out the greatest first.
impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.due, other.sequence).cmp(&(self.due, self.sequence))
    }
}

#[cfg(test)]
mod tests;
