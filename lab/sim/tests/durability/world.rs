//! A few nodes with journals on simulated disks, in virtual time: messages are lost and delayed, syncs
//! take their time, and nodes are killed at any instant of the write path.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _};
use rumormill::cluster::Name;
use rumormill::id::Generation;
use rumormill::journal::{Batch, Journal, OpenOptions, Opened};
use rumormill::maelstrom::message;
use rumormill::maelstrom::server::Server;
use rumormill::protocol::Rng;
use rumormill::protocols::rumormill::Rumormill;
use rumormill::protocols::rumormill::config::Config;
use rumormill::protocols::rumormill::message::{Entries, Gossip};
use rumormill::service::{Broadcast, Reply, Request};
use rumormill::time::Instant;
use rumormill::value::Value;
use rumormill_sim::SimDisk;

type Message = message::Message<Gossip>;
type Body = message::Body<Gossip>;

/// Length of the part with faults, and of the rest, in which all nodes come to hold the same.
const CHAOS: Duration = Duration::from_secs(2);
const PEACE: Duration = Duration::from_secs(60);
/// The one client.
const CLIENT: &str = "c1";

/// A node and its disk.
struct Member {
    disk: SimDisk,
    /// `None` while it is down.
    running: Option<Running>,
    /// Values that it has acknowledged, or shown in a read.
    promised: BTreeSet<i64>,
    last_generation: Generation,
}

struct Running {
    server: Server<Rumormill, Broadcast>,
    journal: Journal<SimDisk>,
    /// The batch that is being written, and when that is done.
    commit: Option<(Instant, Batch)>,
}

/// What has happened, to see that a run was no idle one.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) acked: u64,
    pub(crate) kills: u64,
    pub(crate) power_losses: u64,
    pub(crate) all_at_once: u64,
    pub(crate) killed_while_writing: u64,
    pub(crate) killed_while_starting: u64,
    pub(crate) refused_without_disk: u64,
}

pub(crate) struct World {
    now: Instant,
    rng: Rng,
    names: Vec<Name>,
    members: Vec<Member>,
    options: OpenOptions,
    wire: BTreeMap<(Instant, u64), Message>,
    sent: u64,
    next_value: i64,
    /// The value of every entry that was ever named.
    named: BTreeMap<(Name, u64, u64), Value>,
    /// The clock of this seed's nodes stands still: it gives the same generation at each start.
    has_clock: bool,
    pub(crate) counts: Counts,
}

impl World {
    pub(crate) fn new(seed: u64, options: OpenOptions) -> Self {
        let mut rng = Rng::seed_from_u64(seed);
        let count = rng.random_range(1..=3);
        let member = |disk| Member {
            disk: SimDisk::new(disk),
            running: None,
            promised: BTreeSet::new(),
            last_generation: Generation(0),
        };
        Self {
            now: Instant::ZERO,
            names: (0..count).map(|i| format!("n{i}").into()).collect(),
            members: (0..count).map(|i| member(seed * 8 + i)).collect(),
            has_clock: rng.random_bool(0.5),
            rng,
            options,
            wire: BTreeMap::new(),
            sent: 0,
            next_value: 0,
            named: BTreeMap::new(),
            counts: Counts::default(),
        }
    }

    /// Faults, then peace: then every node holds everything that was promised.
    pub(crate) fn run(&mut self) -> Result<(), String> {
        for node in 0..self.members.len() {
            self.start(node)?;
        }
        let end = Instant::ZERO.after(CHAOS);
        let mut next_fault = self.soon(100_000);
        let mut next_request = self.soon(10_000);
        while self.now < end {
            self.run_until(next_fault.min(next_request))?;
            if self.now >= next_request {
                next_request = self.soon(10_000);
                self.request()?;
            } else {
                next_fault = self.soon(150_000);
                self.fault()?;
            }
        }
        for node in 0..self.members.len() {
            self.members[node].disk.set_full(false);
            while self.members[node].running.is_none() {
                self.start(node)?;
            }
        }
        self.run_until(self.now.after(PEACE))?;
        let promised: BTreeSet<i64> =
            self.members.iter().flat_map(|member| member.promised.iter().copied()).collect();
        (0..self.members.len()).try_for_each(|node| self.check_held(node, &promised))
    }

    /// An instant at most so many microseconds away.
    fn soon(&mut self, micros: u64) -> Instant {
        self.now.after(Duration::from_micros(self.rng.random_range(1..=micros)))
    }

    fn request(&mut self) -> Result<(), String> {
        let node = self.rng.random_range(0..self.members.len());
        let request = if self.rng.random_bool(0.8) {
            self.next_value += 1;
            Request::Broadcast { message: Value::Int(self.next_value) }
        } else {
            Request::Read
        };
        self.client(node, Body::Request { request, msg_id: self.next_value })
    }

