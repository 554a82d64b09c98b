//! Any bytes as a line from outside.

#![no_main]

libfuzzer_sys::fuzz_target!(|line: &[u8]| rumormill_fuzz::parse_line(line));
