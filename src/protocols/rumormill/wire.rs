//! The message between nodes as JSON: see [`Gossip`] for its meaning.
//!
//! Most bytes of a message name entries, so an origin is short. A node is its place in `init`'s list,
//! which is the same at every node. A generation is a time in milliseconds, of 13 digits; all but the
//! sender's are written as their difference from it, which is short: clusters start within seconds.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error as _, SeqAccess, Visitor};

use super::message::{Ack, Entries, Forward, Gossip, Have, Pulse, TreeOffer};
use crate::cluster::{Name, Nodes};
use crate::few::Few;
use crate::id::{Generation, NodeId, Origin};
use crate::json::{put, put_field};
use crate::set::Ranges;
use crate::value::Value;
use crate::wire::{Field, Fields, Wire};

impl Wire for Gossip {
    const TYPE: &'static str = "rumormill";
    const VERSION: u64 = 3;

    fn encode(&self, nodes: &Nodes, out: &mut Vec<u8>) {
        put_field(out, "gen", &self.generation.0);
        put_field(out, "n", &self.number);
        if let Some(Ack { generation, numbers, held_us }) = &self.ack {
            let start = [difference(self.generation, *generation), *held_us];
            let ack: Vec<u64> = start.into_iter().chain(bounds(numbers)).collect();
            put_field(out, "ack", &ack);
        }
        if !self.entries.is_empty() {
            put_rows(out, "entries", &self.entries, |out, Entries { origin, first, values }| {
                put_origin(out, self.generation, *origin);
                put(out, first);
                out.push(b',');
                match &**values {
                    [Value::Int(value)] => put(out, value),
                    values => put(out, values),
                }
            });
        }
        if !self.have.is_empty() {
            put_rows(out, "have", &self.have, |out, Have { origin, ranges }| {
                put_origin(out, self.generation, *origin);
                match &*bounds(ranges).collect::<Vec<u64>>() {
                    [end] if i64::try_from(*end).is_ok() => put(out, end),
                    bounds => put(out, bounds),
                }
            });
        }
        if let Some(checksum) = self.checksum {
            put_field(out, "sum", &checksum);
        }
        if self.is_digest {
            put_field(out, "digest", &true);
        }
        if self.is_probe {
            put_field(out, "probe", &true);
        }
        if let Some(word) = self.forward.name() {
            put_field(out, "forward", word);
        }
        if self.is_paced {
            put_field(out, "paced", &true);
        }
        if let Some(pulse) = self.pulse {
            put_field(out, "pulse", &(pulse.period_us, pulse.age_us, pulse.distance_us));
        }
        if let Some(TreeOffer { parent, root, depth, age_us }) = self.offer {
            let name = |id: NodeId| nodes.name(id);
            put_field(out, "offer", &(parent.map(name), name(root), depth, age_us));
        }
    }

    fn decode(fields: &Fields<'_>, nodes: &Nodes) -> Result<Self, String> {
        let own = Generation(fields.get("gen").u64("gen")?);
        Ok(Self {
            generation: own,
            number: number(fields.get("n"))?,
            ack: ack(fields.get("ack"), own)?,
            entries: entries(fields.get("entries"), own, nodes)?,
            have: have(fields.get("have"), own, nodes)?,
            checksum: optional(fields.get("sum"), "sum", "[number of entries, hash]")?,
            is_digest: fields.get("digest").flag("digest")?,
            is_probe: fields.get("probe").flag("probe")?,
            forward: forward(fields.get("forward"))?,
            is_paced: fields.get("paced").flag("paced")?,
            pulse: pulse(fields.get("pulse"))?,
            offer: offer(fields.get("offer"), nodes)?,
        })
    }

    fn values(&self, each: &mut dyn FnMut(&Value)) {
        self.entries.iter().flat_map(|entries| &entries.values).for_each(each);
    }
}

