//! One file of a journal: reading it back, and its compact form.

use std::collections::BTreeMap;

use super::format::{self, HEAD_BYTES, Header, Item, Items, RecordWriter, Run};
use crate::cluster::Name;
use crate::id::Generation;
use crate::value::Value;

/// Records of a compacted segment end when they are this long: so much is lost where a byte is
/// damaged. Each costs its head of 16 bytes.
const COMPACT_RECORD_BYTES: usize = 64 << 10;

/// A place of a segment that is no whole record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Damage {
    pub(super) at: usize,
    /// Where the next whole record begins, or the end of the segment.
    pub(super) until: usize,
    pub(super) problem: &'static str,
    /// Nothing whole follows: a write that was not completed looks like this.
    pub(super) is_tail: bool,
}

/// The content of a segment but its entries.
#[derive(Clone, Debug, Default)]
pub(super) struct Summary {
    pub(super) header: Option<Header>,
    /// The generations that have written to the segment, and those of entries in it that the node made.
    pub(super) generations: Vec<Generation>,
    pub(super) entries: u64,
    /// The number of entries at the end of a closed segment.
    pub(super) end: Option<u64>,
    pub(super) damages: Vec<Damage>,
    /// Where the last whole record begins.
    pub(super) last_record: usize,
    /// Length of the segment in bytes.
    pub(super) length: usize,
}

impl Summary {
    /// Reads a segment to its end, past all damage; entries are passed to `each`.
    pub(super) fn read(bytes: &[u8], mut each: impl FnMut(Run)) -> Self {
        let mut summary = Self { length: bytes.len(), ..Self::default() };
        let mut at = 0;
        while at < bytes.len() {
            let problem = match format::record(&bytes[at..]) {
                Ok(items) => {
                    let until = at + HEAD_BYTES + items.len();
                    summary.last_record = at;
                    if let Some(problem) = summary.take(items, &mut each) {
                        summary.damages.push(Damage { at, until, problem, is_tail: false });
                    }
                    at = until;
                    continue;
                }
                Err(problem) => problem,
            };
            let next = format::find_record(bytes, at + 1);
            let until = next.unwrap_or(bytes.len());
            summary.damages.push(Damage { at, until, problem, is_tail: next.is_none() });
            at = until;
        }
        summary
    }

    /// Takes the items of a record; the reason if one of them cannot be read.
    fn take(&mut self, items: &[u8], each: &mut impl FnMut(Run)) -> Option<&'static str> {
        for item in Items::new(items) {
            match item {
                Ok(Item::Header(header)) => self.header = Some(header),
                Ok(Item::Generation(generation)) => self.generations.push(generation),
                Ok(Item::Run(run)) => {
                    self.entries += run.values.len() as u64;
                    each(run);
                }
                Ok(Item::End(entries)) => self.end = Some(entries),
                Err(problem) => return Some(problem),
            }
        }
        None
    }

    /// The readable part of a write that was not completed: for [`super::Mutation::TornTailTaken`].
    pub(super) fn torn_runs(&self, bytes: &[u8]) -> impl Iterator<Item = Run> {
        let tail = self.damages.last().filter(|damage| damage.is_tail);
        let rest = tail.and_then(|tail| bytes.get(tail.at + HEAD_BYTES..)).unwrap_or_default();
        Items::new(rest).map_while(Result::ok).filter_map(|item| match item {
            Item::Run(run) => Some(run),
            _ => None,
        })
    }

    /// True if nothing is missing of a closed segment.
    pub(super) fn is_closed(&self) -> bool {
        self.damages.is_empty() && self.end == Some(self.entries)
    }
}

/// The entries of a segment in compact form: each origin's in order, and those that follow each other
/// in one run.
#[derive(Debug, Default)]
pub(super) struct Compact {
    /// By the number of its first entry.
    origins: BTreeMap<(Name, Generation), BTreeMap<u128, Vec<Value>>>,
}

impl Compact {
    /// Takes entries in. Of entries that are there twice the first one counts.
    pub(super) fn insert(&mut self, run: Run) {
        let origin = (Name::clone(&run.node), run.generation);
        let runs = self.origins.entry(origin).or_default();
        let mut first = u128::from(run.first);
        let mut values = run.values.into_iter();
        while values.len() > 0 {
            let before = runs.range_mut(..=first).next_back();
            let after = before.as_ref().map_or(0, |(start, held)| *start + held.len() as u128);
            if after > first {
                let held = (after - first).min(values.len() as u128);
                values.by_ref().take(held as usize).for_each(drop);
                first += held;
                continue;
            }
            let end = first + values.len() as u128;
            let before = before.filter(|_| after == first).map(|(start, _)| *start);
            let next = runs.range(first..).next().map_or(end, |(next, _)| (*next).min(end));
            let start = before.unwrap_or(first);
            let held = runs.entry(start).or_default();
            held.extend(values.by_ref().take((next - first) as usize));
            first = next;
        }
    }

    /// The bytes of the closed segment with this header.
    pub(super) fn into_bytes(self, header: &Header, generations: &[Generation]) -> Vec<u8> {
        let (mut bytes, mut record, mut entries) = (Vec::new(), RecordWriter::new(), 0);
        record.header(header);
        generations.iter().for_each(|&generation| record.generation(generation));
        for run in self.origins.into_iter().flat_map(joined) {
            entries += run.values.len() as u64;
            let mut start = 0;
            while start < run.values.len() {
                let end = start + fitting(&run.values[start..], COMPACT_RECORD_BYTES);
                record.part(&run, start..end);
                start = end;
                if record.len() >= COMPACT_RECORD_BYTES {
                    let full = std::mem::replace(&mut record, RecordWriter::new());
                    bytes.append(&mut full.finish());
                }
            }
        }
        record.end(entries);
        bytes.append(&mut record.finish());
        bytes
    }
}

