use rand::SeedableRng as _;

use super::*;
use crate::id::Origin;
use crate::protocols::testing::Net;
use crate::value::Value;

fn config() -> Config {
    Config { judge: Judge::Start, backup: 0, ..Config::default() }
}

fn entry(sequence: u64) -> Entry {
    let origin = Origin { node: NodeId(0), generation: Generation(1) };
    Entry { id: EntryId { origin, sequence }, value: Value::Int(7) }
}

/// Node 0 of two, and its cycles one after another.
struct Node {
    rumor: Rumor,
    out: Effects<Message>,
    now: Instant,
}

impl Node {
    fn new(config: &Config) -> Self {
        let cluster = Cluster::new(NodeId(0), Arc::new(Graph::new(2, [])));
        let rng = Rng::seed_from_u64(1);
        let mut rumor = Rumor::new(cluster, Generation(1), config, rng, Instant::ZERO);
        let mut out = Effects::default();
        rumor.on_submit(Instant::ZERO, entry(0), &mut out);
        Self { rumor, out, now: Instant::ZERO }
    }

    fn receive(&mut self, message: Message) -> Vec<Message> {
        self.rumor.on_message(self.now, NodeId(1), message, &mut self.out);
        self.sent()
    }

    fn cycle(&mut self) -> Vec<Message> {
        self.now = self.rumor.next_timeout().unwrap();
        self.rumor.on_timeout(self.now, &mut self.out);
        self.sent()
    }

    fn sent(&mut self) -> Vec<Message> {
        self.out.drain_sends().map(|(_, message)| message).collect()
    }

    fn feedback(&mut self, verdict: u64) {
        let verdicts = vec![(entry(0).id, verdict)];
        assert_eq!(self.receive(Message::Answer { rumors: vec![], verdicts }), []);
    }

    fn state(&self) -> State {
        self.rumor.state(entry(0).id)
    }
}

#[test]
fn counter_counts_useless_contacts_in_a_row() {
    let push = Config { mode: Mode::Push, k: 2, ..config() };
    let mut node = Node::new(&push);
    let pushed = vec![Message::Contact { rumors: vec![entry(0)], counts: vec![], pulls: false }];
    assert_eq!(node.cycle(), pushed);
    node.feedback(1);
    node.cycle();
    // A useful contact resets the counter.
    node.feedback(0);
    node.cycle();
    node.feedback(1);
    assert_eq!(node.state(), State::Infective);
    assert_eq!(node.cycle(), pushed);
    node.feedback(1);
    assert_eq!(node.state(), State::Removed);
    assert_eq!((node.cycle(), node.rumor.next_timeout()), (vec![], None));
    // Without the reset two useless ones are enough.
    let mut node = Node::new(&Config { reset: Switch::Off, ..push });
    [1, 0, 1].into_iter().for_each(|verdict| node.feedback(verdict));
    assert_eq!(node.state(), State::Removed);
}

#[test]
fn blind_counter_is_hot_for_k_cycles_whatever_the_receivers_knew() {
    let mut node = Node::new(&Config { mode: Mode::Push, loss: Loss::Blind, k: 2, ..config() });
    assert_eq!((node.cycle().len(), node.cycle().len()), (1, 1));
    assert_eq!(node.cycle(), []);
    assert_eq!(node.state(), State::Removed);
}

/// The paper's footnote: a source that several pull from in a cycle counts once at its end, and
/// not at all if any of them needed the entry.
#[test]
fn a_source_counts_the_pulls_of_a_cycle_once() {
    let pull = || Message::Contact { rumors: vec![], counts: vec![], pulls: true };
    let mut node = Node::new(&Config { mode: Mode::Pull, k: 2, ..config() });
    let feedback = |verdict| Message::Feedback { verdicts: vec![(entry(0).id, verdict)] };
    for verdicts in [&[1, 1, 1][..], &[1, 0, 1], &[1, 1]] {
        for verdict in verdicts {
            let answer = Message::Answer { rumors: vec![entry(0)], verdicts: vec![] };
            assert_eq!(node.receive(pull()), [answer]);
            node.receive(feedback(*verdict));
        }
        node.cycle();
        assert_eq!(node.state(), State::Infective, "{verdicts:?}");
    }
    node.receive(feedback(1));
    node.cycle();
    assert_eq!(node.state(), State::Removed);
}

#[test]
fn a_copy_learned_in_this_cycle_was_not_known_at_its_start() {
    let push =
        |sequence| Message::Contact { rumors: vec![entry(sequence)], counts: vec![], pulls: false };
    let verdict = |messages: &[Message]| match messages {
        [Message::Answer { verdicts, .. }] => verdicts[0].1,
        other => panic!("{other:?}"),
    };
    for (judge, second) in [(Judge::Start, 0), (Judge::Now, 1)] {
        let mut node = Node::new(&Config { mode: Mode::Push, judge, ..config() });
        assert_eq!(verdict(&node.receive(push(5))), 0);
        assert_eq!(verdict(&node.receive(push(5))), second, "{judge:?}");
        node.cycle();
        assert_eq!(verdict(&node.receive(push(5))), 1);
        assert_eq!(node.out.drain_deliveries().count(), 1);
    }
}

#[test]
fn only_the_smaller_counter_counts_with_minimisation() {
    let contact =
        |count| Message::Contact { rumors: vec![entry(0)], counts: vec![count], pulls: true };
    let minimise = Config { minimise: Switch::On, k: 2, ..config() };
    let mut node = Node::new(&minimise);
    // This node's counter is 0: a tie counts, then 1 against 0 does not.
    node.receive(contact(0));
    node.receive(contact(0));
    assert_eq!(node.state(), State::Infective);
    node.receive(contact(1));
    assert_eq!(node.state(), State::Removed);
}

#[test]
fn contacts_beyond_the_limit_are_refused_and_the_caller_hunts() {
    let limit = Config { connection_limit: 1, hunt: 1, mode: Mode::Push, ..config() };
    let mut node = Node::new(&limit);
    assert_eq!(node.cycle(), [Message::Connect {}]);
    assert_eq!(node.receive(Message::Connect {}), [Message::Accept {}]);
    assert_eq!(node.receive(Message::Connect {}), [Message::Refuse {}]);
    assert_eq!(node.receive(Message::Refuse {}), [Message::Connect {}]);
    assert_eq!(node.receive(Message::Refuse {}), []);
    node.cycle();
    assert_eq!(node.receive(Message::Connect {}), [Message::Accept {}]);
    assert!(matches!(node.receive(Message::Accept {})[..], [Message::Contact { .. }]));
}

#[test]
fn blind_rumours_leave_a_residue_and_backup_leaves_none() {
    let blind = Config { mode: Mode::Push, loss: Loss::Blind, k: 2, ..config() };
    for (backup, is_complete) in [(0, false), (10, true)] {
        let mut net: Net<Rumor> = Net::new(200, &Config { backup, ..blind.clone() }, &[]);
        net.lose(0.1);
        let id = net.submit(3);
        net.run_for(Duration::from_secs(20));
        // About 1 - e^(-2·0.9) of the nodes without repair.
        let holders = net.holders(id);
        assert_eq!(holders == 200, is_complete, "{holders}");
        assert!(holders > 100, "{holders}");
    }
}