/// Appends a list of the rows of `items` one after the other; `row` writes one.
fn put_rows<T>(out: &mut Vec<u8>, key: &str, items: &[T], row: impl Fn(&mut Vec<u8>, &T)) {
    for (i, item) in items.iter().enumerate() {
        if i == 0 {
            out.extend_from_slice(b",\"");
            out.extend_from_slice(key.as_bytes());
            out.extend_from_slice(b"\":[");
        } else {
            out.push(b',');
        }
        row(out, item);
    }
    out.push(b']');
}

/// The difference of a generation from the sender's, as an unsigned number that is small if the
/// difference is (the zigzag encoding of Protocol Buffers): 0, -1, 1, -2, … are 0, 1, 2, 3, ….
const fn difference(own: Generation, generation: Generation) -> u64 {
    let difference = generation.0.wrapping_sub(own.0) as i64;
    ((difference << 1) ^ (difference >> 63)) as u64
}

/// The generation with this difference from the sender's.
const fn generation(own: Generation, difference: u64) -> Generation {
    let difference = (difference >> 1) as i64 ^ -((difference & 1) as i64);
    Generation(own.0.wrapping_add(difference as u64))
}

fn put_origin(out: &mut Vec<u8>, own: Generation, origin: Origin) {
    put(out, &origin.node.0);
    out.push(b',');
    put(out, &difference(own, origin.generation));
    out.push(b',');
}

/// A row of `entries`: `node, difference, first, value or [value, …]`.
type EntriesRow<T> = (u32, u64, (u64, OneOrMore<T>));

/// Rows that stand one after the other in one array: each is two numbers, and its rest.
struct Rows<R>(Vec<R>);

/// An integer that stands by itself, or a list of values.
struct OneOrMore<T>(Few<T>);

impl<'de, T: Deserialize<'de> + TryFrom<i64>> Deserialize<'de> for OneOrMore<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrMoreVisitor(PhantomData))
    }
}

struct OneOrMoreVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de> + TryFrom<i64>> Visitor<'de> for OneOrMoreVisitor<T> {
    type Value = OneOrMore<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an integer or an array of values")
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Self::Value, E> {
        let value = T::try_from(value).map_err(|_| E::custom("a negative number"))?;
        Ok(OneOrMore(std::iter::once(value).collect()))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Self::Value, E> {
        self.visit_i64(i64::try_from(value).map_err(E::custom)?)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element()? {
            values.push(value);
        }
        Ok(OneOrMore(values.into()))
    }
}

/// The rest of a row.
trait Rest<'de>: Sized {
    fn next<A: SeqAccess<'de>>(row: &mut A) -> Result<Option<Self>, A::Error>;
}

impl<'de, T: Deserialize<'de> + TryFrom<i64>> Rest<'de> for (u64, OneOrMore<T>) {
    fn next<A: SeqAccess<'de>>(row: &mut A) -> Result<Option<Self>, A::Error> {
        let Some(first) = row.next_element()? else { return Ok(None) };
        Ok(row.next_element()?.map(|values| (first, values)))
    }
}

impl<'de> Rest<'de> for OneOrMore<u64> {
    fn next<A: SeqAccess<'de>>(row: &mut A) -> Result<Option<Self>, A::Error> {
        row.next_element()
    }
}

impl<'de, R: Rest<'de>> Deserialize<'de> for Rows<(u32, u64, R)> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(RowsVisitor(PhantomData))
    }
}

struct RowsVisitor<R>(PhantomData<R>);

impl<'de, R: Rest<'de>> Visitor<'de> for RowsVisitor<R> {
    type Value = Rows<(u32, u64, R)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of rows")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Self::Value, A::Error> {
        let mut rows = Vec::new();
        while let Some(node) = array.next_element()? {
            let missing = || A::Error::custom("the last row is not whole");
            let number = array.next_element()?.ok_or_else(missing)?;
            rows.push((node, number, R::next(&mut array)?.ok_or_else(missing)?));
        }
        Ok(Rows(rows))
    }
}

