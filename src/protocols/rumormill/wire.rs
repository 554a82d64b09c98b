//! The message between nodes as JSON: see [`Gossip`] for its meaning.

use std::borrow::Cow;

use super::message::{Ack, Entries, Forward, Gossip, Have, Pulse, TreeOffer};
use crate::cluster::{Name, Nodes};
use crate::id::{Generation, NodeId, Origin};
use crate::set::Ranges;
use crate::value::Value;
use crate::wire::{Field, Fields, Wire, put, put_field};

impl Wire for Gossip {
    const TYPE: &'static str = "rumormill";
    const VERSION: u64 = 1;

    fn encode(&self, nodes: &Nodes, out: &mut Vec<u8>) {
        put_field(out, "gen", &self.generation.0);
        put_field(out, "n", &self.number);
        if let Some(Ack { generation, numbers, held_us }) = &self.ack {
            let bounds = numbers.iter().flat_map(|range| [range.start, range.end]);
            let ack: Vec<u64> = [generation.0, *held_us].into_iter().chain(bounds).collect();
            put_field(out, "ack", &ack);
        }
        if !self.entries.is_empty() {
            put_list(out, "entries", &self.entries, |out, Entries { origin, first, values }| {
                put_origin(out, nodes, *origin);
                put(out, first);
                out.push(b',');
                put(out, values);
            });
        }
        if !self.have.is_empty() {
            put_list(out, "have", &self.have, |out, Have { origin, ranges }| {
                put_origin(out, nodes, *origin);
                let bounds: Vec<u64> = ranges.iter().flat_map(|r| [r.start, r.end]).collect();
                put(out, &bounds);
            });
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
        Ok(Self {
            generation: Generation(fields.get("gen").u64("gen")?),
            number: number(fields.get("n"))?,
            ack: ack(fields.get("ack"))?,
            entries: entries(fields.get("entries"), nodes)?,
            have: have(fields.get("have"), nodes)?,
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

/// Appends a list of arrays; `inside` writes the inside of each.
fn put_list<T>(out: &mut Vec<u8>, key: &str, items: &[T], inside: impl Fn(&mut Vec<u8>, &T)) {
    for (i, item) in items.iter().enumerate() {
        if i == 0 {
            out.extend_from_slice(b",\"");
            out.extend_from_slice(key.as_bytes());
            out.extend_from_slice(b"\":[[");
        } else {
            out.extend_from_slice(b",[");
        }
        inside(out, item);
        out.push(b']');
    }
    out.push(b']');
}

fn put_origin(out: &mut Vec<u8>, nodes: &Nodes, origin: Origin) {
    put(out, nodes.name(origin.node));
    out.push(b',');
    put(out, &origin.generation.0);
    out.push(b',');
}

/// The origin that a message names; nodes outside the cluster have none.
fn origin(field: &str, node: &Name, generation: u64, nodes: &Nodes) -> Result<Origin, String> {
    let node = known(field, node, nodes)?;
    Ok(Origin { node, generation: Generation(generation) })
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

fn ack(field: Field<'_>) -> Result<Option<Ack>, String> {
    if !field.is_present() {
        return Ok(None);
    }
    const EXPECTED: &str = "[generation, microseconds, start, end, …]";
    let numbers: Vec<u64> = field.decode("ack", EXPECTED)?;
    let [generation, held_us, bounds @ ..] = &*numbers else {
        return Err(format!("field `ack`: expected {EXPECTED}"));
    };
    let numbers = ranges(bounds).filter(|numbers| !numbers.is_empty());
    let numbers = numbers.ok_or("field `ack`: bad ranges of numbers")?;
    Ok(Some(Ack { generation: Generation(*generation), numbers, held_us: *held_us }))
}

fn forward(field: Field<'_>) -> Result<Forward, String> {
    if !field.is_present() {
        return Ok(Forward::No);
    }
    match field.decode::<Cow<'_, str>>("forward", "a string")?.as_ref() {
        "tree" => Ok(Forward::Tree),
        "flood" => Ok(Forward::Flood),
        other => Err(format!("field `forward`: expected \"tree\" or \"flood\", got {other:?}")),
    }
}

fn pulse(field: Field<'_>) -> Result<Option<Pulse>, String> {
    if !field.is_present() {
        return Ok(None);
    }
    let (period_us, age_us, distance_us) =
        field.decode("pulse", "[period, age, distance] in microseconds")?;
    Ok(Some(Pulse { period_us, age_us, distance_us }))
}

fn offer(field: Field<'_>, nodes: &Nodes) -> Result<Option<TreeOffer>, String> {
    if !field.is_present() {
        return Ok(None);
    }
    let (parent, root, depth, age_us): (Option<Name>, Name, u32, u64) =
        field.decode("offer", "[parent or null, root, depth, microseconds]")?;
    let parent = parent.map(|parent| known("offer", &parent, nodes)).transpose()?;
    Ok(Some(TreeOffer { parent, root: known("offer", &root, nodes)?, depth, age_us }))
}

fn entries(field: Field<'_>, nodes: &Nodes) -> Result<Vec<Entries>, String> {
    if !field.is_present() {
        return Ok(Vec::new());
    }
    const EXPECTED: &str = "a list of [node, generation, first, [value, …]]";
    // Integers are the usual case, and read in a third of the time.
    match field.decode::<Vec<(Name, u64, u64, Vec<i64>)>>("entries", EXPECTED) {
        Ok(rows) => rows.into_iter().map(|row| run(row, nodes)).collect(),
        Err(_) => {
            let rows: Vec<(Name, u64, u64, Vec<Value>)> = field.decode("entries", EXPECTED)?;
            rows.into_iter().map(|row| run(row, nodes)).collect()
        }
    }
}

fn run<T: Into<Value>>(row: (Name, u64, u64, Vec<T>), nodes: &Nodes) -> Result<Entries, String> {
    let (node, generation, first, values) = row;
    if values.is_empty() {
        return Err("field `entries`: an entry without values".to_owned());
    }
    // The number after the last one has to be a number, too.
    if first.checked_add(values.len() as u64).is_none() {
        let count = values.len();
        return Err(format!("field `entries`: {count} values from {first} on are out of range"));
    }
    let values = values.into_iter().map(Into::into).collect();
    Ok(Entries { origin: origin("entries", &node, generation, nodes)?, first, values })
}

fn have(field: Field<'_>, nodes: &Nodes) -> Result<Vec<Have>, String> {
    if !field.is_present() {
        return Ok(Vec::new());
    }
    let rows: Vec<(Name, u64, Vec<u64>)> =
        field.decode("have", "a list of [node, generation, [start, end, …]]")?;
    let have = rows
        .into_iter()
        .map(|(node, generation, bounds)| {
            let ranges =
                ranges(&bounds).ok_or_else(|| format!("field `have`: bad ranges of {node}"))?;
            Ok(Have { origin: origin("have", &node, generation, nodes)?, ranges })
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

/// The bounds must be written as a node writes them: pairs, each above the one before it. Then no
/// range is empty and none overlaps or touches another.
fn ranges(bounds: &[u64]) -> Option<Ranges> {
    let (pairs, rest) = bounds.as_chunks::<2>();
    let ascending = bounds.is_sorted_by(|a, b| a < b);
    (rest.is_empty() && ascending).then(|| pairs.iter().map(|&[start, end]| start..end).collect())
}
