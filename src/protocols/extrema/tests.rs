use super::*;
use crate::protocols::testing::Net;

#[test]
fn extremes_and_the_leader_reach_all_and_other_values_do_not_spread() {
    let mut net: Net<Extrema> = Net::new(50, &Config::default(), &[]);
    let ids: Vec<EntryId> = [7, 30, 44].map(|node| net.submit(node)).into();
    net.run_for(Duration::from_secs(5));
    for node in &net.nodes {
        let known = node.known();
        assert_eq!(known.leader, NodeId(0));
        assert_eq!(known.least.as_ref().map(|entry| entry.id), Some(ids[0]));
        assert_eq!(known.greatest.as_ref().map(|entry| entry.id), Some(ids[2]));
    }
    assert_eq!((net.holders(ids[0]), net.holders(ids[2])), (50, 50));
    assert!(net.holders(ids[1]) < 50);
}
