//! Any bytes as a sequence of operations on a node.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| rumormill_fuzz::node_ops(bytes));