/// The origin that a message names; nodes outside the cluster have none.
fn origin(field: &str, node: u32, generation: Generation, nodes: &Nodes) -> Result<Origin, String> {
    if node >= nodes.len() {
        return Err(format!("field `{field}`: the cluster has no node number {node}"));
    }
    Ok(Origin { node: NodeId(node), generation })
}

fn known(field: &str, node: &Name, nodes: &Nodes) -> Result<NodeId, String> {
    let id = nodes.id(node);
    id.ok_or_else(|| format!("field `{field}`: {node} is not in the cluster"))
}

/// The number after a message's own has to be a number, too.
fn number(field: Field<'_>) -> Result<u64, String> {
    let number = field.u64("n")?;
    number.checked_add(1).map(|_| number).ok_or_else(|| "field `n`: out of range".to_owned())
}

/// The content of a field that may be left out.
fn optional<'f, T: Deserialize<'f>>(
    field: Field<'f>,
    name: &'static str,
    expected: &'static str,
) -> Result<Option<T>, String> {
    field.is_present().then(|| field.decode(name, expected)).transpose()
}

fn ack(field: Field<'_>, own: Generation) -> Result<Option<Ack>, String> {
    const EXPECTED: &str = "[difference of generations, microseconds, start, end, …]";
    let Some(numbers) = optional::<Vec<u64>>(field, "ack", EXPECTED)? else { return Ok(None) };
    let [difference, held_us, bounds @ ..] = &*numbers else {
        return Err(format!("field `ack`: expected {EXPECTED}"));
    };
    let numbers = ranges(bounds).filter(|numbers| !numbers.is_empty());
    let numbers = numbers.ok_or("field `ack`: bad ranges of numbers")?;
    Ok(Some(Ack { generation: generation(own, *difference), numbers, held_us: *held_us }))
}

fn forward(field: Field<'_>) -> Result<Forward, String> {
    match optional::<Cow<'_, str>>(field, "forward", "a string")?.as_deref() {
        None => Ok(Forward::No),
        Some("tree") => Ok(Forward::Tree),
        Some("flood") => Ok(Forward::Flood),
        Some(other) => {
            Err(format!("field `forward`: expected \"tree\" or \"flood\", got {other:?}"))
        }
    }
}

fn pulse(field: Field<'_>) -> Result<Option<Pulse>, String> {
    let pulse = optional(field, "pulse", "[period, age, distance] in microseconds")?;
    Ok(pulse.map(|(period_us, age_us, distance_us)| Pulse { period_us, age_us, distance_us }))
}

fn offer(field: Field<'_>, nodes: &Nodes) -> Result<Option<TreeOffer>, String> {
    const EXPECTED: &str = "[parent or null, root, depth, microseconds]";
    let offer = optional::<(Option<Name>, Name, u32, u64)>(field, "offer", EXPECTED)?;
    let Some((parent, root, depth, age_us)) = offer else { return Ok(None) };
    let parent = parent.map(|parent| known("offer", &parent, nodes)).transpose()?;
    Ok(Some(TreeOffer { parent, root: known("offer", &root, nodes)?, depth, age_us }))
}

fn entries(field: Field<'_>, own: Generation, nodes: &Nodes) -> Result<Vec<Entries>, String> {
    if !field.is_present() {
        return Ok(Vec::new());
    }
    const EXPECTED: &str = "[node, difference of generations, first, value or [value, …], node, …]";
    // Integers are the usual case, and read in a third of the time.
    match field.decode::<Rows<EntriesRow<i64>>>("entries", EXPECTED) {
        Ok(Rows(rows)) => rows.into_iter().map(|row| run(row, own, nodes)).collect(),
        Err(_) => {
            let Rows(rows) = field.decode::<Rows<EntriesRow<Value>>>("entries", EXPECTED)?;
            rows.into_iter().map(|row| run(row, own, nodes)).collect()
        }
    }
}

