//! A failure for people: the state of every node in words.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::panic;

use rumormill::id::NodeId;
use rumormill::protocols::rumormill::Rumormill;
use rumormill::protocols::rumormill::link::Link;
use rumormill::set::VersionSet;
use rumormill_sim::MS;

use super::world::World;
use crate::node::Inspect as _;

thread_local! {
    static LAST_PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

/// From now on, panics are kept for the report instead of being printed.
pub fn keep_panics() {
    panic::set_hook(Box::new(|info| LAST_PANIC.set(info.to_string())));
}

/// The message of this thread's last panic.
pub(super) fn last_panic() -> String {
    LAST_PANIC.with_borrow(Clone::clone)
}

/// The state of every node.
pub(super) fn state(world: &World<'_>) -> String {
    let oracle = &world.watch.oracle;
    let now = world.sim.now();
    let mut all = VersionSet::new();
    for (index, server) in world.servers().enumerate() {
        if let (Some(_), Some(life)) = (server, oracle.life(index)) {
            all.union_with(&life.held);
        }
    }
    let mut text = format!("at {} ms, {} entries are held:\n", now / MS, all.count());
    for (index, (host, server)) in world.sim.hosts().iter().zip(world.servers()).enumerate() {
        let name = world.name(index);
        let (Some(node), Some(life)) = (server, oracle.life(index)) else {
            let _ = writeln!(text, "{name} is down");
            continue;
        };
        let missing = all.difference(&life.held);
        let _ = write!(text, "{name} (life {}) holds {}", host.generation(), life.held.count());
        if !missing.is_empty() {
            let _ = write!(text, ", lacks {}", oracle.words(&missing));
        }
        if let Some(plan) = node.protocol().and_then(Rumormill::plan) {
            let _ = write!(text, "; {plan:?}");
        }
        text.push('\n');
        let clock = host.clock(now);
        for (NodeId(peer), link) in node.links() {
            if let Some(what) = link_in_words(world, index, link, clock) {
                let _ = writeln!(text, "    to {}: {what}", world.name(peer as usize));
            }
        }
    }
    text
}

/// The state of a link in words; nothing if it is at rest.
fn link_in_words(
    world: &World<'_>,
    index: usize,
    link: &Link,
    clock: rumormill::time::Instant,
) -> Option<String> {
    let list = |held: &VersionSet| world.watch.local(index, held);
    let flying = link.in_flight();
    let mut facts = Vec::new();
    if !link.queue().is_empty() {
        facts.push(format!("queued {}", list(link.queue())));
    }
    if !flying.is_empty() {
        facts.push(format!("in flight {}", list(&flying)));
    }
    if let Some(since) = link.suspected_since() {
        facts.push(format!("suspected for {:?}", clock.since(since)));
    }
    if facts.is_empty() {
        return None;
    }
    facts.push(format!("known {}", list(link.known())));
    Some(facts.join("; "))
}
