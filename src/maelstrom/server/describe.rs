//! The state of a node, for people.

use std::fmt;

use super::Server;
use super::state::State;
use crate::protocol::Protocol;
use crate::service::Service;
use crate::time::Instant;

/// The state of a node for people, at some instant: see [`Server::describe`].
#[derive(Clone, Copy, Debug)]
pub struct Description<'a, P: Protocol, S: Service> {
    pub(super) server: &'a Server<P, S>,
    pub(super) now: Instant,
}

impl<P: Protocol, S: Service> fmt::Display for Description<'_, P, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { server, now } = *self;
        let generation = server.generation;
        let State::Member(member) = &server.state else {
            return writeln!(f, "at {now}: not initialised, generation {generation}");
        };
        let (me, nodes) = (member.nodes.name(member.me), member.nodes.len());
        writeln!(f, "{me} at {now}: one of {nodes} nodes, generation {generation}")?;
        writeln!(f, "  entries submitted here: {}", member.next_sequence)?;
        if server.durability.is_some() {
            let (appended, synced) = (server.outbox.appended().0, server.outbox.synced().0);
            let waiting = server.outbox.len();
            writeln!(f, "  journal: {synced} of {appended} on disk, {waiting} messages wait")?;
        }
        member.protocol.describe(now, &member.nodes, f)?;
        match server.refused {
            0 => Ok(()),
            refused => writeln!(f, "  lines refused: {refused}"),
        }
    }
}
