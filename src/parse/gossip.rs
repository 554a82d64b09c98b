//! The message between nodes, decoded: see [`Gossip`] for what it means.

use std::borrow::Cow;

use super::Fields;
use super::field::Field;
use crate::held::Ranges;
use crate::message::{Echo, Entries, Gossip, Have, Name, Origin, Place, Pulse, Relay};
use crate::value::Value;

pub(super) fn decode(fields: &Fields<'_>) -> Result<Gossip, String> {
    Ok(Gossip {
        generation: fields.generation.u64("gen")?,
        number: fields.number.u64("n")?,
        echo: echo(fields.echo)?,
        values: values(fields.values)?,
        have: have(fields.have)?,
        all: fields.all.flag("all")?,
        ask: fields.ask.flag("ask")?,
        relay: relay(fields.relay)?,
        pulse: pulse(fields.pulse)?,
        place: place(fields.place)?,
    })
}

fn echo(field: Field<'_>) -> Result<Option<Echo>, String> {
    if !field.is_present() {
        return Ok(None);
    }
    let (generation, number, held_us) =
        field.decode("echo", "[generation, number, microseconds]")?;
    Ok(Some(Echo { generation, number, held_us }))
}

fn relay(field: Field<'_>) -> Result<Relay, String> {
    if !field.is_present() {
        return Ok(Relay::Keep);
    }
    match field.decode::<Cow<'_, str>>("relay", "a string")?.as_ref() {
        "up" => Ok(Relay::Up),
        "flood" => Ok(Relay::Flood),
        other => Err(format!("field `relay`: expected \"up\" or \"flood\", got {other:?}")),
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

fn place(field: Field<'_>) -> Result<Option<Place>, String> {
    if !field.is_present() {
        return Ok(None);
    }
    let (parent, root, depth, age_us) =
        field.decode("place", "[parent or null, root, depth, microseconds]")?;
    Ok(Some(Place { parent, root, depth, age_us }))
}

fn values(field: Field<'_>) -> Result<Vec<Entries>, String> {
    if !field.is_present() {
        return Ok(Vec::new());
    }
    const EXPECTED: &str = "a list of [node, generation, first, [value, …]]";
    // Integers are the usual case, and read in a third of the time.
    match field.decode::<Vec<(Name, u64, u64, Vec<i64>)>>("values", EXPECTED) {
        Ok(rows) => rows.into_iter().map(entries).collect(),
        Err(_) => {
            let rows: Vec<(Name, u64, u64, Vec<Value>)> = field.decode("values", EXPECTED)?;
            rows.into_iter().map(entries).collect()
        }
    }
}

fn entries<T: Into<Value>>(row: (Name, u64, u64, Vec<T>)) -> Result<Entries, String> {
    let (node, generation, first, values) = row;
    if values.is_empty() {
        return Err("field `values`: an entry without values".to_owned());
    }
    // The number after the last one has to be a number, too.
    if first.checked_add(values.len() as u64).is_none() {
        let count = values.len();
        return Err(format!("field `values`: {count} values from {first} on are out of range"));
    }
    let values = values.into_iter().map(Into::into).collect();
    Ok(Entries { origin: Origin { node, generation }, first, values })
}

fn have(field: Field<'_>) -> Result<Vec<Have>, String> {
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
            Ok(Have { origin: Origin { node, generation }, ranges })
        })
        .collect::<Result<Vec<_>, String>>()?;
    // "Everything held of it", said twice, cannot both be true.
    let mut origins: Vec<&Origin> = have.iter().map(|have| &have.origin).collect();
    origins.sort_unstable();
    match origins.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(format!("field `have`: {} comes twice", pair[0].node)),
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
