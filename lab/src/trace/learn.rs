//! Finds out at which places of other nodes' messages values stand.
//!
//! Clients broadcast small integers, and so are counters, hops and numbers of nodes. Values differ
//! from those by what their senders know. A place holds values if
//!
//! - nearly all that stands there are values that were broadcast before;
//! - nearly each node that sends a value there has it from its client, from a read, or from such a
//!   place before. The places are judged together, and the worst is left out, until all are good;
//! - there are so many values that this is no chance, or the field has a usual name;
//! - it brought some node a value before other places did. Acknowledgements that name values do not.

use super::place::{Kind, Place, Places};
use super::tracer::{Tracer, Use};

/// Share of the scalars at a place that must be values.
const VALUE_SHARE: f64 = 0.98;
/// Share of the values that a node sends that it must have had before.
const KNOWN_SHARE: f64 = 0.95;
/// Chance at most with which numbers that are no values pass for values.
const MAX_CHANCE: f64 = 1e-3;
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

    /// Why messages show nothing, and what to do; `None` if they do.
    #[must_use]
    pub fn why_not(&self) -> Option<String> {
        match self {
            Self::Reads(why) => Some(format!(
                "{why}; --values-at PATH says where values stand in messages (such as \
                 body.messages[*]), --probe MS reads all nodes"
            )),
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
    } else if places.are_given() {
        good.extend(places.iter().filter(|(at, place)| place.is_given && used(*at)).map(|p| p.0));
        if good.is_empty() {
            Source::Reads("nothing that clients broadcast stands where --values-at says".into())
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
        return Err("nodes sent each other nothing".to_owned());
    }
    let places = &tracer.places;
    let with_values: Vec<u16> =
        places.iter().filter(|(_, place)| place.known > 0).map(|(at, _)| at).collect();
    if with_values.is_empty() {
        return Err("no value that a client broadcast stands in messages between nodes".into());
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
                            cannot be told whether they are values"
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

/// Share of the values, by sender, that the sender had before it first sent them at this place.
fn known_share(tracer: &Tracer, chosen: &[u16], place: u16) -> f64 {
    let Some(seen) = at(tracer, place) else { return 0.0 };
    let sources = || chosen.iter().chain([&Places::CLIENT, &Places::READ]);
    let (mut all, mut known) = (0_u64, 0_u64);
    for (node, value, sent) in seen.sent.iter() {
        let had = |source: &u16| {
            at(tracer, *source).is_some_and(|at| (1..sent).contains(&at.first.get(node, value)))
        };
        all += 1;
        known += u64::from(sources().any(had));
    }
    if all == 0 { 0.0 } else { known as f64 / all as f64 }
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

/// Leaves out places that never brought a node a value first. Of those that a message brings in
/// two places, the one with more values counts.
fn those_that_bring(tracer: &Tracer, mut chosen: Vec<u16>) -> Vec<u16> {
    let count = |place: &u16| at(tracer, *place).map_or(0, |at| at.first.iter().count());
    chosen.sort_by_cached_key(|place| (std::cmp::Reverse(count(place)), *place));
    let when = |place: u16, node: u32, value: u32| -> Option<(u64, u64)> {
        let number = at(tracer, place)?.first.get(node, value).checked_sub(1)?;
        let receipt = tracer.receipts[number as usize];
        Some((receipt.at, receipt.by))
    };
    let brings = |rank: usize| {
        let Some(seen) = at(tracer, chosen[rank]) else { return false };
        seen.first.iter().any(|(node, value, number)| {
            let receipt = tracer.receipts[number as usize - 1];
            let own = (receipt.at, receipt.by);
            let from_client =
                when(Places::CLIENT, node, value).is_some_and(|other| other.0 <= own.0);
            let others = (0..chosen.len()).filter(|other| *other != rank);
            let is_first = |other: usize| match when(chosen[other], node, value) {
                Some(other_at) if other < rank => other_at.0 > own.0,
                Some(other_at) => other_at.0 >= own.0,
                None => true,
            };
            !from_client && others.into_iter().all(is_first)
        })
    };
    let keep: Vec<bool> = (0..chosen.len()).map(brings).collect();
    chosen.into_iter().zip(keep).filter(|(_, keep)| *keep).map(|(place, _)| place).collect()
}
