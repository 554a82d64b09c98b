//! Fixed-point numbers: adding and halving them conserves their sum to the last bit.

use crate::value::Value;

/// Units of a fixed-point number per 1.
pub const UNITS: i64 = 1 << 20;

/// The integer of an entry in fixed-point; other values count nothing.
#[must_use]
pub fn amount(value: &Value) -> i64 {
    match value {
        Value::Int(int) => int.saturating_mul(UNITS),
        Value::Json(_) => 0,
    }
}
