//! Client latency per kind of operation: completion minus invocation of the ok ones.

use std::collections::BTreeMap;

use super::quantile::{Quantiles, millis};
use super::{Pairing, client_function};
use crate::history::{Op, OpKind};

/// The name of all kinds together.
pub const ALL: &str = "all";

/// Milliseconds per kind of operation, and of all; kinds without success are left out.
pub fn check(history: &[Op]) -> BTreeMap<String, Quantiles<f64>> {
    let mut latencies: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    let mut pairing = Pairing::default();
    for (position, op) in history.iter().enumerate() {
        let Some(f) = client_function(op) else { continue };
        if let Some(invoked) = pairing.step(position, op)
            && op.kind == OpKind::Ok
        {
            let nanos = op.time.saturating_sub(history[invoked].time);
            for name in [f, ALL] {
                latencies.entry(name).or_default().push(nanos);
            }
        }
    }
    latencies
        .into_iter()
        .filter_map(|(f, nanos)| Some((f.to_owned(), Quantiles::of(nanos)?.map(millis))))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::script::history;
    use super::*;

    #[test]
    fn only_ok_operations_count() {
        let latencies = check(&history(
            "i0 add0@0, i1 read@1, ok0 add0@2.5, fail1 read@5, i1 add1@5, ok1 add1@6, \
             i0 add2@7, info0 add2@5007",
        ));
        assert_eq!(latencies.keys().collect::<Vec<_>>(), ["all", "broadcast"]);
        let broadcast = latencies["broadcast"];
        assert_eq!(latencies["all"], broadcast);
        assert_eq!((broadcast.min, broadcast.max), (1.0, 2.5));
    }
}
