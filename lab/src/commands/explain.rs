//! `lab explain`.

use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use rumormill::value::Value;
use rumormill_judge::trace::ValuesAt;
use serde_json::value::RawValue;

use crate::commands::shell::print;
use crate::explain::life::Life;
use crate::explain::row::Row;
use crate::explain::summary::summary;
use crate::explain::words;
use crate::report::Window;
use crate::store::journal::{Journal, Message};

/// Two nodes, sender first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link(String, String);

impl FromStr for Link {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("expected two nodes such as n3,n7, not {text:?}");
        let (from, to) = text.split_once(',').ok_or_else(wrong)?;
        Ok(Self(from.trim().to_owned(), to.trim().to_owned()))
    }
}

/// `lab explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The directory of a run of the lab
    #[arg(value_name = "STORE")]
    pub store: PathBuf,
    /// The value, as JSON
    #[arg(value_name = "VALUE", conflicts_with_all = ["slowest", "lost"])]
    pub value: Option<String>,
    /// The values that took longest until the last node held them
    #[arg(long, value_name = "N", conflicts_with = "lost")]
    pub slowest: Option<usize>,
    /// The values that some node never held
    #[arg(long)]
    pub lost: bool,
    /// Only what this node sent, received, had last or never had
    #[arg(long, value_name = "NODE")]
    pub node: Option<String>,
    /// Only the messages from the first of these nodes to the second
    #[arg(long, value_name = "FROM,TO", conflicts_with_all = ["value", "slowest", "lost"])]
    pub link: Option<Link>,
    /// Only what was broadcast or sent in this time of the history's clock
    #[arg(long, value_name = "FROM,TO")]
    pub between: Option<Window>,
    /// All messages, a line each, not a summary
    #[arg(long, conflicts_with_all = ["value", "slowest", "lost"])]
    pub messages: bool,
    /// Where values stand in messages that are not of the workspace's own node, such as
    /// body.messages[*]; may be repeated [default: as the run was told, or found out]
    #[arg(long, value_name = "PATH")]
    pub values_at: Vec<ValuesAt>,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

/// Executes `lab explain`; answers the exit status.
///
/// # Errors
/// If it cannot be done.
pub fn execute(args: &ExplainArgs) -> Result<u8> {
    let (text, code) = explain(args)?;
    print(&text);
    Ok(code)
}

fn explain(args: &ExplainArgs) -> Result<(String, u8)> {
    let journal = Journal::load(&args.store, &args.values_at)?;
    let link = args.link.iter().flat_map(|link| [&link.0, &link.1]);
    for name in args.node.iter().chain(link) {
        ensure!(is_known(&journal, name), "there is no {name} in this run");
    }
    if let Some(text) = &args.value {
        return one_value(args, &journal, text);
    }
    let is_about_messages =
        args.messages || args.link.is_some() || args.node.is_some() || args.between.is_some();
    let is_about_values = args.slowest.is_some() || args.lost;
    if is_about_messages && !is_about_values {
        return messages(args, &journal);
    }
    let copies = journal.copies();
    let lives = (0..).zip(&copies).filter_map(|(value, copies)| Life::of(&journal, value, copies));
    let mut lives: Vec<Life> = lives.filter(|life| is_wanted(args, life)).collect();
    if !is_about_values && !args.json {
        let store = args.store.display().to_string();
        return Ok((summary(&journal, &lives, &store), 0));
    }
    if args.lost {
        // A value that was not acknowledged may be lost.
        lives.retain(|life| life.acked_ms.is_some() && !life.missing.is_empty());
    }
    let took = |life: &Life| life.took_ms.unwrap_or(f64::INFINITY);
    if is_about_values {
        lives.sort_by(|a, b| took(b).total_cmp(&took(a)));
    }
    lives.truncate(args.slowest.unwrap_or(usize::MAX));
    let code = u8::from(args.lost && !lives.is_empty());
    if args.json {
        return Ok((serde_json::to_string_pretty(&lives)? + "\n", code));
    }
    if lives.is_empty() {
        let text = match (args.lost, args.node.is_some() || args.between.is_some()) {
            (true, false) => "every acknowledged value came to all nodes\n",
            (true, true) => "every acknowledged value came to all nodes, as far as was asked\n",
            (false, _) => "there is no such value\n",
        };
        return Ok((text.to_owned(), code));
    }
    let table = words::table(&lives.iter().collect::<Vec<_>>());
    Ok((table + &source_note(&journal), code))
}

