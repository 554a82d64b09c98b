//! Data for the script, in columns: a message is a place in a dozen lists of small numbers.

use std::collections::HashMap;
use std::str::FromStr;

use rumormill::config::parse_time;
use rumormill_judge::results::Outage;
use serde::Serialize;

use super::causes;
use super::run::Run;
use crate::store::journal::{Journal, Message, Partition};

/// Messages that are in the file; of a longer run only a part can be looked through.
const MAX_MESSAGES: usize = 100_000;
/// Values that these messages carry, all together.
const MAX_CARRIED: usize = 600_000;

/// Part of the run that the space-time diagram is about, in ms of the history's clock.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    /// Messages sent earlier are left out.
    pub from_ms: f64,
    /// Messages sent later are left out.
    pub to_ms: f64,
}

impl Default for Window {
    /// All of it, as far as there is room.
    fn default() -> Self {
        Self { from_ms: f64::NEG_INFINITY, to_ms: f64::INFINITY }
    }
}

impl Window {
    /// True for a time in it.
    pub(crate) fn has(self, ms: f64) -> bool {
        (self.from_ms..=self.to_ms).contains(&ms)
    }
}

impl FromStr for Window {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let ms = |text: &str| Some(parse_time(text.trim())?.as_micros() as f64 / 1e3);
        let times = text.split_once(',').and_then(|(from, to)| Some((ms(from)?, ms(to)?)));
        let times = times.filter(|(from_ms, to_ms)| from_ms <= to_ms);
        let (from_ms, to_ms) = times.ok_or_else(|| {
            format!("expected two times such as 3s,5s or 300ms,1.5s, not {text:?}")
        })?;
        Ok(Self { from_ms, to_ms })
    }
}

/// The messages that are in the file: these places of the journal.
#[derive(Clone, Debug, Default)]
pub(super) struct Shown {
    places: std::ops::Range<usize>,
}

impl Shown {
    pub(super) fn of(run: &Run, window: Window) -> Self {
        Self::within(run, window, MAX_MESSAGES, MAX_CARRIED)
    }

    /// At most so many messages, and values that they carry.
    pub(super) fn within(
        run: &Run,
        window: Window,
        max_messages: usize,
        max_carried: usize,
    ) -> Self {
        let Some(journal) = &run.journal else { return Self::default() };
        let sent_ms = |message: &Message| journal.millis(message.sent);
        let start = journal.messages.partition_point(|message| sent_ms(message) < window.from_ms);
        let end = journal.messages.partition_point(|message| sent_ms(message) <= window.to_ms);
        let mut carried = 0;
        let has_room = |place: &usize| {
            carried += journal.messages[*place].values.len();
            place - start < max_messages && carried <= max_carried
        };
        let end = start + (start..end).take_while(has_room).count();
        Self { places: start..end }
    }

    /// Sentence about messages that are not in the file.
    pub(super) fn left_out(&self, journal: &Journal) -> Option<String> {
        let all = journal.messages.len();
        if self.places.len() == all {
            return None;
        }
        let at = |place: usize| journal.messages.get(place).map(|m| journal.millis(m.sent) / 1e3);
        let (Some(from), Some(to)) = (at(self.places.start), at(self.places.end.saturating_sub(1)))
        else {
            return Some("No message was sent in the part of the run that was asked for.".into());
        };
        Some(format!(
            "Only {} of {all} messages are in this file: those sent from {from:.3} to {to:.3} s. For \
             another part, run `lab report STORE --between FROM,TO`.",
            self.places.len()
        ))
    }
}

/// Everything the script gets. Times are in µs.
#[derive(Debug, Serialize)]
pub(super) struct Data<'r> {
    /// Nodes, then clients.
    names: Vec<&'r str>,
    /// Number of the names that are nodes.
    nodes: usize,
    kinds: Vec<&'r str>,
    /// Outcome of a message: received, in flight at the end, or the cause of its drop.
    fates: Vec<&'r str>,
    values: Vec<String>,
    partitions: Vec<(i64, i64)>,
    /// The node, begin and end of each outage.
    outages: Vec<(usize, i64, i64)>,
    /// For each partition, the group of each node; nothing if it made no groups.
    groups: Vec<Vec<usize>>,
    /// Of the chart of latencies: the value, and in ms when it was acknowledged and how long it took.
    points: Vec<(String, f64, Option<f64>)>,
    messages: Option<Columns>,
}

/// The messages, in order of sending.
#[derive(Debug, Default, Serialize)]
struct Columns {
    /// Number in the run, less that of the one before.
    id: Vec<i64>,
    /// Time between the sending of the message before and of this one.
    sent: Vec<i64>,
    /// Time until its outcome.
    took: Vec<i64>,
    src: Vec<usize>,
    dest: Vec<usize>,
    kind: Vec<usize>,
    fate: Vec<usize>,
    /// Number of values it carries.
    count: Vec<usize>,
    /// The values of all, one after the other.
    carried: Vec<u32>,
    /// Distance to its cause, in messages; 0 for none.
    cause: Vec<usize>,
    /// 1 if the cause is sure.
    sure: Vec<u8>,
}

