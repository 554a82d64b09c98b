use super::*;
use crate::protocols::testing::{Alone, Net, entry};

fn id() -> EntryId {
    entry(1, 0).id
}

/// Node 0 of 2,000: b = c = 3, r = 8.
fn alone() -> Alone<MedianCounter> {
    Alone::new(2_000, &Config::default())
}

/// Answers of partners that give the entry these ages; 0: they do not mention it.
fn meet(node: &mut Alone<MedianCounter>, ages: &[u64]) {
    for &age in ages {
        let (entries, ages) =
            if age == 0 { (vec![], vec![]) } else { (vec![entry(1, 0)], vec![age]) };
        node.receive(Message::Answer { entries, ages });
    }
}

fn end_round(node: &mut Alone<MedianCounter>) -> Option<State> {
    node.time_out();
    node.machine.state(id())
}

#[test]
fn limits_follow_from_the_number_of_nodes() {
    assert_eq!(Limits::new(2_000), Limits { age: 3, rounds_in_c: 3, rounds: 8 });
    assert_eq!(Limits::new(1), Limits { age: 1, rounds_in_c: 1, rounds: 1 });
}

#[test]
fn age_grows_if_most_partners_are_as_old() {
    let mut node = alone();
    meet(&mut node, &[1]);
    assert_eq!(end_round(&mut node), Some(State::B(1)));
    // Two of the same age against one that does not know it, and one against one.
    meet(&mut node, &[1, 1, 0]);
    assert_eq!(end_round(&mut node), Some(State::B(2)));
    meet(&mut node, &[2, 1]);
    assert_eq!(end_round(&mut node), Some(State::B(2)));
    meet(&mut node, &[2, 2]);
    assert_eq!(end_round(&mut node), Some(State::C(0)));
    assert_eq!(end_round(&mut node), Some(State::C(1)));
    assert_eq!(end_round(&mut node), Some(State::C(2)));
    assert_eq!(end_round(&mut node), None);
}

#[test]
fn a_partner_in_c_leads_to_c() {
    let mut node = alone();
    meet(&mut node, &[3]);
    assert_eq!(node.machine.state(id()), Some(State::C(0)));
    let mut node = alone();
    meet(&mut node, &[1]);
    end_round(&mut node);
    meet(&mut node, &[0, 0, 3]);
    assert_eq!(end_round(&mut node), Some(State::C(0)));
}

#[test]
fn an_entry_is_silent_after_all_rounds_whatever_happens() {
    let mut node = alone();
    meet(&mut node, &[1]);
    let rounds = std::iter::from_fn(|| end_round(&mut node)).count();
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
