//! What the workers do, and what becomes of it: the history.

use rumormill::value::Value;

use super::Run;
use crate::client::Owner;
use crate::generator::Task;
use crate::history::{Action, Nanos, Op, OpError, OpKind, Process, ReadSet};
use crate::journal::EventSink;
use crate::network::packet::Packet;
use crate::outcome::NoticeKind;
use crate::reply::{ArrayText, Reply, Request};
use crate::text::quote;

/// A worker: a client process at a time, and always the same node.
#[derive(Debug)]
pub(super) struct Worker {
    process: u64,
    node: u32,
    client: Option<u32>,
    /// The client is to be closed before the next operation, and a new one opened.
    reopen: bool,
    task: Option<Task>,
}

impl Worker {
    pub(super) const fn new(index: usize, nodes: usize) -> Self {
        Self {
            process: index as u64,
            // Checked with the settings: there are far fewer than 2^32 nodes.
            node: (index % nodes) as u32,
            client: None,
            reopen: false,
            task: None,
        }
    }
}

/// How many operations there were.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) invoked: u64,
    pub(super) ok: u64,
    pub(super) not_ok: u64,
    /// Those of them that were open at a node when it died.
    pub(super) indeterminate: u64,
}

/// How an operation ended.
struct End {
    kind: OpKind,
    read: Option<(ReadSet, ArrayText)>,
    error: Option<OpError>,
}

impl<S: EventSink> Run<S> {
    /// A worker begins a task.
    pub(super) fn work(&mut self, now: Nanos, index: usize, task: Task) {
        let worker = &mut self.workers[index];
        worker.task = Some(task);
        if worker.reopen {
            worker.reopen = false;
            if let Some(client) = worker.client.take() {
                self.clients.close(client);
            }
        }
        let clients = &mut self.clients;
        let client = *worker.client.get_or_insert_with(|| clients.open(Owner::Worker(index)));
        let (node, process) = (worker.node, worker.process);
        let request = match task {
            Task::Broadcast(value) => Request::Broadcast(value),
            Task::Read | Task::FinalRead => Request::Read,
        };
        let time = self.relative(now);
        if let Task::Broadcast(value) = task {
            // The generator counts them from 0: far fewer than 2^63.
            self.tracer.invoked(&Value::Int(value as i64), now);
            self.gossiped.invoked(time);
            self.watch.invoked(time);
        }
        self.tally.invoked += 1;
        let op = Op {
            index: self.history.len(),
            time,
            kind: OpKind::Invoke,
            process: Process::Client(process),
            action: action(task, None),
            is_final: task == Task::FinalRead,
            error: None,
        };
        self.record(op, None);
        self.request(now, client, node, request);
    }

    pub(super) fn worker_answered(
        &mut self,
        now: Nanos,
        index: usize,
        reply: Reply,
        packet: &Packet,
    ) {
        let end = match reply {
            Reply::Done => End { kind: OpKind::Ok, read: None, error: None },
            Reply::Values(set, text) => {
                End { kind: OpKind::Ok, read: Some((set, text)), error: None }
            }
            Reply::Error { name, definite, text } => {
                let kind = if definite { OpKind::Fail } else { self.unless_ok(index) };
                End { kind, read: None, error: Some(OpError::Reply { name, text }) }
            }
            Reply::Malformed(why) => {
                self.notice_malformed(now, index, &why, packet);
                End { kind: OpKind::Info, read: None, error: Some(OpError::Malformed(why)) }
            }
        };
        self.complete(now, index, end);
    }

    pub(super) fn worker_timed_out(&mut self, now: Nanos, index: usize) {
        let kind = self.unless_ok(index);
        self.complete(now, index, End { kind, read: None, error: Some(OpError::Timeout) });
    }

    /// A read that may not have happened has failed; a broadcast may have happened.
    fn unless_ok(&self, index: usize) -> OpKind {
        match self.workers[index].task {
            Some(Task::Broadcast(_)) => OpKind::Info,
            _ => OpKind::Fail,
        }
    }

    fn notice_malformed(&mut self, now: Nanos, index: usize, why: &str, packet: &Packet) {
        let node = self.workers[index].node;
        let name = &self.directory.node(node).name;
        let mut body = Vec::new();
        packet.write_body(&mut body);
        let text = format!("{name} sent a reply that is refused, {why}: {}", quote(&body));
        self.notices.add(now, Some(node as usize), NoticeKind::MalformedReply, why, text);
    }

    fn complete(&mut self, now: Nanos, index: usize, end: End) {
        let time = self.relative(now);
        let concurrency = self.workers.len() as u64;
        let worker = &mut self.workers[index];
        let Some(task) = worker.task.take() else { return };
        let (process, node) = (worker.process, worker.node);
        if end.kind == OpKind::Info {
            worker.process += concurrency;
            worker.reopen = true;
        }
        if end.kind == OpKind::Ok {
            self.tally.ok += 1;
            if let Task::Broadcast(value) = task {
                self.note_acked(value, node, time);
            }
        } else {
            self.tally.not_ok += 1;
        }
        let (set, text) = end.read.unzip();
        if task == Task::FinalRead {
            let report = &mut self.reports[node as usize];
            if set.is_some() {
                report.final_read.clone_from(&set);
            }
            report.final_refusal = end.error.as_ref().and_then(refusal);
        }
        let op = Op {
            index: self.history.len(),
            time,
            kind: end.kind,
            process: Process::Client(process),
            action: action(task, set),
            is_final: task == Task::FinalRead,
            error: end.error,
        };
        self.record(op, text.as_ref().map(ArrayText::as_str));
        if self.network.conditions().is_down(node) {
            self.generator.suspend(index);
        } else {
            self.generator.release(index);
        }
        self.generate(now);
    }

    /// The node is gone, and with it the clients' hope for an answer.
    pub(super) fn abandon_work(&mut self, now: Nanos, node: u32) {
        for index in (node as usize..self.workers.len()).step_by(self.settings.nodes.len()) {
            if self.workers[index].task.is_some() {
                self.tally.indeterminate += 1;
                self.worker_timed_out(now, index);
            } else {
                self.generator.suspend(index);
            }
        }
    }

    /// The node answers again.
    pub(super) fn resume_work(&mut self, node: u32) {
        for index in (node as usize..self.workers.len()).step_by(self.settings.nodes.len()) {
            self.generator.release(index);
        }
    }

    /// Adds a line to the history.
    pub(super) fn record(&mut self, op: Op, read_text: Option<&str>) {
        self.fingerprint.add(op.time);
        self.fingerprint.add(op.kind as u64);
        self.sink.op(&op, read_text);
        self.history.push(op);
    }
}

/// Why a read was refused; `None` if it had no answer.
fn refusal(error: &OpError) -> Option<String> {
    match error {
        OpError::Timeout => None,
        OpError::Reply { name, text } => {
            let text = text.as_deref().map_or_else(String::new, |text| format!(": {text}"));
            Some(format!("{name}{text}"))
        }
        OpError::Malformed(why) => Some(why.clone()),
    }
}

fn action(task: Task, read: Option<ReadSet>) -> Action {
    match task {
        Task::Broadcast(value) => Action::Broadcast(value),
        Task::Read | Task::FinalRead => Action::Read(read),
    }
}
