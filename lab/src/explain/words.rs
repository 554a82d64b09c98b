//! Lives and messages as text for a terminal.

use std::fmt::Write as _;

use super::journal::{Content, Journal, Message};
use super::life::{Cause, Copy, Holder, Life};

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
    if let Some(root) = life.holders.first() {
        line(&mut out, &format!("  {}", root.node));
        branches(&mut out, life, &root.node, "  ");
    }
    let took = match life.took_ms {
        Some(took) => format!("all {} nodes held it {} later", life.holders.len(), ms(took)),
        None if life.missing.is_empty() => "all nodes held it".to_owned(),
        None => format!("NEVER came to {}", life.missing.join(", ")),
    };
    line(&mut out, &format!("  {took}; {} redundant copies", life.redundant));
    for copy in life.dropped.iter().take(DROPS_LISTED) {
        line(&mut out, &format!("  dropped: {}", dropped(copy)));
    }
    if life.dropped.len() > DROPS_LISTED {
        line(&mut out, &format!("  and {} more", life.dropped.len() - DROPS_LISTED));
    }
    out += &last(life);
    out
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

/// Lives in a table, a line each.
#[must_use]
pub fn table(lives: &[&Life]) -> String {
    let mut out = String::new();
    line(&mut out, "value       origin     broadcast        took  last       why");
    for life in lives {
        let took = life.took_ms.map_or_else(|| "never".to_owned(), ms);
        let broadcast = life.broadcast_ms.map_or_else(|| "never".to_owned(), ms);
        let (last, why) = match (life.missing.first(), life.holders.last()) {
            (Some(node), _) => {
                let others = life.missing.len() - 1;
                let more = if others > 0 { format!(" and {others} more") } else { String::new() };
                let dropped = life.dropped.len();
                (node.clone(), format!("never held it{more}; {dropped} copies dropped"))
            }
            (None, Some(holder)) => {
                let most = life.costliest_hop().map_or_else(String::new, Holder::reason);
                (holder.node.clone(), most)
            }
            (None, None) => (String::new(), String::new()),
        };
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
    let Message { id, src, dest, .. } = message;
    let what = match &message.content {
        Content::Broadcast(value) => {
            let mut text = "broadcast ".to_owned();
            value.write_to(&mut text);
            text
        }
        Content::Gossip(gossip) => {
            let digest = if gossip.is_digest { ", digest" } else { "" };
            format!("gossip {}: {} values{digest}", gossip.number, gossip.values.len())
        }
        other => other.kind().to_owned(),
    };
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

fn line(out: &mut String, text: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{}", text.trim_end());
}
