//! The models of the literature: recurrences and fixed points that measurements are held against.

/// Residue of rumour mongering with feedback or coin: the root below 1 of s = e^(-(k+1)(1-s))
/// (Demers et al. 1987, section 1.4).
#[must_use]
pub fn residue(k: f64) -> f64 {
    let mut s = 0.0_f64;
    for _ in 0..200 {
        s = (-(k + 1.0) * (1.0 - s)).exp();
    }
    s
}

/// Final size of infect-and-die with a fanout: the root above 0 of p = 1 - e^(-fanout p).
#[must_use]
pub fn final_size(fanout: f64) -> f64 {
    let mut p = 1.0_f64;
    for _ in 0..200 {
        p = 1.0 - (-fanout * p).exp();
    }
    p
}

/// Direction of the contacts of an endless epidemic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Informed nodes call.
    Push,
    /// Uninformed nodes call.
    Pull,
    /// All call.
    PushPull,
}

/// Expected number of informed nodes after each cycle, from one on, until all but a tenth of a node are
/// informed. A contact succeeds with probability `success`.
#[must_use]
pub fn epidemic(nodes: f64, fanout: f64, direction: Direction, success: f64) -> Vec<f64> {
    let mut informed = vec![1.0];
    while informed.len() < 1_000 {
        let now = informed[informed.len() - 1];
        let uninformed = nodes - now;
        let hit = success / (nodes - 1.0);
        let not_pushed = (1.0 - hit).powf(fanout * now);
        let not_pulled = (1.0 - success * now / (nodes - 1.0)).powf(fanout);
        let missed = match direction {
            Direction::Push => not_pushed,
            Direction::Pull => not_pulled,
            Direction::PushPull => not_pushed * not_pulled,
        };
        informed.push(nodes - uninformed * missed);
        if uninformed * missed < 0.1 {
            break;
        }
    }
    informed
}

/// Expected number of informed nodes of push rumour mongering, in discrete cycles of
/// ds/dt = -si, di/dt = si - (1/k)(1-s)i, until no more than a tenth of a node is infective. `is_blind`:
/// interest is lost whatever the receiver knew.
#[must_use]
pub fn rumour(nodes: f64, k: f64, is_blind: bool) -> Vec<f64> {
    let (mut s, mut i) = (1.0 - 1.0 / nodes, 1.0 / nodes);
    let mut informed = vec![1.0];
    while i * nodes > 0.1 && informed.len() < 1_000 {
        let next = s * (-i).exp();
        let useless = if is_blind { 1.0 } else { 1.0 - s };
        i += (s - next) - useless * i / k;
        s = next;
        informed.push(nodes * (1.0 - s));
    }
    informed
}

/// Expected factor by which push-pull averaging shrinks the variance in a cycle, in which each of n nodes
/// calls a random other once, in random order. For large n it is 1/(2√e) = .3033 (Jelasity et al. 2005).
///
/// Exact: the order is random, so numbers that sum to 0 are exchangeable, and the expected squares of
/// those that have called, of those that have not, and of either's sum are all that counts.
#[must_use]
pub fn averaging(nodes: f64) -> f64 {
    // Numbers have mean 0 and variance 1. Sums over those that have called and over those that have not.
    let (mut called_squares, mut other_squares, mut square_of_sum) = (0.0, nodes, 0.0);
    let mut called = 0.0;
    while called < nodes {
        let others = nodes - called;
        // Expected products of the caller's number with itself, and with the peer's.
        let own = other_squares / others;
        let with_sum = -square_of_sum / others;
        let peer_has_called = called / (nodes - 1.0);
        let (mut called_gains, mut others_lose, mut sum_gains) = (0.0, 0.0, 0.0);
        if peer_has_called > 0.0 {
            let peer = called_squares / called;
            let both = (own + peer + 2.0 * with_sum / called) / 4.0;
            called_gains += peer_has_called * (2.0 * both - peer);
            others_lose += peer_has_called * own;
            sum_gains += peer_has_called * (2.0 * with_sum + own);
        }
        if others > 1.0 {
            let share = 1.0 - peer_has_called;
            let product = (square_of_sum - other_squares) / (others * (others - 1.0));
            let both = f64::midpoint(own, product);
            called_gains += share * both;
            others_lose += share * (2.0 * own - both);
            sum_gains += share * (2.0 * with_sum + both);
        }
        called_squares += called_gains;
        other_squares -= others_lose;
        square_of_sum += sum_gains;
        called += 1.0;
    }
    called_squares / nodes
}

/// Fraction converged in the simulator of Serf's website, `time` intervals after the start:
/// 1/(1 + (n+1) e^(-fanout (1-loss)(1-failed) t / 2)).
#[must_use]
pub fn serf(nodes: f64, fanout: f64, loss: f64, failed: f64, time: f64) -> f64 {
    let contact = fanout / nodes * (1.0 - loss) * (1.0 - failed) * 0.5;
    1.0 / (1.0 + (nodes + 1.0) * (-contact * nodes * time).exp())
}

/// Expected periods until a failed member is probed by any of the others, each of which probes a
/// random member per period: 1/(1-(1-1/(n-1))^(n-1)), for large n e/(e-1) = 1.582.
#[must_use]
pub fn first_detection(nodes: f64) -> f64 {
    // The failed member does not probe: n - 1 members choose among n - 1 others.
    let others = nodes - 1.0;
    1.0 / (1.0 - (1.0 - 1.0 / others).powf(others))
}

