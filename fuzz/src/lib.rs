//! What the targets run. The lab's tests run the same without a fuzzer (`lab/tests/fuzzing.rs`).

#[path = "../../lab/tests/interpreters/mod.rs"]
mod interpreters;

/// Parses a line, and checks what comes of it.
pub fn parse_line(line: &[u8]) {
    interpreters::parse_line::run(line);
}

/// Runs the operations that the bytes stand for, and checks the node after each.
pub fn node_ops(bytes: &[u8]) {
    interpreters::node_ops::run(bytes);
}
