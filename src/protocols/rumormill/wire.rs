//! The message between nodes as JSON: see [`Gossip`] for its meaning.
//!
//! Most bytes of a message name entries, so an origin is short. A node is its place in `init`'s list,
//! which is the same at every node. A generation is a time in milliseconds, of 13 digits. Origins are listed
//! in ascending order, each as the difference from the one before it, the first from node 0 in the sender's
//! generation: clusters start within seconds.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::message::{Ack, Entries, Forward, Gossip, Have, Pulse, TreeOffer};
use crate::cluster::{Name, Nodes};
use crate::few::Few;
use crate::id::{Generation, NodeId, Origin};
use crate::json::{put, put_field, put_key};
use crate::set::Ranges;
use crate::value::Value;
use crate::wire::{Field, Fields, Wire};

impl Wire for Gossip {
    const TYPE: &'static str = "rumormill";
    const VERSION: u64 = 4;

    fn encode(&self, nodes: &Nodes, out: &mut Vec<u8>) {
        put_key(out, "id");
        out.push(b'[');
        put_int(out, self.generation.0);
        put_next(out, self.number);
        if let Some(Ack { generation, numbers, held_us }) = &self.ack {
            put_next(out, difference(self.generation, *generation));
            put_next(out, *held_us);
            bounds(numbers).for_each(|bound| put_next(out, bound));
        }
        out.push(b']');
        self.entries.put(self.generation, out, |out, entries| {
            let mut last = first_base(self.generation);
            put_rows(out, "entries", entries, |out, Entries { origin, first, values }| {
                put_origin(out, &mut last, *origin);
                put_int(out, *first);
                out.push(b',');
                match &**values {
                    [Value::Int(value)] => put_int(out, *value),
                    values => put(out, values),
                }
            });
        });
        if !self.have.is_empty() {
            let mut last = first_base(self.generation);
            put_rows(out, "have", &self.have, |out, Have { origin, ranges }| {
                put_origin(out, &mut last, *origin);
                match &*bounds(ranges).collect::<Vec<u64>>() {
                    [end] => put_int(out, *end),
                    bounds => put(out, bounds),
                }
            });
        }
        if let Some(checksum) = self.checksum {
            put_field(out, "sum", &checksum);
        }
        let flags: String =
            FLAGS.iter().filter(|(_, is_set, _)| is_set(self)).map(|flag| flag.0).collect();
        if !flags.is_empty() {
            put_field(out, "flags", &flags);
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
        let (generation, number, ack) = id(fields.get("id"))?;
        let mut gossip = Self {
            generation,
            number,
            ack,
            entries: entries(fields.get("entries"), generation, nodes)?.into(),
            have: have(fields.get("have"), generation, nodes)?,
            checksum: optional(fields.get("sum"), "sum", "[number of entries, hash]")?,
            pulse: pulse(fields.get("pulse"))?,
            offer: offer(fields.get("offer"), nodes)?,
            ..Self::default()
        };
        let flags = optional::<Cow<'_, str>>(fields.get("flags"), "flags", "a string")?;
        for letter in flags.iter().flat_map(|flags| flags.chars()) {
            let flag = FLAGS.iter().find(|flag| flag.0 == letter);
            let (_, _, set) =
                flag.ok_or_else(|| format!("field `flags`: {letter:?} has no meaning"))?;
            set(&mut gossip);
        }
        Ok(gossip)
    }

    fn values(&self, each: &mut dyn FnMut(&Value)) {
        self.entries.iter().flat_map(|entries| &entries.values).for_each(each);
    }
}

/// A letter of `flags`: whether a message has it, and what it sets.
type Flag = (char, fn(&Gossip) -> bool, fn(&mut Gossip));

/// The letters of `flags`.
const FLAGS: [Flag; 7] = [
    ('d', |m| m.is_digest, |m| m.is_digest = true),
    ('p', |m| m.is_probe, |m| m.is_probe = true),
    ('m', |m| m.forward == Forward::Mail, |m| m.forward = Forward::Mail),
    ('t', |m| m.forward == Forward::Tree, |m| m.forward = Forward::Tree),
    ('f', |m| m.forward == Forward::Flood, |m| m.forward = Forward::Flood),
    ('b', |m| m.is_paced, |m| m.is_paced = true),
    ('l', |m| m.is_lossy, |m| m.is_lossy = true),
];

/// Appends a list of the rows of `items` one after the other; `row` writes one.
fn put_rows<T>(out: &mut Vec<u8>, key: &str, items: &[T], mut row: impl FnMut(&mut Vec<u8>, &T)) {
    for (i, item) in items.iter().enumerate() {
        if i == 0 {
            put_key(out, key);
        }
        out.push(if i == 0 { b'[' } else { b',' });
        row(out, item);
    }
    out.push(b']');
}

/// Appends an integer. Most of a message have one digit.
fn put_int<T: Copy + Serialize + TryInto<u8>>(out: &mut Vec<u8>, int: T) {
    match int.try_into() {
        Ok(digit @ 0..=9) => out.push(b'0' + digit),
        _ => put(out, &int),
    }
}

/// Appends an integer after others of a list.
fn put_next<T: Copy + Serialize + TryInto<u8>>(out: &mut Vec<u8>, int: T) {
    out.push(b',');
    put_int(out, int);
}

/// The difference of a generation from another one.
const fn difference(from: Generation, generation: Generation) -> i64 {
    generation.0.wrapping_sub(from.0) as i64
}

/// The generation with this difference from another one.
const fn generation(from: Generation, difference: i64) -> Generation {
    Generation(from.0.wrapping_add(difference as u64))
}

/// The origin that the first row is relative to.
const fn first_base(sender: Generation) -> Origin {
    Origin { node: NodeId(0), generation: sender }
}

/// Appends an origin, relative to the `last` one.
fn put_origin(out: &mut Vec<u8>, last: &mut Origin, origin: Origin) {
    put_int(out, i64::from(origin.node.0) - i64::from(last.node.0));
    put_next(out, difference(last.generation, origin.generation));
    out.push(b',');
    *last = origin;
}

/// The rows of a field that may be left out: they stand one after the other in one array, `N` cells each.
fn rows<'a, const N: usize>(
    field: Field<'a>,
    name: &str,
    form: &str,
) -> Result<Vec<[Field<'a>; N]>, String> {
    let cells: Vec<Field<'a>> = optional(field, name, form)?.unwrap_or_default();
    let (rows, rest) = cells.as_chunks();
    let is_whole = rest.is_empty();
    is_whole.then(|| rows.to_vec()).ok_or_else(|| format!("field `{name}`: expected {form}"))
}

