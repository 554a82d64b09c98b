//! The distribution over many seeds of the time from the heal until all nodes agree.

use std::fmt;
use std::time::Duration;

/// Seeds of a hunt that are named as the slowest.
const NAMED_MAX: usize = 5;

/// How long one run took to agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Agreement {
    /// From the heal until all nodes agreed.
    pub took: Duration,
    /// The seed of the run.
    pub seed: u64,
    /// The longest interval of the run's settings.
    pub interval: Duration,
    /// The bound of the run.
    pub bound: Duration,
}

impl Agreement {
    /// The time in intervals.
    fn intervals(&self) -> f64 {
        self.took.as_secs_f64() / self.interval.as_secs_f64().max(f64::MIN_POSITIVE)
    }
}

/// The times of many runs. Displays as quantiles and the slowest seeds.
#[derive(Clone, Debug, Default)]
pub struct Agreements(Vec<Agreement>);

impl Agreements {
    /// Takes in one more run.
    pub fn add(&mut self, run: Agreement) {
        self.0.push(run);
    }

    /// The runs that took the most intervals, from the worst on; equal ones by seed.
    fn worst_first(&self) -> Vec<Agreement> {
        let mut runs = self.0.clone();
        runs.sort_by(|a, b| b.intervals().total_cmp(&a.intervals()).then(a.seed.cmp(&b.seed)));
        runs
    }
}

impl fmt::Display for Agreements {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut times: Vec<Duration> = self.0.iter().map(|run| run.took).collect();
        times.sort_unstable();
        let Some(worst) = times.last() else { return Ok(()) };
        // The nearest rank: `share` of all runs took at most this long.
        let quantile = |share: f64| {
            let rank = (share * times.len() as f64).ceil().max(1.0) as usize;
            seconds(times[rank - 1])
        };
        writeln!(
            f,
            "From the heal until all agree, {} runs: median {}, 0.9 {}, 0.99 {}, worst {}",
            times.len(),
            quantile(0.5),
            quantile(0.9),
            quantile(0.99),
            seconds(*worst),
        )?;
        writeln!(f, "The slowest, in the longest intervals of their settings:")?;
        for run in self.worst_first().iter().take(NAMED_MAX) {
            let Agreement { took, seed, interval, bound } = run;
            writeln!(
                f,
                "{:>14.2} of {}: seed {seed}, {}, {} allowed",
                run.intervals(),
                seconds(*interval),
                seconds(*took),
                seconds(*bound),
            )?;
        }
        Ok(())
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.3} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_ranks_and_the_slowest_seeds_are_named() {
        let mut all = Agreements::default();
        for seed in 1..=200 {
            let took = Duration::from_millis(10 * seed);
            let interval = Duration::from_millis(if seed == 3 { 10 } else { 1_000 });
            all.add(Agreement { took, seed, interval, bound: Duration::from_secs(60) });
        }
        let text = all.to_string();
        let first = "200 runs: median 1.000 s, 0.9 1.800 s, 0.99 1.980 s, worst 2.000 s";
        assert!(text.contains(first), "{text}");
        let named: Vec<&str> = text.lines().skip(2).map(str::trim).collect();
        assert_eq!(named[0], "3.00 of 0.010 s: seed 3, 0.030 s, 60.000 s allowed");
        assert_eq!(named[1], "2.00 of 1.000 s: seed 200, 2.000 s, 60.000 s allowed");
        assert_eq!(named.len(), NAMED_MAX);
        assert_eq!(Agreements::default().to_string(), "");
    }
}
