//! Messages to clients: replies that are waited for, and those that are not.

use rumormill_sim::Nanos;

use super::Run;
use super::output::Output;
use super::sent::Sent;
use super::timer::Timer;
use crate::format::text::quote;
use crate::history::ReadSet;
use crate::message::events::{EventSink, PacketEvent};
use crate::message::packet::Packet;
use crate::outcome::NoticeKind;
use crate::run::client::{Expiry, Offer, Owner, Standing};
use crate::run::reply::{Claim, Request, claim_of};

impl<S: EventSink> Run<S> {
    /// A message has come to a client that is open.
    pub(super) fn offer(&mut self, now: Nanos, client: u32, packet: Packet, sender: Option<usize>) {
        match self.clients.offer(client, packet) {
            Offer::Unread(claim) => self.on_stray(now, client, claim, sender),
            Offer::Ignored(packet) => {
                self.record_packet(now, PacketEvent::Received, &packet);
                self.on_stray(now, client, claim_of(&packet.body), sender);
            }
            Offer::Answered(packet, owner, request, reply) => {
                self.record_packet(now, PacketEvent::Received, &packet);
                match owner {
                    Owner::Init(node) => {
                        self.clients.close(client);
                        self.node_answered(now, node, request, Some(reply));
                    }
                    Owner::Topology(node) => self.node_answered(now, node, request, Some(reply)),
                    Owner::Restart { node, life, topology } => {
                        self.clients.close(client);
                        let topology = topology && request == Request::Init;
                        self.restart_answered(now, (node, life), topology, &reply);
                    }
                    Owner::Start { node } => {
                        self.clients.close(client);
                        self.start_answered(now, node, Some(&reply));
                    }
                    Owner::Worker(worker) => {
                        let begun = self.clients.take_delivered(client);
                        let node = worker % self.settings.nodes.len();
                        self.on_served(now, node, begun);
                        if let (Some(set), Some(begun)) = (reply.set(), begun) {
                            self.trace_read(node as u32, begun, now, set);
                        }
                        self.worker_answered(now, worker, reply, &packet);
                    }
                }
            }
        }
    }

    /// A client's timer has come.
    pub(super) fn expire(&mut self, now: Nanos, client: u32) {
        match self.clients.expire(client, now) {
            Expiry::Idle => {}
            Expiry::Later(deadline) => self.network.set_alarm(deadline, Timer::Client(client)),
            Expiry::Expired(Owner::Init(node) | Owner::Topology(node), request) => {
                self.node_answered(now, node, request, None);
            }
            Expiry::Expired(Owner::Restart { node, life, .. }, _) => {
                self.clients.close(client);
                self.restarted(now, node, life);
            }
            Expiry::Expired(Owner::Start { node }, _) => {
                self.clients.close(client);
                self.start_answered(now, node, None);
            }
            Expiry::Expired(Owner::Worker(worker), _) => {
                self.on_unfinished(now, worker);
                self.worker_timed_out(now, worker);
            }
        }
    }

    /// A message that answers nothing its open client waits for. Maelstrom reads and ignores it.
    fn on_stray(&mut self, now: Nanos, client: u32, claim: Claim, sender: Option<usize>) {
        let Some(node) = sender else { return };
        let Claim { kind, in_reply_to } = claim;
        let name = self.name(node);
        let dest = format!("c{client}");
        let kind = quote(kind.as_bytes());
        let standing = self.clients.standing(client, in_reply_to.as_deref());
        let (class, what) = match (standing, in_reply_to) {
            (Standing::GivenUp, _) => return,
            (Standing::Answered, _) => {
                self.reports[node].errors.second_answers += 1;
                let text = format!(
                    "{name} sent a second answer to a request of {dest} that had its answer: {kind}"
                );
                self.notices.add(now, Some(node), NoticeKind::SecondAnswer, "open", text);
                return;
            }
            (Standing::Unknown(_), None) => ("none", "that has no in_reply_to".to_owned()),
            (Standing::Unknown(expected), Some(got)) => {
                let got = quote(got.as_bytes());
                ("wrong", format!("whose in_reply_to is {got}, not the number {expected}"))
            }
        };
        let text = format!("{name} sent {} to {dest} {what}", with_article(&kind));
        let report = &mut self.reports[node];
        report.errors.stray_replies += 1;
        report.stray_reply.get_or_insert_with(|| text.clone());
        self.notices.add(now, Some(node), NoticeKind::StrayReply, class, text);
    }

    /// A message to a client that is closed, for which Maelstrom ignores its sender from then on.
    pub(super) fn refuse_late(&mut self, now: Nanos, node: usize, client: u32, sent: Sent<'_>) {
        if self.is_excused(now, node) {
            return self.excuse(now, node);
        }
        self.reports[node].errors.late_replies += 1;
        let claim = sent.claim();
        let standing = self.clients.standing(client, claim.in_reply_to.as_deref());
        let what = match standing {
            Standing::Answered => "sent a second answer to a request that had its answer",
            _ => "sent a message after its client had given up and gone",
        };
        let text = format!("{} {what}: {}", self.name(node), sent.quoted());
        self.refuse(now, node, NoticeKind::LateReply, what, text);
    }

    /// A node may wait for the end of its own line.
    fn on_unfinished(&mut self, now: Nanos, worker: usize) {
        let node = worker % self.settings.nodes.len();
        let Some(words) = self.outputs[node].as_ref().and_then(Output::unfinished_words) else {
            return;
        };
        let text = format!("{} {words}", self.name(node));
        self.notices.add(now, Some(node), NoticeKind::UnfinishedLine, "", text);
    }

    /// A node has answered a read that it was handed at `begun`. In a simulation its deliveries say the
    /// same, and sooner.
    pub(super) fn trace_read(&mut self, node: u32, begun: Nanos, at: Nanos, set: &ReadSet) {
        if !self.exact {
            self.tracer.read(node, begun, at, set);
        }
    }

    /// The time from the delivery of a worker's request to its first reply. Those of `init` would
    /// tell how long a process takes to start.
    fn on_served(&mut self, now: Nanos, node: usize, delivered: Option<Nanos>) {
        if let Some(delivered) = delivered.filter(|_| !self.exact) {
            self.service_times[node].push(now.saturating_sub(delivered));
        }
    }
}

fn with_article(kind: &str) -> String {
    match kind {
        "" => "a message without a type".to_owned(),
        _ if kind.starts_with(['a', 'e', 'i', 'o', 'u']) => format!("an {kind}"),
        _ => format!("a {kind}"),
    }
}
