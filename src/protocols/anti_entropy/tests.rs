use std::collections::BTreeSet;
use std::sync::Arc;

use super::*;
use crate::cluster::{Name, Nodes};
use crate::config::Choice as _;
use crate::protocols::testing::Net;
use crate::wire::Wire as _;

fn config(mode: Mode, digest: Digest) -> Config {
    Config { mode, digest, ..Config::default() }
}

fn all() -> impl Iterator<Item = (Mode, Digest)> {
    Mode::ALL.iter().flat_map(|&mode| Digest::ALL.iter().map(move |&digest| (mode, digest)))
}

/// Two nodes that share `shared` entries, of which one alone holds `extra` more.
fn pair(mode: Mode, digest: Digest, shared: u64, extra: u64) -> Net<AntiEntropy> {
    let mut net: Net<AntiEntropy> = Net::new(2, &config(mode, digest), &[]);
    (0..shared).for_each(|_| {
        net.submit(0);
    });
    while net.nodes[1].store.len() < shared as usize {
        net.run_for(Duration::from_secs(1));
    }
    (0..extra).for_each(|_| {
        net.submit(0);
    });
    freeze(&mut net);
    net.sent.clear();
    net
}

/// Node 1 never begins an exchange again.
fn freeze(net: &mut Net<AntiEntropy>) {
    let rng = &mut net.nodes[1].rng.clone();
    net.nodes[1].ticker = Ticker::new(Duration::from_secs(3_600), net.now, rng);
}

/// Bytes of all messages as JSON, without what all have in common.
fn bytes(net: &Net<AntiEntropy>) -> usize {
    let names: Vec<Name> = ["n0", "n1"].map(Name::from).to_vec();
    let nodes = Arc::new(Nodes::from(names));
    let mut out = Vec::new();
    net.sent.iter().for_each(|(.., message)| message.encode(&nodes, &mut out));
    out.len()
}

#[test]
fn every_digest_repairs_loss_partitions_and_lost_memory_in_every_mode() {
    for (mode, digest) in all() {
        let mut net: Net<AntiEntropy> = Net::new(12, &config(mode, digest), &[]);
        net.assert_repairs(Duration::from_secs(20));
    }
}

/// Entries never go against the direction of the mode: one node initiates, and it alone pushes.
#[test]
fn entries_go_in_the_direction_of_the_mode() {
    for (mode, digest) in all() {
        let mut net: Net<AntiEntropy> = Net::new(2, &config(mode, digest), &[]);
        let (own, theirs) = (net.submit(0), net.submit(1));
        freeze(&mut net);
        net.run_for(Duration::from_secs(20));
        let holds = (net.holds(1, own), net.holds(0, theirs));
        let expected = match mode {
            Mode::Push => (true, false),
            Mode::Pull => (false, true),
            Mode::PushPull => (true, true),
        };
        assert_eq!(holds, expected, "{mode:?} {digest:?}");
    }
}

/// No entry crosses twice when a difference is resolved, but for what `checksum` calls recent.
#[test]
fn a_difference_of_twenty_costs_twenty_entries_in_the_exact_digests() {
    for digest in [Digest::Merkle, Digest::Ranges, Digest::Versions] {
        let mut net = pair(Mode::PushPull, digest, 2_000, 20);
        net.run_for(Duration::from_secs(4));
        assert_eq!(net.nodes[1].store.len(), 2_020, "{digest:?}");
        let mut entries = 0;
        net.sent.iter().for_each(|(.., message)| message.values(&mut |_| entries += 1));
        assert_eq!(entries, 20, "{digest:?}");
    }
}

#[test]
fn digests_cost_less_than_the_database_and_depend_on_the_difference() {
    let cost = |digest, extra| {
        let mut net = pair(Mode::PushPull, digest, 2_000, extra);
        while net.nodes[1].store.len() < 2_000 + extra as usize {
            net.run_for(Duration::from_millis(100));
        }
        bytes(&net)
    };
    let full = cost(Digest::Full, 2);
    for digest in [Digest::Merkle, Digest::Ranges, Digest::Versions, Digest::Bloom] {
        let (few, many) = (cost(digest, 2), cost(digest, 400));
        assert!(few < full && few < many, "{digest:?}: {few}, {many}, and {full} for all");
    }
    // A row per origin beats anything that grows with the set.
    assert!(cost(Digest::Versions, 2) * 10 < cost(Digest::Bloom, 2));
}

/// LITERATURE, section 1.2: a window below the time in which entries spread costs more than none.
#[test]
fn a_window_that_is_too_short_makes_checksums_differ() {
    let cost = |recent| {
        let config = Config { recent, ..config(Mode::PushPull, Digest::Checksum) };
        let mut net: Net<AntiEntropy> = Net::new(12, &config, &[]);
        for i in 0..200 {
            net.submit(i % 12);
            net.run_for(Duration::from_millis(50));
        }
        let comparisons = net.sent.iter().filter(|(.., m)| matches!(m, Message::Full { .. }));
        comparisons.count()
    };
    let (short, long) = (cost(Duration::from_millis(1)), cost(Duration::from_secs(10)));
    assert!(short > 10 * long.max(1), "{short}, {long}");
}

