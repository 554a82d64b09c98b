//! Maelstrom's names of errors.

/// Maelstrom's name for an error code, and whether it says for sure that nothing happened.
#[must_use]
pub fn error_name(code: Option<i64>) -> (&'static str, bool) {
    match code {
        Some(0) => ("timeout", false),
        Some(1) => ("node-not-found", true),
        Some(10) => ("not-supported", true),
        Some(11) => ("temporarily-unavailable", true),
        Some(12) => ("malformed-request", true),
        Some(13) => ("crash", false),
        Some(14) => ("abort", true),
        Some(20) => ("key-does-not-exist", true),
        Some(21) => ("key-already-exists", true),
        Some(22) => ("precondition-failed", true),
        Some(30) => ("txn-conflict", true),
        _ => ("unknown", false),
    }
}

/// The code that has this name in Maelstrom; `None` for `unknown`.
#[must_use]
pub fn error_code(name: &str) -> Option<u64> {
    const MAX_CODE: i64 = 100;
    (0..MAX_CODE)
        .find(|code| name != "unknown" && error_name(Some(*code)).0 == name)
        .map(i64::unsigned_abs)
}
