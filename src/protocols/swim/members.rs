//! The list of members: the newest word on each, suspicion, and whom to ping next.

use std::collections::BTreeMap;

use rand::RngExt as _;

use super::member::{Liveness, Member, Status};
use super::settings::{ACCUSERS_MAX, Config, ProbeOrder};
use crate::gossip::Piggyback;
use crate::id::NodeId;
use crate::rng::Rng;
use crate::time::Instant;

/// A word on a member: its status, and the node that says so.
pub type News = (NodeId, Status, NodeId);

/// The members that one node knows, and its own status.
#[derive(Clone, Debug)]
pub(super) struct Members {
    me: NodeId,
    /// This node's own word on itself.
    pub(super) own: Status,
    by_node: BTreeMap<NodeId, Member>,
    /// The members that are alive or suspect, in the order in which they are probed.
    order: Vec<NodeId>,
    next: usize,
    suspects: Vec<NodeId>,
    news: Piggyback<NodeId, News>,
}

impl Members {
    pub(super) fn new(me: NodeId, own: Status) -> Self {
        Self {
            me,
            own,
            by_node: BTreeMap::new(),
            order: Vec::new(),
            next: 0,
            suspects: Vec::new(),
            news: Piggyback::default(),
        }
    }

    /// The number of members that were ever heard of.
    pub(super) fn len(&self) -> usize {
        self.by_node.len()
    }

    /// All members that were ever heard of, ascending.
    pub(super) fn iter(&self) -> impl Iterator<Item = (NodeId, &Member)> {
        self.by_node.iter().map(|(node, member)| (*node, member))
    }

    /// The status of a member.
    pub(super) fn status(&self, node: NodeId) -> Option<Status> {
        self.by_node.get(&node).map(|member| member.status)
    }

    /// Spreads this node's own status.
    pub(super) fn announce(&mut self) {
        self.news.push(self.me, (self.me, self.own, self.me));
    }

    /// At most `count` news for a message.
    pub(super) fn take_news(&mut self, count: usize, limit: u32) -> Vec<News> {
        self.news.take(count, limit)
    }

    /// The status of this node and of every member.
    pub(super) fn all_news(&self) -> Vec<News> {
        let own = std::iter::once((self.me, self.own, self.me));
        own.chain(self.iter().map(|(node, member)| (node, member.status, self.me))).collect()
    }

    /// Takes news in if they are newer than what is known. True if they were of this node, which
    /// refutes them.
    pub(super) fn hear(
        &mut self,
        now: Instant,
        (node, status, accuser): News,
        config: &Config,
        rng: &mut Rng,
    ) -> bool {
        if node == self.me {
            return self.refute(status);
        }
        let known = self.by_node.get_mut(&node);
        if let Some(member) = known {
            if status == member.status && status.liveness == Liveness::Suspect {
                let is_new =
                    member.accusers.len() <= ACCUSERS_MAX && !member.accusers.contains(&accuser);
                if config.lifeguard.is_on() && is_new {
                    member.accusers.push(accuser);
                    self.news.push(node, (node, status, accuser));
                }
            }
            if status <= member.status {
                return false;
            }
        } else if status.liveness != Liveness::Alive {
            // News of an unknown node are no reason to know it (atomix #962), but a node that is
            // gone must not come back through older news.
            self.by_node.insert(node, Member::new(status));
            return false;
        }
        self.replace(now, (node, status, accuser), rng);
        false
    }

    /// The status of a member changes.
    fn replace(&mut self, now: Instant, (node, status, accuser): News, rng: &mut Rng) {
        let was_probed = self.status(node).is_some_and(|status| status.liveness.is_present());
        self.suspects.retain(|suspect| *suspect != node);
        let mut member = Member::new(status);
        if status.liveness == Liveness::Suspect {
            (member.suspected_at, member.accusers) = (Some(now), vec![accuser]);
            self.suspects.push(node);
        }
        self.by_node.insert(node, member);
        if status.liveness.is_present() && !was_probed {
            let at = rng.random_range(0..=self.order.len());
            self.order.insert(at, node);
        } else if !status.liveness.is_present() {
            self.order.retain(|other| *other != node);
        }
        self.news.push(node, (node, status, accuser));
    }

    /// Refutes what is said about this node; true if there was anything to refute.
    fn refute(&mut self, status: Status) -> bool {
        let is_wrong = status.generation == self.own.generation
            && status > self.own
            && self.own.liveness == Liveness::Alive;
        if is_wrong {
            self.own.incarnation = status.incarnation.saturating_add(1);
            self.announce();
        }
        is_wrong
    }

    /// The next member to ping.
    pub(super) fn next_target(&mut self, order: ProbeOrder, rng: &mut Rng) -> Option<NodeId> {
        if order == ProbeOrder::Random {
            return self.pick_alive(1, None, rng).pop();
        }
        if self.next >= self.order.len() {
            self.next = 0;
            for i in (1..self.order.len()).rev() {
                self.order.swap(i, rng.random_range(0..=i));
            }
        }
        self.next += 1;
        self.order.get(self.next - 1).copied()
    }

    /// Different members that are alive or suspect.
    pub(super) fn pick_alive(
        &self,
        count: usize,
        but: Option<NodeId>,
        rng: &mut Rng,
    ) -> Vec<NodeId> {
        let mut list: Vec<NodeId> = Vec::new();
        let candidates = self.order.len();
        let available = candidates - usize::from(but.is_some_and(|but| self.order.contains(&but)));
        while list.len() < count.min(available) {
            let node = self.order[rng.random_range(0..candidates)];
            if Some(node) != but && !list.contains(&node) {
                list.push(node);
            }
        }
        list
    }

    /// When the next suspect is dead if it does not refute.
    pub(super) fn next_timeout(&self, config: &Config) -> Option<Instant> {
        self.suspects.iter().filter_map(|node| self.suspicion_ends(*node, config)).min()
    }

    /// Takes suspects for dead that have not refuted in time.
    pub(super) fn end_suspicions(&mut self, now: Instant, config: &Config, rng: &mut Rng) {
        for node in self.suspects.clone() {
            let is_over = self.suspicion_ends(node, config).is_some_and(|at| at <= now);
            if let Some(status) = self.status(node).filter(|_| is_over) {
                let dead = Status { liveness: Liveness::Dead, ..status };
                self.replace(now, (node, dead, self.me), rng);
            }
        }
    }

    fn suspicion_ends(&self, node: NodeId, config: &Config) -> Option<Instant> {
        let member = self.by_node.get(&node)?;
        let timeout = config.suspicion(self.len() + 1, member.accusers.len());
        member.suspected_at.map(|since| since.after(timeout))
    }
}