/// A last line if messages do not show how values came to nodes; empty if they do.
fn source_note(journal: &Journal) -> String {
    let why = journal.trace.source.why_not();
    why.map_or_else(String::new, |why| format!("seen in reads of clients only: {why}\n"))
}

fn one_value(args: &ExplainArgs, journal: &Journal, text: &str) -> Result<(String, u8)> {
    let raw: &RawValue =
        serde_json::from_str(text).with_context(|| format!("{text:?} is no JSON value"))?;
    let value = Value::from_raw(raw)?;
    let number = journal.trace.values.iter().position(|traced| traced.value == value);
    let copies = journal.copies();
    let life = number.and_then(|number| Life::of(journal, number as u32, &copies[number]));
    let (Some(life), Some(number)) = (life, number) else {
        return Ok((format!("{text} was not broadcast in this run\n"), 1));
    };
    if args.json {
        return Ok((serde_json::to_string_pretty(&life)? + "\n", 0));
    }
    let copies = &copies[number];
    let mut out = words::tree(&life) + &partitions(journal, &life, copies) + &source_note(journal);
    if let Some(node) = &args.node {
        let is_of = |message: &&Message| message.src == *node || message.dest == *node;
        let of_node = copies.iter().map(|&at| &journal.messages[at]).filter(is_of);
        out += &format!("  copies to and from {node}:\n");
        for message in of_node {
            out += &format!("  {}\n", words::message(journal, message));
        }
    }
    Ok((out, 0))
}

/// The partitions that dropped copies: how long they lasted, and how many copies were sent after.
fn partitions(journal: &Journal, life: &Life, copies: &[usize]) -> String {
    let mut out = String::new();
    for (number, partition) in (1..).zip(&journal.partitions) {
        let name = format!("partition {number}");
        if !life.dropped.iter().any(|copy| copy.dropped_by.as_deref() == Some(&name)) {
            continue;
        }
        let from = journal.millis(partition.start);
        out += &match partition.end {
            None => format!("  {name}: from {from:.1} ms to the end\n"),
            Some(end) => {
                let after = copies.iter().filter(|&&at| journal.messages[at].sent > end).count();
                let to = journal.millis(end);
                format!("  {name}: from {from:.1} ms to {to:.1} ms; {after} copies sent after it\n")
            }
        };
    }
    out
}

fn is_wanted(args: &ExplainArgs, life: &Life) -> bool {
    let in_time =
        args.between.is_none_or(|window| life.broadcast_ms.is_some_and(|at_ms| window.has(at_ms)));
    let of_node = args.node.as_ref().is_none_or(|node| {
        let is_last = life.holders.last().is_some_and(|holder| holder.node == *node);
        life.missing.contains(node) || (life.missing.is_empty() && is_last)
    });
    in_time && of_node
}

/// True for a node or a client that had something to do with the run.
fn is_known(journal: &Journal, name: &String) -> bool {
    let is_of = |message: &Message| message.src == *name || message.dest == *name;
    journal.nodes.contains(name) || journal.messages.iter().any(is_of)
}

/// The messages that pass the filters, a line each.
fn messages(args: &ExplainArgs, journal: &Journal) -> Result<(String, u8)> {
    let is_wanted = |message: &&Message| {
        let sent = journal.millis(message.sent);
        let in_time = args.between.is_none_or(|window| window.has(sent));
        let of_node = |node: &String| message.src == *node || message.dest == *node;
        let on_link = |link: &Link| message.src == link.0 && message.dest == link.1;
        in_time && args.node.as_ref().is_none_or(of_node) && args.link.as_ref().is_none_or(on_link)
    };
    let wanted = journal.messages.iter().filter(is_wanted);
    if args.json {
        let rows: Vec<Row> = wanted.map(|message| Row::of(journal, message)).collect();
        return Ok((serde_json::to_string_pretty(&rows)? + "\n", u8::from(rows.is_empty())));
    }
    let text: String = wanted.map(|message| words::message(journal, message) + "\n").collect();
    if text.is_empty() {
        return Ok(("there is no such message\n".to_owned(), 1));
    }
    Ok((text, 0))
}
