//! The bytes of a journal: records, and the items in them.
//!
//! ```text
//! record  := "\xF5RMJ"  checksum:u32  length:u64  item*
//! item    := 1 format node segment previous     header: first in a segment
//!          | 2 generation                       a generation that writes to the segment
//!          | 3 node generation first count value*   consecutive entries of one origin
//!          | 4 entries                          end of a closed segment, with its number of entries
//! value   := 0 zigzag-integer | 1 text
//! ```
//!
//! A record is the bytes of one write, which one sync makes durable. `checksum` is the CRC-32C of
//! `length` and the items; both stand in little-endian order. Numbers in items are LEB128; a node and
//! a text are their length and their UTF-8 bytes. The first byte of a record is in no UTF-8 text, so
//! no value can look like one.

use std::ops::Range;

use super::crc::crc32c;
use crate::cluster::Name;
use crate::id::Generation;
use crate::value::Value;

/// The version of the format.
pub const FORMAT: u64 = 1;
/// How a record begins.
const MAGIC: [u8; 4] = [0xf5, b'R', b'M', b'J'];
/// Length of what stands before a record's items.
pub(super) const HEAD_BYTES: usize = 16;
/// Where the checksummed part begins.
const SUMMED_AT: usize = 8;

/// Consecutive entries of one origin, whose node is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The node that the entries were submitted to.
    pub node: Name,
    /// Its generation then.
    pub generation: Generation,
    /// Sequence number of the first entry.
    pub first: u64,
    /// The values.
    pub values: Vec<Value>,
}

impl Run {
    /// The number after the last entry's. The largest sequence number has one, too.
    #[must_use]
    pub fn end(&self) -> u128 {
        u128::from(self.first) + self.values.len() as u128
    }
}

/// A part of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Item {
    Header(Header),
    Generation(Generation),
    Run(Run),
    /// The segment is closed; it has this many entries.
    End(u64),
}

/// The first item of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) format: u64,
    /// The node that the journal is of.
    pub(super) node: Name,
    pub(super) segment: u64,
    /// Length of the segment before this one when it was left, in bytes.
    pub(super) previous: u64,
}

/// A record under construction.
#[derive(Debug)]
pub(super) struct RecordWriter(Vec<u8>);

impl RecordWriter {
    pub(super) fn new() -> Self {
        Self(vec![0; HEAD_BYTES])
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == HEAD_BYTES
    }

    pub(super) fn header(&mut self, header: &Header) {
        self.0.push(1);
        self.number(header.format);
        self.text(&header.node);
        self.number(header.segment);
        self.number(header.previous);
    }

    pub(super) fn generation(&mut self, generation: Generation) {
        self.0.push(2);
        self.number(generation.0);
    }

    pub(super) fn run(&mut self, run: &Run) {
        self.part(run, 0..run.values.len());
    }

    /// Writes a part of a run.
    pub(super) fn part(&mut self, run: &Run, part: Range<usize>) {
        self.0.push(3);
        self.text(&run.node);
        self.number(run.generation.0);
        self.number(run.first + part.start as u64);
        self.number(part.len() as u64);
        for value in &run.values[part] {
            match value {
                Value::Int(int) => {
                    self.0.push(0);
                    self.number(((int << 1) ^ (int >> 63)).cast_unsigned());
                }
                Value::Json(text) => {
                    self.0.push(1);
                    self.text(text);
                }
            }
        }
    }

    pub(super) fn end(&mut self, entries: u64) {
        self.0.push(4);
        self.number(entries);
    }

    /// The bytes of the record.
    pub(super) fn finish(mut self) -> Vec<u8> {
        let length = (self.0.len() - HEAD_BYTES) as u64;
        self.0[SUMMED_AT..HEAD_BYTES].copy_from_slice(&length.to_le_bytes());
        let checksum = crc32c(&self.0[SUMMED_AT..]);
        self.0[..MAGIC.len()].copy_from_slice(&MAGIC);
        self.0[MAGIC.len()..SUMMED_AT].copy_from_slice(&checksum.to_le_bytes());
        self.0
    }

    fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.extend_from_slice(text.as_bytes());
    }
}

/// The items of the record that `bytes` begin with.
///
/// # Errors
/// The reason why no whole record stands there.
pub(super) fn record(bytes: &[u8]) -> Result<&[u8], &'static str> {
    let (head, rest) = bytes.split_at_checked(HEAD_BYTES).ok_or("the record is cut short")?;
    if head[..MAGIC.len()] != MAGIC {
        return Err("no record begins there");
    }
    let number = |bytes: &[u8]| {
        bytes.iter().rev().fold(0_u64, |number, &byte| number << 8 | u64::from(byte))
    };
    let length = number(&head[SUMMED_AT..]);
    let length = usize::try_from(length).ok().filter(|&length| length <= rest.len());
    let items = &rest[..length.ok_or("the record is cut short, or its length is damaged")?];
    let summed = &bytes[SUMMED_AT..HEAD_BYTES + items.len()];
    if u64::from(crc32c(summed)) != number(&head[MAGIC.len()..SUMMED_AT]) {
        return Err("the record's checksum is not that of its content");
    }
    Ok(items)
}

