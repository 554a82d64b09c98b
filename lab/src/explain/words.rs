//! Lives and messages as text for a terminal.

use std::fmt::Write as _;

use rumormill_judge::format::text::line;

use super::life::{Cause, Copy, Holder, Life};
use crate::store::journal::{Journal, Message};

/// Dropped copies that are listed one by one.
const DROPS_LISTED: usize = 20;

/// The life of a value as a tree: below each node those that have it from there.
#[must_use]
pub fn tree(life: &Life) -> String {
    let mut out = String::new();
    let at = |time: Option<f64>| time.map_or_else(|| "never".to_owned(), ms);
    let Life { value, client, origin, .. } = life;
    line(&mut out, &format!("value {value}, broadcast by {client} at {origin}"));
    let (broadcast, acked) = (at(life.broadcast_ms), at(life.acked_ms));
    line(&mut out, &format!("  received at {broadcast}, acknowledged at {acked}"));
    let roots = life.holders.iter().filter(|holder| holder.by.is_none());
    for root in roots {
        line(&mut out, &format!("  {}", root_words(life, root)));
        branches(&mut out, life, &root.node, "  ");
    }
    let took = match life.took_ms {
        Some(took) => format!("all {} nodes held it {} later", life.holders.len(), ms(took)),
        None if life.missing.is_empty() && life.unread.is_empty() => "all nodes held it".to_owned(),
        None if life.missing.is_empty() => {
            format!("not known of {}: no read of them came later", life.unread.join(", "))
        }
        None => format!("{} never held it", life.missing.join(", ")),
    };
    line(&mut out, &format!("  {took}; {} redundant copies", life.redundant));
    for node in &life.missing {
        line(&mut out, &format!("  {}", why_missing(life, node)));
    }
    for copy in life.dropped.iter().take(DROPS_LISTED) {
        line(&mut out, &format!("  dropped: {}", dropped(copy)));
    }
    if life.dropped.len() > DROPS_LISTED {
        line(&mut out, &format!("  and {} more", life.dropped.len() - DROPS_LISTED));
    }
    out += &last(life);
    out
}

/// A node that no other node's message brought the value.
fn root_words(life: &Life, root: &Holder) -> String {
    if root.node == life.origin && root.cause == Cause::Origin {
        return root.node.clone();
    }
    format!("{}  {}  {}", root.node, ms(root.held_ms), root.cause.words())
}

/// Why a node does not hold a value, as far as messages tell.
#[must_use]
pub fn why_missing(life: &Life, node: &str) -> String {
    let Life { value, .. } = life;
    if let Some(sent) = life.unreturned.iter().find(|sent| sent.node == node) {
        let (from, at) = (&sent.from, ms(sent.at_ms));
        return format!("{node} was sent {value} (by {from} at {at}) and never returned it");
    }
    match life.dropped.iter().filter(|copy| copy.to == node).count() {
        0 => format!("no message to {node} is seen to have had it"),
        1 => format!("the only copy for {node} was dropped"),
        dropped => format!("all {dropped} copies for {node} were dropped"),
    }
}

fn branches(out: &mut String, life: &Life, parent: &str, indent: &str) {
    let is_child = |holder: &&Holder| holder.by.as_ref().is_some_and(|copy| copy.from == parent);
    let children: Vec<&Holder> = life.holders.iter().filter(is_child).collect();
    for (i, child) in children.iter().enumerate() {
        let is_last = i + 1 == children.len();
        let (branch, below) = if is_last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        line(out, &format!("{indent}{branch}{}", hop(child)));
        branches(out, life, &child.node, &format!("{indent}{below}"));
    }
}

/// How a node came to the value, in a line.
fn hop(holder: &Holder) -> String {
    let Some(copy) = &holder.by else { return holder.node.clone() };
    let way = copy.received_ms.map_or_else(String::new, |at| ms(at - copy.sent_ms));
    let batch = if copy.batch == 1 { "alone".to_owned() } else { format!("one of {}", copy.batch) };
    let digest = if copy.digest { ", with a digest" } else { "" };
    let mut text = format!(
        "{}  {}  sent {} (waited {}), {way} on the way, {batch} in message {}{digest}",
        holder.node,
        ms(holder.held_ms),
        ms(copy.sent_ms),
        ms(holder.waited_ms),
        copy.message,
    );
    if holder.dropped_before > 0 {
        text += &format!(", after {} dropped", holder.dropped_before);
    }
    text
}

