//! The simulator: the same nodes, the same workload and network, in virtual time.
//!
//! A discrete-event loop. What happens next is decided by (time, node number) alone, and every
//! source of chance has a seed of its own, so the same settings give the same run to the byte.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use anyhow::Result;
use rumormill::config::Config;
use rumormill::node::Node;
use rumormill::time::Instant;

use crate::history::Nanos;
use crate::journal::EventSink;
use crate::outcome::{Notice, Outcome, State};
use crate::random::Dice;
use crate::run::Run;
use crate::settings::Settings;

/// What is left of a simulated run.
#[derive(Debug)]
pub struct Simulated<S> {
    /// What the run tells, as for real processes.
    pub outcome: Outcome,
    /// What a person should see, in order.
    pub notices: Vec<Notice>,
    /// Where the events went.
    pub sink: S,
    /// The nodes as they were at the end.
    pub nodes: Vec<Node>,
    /// Events handled: messages delivered and timers run.
    pub events: u64,
}

/// Runs the whole test with simulated nodes.
///
/// # Errors
/// If the settings make no sense.
pub fn simulate<S: EventSink>(
    settings: &Settings,
    config: &Config,
    sink: S,
) -> Result<Simulated<S>> {
    let mut simulation = Simulation::new(settings, config, sink)?;
    simulation.run.start(0);
    simulation.settle();
    while simulation.run.state() == &State::Running && simulation.step() {}
    let (outcome, sink) = simulation.run.into_outcome(simulation.now);
    Ok(Simulated {
        outcome,
        notices: simulation.notices,
        sink,
        nodes: simulation.nodes,
        events: simulation.events,
    })
}

struct Simulation<S> {
    now: Nanos,
    run: Run<S>,
    nodes: Vec<Node>,
    /// Wake-ups asked for; stale ones are skipped when they come up.
    timers: BinaryHeap<Reverse<(Nanos, usize)>>,
    /// The wake-up that counts, per node.
    wake_at: Vec<Option<Nanos>>,
    notices: Vec<Notice>,
    events: u64,
}

impl<S: EventSink> Simulation<S> {
    fn new(settings: &Settings, config: &Config, sink: S) -> Result<Self> {
        let mut seeds = Dice::new(settings.seed, "nodes");
        let nodes: Vec<Node> =
            settings.nodes.iter().map(|_| Node::new(config.clone(), seeds.next_u64(), 1)).collect();
        Ok(Self {
            now: 0,
            run: Run::new(settings, sink)?,
            timers: BinaryHeap::new(),
            wake_at: vec![None; nodes.len()],
            nodes,
            notices: Vec::new(),
            events: 0,
        })
    }

    /// Goes to the next event; false if there is none.
    fn step(&mut self) -> bool {
        while let Some(&Reverse((at, node))) = self.timers.peek() {
            if self.wake_at[node] == Some(at) {
                break;
            }
            self.timers.pop();
        }
        let node_at = self.timers.peek().map(|&Reverse((at, _))| at);
        let run_at = self.run.poll_timeout();
        let Some(next) = [node_at, run_at].into_iter().flatten().min() else { return false };
        self.now = self.now.max(next);
        if run_at == Some(next) {
            self.run.handle_timeout(self.now);
        } else if let Some(Reverse((_, node))) = self.timers.pop() {
            self.wake_at[node] = None;
            self.events += 1;
            self.nodes[node].handle_timeout(instant(self.now));
            self.collect(node);
        }
        self.settle();
        true
    }

    /// Hands over what is due, until nothing more comes of it.
    fn settle(&mut self) {
        while let Some(delivery) = self.run.poll_delivery() {
            self.events += 1;
            let message = delivery.packet.into_message();
            if let Some(message) = message {
                self.nodes[delivery.node].handle_message(instant(self.now), message);
                self.collect(delivery.node);
            }
        }
        while let Some(notice) = self.run.poll_notice() {
            self.notices.push(notice);
        }
    }

    /// Takes what a node has to say, and when it wants to be woken.
    fn collect(&mut self, node: usize) {
        while let Some(message) = self.nodes[node].poll_transmit() {
            self.run.handle_message(self.now, node, message);
        }
        while self.nodes[node].poll_diagnostic().is_some() {}
        let wake_at =
            self.nodes[node].poll_timeout().map(|at| at.as_micros().saturating_mul(1_000));
        if wake_at != self.wake_at[node] {
            self.wake_at[node] = wake_at;
            self.timers.extend(wake_at.map(|at| Reverse((at, node))));
        }
    }
}

fn instant(now: Nanos) -> Instant {
    Instant::from_micros(now / 1_000)
}