/// Gives numbers to names, in order of appearance.
#[derive(Debug, Default)]
struct Numbers<'r> {
    names: Vec<&'r str>,
    numbers: HashMap<&'r str, usize>,
}

impl<'r> Numbers<'r> {
    fn of(&mut self, name: &'r str) -> usize {
        *self.numbers.entry(name).or_insert_with(|| {
            self.names.push(name);
            self.names.len() - 1
        })
    }
}

impl<'r> Data<'r> {
    pub(super) fn of(run: &'r Run, shown: &Shown) -> Self {
        let mut names = Numbers::default();
        for node in &run.nodes {
            names.of(node);
        }
        let mut kinds = Numbers::default();
        let mut fates = Numbers::default();
        let values = run.journal.iter().flat_map(|journal| &journal.trace.values);
        let columns = run
            .journal
            .as_ref()
            .map(|journal| Columns::of(journal, shown, [&mut names, &mut kinds, &mut fates]));
        Self {
            names: names.names,
            nodes: run.nodes.len(),
            kinds: kinds.names,
            fates: fates.names,
            values: values.map(|value| value.value.to_string()).collect(),
            partitions: run
                .partitions()
                .iter()
                .map(|(start, end)| ((start * 1e3) as i64, (end * 1e3) as i64))
                .collect(),
            outages: outages(run),
            groups: groups(run),
            points: points(run),
            messages: columns,
        }
    }
}

/// The number of the node, begin and end of each outage, in µs.
fn outages(run: &Run) -> Vec<(usize, i64, i64)> {
    let micros = |ms: f64| (ms * 1e3) as i64;
    let of = |outage: &Outage| {
        let node = run.nodes.iter().position(|node| *node == outage.node)?;
        let until_ms = outage.until_ms.unwrap_or_else(|| run.end_ms());
        Some((node, micros(outage.from_ms), micros(until_ms)))
    };
    run.outages().iter().filter_map(of).collect()
}

/// For each partition, the group of each node; nothing if it made no groups.
fn groups(run: &Run) -> Vec<Vec<usize>> {
    let partitions = run.journal.iter().flat_map(|journal| &journal.partitions);
    let of = |partition: &Partition| {
        if partition.groups.len() < 2 {
            return Vec::new();
        }
        let group = |node: &String| partition.groups.iter().position(|group| group.contains(node));
        run.nodes.iter().map(|node| group(node).unwrap_or(0)).collect()
    };
    partitions.map(of).collect()
}

impl Columns {
    fn of<'r>(
        journal: &'r Journal,
        shown: &Shown,
        [names, kinds, fates]: [&mut Numbers<'r>; 3],
    ) -> Self {
        fates.of("received");
        fates.of("on its way at the end");
        let causes = causes::of(journal);
        let micros = |time| (journal.millis(time) * 1e3).round() as i64;
        let mut columns = Self::default();
        let (mut last_id, mut last_sent) = (0, 0);
        for place in shown.places.clone() {
            let message = &journal.messages[place];
            let (id, sent) = (message.id as i64, micros(message.sent));
            columns.id.push(id - last_id);
            columns.sent.push(sent - last_sent);
            (last_id, last_sent) = (id, sent);
            let (fate, end) = match (message.received.first(), &message.dropped) {
                (Some(at), _) => (0, *at),
                (None, Some((at, cause))) => (fates.of(cause), *at),
                (None, None) => (1, journal.end),
            };
            columns.took.push(micros(end) - sent);
            columns.src.push(names.of(&message.src));
            columns.dest.push(names.of(&message.dest));
            columns.kind.push(kinds.of(&message.kind));
            columns.fate.push(fate);
            columns.count.push(message.values.len());
            columns.carried.extend(&message.values);
            let cause =
                causes[place].filter(|cause| shown.places.contains(&(cause.message as usize)));
            columns.cause.push(cause.map_or(0, |cause| place - cause.message as usize));
            columns.sure.push(cause.map_or(0, |cause| u8::from(cause.is_sure)));
        }
        columns
    }
}

/// Dots that can be pointed at; of more, every second, third, … is.
const MAX_POINTS: usize = 20_000;

fn points(run: &Run) -> Vec<(String, f64, Option<f64>)> {
    let points = run.latencies();
    let step = points.len().div_ceil(MAX_POINTS).max(1);
    let tenth = |ms: f64| (ms * 10.0).round() / 10.0;
    let points = points.into_iter().step_by(step);
    points.map(|point| (point.value, tenth(point.at_ms), point.took_ms.map(tenth))).collect()
}
