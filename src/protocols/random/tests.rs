use super::*;
use crate::protocols::testing::{DELAY, Net};

fn config(mode: Mode, fanout: usize) -> Config {
    Config { mode, fanout, ..Config::default() }
}

/// LITERATURE: infect-and-die with fanout 3 reaches 941.7 of 1,000 nodes on average, with three
/// messages of each.
#[test]
fn once_reaches_the_share_of_the_fixed_point_and_stops() {
    let (mut reached, runs) = (0, 10);
    for seed in 0..runs {
        let mut net: Net<Random> = Net::seeded(1_000, &config(Mode::Once, 3), &[], seed);
        let id = net.submit(0);
        net.run_for(Duration::from_secs(60));
        assert_eq!(net.sent.len(), 3 * net.holders(id));
        reached += net.holders(id);
    }
    let mean = reached / runs as usize;
    assert!((935..=949).contains(&mean), "{mean}");
}

/// LITERATURE: with fanout 3 and 1,000 nodes all are informed after some 8 rounds. Here rounds
/// are not synchronous: a node acts on the average half a period after it is informed.
#[test]
fn repeat_reaches_all_in_the_rounds_of_the_model_in_spite_of_loss() {
    for loss in [0.0, 0.1] {
        let mut net: Net<Random> = Net::new(1_000, &config(Mode::Repeat, 3), &[]);
        net.lose(loss);
        net.run_for(Duration::from_secs(2));
        let id = net.submit(0);
        let start = net.now;
        while net.holders(id) < 1_000 {
            net.run_for(DELAY);
        }
        let rounds = net.now.since(start).as_secs_f64() / 0.5;
        assert!((4.0..=9.5).contains(&rounds), "{rounds} rounds at loss {loss}");
    }
}

#[test]
fn a_partition_is_repaired_by_repetition_and_not_after_a_single_round() {
    for (mode, holders) in [(Mode::Repeat, 25), (Mode::Once, 10)] {
        let mut net: Net<Random> = Net::new(25, &config(mode, 24), &[]);
        net.cut(10);
        let id = net.submit(3);
        net.run_for(Duration::from_secs(5));
        assert_eq!(net.holders(id), 10, "{mode:?}");
        net.heal();
        net.run_for(Duration::from_secs(5));
        assert_eq!(net.holders(id), holders, "{mode:?}");
    }
}
