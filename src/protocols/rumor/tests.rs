use std::time::Duration;

use super::*;
use crate::gossip::Switch;
use crate::protocols::testing::{Alone, Net, entry};

fn config() -> Config {
    Config { judge: Judge::Start, backup: 0, ..Config::default() }
}

/// Node 0 of two, which got an entry from a client.
fn alone(config: &Config) -> Alone<Rumor> {
    let mut node = Alone::new(2, config);
    node.submit(entry(0, 0));
    node
}

/// Feedback on a push of the entry.
fn feedback(node: &mut Alone<Rumor>, verdict: u64) {
    let verdicts = [(entry(0, 0).id, verdict)].into();
    assert_eq!(node.receive(Message::Answer { rumors: Few::new(), verdicts }), []);
}

fn state(node: &Alone<Rumor>) -> State {
    node.machine.state(entry(0, 0).id)
}

#[test]
fn counter_counts_useless_contacts_in_a_row() {
    let push = Config { mode: Mode::Push, k: 2, ..config() };
    let mut node = alone(&push);
    let pushed =
        vec![Message::Contact { rumors: [entry(0, 0)].into(), counts: vec![], pulls: false }];
    assert_eq!(node.time_out(), pushed);
    feedback(&mut node, 1);
    node.time_out();
    // A useful contact resets the counter.
    feedback(&mut node, 0);
    node.time_out();
    feedback(&mut node, 1);
    assert_eq!(state(&node), State::Infective);
    assert_eq!(node.time_out(), pushed);
    feedback(&mut node, 1);
    assert_eq!(state(&node), State::Removed);
    assert_eq!((node.time_out(), node.machine.next_timeout()), (vec![], None));
    // Without the reset two useless ones are enough.
    let mut node = alone(&Config { reset: Switch::Off, ..push });
    [1, 0, 1].into_iter().for_each(|verdict| feedback(&mut node, verdict));
    assert_eq!(state(&node), State::Removed);
}

#[test]
fn blind_counter_is_hot_for_k_cycles_whatever_the_receivers_knew() {
    let mut node = alone(&Config { mode: Mode::Push, loss: Loss::Blind, k: 2, ..config() });
    assert_eq!((node.time_out().len(), node.time_out().len()), (1, 1));
    assert_eq!(node.time_out(), []);
    assert_eq!(state(&node), State::Removed);
}

/// The paper's footnote: a source that several pull from in a cycle counts once at its end, and
/// not at all if any of them needed the entry.
#[test]
fn a_source_counts_the_pulls_of_a_cycle_once() {
    let pull = || Message::Contact { rumors: Few::new(), counts: vec![], pulls: true };
    let mut node = alone(&Config { mode: Mode::Pull, k: 2, ..config() });
    let feedback = |verdict| Message::Feedback { verdicts: [(entry(0, 0).id, verdict)].into() };
    for verdicts in [&[1, 1, 1][..], &[1, 0, 1], &[1, 1]] {
        for verdict in verdicts {
            let answer = Message::Answer { rumors: [entry(0, 0)].into(), verdicts: Few::new() };
            assert_eq!(node.receive(pull()), [answer]);
            node.receive(feedback(*verdict));
        }
        node.time_out();
        assert_eq!(state(&node), State::Infective, "{verdicts:?}");
    }
    node.receive(feedback(1));
    node.time_out();
    assert_eq!(state(&node), State::Removed);
}

#[test]
fn a_copy_learned_in_this_cycle_was_not_known_at_its_start() {
    let push = |sequence| Message::Contact {
        rumors: [entry(0, sequence)].into(),
        counts: vec![],
        pulls: false,
    };
    let verdict = |messages: &[Message]| match messages {
        [Message::Answer { verdicts, .. }] => verdicts[0].1,
        other => panic!("{other:?}"),
    };
    for (judge, second) in [(Judge::Start, 0), (Judge::Now, 1)] {
        let mut node = alone(&Config { mode: Mode::Push, judge, ..config() });
        assert_eq!(verdict(&node.receive(push(5))), 0);
        assert_eq!(verdict(&node.receive(push(5))), second, "{judge:?}");
        node.time_out();
        assert_eq!(verdict(&node.receive(push(5))), 1);
        assert_eq!(node.out.drain_deliveries().count(), 1);
    }
}

#[test]
fn only_the_smaller_counter_counts_with_minimisation() {
    let contact =
        |count| Message::Contact { rumors: [entry(0, 0)].into(), counts: vec![count], pulls: true };
    let minimise = Config { minimise: Switch::On, k: 2, ..config() };
    let mut node = alone(&minimise);
    // This node's counter is 0: a tie counts, then 1 against 0 does not.
    node.receive(contact(0));
    node.receive(contact(0));
    assert_eq!(state(&node), State::Infective);
    node.receive(contact(1));
    assert_eq!(state(&node), State::Removed);
}

#[test]
fn contacts_beyond_the_limit_are_refused_and_the_caller_hunts() {
    let limit = Config { connection_limit: 1, hunt: 1, mode: Mode::Push, ..config() };
    let mut node = alone(&limit);
    assert_eq!(node.time_out(), [Message::Connect {}]);
    assert_eq!(node.receive(Message::Connect {}), [Message::Accept {}]);
    assert_eq!(node.receive(Message::Connect {}), [Message::Refuse {}]);
    assert_eq!(node.receive(Message::Refuse {}), [Message::Connect {}]);
    assert_eq!(node.receive(Message::Refuse {}), []);
    node.time_out();
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