/// An integer that stands by itself, or a list.
fn one_or_more<'a, T: Deserialize<'a>>(
    cell: Field<'a>,
    name: &str,
    form: &str,
) -> Result<Vec<T>, String> {
    if cell.is_list() { cell.decode(name, form) } else { Ok(vec![cell.decode(name, form)?]) }
}

/// The origin of a row, relative to the `last` one; nodes outside the cluster have none.
fn origin(
    name: &str,
    last: &mut Origin,
    [node, difference]: [Field<'_>; 2],
    nodes: &Nodes,
) -> Result<Origin, String> {
    let node = i64::from(last.node.0).saturating_add(node.i64(name)?);
    let id = u32::try_from(node).ok().filter(|id| *id < nodes.len());
    let id = id.ok_or_else(|| format!("field `{name}`: the cluster has no node number {node}"))?;
    let generation = generation(last.generation, difference.i64(name)?);
    *last = Origin { node: NodeId(id), generation };
    Ok(*last)
}

fn known(field: &str, node: &Name, nodes: &Nodes) -> Result<NodeId, String> {
    let id = nodes.id(node);
    id.ok_or_else(|| format!("field `{field}`: {node} is not in the cluster"))
}

/// The content of a field that may be left out.
fn optional<'f, T: Deserialize<'f>>(
    field: Field<'f>,
    name: &str,
    form: &str,
) -> Result<Option<T>, String> {
    field.is_present().then(|| field.decode(name, form)).transpose()
}

/// The generation of a message, its number, and its ack.
fn id(field: Field<'_>) -> Result<(Generation, u64, Option<Ack>), String> {
    const FORM: &str = "[generation, number], or [generation, number, difference of generations, \
                        microseconds, start, end, …]";
    let cells: Vec<Field<'_>> = field.decode("id", FORM)?;
    let [own, number, ack @ ..] = &*cells else {
        return Err(format!("field `id`: expected {FORM}"));
    };
    let (own, number) = (Generation(own.u64("id")?), number.u64("id")?);
    // The number after a message's own has to be a number, too.
    number.checked_add(1).ok_or("field `id`: out of range")?;
    let ack = match ack {
        [] => None,
        [difference, held_us, bounds @ ..] => {
            let generation = generation(own, difference.i64("id")?);
            let bounds = bounds.iter().map(|bound| bound.u64("id"));
            let numbers = ranges(&bounds.collect::<Result<Vec<u64>, _>>()?);
            let numbers = numbers.filter(|numbers| !numbers.is_empty());
            let numbers = numbers.ok_or("field `id`: bad ranges of numbers")?;
            Some(Ack { generation, numbers, held_us: held_us.u64("id")? })
        }
        [_] => return Err(format!("field `id`: expected {FORM}")),
    };
    Ok((own, number, ack))
}

fn pulse(field: Field<'_>) -> Result<Option<Pulse>, String> {
    let pulse = optional(field, "pulse", "[period, age, distance] in microseconds")?;
    Ok(pulse.map(|(period_us, age_us, distance_us)| Pulse { period_us, age_us, distance_us }))
}

fn offer(field: Field<'_>, nodes: &Nodes) -> Result<Option<TreeOffer>, String> {
    const FORM: &str = "[parent or null, root, depth, microseconds]";
    let offer = optional::<(Option<Name>, Name, u32, u64)>(field, "offer", FORM)?;
    let Some((parent, root, depth, age_us)) = offer else { return Ok(None) };
    let parent = parent.map(|parent| known("offer", &parent, nodes)).transpose()?;
    Ok(Some(TreeOffer { parent, root: known("offer", &root, nodes)?, depth, age_us }))
}

fn entries(field: Field<'_>, own: Generation, nodes: &Nodes) -> Result<Vec<Entries>, String> {
    const FORM: &str = "[node, generation, first, value or [value, …], node, …]";
    let last = &mut first_base(own);
    let read = |[node, generation, first, values]: [Field<'_>; 4]| {
        let origin = origin("entries", last, [node, generation], nodes)?;
        let first = first.u64("entries")?;
        // Integers are the usual case, and read in a third of the time.
        let values: Few<Value> = match one_or_more::<i64>(values, "entries", FORM) {
            Ok(integers) => integers.into_iter().map(Value::from).collect(),
            Err(_) => values.decode::<Vec<Value>>("entries", FORM)?.into(),
        };
        if values.is_empty() {
            return Err("field `entries`: an entry without values".to_owned());
        }
        // The number after the last one has to be a number, too.
        if first.checked_add(values.len() as u64).is_none() {
            return Err("field `entries`: numbers out of range".to_owned());
        }
        Ok(Entries { origin, first, values })
    };
    rows(field, "entries", FORM)?.into_iter().map(read).collect()
}

fn have(field: Field<'_>, own: Generation, nodes: &Nodes) -> Result<Vec<Have>, String> {
    const FORM: &str = "[node, generation, end or [start, end, …], node, …]";
    let last = &mut first_base(own);
    let read = |[node, generation, bounds]: [Field<'_>; 3]| {
        let origin = origin("have", last, [node, generation], nodes)?;
        let ranges = ranges(&one_or_more(bounds, "have", FORM)?);
        let bad = || format!("field `have`: bad ranges of {}", nodes.name(origin.node));
        Ok(Have { origin, ranges: ranges.ok_or_else(bad)? })
    };
    let have: Vec<Have> =
        rows(field, "have", FORM)?.into_iter().map(read).collect::<Result<_, String>>()?;
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
    fn differences_of_generations_lose_nothing() {
        let millis = |offset: u64| Generation(1_795_000_000_000 + offset);
        let pairs = [(0, 0), (0, 1), (1, 0), (0, 400), (400, 0)];
        let short = pairs.map(|(from, to)| difference(millis(from), millis(to)));
        assert_eq!(short, [0, 1, -1, 400, -400]);
        let all = [0, 1, 7, u64::MAX / 2, u64::MAX / 2 + 1, u64::MAX - 1, u64::MAX].map(Generation);
        for (from, to) in all.iter().flat_map(|from| all.map(|to| (*from, to))) {
            assert_eq!(generation(from, difference(from, to)), to, "{from} {to}");
        }
    }

    #[test]
    fn a_message_is_written_as_short_as_it_can_be_and_read_back() {
        let nodes = Nodes::from((0..9).map(|i| Name::from(format!("n{i}"))).collect::<Vec<_>>());
        let origin =
            |node, generation| Origin { node: NodeId(node), generation: Generation(generation) };
        let row = |node, generation, first, values: &[i64]| {
            let values = values.iter().copied().map(Value::from).collect();
            Entries { origin: origin(node, generation), first, values }
        };
        let have = |node, generation, range| Have {
            origin: origin(node, generation),
            ranges: std::iter::once(range).collect(),
        };
        let numbers = std::iter::once(0..12).collect();
        let gossip = Gossip {
            generation: Generation(1_795_802_599_457),
            number: 70,
            ack: Some(Ack { generation: Generation(1_795_802_598_000), numbers, held_us: 92 }),
            entries: [
                row(2, 1_795_802_599_741, 21, &[536]),
                row(2, 1_795_802_599_800, 0, &[1, 2]),
                row(7, 1_795_802_599_791, 24, &[538]),
            ]
            .into(),
            have: vec![have(3, 1_795_802_599_458, 0..5), have(1, 1_795_802_599_458, 2..5)],
            forward: Forward::Flood,
            is_digest: true,
            is_paced: true,
            is_lossy: true,
            ..Gossip::default()
        };
        let text = |gossip: &Gossip| {
            let mut body = Vec::new();
            gossip.encode(&nodes, &mut body);
            String::from_utf8(body).unwrap()
        };
        let body = text(&gossip);
        assert_eq!(
            body,
            concat!(
                r#","id":[1795802599457,70,-1457,92,12]"#,
                r#","entries":[2,284,21,536,0,59,0,[1,2],5,-9,24,538]"#,
                r#","have":[3,1,5,-2,0,[2,5]],"flags":"dfbl""#,
            )
        );
        // Of another sender, the same list has another text.
        let other = Gossip { generation: Generation(1_795_802_599_740), ..gossip.clone() };
        assert!(other.entries.is(&gossip.entries) && text(&other).contains("[2,1,21,536,0,59,"));
        assert_eq!(text(&gossip), body);
        let line =
            format!("{{\"src\":\"n0\",\"dest\":\"n1\",\"body\":{{\"type\":\"rumormill\"{body}}}}}");
        let (fields, read) = Fields::read(&line);
        assert!(read.is_ok());
        assert_eq!(Gossip::decode(&fields, &nodes), Ok(gossip));
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
