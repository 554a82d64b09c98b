//! Quantiles by Jepsen's rule: no interpolation, an observed value is picked.

use serde::{Deserialize, Serialize};

/// The five points that Maelstrom reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quantiles<T> {
    /// The least.
    #[serde(rename = "0", alias = "0.0")]
    pub min: T,
    /// The median.
    #[serde(rename = "0.5")]
    pub p50: T,
    /// 95 %.
    #[serde(rename = "0.95")]
    pub p95: T,
    /// 99 %.
    #[serde(rename = "0.99")]
    pub p99: T,
    /// The greatest.
    #[serde(rename = "1", alias = "1.0")]
    pub max: T,
}

impl<T: Copy + PartialOrd> Quantiles<T> {
    /// Of the values given, in any order; none if there are none.
    pub fn of(mut values: Vec<T>) -> Option<Self> {
        values.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
        let last = values.len().checked_sub(1)?;
        let at = |q: f64| values[((values.len() as f64 * q).floor() as usize).min(last)];
        Some(Self { min: at(0.0), p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1.0) })
    }
}

impl<T> Quantiles<T> {
    /// The points in order, each with its number.
    pub fn points(self) -> [(f64, T); 5] {
        [(0.0, self.min), (0.5, self.p50), (0.95, self.p95), (0.99, self.p99), (1.0, self.max)]
    }

    /// Converts all points.
    pub fn map<U>(self, mut convert: impl FnMut(T) -> U) -> Quantiles<U> {
        Quantiles {
            min: convert(self.min),
            p50: convert(self.p50),
            p95: convert(self.p95),
            p99: convert(self.p99),
            max: convert(self.max),
        }
    }
}

/// Nanoseconds as milliseconds, to the microsecond.
pub fn millis(nanos: u64) -> f64 {
    (nanos / 1_000) as f64 / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(values: impl IntoIterator<Item = u64>) -> Option<[u64; 5]> {
        Quantiles::of(values.into_iter().collect()).map(|q| q.points().map(|(_, value)| value))
    }

    #[test]
    fn jepsens_rule() {
        assert_eq!(points(0..=20), Some([0, 10, 19, 20, 20]));
        assert_eq!(points([3, 1]), Some([1, 3, 3, 3, 3]));
        assert_eq!(points([7]), Some([7; 5]));
        assert_eq!(points([]), None);
    }

    #[test]
    fn keys_are_the_numbers() {
        let json = serde_json::to_string(&Quantiles::of(vec![1, 2]).unwrap()).unwrap();
        assert_eq!(json, r#"{"0":1,"0.5":2,"0.95":2,"0.99":2,"1":2}"#);
    }
}