fn run<T: Into<Value>>(
    (node, difference, (first, OneOrMore(values))): EntriesRow<T>,
    own: Generation,
    nodes: &Nodes,
) -> Result<Entries, String> {
    if values.is_empty() {
        return Err("field `entries`: an entry without values".to_owned());
    }
    // The number after the last one has to be a number, too.
    if first.checked_add(values.len() as u64).is_none() {
        let count = values.len();
        return Err(format!("field `entries`: {count} values from {first} on are out of range"));
    }
    let values = values.into_iter().map(Into::into).collect();
    let origin = origin("entries", node, generation(own, difference), nodes)?;
    Ok(Entries { origin, first, values })
}

fn have(field: Field<'_>, own: Generation, nodes: &Nodes) -> Result<Vec<Have>, String> {
    const EXPECTED: &str = "[node, difference of generations, end or [start, end, …], node, …]";
    type HaveRow = (u32, u64, OneOrMore<u64>);
    let rows =
        optional::<Rows<HaveRow>>(field, "have", EXPECTED)?.map_or_else(Vec::new, |all| all.0);
    let have = rows
        .into_iter()
        .map(|(node, difference, OneOrMore(bounds))| {
            let origin = origin("have", node, generation(own, difference), nodes)?;
            let ranges = ranges(&bounds).ok_or_else(|| {
                format!("field `have`: bad ranges of {}", nodes.name(origin.node))
            })?;
            Ok(Have { origin, ranges })
        })
        .collect::<Result<Vec<_>, String>>()?;
    // "Everything held of it", said twice, cannot both be true.
    let mut origins: Vec<Origin> = have.iter().map(|have| have.origin).collect();
    origins.sort_unstable();
    match origins.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(format!("field `have`: {} comes twice", nodes.name(pair[0].node))),
        None => Ok(have),
    }
}

/// The bounds of ranges, in order. A start of 0 is left out: then their number is odd.
fn bounds(ranges: &Ranges) -> impl Iterator<Item = u64> {
    ranges.iter().flat_map(|range| [range.start, range.end]).filter(|bound| *bound > 0)
}

/// The ranges with these bounds, each of which is above the one before it. So no range is empty, and none
/// overlaps or touches another.
fn ranges(bounds: &[u64]) -> Option<Ranges> {
    let start = (bounds.len() % 2 == 1).then_some(0);
    let bounds: Vec<u64> = start.into_iter().chain(bounds.iter().copied()).collect();
    let (pairs, _) = bounds.as_chunks::<2>();
    let ascending = bounds.is_sorted_by(|a, b| a < b);
    ascending.then(|| pairs.iter().map(|&[start, end]| start..end).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_of_generations_are_short_and_lose_nothing() {
        let millis = |offset: u64| Generation(1_795_000_000_000 + offset);
        let pairs = [(0, 0), (0, 1), (1, 0), (0, 400), (400, 0)];
        let short = pairs.map(|(own, other)| difference(millis(own), millis(other)));
        assert_eq!(short, [0, 2, 1, 800, 799]);
        let all = [0, 1, 7, u64::MAX / 2, u64::MAX / 2 + 1, u64::MAX - 1, u64::MAX].map(Generation);
        for (own, other) in all.iter().flat_map(|own| all.map(|other| (*own, other))) {
            assert_eq!(generation(own, difference(own, other)), other, "{own} {other}");
        }
    }

    #[test]
    fn a_start_of_0_is_left_out_of_the_bounds_of_ranges() {
        let same = |written: &[u64], read: &[[u64; 2]]| {
            let read: Ranges = read.iter().map(|&[start, end]| start..end).collect();
            assert_eq!(ranges(written).as_ref(), Some(&read));
            assert!(bounds(&read).eq(written.iter().copied()));
        };
        same(&[], &[]);
        same(&[5], &[[0, 5]]);
        same(&[3, 5], &[[3, 5]]);
        same(&[5, 7, 9], &[[0, 5], [7, 9]]);
        same(&[3, 5, 7, 9], &[[3, 5], [7, 9]]);
        assert_eq!([ranges(&[0]), ranges(&[5, 5, 6]), ranges(&[5, 3])], [const { None }; 3]);
    }
}
