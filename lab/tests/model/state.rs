//! A world, what has happened to it, and what may still happen.

use std::fmt;
use std::hash::{Hash, Hasher};

use rumormill::service::Request;
use rumormill::value::Value;
use rumormill_judge::message::Body;

use crate::local::{DIGEST_WAIT, Input};
use crate::setting::{Bounds, Setting};
use crate::world::World;

/// A step of the cluster. Packets are named by their place in the sorted list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Broadcast(usize),
    Timeout(usize),
    Deliver(usize),
    Lose(usize),
    Duplicate(usize),
    Restart(usize),
}

/// A world, and what may still happen to it.
#[derive(Clone)]
pub(crate) struct State {
    world: World,
    origins: [usize; 2],
    /// The broadcasts made, and so acknowledged.
    made: [bool; 2],
    /// Those whose node has not restarted since.
    kept: [bool; 2],
    timed_out: u8,
    lost: u8,
    duplicated: u8,
    restarted: u8,
    bounds: Bounds,
}

impl State {
    pub(crate) fn new(setting: Setting) -> Self {
        Self {
            world: World::new(setting),
            origins: setting.origins,
            bounds: setting.bounds,
            made: [false; 2],
            kept: [false; 2],
            timed_out: 0,
            lost: 0,
            duplicated: 0,
            restarted: 0,
        }
    }

    pub(crate) const fn world(&self) -> &World {
        &self.world
    }

    pub(crate) fn actions(&self, actions: &mut Vec<Action>) {
        actions.extend((0..2).filter(|&value| !self.made[value]).map(Action::Broadcast));
        let packets = &self.world.packets;
        // Of equal packets, one stands for all.
        let distinct = |&i: &usize| i == 0 || packets[i - 1].digest != packets[i].digest;
        for packet in (0..packets.len()).filter(distinct) {
            actions.push(Action::Deliver(packet));
            if self.lost < self.bounds.losses {
                actions.push(Action::Lose(packet));
            }
            if self.duplicated < self.bounds.duplications {
                actions.push(Action::Duplicate(packet));
            }
        }
        if self.restarted < self.bounds.restarts {
            actions.extend((0..self.world.machines.len()).map(Action::Restart));
        }
        if self.timed_out < self.bounds.timeouts {
            let indices = 0..self.world.machines.len();
            let may_time_out = |&index: &usize| {
                self.bounds.digests || self.world.wait_of(index).is_some_and(|w| w < DIGEST_WAIT)
            };
            actions.extend(indices.filter(may_time_out).map(Action::Timeout));
        }
    }

    pub(crate) fn apply(&mut self, action: Action) {
        match action {
            Action::Broadcast(value) => {
                let message = Value::Int(value as i64);
                let body = Body::Request { request: Request::Broadcast { message }, msg_id: 3 };
                self.made[value] = true;
                self.kept[value] = true;
                self.world.step(self.origins[value], Input::Client(body));
            }
            Action::Timeout(index) => {
                self.timed_out += 1;
                self.world.time_out(index);
            }
            Action::Deliver(packet) => self.world.deliver(packet),
            Action::Lose(packet) => {
                self.lost += 1;
                self.world.packets.remove(packet);
            }
            Action::Restart(index) => {
                self.restarted += 1;
                self.world.restart(index);
                // The values that it acknowledged may have been nowhere else.
                for value in (0..2).filter(|&value| self.origins[value] == index) {
                    self.kept[value] = false;
                }
            }
            Action::Duplicate(packet) => {
                self.duplicated += 1;
                let copy = self.world.packets[packet].clone();
                self.world.packets.insert(packet, copy);
            }
        }
    }

    /// The action, for people.
    pub(crate) fn describe(&self, action: Action) -> String {
        match action {
            Action::Deliver(packet) | Action::Lose(packet) | Action::Duplicate(packet) => {
                let mut line = Vec::new();
                self.world.packets[packet].message.write_line(&mut line);
                format!("{action:?} {}", String::from_utf8_lossy(line.trim_ascii_end()))
            }
            _ => format!("{action:?}"),
        }
    }

    /// Invariant 1.
    pub(crate) fn acknowledged_is_held(&self) -> bool {
        (0..2).filter(|&value| self.kept[value]).all(|value| {
            let node = &self.world.machines[self.origins[value]].local.node;
            node.service().contains(&Value::Int(value as i64))
        })
    }

    /// True if nothing can happen any more within the bounds.
    pub(crate) fn is_out_of_bounds(&self) -> bool {
        let mut actions = Vec::new();
        self.actions(&mut actions);
        actions.is_empty()
    }

    pub(crate) const fn has_restarted(&self) -> bool {
        self.restarted > 0
    }

    pub(crate) const fn has_lost(&self) -> bool {
        self.lost > 0
    }

    pub(crate) fn has_all_values(&self) -> bool {
        self.made == [true; 2]
    }

    fn identity(&self) -> impl Hash + PartialEq {
        let machines = self.world.machines.iter();
        let machines: Vec<_> = machines.map(|m| (m.local.digest, m.now)).collect();
        let packets: Vec<u64> = self.world.packets.iter().map(|packet| packet.digest).collect();
        let made = (self.made, self.kept);
        (machines, packets, made, self.timed_out, self.lost, self.duplicated, self.restarted)
    }
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }
}

impl Hash for State {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.identity().hash(hasher);
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for machine in &self.world.machines {
            writeln!(f, "{} {:#?}", machine.now, machine.local.node)?;
        }
        write!(f, "{:#?}", self.world.packets)
    }
}