/// SWIM's probability of a false detection of a member within its expected detection time.
#[must_use]
pub fn false_detection(delivery: f64, k: i32) -> f64 {
    let e = std::f64::consts::E;
    probe_failure(delivery, k) * e / (e - 1.0)
}

/// Probability that the probe of a healthy member fails.
#[must_use]
pub fn probe_failure(delivery: f64, k: i32) -> f64 {
    (1.0 - delivery.powi(2)) * (1.0 - delivery.powi(4)).powi(k)
}

/// The distribution of the number of members that know a heartbeat after rounds in which one random
/// member gossips each (van Renesse et al. 1998, section 3), for one failed member: `known[k]` is
/// the probability of k.
#[derive(Clone, Debug)]
pub struct HeartbeatSpread {
    nodes: usize,
    failed: usize,
    arrival: f64,
    known: Vec<f64>,
    rounds: u64,
}

impl HeartbeatSpread {
    /// One member knows it. Messages arrive with probability `arrival`.
    #[must_use]
    pub fn new(nodes: usize, failed: usize, arrival: f64) -> Self {
        let mut known = vec![0.0; nodes - failed + 1];
        known[1] = 1.0;
        Self { nodes, failed, arrival, known, rounds: 0 }
    }

    fn increases(&self, k: usize) -> f64 {
        let (n, f, k) = (self.nodes as f64, self.failed as f64, k as f64);
        k / n * ((n - f - k) / (n - 1.0)) * self.arrival
    }

    /// One more round.
    pub fn step(&mut self) {
        self.rounds += 1;
        for k in (1..self.known.len()).rev() {
            let stays = self.known[k] * (1.0 - self.increases(k));
            let comes = if k > 1 { self.known[k - 1] * self.increases(k - 1) } else { 0.0 };
            self.known[k] = stays + comes;
        }
    }

    /// Rounds until the bound is at most `probability`.
    #[must_use]
    pub fn rounds_until(mut self, probability: f64) -> u64 {
        // Summed from the small side: 1 - known[live] has no digits left at 1e-9.
        while self.live_mistake() > probability {
            self.step();
        }
        self.rounds
    }

    fn live_mistake(&self) -> f64 {
        let live = self.nodes - self.failed;
        live as f64 * self.known[..live].iter().sum::<f64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64, tolerance: f64) -> bool {
        (a - b).abs() <= tolerance
    }

    #[test]
    fn roots_and_formulas_have_the_published_values() {
        let roots = [0.203_188, 0.059_520, 0.019_827, 0.006_977, 0.002_516];
        for (k, root) in (1..).zip(roots) {
            assert!(close(residue(f64::from(k)), root, 1e-6), "{k}");
        }
        for (k, p) in [(2.0, 0.7968), (3.0, 0.9405), (4.0, 0.9802), (5.0, 0.9930), (6.0, 0.9975)] {
            assert!(close(final_size(k), p, 5e-5), "{k}");
        }
        for (n, fanout, loss, failed, time, value) in [
            (30.0, 3.0, 0.0, 0.0, 0.0, 0.0312),
            (30.0, 3.0, 0.0, 0.0, 5.0, 0.9831),
            (30.0, 3.0, 0.1, 0.1, 2.0, 0.2682),
            (1000.0, 3.0, 0.0, 0.0, 5.0, 0.6437),
            (1000.0, 4.0, 0.05, 0.02, 5.0, 0.9169),
        ] {
            assert!(close(serf(n, fanout, loss, failed, time), value, 6e-5), "{n} {time}");
        }
        for (n, periods) in [(8.0, 1.515), (55.0, 1.573), (220.0, 1.580)] {
            assert!(close(first_detection(n), periods, 6e-4), "{n} {}", first_detection(n));
        }
        for (q, k, pm) in
            [(0.99, 0, 3.1e-2), (0.99, 1, 1.24e-3), (0.95, 1, 0.0286), (0.9, 3, 0.0122)]
        {
            assert!(close(false_detection(q, k), pm, pm * 0.02), "{q} {k}");
        }
    }

    #[test]
    fn averaging_is_exact_for_few_nodes_and_goes_to_its_limit() {
        // Two nodes agree at once. Of three, the caller's pair agrees, then each other pair may.
        assert!(close(averaging(2.0), 0.0, 1e-12));
        assert!(close(averaging(3.0), 5.0 / 64.0, 1e-12));
        assert!(close(averaging(1e5), 0.5 / 1.0_f64.exp().sqrt(), 1e-5));
    }

    #[test]
    fn the_epidemic_with_fanout_3_is_that_of_the_table() {
        let informed = epidemic(1000.0, 3.0, Direction::Push, 1.0);
        for (cycle, value) in [(1, 4.0), (2, 15.9), (3, 61.8), (4, 221.0), (5, 598.0), (6, 934.0)] {
            assert!(close(informed[cycle], value, value * 0.005), "{cycle} {}", informed[cycle]);
        }
    }

    #[test]
    fn heartbeat_rounds_are_those_of_the_curves() {
        // Rounds per member for a mistake probability of 1e-6.
        for (n, rounds) in [(10, 24.6), (20, 26.2), (50, 28.8), (100, 30.8)] {
            let r = HeartbeatSpread::new(n, 1, 1.0).rounds_until(1e-6) as f64 / n as f64;
            assert!(close(r, rounds, 0.1), "{n}: {r}");
        }
    }
}