/// LITERATURE, section 1.2: peel back costs the difference and what is newer.
#[test]
fn peeling_stops_where_the_sets_agree() {
    let mut net = pair(Mode::PushPull, Digest::PeelBack, 2_000, 20);
    net.run_for(Duration::from_secs(4));
    assert_eq!(net.nodes[1].store.len(), 2_020);
    let mut entries = 0;
    net.sent.iter().for_each(|(.., message)| message.values(&mut |_| entries += 1));
    // Later exchanges send their first batch before they know that nothing differs.
    assert!((20..400).contains(&entries), "{entries}");
}

/// LITERATURE, section 2.2: 2.16 % of entries are hidden, and other ones each time.
#[test]
fn a_filter_hides_two_percent_and_a_fresh_one_hides_others() {
    let mut net = pair(Mode::Pull, Digest::Bloom, 4_000, 4_000);
    let mut hidden = Vec::new();
    for _ in 0..3 {
        let mut node = net.nodes[1].clone();
        node.rng = net.nodes[0].rng.clone();
        let Message::Filter { seed, bits, .. } = node.filter(true) else { panic!() };
        net.nodes[0].rng = node.rng;
        let lacks: BTreeSet<EntryId> =
            net.nodes[0].on_filter(true, seed, &bits).lacks.into_iter().collect();
        let missing = net.nodes[0].store.ids().filter(|id| !node.store.contains(*id));
        let of_missing: BTreeSet<EntryId> = missing.filter(|id| !lacks.contains(id)).collect();
        assert!((50..130).contains(&of_missing.len()), "{}", of_missing.len());
        assert!(lacks.iter().all(|id| !node.store.contains(*id)));
        hidden.push(of_missing);
    }
    assert!(hidden[0].intersection(&hidden[1]).count() < hidden[0].len() / 4);
}

/// LITERATURE, section 2.4: at most log n to the base 16, and one, rounds; no list crosses another.
#[test]
fn ranges_need_few_rounds() {
    let mut net = pair(Mode::PushPull, Digest::Ranges, 4_000, 1);
    let mut lists = 0;
    while net.nodes[1].store.len() < 4_001 {
        net.run_for(Duration::from_millis(5));
    }
    for (.., message) in &net.sent {
        if let Message::Ranges { lists: some, .. } = message {
            lists += some.len();
        }
    }
    // The fingerprint of all, those of sixteenths, of their sixteenths: a list, and the entry.
    assert!(net.sent.len() <= 5, "{}", net.sent.len());
    assert_eq!(lists, 1);
}

/// LITERATURE, section 1.2: near the end pull squares the share of nodes without it, push only
/// divides it by e. So from half to all, push takes longer.
#[test]
fn pull_is_faster_than_push_near_the_end() {
    let rounds = |mode| {
        let mut total = 0.0;
        for seed in 0..5 {
            let mut net: Net<AntiEntropy> =
                Net::seeded(300, &config(mode, Digest::Versions), &[], seed);
            net.run_for(Duration::from_secs(1));
            let id = net.submit(0);
            let mut half = None;
            while net.holders(id) < 300 {
                net.run_for(Duration::from_millis(50));
                if net.holders(id) >= 150 {
                    half.get_or_insert(net.now);
                }
            }
            total += net.now.since(half.unwrap_or(net.now)).as_secs_f64() / 0.5;
        }
        total / 5.0
    };
    let (push, pull) = (rounds(Mode::Push), rounds(Mode::Pull));
    assert!(pull + 1.5 < push, "pull {pull}, push {push}");
}

#[test]
fn nonsense_from_a_peer_is_survived() {
    let mut net = pair(Mode::PushPull, Digest::Merkle, 10, 0);
    let id = net.nodes[0].store.ids().next();
    for message in [
        Message::Tree { by_initiator: true, level: 99, nodes: vec![(u64::MAX, 0), (1 << 12, 1)] },
        Message::Leaves { by_initiator: true, leaves: vec![(u64::MAX, vec![])] },
        Message::Filter { by_initiator: true, seed: 0, bits: String::new() },
        Message::Filter { by_initiator: true, seed: 0, bits: "xyz".to_owned() },
        Message::Ranges {
            by_initiator: true,
            fingerprints: vec![(id, id, 1, 2)],
            lists: vec![(id, None, vec![])],
        },
        Message::Peel {
            by_initiator: true,
            entries: vec![],
            checksum: 0,
            peeled: u64::MAX,
            yours: u64::MAX,
            is_last: false,
        },
    ] {
        let (now, mut out) = (net.now, Effects::default());
        net.nodes[0].on_message(now, NodeId(1), message, &mut out);
        assert_eq!((out.drain_deliveries().count(), net.nodes[0].store.len()), (0, 10));
    }
}