/// How many values fit into so many bytes; one at least, if there is one.
fn fitting(values: &[Value], bytes: usize) -> usize {
    let sizes = values.iter().scan(0, |total, value| {
        *total += value.text_bytes();
        Some(*total)
    });
    sizes.take_while(|&total| total <= bytes).count().max(1)
}

/// The runs of an origin, joined where one begins at the end of the one before.
fn joined((origin, runs): ((Name, Generation), BTreeMap<u128, Vec<Value>>)) -> Vec<Run> {
    let (node, generation) = origin;
    let mut joined: Vec<Run> = Vec::new();
    for (first, mut values) in runs {
        match joined.last_mut().filter(|last| last.end() == first) {
            Some(last) => last.values.append(&mut values),
            None => {
                let (node, first) = (Name::clone(&node), first as u64);
                joined.push(Run { node, generation, first, values });
            }
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(node: &str, first: u64, values: std::ops::Range<i64>) -> Run {
        let values = values.map(Value::Int).collect();
        Run { node: node.into(), generation: Generation(1), first, values }
    }

    fn header() -> Header {
        Header { format: 1, node: "n0".into(), segment: 3, previous: 17 }
    }

    fn read(bytes: &[u8]) -> (Summary, Vec<Run>) {
        let mut runs = Vec::new();
        let summary = Summary::read(bytes, |run| runs.push(run));
        (summary, runs)
    }

    fn record(run: &Run) -> Vec<u8> {
        let mut record = RecordWriter::new();
        record.run(run);
        record.finish()
    }

    #[test]
    fn entries_in_any_order_and_twice_become_one_run_per_gap() {
        let mut compact = Compact::default();
        for (node, first, values) in [
            ("b", 5, 50..53),
            ("a", 9, 9..10),
            ("b", 0, 0..2),
            ("b", 8, 53..54),
            // Overlaps on both sides; what is there already counts.
            ("b", 1, 91..99),
            ("a", 9, 9..10),
            ("a", 10, 10..12),
            ("a", u64::MAX, 5..6),
            ("a", u64::MAX - 1, 4..6),
        ] {
            compact.insert(run(node, first, values));
        }
        let (summary, runs) = read(&compact.into_bytes(&header(), &[Generation(4)]));
        let mut b = run("b", 0, 0..2);
        b.values.extend([92, 93, 94, 50, 51, 52, 53].map(Value::Int));
        assert_eq!(runs, [run("a", 9, 9..12), run("a", u64::MAX - 1, 4..6), b]);
        assert_eq!((summary.entries, summary.is_closed()), (14, true));
        assert_eq!((summary.header, summary.generations), (Some(header()), vec![Generation(4)]));
    }

    #[test]
    fn a_compact_segment_has_records_of_bounded_length() {
        let mut compact = Compact::default();
        compact.insert(run("a", 0, 0..200_000));
        let long = Value::Json(format!("\"{}\"", "x".repeat(3 * COMPACT_RECORD_BYTES)).into());
        compact.insert(Run { values: vec![long; 3], ..run("b", 0, 0..0) });
        let mut bytes = compact.into_bytes(&header(), &[]);
        let (summary, runs) = read(&bytes);
        assert!(summary.is_closed());
        assert!(runs.len() > 10, "{}", runs.len());
        // Damage costs one record.
        let middle = bytes.len() / 8;
        bytes[middle] ^= 1;
        let (damaged, _) = read(&bytes);
        let [Damage { at, until, is_tail: false, .. }] = *damaged.damages else { panic!() };
        assert!(at <= middle && middle < until && until - at < 4 * COMPACT_RECORD_BYTES);
        assert!(!damaged.is_closed() && damaged.entries < summary.entries);
    }

    #[test]
    fn a_tail_cut_at_any_byte_is_a_tail_and_all_before_it_is_read() {
        let runs = [run("a", 0, 0..3), run("b", 7, -2..0), run("a", 3, 3..4)];
        let records: Vec<Vec<u8>> = runs.iter().map(record).collect();
        let bytes = records.concat();
        for cut in 0..=bytes.len() {
            let ends = records.iter().scan(0, |end, record| {
                *end += record.len();
                Some(*end)
            });
            let whole: Vec<usize> = ends.take_while(|&end| end <= cut).collect();
            let (summary, read) = read(&bytes[..cut]);
            assert_eq!(read, runs[..whole.len()], "cut at {cut}");
            let end = whole.last().copied().unwrap_or(0);
            let tails: Vec<_> =
                summary.damages.iter().map(|d| (d.at, d.until, d.is_tail)).collect();
            assert_eq!(tails, if cut > end { vec![(end, cut, true)] } else { vec![] });
        }
    }

    #[test]
    fn damage_before_a_whole_record_is_no_tail() {
        let runs = [run("a", 0, 0..3), run("b", 7, -2..0), run("a", 3, 3..4)];
        let records: Vec<Vec<u8>> = runs.iter().map(record).collect();
        let (first, second) = (records[0].len(), records[0].len() + records[1].len());
        for at in first..second {
            let mut bytes = records.concat();
            bytes[at] ^= 0x10;
            let (summary, read) = read(&bytes);
            assert_eq!(read, [runs[0].clone(), runs[2].clone()], "byte {at}");
            let [Damage { at, until, is_tail: false, .. }] = *summary.damages else { panic!() };
            assert_eq!((at, until), (first, second));
        }
    }
}