fn dropped(copy: &Copy) -> String {
    let cause = copy.dropped_by.as_deref().unwrap_or("?");
    format!("{} to {}, sent {}: {cause}", copy.from, copy.to, ms(copy.sent_ms))
}

/// The last node to hold it, and where the time was spent.
fn last(life: &Life) -> String {
    let way = life.way_to_last();
    let Some(holder) = way.last().filter(|holder| holder.by.is_some()) else {
        return String::new();
    };
    let mut out = String::new();
    let most = life.costliest_hop().map_or_else(String::new, Holder::reason);
    line(&mut out, &format!("  last: {}; most of the time: {most}", holder.node));
    for holder in way.iter().filter(|holder| holder.cause != Cause::Origin) {
        let Some(copy) = &holder.by else { continue };
        let on_the_way = copy.received_ms.map_or(0.0, |at| at - copy.sent_ms);
        let (waited, way) = (ms(holder.waited_ms), ms(on_the_way));
        let why = holder.cause.words();
        let link = format!("{} to {}", copy.from, copy.to);
        line(&mut out, &format!("    {link}: {waited} at {}, {way} on the way ({why})", copy.from));
    }
    out
}

/// The node that held a value last, or never did, and why.
#[must_use]
pub fn last_and_why(life: &Life) -> (String, String) {
    match (life.missing.first(), life.holders.last()) {
        (Some(node), _) => {
            let others = life.missing.len() - 1;
            let more = if others > 0 { format!("; {others} more") } else { String::new() };
            (node.clone(), format!("{}{more}", why_missing(life, node)))
        }
        (None, Some(holder)) => {
            let most = life.costliest_hop().map_or_else(String::new, Holder::reason);
            (holder.node.clone(), most)
        }
        (None, None) => (String::new(), String::new()),
    }
}

/// Lives in a table, a line each.
#[must_use]
pub fn table(lives: &[&Life]) -> String {
    let mut out = String::new();
    line(&mut out, "value       origin     broadcast        took  last       why");
    for life in lives {
        let took = life.took_ms.map_or_else(|| "never".to_owned(), ms);
        let broadcast = life.broadcast_ms.map_or_else(|| "never".to_owned(), ms);
        let (last, why) = last_and_why(life);
        let Life { value, origin, .. } = life;
        line(
            &mut out,
            &format!("{value:<10}  {origin:<8}{broadcast:>12}{took:>12}  {last:<9}  {why}"),
        );
    }
    out
}

/// A message in a line.
#[must_use]
pub fn message(journal: &Journal, message: &Message) -> String {
    let Message { id, src, dest, kind, .. } = message;
    let mut what = if kind.is_empty() { "(no type)".to_owned() } else { kind.clone() };
    if let Some(number) = message.own.and_then(|own| own.number) {
        let _ = write!(what, " {number}");
    }
    match &message.values[..] {
        [] if message.own.is_some() => what += ": 0 values",
        [] => {}
        [value] => _ = write!(what, ": {}", journal.trace.values[*value as usize].value),
        values => _ = write!(what, ": {} values", values.len()),
    }
    if message.own.is_some_and(|own| own.is_digest) {
        what += ", digest";
    }
    let sent = journal.millis(message.sent);
    let fate = match (&message.dropped, message.received.first()) {
        (Some((_, cause)), _) => format!("dropped: {cause}"),
        (None, Some(at)) => format!("{} later", ms(journal.millis(*at) - sent)),
        (None, None) => "on its way at the end".to_owned(),
    };
    let again = match message.received.len() {
        0 | 1 => String::new(),
        times => format!(" ({times} times)"),
    };
    format!("{:>12}  {src} -> {dest}  {what}  [{id}]  {fate}{again}", ms(sent))
}

fn ms(time: f64) -> String {
    format!("{time:.1} ms")
}
