//! TOML files, and errors that name the line.

use anyhow::{Error, Result, anyhow};
use serde::de::DeserializeOwned;

/// Reads a TOML file's text; `origin` is what errors call the file.
///
/// # Errors
/// Names the line, what is wrong there and what would be right.
pub fn read<T: DeserializeOwned>(text: &str, origin: &str) -> Result<T> {
    toml::from_str(text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start);
        let line = 1 + text.bytes().take(start).filter(|byte| *byte == b'\n').count();
        error_at(text, origin, line, error.message())
    })
}

/// The error of a line, counted from 1.
#[must_use]
pub fn error_at(text: &str, origin: &str, line: usize, why: &str) -> Error {
    let shown = text.lines().nth(line - 1).unwrap_or_default().trim();
    anyhow!("{origin}, line {line}: {why}\n    {shown}")
}
