//! Lower bounds: the least messages per operation for a bound on the latency.
//!
//! Half of the operations are broadcasts, of which a message may carry any number; only messages
//! count. The bound holds from the acknowledgement at the origin to the last node. How the
//! formulas come about is in `docs/PROTOCOL.md`.

/// The cluster and its load.
#[derive(Clone, Copy, Debug)]
pub struct Theory {
    /// Number of nodes.
    pub nodes: f64,
    /// One-way delay between any two, in seconds.
    pub delay_s: f64,
    /// Operations per second, all nodes together.
    pub op_rate: f64,
}

impl Theory {
    /// New values per second in all.
    fn values(&self) -> f64 {
        self.op_rate / 2.0
    }

    /// New values per second at each node.
    fn own_values(&self) -> f64 {
        self.values() / self.nodes
    }

    /// A node's links if it talks to all others.
    fn others(&self) -> f64 {
        self.nodes - 1.0
    }

    /// Direct mail: every origin sends to all nodes, and batches values for as long as the bound allows.
    #[must_use]
    pub fn direct(&self, bound_s: f64) -> Option<f64> {
        let window = left(bound_s, self.delay_s)?;
        Some(self.nodes * self.others() / (1.0 / self.own_values() + window) / self.op_rate)
    }

    /// A hub: values go to it at once, and it batches them and sends to all nodes.
    #[must_use]
    pub fn hub(&self, bound_s: f64) -> Option<f64> {
        let window = left(bound_s, 2.0 * self.delay_s)?;
        let up = self.values() * self.others() / self.nodes;
        Some((up + self.others() / (1.0 / self.values() + window)) / self.op_rate)
    }

    /// A hub that sends at fixed intervals, and leaves that send so as to arrive just before its
    /// beat: a value waits once, at most a period.
    #[must_use]
    pub fn pulse(&self, bound_s: f64) -> Option<f64> {
        let period = left(bound_s, 2.0 * self.delay_s).filter(|period| *period > 0.0)?;
        let used = |rate: f64| 1.0 - (-rate * period).exp();
        let per_leaf = (used(self.own_values()) + used(self.values())) / period;
        Some(self.others() * per_leaf / self.op_rate)
    }

    /// The cheapest of the three: the frontier.
    #[must_use]
    pub fn frontier(&self, bound_s: f64) -> Option<f64> {
        let designs = [self.direct(bound_s), self.hub(bound_s), self.pulse(bound_s)];
        designs.into_iter().flatten().min_by(f64::total_cmp)
    }

    /// A tree whose leaves are `height` hops from its root, with a beat: all that the links of a
    /// topology allow.
    #[must_use]
    pub fn tree(&self, bound_s: f64, height: f64) -> Option<f64> {
        let way = 2.0 * height * self.delay_s;
        let period = left(bound_s, way).filter(|period| *period > 0.0)?;
        Some(2.0 * self.others() / period / self.op_rate)
    }

    /// Every value over every link of a spanning tree at once.
    #[must_use]
    pub fn flood(&self) -> f64 {
        self.values() * self.others() / self.op_rate
    }

    /// Lower bound of any design: after a message, a node must get the next one within the
    /// bound of the next value's birth elsewhere, but for the time that it travels.
    #[must_use]
    pub fn least(&self, bound_s: f64) -> Option<f64> {
        let foreign_values = self.values() * self.others() / self.nodes;
        let gap = left(bound_s, self.delay_s)? + 1.0 / foreign_values;
        Some(self.nodes / gap / self.op_rate)
    }
}

/// The time left for waiting; a rounding error short of none is none.
fn left(bound_s: f64, way_s: f64) -> Option<f64> {
    let left = bound_s - way_s;
    (left > -1e-9).then_some(left.max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFERENCE: Theory = Theory { nodes: 25.0, delay_s: 0.1, op_rate: 100.0 };

    fn assert_near(found: Option<f64>, wanted: f64, bound_ms: f64) {
        let found = found.unwrap();
        // The wanted figures are rounded to three digits.
        assert!((found / wanted - 1.0).abs() < 0.012, "{bound_ms} ms: {found}, not {wanted}");
    }

    #[test]
    fn the_frontier_is_where_simulations_of_the_designs_found_it() {
        for (bound_ms, wanted) in [
            (100.0, 12.0),
            (150.0, 10.9),
            (200.0, 10.0),
            (210.0, 8.5),
            (220.0, 6.5),
            (250.0, 3.91),
            (300.0, 2.48),
            (400.0, 1.57),
            (500.0, 1.16),
            (600.0, 0.93),
            (680.0, 0.81),
            (800.0, 0.68),
            (1000.0, 0.54),
            (1090.0, 0.49),
            (1500.0, 0.356),
            (2000.0, 0.263),
        ] {
            assert_near(REFERENCE.frontier(bound_ms / 1e3), wanted, bound_ms);
        }
        assert_eq!(REFERENCE.frontier(0.099), None);
    }

    #[test]
    fn nothing_is_below_what_every_node_must_receive() {
        for (bound_ms, wanted) in [
            (100.0, 12.0),
            (150.0, 3.5),
            (200.0, 2.07),
            (300.0, 1.13),
            (400.0, 0.78),
            (600.0, 0.48),
            (1000.0, 0.27),
            (2000.0, 0.13),
        ] {
            assert_near(REFERENCE.least(bound_ms / 1e3), wanted, bound_ms);
        }
        for bound_ms in 100..3000 {
            let bound_s = f64::from(bound_ms) / 1e3;
            let (least, frontier) = (REFERENCE.least(bound_s), REFERENCE.frontier(bound_s));
            assert!(least.unwrap() <= frontier.unwrap() + 1e-9, "{bound_ms}");
        }
    }

    #[test]
    fn trees_along_the_links_of_a_topology() {
        // A grid of 5 x 5 hangs from its centre by four hops, 25 nodes of tree4 by three.
        for (bound_s, height, wanted) in
            [(1.0, 4.0, 2.4), (1.2, 4.0, 1.2), (2.0, 4.0, 0.40), (1.0, 3.0, 1.2), (2.0, 3.0, 0.34)]
        {
            assert_near(REFERENCE.tree(bound_s, height), wanted, bound_s * 1e3);
        }
        assert_eq!(REFERENCE.tree(0.8, 4.0), None);
        assert!((REFERENCE.flood() - 12.0).abs() < 1e-9);
    }
}
