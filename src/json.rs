//! Writing JSON piece by piece.

use serde::Serialize;

/// Appends a field to a JSON object that is being written: `,"key":value`.
pub fn put_field(out: &mut Vec<u8>, key: &str, value: &(impl Serialize + ?Sized)) {
    put_key(out, key);
    put(out, value);
}

/// Appends the key of a field: `,"key":`.
pub fn put_key(out: &mut Vec<u8>, key: &str) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(b"\":");
}

/// Appends a JSON value.
pub fn put(out: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    // Cannot fail: a Vec takes every write, and no type here has a map with non-string keys.
    let _ = serde_json::to_writer(out, value);
}