/// The first place at or after `from` where a whole record stands.
pub(super) fn find_record(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        let rest = bytes.get(at..)?;
        at += rest.iter().position(|&byte| byte == MAGIC[0])?;
        if record(&bytes[at..]).is_ok() {
            return Some(at);
        }
        at += 1;
    }
}

/// Reads the items of a whole record.
#[derive(Debug)]
pub(super) struct Items<'a> {
    rest: &'a [u8],
    /// The last text that names a node: nearly always the same again.
    name: Option<Name>,
}

impl<'a> Items<'a> {
    pub(super) const fn new(items: &'a [u8]) -> Self {
        Self { rest: items, name: None }
    }

    /// The next item. `None`: there is no more, or what follows is none.
    fn item(&mut self) -> Option<Item> {
        Some(match self.byte()? {
            1 => Item::Header(Header {
                format: self.number()?,
                node: self.node()?,
                segment: self.number()?,
                previous: self.number()?,
            }),
            2 => Item::Generation(Generation(self.number()?)),
            3 => {
                let (node, generation) = (self.node()?, Generation(self.number()?));
                let (first, count) = (self.number()?, self.number()?);
                if u128::from(first) + u128::from(count) > 1 << u64::BITS {
                    return None;
                }
                // A value takes two bytes or more.
                let count = usize::try_from(count).ok().filter(|&n| n <= self.rest.len() / 2)?;
                let values = (0..count).map(|_| self.value()).collect::<Option<_>>()?;
                Item::Run(Run { node, generation, first, values })
            }
            4 => Item::End(self.number()?),
            _ => return None,
        })
    }

    fn byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(byte)
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            number |= bits << shift;
            if byte < 0x80 {
                return (bits << shift >> shift == bits).then_some(number);
            }
        }
        None
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = usize::try_from(self.number()?).ok()?;
        let (text, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        std::str::from_utf8(text).ok()
    }

    fn node(&mut self) -> Option<Name> {
        let text = self.text()?;
        match &self.name {
            Some(name) if **name == *text => {}
            _ => self.name = Some(text.into()),
        }
        self.name.clone()
    }

    fn value(&mut self) -> Option<Value> {
        Some(match self.byte()? {
            0 => {
                let number = self.number()?;
                Value::Int((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
            }
            1 => Value::Json(self.text()?.into()),
            _ => return None,
        })
    }
}

impl Iterator for Items<'_> {
    type Item = Result<Item, &'static str>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let item = self.item().ok_or("the record has an item that cannot be read");
        if item.is_err() {
            self.rest = &[];
        }
        Some(item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(values: Vec<Value>) -> Run {
        Run { node: "n\u{e9}1".into(), generation: Generation(u64::MAX), first: 7, values }
    }

    fn read(bytes: &[u8]) -> Result<Vec<Item>, &'static str> {
        Items::new(record(bytes)?).collect()
    }

    #[test]
    fn items_come_back_as_they_were_written() {
        let header = Header { format: FORMAT, node: "n0".into(), segment: 300, previous: 1 << 40 };
        let ints = [0, 1, -1, 63, 64, -65, i64::MAX, i64::MIN].map(Value::Int);
        let texts =
            ["\"x\"", "{}", "123456789012345678901234567890"].map(|t| Value::Json(t.into()));
        let mixed = run(ints.into_iter().chain(texts).collect());
        let last = Run { first: u64::MAX, ..run(vec![Value::Int(1)]) };
        let mut record = RecordWriter::new();
        assert!(record.is_empty());
        record.header(&header);
        record.generation(Generation(3));
        record.run(&mixed);
        record.run(&last);
        record.run(&run(Vec::new()));
        record.end(12);
        let items = [
            Item::Header(header),
            Item::Generation(Generation(3)),
            Item::Run(mixed),
            Item::Run(last),
            Item::Run(run(Vec::new())),
            Item::End(12),
        ];
        assert_eq!(read(&record.finish()).unwrap(), items);
        assert_eq!(read(&RecordWriter::new().finish()).unwrap(), []);
    }

    #[test]
    fn a_record_with_any_byte_changed_or_missing_is_none() {
        let mut record = RecordWriter::new();
        record.run(&run(vec![Value::Int(5), Value::Json("\"a long enough text\"".into())]));
        let bytes = record.finish();
        for at in 0..bytes.len() {
            assert!(read(&bytes[..at]).is_err(), "cut at {at}");
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[at] ^= 1 << bit;
                assert!(read(&changed).is_err(), "bit {bit} of byte {at}");
            }
        }
    }

    #[test]
    fn items_that_make_no_sense_are_an_error_and_take_no_memory() {
        for items in [
            &[9][..],
            &[2],
            &[2, 0x80],
            // A number of more than 64 bits.
            &[2, 255, 255, 255, 255, 255, 255, 255, 255, 255, 2],
            // A name that is longer than the record, and one that is no UTF-8.
            &[3, 5, b'n'],
            &[3, 1, 0xff, 1, 0, 1, 0, 0],
            // More values than the record has bytes, and sequence numbers beyond the last one.
            &[3, 1, b'n', 1, 0, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1],
            &[3, 1, b'n', 1, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1, 2, 0, 0, 0, 0],
            // A value of another kind.
            &[3, 1, b'n', 1, 0, 1, 2, 0],
        ] {
            assert!(Items::new(items).any(|item| item.is_err()), "{items:?}");
        }
    }
}