    fn client(&mut self, node: usize, body: Body) -> Result<(), String> {
        let dest = Name::clone(&self.names[node]);
        self.hand_over(node, Message { src: CLIENT.into(), dest, body })
    }

    /// Some nodes are killed, or all; some start; a disk is full, or has space again.
    fn fault(&mut self) -> Result<(), String> {
        let nodes = self.members.len();
        match self.rng.random_range(0..8) {
            0 => {
                self.counts.all_at_once += 1;
                let power = self.rng.random_bool(0.5);
                (0..nodes).for_each(|node| self.kill(node, power));
            }
            1..=3 => {
                let (node, power) = (self.rng.random_range(0..nodes), self.rng.random_bool(0.5));
                self.kill(node, power);
            }
            4 => {
                let (node, is_full) = (self.rng.random_range(0..nodes), self.rng.random_bool(0.3));
                self.members[node].disk.set_full(is_full);
            }
            _ => {
                let down = (0..nodes).filter(|&node| self.members[node].running.is_none());
                for node in down.collect::<Vec<_>>() {
                    self.start(node)?;
                }
            }
        }
        Ok(())
    }

    /// Kills a node. If it is writing, that is at any change of its disk, or after all of them.
    fn kill(&mut self, node: usize, power: bool) {
        let member = &mut self.members[node];
        if let Some(Running { mut journal, commit, .. }) = member.running.take() {
            self.counts.kills += 1;
            if let Some((_, batch)) = commit {
                self.counts.killed_while_writing += 1;
                member.disk.kill_after(self.rng.random_range(0..9));
                if journal.commit(&batch).is_ok() {
                    let _ = journal.maintain();
                }
            }
        }
        if power {
            self.counts.power_losses += 1;
            member.disk.lose_power();
        }
    }

    /// Starts a node, which may be killed before it has.
    fn start(&mut self, node: usize) -> Result<(), String> {
        let (seed, clock) =
            (self.rng.random(), if self.has_clock { self.now.as_micros() } else { 0 });
        let is_killed = self.rng.random_bool(0.1);
        let member = &mut self.members[node];
        member.disk.start();
        if is_killed {
            member.disk.kill_after(self.rng.random_range(0..3));
        }
        let candidate = Generation(1 + clock);
        let name = Name::clone(&self.names[node]);
        let opened = Journal::open(member.disk.clone(), &name, candidate, &self.options);
        let Opened { journal, .. } = match opened {
            Ok(_) | Err(_) if is_killed => {
                self.counts.killed_while_starting += 1;
                let power = self.rng.random_bool(0.5);
                self.kill(node, power);
                return Ok(());
            }
            Err(error) if error.to_string().starts_with("cannot ") => return Ok(()),
            Err(error) => return Err(format!("{name} does not start: {error}")),
            Ok(opened) => opened,
        };
        let config = Config::default();
        let mut server = Server::new(config, seed, Generation(1)).with_journal();
        let (node_ids, msg_id) = (Arc::new(self.names.clone().into()), 0);
        let init = Body::Init { node_id: Name::clone(&name), node_ids, msg_id };
        server.handle_message(self.now, Message { src: CLIENT.into(), dest: name, body: init });
        let _ = server.poll_open();
        let generation = journal.generation();
        member.last_generation = generation;
        server.handle_opened(self.now, generation);
        let mut entries = Vec::new();
        let restored = journal.restore(|run| {
            let Entries { origin, first, values } = entries_of(&server, &run)?;
            entries.push((Name::clone(&run.node), origin.generation.0, first, values));
            server.handle_restored(self.now, run)
        });
        restored.map_err(|error| error.to_string())?;
        member.running = Some(Running { server, journal, commit: None });
        for (node, generation, first, values) in entries {
            self.on_named(&node, generation, first, &values)?;
        }
        let promised = self.members[node].promised.clone();
        self.check_held(node, &promised)?;
        self.collect(node)
    }

    /// Everything that the node has ever promised is there.
    fn check_held(&self, node: usize, promised: &BTreeSet<i64>) -> Result<(), String> {
        let Some(Running { server, .. }) = &self.members[node].running else { return Ok(()) };
        match promised.iter().find(|value| !server.service().contains(&Value::Int(**value))) {
            Some(value) => {
                let (name, now) = (&self.names[node], self.now);
                Err(format!("{name} at {now} lacks {value}, which was acknowledged or read"))
            }
            None => Ok(()),
        }
    }

