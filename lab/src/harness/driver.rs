//! The event loop: one thread moves everything between the nodes' pipes and the [`Run`].

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rumormill_judge::message::events::EventSink;
use rumormill_judge::outcome::State;
use rumormill_judge::results::LastWords;
use rumormill_judge::run::Run;
use rumormill_sim::{Nanos, NodeFaultKind};

use super::faults::{FaultPlan, index};
use super::pipe::ReadEnd;
use super::process::{Group, NodeCommand, NodeProcess, describe};
use super::view::View;
use super::wait::{Pipe, Waiter, Wake};

/// Bytes taken from a pipe at a time; then the others have their turn. It is what a Linux pipe
/// holds.
const READ_BYTES: usize = 64 << 10;

/// A node that lets this much wait on its stdin has stopped reading, and the lab will not keep
/// its messages for it.
const WAITING_LIMIT_BYTES: usize = 1 << 30;

/// How often the nodes' logs are looked at: a node can write a gigabyte in two seconds.
const LOG_CHECK: Duration = Duration::from_millis(250);

/// Bytes of a node's stderr that are kept. A recording of our own node needs some 10 MB per
/// minute; more than this fills disks.
const LOG_LIMIT_BYTES: u64 = 1 << 30;

/// At most this many turns of reading are spent on what a dead node has left; no pipe holds more.
const LAST_READS: usize = 64;

/// Bytes of the last line to a node that are kept, in case the node dies of it.
const LAST_LINE_BYTES: usize = 1_000;

/// Lines of a dead node's stderr that are kept.
const LAST_STDERR_LINES: usize = 10;

/// How long processes are waited for that were sent SIGKILL.
const KILL_WAIT: Duration = Duration::from_secs(5);

/// The means to start a node again.
pub struct Spawner<'a> {
    /// The group of all nodes.
    pub group: Group,
    /// The program.
    pub command: &'a NodeCommand,
    /// Where each node's stderr goes, in order.
    pub logs: &'a [PathBuf],
}

/// Drives a [`Run`] with real processes.
pub struct Driver<'a, S> {
    run: &'a mut Run<S>,
    nodes: Vec<NodeProcess>,
    spawner: Spawner<'a>,
    faults: FaultPlan,
    waiter: Waiter,
    view: &'a mut View,
    origin: Instant,
    scratch: Box<[u8]>,
    /// Pipes that may hold more than was read in their turn.
    unread: Vec<(usize, Pipe)>,
    /// Nodes that have something in their output buffer.
    unsent: Vec<usize>,
    deaths: Vec<LastWords>,
    next_log_check: Instant,
    stop_signal: Option<i32>,
}

impl<'a, S: EventSink> Driver<'a, S> {
    /// Takes the running processes over.
    ///
    /// # Errors
    /// When their pipes cannot be watched.
    pub fn new(
        run: &'a mut Run<S>,
        mut nodes: Vec<NodeProcess>,
        spawner: Spawner<'a>,
        waiter: Waiter,
        view: &'a mut View,
        faults: FaultPlan,
    ) -> io::Result<Self> {
        for (index, node) in nodes.iter_mut().enumerate() {
            watch_pipes(&waiter, index, node)?;
        }
        Ok(Self {
            run,
            nodes,
            spawner,
            faults,
            waiter,
            view,
            origin: Instant::now(),
            scratch: vec![0; READ_BYTES].into(),
            unread: Vec::new(),
            unsent: Vec::new(),
            deaths: Vec::new(),
            next_log_check: Instant::now(),
            stop_signal: None,
        })
    }

    /// Runs until the run is over, or a signal asks to stop; that signal is returned.
    ///
    /// # Errors
    /// When the system fails the lab.
    pub fn drive(&mut self) -> anyhow::Result<Option<i32>> {
        self.run.start(self.now());
        for node in 0..self.nodes.len() {
            self.run.handle_output(node, 0, &[]);
        }
        self.deliver();
        let mut wakes = Vec::new();
        while *self.run.state() == State::Running && self.stop_signal.is_none() {
            self.view.refresh(|| self.run.progress());
            let deadline = self.next_deadline();
            wakes.clear();
            wakes.extend(self.unread.drain(..).map(|(node, pipe)| Wake::Ready(node, pipe)));
            self.waiter.wait(deadline, &mut wakes).context("cannot wait for the nodes")?;
            self.serve_deadline();
            self.check_logs();
            for wake in &wakes {
                self.handle(*wake);
                self.serve_deadline();
            }
            self.strike()?;
        }
        Ok(self.stop_signal)
    }

