//! G-counter: a pn-counter to which nothing below 0 is added.

use super::pn_counter::{self, COUNTER};
use super::{Draws, Operation, Workload};
use crate::history::OpValue;

/// The workload.
pub(super) static G_COUNTER: Workload = Workload {
    name: "g-counter",
    summary: "numbers of at least 0 are added to a counter, and all nodes are to come to the same sum",
    next,
    ..COUNTER
};

/// The operations of a pn-counter without those that subtract: one in three is an addition.
fn next(draws: &mut Draws) -> (&'static Operation, OpValue) {
    loop {
        let (operation, argument) = pn_counter::next(draws);
        if argument.int().is_none_or(|delta| delta >= 0) {
            return (operation, argument);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_operation_in_three_adds_0_to_4() {
        let mut draws = Draws::new(7);
        let deltas: Vec<i64> = (0..9_000).filter_map(|_| next(&mut draws).1.int()).collect();
        assert!((2_800..3_200).contains(&deltas.len()), "{}", deltas.len());
        assert!((0..5).all(|delta| deltas.contains(&delta)));
        assert!(deltas.iter().all(|delta| (0..5).contains(delta)));
    }
}
