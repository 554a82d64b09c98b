//! Finds out at which places of other nodes' messages values stand.
//!
//! Clients broadcast small integers, and so are counters, hops and numbers of nodes. Values differ
//! from those by what their senders know. A place holds values if
//!
//! - nearly all that stands there are values that were broadcast before;
//! - nearly each node that sends a value there, and nearly each that sends it first, has it from its
//!   client, from a read, or from such a place before. The places are judged together, and the worst
//!   is left out, until all are good;
//! - there are so many values that this is no chance, or the field has a usual name;
//! - it brings nodes values that other places did not bring before. Acknowledgements that name values
//!   do not, nor do counters that lag behind the values.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use rumormill_sim::Nanos;

use super::place::{Kind, Place, Places};
use super::tracer::{Tracer, Use};

/// Share of the scalars at a place that must be values.
const VALUE_SHARE: f64 = 0.98;
/// Share of the values that a node sends that it must have had before.
const KNOWN_SHARE: f64 = 0.95;
/// Share of the values that come to nodes at a place that must be new to them, unless the field has a
/// usual name: a number that is no value is new to some node now and then.
const BRINGS_SHARE: f64 = 0.05;
/// Chance at most with which numbers that are no values pass for values.
const MAX_CHANCE: f64 = 1e-3;
/// Why additions are not seen in the messages of other nodes.
const ADDITIONS: &str =
    "an addition to a counter has no name in other nodes' messages; the checker compares the sums";

/// Advice for the user.
const VALUES_AT: &str =
    "--values-at PATH says where values stand in messages (such as body.messages[*])";
const PROBE: &str = "--probe MS reads all nodes";

/// Places that are named in words.
const NAMED: usize = 3;

/// Where deliveries were seen, and why not in messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// In messages of our own protocols.
    Own(String),
    /// In messages of other nodes, at places that were found out.
    Learned(String),
    /// In messages of other nodes, at places that the user named.
    Given(String),
    /// Only in reads of clients: messages show nothing, for this reason.
    Reads(String),
}

impl Source {
    /// True if the messages between nodes show values.
    #[must_use]
    pub const fn is_messages(&self) -> bool {
        !matches!(self, Self::Reads(_))
    }

    /// True if the nodes speak one of our protocols.
    #[must_use]
    pub const fn is_own(&self) -> bool {
        matches!(self, Self::Own(_))
    }

    /// In words, to be put after `seen in`.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Own(places) => places.clone(),
            Self::Learned(places) => format!("{places} (found out)"),
            Self::Given(places) => format!("{places} (as --values-at says)"),
            Self::Reads(_) => "reads of clients".to_owned(),
        }
    }

    /// Why messages show nothing, and what to do, with a semicolon between; `None` if they do.
    #[must_use]
    pub fn why_not(&self) -> Option<String> {
        match self {
            Self::Reads(why) => Some(why.clone()),
            _ => None,
        }
    }
}

/// Where values were seen.
#[derive(Clone, Debug)]
pub(super) struct Learned {
    /// By place: values at it are values.
    pub(super) is_good: Vec<bool>,
    pub(super) source: Source,
}

/// Decides for all places of a run.
pub(super) fn learn(tracer: &Tracer) -> Learned {
    let places = &tracer.places;
    let mut good: Vec<u16> = Vec::new();
    let used = |place: u16| tracer.uses.get(usize::from(place)).is_some_and(|at| at.sent_count > 0);
    good.extend(places.iter().filter(|(_, at)| at.kind == Kind::Own).map(|(place, _)| place));
    let source = if good.iter().any(|place| used(*place)) || is_own_talk(tracer) {
        Source::Own(name(places, &good))
    } else if tracer.is_of_additions() {
        Source::Reads(ADDITIONS.to_owned())
    } else if places.are_given() {
        good.extend(places.iter().filter(|(at, place)| place.is_given && used(*at)).map(|p| p.0));
        if good.is_empty() {
            Source::Reads(format!(
                "nothing that clients broadcast stands where --values-at says; {PROBE}"
            ))
        } else {
            Source::Given(name(places, &good))
        }
    } else {
        match find(tracer) {
            Ok(found) => {
                good.extend(&found);
                Source::Learned(name(places, &found))
            }
            Err(why) => Source::Reads(why),
        }
    };
    let mut is_good = vec![false; places.len()];
    for place in good.into_iter().chain([Places::CLIENT, Places::READ]) {
        is_good[usize::from(place)] = true;
    }
    Learned { is_good, source }
}

/// True if there are messages of ours, though none with values, and no others.
fn is_own_talk(tracer: &Tracer) -> bool {
    let mut places = tracer.places.iter().peekable();
    places.peek().is_some() && places.all(|(_, place)| place.kind == Kind::Own)
}

fn name(places: &Places, chosen: &[u16]) -> String {
    let mut names: Vec<String> =
        chosen.iter().take(NAMED).map(|place| places.get(*place).to_string()).collect();
    if chosen.len() > NAMED {
        names.push(format!("{} more places", chosen.len() - NAMED));
    }
    names.join(", ")
}