    /// Ends the run if a node fills the disk with its stderr.
    fn check_logs(&mut self) {
        let now = Instant::now();
        if now < self.next_log_check {
            return;
        }
        self.next_log_check = now + LOG_CHECK;
        let full = self.nodes.iter().find(|node| node.log_bytes() > LOG_LIMIT_BYTES);
        if let Some(node) = full {
            let (mib, limit_mib) = (node.log_bytes() >> 20, LOG_LIMIT_BYTES >> 20);
            let why = format!(
                "{} has written {mib} MiB to stderr; the lab keeps {limit_mib} MiB",
                node.name
            );
            self.run.abort(self.now(), &why);
        }
    }

    /// The nodes that ended before they were asked to.
    pub fn deaths(&self) -> &[LastWords] {
        &self.deaths
    }

    /// The names of nodes that run, but can say nothing any more.
    pub fn closed_stdout(&mut self) -> Vec<String> {
        self.names_where(|node| node.stdout.is_none() && node.exit_status().is_none())
    }

    fn names_where(&mut self, is_so: impl Fn(&mut NodeProcess) -> bool) -> Vec<String> {
        let wanted =
            self.nodes.iter_mut().filter_map(|node| is_so(node).then(|| node.name.clone()));
        wanted.collect()
    }

    /// The nodes.
    pub fn nodes(&self) -> &[NodeProcess] {
        &self.nodes
    }

    /// Ends all nodes: their stdin is closed, and who is still there after `grace` is killed.
    /// Another signal to the lab ends the grace. Returns the names of those that even SIGKILL
    /// did not end in time.
    ///
    /// # Errors
    /// When the system fails the lab.
    pub fn stop(&mut self, grace: Duration) -> anyhow::Result<Vec<String>> {
        for index in 0..self.nodes.len() {
            self.nodes[index].pause(false);
            self.close_stdin(index);
        }
        self.stop_signal = None;
        self.await_exits(Instant::now() + grace)?;
        // Not only who is left: also whatever the nodes have started themselves.
        self.spawner.group.kill();
        self.stop_signal = None;
        self.await_exits(Instant::now() + KILL_WAIT)?;
        Ok(self.names_where(|node| node.exit_status().is_none()))
    }

    /// Waits until all nodes have ended, or `until`, or a signal.
    fn await_exits(&mut self, until: Instant) -> anyhow::Result<()> {
        let mut wakes = Vec::new();
        while self.stop_signal.is_none()
            && Instant::now() < until
            && self.nodes.iter_mut().any(|node| node.exit_status().is_none())
        {
            wakes.clear();
            let deadline = if self.unread.is_empty() { until } else { self.origin };
            wakes.extend(self.unread.drain(..).map(|(node, pipe)| Wake::Ready(node, pipe)));
            self.waiter.wait(deadline, &mut wakes)?;
            for wake in &wakes {
                match *wake {
                    // Nodes that write now are read on, so that none of them blocks.
                    Wake::Ready(node, Pipe::Stdout) => self.read_stdout(node, |_, _, _| ()),
                    Wake::Ready(node, Pipe::Stderr) => self.read_stderr(node),
                    Wake::Ready(_, Pipe::Stdin) | Wake::ChildEnded => {}
                    Wake::Stop(signal) => self.stop_signal = Some(signal),
                }
            }
        }
        Ok(())
    }

    /// A signal ends the run early.
    pub fn interrupt(&mut self, signal: i32) {
        let name = signal_hook::low_level::signal_name(signal).unwrap_or("a signal");
        let count = self.nodes.len();
        self.view.say(&format!("{name}: stopping {count} nodes (once more to kill them at once)"));
        self.run.abort(self.now(), &format!("interrupted by {name}"));
    }

