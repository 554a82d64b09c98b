//! The operations of the workers, and their outcome: the history.

use rumormill::value::Value;
use rumormill_sim::Nanos;

use super::Run;
use crate::format::text::quote;
use crate::generator::Task;
use crate::history::{Action, Op, OpError, OpKind, OpValue, Process};
use crate::message::events::EventSink;
use crate::message::packet::{Asked, Packet};
use crate::outcome::NoticeKind;
use crate::run::client::{Ask, Owner};
use crate::run::reply::{ArrayText, Reply};
use crate::workload::{Errors, Operation, Spreads};

/// A worker: a client process at a time, and always the same node.
#[derive(Debug)]
pub(super) struct Worker {
    process: u64,
    node: u32,
    client: Option<u32>,
    /// The client is to be closed before the next operation, and a new one opened.
    reopen: bool,
    task: Option<Invocation>,
}

/// The present operation of a worker.
#[derive(Clone, Debug)]
pub(super) struct Invocation {
    operation: &'static Operation,
    argument: OpValue,
    /// The number of what it adds: an element is its own, deltas are counted.
    number: Option<u64>,
    is_last: bool,
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
    /// The result, if the operation has one and succeeded.
    result: Option<OpValue>,
    /// The text of a list.
    text: Option<ArrayText>,
    error: Option<OpError>,
}

impl End {
    const fn without_result(kind: OpKind, error: OpError) -> Self {
        Self { kind, result: None, text: None, error: Some(error) }
    }
}

impl<S: EventSink> Run<S> {
    /// A worker begins a task.
    pub(super) fn work(&mut self, now: Nanos, index: usize, task: Task) {
        let workload = self.settings.workload;
        let last = workload.last.filter(|_| task == Task::Last);
        let (operation, argument) = match last {
            Some(last) => (last.operation, OpValue::Nil),
            None => (workload.next)(&mut self.draws),
        };
        let worker = &mut self.workers[index];
        if worker.reopen {
            worker.reopen = false;
            if let Some(client) = worker.client.take() {
                self.clients.close(client);
            }
        }
        let clients = &mut self.clients;
        let client = *worker.client.get_or_insert_with(|| clients.open(Owner::Worker(index)));
        let (node, process) = (worker.node, worker.process);
        let time = self.relative(now);
        let number = self.on_invoked(now, &argument);
        let is_last = last.is_some();
        self.workers[index].task =
            Some(Invocation { operation, argument: argument.clone(), number, is_last });
        self.tally.invoked += 1;
        let op = Op {
            index: self.history.len(),
            time,
            kind: OpKind::Invoke,
            process: Process::Client(process),
            action: Action::Client { f: operation.f, value: argument.clone() },
            is_final: last.is_some_and(|last| last.is_marked),
            error: None,
        };
        self.record(op, None);
        self.request(now, client, node, Ask::Operation(Asked { operation, argument, number }));
    }

    /// The number of what is to spread now, if anything is.
    fn on_invoked(&mut self, now: Nanos, argument: &OpValue) -> Option<u64> {
        let time = self.relative(now);
        let number = match (self.settings.workload.spreads, argument) {
            (Spreads::Elements, OpValue::Int(int)) => {
                self.tracer.invoked(&Value::Int(*int), now);
                self.watch.invoked(time);
                u64::try_from(*int).ok()?
            }
            // To add nothing changes nothing.
            (Spreads::Deltas, OpValue::Int(delta)) if *delta != 0 => {
                self.tracer.added(now);
                self.gossiped.count()
            }
            _ => return None,
        };
        self.gossiped.invoked(time);
        Some(number)
    }

    pub(super) fn worker_answered(
        &mut self,
        now: Nanos,
        index: usize,
        reply: Reply,
        packet: &Packet,
    ) {
        let end = match reply {
            Reply::Done(result, text) => End { kind: OpKind::Ok, result, text, error: None },
            Reply::Error { name, definite, text } => {
                self.failed(index, definite, OpError::Reply { name, text })
            }
            Reply::Malformed(why) => {
                self.notice_malformed(now, index, &why, packet);
                End::without_result(OpKind::Info, OpError::Exception(why))
            }
        };
        self.complete(now, index, end);
    }

    pub(super) fn worker_timed_out(&mut self, now: Nanos, index: usize) {
        let end = self.failed(index, false, OpError::Timeout);
        self.complete(now, index, end);
    }

    /// The meaning of an error for the operation.
    fn failed(&self, index: usize, is_definite: bool, error: OpError) -> End {
        let task = self.workers[index].task.as_ref();
        let is_idempotent = task.is_some_and(|task| task.operation.is_idempotent);
        match self.settings.workload.errors {
            Errors::Thrown => End::without_result(OpKind::Info, error.into_exception()),
            Errors::Mapped if is_definite || is_idempotent => {
                End::without_result(OpKind::Fail, error)
            }
            Errors::Mapped => End::without_result(OpKind::Info, error),
        }
    }

    fn notice_malformed(&mut self, now: Nanos, index: usize, why: &str, packet: &Packet) {
        let node = self.workers[index].node;
        let name = self.name(node as usize);
        let mut body = Vec::new();
        packet.body.write_json(self.nodes(), &mut body);
        let text = format!("{name} sent a reply that is refused, {why}: {}", quote(&body));
        self.notices.add(now, Some(node as usize), NoticeKind::MalformedReply, why, text);
    }

    fn complete(&mut self, now: Nanos, index: usize, end: End) {
        let time = self.relative(now);
        let concurrency = self.workers.len() as u64;
        let worker = &mut self.workers[index];
        let Some(Invocation { operation, argument, number, is_last }) = worker.task.take() else {
            return;
        };
        let (process, node) = (worker.process, worker.node);
        if end.kind == OpKind::Info {
            worker.process += concurrency;
            worker.reopen = !self.settings.workload.keeps_client;
        }
        if end.kind == OpKind::Ok {
            self.tally.ok += 1;
            if let Some(number) = number {
                self.on_acked(number, node, time);
            }
        } else {
            self.tally.not_ok += 1;
        }
        if is_last {
            let report = &mut self.reports[node as usize];
            if end.result.is_some() {
                report.final_read.clone_from(&end.result);
            }
            report.final_refusal = end.error.as_ref().and_then(refusal);
        }
        let last = self.settings.workload.last;
        let op = Op {
            index: self.history.len(),
            time,
            kind: end.kind,
            process: Process::Client(process),
            action: Action::Client { f: operation.f, value: end.result.unwrap_or(argument) },
            is_final: is_last && last.is_some_and(|last| last.is_marked),
            error: end.error,
        };
        self.record(op, end.text.as_ref().map(ArrayText::as_str));
        if self.network.conditions().is_down(node) && !self.settings.has_kills() {
            self.generator.suspend(index);
        } else {
            self.generator.release(index);
        }
        self.generate(now);
    }

    /// The node is gone, and with it every answer to its clients.
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
        OpError::Reply { .. } => Some(error.to_string()),
        OpError::Exception(why) => Some(why.clone()).filter(|why| why != OpError::NO_REPLY),
    }
}
