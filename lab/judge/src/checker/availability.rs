//! The fraction of invocations that succeeded, against what `--availability` asks for.

use std::str::FromStr;

use derive_more::Display;
use serde::{Deserialize, Serialize};

use super::{Validity, client_function, invocation_count};
use crate::history::{Op, OpKind};

/// The share of the operations that must be `ok`.
#[derive(Clone, Copy, Debug, Display, PartialEq)]
pub enum Required {
    /// All.
    #[display("total")]
    Total,
    /// At least this fraction.
    Fraction(f64),
}

impl FromStr for Required {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.parse::<f64>()) {
            ("total", _) => Ok(Self::Total),
            (_, Ok(fraction)) if (0.0..=1.0).contains(&fraction) => Ok(Self::Fraction(fraction)),
            _ => Err(format!("`{text}` is neither `total` nor a fraction from 0 to 1")),
        }
    }
}

/// The result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Availability {
    /// Verdict: as much as was asked for.
    #[serde(rename = "valid?")]
    pub valid: Validity,
    /// Successful operations per invocation; 1 without invocations.
    pub ok_fraction: f32,
}

/// Checks a history against what was asked for; nothing asked for is always met.
///
/// The fraction is compared in double precision. Maelstrom compares the single-precision one, so
/// that nine of ten do not meet 0.9 there.
pub fn check(history: &[Op], required: Option<Required>) -> Availability {
    let fraction = ok_fraction(history);
    Availability { valid: verdict(fraction, required), ok_fraction: fraction as f32 }
}

/// Compares a fraction with what was asked for.
pub fn verdict(fraction: f64, required: Option<Required>) -> Validity {
    Validity::from_bool(match required {
        None => true,
        Some(Required::Total) => fraction >= 1.0,
        Some(Required::Fraction(least)) => least <= fraction,
    })
}

/// Successful operations per invocation; 1 without invocations.
pub fn ok_fraction(history: &[Op]) -> f64 {
    answered_fraction(history, 0)
}

/// The fraction without the indeterminate operations, which were open at nodes that died.
pub fn answered_fraction(history: &[Op], indeterminate: u64) -> f64 {
    let owed = (invocation_count(history) as u64).saturating_sub(indeterminate);
    let is_ok = |op: &&Op| op.kind == OpKind::Ok && client_function(op).is_some();
    let ok = history.iter().filter(is_ok).count();
    if owed == 0 { 1.0 } else { ok as f64 / owed as f64 }
}

#[cfg(test)]
mod tests {
    use super::super::script::history;
    use super::*;

    const TWO_OF_THREE: &str = "i0 add0@0, ok0 add0@1, i1 read@4, fail1 read@5, \
                                i1 read@6, ok1 read[0]@7";

    #[test]
    fn a_failed_operation_breaks_total_availability() {
        let history = history(TWO_OF_THREE);
        assert_eq!(check(&history, None).valid, Validity::Valid);
        let total = check(&history, Some(Required::Total));
        assert_eq!((total.valid, total.ok_fraction), (Validity::Invalid, 0.666_666_7));
        assert_eq!(check(&history, Some(Required::Fraction(0.66))).valid, Validity::Valid);
        assert_eq!(check(&history, Some(Required::Fraction(0.67))).valid, Validity::Invalid);
    }

    #[test]
    fn what_no_node_could_answer_is_left_out_of_one_fraction_only() {
        let history = history(TWO_OF_THREE);
        assert_eq!(answered_fraction(&history, 1), 1.0);
        assert_eq!(answered_fraction(&history, 0), ok_fraction(&history));
        assert_eq!(answered_fraction(&[], 1), 1.0);
    }

    #[test]
    fn without_invocations_all_succeeded() {
        let result = check(&[], Some(Required::Total));
        assert_eq!((result.valid, result.ok_fraction), (Validity::Valid, 1.0));
    }

    #[test]
    fn an_operation_still_open_counts_as_not_ok() {
        let result = check(&history("i0 add0@0"), Some(Required::Total));
        assert_eq!((result.valid, result.ok_fraction), (Validity::Invalid, 0.0));
    }

    #[test]
    fn requirements_are_parsed_plainly() {
        assert_eq!("total".parse(), Ok(Required::Total));
        assert_eq!("0.95".parse(), Ok(Required::Fraction(0.95)));
        for bad in ["most", "1.5", "-1", "NaN"] {
            assert!(bad.parse::<Required>().unwrap_err().contains("total"), "{bad}");
        }
    }
}
