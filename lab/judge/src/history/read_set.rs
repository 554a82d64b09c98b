//! The values of a read, from the JSON that a node sent. Large reads go through here.

use roaring::{RoaringBitmap, RoaringTreemap};

use super::{OtherElements, ReadSet};
use crate::format::scan::items;

/// Integers below this are collected as bits: the workload's values are dense.
const MAX_BITS: u64 = 1 << 24;

/// The values in the inside of a JSON array.
#[must_use]
pub fn read_set(inside: &str) -> ReadSet {
    let mut bits: Vec<u8> = Vec::new();
    let mut large = RoaringTreemap::new();
    let mut others = OtherElements::default();
    let collect = |int: u64| {
        if int >= MAX_BITS {
            large.insert(int);
            return;
        }
        let (byte, bit) = (int as usize / 8, 1 << (int % 8));
        if bits.len() <= byte {
            bits.resize((byte + 1).max(2 * bits.len()), 0);
        }
        bits[byte] |= bit;
    };
    let len = for_each_item(inside, collect, |text| others.add(text));
    let small = RoaringBitmap::from_lsb0_bytes(0, &bits);
    let mut ints = RoaringTreemap::from_bitmaps([(0, small)]) | large;
    // A history holds thousands of these; nearly all are a few runs.
    ints.optimize();
    ReadSet { ints, others, len }
}

/// Calls `each` for every integer of at least 0 in the inside of a JSON array, and `other` for the
/// text of every other element. Returns the number of all elements.
pub fn for_each_item<'a>(
    inside: &'a str,
    mut each: impl FnMut(u64),
    mut other: impl FnMut(&'a str),
) -> usize {
    let mut rest = inside.as_bytes();
    let mut len = 0;
    // The fast path: a list of integers of less than 19 digits.
    loop {
        rest = rest.trim_ascii_start();
        let mut int = 0;
        let mut digits = 0;
        while let Some(digit) = rest.get(digits).filter(|b| b.is_ascii_digit() && digits < 18) {
            int = int * 10 + u64::from(digit - b'0');
            digits += 1;
        }
        let after = rest[digits..].trim_ascii_start();
        if digits == 0 || after.first().is_some_and(|b| *b != b',') {
            break;
        }
        each(int);
        len += 1;
        rest = after.get(1..).unwrap_or_default();
    }
    if rest.is_empty() {
        return len;
    }
    // Elements were cut off whole, so the rest is text as well.
    for item in items(&inside[inside.len() - rest.len()..]) {
        len += 1;
        match item.parse() {
            Ok(int) => each(int),
            Err(_) => other(item),
        }
    }
    len
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_of_anything_are_sets_of_the_integers_in_them() {
        let set = |inside: &str| {
            let set = read_set(inside);
            (set.ints.iter().collect::<Vec<_>>(), set.len)
        };
        assert_eq!(set(""), (vec![], 0));
        assert_eq!(set("7"), (vec![7], 1));
        assert_eq!(set("3,1 , 2,3"), (vec![1, 2, 3], 4));
        assert_eq!(set(r#"1,"0",0.0,-4,null,[5,6],{"a":7},8"#), (vec![1, 8], 8));
        assert_eq!(set("18446744073709551615,99999999999999999999"), (vec![u64::MAX], 2));
        let others = read_set(r#"1,"0",-4,"0",2.0"#).others;
        assert_eq!(others.count, 4);
        assert_eq!(others.texts.iter().map(|t| &**t).collect::<Vec<_>>(), ["\"0\"", "-4", "2.0"]);
    }
}
