//! What the fuzz targets (`fuzz/`) run, shared with the test that replays their findings.

pub(crate) mod node_ops;
pub(crate) mod parse_line;
