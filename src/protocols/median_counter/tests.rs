use rand::SeedableRng as _;

use super::*;
use crate::id::Origin;
use crate::protocols::testing::Net;
use crate::value::Value;

fn entry() -> Entry {
    let origin = Origin { node: NodeId(1), generation: Generation(1) };
    Entry { id: EntryId { origin, sequence: 0 }, value: Value::Int(7) }
}

/// Node 0 of 2,000: b = c = 3, r = 8.
struct Node {
    machine: MedianCounter,
    out: Effects<Message>,
    now: Instant,
}

impl Node {
    fn new() -> Self {
        let cluster = Cluster::new(NodeId(0), Arc::new(Graph::new(2_000, [])));
        let (rng, now) = (Rng::seed_from_u64(1), Instant::ZERO);
        let machine = MedianCounter::new(cluster, Generation(1), &Config::default(), rng, now);
        Self { machine, out: Effects::default(), now }
    }

    /// Answers of partners that give the entry these ages; 0: they do not mention it.
    fn meet(&mut self, ages: &[u64]) {
        for &age in ages {
            let entries = if age == 0 { vec![] } else { vec![entry()] };
            let ages = if age == 0 { vec![] } else { vec![age] };
            let answer = Message::Answer { entries, ages };
            self.machine.on_message(self.now, NodeId(1), answer, &mut self.out);
        }
    }

    fn end_round(&mut self) -> Option<State> {
        self.now = self.machine.next_timeout().unwrap();
        self.machine.on_timeout(self.now, &mut self.out);
        self.machine.state(entry().id)
    }
}

#[test]
fn limits_follow_from_the_number_of_nodes() {
    assert_eq!(Limits::new(2_000), Limits { age: 3, rounds_in_c: 3, rounds: 8 });
    assert_eq!(Limits::new(1), Limits { age: 1, rounds_in_c: 1, rounds: 1 });
}

#[test]
fn age_grows_if_most_partners_are_as_old() {
    let mut node = Node::new();
    node.meet(&[1]);
    assert_eq!(node.end_round(), Some(State::B(1)));
    // Two of the same age against one that does not know it, and one against one.
    node.meet(&[1, 1, 0]);
    assert_eq!(node.end_round(), Some(State::B(2)));
    node.meet(&[2, 1]);
    assert_eq!(node.end_round(), Some(State::B(2)));
    node.meet(&[2, 2]);
    assert_eq!(node.end_round(), Some(State::C(0)));
    assert_eq!(node.end_round(), Some(State::C(1)));
    assert_eq!(node.end_round(), Some(State::C(2)));
    assert_eq!(node.end_round(), None);
}

#[test]
fn a_partner_in_c_leads_to_c() {
    let mut node = Node::new();
    node.meet(&[3]);
    assert_eq!(node.machine.state(entry().id), Some(State::C(0)));
    let mut node = Node::new();
    node.meet(&[1]);
    node.end_round();
    node.meet(&[0, 0, 3]);
    assert_eq!(node.end_round(), Some(State::C(0)));
}

#[test]
fn an_entry_is_silent_after_all_rounds_whatever_happens() {
    let mut node = Node::new();
    node.meet(&[1]);
    let rounds = std::iter::from_fn(|| node.end_round()).count();
    assert_eq!(rounds, 7);
}

#[test]
fn every_node_learns_it_and_all_fall_silent() {
    let mut net: Net<MedianCounter> = Net::new(300, &Config::default(), &[]);
    let id = net.submit(5);
    net.run_for(Duration::from_secs(10));
    assert_eq!(net.holders(id), 300);
    assert!(net.nodes.iter().all(|node| !node.is_infective()));
}
