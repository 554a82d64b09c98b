//! The formats in which nodes, Maelstrom and the lab write: lines of JSON, EDN, TOML, and text for people.

pub mod edn;
pub mod envelope;
pub mod number;
pub mod scan;
pub mod table;
pub mod text;
pub mod toml_file;
