//! A figure over several runs of the same settings: median and worst.

use super::figure::{Figure, Worse};
use crate::results::Results;

/// The values of a figure in several runs.
#[derive(Clone, Debug)]
pub struct Sample {
    worse: Worse,
    sorted: Vec<f64>,
}

impl Sample {
    /// Reads a figure in each run; runs that do not have it are left out.
    #[must_use]
    pub fn of<'r>(figure: &Figure, runs: impl IntoIterator<Item = &'r Results>) -> Self {
        let values = runs.into_iter().filter_map(|results| figure.read(results));
        let mut sorted: Vec<f64> = values.collect();
        sorted.sort_by(f64::total_cmp);
        Self { worse: figure.worse, sorted }
    }

    /// All values, in order.
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.sorted
    }

    /// Median; none if no run has the figure.
    #[must_use]
    pub fn median(&self) -> Option<f64> {
        self.sorted.get(self.sorted.len() / 2).copied()
    }

    /// Worst value; none if no run has the figure.
    #[must_use]
    pub fn worst(&self) -> Option<f64> {
        let worst = match self.worse {
            Worse::Higher => self.sorted.last(),
            Worse::Lower => self.sorted.first(),
        };
        worst.copied()
    }
}

#[cfg(test)]
mod tests {
    use super::super::figure;
    use super::*;
    use crate::verdict::sample;

    #[test]
    fn worst_follows_the_direction_of_the_figure() {
        let runs = [1.0, 0.9, 0.5].map(|ok_fraction| {
            let mut results = sample::results();
            results.rumormill.ok_fraction = ok_fraction;
            results.maelstrom.workload.set_mut().unwrap().lost_count = (ok_fraction * 10.0) as u64;
            results
        });
        let availability = Sample::of(const { figure("availability") }, &runs);
        assert_eq!((availability.median(), availability.worst()), (Some(0.9), Some(0.5)));
        let lost = Sample::of(const { figure("lost") }, &runs);
        assert_eq!((lost.median(), lost.worst()), (Some(9.0), Some(10.0)));
        assert_eq!(Sample::of(const { figure("heal-max") }, &runs).worst(), None);
    }
}