    /// An entry has one value for ever, and that is one that a client has sent.
    fn on_named(
        &mut self,
        node: &Name,
        generation: u64,
        first: u64,
        values: &[Value],
    ) -> Result<(), String> {
        for (sequence, value) in (first..).zip(values) {
            let is_known =
                matches!(value, Value::Int(1..)) && *value <= Value::Int(self.next_value);
            let id = (Name::clone(node), generation, sequence);
            let named = self.named.entry(id).or_insert_with(|| value.clone());
            if !is_known || named != value {
                let text = format!("entry {sequence} of {node} in {generation}");
                return Err(format!("{text} is {value}, and was {named}"));
            }
        }
        Ok(())
    }

    fn run_until(&mut self, end: Instant) -> Result<(), String> {
        loop {
            let message = self.wire.first_key_value().map(|((at, _), _)| (*at, None));
            let timers = self.members.iter().enumerate().flat_map(|(node, member)| {
                let running = member.running.as_ref();
                let timeout = running.and_then(|running| running.server.poll_timeout());
                let commit = running.and_then(|running| Some(running.commit.as_ref()?.0));
                timeout.into_iter().chain(commit).map(move |at| (at, Some(node)))
            });
            let next = message.into_iter().chain(timers).min_by_key(|(at, _)| *at);
            let Some((at, node)) = next.filter(|(at, _)| *at <= end) else { break };
            self.now = self.now.max(at);
            match node {
                Some(node) => self.wake(node)?,
                None => {
                    let Some((_, message)) = self.wire.pop_first() else { break };
                    let to = self.names.iter().position(|name| *name == message.dest);
                    self.hand_over(to.unwrap_or_default(), message)?;
                }
            }
        }
        self.now = self.now.max(end);
        Ok(())
    }

    /// A timer of the node, or the end of its commit.
    fn wake(&mut self, node: usize) -> Result<(), String> {
        let retry = self.soon(50_000);
        let Some(running) = &mut self.members[node].running else { return Ok(()) };
        if running.server.poll_timeout().is_some_and(|at| at <= self.now) {
            running.server.handle_timeout(self.now);
        }
        if let Some((at, batch)) = running.commit.take_if(|(at, _)| *at <= self.now) {
            match running.journal.commit(&batch) {
                Ok(()) => {
                    running.server.handle_synced(at, batch.upto);
                    // A segment that cannot be closed stays as it is.
                    let _ = running.journal.maintain();
                }
                Err(error) => {
                    running.server.handle_disk_failure(at, &error.to_string());
                    running.commit = Some((retry, batch));
                }
            }
        }
        self.collect(node)
    }

    fn hand_over(&mut self, node: usize, message: Message) -> Result<(), String> {
        let Some(running) = &mut self.members[node].running else { return Ok(()) };
        running.server.handle_message(self.now, message);
        self.collect(node)
    }

    /// Takes what a node has to say, and begins a commit if there is something to write.
    fn collect(&mut self, node: usize) -> Result<(), String> {
        let synced_at = self.soon(20_000);
        let Some(running) = &mut self.members[node].running else { return Ok(()) };
        let sent: Vec<Message> = std::iter::from_fn(|| running.server.poll_transmit()).collect();
        while running.server.poll_log().is_some() {}
        if running.commit.is_none() {
            running.commit = running.server.poll_append().map(|batch| (synced_at, batch));
        }
        sent.into_iter().try_for_each(|message| self.send(node, message))
    }

    fn send(&mut self, node: usize, message: Message) -> Result<(), String> {
        let promised = &mut self.members[node].promised;
        match &message.body {
            Body::Reply { reply: Reply::BroadcastOk, in_reply_to } => {
                self.counts.acked += 1;
                promised.insert(*in_reply_to);
            }
            Body::Reply { reply: Reply::ReadOk { messages }, .. } => {
                let values = messages.split(',').filter(|text| !text.is_empty());
                let read: BTreeSet<i64> = values.filter_map(|text| text.parse().ok()).collect();
                if let Some(lost) = promised.difference(&read).next() {
                    return Err(format!("a read of {} lacks {lost}", message.src));
                }
                promised.extend(read);
            }
            Body::Error { .. } => self.counts.refused_without_disk += 1,
            Body::Peer(named) => {
                let (gossip, nodes) = (named.message(), named.nodes());
                for Entries { origin, first, values } in &*gossip.entries {
                    let name = Name::clone(nodes.name(origin.node));
                    self.on_named(&name, origin.generation.0, *first, values)?;
                }
                if !self.rng.random_bool(0.05) {
                    self.sent += 1;
                    let arrival = self.soon(20_000);
                    self.wire.insert((arrival, self.sent), message);
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// The entries of a run as the protocol has them.
fn entries_of(
    server: &Server<Rumormill, Broadcast>,
    run: &rumormill::journal::Run,
) -> Result<Entries, String> {
    let node = server.nodes().and_then(|nodes| nodes.id(&run.node)).ok_or("no such node")?;
    let origin = rumormill::id::Origin { node, generation: run.generation };
    Ok(Entries { origin, first: run.first, values: run.values.clone().into() })
}
