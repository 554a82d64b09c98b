//! Nothing acknowledged is lost, whatever is killed, and at whatever instant of the write path.
//!
//! `DURABILITY_SEEDS=100000 cargo test --release -p rumormill-sim --test durability` runs that many seeds.

#[path = "durability/world.rs"]
mod world;

use rumormill::journal::OpenOptions;
use world::{Counts, World};

/// Seeds of a run without further wishes.
const SEEDS: u64 = 300;

fn options(seed: u64) -> OpenOptions {
    // Segments of a few records, as a rule, so that some are closed.
    let segment_bytes = [200, 1_000, 1 << 20][(seed % 3) as usize];
    OpenOptions { segment_bytes, ..OpenOptions::default() }
}

#[test]
fn what_was_acknowledged_or_read_survives_any_number_of_kills() {
    let wish = std::env::var("DURABILITY_SEEDS").ok().and_then(|seeds| seeds.parse().ok());
    let seeds = wish.unwrap_or(SEEDS);
    let mut total = Counts::default();
    for seed in 0..seeds {
        let mut world = World::new(seed, options(seed));
        world.run().unwrap_or_else(|problem| panic!("seed {seed}: {problem}"));
        let Counts { acked, kills, power_losses, .. } = world.counts;
        total.acked += acked;
        total.kills += kills;
        total.power_losses += power_losses;
        total.all_at_once += world.counts.all_at_once;
        total.killed_while_writing += world.counts.killed_while_writing;
        total.killed_while_starting += world.counts.killed_while_starting;
        total.refused_without_disk += world.counts.refused_without_disk;
    }
    println!("{seeds} seeds: {total:?}");
    // The runs were no idle ones.
    let Counts { acked, kills, power_losses, all_at_once, killed_while_writing, .. } = total;
    assert!(acked > 20 * seeds, "{total:?}");
    assert!(
        [kills, power_losses, all_at_once, killed_while_writing].iter().all(|&n| n > seeds / 2)
    );
    assert!(total.killed_while_starting > 0 && total.refused_without_disk > 0, "{total:?}");
}

#[cfg(feature = "mutations")]
#[test]
fn every_planted_bug_is_found() {
    use rumormill::journal::Mutation;
    for mutation in Mutation::ALL {
        let found = (0..20 * SEEDS).find_map(|seed| {
            let options = OpenOptions { mutation: Some(mutation), ..options(seed) };
            World::new(seed, options).run().err().map(|problem| (seed, problem))
        });
        println!("{mutation:?}: {found:?}");
        assert!(found.is_some(), "{mutation:?} is not found");
    }
}