    /// Nanoseconds since the origin.
    pub fn now(&self) -> Nanos {
        u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Until when the lab can sleep if nothing happens.
    fn next_deadline(&self) -> Instant {
        if !self.unread.is_empty() {
            return self.origin;
        }
        let refresh = self.view.next_refresh().min(self.next_log_check);
        let due = [self.run.poll_timeout(), self.faults.next_time()].into_iter().flatten().min();
        let due = due.map(|due| self.origin + Duration::from_nanos(due));
        due.map_or(refresh, |due| due.min(refresh))
    }

    /// Lets the faults strike that are due.
    fn strike(&mut self) -> anyhow::Result<()> {
        self.faults.follow(self.now(), self.run.phase());
        loop {
            while let Some(fault) = self.run.poll_fault() {
                self.faults.command(self.now(), fault);
            }
            let Some(fault) = self.faults.pop_due(self.now()) else { return Ok(()) };
            let (node, kind) = (index(fault), fault.kind);
            match kind {
                NodeFaultKind::Crash { .. } => self.kill(node),
                NodeFaultKind::Restart { topology } => self.restart(node, topology)?,
                NodeFaultKind::Pause(_) | NodeFaultKind::Resume => {
                    let pauses = kind != NodeFaultKind::Resume;
                    self.nodes[node].pause(pauses);
                    self.run.node_paused(self.now(), node, pauses);
                }
                NodeFaultKind::ClockJump(_)
                | NodeFaultKind::FillDisk(_)
                | NodeFaultKind::FreeDisk => {}
            }
            self.deliver();
        }
    }

    /// Kills a node. What it had written before is part of the run, but for a line that it could not
    /// complete.
    fn kill(&mut self, node: usize) {
        self.nodes[node].kill();
        if let Some(pipe) = &mut self.nodes[node].stdout {
            pipe.on_kill();
        }
        self.hear_out(node);
        self.close_stdin(node);
        self.close_stdout(node);
        if let Some((mut pipe, _)) = self.nodes[node].stderr.take() {
            self.waiter.remove(pipe.source());
        }
        self.run.node_down(self.now(), node);
    }

    /// Starts a node that was killed.
    fn restart(&mut self, node: usize, topology: bool) -> anyhow::Result<()> {
        let Spawner { group, command, logs } = &self.spawner;
        let name = &self.nodes[node].name;
        let mut process = NodeProcess::spawn(group, command, name, logs[node].clone(), true)?;
        watch_pipes(&self.waiter, node, &mut process).context("cannot watch a node's pipes")?;
        self.nodes[node] = process;
        self.run.handle_output(node, 0, &[]);
        self.run.node_up(self.now(), node, topology);
        Ok(())
    }

    fn serve_deadline(&mut self) {
        let now = self.now();
        if self.run.poll_timeout().is_some_and(|due| due <= now) {
            self.run.handle_timeout(now);
            self.deliver();
        }
    }

    fn handle(&mut self, wake: Wake) {
        match wake {
            Wake::Ready(node, Pipe::Stdin) => self.flush(node),
            Wake::Ready(node, Pipe::Stdout) => {
                self.read_stdout(node, |run, now, line| run.handle_line(now, node, line));
                self.deliver();
            }
            Wake::Ready(node, Pipe::Stderr) => self.read_stderr(node),
            Wake::ChildEnded => self.find_dead(),
            Wake::Stop(signal) => self.stop_signal = Some(signal),
        }
    }

    /// Hands everything that is to be delivered now to the pipes, and notices to the view.
    fn deliver(&mut self) {
        let nodes = Arc::clone(self.run.nodes());
        while let Some(delivery) = self.run.poll_delivery() {
            // The node reads no more if the pipe is closed, as under Maelstrom.
            let NodeProcess { stdin, last_line, .. } = &mut self.nodes[delivery.node];
            let Some(pipe) = stdin else { continue };
            if pipe.is_idle() {
                self.unsent.push(delivery.node);
            }
            let start = pipe.buffer().len();
            delivery.packet.write_line(&nodes, pipe.buffer());
            let line = &pipe.buffer()[start..];
            last_line.clear();
            last_line.extend_from_slice(&line[..line.len().min(LAST_LINE_BYTES)]);
            if pipe.waiting_bytes() > WAITING_LIMIT_BYTES {
                let limit_mib = WAITING_LIMIT_BYTES >> 20;
                let name = &self.nodes[delivery.node].name;
                let why = format!("{name} does not read its stdin: {limit_mib} MiB wait for it");
                self.close_stdin(delivery.node);
                self.run.abort(self.now(), &why);
            }
        }
        for node in std::mem::take(&mut self.unsent) {
            self.flush(node);
        }
        while let Some(notice) = self.run.poll_notice() {
            self.view.notice(notice);
        }
    }

    fn flush(&mut self, node: usize) {
        let Some(pipe) = &mut self.nodes[node].stdin else { return };
        if let Err(error) = pipe.flush() {
            self.close_stdin(node);
            // A node that has just died closes its pipes first: that is told when it is reaped.
            if self.nodes[node].exit_status().is_none() {
                self.view.warn(&format!("{} closed its stdin: {error}", self.nodes[node].name));
            }
        }
    }

    fn close_stdin(&mut self, node: usize) {
        if let Some(mut pipe) = self.nodes[node].stdin.take() {
            self.waiter.remove(pipe.source());
        }
    }

    /// Reads one turn's worth of a node's stdout.
    fn read_stdout(&mut self, node: usize, on_line: impl Fn(&mut Run<S>, Nanos, &[u8])) {
        let now = self.now();
        let Some(pipe) = &mut self.nodes[node].stdout else { return };
        let before = pipe.read_bytes();
        let end = pipe.read(&mut self.scratch, |line| on_line(self.run, now, line));
        self.run.handle_output(node, pipe.read_bytes() - before, pipe.partial());
        match end {
            Ok(ReadEnd::Drained) => {}
            Ok(ReadEnd::More) => self.unread.push((node, Pipe::Stdout)),
            Ok(ReadEnd::Closed) => self.close_stdout(node),
            Err(error) => {
                let name = &self.nodes[node].name;
                let why = format!("cannot read the output of {name}: {error}");
                self.close_stdout(node);
                self.run.abort(now, &why);
            }
        }
    }

    fn close_stdout(&mut self, node: usize) {
        if let Some(mut pipe) = self.nodes[node].stdout.take() {
            self.waiter.remove(pipe.source());
        }
    }

    /// Copies one turn's worth of a node's stderr to its log and to ours.
    fn read_stderr(&mut self, node: usize) {
        let NodeProcess { name, stderr, .. } = &mut self.nodes[node];
        let Some((pipe, log)) = stderr else { return };
        let end = pipe.read(&mut self.scratch, |line| self.view.node_stderr(name, line, log));
        match end {
            Ok(ReadEnd::Drained) => {}
            Ok(ReadEnd::More) => self.unread.push((node, Pipe::Stderr)),
            Ok(ReadEnd::Closed) | Err(_) => {
                self.waiter.remove(pipe.source());
                *stderr = None;
            }
        }
    }

    /// Some child has ended: finds out which, after hearing it out.
    fn find_dead(&mut self) {
        for node in 0..self.nodes.len() {
            let Some(status) = self.nodes[node].exit_status() else { continue };
            let name = self.nodes[node].name.clone();
            if self.faults.is_down(node) || self.deaths.iter().any(|death| death.node == name) {
                continue;
            }
            self.hear_out(node);
            let (process, status) = (&self.nodes[node], describe(status));
            self.deaths.push(LastWords {
                node: name,
                status: status.clone(),
                lines: process.last_stderr_lines(LAST_STDERR_LINES),
                last_message: Some(process.last_line.clone()).filter(|line| !line.is_empty()),
            });
            self.run.handle_exit(self.now(), node, &status);
            self.deliver();
        }
    }

    /// Reads what a dead node has left in its pipes. What it started itself may hold them open,
    /// so their end is not waited for.
    fn hear_out(&mut self, node: usize) {
        let others = std::mem::take(&mut self.unread);
        for _ in 0..LAST_READS {
            self.unread.clear();
            self.read_stdout(node, |run, now, line| run.handle_line(now, node, line));
            self.read_stderr(node);
            if self.unread.is_empty() {
                break;
            }
        }
        self.unread = others;
    }
}

fn watch_pipes(waiter: &Waiter, index: usize, node: &mut NodeProcess) -> io::Result<()> {
    if let Some(pipe) = &mut node.stdin {
        waiter.add(index, Pipe::Stdin, pipe.source())?;
    }
    if let Some(pipe) = &mut node.stdout {
        waiter.add(index, Pipe::Stdout, pipe.source())?;
    }
    if let Some((pipe, _)) = &mut node.stderr {
        waiter.add(index, Pipe::Stderr, pipe.source())?;
    }
    Ok(())
}