/// The places that hold values; why there are none.
fn find(tracer: &Tracer) -> Result<Vec<u16>, String> {
    if tracer.messages == 0 {
        return Err(format!("nodes sent each other nothing; {PROBE}"));
    }
    let places = &tracer.places;
    let with_values: Vec<u16> = places
        .iter()
        .filter(|(_, place)| place.known > 0 && places.is_apart(place))
        .map(|(at, _)| at)
        .collect();
    if with_values.is_empty() {
        return Err(format!(
            "no value that a client broadcast stands in messages between nodes; {VALUES_AT}, {PROBE}"
        ));
    }
    let mut chosen: Vec<u16> =
        with_values.iter().copied().filter(|at| is_mostly_values(places.get(*at))).collect();
    // The worst first: a place that is left out takes what it seemed to bring with it.
    while let Some((share, worst)) = chosen
        .iter()
        .map(|at| (known_share(tracer, &chosen, *at), *at))
        .min_by(|a, b| a.0.total_cmp(&b.0))
        && share < KNOWN_SHARE
    {
        chosen.retain(|at| *at != worst);
    }
    chosen.retain(|at| is_significant(tracer, *at));
    chosen = those_that_bring(tracer, chosen);
    if chosen.is_empty() {
        let names = name(places, &with_values);
        return Err(format!(
            "numbers like those that clients broadcast stand in {names}, but it \
                            cannot be told whether they are values; {VALUES_AT}, {PROBE}"
        ));
    }
    Ok(chosen)
}

fn is_mostly_values(place: &Place) -> bool {
    let Place { known, others, .. } = *place;
    known as f64 >= VALUE_SHARE * (known + others) as f64
}

fn at(tracer: &Tracer, place: u16) -> Option<&Use> {
    tracer.uses.get(usize::from(place))
}

/// Share of the values that their senders had before they first sent them at this place: of all
/// senders, or of the first ones alone if that is less. (Counters that run alike in all nodes seem to
/// come from one node to the next, but for the first one.)
fn known_share(tracer: &Tracer, chosen: &[u16], place: u16) -> f64 {
    let Some(seen) = at(tracer, place) else { return 0.0 };
    let sources = || chosen.iter().chain([&Places::CLIENT, &Places::READ]);
    let mut all = Share::default();
    // By value: when it was first sent, and if one of those who sent it then had it.
    let mut firsts: BTreeMap<u32, (u32, bool)> = BTreeMap::new();
    for (node, value, sent) in seen.sent.iter() {
        let had = |source: &u16| {
            at(tracer, *source).is_some_and(|at| (1..sent).contains(&at.first.get(node, value)))
        };
        let is_known = sources().any(had);
        all.add(is_known);
        let (first, is_first_known) = firsts.entry(value).or_insert((sent, false));
        if sent < *first {
            (*first, *is_first_known) = (sent, is_known);
        } else if sent == *first {
            *is_first_known |= is_known;
        }
    }
    let mut first = Share::default();
    firsts.values().for_each(|(_, is_known)| first.add(*is_known));
    all.value().min(first.value())
}

/// How many of all.
#[derive(Debug, Default)]
struct Share {
    some: u64,
    all: u64,
}

impl Share {
    fn add(&mut self, is_one: bool) {
        self.some += u64::from(is_one);
        self.all += 1;
    }

    fn value(&self) -> f64 {
        if self.all == 0 { 0.0 } else { self.some as f64 / self.all as f64 }
    }
}

/// True if the place has too many values for a chance: a number that is no value is first sent by
/// the node that the value of that number comes from in one of as many cases as there are nodes.
fn is_significant(tracer: &Tracer, place: u16) -> bool {
    let Some(seen) = at(tracer, place) else { return false };
    let mut values: Vec<u32> = seen.sent.iter().map(|(_, value, _)| value).collect();
    values.sort_unstable();
    values.dedup();
    if tracer.places.get(place).is_usual && !values.is_empty() {
        return true;
    }
    let chance = 1.0 / tracer.node_count().max(2) as f64;
    chance.powi(i32::try_from(values.len()).unwrap_or(i32::MAX)) <= MAX_CHANCE
}

/// The places that brought nodes values, those that brought most first. What a place brings counts if
/// it came before it did at the places that are taken already, so that of two places in one message
/// the better one counts alone.
fn those_that_bring(tracer: &Tracer, mut left: Vec<u16>) -> Vec<u16> {
    let when = |place: u16, node: u32, value: u32| -> Option<(Nanos, u64)> {
        let number = at(tracer, place)?.first.get(node, value).checked_sub(1)?;
        let receipt = tracer.receipts[number as usize];
        Some((receipt.at, receipt.by))
    };
    let mut taken: Vec<u16> = Vec::new();
    loop {
        let brings = |place: u16| {
            let Some(seen) = at(tracer, place) else { return Share::default() };
            let mut share = Share::default();
            for (node, value, _) in seen.first.iter() {
                let own = when(place, node, value);
                let by_client = when(Places::CLIENT, node, value).map(|(at, _)| at);
                let is_before =
                    |other: &u16| when(*other, node, value).is_none_or(|at| own < Some(at));
                let is_not_after =
                    |other: &u16| when(*other, node, value).is_none_or(|at| own <= Some(at));
                share.add(
                    by_client.is_none_or(|at| own.is_some_and(|own| own.0 < at))
                        && taken.iter().all(is_before)
                        && left.iter().all(is_not_after),
                );
            }
            share
        };
        let shares = left.iter().map(|place| (brings(*place), *place));
        let Some((share, best)) = shares.max_by_key(|(share, place)| (share.some, Reverse(*place)))
        else {
            return taken;
        };
        left.retain(|place| *place != best);
        let is_usual = tracer.places.get(best).is_usual && share.some > 0;
        if is_usual || (share.some > 0 && share.value() >= BRINGS_SHARE) {
            taken.push(best);
        }
    }
}
