//! Axes of charts: a range, its label, and round numbers on it.

/// An axis: range and label.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Axis {
    pub(crate) from: f64,
    pub(crate) to: f64,
    pub(crate) label: &'static str,
    /// Each step is a factor; it begins above 0.
    pub(crate) is_log: bool,
}

impl Axis {
    /// From 0 to at least this, and never nothing at all.
    pub(crate) fn to(to: f64, label: &'static str) -> Self {
        let to = if to.is_finite() && to > 0.0 { to } else { 1.0 };
        Self { from: 0.0, to, label, is_log: false }
    }

    /// From and to, each step a factor; what is below is at the edge.
    pub(crate) const fn decades(from: f64, to: f64, label: &'static str) -> Self {
        Self { from, to, label, is_log: true }
    }

    /// From 1 to at least this, each step a factor; what is below 1 is at the edge.
    pub(crate) fn log(to: f64, label: &'static str) -> Self {
        let to = if to.is_finite() { to.max(10.0) } else { 10.0 };
        Self { from: 1.0, to, label, is_log: true }
    }

    /// Position of a value: 0 at the beginning, 1 at the end.
    pub(crate) fn share(self, value: f64) -> f64 {
        let share = if self.is_log {
            (value.max(self.from) / self.from).ln() / (self.to / self.from).ln()
        } else {
            (value - self.from) / (self.to - self.from)
        };
        share.clamp(0.0, 1.0)
    }

    /// Round numbers on it, at most about so many.
    pub(crate) fn ticks(self, most: usize) -> Vec<f64> {
        if self.is_log {
            let decades = (-9..15).map(|power| 10_f64.powi(power));
            let all = decades.flat_map(|decade| [1.0, 3.0].map(|factor| factor * decade));
            let inside = self.from * (1.0 - 1e-9)..=self.to * (1.0 + 1e-9);
            let ticks: Vec<f64> = all.filter(|tick| inside.contains(tick)).collect();
            // With many decades, whole ones only.
            let is_whole = |tick: &f64| (tick.log10() - tick.log10().round()).abs() < 1e-6;
            let is_long = ticks.len() > 2 * most.max(2);
            return ticks.into_iter().filter(|tick| !is_long || is_whole(tick)).collect();
        }
        let span = self.to - self.from;
        let rough = span / most.max(1) as f64;
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 2.5, 5.0, 10.0].map(|factor| factor * power);
        let step = step.into_iter().find(|step| *step >= rough * 0.999).unwrap_or(rough);
        let first = (self.from / step).ceil();
        let count = ((self.to / step).floor() - first).max(0.0) as usize;
        (0..=count.min(100)).map(|i| (first + i as f64) * step).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_inside() {
        let ticks = |to: f64, most| Axis::to(to, "").ticks(most);
        assert_eq!(ticks(10.0, 5), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        assert_eq!(ticks(301.7, 4), [0.0, 100.0, 200.0, 300.0]);
        assert_eq!(ticks(0.0, 2), [0.0, 0.5, 1.0]);
        assert_eq!(ticks(f64::NAN, 2), [0.0, 0.5, 1.0]);
        for to in [0.001, 0.7, 3.0, 19.99, 12_345.0, 1e9] {
            let found = ticks(to, 6);
            assert!((2..=7).contains(&found.len()), "{to}: {found:?}");
            assert!(found.iter().all(|tick| (0.0..=to * 1.001).contains(tick)), "{to}: {found:?}");
        }
    }
}
